//! The service: its routes, and its end.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::get;
use doorstep_runtime::client::Client;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::config::{Config, ConfigError, Cors};
use crate::layers::Whom;
use crate::problem::Problem;
use crate::routes;

/// A service over a running shard.
#[derive(Clone)]
pub struct Service {
    app: App,
    router: Router,
    openapi: String,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("config", &self.app.config).finish_non_exhaustive()
    }
}

impl Service {
    /// A service that submits to, and reads from, the host behind `client`.
    ///
    /// # Errors
    /// [`ConfigError`]: nothing is served on a configuration that is not sound.
    pub fn new(client: Client, config: Config) -> Result<Self, ConfigError> {
        let app = App::new(client, config)?;
        let (api, description) = routes::api(&app);
        let openapi = serde_json::to_string_pretty(&description).unwrap_or_default();
        let served = axum::body::Bytes::from(openapi.clone());
        let json = [(header::CONTENT_TYPE, "application/json")];
        let rest = Router::new()
            .route("/openapi.json", get(move || async move { (json, served) }))
            .fallback(|| async { Problem::not_found() });
        #[cfg(feature = "ui")]
        let rest = rest.merge(crate::ui::routes());
        let router = routes::around(&app, Whom::Anybody, rest).merge(api);
        let router = match cors(&app.config.cors) {
            Some(cors) => router.layer(cors),
            None => router,
        };
        let router = router.with_state(app.clone());
        Ok(Self { app, router, openapi })
    }

    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    /// The public routes, to be served by [`serve`](Self::serve) or mounted in an application's own
    /// router. One that is mounted elsewhere has no limit on addresses unless
    /// [`Peer`](crate::Peer) is put among the request's extensions.
    #[must_use = "routes that nobody serves answer nobody"]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The description of the public routes (OpenAPI 3.1), as it is served at `/openapi.json`.
    #[must_use]
    pub fn openapi(&self) -> &str {
        &self.openapi
    }

    /// Closes every socket with 1001 and opens no more, and is not ready any more; waits for them at
    /// most so long. Requests are still answered: whoever serves stops accepting them.
    pub async fn close(&self, within: Duration) {
        let sockets = &self.app.sockets;
        sockets.leaving.cancel();
        sockets.taken.close();
        let _in_time = tokio::time::timeout(within, sockets.taken.wait()).await;
    }

    /// How many requests are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.app.under_way.count()
    }

    /// How many sockets are open.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.app.sockets.open()
    }
}

fn cors(cors: &Cors) -> Option<CorsLayer> {
    if cors.origins.is_empty() {
        return None;
    }
    let origins = cors.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let origin = if cors.is_wildcard() { AllowOrigin::any() } else { AllowOrigin::list(origins) };
    let exposed = ["request-id", "ratelimit", "ratelimit-policy", "retry-after", "location"];
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_credentials(cors.credentials)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600));
    Some(layer)
}
