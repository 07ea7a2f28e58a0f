//! What gives way when there is too much to do.
//!
//! One number says how busy the service is: how many requests are under way, from when a request was
//! read whole to its answer. What can wait is refused from a lower number on than what cannot, so that
//! browsing stops first, then looking at orders, and what changes something last. Whoever only holds a
//! connection open, or sends slowly, is not under way and takes nobody's place.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use doorstep_core::time::Span;

use crate::app::App;
use crate::config::Limits;
use crate::problem::Problem;

/// When whoever was sent away is asked to come back.
const COME_BACK_IN: Span = Span::from_secs(1);

/// How much a request matters while there is too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Menus, maps, counters, positions, how a sale stands: asked again in a moment by themselves.
    Browse,
    /// Orders and their terms, sockets, a place in a sale.
    Look,
    /// What somebody relies on: orders placed and cancelled, what restaurants and drivers say of
    /// them, what the payment provider says.
    Act,
}

impl Priority {
    /// Of a request, by its route's template.
    pub(crate) fn of(method: &Method, route: &str) -> Self {
        match route {
            "/v1/restaurants"
            | "/v1/restaurants/{id}/menu"
            | "/v1/drivers/location"
            | "/v1/sales/{id}"
            | "/v1/ops/counters"
            | "/v1/ops/drivers" => Self::Browse,
            "/v1/sales/{id}/claims" | "/v1/sales/{id}/queue" => Self::Look,
            _ if method == Method::GET || method == Method::HEAD => Self::Look,
            _ => Self::Act,
        }
    }

    /// From how many under way on it is refused.
    const fn most(self, limits: &Limits) -> usize {
        match self {
            Self::Browse => limits.in_flight_browse_max,
            Self::Look => limits.in_flight_look_max,
            Self::Act => limits.in_flight_max,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Look => "look",
            Self::Act => "act",
        }
    }
}

/// How many requests are under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(AtomicUsize);

impl UnderWay {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A place among the requests under way, given back when dropped.
pub(crate) struct Place(App);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place for a request, if there is one for what matters so much.
pub(crate) fn place(app: &App, priority: Priority) -> Option<Place> {
    let most = priority.most(&app.config.limits);
    let taken = app.under_way.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |under_way| {
        (under_way < most).then(|| under_way.saturating_add(1))
    });
    taken.is_ok().then(|| Place(app.clone()))
}

/// To be waited for with the place in hand, before what was asked is done.
///
/// Browsing never waits for anything else: without this a crowd that browses would be one at a time, and
/// nobody would give way. Whatever else has come meanwhile is counted first. What looks at one order
/// costs less than to be sent away, and what acts waits for the log.
pub(crate) async fn settle(priority: Priority) {
    if priority == Priority::Browse {
        tokio::task::yield_now().await;
    }
}

/// The refusal of who has to give way.
///
/// It is held back for [`Limits::refuse_after`]: whoever is told "no" at once asks again at once, and to
/// say it would become all that the service does.
pub(crate) async fn shed(app: &App, priority: Priority) -> Problem {
    metrics::counter!("doorstep_http_shed", "priority" => priority.name()).increment(1);
    let wait = app.config.limits.refuse_after;
    if wait > Duration::ZERO {
        tokio::time::sleep(wait).await;
    }
    let title = "Too much is under way: send the same again";
    Problem::unavailable("overloaded", title, COME_BACK_IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_an_order_gives_way_last_and_what_is_asked_again_anyway_first() {
        let of = |method: &str, route| Priority::of(&method.parse().unwrap(), route);
        assert_eq!(of("POST", "/v1/orders"), Priority::Act);
        assert_eq!(of("POST", "/v1/orders/{id}/cancel"), Priority::Act);
        assert_eq!(of("PATCH", "/v1/restaurants/orders/{id}"), Priority::Act);
        assert_eq!(of("POST", "/v1/drivers/deliveries/{id}/at_doorstep"), Priority::Act);
        assert_eq!(of("POST", "/v1/webhooks/payments"), Priority::Act);
        assert_eq!(of("GET", "/v1/orders/{id}"), Priority::Look);
        assert_eq!(of("GET", "/v1/orders/{id}/cancellation"), Priority::Look);
        assert_eq!(of("GET", "/v1/orders/{id}/track"), Priority::Look);
        assert_eq!(of("POST", "/v1/sales/{id}/claims"), Priority::Look);
        assert_eq!(of("GET", "/v1/restaurants"), Priority::Browse);
        assert_eq!(of("GET", "/v1/restaurants/{id}/menu"), Priority::Browse);
        assert_eq!(of("POST", "/v1/drivers/location"), Priority::Browse);
        assert_eq!(of("PUT", "/v1/restaurants/{id}"), Priority::Act);
    }
}
