//! Flash sales: stock, claims, the waiting room.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_core::flash_sale::sale::{Answer, HoldState};
use doorstep_core::id::{CustomerId, SaleId};
use doorstep_core::shard::{Command, Outcome, SaleAct};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Principal, Role, Who};
use crate::command::{Act, Id, Nothing, submit};
use crate::layers::only;
use crate::problem::Problem;
use crate::{show, wire};

/// A flash sale, and where the caller stands in it. Any number of people may ask this as often as
/// their limit allows: it never reaches the writer.
#[utoipa::path(
    get, path = "/v1/sales/{id}", tag = "sales", operation_id = "get_sale", security(("bearer" = [])),
    params(("id" = wire::ids::SaleId, Path, description = "The sale")),
    responses((status = 200, body = wire::Sale, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"))
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(id): Id<SaleId>,
) -> Result<Json<wire::Sale>, Problem> {
    let shown = app.client.sale(id, |shown| {
        let standing = match principal.who {
            Who::Customer(customer) => Some(shown.sale.standing(&customer, 1)),
            Who::Restaurant(_) | Who::Driver(_) | Who::Operations(_) => None,
        };
        show::sale(id, shown, standing)
    });
    shown.map(Json).ok_or_else(Problem::not_found)
}

/// Which unit is claimed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// Which of the customer's units, from 1: what tells a retry from a further claim.
    #[serde(default = "first")]
    #[schema(minimum = 1, maximum = 4_294_967_295_u64, default = 1)]
    #[serde(deserialize_with = "crate::wire::whole::one")]
    nth: u32,
}

const fn first() -> u32 {
    1
}

/// Somebody who has no unit yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum InQueue {
    /// Waits.
    Waiting {
        /// Behind so many.
        ahead: u64,
    },
    /// Let in: claim before this time.
    Admitted {
        /// The pass is good before this time.
        until: wire::Time,
    },
}

/// Claims a unit: it is held, and to be ordered before it lapses. Whoever claims again what they have
/// is told of the same hold.
#[utoipa::path(
    post, path = "/v1/sales/{id}/claims", tag = "sales", operation_id = "claim_unit", security(("bearer" = [])),
    params(
        ("id" = wire::ids::SaleId, Path, description = "The sale"),
        ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
    ),
    request_body = Claim,
    responses(
        (status = 201, body = wire::Held, description = "It is made"),
        (status = 202, body = InQueue, description = "Nothing yet; the customer waits"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 409, description = "Sold out, not open, or not let in: `code` says which. It stays the answer to its key: ask again with a new one"),
    )
)]
pub(crate) async fn claim(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(sale): Id<SaleId>,
    act: Act<Claim>,
) -> Result<Response, Problem> {
    let customer = customer(&principal)?;
    let claim = SaleAct::Claim { customer, nth: act.body.nth };
    told(&submit(&app, act.cause, Command::Sale { sale, act: claim }).await?)
}

/// Joins the waiting room: the crowd before the start, the end of the line after it.
#[utoipa::path(
    post, path = "/v1/sales/{id}/queue", tag = "sales", operation_id = "join_queue", security(("bearer" = [])),
    params(
        ("id" = wire::ids::SaleId, Path, description = "The sale"),
        ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
    ),
    request_body = Nothing,
    responses(
        (status = 201, body = wire::Held, description = "The customer has a unit already"),
        (status = 202, body = InQueue, description = "Under way, or let in already"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 409, description = "No need to wait, or no use: `code` says which. It stays the answer to its key: ask again with a new one"),
        (status = 503, description = "As many people wait as may: send the same again, with the same key"),
    )
)]
pub(crate) async fn queue(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(sale): Id<SaleId>,
    act: Act<Nothing>,
) -> Result<Response, Problem> {
    let join = SaleAct::Join { customer: customer(&principal)? };
    told(&submit(&app, act.cause, Command::Sale { sale, act: join }).await?)
}

fn customer(principal: &Principal) -> Result<CustomerId, Problem> {
    only(principal, &[Role::Customer])?;
    match principal.who {
        Who::Customer(id) => Ok(id),
        Who::Restaurant(_) | Who::Driver(_) | Who::Operations(_) => Err(Problem::forbidden()),
    }
}

fn told(outcome: &Outcome) -> Result<Response, Problem> {
    let held = |hold, state| (StatusCode::CREATED, Json(show::held(hold, state))).into_response();
    let in_queue = |place: InQueue| (StatusCode::ACCEPTED, Json(place)).into_response();
    match outcome {
        Outcome::Sale(Answer::Held { hold, until }) => {
            Ok(held(hold.0, HoldState::Reserved { until: *until }))
        }
        Outcome::Sale(Answer::Paying { hold }) => Ok(held(hold.0, HoldState::Paying)),
        Outcome::Sale(Answer::Sold { hold }) => Ok(held(hold.0, HoldState::Sold)),
        Outcome::Sale(Answer::Waiting { ahead }) => {
            Ok(in_queue(InQueue::Waiting { ahead: *ahead }))
        }
        Outcome::Sale(Answer::Admitted { until }) => {
            Ok(in_queue(InQueue::Admitted { until: wire::Time(*until) }))
        }
        // What other acts are told than a claim and a place in the line.
        Outcome::Sale(Answer::Done | Answer::RefundDue { .. })
        | Outcome::Done
        | Outcome::CheckoutOpened { .. }
        | Outcome::Heard(_)
        | Outcome::Refused(_) => {
            Err(Problem::conflict("refused", "Neither a unit nor a place in the line came of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use doorstep_core::time::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn whoever_waits_hears_how_many_are_ahead_and_whoever_is_let_in_until_when() {
        let until = Timestamp::from_secs(1_700_000_000);
        let waits = json!({ "state": "waiting", "ahead": 3 });
        let is_in = json!({ "state": "admitted", "until": "2023-11-14T22:13:20.000Z" });
        for (answer, body) in
            [(Answer::Waiting { ahead: 3 }, waits), (Answer::Admitted { until }, is_in)]
        {
            let told = told(&Outcome::Sale(answer)).unwrap();
            assert_eq!(told.status(), StatusCode::ACCEPTED);
            let bytes = to_bytes(told.into_body(), 1_024).await.unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), body);
        }
    }
}
