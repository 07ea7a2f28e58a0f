//! A small city, and whoever calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use doorstep_core::id::{CustomerId, DriverId, RestaurantId, ShardId};
use doorstep_core::money::Currency;
use doorstep_core::policy::Policy;
use doorstep_core::time::Span;
use doorstep_core::webhook::stripe;
use doorstep_http::auth::{DevIssuer, Who};
use doorstep_http::{Config, Service};
use doorstep_runtime::client::Client;
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::notify::Notifications;
use doorstep_runtime::ports::{LogIsHistory, Position};
use doorstep_runtime::reads::Subject;
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_runtime::threads::{self, Bell, Clock, Running, WallClock};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const KITCHEN: (f64, f64) = (4.8133, -75.6961);
pub(crate) const HOME: (f64, f64) = (4.8245, -75.6880);
pub(crate) const RESTAURANT: RestaurantId = RestaurantId::truncating(1);
pub(crate) const ANA: CustomerId = CustomerId::truncating(7);
pub(crate) const BOB: DriverId = DriverId::truncating(9);
pub(crate) const WEBHOOK_SECRET: &str = "whsec_test";

pub(crate) fn ana() -> Who {
    Who::Customer(ANA)
}

pub(crate) fn bob() -> Who {
    Who::Driver(BOB)
}

pub(crate) fn kitchen() -> Who {
    Who::Restaurant(RESTAURANT)
}

pub(crate) fn operations() -> Who {
    Who::Operations("olga".into())
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status: parts.status, headers: parts.headers, json }
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.json);
        self
    }
}

pub(crate) struct City {
    pub(crate) service: Service,
    pub(crate) router: Router,
    pub(crate) issuer: DevIssuer,
    pub(crate) client: Client,
    pub(crate) clock: Arc<WallClock>,
    pub(crate) log: MemoryLog,
    keys: AtomicU64,
    _running: Running<MemoryLog, Sandbox, LogIsHistory>,
}

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::new(Currency::new("EUR").unwrap());
    policy.checkout.orders_per_hour = 1_000;
    policy
}

impl City {
    /// A city with a restaurant and a driver on duty in front of it.
    pub(crate) async fn new() -> Self {
        let city = Self::on(MemoryLog::new(), 1, policy(), |config| config);
        city.found().await;
        city
    }

    pub(crate) fn on(
        log: MemoryLog,
        seed: u128,
        policy: Policy,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        Self::with(log, seed, policy, change, None)
    }

    /// One that also tells people what happens.
    pub(crate) fn with(
        log: MemoryLog,
        seed: u128,
        policy: Policy,
        change: impl FnOnce(Config) -> Config,
        notifications: Option<Notifications>,
    ) -> Self {
        let clock = Arc::new(WallClock::new());
        let host = HostConfig {
            reads: true,
            match_every: Span::from_millis(5),
            ..HostConfig::new(ShardId::default(), policy, seed)
        };
        let provider = Sandbox::new(SandboxConfig::default());
        let mut host = Host::open(host, log.clone(), provider, LogIsHistory, clock.now()).unwrap();
        if let Some(notifications) = notifications {
            host.notify(notifications);
        }
        let running = threads::spawn(host, clock.clone(), Bell::new()).unwrap();
        assert!(running.wait_for_ownership(std::time::Duration::from_secs(60)));
        let client = running.client();
        let issuer = DevIssuer::new().unwrap();
        let mut config = Config::new(Arc::new(issuer.authenticator().unwrap()));
        config.clock = clock.clone();
        config.webhook_secrets = vec![stripe::Secret::new(WEBHOOK_SECRET).unwrap()];
        let service = Service::new(client.clone(), change(config)).unwrap();
        let router = service.router();
        let keys = AtomicU64::default();
        Self { service, router, issuer, client, clock, log, keys, _running: running }
    }

