//! WebSockets with a real client, over a real connection.

use std::time::Duration;

use doorstep_core::time::Span;
use doorstep_http::Connections;
use doorstep_http::auth::Who;
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::reads::Subject;
use doorstep_runtime::threads::Clock;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::city::{City, KITCHEN, ana, bob, kitchen, policy};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A city that is served on a port of its own.
pub(crate) struct Served {
    pub(crate) city: City,
    pub(crate) address: String,
    pub(crate) end: Option<oneshot::Sender<()>>,
    pub(crate) ended: tokio::task::JoinHandle<()>,
}

impl Served {
    pub(crate) async fn new(city: City, connections: Connections) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (end, wait) = oneshot::channel();
        let service = city.service.clone();
        let ended = tokio::spawn(async move {
            let end = async {
                let _or_dropped = wait.await;
            };
            service.serve(listener, connections, end).await;
        });
        Self { city, address, end: Some(end), ended }
    }

    pub(crate) async fn of_city() -> Self {
        Self::new(City::new().await, Connections::default()).await
    }

    async fn open(&self, path: &str, headers: &[(&str, String)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn open_as(&self, path: &str, who: &Who) -> Result<Socket, u16> {
        let token = self.city.token(who);
        self.open(path, &[("authorization", format!("Bearer {token}"))]).await
    }
}

/// The next message of the service; `Err`: it closed, with this code.
async fn next(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time");
        match message {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => {
                // The answer, for which the service waits a while.
                let _or_gone = socket.flush().await;
                return Err(frame.map_or(1_005, |f| f.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(1_006),
        }
    }
}

/// The next message of this type; others are passed over.
async fn next_of(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = next(socket).await.unwrap_or_else(|code| panic!("closed with {code}"));
        if message["type"] == kind {
            return message;
        }
    }
}

/// Until a status.
async fn until_status(socket: &mut Socket, status: &str) -> Value {
    loop {
        let message = next_of(socket, "status_update").await;
        if message["status"] == status {
            return message;
        }
    }
}

#[tokio::test]
async fn the_button_appears_when_the_promise_is_broken_and_vanishes_on_arrival() {
    let mut rules = policy();
    rules.checkout.promise = Span::from_millis(300);
    let city = City::on(MemoryLog::new(), 1, rules, |mut config| {
        config.limits.location_every = Duration::from_millis(20);
        config
    });
    city.found().await;
    let served = Served::new(city, Connections::default()).await;
    let order = served.city.order().await;
    let path = format!("/v1/orders/{order}/track");
    let mut socket = served.open_as(&path, &ana()).await.unwrap();
    let snapshot = next(&mut socket).await.unwrap();
    assert_eq!((&snapshot["type"], &snapshot["order"]["id"]), (&json!("snapshot"), &json!(order)));

    served.city.accept(&order).await;
    until_status(&mut socket, "confirmed").await;
    // The promise passes while nothing else happens.
    let shows = loop {
        let told = next_of(&mut socket, "cancellation_update").await;
        if told["cancellation"]["ground"] == "promise_broken" {
            break told;
        }
    };
    assert_eq!(shows["cancellation"]["allowed"], true);

    let delivery = served.city.offer().await;
    served.city.tap(&delivery, "accept").await.is(200);
    let told = until_status(&mut socket, "driver_assigned").await;
    assert_eq!(told["driver"]["id"], bob().to_string());
    let (lat, lng) = KITCHEN;
    let pings = json!({ "pings": [{ "lat": lat + 0.0001, "lng": lng, "heading_deg": 7 }] });
    served.city.post("/v1/drivers/location", &bob(), pings).await.is(200);
    let moved = next_of(&mut socket, "location_update").await;
    assert_eq!((&moved["driver"], &moved["heading_deg"]), (&json!(bob().to_string()), &json!(7)));

    for tap in ["arrived", "picked_up", "on_the_way", "at_doorstep"] {
        served.city.tap(&delivery, tap).await.is(200);
    }
    let gone = next_of(&mut socket, "cancellation_update").await;
    assert_eq!(gone["cancellation"]["allowed"], false);
    assert_eq!(gone["cancellation"]["reason"], "at_doorstep");
    until_status(&mut socket, "at_doorstep").await;

    // Whoever comes back is told the whole truth at once.
    let mut again = served.open_as(&path, &ana()).await.unwrap();
    let snapshot = next(&mut again).await.unwrap();
    assert_eq!(snapshot["order"]["status"], "at_doorstep");
    assert_eq!(snapshot["order"]["cancellation"]["reason"], "at_doorstep");
    served.city.tap(&delivery, "delivered").await.is(200);
    for socket in [&mut socket, &mut again] {
        until_status(socket, "delivered").await;
        assert_eq!(next(socket).await, Err(1_000));
    }
}

#[tokio::test]
async fn a_socket_opens_for_whom_it_concerns_and_for_pages_of_this_host_alone() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.cors.origins = vec!["https://app.example".into()];
        config
    });
    city.found().await;
    let served = Served::new(city, Connections::default()).await;
    let order = served.city.order().await;
    let path = format!("/v1/orders/{order}/track");
    let token = format!("Bearer {}", served.city.token(&ana()));
    let status = async |headers: Vec<(&str, String)>| {
        served.open(&path, &headers).await.map(|_| 101).unwrap_or_else(|status| status)
    };
    assert_eq!(status(vec![]).await, 401);
    assert_eq!(served.open_as(&path, &Who::Customer(8.into())).await.err(), Some(404));
    assert_eq!(served.open_as(&path, &bob()).await.err(), Some(404));
    assert!(served.open_as(&path, &kitchen()).await.is_ok());
    let from = |origin: &str| vec![("authorization", token.clone()), ("origin", origin.to_owned())];
    assert_eq!(status(from("https://evil.example")).await, 403);
    assert_eq!(status(from("null")).await, 403);
    assert_eq!(status(from(&format!("https://evil.example/{}", served.address))).await, 403);
    assert_eq!(status(from("https://app.example")).await, 101);
    assert_eq!(status(from(&format!("http://{}", served.address))).await, 101);
    // As a browser says who asks.
    let bearer = format!("doorstep.v1, bearer.{}", served.city.token(&ana()));
    assert_eq!(status(vec![("sec-websocket-protocol", bearer)]).await, 101);
    assert_eq!(status(vec![("sec-websocket-protocol", "doorstep.v1, bearer.x".into())]).await, 401);
    // A token in the query is none.
    let in_url = format!("{path}?token={}", served.city.token(&ana()));
    assert_eq!(served.open(&in_url, &[]).await.err(), Some(401));
    // Whoever talks where there is nothing to say is let go.
    let mut socket = served.open_as(&path, &ana()).await.unwrap();
    next(&mut socket).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    assert_eq!(next(&mut socket).await, Err(1_008));
}

