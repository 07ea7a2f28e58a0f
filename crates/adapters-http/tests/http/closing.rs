//! How sockets end, over a pipe: every byte on its way is seen.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use doorstep_runtime::memory_log::MemoryLog;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::ServiceExt;

use crate::city::{City, bob, policy};

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The other end of a connection that the city serves, on which so many bytes may be on their way.
fn pipe(city: &City, bytes: usize) -> DuplexStream {
    let (here, there) = tokio::io::duplex(bytes);
    let router = city.router.clone();
    let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), answer);
    tokio::spawn(connection.with_upgrades());
    here
}

/// Bob's socket over a pipe, and its first message read.
async fn open(city: &City) -> WebSocketStream<DuplexStream> {
    let mut request = "ws://localhost/v1/drivers/stream".into_client_request().unwrap();
    let bearer = format!("Bearer {}", city.token(&bob()));
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let opened = tokio_tungstenite::client_async(request, pipe(city, 16 * 1_024)).await;
    let (mut socket, _) = opened.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_text());
    socket
}

#[tokio::test]
async fn a_socket_that_is_just_being_opened_is_closed_with_a_code_too() {
    let city = City::new().await;
    // No answer fits in whole until it is read.
    let mut stream = pipe(&city, 16);
    let head = format!(
        "GET /v1/drivers/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        city.token(&bob())
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    while city.service.sockets() == 0 {
        tokio::task::yield_now().await;
    }
    {
        let mut close = pin!(city.service.close(PATIENCE));
        let mut context = Context::from_waker(Waker::noop());
        assert!(close.as_mut().poll(&mut context).is_pending(), "nobody has told the client");
    }
    let mut told = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told));
    read.await.expect("in time").unwrap();
    assert!(told.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&told));
    assert!(told.windows(2).any(|code| code == 1_001_u16.to_be_bytes()));
    tokio::time::timeout(PATIENCE, city.service.close(PATIENCE)).await.expect("in time");
    assert_eq!(city.service.sockets(), 0);
}

#[tokio::test]
async fn who_is_told_to_go_is_heard_until_they_have_gone() {
    let city = City::new().await;
    let mut socket = open(&city).await;
    socket.send(Message::binary("no text")).await.unwrap();
    let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else { panic!("no close") };
    assert_eq!(u16::from(frame.code), 1_008);
    // What was still on its way there arrives, and cuts off nothing.
    let (stream, unsent) = (socket.get_mut(), [0x8a, 0x80, 0, 0, 0, 0]);
    stream.write_all(&unsent).await.unwrap();
    assert_eq!(city.service.sockets(), 1);
    assert!(socket.next().await.is_none_or(|ended| ended.is_err()));
    drop(socket);
    while city.service.sockets() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_goes_first_is_answered() {
    let city = City::new().await;
    let mut socket = open(&city).await;
    socket.send(Message::Close(None)).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time");
    assert!(matches!(answer, Some(Ok(Message::Close(_)))), "{answer:?}");
}

#[tokio::test]
async fn who_is_told_to_go_and_stays_is_cut_off() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.limits.close_within = Duration::from_millis(1);
        config
    });
    city.found().await;
    let mut socket = open(&city).await;
    socket.send(Message::binary("no text")).await.unwrap();
    // Nothing more is said, and nothing heard.
    while city.service.sockets() > 0 {
        tokio::task::yield_now().await;
    }
    drop(socket);
}
