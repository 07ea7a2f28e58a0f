//! Sockets: drivers' pings up, and how soon whoever follows an order sees that the driver is at the
//! door.
//!
//! The clients are a process of their own: this program again, which is told what to open and whose
//! arrivals to tap. An arrival counts from the moment at which the driver's tap was due, over HTTP and
//! the synced log, to the message at the client that hides the cancel button.
//!
//! The memory of a socket is measured in a process of its own, which serves and has done nothing else
//! but found its city: what its resident memory grows by while the last four fifths of the sockets are
//! opened, each of them told its first message, by their number. The first fifth is not counted: it
//! takes what the founding has left free in the allocator, and what a server takes once. In it are the
//! socket's task, its buffers, its place, its watch and what the allocator needs beside them; the
//! kernel's buffers are not.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use doorstep_core::id::OrderId;
use doorstep_core::time::Timestamp;
use doorstep_http::auth::Who;
use doorstep_http::wire::Time;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::http::{generator, served, threads};
use super::report::Report;
use super::rounds::Samples;
use crate::Effort;
use crate::load::city::{City, OnTheWay, wall};
use crate::load::http::act;
use crate::load::pace::{Offer, Tally, offer};
use crate::load::process;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The first word to this program where it is the clients'.
pub(crate) const CLIENTS: &str = "http-clients";

/// The first word where it is the service whose memory is looked at.
pub(crate) const MEMORY: &str = "http-memory";

/// As many sockets as one person may have by default.
const SOCKETS_EACH: usize = 8;

/// Arrivals a second: as many as there are orders at the platform's peak.
const ARRIVALS_PER_S: f64 = 290.0;
/// Pings of a message.
const BATCH: usize = 100;

/// Opens a socket; its first message is its snapshot.
async fn open(address: &str, path: &str, token: &str) -> Option<Socket> {
    let mut request = format!("ws://{address}{path}").into_client_request().ok()?;
    let bearer = format!("Bearer {token}").parse().ok()?;
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.ok()?;
    match socket.next().await? {
        Ok(Message::Text(text)) if text.contains("snapshot") => Some(socket),
        _ => None,
    }
}

/// Sends so many pings a second, in batches over the drivers' sockets; how many a second went out.
pub(crate) async fn pings(
    address: &str,
    drivers: &[String],
    per_s: f64,
    from: Instant,
    lasts: Duration,
) -> f64 {
    let mut sockets = Vec::new();
    for token in drivers {
        sockets.push(open(address, "/v1/drivers/stream", token).await.expect("it opens"));
    }
    let every = Duration::from_secs_f64(BATCH as f64 * sockets.len() as f64 / per_s);
    let apart = (every / BATCH as u32).max(Duration::from_millis(1));
    // When `from` is, or was, by the clock that fixes are dated by.
    let now = Instant::now();
    let began = (wall() + from.duration_since(now)).saturating_sub(now.duration_since(from));
    let mut tasks = Vec::new();
    for (number, mut socket) in sockets.into_iter().enumerate() {
        let first = from + every.mul_f64(number as f64 / drivers.len() as f64);
        tasks.push(tokio::spawn(async move {
            let (mut due, mut sent) = (first, 0_u64);
            let mut turn = 0_u32;
            while due < from + lasts {
                tokio::time::sleep_until(due).await;
                turn += 1;
                let last = began + due.duration_since(from);
                let text = message(number, turn, last, apart);
                socket.send(Message::text(text)).await.expect("it is taken");
                sent += BATCH as u64;
                due += every;
            }
            sent
        }));
    }
    let mut sent = 0;
    for task in tasks {
        sent += task.await.expect("it does not panic");
    }
    sent as f64 / from.elapsed().as_secs_f64()
}

/// A batch of a driver's pings, each a little on from the one before and so long after it, which is how
/// the index takes every one: the newest wins.
fn message(driver: usize, turn: u32, last: Duration, apart: Duration) -> String {
    use std::fmt::Write;
    let mut text = String::from(r#"{"type":"pings","pings":["#);
    let (lat, lng) = (5.5 + driver as f64 * 0.001, -74.0);
    for ping in 0..BATCH {
        let comma = if ping == 0 { "" } else { "," };
        let on = f64::from(turn % 1_000) * 1e-5 + ping as f64 * 1e-7;
        let taken_at = last.saturating_sub(apart * (BATCH - 1 - ping) as u32);
        let taken_at = Time(Timestamp::from_millis(taken_at.as_millis() as i64));
        let taken_at = serde_json::to_string(&taken_at).expect("it has a form");
        write!(
            text,
            r#"{comma}{{"lat":{:.7},"lng":{lng:.7},"heading_deg":90,"taken_at":{taken_at}}}"#,
            lat + on
        )
        .expect("a text takes it");
    }
    text.push_str("]}");
    text
}

/// What the clients are told to do.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    address: String,
    /// Order and token of each socket.
    sockets: Vec<(OrderId, String)>,
    /// Whose drivers arrive: the order, and the tap written out.
    arrivals: Vec<(OrderId, String)>,
}

