//! Orders: placed, listed, looked at.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorstep_core::catalog::{Cart, CartLine};
use doorstep_core::checkout::{self, Checkout};
use doorstep_core::flash_sale::HoldId;
use doorstep_core::id::{CustomerId, ItemId, OrderId, RestaurantId, SaleId};
use doorstep_core::log::Cause;
use doorstep_core::order::Order;
use doorstep_core::payment::HoldRefused;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, Outcome, SaleAct, Wish};
use doorstep_core::time::Span;
use doorstep_runtime::reads::{Known, Subject, Whose};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Principal, Role, Who};
use crate::command::{Act, Id, Query, recall, submit};
use crate::layers::only;
use crate::problem::Problem;
use crate::{show, wire};

/// A wish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceOrder {
    /// From whom.
    #[schema(value_type = wire::ids::RestaurantId)]
    restaurant: RestaurantId,
    /// What.
    #[schema(min_items = 1, max_items = 50)]
    #[serde(deserialize_with = "crate::wire::strict::many")]
    lines: Vec<PlaceLine>,
    /// Where to.
    #[serde(deserialize_with = "crate::wire::strict::one")]
    drop_off: wire::Place,
    /// The unit of a flash sale that is ordered by this: one of its item is in the lines.
    #[serde(default, deserialize_with = "crate::wire::strict::maybe")]
    sale: Option<PlaceSale>,
}

/// One line of a wish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceLine {
    /// What.
    #[schema(value_type = wire::ids::ItemId)]
    item: ItemId,
    /// How many.
    #[schema(minimum = 1, maximum = 99)]
    #[serde(deserialize_with = "crate::wire::whole::one")]
    quantity: u32,
    /// How customised.
    #[serde(default)]
    #[schema(value_type = Vec<wire::ids::ItemId>)]
    choices: Vec<ItemId>,
    /// The price of one unit with its choices that was shown: compared, never believed.
    #[serde(default, deserialize_with = "crate::wire::strict::maybe")]
    unit_price: Option<wire::Money>,
}

/// A unit of a flash sale.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceSale {
    /// Which sale.
    #[schema(value_type = wire::ids::SaleId)]
    id: SaleId,
    /// Which hold, from the claim.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    #[serde(deserialize_with = "crate::wire::whole::one")]
    hold: u64,
}

/// A checkout that waits for its money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// The order that it will be.
    #[schema(value_type = wire::ids::OrderId)]
    id: OrderId,
    /// Always `payment_pending`.
    state: &'static str,
    /// What it costs.
    total: wire::Money,
}

/// Places an order: checked, priced, in the log, and its money held. It answers when it is known what
/// came of that; ask again with the same key, or `GET` the order, if the provider takes its time.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", operation_id = "place_order", security(("bearer" = [])),
    params(("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry")),
    request_body = PlaceOrder,
    responses(
        (status = 201, body = wire::Order, description = "It is an order", headers(("Location" = String, description = "Where it is to be seen"))),
        (status = 202, body = Waiting, description = "The provider is still being asked", headers(("Location" = String, description = "Where it is to be seen"))),
        (status = 400, description = "The body is not of this form, or something in the cart is not to be had"),
        (status = 402, description = "The payment was refused; there is no order"),
        (status = 404, description = "There is no such restaurant, sale or hold"),
        (status = 409, description = "A price has changed, or the item is in a flash sale"),
        (status = 410, description = "It was placed, is over, and is no longer kept here"),
        (status = 422, description = "Closed, out of range, or the key was used with another body"),
        (status = 429, description = "Ordered as often as allowed, or too many checkouts came to nothing (after `Retry-After`, with a new key); or too many requests"),
        (status = 503, description = "Not now: send the same again, with the same key; after `payment_unavailable` with a new one"),
    )
)]
pub(crate) async fn place(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    act: Act<PlaceOrder>,
) -> Result<Response, Problem> {
    only(&principal, &[Role::Customer])?;
    let Who::Customer(customer) = act.who else { return Err(Problem::forbidden()) };
    let sale = act.body.sale;
    let wish = Box::new(wish(customer, act.body)?);
    let command = match sale {
        None => Command::Checkout(wish),
        Some(PlaceSale { id: sale, hold }) => {
            Command::Sale { sale, act: SaleAct::Checkout { hold: HoldId(hold), wish } }
        }
    };
    match submit(&app, act.cause, command).await? {
        Outcome::CheckoutOpened { order, total } => {
            // From here on it waits for the provider and costs nothing: however long that takes, nobody
            // else is sent away for it.
            drop(act.under_way);
            settled(&app, order).await;
            answer(&app, &act.who, order, Some(total.into())).await
        }
        Outcome::Done | Outcome::Heard(_) | Outcome::Sale(_) | Outcome::Refused(_) => {
            Err(Problem::conflict("refused", "No checkout came of it"))
        }
    }
}

