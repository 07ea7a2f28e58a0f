//! The limits that are in force before a request is one.

use std::time::Duration;

use doorstep_http::Connections;
use doorstep_http::auth::Who;
use doorstep_runtime::memory_log::MemoryLog;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::city::{City, bob, policy};
use crate::sockets::Served;

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(&served.address).await.unwrap()
}

/// What comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes));
    let _or_reset = read.await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn served(connections: Connections) -> Served {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.limits.body_within = Duration::from_millis(200);
        config
    });
    Served::new(city, connections).await
}

fn quick() -> Connections {
    let mut connections = Connections::default();
    connections.headers_within = Duration::from_millis(200);
    connections
}

#[tokio::test]
async fn whoever_sends_headers_drop_by_drop_or_none_at_all_is_let_go() {
    let served = served(quick()).await;
    let mut silent = connect(&served).await;
    let mut dripping = connect(&served).await;
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
    assert!(!rest(&mut silent).await.contains("200 OK"));
    assert!(!rest(&mut dripping).await.contains("200 OK"));
    // One that has asked, and then asks nothing.
    let mut idle = connect(&served).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.contains("200 OK"));
}

#[tokio::test]
async fn whoever_announces_a_body_and_does_not_send_it_is_told_so() {
    let served = served(Connections::default()).await;
    let mut slow = connect(&served).await;
    let head = "POST /v1/webhooks/payments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
        Content-Length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let told = rest(&mut slow).await;
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("body_too_slow"), "{told}");
}

#[tokio::test]
async fn heads_are_bounded_in_length_and_number() {
    let served = served(quick()).await;
    let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    for headers in [many, long] {
        let mut stream = connect(&served).await;
        let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let _or_cut_off = stream.write_all(head.as_bytes()).await;
        let told = rest(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 431") || told.is_empty(), "{told}");
    }
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_from_one_address() {
    for per_address in [true, false] {
        let mut connections = Connections::default();
        match per_address {
            true => connections.per_address_most = 2,
            false => connections.most = 2,
        }
        let served = served(connections).await;
        let ask = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut stream = connect(&served).await;
            stream.write_all(ask).await.unwrap();
            let mut first = [0; 15];
            stream.read_exact(&mut first).await.unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
            open.push(stream);
        }
        let mut third = connect(&served).await;
        assert_eq!(rest(&mut third).await, "", "closed unread");
        drop(open);
        // There is room again once they are gone.
        loop {
            let mut again = connect(&served).await;
            let asked = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let _or_cut_off = again.write_all(asked.as_bytes()).await;
            if rest(&mut again).await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
    }
}

/// Whether somebody new is answered.
async fn is_answered(served: &Served) -> bool {
    let mut stream = connect(served).await;
    let asked = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let _or_cut_off = stream.write_all(asked.as_bytes()).await;
    rest(&mut stream).await.starts_with("HTTP/1.1 200")
}

#[tokio::test]
async fn a_socket_keeps_the_place_of_its_connection() {
    for per_address in [true, false] {
        let mut connections = Connections::default();
        match per_address {
            true => connections.per_address_most = 2,
            false => connections.most = 2,
        }
        let served = Served::new(City::new().await, connections).await;
        let path = "/v1/drivers/stream";
        let first = served.open_as(path, &bob()).await.unwrap();
        let _second = served.open_as(path, &Who::Driver(2.into())).await.unwrap();
        assert!(!is_answered(&served).await);
        drop(first);
        while !is_answered(&served).await {}
    }
}

#[tokio::test]
async fn who_is_slow_to_leave_a_socket_keeps_no_connection_open() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.limits.close_within = Duration::from_secs(3_600);
        config
    });
    city.found().await;
    let mut connections = Connections::default();
    connections.headers_within = Duration::from_secs(3_600);
    connections.end_within = Duration::from_secs(3_600);
    let mut served = Served::new(city, connections).await;
    let slow = served.open_as("/v1/drivers/stream", &bob()).await.unwrap();
    let mut idle = connect(&served).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut told = [0; 15];
    idle.read_exact(&mut told).await.unwrap();
    drop(served.end.take());
    rest(&mut idle).await;
    assert_eq!(served.city.service.sockets(), 1);
    drop(slow);
    served.ended.await.unwrap();
}

#[tokio::test]
async fn requests_under_way_are_answered_when_the_service_ends() {
    let mut served = served(Connections::default()).await;
    let mut slow = connect(&served).await;
    let head = "POST /v1/webhooks/payments HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
        Content-Length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    // Its handler asks for the body: it is under way.
    let mut told = [0; 25];
    slow.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    drop(served.end.take());
    slow.write_all(b"{}").await.unwrap();
    let told = rest(&mut slow).await;
    assert!(told.starts_with("HTTP/1.1 400") && told.contains("bad_signature"), "{told}");
    served.ended.await.unwrap();
}