pub(crate) fn arrivals(
    city: &City,
    few: &[OnTheWay],
    many: &[OnTheWay],
    effort: &Effort,
    report: &mut Report,
) {
    let server = threads(2);
    let address = served(city.service.router(), &server);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let sockets = effort.of(100, 20);
    let mut waits = Tally::default();
    for some in few.chunks(sockets) {
        waits.add(arrive(city, &address, dir.path(), some, some.len()));
    }
    let waits = waits.sort();
    let one = |value| Samples::new(vec![value]);
    let what = "a driver's tap to the message at the client, 100 sockets, durable";
    report.figure("http/arrival_p50_ms_100", one(waits.quantile_ms(0.5)), "ms", what);
    report.figure("http/arrival_p99_ms_100", one(waits.quantile_ms(0.99)), "ms", what);

    if process::raise_files() < many.len() as u64 + 1_000 {
        report.skip("http/arrival_p99_ms_10000: the system gives a process too few files");
        return;
    }
    let waits = arrive(city, &address, dir.path(), many, effort.of(3_000, 20).min(many.len()));
    let what = "the same, 10,000 sockets";
    report.figure("http/arrival_p50_ms_10000", one(waits.quantile_ms(0.5)), "ms", what);
    report.figure("http/arrival_p99_ms_10000", one(waits.quantile_ms(0.99)), "ms", what);
    let bytes = bytes_per_socket(many.len());
    report.figure("http/bytes_per_socket", one(bytes), "B", "what a server's process grows by");
}

/// Has a process follow these orders and lets the first `count` of them arrive: what it saw.
fn arrive(city: &City, address: &str, dir: &Path, orders: &[OnTheWay], count: usize) -> Tally {
    let tap = |(n, one): (usize, &OnTheWay)| {
        let path = format!("/v1/drivers/deliveries/{}/at_doorstep", one.delivery);
        let key = (u128::from(one.order.get()) << 32) | n as u128;
        let token = city.token(&Who::Driver(one.driver)).expect("it is signed");
        let tap = act("POST", &path, &token, key, "{}");
        (one.order, String::from_utf8(tap).expect("it is text"))
    };
    let arrivals = orders.iter().take(count).enumerate().map(tap).collect();
    let mut clients = Clients::open(city, address, dir, orders, arrivals);
    clients.go.write_all(b"go\n").expect("they listen");
    let tally: Tally = serde_json::from_str(&clients.told()).expect("it is a tally");
    clients.child.wait().expect("they end");
    assert_eq!(tally.good(), tally.due, "not every arrival was seen: {:?}", tally.answers);
    tally
}

/// The process of the clients, whose sockets are open.
struct Clients {
    child: Child,
    told: Lines<BufReader<ChildStdout>>,
    go: ChildStdin,
}

impl Clients {
    fn open(
        city: &City,
        address: &str,
        dir: &Path,
        orders: &[OnTheWay],
        arrivals: Vec<(OrderId, String)>,
    ) -> Self {
        let token = |one: &OnTheWay| city.token(&Who::Customer(one.customer));
        let sockets = orders.iter().map(|one| (one.order, token(one).expect("it is signed")));
        let wanted = Wanted { address: address.to_owned(), sockets: sockets.collect(), arrivals };
        let file = dir.join("wanted.json");
        std::fs::write(&file, serde_json::to_vec(&wanted).expect("it has a form"))
            .expect("there is room");
        drop(wanted);
        let mut child = again(CLIENTS).arg(&file).stdin(Stdio::piped()).spawn().expect("it starts");
        let told = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let go = child.stdin.take().expect("it is piped");
        let mut clients = Self { child, told, go };
        assert_eq!(clients.told(), "open");
        clients
    }

    fn told(&mut self) -> String {
        self.told.next().expect("they say something").expect("it is text")
    }
}