fn wish(customer: CustomerId, place: PlaceOrder) -> Result<Wish, Problem> {
    let bad = |error| {
        Problem::bad_request("bad_place", "The drop-off is no place on Earth").detail(&error)
    };
    let lines = place.lines.into_iter().map(|line| CartLine {
        item: line.item,
        quantity: line.quantity,
        choices: line.choices,
        unit_price: line.unit_price.map(Into::into),
    });
    Ok(Wish {
        customer,
        cart: Cart { restaurant: place.restaurant, lines: lines.collect() },
        drop_off: LatLng::try_from(place.drop_off).map_err(|error| bad(error.to_string()))?,
        promised: None,
    })
}

/// Waits until it is known what came of a checkout, for as long as its caller is kept waiting.
async fn settled(app: &App, order: OrderId) {
    let waits = || match app.client.known(order) {
        Some(Known::Checkout(checkout)) => {
            matches!(checkout.state(), checkout::State::Waiting { .. } | checkout::State::Held)
        }
        Some(Known::Order(_)) | None => false,
    };
    let settles = async {
        match app.client.watch(Subject::Order(order)) {
            Ok(mut watch) => {
                while waits() {
                    watch.changed().await;
                }
            }
            // As many watch as may: look now and then.
            Err(_) => {
                while waits() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    let _in_time = tokio::time::timeout(app.config.limits.payment_within, settles).await;
}

/// What has become of a checkout.
async fn answer(
    app: &App,
    who: &Who,
    id: OrderId,
    total: Option<wire::Money>,
) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(format!("/v1/orders/{id}")).ok();
    let with_location = |mut response: Response| {
        if let Some(location) = location {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    };
    match kept(app, who, id).await? {
        Some(Known::Order(order)) => {
            let shown = Json(show::order(app, &order, app.now()));
            Ok(with_location((StatusCode::CREATED, shown).into_response()))
        }
        Some(Known::Checkout(checkout)) => Ok(with_location(waiting(&checkout, total)?)),
        None => Err(Problem::new(
            StatusCode::GONE,
            "order_forgotten",
            "It was placed, is over, and is no longer kept here",
        )
        .with("order", id)),
    }
}

fn waiting(checkout: &Checkout, total: Option<wire::Money>) -> Result<Response, Problem> {
    let intent = checkout.intent();
    let (id, total) = (intent.order, total.unwrap_or(intent.quote.total.into()));
    match checkout.state() {
        checkout::State::Waiting { .. } | checkout::State::Held => {
            let waiting = Waiting { id, state: "payment_pending", total };
            Ok((StatusCode::ACCEPTED, Json(waiting)).into_response())
        }
        checkout::State::Closed { why, .. } => Err(match why {
            HoldRefused::Declined => Problem::new(
                StatusCode::PAYMENT_REQUIRED,
                "payment_declined",
                "The payment was refused; there is no order",
            ),
            HoldRefused::Unavailable => Problem::unavailable(
                "payment_unavailable",
                "The payment provider failed; there is no order: try again with a new key",
                Span::from_secs(10),
            ),
            HoldRefused::GivenUp => {
                Problem::conflict("checkout_given_up", "It was given up; there is no order")
            }
        }
        .with("order", id)),
    }
}

/// Which orders are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// Where the page begins: `next_cursor` of the last one.
    cursor: Option<String>,
    /// How many, 1 to 100. Default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// The caller's orders, the newest first: a customer's or a restaurant's. Those that ended leave the
/// list after a while.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", operation_id = "list_orders", security(("bearer" = [])),
    params(List),
    responses((status = 200, body = wire::Page<wire::Order>, description = "How it stands"), (status = 400, description = "Not what is wanted here"))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Query(list): Query<List>,
) -> Result<Json<wire::Page<wire::Order>>, Problem> {
    let whose = match principal.who {
        Who::Customer(id) => Whose::Customer(id),
        Who::Restaurant(id) => Whose::Restaurant(id),
        Who::Driver(_) | Who::Operations(_) => return Err(Problem::forbidden()),
    };
    let limit = page_limit(list.limit)?;
    let before = list.cursor.as_deref().map(read_cursor).transpose()?;
    let mut found = app.client.orders_of(whose, before, limit.saturating_add(1));
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().map(|order| order.id()).filter(|_| has_more);
    let now = app.now();
    let data = found.iter().map(|order| show::order(&app, order, now)).collect();
    Ok(Json(wire::Page { data, has_more, next_cursor: last.map(cursor) }))
}

/// The form of a cursor, which begins with its version and is nobody's to build.
fn cursor(last: OrderId) -> String {
    format!("o1-{last}")
}

fn read_cursor(text: &str) -> Result<OrderId, Problem> {
    let id = text.strip_prefix("o1-").and_then(|id| id.parse().ok());
    id.ok_or_else(bad_cursor)
}

pub(super) fn bad_cursor() -> Problem {
    Problem::bad_request("bad_cursor", "This is no cursor of this list")
}

/// A page's length.
pub(super) fn page_limit(limit: Option<u32>) -> Result<usize, Problem> {
    match limit.unwrap_or(20) {
        limit @ 1..=100 => Ok(usize::try_from(limit).unwrap_or(100)),
        _ => Err(Problem::bad_request("bad_limit", "A page has 1 to 100 entries")),
    }
}

/// One order, with its driver, estimate, history and cancellation terms. One that is long over comes
/// from where orders are kept, if there is such a place.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", operation_id = "get_order", security(("bearer" = [])),
    params(("id" = wire::ids::OrderId, Path, description = "The order")),
    responses(
        (status = 200, body = wire::Order, description = "How it stands"),
        (status = 202, body = Waiting, description = "The provider is still being asked"),
        (status = 402, description = "The payment was refused; there is no order"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 409, description = "The checkout was given up; there is no order"),
        (status = 503, description = "The payment provider failed, and there is no order; or what was kept cannot be read"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(id): Id<OrderId>,
) -> Result<Response, Problem> {
    match find_kept(&app, &principal.who, id).await? {
        Known::Order(order) => Ok(Json(show::order(&app, &order, app.now())).into_response()),
        Known::Checkout(checkout) => waiting(&checkout, None),
    }
}

/// An order or checkout that is the caller's to see; another's is not found.
pub(crate) fn find(app: &App, who: &Who, id: OrderId) -> Result<Known, Problem> {
    seen(who, app.client.known(id)).ok_or_else(Problem::not_found)
}

/// As [`find`], among the orders that have left memory, too.
pub(crate) async fn find_kept(app: &App, who: &Who, id: OrderId) -> Result<Known, Problem> {
    kept(app, who, id).await?.ok_or_else(Problem::not_found)
}

fn seen(who: &Who, known: Option<Known>) -> Option<Known> {
    known.filter(|known| visible(who, known))
}

/// What the caller may see, in memory or where orders are kept.
pub(super) async fn kept(app: &App, who: &Who, id: OrderId) -> Result<Option<Known>, Problem> {
    let known = app.client.known(id);
    let (None, Some(history)) = (known.as_ref(), app.config.history.clone()) else {
        return Ok(seen(who, known));
    };
    // It may wait for a disk.
    let kept = tokio::task::spawn_blocking(move || history.order(id)).await;
    let kept = match kept {
        Ok(Ok(kept)) => kept,
        Ok(Err(_)) | Err(_) => {
            tracing::error!("the history could not be read");
            let title = "What was kept cannot be read now";
            return Err(Problem::unavailable("history_unavailable", title, Span::from_secs(1)));
        }
    };
    Ok(seen(who, kept.map(|order| Known::Order(Arc::new(order)))))
}

/// Does something to an order of the caller's. To one that has left memory nothing more is done, but
/// whoever did it then and asks again is told what they were told first: their name is in `cause`, and
/// they were told only what was theirs.
pub(super) async fn change(
    app: &App,
    who: &Who,
    order: OrderId,
    cause: Cause,
    command: Command,
) -> Result<Outcome, Problem> {
    match app.client.known(order) {
        Some(known) if visible(who, &known) => submit(app, cause, command).await,
        Some(_) => Err(Problem::not_found()),
        None => recall(app, cause).await?.ok_or_else(Problem::not_found),
    }
}

/// Whether somebody may see it: its customer; its restaurant and its driver once it is an order;
/// operations.
pub(crate) fn visible(who: &Who, known: &Known) -> bool {
    match (who, known) {
        (Who::Operations(_), _) => true,
        (Who::Customer(id), _) => known.customer() == *id,
        (Who::Restaurant(id), Known::Order(order)) => order.intent().restaurant == *id,
        (Who::Driver(id), Known::Order(order)) => carries(order, *id),
        (Who::Restaurant(_) | Who::Driver(_), Known::Checkout(_)) => false,
    }
}

fn carries(order: &Order, driver: doorstep_core::id::DriverId) -> bool {
    order.phase().assignment().is_some_and(|(assigned, _)| assigned == driver)
}