    pub(crate) async fn found(&self) {
        self.put(&format!("/v1/restaurants/{RESTAURANT}"), &operations(), restaurant())
            .await
            .is(204);
        let bike = json!({ "vehicle": "motorcycle" });
        self.put(&format!("/v1/ops/drivers/{BOB}"), &operations(), bike).await.is(204);
        self.post("/v1/drivers/status", &bob(), json!({ "status": "online" })).await.is(200);
        let (lat, lng) = KITCHEN;
        let pings = json!({ "pings": [{ "lat": lat, "lng": lng }] });
        self.post("/v1/drivers/location", &bob(), pings).await.is(200);
    }

    /// How many records the log holds.
    pub(crate) fn records(&self) -> usize {
        self.log.entries_from(Position::new(0)).len()
    }

    pub(crate) fn token(&self, who: &Who) -> String {
        self.issuer.token(who, self.clock.now(), Span::from_hours(1)).unwrap()
    }

    pub(crate) fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn get(&self, path: &str, who: &Who) -> Answer {
        let token = self.token(who);
        self.call("GET", path, Some(&token), None, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, who: &Who, body: Value) -> Answer {
        self.post_as(path, who, &self.key(), &body).await
    }

    pub(crate) async fn post_as(&self, path: &str, who: &Who, key: &str, body: &Value) -> Answer {
        let token = self.token(who);
        self.call("POST", path, Some(&token), Some(key), body).await
    }

    pub(crate) async fn put(&self, path: &str, who: &Who, body: Value) -> Answer {
        let token = self.token(who);
        self.call("PUT", path, Some(&token), None, &body).await
    }

    pub(crate) async fn patch(&self, path: &str, who: &Who, body: Value) -> Answer {
        let token = self.token(who);
        self.call("PATCH", path, Some(&token), None, &body).await
    }

    /// The whole of a call: `Null` is no body.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.router.clone().oneshot(request).await.unwrap()).await;
        crate::openapi::is_described(self.service.openapi(), method.as_str(), &path, &answer);
        answer
    }

    /// Ana's order, accepted by nobody yet.
    pub(crate) async fn order(&self) -> String {
        let answer = self.post("/v1/orders", &ana(), wish()).await.is(201);
        answer.json["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn accept(&self, order: &str) {
        let path = format!("/v1/restaurants/orders/{order}");
        self.patch(&path, &kitchen(), json!({ "status": "accepted" })).await.is(200);
    }

    /// The delivery that Bob is asked to take.
    pub(crate) async fn offer(&self) -> String {
        let mut watch = self.client.watch(Subject::Driver(BOB)).unwrap();
        loop {
            let desk = self.client.desk(BOB);
            if let Some(offer) = desk.as_ref().and_then(|desk| desk.offer.as_ref()) {
                return offer.delivery.to_string();
            }
            watch.changed().await;
        }
    }

    /// An order that Bob has taken, and the delivery that it is in.
    pub(crate) async fn taken(&self) -> (String, String) {
        let order = self.order().await;
        self.accept(&order).await;
        let delivery = self.offer().await;
        self.tap(&delivery, "accept").await.is(200);
        (order, delivery)
    }

    pub(crate) async fn tap(&self, delivery: &str, what: &str) -> Answer {
        self.post(&format!("/v1/drivers/deliveries/{delivery}/{what}"), &bob(), json!({})).await
    }
}

pub(crate) fn wish() -> Value {
    let (lat, lng) = HOME;
    json!({
        "restaurant": RESTAURANT.to_string(),
        "lines": [{ "item": "itm_0000000000001", "quantity": 2 }],
        "drop_off": { "lat": lat, "lng": lng },
    })
}

pub(crate) fn restaurant() -> Value {
    let (lat, lng) = KITCHEN;
    let price = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
    let item = |id: u32, name: &str| {
        json!({
            "id": doorstep_core::id::ItemId::from(id).to_string(),
            "name": name, "price": price(900), "available": true,
        })
    };
    json!({
        "position": { "lat": lat, "lng": lng },
        "delivery_radius_m": 5000,
        "cuisines": ["colombian"],
        "categories": [{ "name": "soups", "items": [item(1, "ajiaco"), item(2, "sancocho")] }],
        "preparation_s": 720,
        "open": true,
    })
}