#[tokio::test]
async fn a_socket_closes_when_its_token_expires() {
    let served = Served::of_city().await;
    let order = served.city.order().await;
    // Expired 4.5 s ago, and believed for 5 s longer than that.
    let issued = served.city.clock.now().saturating_sub(Span::from_millis(3_500));
    let token = served.city.issuer.token(&ana(), issued, Span::ZERO).unwrap();
    let headers = [("authorization", format!("Bearer {token}"))];
    let mut socket = served.open(&format!("/v1/orders/{order}/track"), &headers).await.unwrap();
    next_of(&mut socket, "snapshot").await;
    assert_eq!(next(&mut socket).await, Err(4_001));
}

#[tokio::test]
async fn where_as_many_watch_as_may_a_socket_says_come_back() {
    let served = Served::of_city().await;
    let order = served.city.order().await;
    let subject = Subject::Order(order.parse().unwrap());
    let watch = || served.city.client.watch(subject).ok();
    let all: Vec<_> = std::iter::from_fn(watch).collect();
    let path = format!("/v1/orders/{order}/track");
    let mut late = served.open_as(&path, &ana()).await.unwrap();
    assert_eq!(next(&mut late).await, Err(1_013));
    drop(all);
    let mut later = served.open_as(&path, &ana()).await.unwrap();
    next_of(&mut later, "snapshot").await;
}

#[tokio::test]
async fn the_end_of_the_service_closes_sockets_with_a_code_and_lets_nobody_in() {
    let mut served = Served::of_city().await;
    let order = served.city.order().await;
    let path = format!("/v1/orders/{order}/track");
    let mut customer = served.open_as(&path, &ana()).await.unwrap();
    let mut driver = served.open_as("/v1/drivers/stream", &bob()).await.unwrap();
    next_of(&mut customer, "snapshot").await;
    next_of(&mut driver, "snapshot").await;
    assert_eq!(served.city.service.sockets(), 2);
    drop(served.end.take());
    assert_eq!(next(&mut customer).await, Err(1_001));
    assert_eq!(next(&mut driver).await, Err(1_001));
    tokio::time::timeout(PATIENCE, served.ended).await.unwrap().unwrap();
    assert_eq!(served.city.service.sockets(), 0);
    served.city.call("GET", "/readyz", None, None, &Value::Null).await.is(503);
    assert!(TcpStream::connect(&served.address).await.is_err());
}

