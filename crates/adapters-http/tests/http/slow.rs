//! Whoever reads slowly, or not at all.

use std::time::Duration;

use doorstep_core::limit::Quota;
use doorstep_core::time::Span;
use doorstep_http::Connections;
use doorstep_runtime::memory_log::MemoryLog;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::city::{City, KITCHEN, ana, bob, policy};
use crate::sockets::Served;

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many moves are told to who reads while another one does not: several times what fits into the
/// kernel's buffers for one connection.
const TOLD: usize = 600;

/// Bytes that may be on their way to who does not read: the kernel's least on either side.
const BYTES_MAX: usize = 32 * 1_024;

/// A city whose kernel keeps little for a connection, and which tells of every move.
async fn served(send_within: Duration) -> Served {
    let mut rules = policy();
    rules.checkout.promise = Span::from_mins(30);
    let city = City::on(MemoryLog::new(), 1, rules, |mut config| {
        config.limits.location_every = Duration::from_nanos(1);
        config.limits.send_within = send_within;
        let unlimited = Quota::new(1_000_000, Span::from_secs(1)).unwrap();
        config.limits.per_principal = unlimited;
        config
    });
    city.found().await;
    let mut connections = Connections::default();
    connections.send_buffer_bytes = 1;
    Served::new(city, connections).await
}

/// Ana's socket, of which nothing is read but what the caller reads.
async fn follow(served: &Served, order: &str) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let stream = socket.connect(served.address.parse().unwrap()).await.unwrap();
    let url = format!("ws://{}/v1/orders/{order}/track", served.address);
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {}", served.city.token(&ana()));
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// Bob drives on, a centimetre at a time, until somebody who reads was told of so many moves; where he
/// is then.
async fn drive(served: &Served, order: &str) -> f64 {
    let mut reads = follow(served, order).await;
    let (lat, lng) = KITCHEN;
    let (mut at, mut told) = (lat, 0);
    while told < TOLD {
        at += 1e-7;
        let pings = json!({ "pings": [{ "lat": at, "lng": lng }] });
        served.city.post("/v1/drivers/location", &bob(), pings).await.is(200);
        while let Ok(Some(Ok(message))) =
            tokio::time::timeout(Duration::from_micros(1), reads.next()).await
        {
            told += usize::from(message.is_text());
        }
    }
    at
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Option<Message> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time").and_then(Result::ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_is_told_less_and_at_last_how_things_stand() {
    let served = served(PATIENCE).await;
    let (order, _) = served.city.taken().await;
    let mut socket = follow(&served, &order).await;
    let at = drive(&served, &order).await;
    // Only now somebody reads.
    let mut bytes = 0;
    loop {
        let Some(Message::Text(text)) = next(&mut socket).await else { panic!("it was closed") };
        bytes += text.len();
        let message: Value = serde_json::from_str(&text).unwrap();
        let shown = message["position"]["lat"].as_f64();
        if shown.is_some_and(|shown| (shown - at).abs() < 5e-8) {
            break;
        }
    }
    assert!(bytes < BYTES_MAX, "{bytes} bytes waited for who did not read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_at_all_is_let_go() {
    let served = served(Duration::from_millis(100)).await;
    let (order, _) = served.city.taken().await;
    let mut socket = follow(&served, &order).await;
    drive(&served, &order).await;
    // Who reads has gone, and who does not is let go.
    while served.city.service.sockets() > 0 {
        tokio::task::yield_now().await;
    }
    let mut bytes = 0;
    while let Some(message) = next(&mut socket).await {
        bytes += message.len();
    }
    assert!(bytes < BYTES_MAX, "{bytes} bytes waited for who did not read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_an_answer_gives_the_place_back() {
    let city = City::on(MemoryLog::new(), 1, policy(), |config| config);
    let mut connections = Connections::default();
    connections.send_buffer_bytes = 1;
    connections.per_address_most = 1;
    connections.headers_within = 2 * PATIENCE;
    connections.write_within = Duration::from_millis(100);
    let served = Served::new(city, connections).await;
    let address = served.address.parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let mut deaf = socket.connect(address).await.unwrap();
    // More than the kernel keeps, and none of it is read.
    let asks = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(40);
    deaf.write_all(asks.as_bytes()).await.unwrap();
    let answered = async {
        // Whoever finds no place is closed at once: each try waits for the service's word.
        loop {
            let mut other = TcpStream::connect(address).await.unwrap();
            let ask = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let mut answer = Vec::new();
            if other.write_all(ask).await.is_ok()
                && other.read_to_end(&mut answer).await.is_ok()
                && answer.starts_with(b"HTTP/1.1 200")
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("there is a place");
}
