//! What people tell the service about themselves, and what lets somebody speak for them, stands in
//! no log: everything that is traced while they talk to it is searched for it.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::Request;
use doorstep_core::id::ShardId;
use doorstep_core::money::Currency;
use doorstep_core::policy::Policy;
use doorstep_core::time::Span;
use doorstep_http::auth::{DevIssuer, Who};
use doorstep_http::{Config, Service};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::ports::LogIsHistory;
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_runtime::threads::{self, Bell, Clock, WallClock};
use tower::ServiceExt;

/// Where the log goes.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_address_no_phone_no_token_and_no_key_is_in_the_log() {
    let page = Page::default();
    let writer = page.clone();
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();

    let clock = Arc::new(WallClock::new());
    let policy = Policy::new(Currency::new("EUR").unwrap());
    let host = HostConfig { reads: true, ..HostConfig::new(ShardId::default(), policy, 1) };
    let provider = Sandbox::new(SandboxConfig::default());
    let host = Host::open(host, MemoryLog::new(), provider, LogIsHistory, clock.now()).unwrap();
    let running = threads::spawn(host, clock.clone(), Bell::new()).unwrap();
    let issuer = DevIssuer::new().unwrap();
    let mut config = Config::new(Arc::new(issuer.authenticator().unwrap()));
    config.clock = clock.clone();
    let router = Service::new(running.client(), config).unwrap().router();

    let who = Who::Customer(7_777_777.into());
    let token = issuer.token(&who, clock.now(), Span::from_hours(1)).unwrap();
    let canaries =
        ["48.8583701", "2.2944813", "Rue-Canari-12", "0033123456789", "key-canary-1", &token];
    let good = r#"{"restaurant":"rst_0000000000001","lines":[{"item":"itm_0000000000001","quantity":1}],
        "drop_off":{"lat":48.8583701,"lng":2.2944813}}"#;
    let bodies = [
        good.to_owned(),
        good.replace("lines", "Rue-Canari-12"),
        r#"{"phone":"0033123456789"}"#.to_owned(),
        r#""Rue-Canari-12"#.to_owned(),
    ];
    let call = async |request: axum::http::request::Builder, body: String| {
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("idempotency-key", "key-canary-1");
        router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap().status()
    };
    for body in bodies {
        call(Request::post("/v1/orders"), body).await;
    }
    let paths = [
        "/v1/restaurants?lat=48.8583701&lng=2.2944813",
        "/v1/restaurants?lat=48.8583701&lng=0033123456789x",
        "/v1/orders/Rue-Canari-12",
        "/Rue-Canari-12",
        "/v1/orders?cursor=0033123456789",
    ];
    for path in paths {
        call(Request::get(path), String::new()).await;
    }
    let forged = Request::get("/v1/orders").header("authorization", "Bearer 0033123456789");
    router.clone().oneshot(forged.body(Body::empty()).unwrap()).await.unwrap();

    let log = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/v1/orders/{id}") && log.contains("request_id"), "nothing was traced");
    for canary in canaries {
        assert!(!log.contains(canary), "{canary} is in the log");
    }
    assert!(!log.contains(&who.to_string()), "who asked is in the log");
}
