//! Restaurants: found, looked at, put; and what they say of their orders.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_core::catalog;
use doorstep_core::id::{OrderId, RestaurantId};
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, RestaurantAct};
use doorstep_runtime::reads::Known;
use doorstep_runtime::restaurants::Search;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::orders::{bad_cursor, change, kept, page_limit};
use crate::app::App;
use crate::auth::{Principal, Role, Who};
use crate::command::{Act, Id, Query, submit};
use crate::layers::only;
use crate::problem::Problem;
use crate::{show, wire};

/// Farthest that anybody looks, in metres.
const RADIUS_MAX_M: u32 = catalog::RADIUS_MAX_M;

/// Longest cuisine that anybody looks for, in characters: none that is listed is longer, in bytes.
const CUISINE_CHARS_MAX: usize = catalog::NAME_MAX_BYTES as usize;

/// What somebody looks for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Near {
    /// Where it is to be brought: latitude, in degrees.
    #[param(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, in degrees.
    #[param(minimum = -180, maximum = 180)]
    lng: f64,
    /// How far away a restaurant may be, in metres. Default 5,000.
    #[param(minimum = 1, maximum = 100_000)]
    radius_m: Option<u32>,
    /// Only this cuisine, spelt as the restaurant does.
    #[param(max_length = 200)]
    cuisine: Option<String>,
    /// Where the page begins: `next_cursor` of the last one.
    cursor: Option<String>,
    /// How many, 1 to 100. Default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Who would bring something there now, the nearest first, with distance, fee and estimate.
#[utoipa::path(
    get, path = "/v1/restaurants", tag = "restaurants", operation_id = "restaurants_near", security(("bearer" = [])),
    params(Near),
    responses((status = 200, body = wire::Page<wire::NearbyRestaurant>, description = "How it stands"), (status = 400, description = "Not what is wanted here"))
)]
pub(crate) async fn near(
    State(app): State<App>,
    Query(near): Query<Near>,
) -> Result<Json<wire::Page<wire::NearbyRestaurant>>, Problem> {
    let to = LatLng::new(near.lat, near.lng).map_err(|error| {
        Problem::bad_request("bad_place", "This is no place on Earth").detail(&error)
    })?;
    let radius_m = near.radius_m.unwrap_or(5_000);
    if !(1..=RADIUS_MAX_M).contains(&radius_m) {
        let title = "A radius is 1 to 100,000 metres";
        return Err(Problem::bad_request("bad_radius", title));
    }
    let cuisine = near.cuisine.as_deref();
    if cuisine.is_some_and(|cuisine| cuisine.chars().count() > CUISINE_CHARS_MAX) {
        return Err(Problem::bad_request("bad_cuisine", "A cuisine has at most 200 characters"));
    }
    let after = near.cursor.as_deref().map(str::parse).transpose().map_err(|_| bad_cursor())?;
    let limit = page_limit(near.limit)?;
    let page =
        app.client.restaurants_near(&Search { to, radius_m, cuisine, after, limit }, app.now());
    let data = page.restaurants.iter().map(|found| wire::NearbyRestaurant {
        id: found.restaurant,
        position: found.position.into(),
        distance_m: found.distance_m,
        delivery_fee: found.delivery_fee.into(),
        estimated_at: wire::Time(found.estimate),
    });
    Ok(Json(wire::Page {
        data: data.collect(),
        has_more: page.next.is_some(),
        next_cursor: page.next.map(|next| next.to_string()),
    }))
}

/// What a restaurant sells, with prices, what has run out, and how it may be customised.
#[utoipa::path(
    get, path = "/v1/restaurants/{id}/menu", tag = "restaurants", operation_id = "get_menu", security(("bearer" = [])),
    params(("id" = wire::ids::RestaurantId, Path, description = "The restaurant")),
    responses((status = 200, body = wire::Menu, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"))
)]
pub(crate) async fn menu(
    State(app): State<App>,
    Id(id): Id<RestaurantId>,
) -> Result<Json<wire::Menu>, Problem> {
    let now = app.now();
    let menu = app.client.restaurant(id, |restaurant| {
        let open = restaurant.open && restaurant.hours.is_open(now);
        let opens_at = restaurant.hours.next_opening(now).filter(|_| restaurant.open && !open);
        wire::Menu {
            restaurant: id,
            open,
            opens_at: opens_at.and_then(wire::Time::of),
            categories: restaurant.menu.categories.iter().map(Into::into).collect(),
        }
    });
    menu.map(Json).ok_or_else(Problem::not_found)
}