#[tokio::test]
async fn a_driver_sends_pings_and_is_told_of_offers() {
    let served = Served::of_city().await;
    let mut socket = served.open_as("/v1/drivers/stream", &bob()).await.unwrap();
    let snapshot = next(&mut socket).await.unwrap();
    assert_eq!(
        (&snapshot["type"], &snapshot["driver"]["status"]),
        (&json!("snapshot"), &json!("online"))
    );
    assert_eq!(served.open_as("/v1/drivers/stream", &ana()).await.err(), Some(403));

    for nonsense in [
        "{",
        r#"{"type":"pings","pings":[]}"#,
        r#"{"type":"x"}"#,
        r#"["pings",[{"lat":4.8,"lng":-75.7}]]"#,
    ] {
        socket.send(Message::text(nonsense)).await.unwrap();
        let told = next(&mut socket).await.unwrap();
        assert_eq!(told["type"], "error", "{nonsense}: {told}");
    }
    let (lat, lng) = KITCHEN;
    let pings =
        json!({ "type": "pings", "pings": [{ "lat": lat, "lng": lng, "heading_deg": 42 }] });
    socket.send(Message::text(pings.to_string())).await.unwrap();

    let order = served.city.order().await;
    served.city.accept(&order).await;
    let offered = next_of(&mut socket, "update").await;
    assert_eq!(offered["driver"]["status"], "offered");
    let offer = &offered["driver"]["offer"];
    assert_eq!(offer["earnings"], json!({ "minor": 370, "currency": "EUR" }));
    let delivery = offer["delivery"].as_str().unwrap().to_owned();
    served.city.tap(&delivery, "accept").await.is(200);
    let taken = next_of(&mut socket, "update").await;
    assert_eq!(taken["driver"]["offer"], Value::Null);
    assert_eq!(taken["driver"]["deliveries"][0]["orders"][0]["id"], order);
    let fix = served.city.client.drivers().get(&crate::city::BOB).unwrap();
    assert_eq!(fix.heading_deg, Some(42), "the ping was taken in before the offer");
}

#[tokio::test]
async fn sockets_are_bounded_and_a_driver_who_talks_too_much_is_let_go() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.limits.sockets_per_principal_max = 1;
        config.limits.sockets_max = 2;
        let quota = doorstep_core::limit::Quota::new(3, Span::from_hours(1));
        config.limits.per_driver_socket = quota.unwrap();
        config
    });
    city.found().await;
    let served = Served::new(city, Connections::default()).await;
    let path = "/v1/drivers/stream";
    let mut first = served.open_as(path, &bob()).await.unwrap();
    assert_eq!(served.open_as(path, &bob()).await.err(), Some(429));
    let second = served.open_as(path, &Who::Driver(2.into())).await.unwrap();
    assert_eq!(served.open_as(path, &Who::Driver(3.into())).await.err(), Some(503));
    drop(second);
    next_of(&mut first, "snapshot").await;
    for _ in 0..4 {
        let ping = json!({ "type": "pings", "pings": [{ "lat": 4.8, "lng": -75.7 }] });
        first.send(Message::text(ping.to_string())).await.unwrap();
    }
    assert_eq!(next(&mut first).await, Err(1_008));
    // The places come free once the sockets are closed.
    while served.city.service.sockets() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(served.open_as(path, &bob()).await.is_ok());
}

#[tokio::test]
async fn whoever_pings_too_often_is_let_go() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        let quota = doorstep_core::limit::Quota::new(3, Span::from_hours(1));
        config.limits.per_socket_control = quota.unwrap();
        config
    });
    city.found().await;
    let served = Served::new(city, Connections::default()).await;
    let track = format!("/v1/orders/{}/track", served.city.order().await);
    for (path, who) in [("/v1/drivers/stream", bob()), (&track, ana())] {
        let mut socket = served.open_as(path, &who).await.unwrap();
        next_of(&mut socket, "snapshot").await;
        for _ in 0..3 {
            socket.send(Message::Ping("a".into())).await.unwrap();
            let answer = tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time");
            assert_eq!(answer.unwrap().unwrap(), Message::Pong("a".into()));
        }
        // A pong that nobody asked for counts alike.
        socket.send(Message::Pong("a".into())).await.unwrap();
        assert_eq!(next(&mut socket).await, Err(1_008));
    }
}
