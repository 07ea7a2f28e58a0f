//! A client that costs little: one keep-alive connection, one request at a time, written whole; of an
//! answer it reads the status, the length and the body.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub(crate) struct Line {
    stream: TcpStream,
    heard: Vec<u8>,
}

/// What was answered.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Line {
    pub(crate) async fn to(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, heard: Vec::with_capacity(4_096) })
    }

    /// Sends a request and waits for the whole of its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.heard.clear();
        let (head, length) = loop {
            self.more().await?;
            if let Some(head) = end_of_head(&self.heard) {
                break (head, content_length(self.heard.get(..head).unwrap_or_default()));
            }
        };
        let end = head.saturating_add(length);
        while self.heard.len() < end {
            self.more().await?;
        }
        let (head, body) = self.heard.split_at(head);
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        Ok(Answer { status, head, body })
    }

    async fn more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.heard).await? {
            0 => Err(Error::from(ErrorKind::UnexpectedEof)),
            _ => Ok(()),
        }
    }
}

fn end_of_head(heard: &[u8]) -> Option<usize> {
    let place = heard.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(place.saturating_add(4))
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let Some(place) = head.windows(NAME.len()).position(|some| some == NAME) else { return 0 };
    let digits = head.get(place.saturating_add(NAME.len())..).unwrap_or_default();
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |length: usize, digit| {
        length.saturating_mul(10).saturating_add(usize::from(digit.wrapping_sub(b'0')))
    })
}

/// A `GET`, written out.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: city\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// What changes something, written out; `key` names it.
pub(crate) fn act(method: &str, path: &str, token: &str, key: u128, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: city\r\nauthorization: Bearer {token}\r\n\
         idempotency-key: {key:032x}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