/// This program as another process, which tells its result.
fn again(word: &str) -> Command {
    let mut program = Command::new(std::env::current_exe().expect("it runs"));
    program.arg(word).stdout(Stdio::piped());
    program
}

/// What a process of its own says of so many sockets.
fn bytes_per_socket(sockets: usize) -> f64 {
    let told = again(MEMORY).arg(sockets.to_string()).output().expect("it starts");
    let told = String::from_utf8(told.stdout).expect("it is text");
    told.trim().parse().expect("it is a number")
}

/// The program whose memory is looked at: says how many bytes of it are a socket's.
pub(crate) fn memory(sockets: &str) {
    let sockets: usize = sockets.parse().expect("it is a number");
    process::raise_files();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let mut city = City::found(&dir.path().join("city.db"), |_| {}).expect("it is founded");
    let orders = city.on_the_way(1, sockets.div_ceil(SOCKETS_EACH) as u64);
    let orders = orders.expect("they are on their way");
    let followed: Vec<OnTheWay> = orders.iter().flat_map(|one| [*one; SOCKETS_EACH]).collect();
    let server = threads(2);
    let address = served(city.service.router(), &server);
    let (first, rest) = followed.split_at(followed.len() / 5);
    let uncounted = Clients::open(&city, &address, dir.path(), first, Vec::new());
    let before = process::rss_bytes();
    let counted = Clients::open(&city, &address, dir.path(), rest, Vec::new());
    let grown = process::rss_bytes().saturating_sub(before);
    println!("{}", grown as f64 / rest.len() as f64);
    for mut clients in [uncounted, counted] {
        clients.child.kill().expect("they run");
        clients.child.wait().expect("they end");
    }
}

/// The clients' own program.
pub(crate) fn clients(file: &str) {
    process::raise_files();
    let wanted = std::fs::read(file).expect("it was written");
    let wanted: Wanted = serde_json::from_slice(&wanted).expect("it has a form");
    let tally = generator().block_on(follow(wanted));
    println!("{}", serde_json::to_string(&tally).expect("it has a form"));
}

async fn follow(wanted: Wanted) -> Tally {
    let Wanted { address, sockets, arrivals } = wanted;
    let seen: Arc<Mutex<HashMap<OrderId, Instant>>> = Arc::default();
    let at_once = Arc::new(Semaphore::new(64));
    let mut opening = Vec::new();
    for (order, token) in sockets {
        let (address, at_once) = (address.clone(), Arc::clone(&at_once));
        let seen = Arc::clone(&seen);
        opening.push(tokio::spawn(async move {
            let permit = at_once.acquire().await.expect("it is open");
            let path = format!("/v1/orders/{order}/track");
            let socket = open(&address, &path, &token).await.expect("it opens");
            drop(permit);
            tokio::spawn(watch(order, socket, seen));
        }));
    }
    for socket in opening {
        socket.await.expect("it opens");
    }
    println!("open");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("it is told when");

    let from = Instant::now() + Duration::from_millis(200);
    let lasts = Duration::from_secs_f64(arrivals.len() as f64 / ARRIVALS_PER_S);
    let taps: Vec<Vec<u8>> = arrivals.iter().map(|(_, tap)| tap.clone().into_bytes()).collect();
    let count = taps.len();
    let tap = Arc::new(move |n: u64| taps[n as usize].clone());
    // One more than there are: a rate times a time may be rounded down.
    let lasts = lasts + Duration::from_micros(10);
    let tapped = offer(&address, Offer::of(ARRIVALS_PER_S, from, lasts, 32), tap).await;
    assert_eq!(tapped.of(200), count as u64, "{:?}", tapped.answers);
    // Whoever has not seen it by then does not see it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = seen.lock();
    let mut tally = Tally { due: count as u64, ..Tally::default() };
    for (number, (order, _)) in arrivals.iter().enumerate() {
        let due = from + Duration::from_secs_f64(number as f64 / ARRIVALS_PER_S);
        match seen.get(order) {
            Some(at) => tally.note(200, at.duration_since(due)),
            None => tally.note(0, Duration::ZERO),
        }
    }
    tally.sort()
}

async fn watch(order: OrderId, mut socket: Socket, seen: Arc<Mutex<HashMap<OrderId, Instant>>>) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let hides = text.contains(r#""type":"cancellation_update""#)
            && text.contains(r#""reason":"at_doorstep""#);
        if hides {
            seen.lock().insert(order, Instant::now());
        }
    }
}
