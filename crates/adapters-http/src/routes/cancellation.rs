//! The cancel button: may I, on what terms; do it.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_core::id::OrderId;
use doorstep_core::shard::{Canceller, Command};
use doorstep_runtime::reads::Known;
use serde::Deserialize;
use utoipa::ToSchema;

use super::orders::{change, find_kept, kept};
use crate::app::App;
use crate::auth::{Principal, Role, Who};
use crate::command::{Act, Id};
use crate::layers::only;
use crate::problem::Problem;
use crate::{show, wire};

/// Whether the customer may cancel an order now, and on what terms: what the button is drawn from.
/// Advice; the decision is made when it is asked for.
#[utoipa::path(
    get, path = "/v1/orders/{id}/cancellation", tag = "orders", operation_id = "cancellation_terms", security(("bearer" = [])),
    params(("id" = wire::ids::OrderId, Path, description = "The order")),
    responses((status = 200, body = wire::Cancellation, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"), (status = 503, description = "What was kept cannot be read now"))
)]
pub(crate) async fn terms(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(id): Id<OrderId>,
) -> Result<Json<wire::Cancellation>, Problem> {
    match find_kept(&app, &principal.who, id).await? {
        Known::Order(order) => Ok(Json(show::cancellation(&order, app.now()))),
        Known::Checkout(_) => Err(Problem::not_found()),
    }
}

/// How an order is cancelled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    /// What the customer agreed to pay all the same; operations only.
    #[serde(default, deserialize_with = "crate::wire::strict::maybe")]
    fee: Option<wire::Money>,
}

/// Ends an order: its customer on the terms above, its restaurant if it cannot make it, operations
/// with what the customer agreed to. Of a cancel and an arrival exactly one wins.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", operation_id = "cancel_order", security(("bearer" = [])),
    params(
        ("id" = wire::ids::OrderId, Path, description = "The order"),
        ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
    ),
    request_body = Cancel,
    responses(
        (status = 200, body = wire::Order, description = "How it stands"),
        (status = 204, description = "The checkout was given up before it was an order; or it was cancelled, and is no longer kept here"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 409, description = "Not now: the problem's `cancellation` says how things stand"),
        (status = 422, description = "It can never be so"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(order): Id<OrderId>,
    act: Act<Cancel>,
) -> Result<Response, Problem> {
    only(&principal, &[Role::Customer, Role::Restaurant, Role::Operations])?;
    let by = match (&act.who, act.body.fee) {
        (Who::Operations(_), fee) => Canceller::Operations { fee: fee.map(Into::into) },
        (_, Some(_)) => return Err(Problem::forbidden()),
        (Who::Restaurant(_), None) => Canceller::Restaurant,
        (Who::Customer(_) | Who::Driver(_), None) => Canceller::Customer,
    };
    let done = change(&app, &act.who, order, act.cause, Command::Cancel { order, by }).await;
    if let Err(problem) = &done
        && problem.status() != StatusCode::CONFLICT
    {
        return Err(problem.clone());
    }
    let known = kept(&app, &act.who, order).await;
    let now = app.now();
    match (done, known) {
        (Ok(_), Ok(Some(Known::Order(order)))) => {
            Ok(Json(show::order(&app, &order, now)).into_response())
        }
        (Ok(_), Ok(Some(Known::Checkout(_)) | None)) => Ok(StatusCode::NO_CONTENT.into_response()),
        (Ok(_), Err(unreadable)) => Err(unreadable),
        (Err(problem), Ok(Some(Known::Order(order)))) => {
            let status = wire::Status::from(order.status());
            let terms = show::cancellation(&order, now);
            Err(problem.with("order_status", status).with("cancellation", terms))
        }
        (Err(problem), _) => Err(problem),
    }
}
