//! The metrics of requests, by method, route and status.
//!
//! Their handles are looked up once and kept: a recorder is to be installed before the first request.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Counter, Histogram};
use parking_lot::RwLock;

/// Bounded by the routes' templates, the methods' fixed names and the statuses that there are.
#[derive(Default)]
pub(crate) struct Meters(RwLock<BTreeMap<String, Vec<Meter>>>);

/// Of one kind of answer.
struct Meter {
    method: &'static str,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

impl Meters {
    /// Counts an answer, and how long it took.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let of = |meter: &&Meter| meter.method == method && meter.status == status;
        if let Some(meter) = self.0.read().get(route).and_then(|of_route| of_route.iter().find(of))
        {
            return meter.count(seconds);
        }
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        let requests = metrics::counter!("doorstep_http_requests", &labels);
        let histogram = metrics::histogram!("doorstep_http_request_seconds", &labels);
        let meter = Meter { method, status, requests, seconds: histogram };
        meter.count(seconds);
        let mut all = self.0.write();
        let of_route = all.entry(route.to_owned()).or_default();
        if !of_route.iter().any(|known| of(&known)) {
            of_route.push(meter);
        }
    }
}

impl Meter {
    fn count(&self, seconds: f64) {
        self.requests.increment(1);
        self.seconds.record(seconds);
    }
}