/// Lists a restaurant, or replaces the one of this id whole: operations, or the restaurant itself.
/// It fits into one body: a longer one is 413.
#[utoipa::path(
    put, path = "/v1/restaurants/{id}", tag = "restaurants", operation_id = "put_restaurant", security(("bearer" = [])),
    params(
        ("id" = wire::ids::RestaurantId, Path, description = "The restaurant"),
        ("Idempotency-Key" = Option<wire::ids::IdempotencyKey>, Header, description = "The same on every retry"),
    ),
    request_body = wire::Restaurant,
    responses((status = 204, description = "Done"), (status = 404, description = "Not there, or not the caller's"), (status = 422, description = "It can never be so"))
)]
pub(crate) async fn put(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(id): Id<RestaurantId>,
    act: Act<wire::Restaurant>,
) -> Result<StatusCode, Problem> {
    only(&principal, &[Role::Restaurant, Role::Operations])?;
    if let Who::Restaurant(own) = principal.who
        && own != id
    {
        return Err(Problem::not_found());
    }
    let restaurant = act.body.named(id).map_err(|error| {
        Problem::unprocessable("bad_restaurant", "The restaurant is out of bounds").detail(&error)
    })?;
    submit(&app, act.cause, Command::Catalog(catalog::Command::Put(restaurant))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a restaurant says of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Says {
    /// What.
    #[serde(deserialize_with = "crate::wire::strict::one")]
    status: SaysStatus,
    /// With `accepted`: when it will be ready, if the kitchen says so.
    #[serde(default)]
    ready_at: Option<wire::Time>,
}

/// What a restaurant says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SaysStatus {
    /// It takes it: the money is taken.
    Accepted,
    /// It does not: the money is let go.
    Rejected,
    /// The kitchen begins.
    Preparing,
    /// The kitchen is done.
    ReadyForPickup,
}

/// The restaurant accepts or rejects an order, begins it, or has it ready. Said twice, it is so once.
#[utoipa::path(
    patch, path = "/v1/restaurants/orders/{id}", tag = "restaurants", operation_id = "answer_order", security(("bearer" = [])),
    params(
        ("id" = wire::ids::OrderId, Path, description = "The order"),
        ("Idempotency-Key" = Option<wire::ids::IdempotencyKey>, Header, description = "The same on every retry"),
    ),
    request_body = Says,
    responses(
        (status = 200, body = wire::Order, description = "How it stands"),
        (status = 204, description = "It was so, and the order is no longer kept here"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 409, description = "Not as things stand: `status_allowed` says when"),
    )
)]
pub(crate) async fn act(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(order): Id<OrderId>,
    act: Act<Says>,
) -> Result<Response, Problem> {
    only(&principal, &[Role::Restaurant])?;
    let ready_at = act.body.ready_at.map(|time| time.0);
    let says = match act.body.status {
        SaysStatus::Accepted => RestaurantAct::Accept { ready_at },
        _ if ready_at.is_some() => {
            let title = "Only who accepts says when it will be ready";
            return Err(Problem::unprocessable("unexpected_ready_at", title));
        }
        SaysStatus::Rejected => RestaurantAct::Reject,
        SaysStatus::Preparing => RestaurantAct::StartPreparing,
        SaysStatus::ReadyForPickup => RestaurantAct::MarkReady,
    };
    let command = Command::Restaurant { order, act: says };
    change(&app, &act.who, order, act.cause, command).await?;
    match kept(&app, &act.who, order).await? {
        Some(Known::Order(order)) => Ok(Json(show::order(&app, &order, app.now())).into_response()),
        Some(Known::Checkout(_)) => Err(Problem::not_found()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}
