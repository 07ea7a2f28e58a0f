//! What gives way when there is too much to do: the host is stepped by hand, so that whatever wants a
//! decision is under way until the test says otherwise.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use doorstep_core::id::ShardId;
use doorstep_core::time::Span;
use doorstep_http::auth::{DevIssuer, Who};
use doorstep_http::{Config, Service};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::ports::LogIsHistory;
use doorstep_runtime::sandbox::{Hostility, Sandbox, SandboxConfig};
use doorstep_runtime::threads::{Clock, WallClock};
use serde_json::json;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::city::{Answer, RESTAURANT, operations, policy, restaurant, wish};

/// A service whose host decides when it is told to.
struct Held {
    host: Host<MemoryLog, Sandbox, LogIsHistory>,
    service: Service,
    router: Router,
    issuer: DevIssuer,
    clock: Arc<WallClock>,
    keys: u32,
}

impl Held {
    /// From two under way on nobody browses, from three on nobody looks, from four on nobody acts.
    async fn new() -> Self {
        Self::behind(Hostility::NONE).await
    }

    /// The same, with a provider that behaves like this.
    async fn behind(hostility: Hostility) -> Self {
        let clock = Arc::new(WallClock::new());
        let config = HostConfig { reads: true, ..HostConfig::new(ShardId::default(), policy(), 1) };
        let provider = Sandbox::new(SandboxConfig { hostility, ..SandboxConfig::default() });
        let host = Host::open(config, MemoryLog::new(), provider, LogIsHistory, clock.now());
        let host = host.unwrap();
        let issuer = DevIssuer::new().unwrap();
        let mut config = Config::new(Arc::new(issuer.authenticator().unwrap()));
        config.clock = clock.clone();
        config.limits.in_flight_browse_max = 2;
        config.limits.in_flight_look_max = 3;
        config.limits.in_flight_max = 4;
        config.limits.refuse_after = Duration::ZERO;
        let service = Service::new(host.client(), config).unwrap();
        let router = service.router();
        let mut held = Self { host, service, router, issuer, clock, keys: 0 };
        held.step();
        let path = format!("/v1/restaurants/{RESTAURANT}");
        let put = held.send("PUT", &path, &operations(), &restaurant().to_string());
        held.decide(put).await.is(204);
        held
    }

    /// As far as it goes without anybody else.
    fn step(&mut self) {
        while self.host.step(self.clock.now()).worked {}
    }

    fn send(&mut self, method: &str, path: &str, who: &Who, body: &str) -> JoinHandle<Answer> {
        self.keys += 1;
        let token = self.issuer.token(who, self.clock.now(), Span::from_hours(1)).unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", format!("key-{}", self.keys))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { Answer::of(router.oneshot(request).await.unwrap()).await })
    }

    async fn browse(&mut self) -> Answer {
        let path = format!("/v1/restaurants/{RESTAURANT}/menu");
        self.send("GET", &path, &customer(1), "").await.unwrap()
    }

    /// So many at once; how many are answered.
    async fn crowd(&mut self, count: usize) -> usize {
        let path = format!("/v1/restaurants/{RESTAURANT}/menu");
        let who = customer(1);
        let crowd: Vec<_> = (0..count).map(|_| self.send("GET", &path, &who, "")).collect();
        let mut answered = 0;
        for asked in crowd {
            match asked.await.unwrap() {
                answer if answer.status == 200 => answered += 1,
                answer => shed(answer),
            }
        }
        answered
    }

    async fn look(&mut self) -> Answer {
        self.send("GET", "/v1/orders", &customer(1), "").await.unwrap()
    }

    /// Sends an order that is under way until the host decides.
    async fn order(&mut self, number: u32) -> JoinHandle<Answer> {
        let before = self.service.in_flight();
        let order = self.send("POST", "/v1/orders", &customer(number), &wish().to_string());
        self.under_way(before + 1).await;
        order
    }

    /// The host decides until this is answered.
    async fn decide(&mut self, asked: JoinHandle<Answer>) -> Answer {
        while !asked.is_finished() {
            self.step();
            tokio::task::yield_now().await;
        }
        asked.await.unwrap()
    }

    async fn under_way(&self, count: usize) {
        while self.service.in_flight() != count {
            tokio::task::yield_now().await;
        }
    }
}

fn customer(number: u32) -> Who {
    Who::Customer(number.into())
}

#[track_caller]
fn shed(answer: Answer) {
    let answer = answer.is(503);
    assert_eq!(answer.code(), "overloaded");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn browsing_gives_way_first_then_looking_and_orders_and_cancels_last() {
    let mut held = Held::new().await;
    let mut orders = vec![held.order(1).await];
    held.browse().await.is(200);
    orders.push(held.order(2).await);
    shed(held.browse().await);
    let pings = json!({ "pings": [{ "lat": 4.8, "lng": -75.7 }] }).to_string();
    let driver = Who::Driver(1.into());
    shed(held.send("POST", "/v1/drivers/location", &driver, &pings).await.unwrap());
    held.look().await.is(200);
    orders.push(held.order(3).await);
    shed(held.look().await);
    orders.push(held.order(4).await);
    let (order, cancel) = (wish().to_string(), "/v1/orders/ord_0000000000001/cancel");
    shed(held.send("POST", "/v1/orders", &customer(5), &order).await.unwrap());
    shed(held.send("POST", cancel, &customer(5), "{}").await.unwrap());

    // Who was let in is answered, and then there is room for everybody.
    for order in orders {
        held.decide(order).await.is(201);
    }
    assert_eq!(held.service.in_flight(), 0);
    held.browse().await.is(200);
    held.look().await.is(200);
}

#[tokio::test]
async fn a_crowd_that_browses_counts_though_none_of_it_waits() {
    let mut held = Held::new().await;
    assert_eq!(held.crowd(8).await, 2);
    assert_eq!(held.service.in_flight(), 0);
    assert_eq!(held.crowd(2).await, 2);
}

#[tokio::test]
async fn whoever_waits_for_the_provider_keeps_nobody_out() {
    let long = Span::from_hours(1);
    let silent = Hostility { latency_least: long, latency_most: long, ..Hostility::NONE };
    let mut held = Held::behind(silent).await;
    let mut orders = Vec::new();
    for number in 1..=3 {
        orders.push(held.order(number).await);
    }
    shed(held.look().await);
    // Decided, and the provider says nothing.
    let decided = async {
        while held.service.in_flight() > 0 {
            held.step();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), decided).await.expect("no place is taken");
    held.browse().await.is(200);
    assert!(orders.iter().all(|order| !order.is_finished()), "they still wait");
}

#[tokio::test]
async fn a_request_that_is_refused_or_given_up_leaves_its_place() {
    let mut held = Held::new().await;
    held.send("POST", "/v1/orders", &customer(1), "{").await.unwrap().is(400);
    assert_eq!(held.service.in_flight(), 0);
    let order = held.order(1).await;
    order.abort();
    let _aborted = order.await;
    assert_eq!(held.service.in_flight(), 0);
}
