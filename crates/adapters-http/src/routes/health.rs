//! For whoever watches the process.

use axum::extract::State;
use axum::http::StatusCode;
use doorstep_core::time::Span;

use crate::app::App;
use crate::problem::Problem;

/// Whether the process runs. It says nothing of what it can do.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "alive", responses((status = 200, description = "How it stands")))]
pub(crate) async fn alive() -> StatusCode {
    StatusCode::OK
}

/// Whether it decides: it has read its log, owns it, and is not going away.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "ready",
    responses((status = 200, description = "How it stands"), (status = 503, description = "Not now: send nobody here"))
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<StatusCode, Problem> {
    if app.client.is_owner() && !app.sockets.leaving.is_cancelled() {
        return Ok(StatusCode::OK);
    }
    let title = "This process does not decide now";
    Err(Problem::unavailable("not_ready", title, Span::from_secs(1)))
}
