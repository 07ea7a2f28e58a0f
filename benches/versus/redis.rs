//! Redis as a peer: a server of one's own on the loopback, without persistence, driven by a
//! pipelining client that does nothing but write requests and count replies.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server and a connection to it. Dropping it ends the server.
pub(crate) struct Redis {
    server: Child,
    stream: TcpStream,
}

impl Redis {
    /// Starts `redis-server` on a free port.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(crate) fn start() -> Result<Self, String> {
        // Whoever takes this port in between makes the server fail, which is said.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let mut server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--daemonize", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                if error.kind() == ErrorKind::NotFound {
                    return "there is no redis-server on this machine".to_owned();
                }
                format!("redis-server does not start: {error}")
            })?;
        let given_up = Instant::now() + Duration::from_secs(10);
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                return Ok(Self { server, stream });
            }
            let ended = server.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > given_up {
                let _ended = server.kill();
                let _reaped = server.wait();
                return Err("redis-server does not answer".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends requests that were written beforehand (as [`request`] writes them) in one go, and
    /// reads until `replies` of them have come. The replies themselves, as they came.
    pub(crate) fn pipeline(&mut self, requests: &[u8], replies: usize, heard: &mut Vec<u8>) {
        self.stream.write_all(requests).expect("redis takes requests");
        heard.clear();
        let (mut seen, mut from) = (0, 0);
        let mut part = [0; 64 << 10];
        while seen < replies {
            let count = self.stream.read(&mut part).expect("redis answers");
            assert!(count > 0, "redis has hung up");
            heard.extend_from_slice(&part[..count]);
            while seen < replies {
                match reply_end(&heard[from..]) {
                    Some(end) => (seen, from) = (seen + 1, from + end),
                    None => break,
                }
            }
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _reaped = self.server.wait();
    }
}

/// A request in the form of RESP2, at the end of `out`.
pub(crate) fn request(out: &mut Vec<u8>, words: &[&str]) {
    write!(out, "*{}\r\n", words.len()).expect("memory takes it");
    for word in words {
        write!(out, "${}\r\n{word}\r\n", word.len()).expect("memory takes it");
    }
}

/// Where the first reply ends, if it is whole: a line; for a bulk reply as many bytes more as it says;
/// for an array as many replies.
fn reply_end(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|two| two == b"\r\n")? + 2;
    assert_ne!(bytes[0], b'-', "redis refused: {}", String::from_utf8_lossy(&bytes[..line]));
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    let end = match bytes[0] {
        b'$' => usize::try_from(count()?).map_or(line, |length| line + length + 2),
        b'*' => (0..count()?).try_fold(line, |end, _| Some(end + reply_end(bytes.get(end..)?)?))?,
        _ => line,
    };
    (bytes.len() >= end).then_some(end)
}
