//! Doorstep on HTTP and WebSocket: an axum router over a running shard.
//!
//! Handlers are thin: parse, authorise, submit through
//! [`Client`], answer. No rule of the domain lives here.
//!
//! # The protocol
//!
//! JSON throughout; [`wire`] has every message as a type, and its tests the golden form of each.
//! Errors are RFC 9457 problem details (`application/problem+json`) with a stable `code` and the
//! `request_id` of the answer:
//!
//! ```json
//! {"type":"about:blank","title":"The driver is at the doorstep","status":409,
//!  "code":"order_at_doorstep","request_id":"9f0c…",
//!  "cancellation":{"order":"ord_…","allowed":false,"reason":"at_doorstep","as_of":"…"}}
//! ```
//!
//! ## Who is asking
//!
//! `Authorization: Bearer <token>` on every request but health, pages and the OpenAPI file. A browser
//! cannot set a header on a WebSocket: it opens `new WebSocket(url, ["doorstep.v1", "bearer." +
//! token])`, and the server picks `doorstep.v1`. No token ever stands in a URL's query; a page takes
//! its own from the fragment, which is never sent: `/#token=…&order=ord_…`, `/ops#token=…`.
//!
//! ## Doing something once
//!
//! Every `POST` that changes something wants an `Idempotency-Key` (1 to 255 printable ASCII
//! characters). A repetition gets the first outcome, also after a restart, for as long as policy
//! says (`retry_horizon`, 24 h); the same key with another body gets 422 `idempotency_key_reused`.
//! What changed nothing is forgotten earlier where there is too much of it (`refusals_max`): a
//! refusal may then be decided afresh, and nothing is done twice.
//!
//! After a 503 or a 429 `rate_limited` the same key asks again. Any other refusal stays the answer to
//! its key, also where it says when to come back: then ask with a new one. (Of the 503s,
//! `payment_unavailable` alone was decided, and wants a new key.)
//!
//! ## Tracking an order: `GET /v1/orders/{id}/track`
//!
//! A WebSocket of text frames, each one a [`wire::TrackMessage`]: first `snapshot`, whose `order` is
//! what `GET /v1/orders/{id}` says; then `status_update`, `location_update` every 2–3 s while a
//! driver has it, and `cancellation_update` whenever the cancel button is to appear or vanish. They
//! say how things stand, not what happened: each replaces what was said before. The client sends
//! nothing. After a reconnect the snapshot is whole again.
//!
//! | close code | meaning | to do |
//! |---|---|---|
//! | 1000 | the order is over, and its last status was sent | nothing |
//! | 1001 | the server goes away | reconnect after a jittered second |
//! | 1008 | a message or a rate that is not allowed, pings included | do not reconnect |
//! | 1013 | as many watch as may | reconnect after a while |
//! | 4001 | the token has expired | reconnect with a new one |
//! | 4002 | too slow a reader | reconnect |
//!
//! ## A driver's app: `GET /v1/drivers/stream`
//!
//! Up: [`wire::FromDriver`], `pings` in batches of at most 100. Down: [`wire::ToDriver`], first
//! `snapshot`, then `update` with the whole [`wire::DriverState`] whenever duty, offer or deliveries
//! change; `error` for a message that could not be used. Offers are answered by
//! `POST /v1/drivers/deliveries/{id}/accept` or `/decline`. The close codes are the same.
//!
//! ## Operations
//!
//! `GET /v1/ops/drivers?bbox=west,south,east,north&zoom=0..22` → [`wire::Markers`], at most 100;
//! `GET /v1/ops/counters` → [`wire::Counters`]; `GET /v1/sales/{id}` → [`wire::Sale`].
//!
//! # The pages
//!
//! With feature `ui` the binary serves `GET /` (customer), `GET /ops` (operations) and `GET /docs` (the
//! description of the API, for people) from files in `ui/`, each named in `src/ui.rs`, under a
//! Content-Security-Policy that allows this host only: scripts and styles are files of their own.

mod admin;
mod app;
pub mod auth;
mod command;
pub mod config;
mod describe;
mod fresh;
mod layers;
mod meters;
mod overload;
mod problem;
mod refusal;
mod routes;
mod serve;
mod service;
mod show;
mod socket;
#[cfg(feature = "ui")]
mod ui;
pub mod wire;

pub use config::{Config, ConfigError};
pub use layers::Peer;
pub use serve::Connections;
pub use service::Service;

use axum::Router;
use doorstep_runtime::client::Client;

/// The public routes over a running shard: [`Service::new`] and [`Service::router`] in one, for whoever
/// serves and ends them by other means.
///
/// # Errors
/// [`ConfigError`]
pub fn router(client: Client, config: Config) -> Result<Router, ConfigError> {
    Ok(Service::new(client, config)?.router())
}
