//! What operations see and say.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use doorstep_core::dispatch;
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{DriverId, ItemId, RestaurantId, SaleId};
use doorstep_core::order::OrderStatus;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, Crowd, Offering, OperationsAct, SaleAct};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::Viewport;
use doorstep_geo_index::cluster::{Clusters, Marker};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Principal, Role};
use crate::command::{Act, Id, Query, submit};
use crate::layers::only;
use crate::problem::Problem;
use crate::wire;

/// Most markers of a map, whatever the viewport.
const MARKERS_MAX: u32 = 100;

/// How old the counters may be, and the map of a viewport.
const OLD_AT_MOST: Span = Span::from_secs(1);

/// A viewport.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Map {
    /// `west,south,east,north`, in degrees. The west may lie east of the east: then it spans the
    /// antimeridian.
    #[param(
        example = "-75.8,4.7,-75.6,4.9",
        pattern = r"^-?(180(\.0+)?|(1[0-7]\d|\d{1,2})(\.\d+)?),-?(90(\.0+)?|[0-8]?\d(\.\d+)?),-?(180(\.0+)?|(1[0-7]\d|\d{1,2})(\.\d+)?),-?(90(\.0+)?|[0-8]?\d(\.\d+)?)$"
    )]
    bbox: String,
    /// 0 to 22, as maps count. The viewport says it all; this is checked and otherwise not used.
    #[param(minimum = 0, maximum = 22)]
    zoom: Option<u8>,
}

/// The drivers of a viewport, as at most 100 markers at any zoom; at most a second old.
#[utoipa::path(
    get, path = "/v1/ops/drivers", tag = "operations", operation_id = "driver_map", security(("bearer" = [])),
    params(Map),
    responses((status = 200, body = wire::Markers, description = "How it stands"), (status = 422, description = "Its south lies north of its north"), (status = 400, description = "Not what is wanted here"), (status = 403, description = "Not for this role"))
)]
pub(crate) async fn drivers(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Query(map): Query<Map>,
) -> Result<Json<wire::Markers>, Problem> {
    only(&principal, &[Role::Operations])?;
    if map.zoom.is_some_and(|zoom| zoom > 22) {
        return Err(Problem::bad_request("bad_zoom", "A zoom is 0 to 22"));
    }
    let viewport = viewport(&map.bbox)?;
    let now = app.now();
    let drawn = async || draw(&app, &viewport, now);
    Ok(Json(app.maps.get(viewport, now, OLD_AT_MOST, drawn).await))
}

fn draw(app: &App, viewport: &Viewport, now: Timestamp) -> wire::Markers {
    let (mut clusters, mut found) = (Clusters::new(MARKERS_MAX), Vec::new());
    clusters.of_index(app.client.drivers(), viewport, now, |_, _| true, &mut found);
    let drivers = found.iter().map(Marker::count).fold(0, u32::saturating_add);
    let markers = found.iter().map(|marker| shown(app, marker, now)).collect();
    wire::Markers { markers, drivers, as_of: wire::Time(now) }
}

fn viewport(bbox: &str) -> Result<Viewport, Problem> {
    let bad = || {
        let title = "A bbox is west,south,east,north in degrees";
        Problem::bad_request("bad_bbox", title)
    };
    let numbers: Result<Vec<f64>, _> = bbox.split(',').map(str::parse).collect();
    let [west, south, east, north] =
        numbers.ok().and_then(|n| n.try_into().ok()).ok_or_else(bad)?;
    let corner = |lat, lng| LatLng::new(lat, lng).map_err(|_| bad());
    Viewport::new(corner(south, west)?, corner(north, east)?).map_err(|error| {
        let title = "The south of a bbox lies north of its north";
        Problem::unprocessable("bad_bbox", title).detail(&error)
    })
}

fn shown(app: &App, marker: &Marker, now: Timestamp) -> wire::Marker {
    match marker {
        Marker::Driver { driver, fix } => wire::Marker::Driver {
            id: *driver,
            position: fix.position.into(),
            heading_deg: fix.heading_deg,
            age_ms: fix.age(now).as_millis(),
            busy: app.client.desk(*driver).is_some_and(|desk| !desk.carrying.is_empty()),
        },
        Marker::Group(group) => {
            let tile = group.tile;
            wire::Marker::Group {
                id: format!(
                    "{}-{}-{}-{}",
                    tile.lng_halvings, tile.lat_halvings, tile.column, tile.row
                ),
                position: group.middle.into(),
                count: group.count,
                bounds: wire::Bounds {
                    south_west: group.bounds.south_west().into(),
                    north_east: group.bounds.north_east().into(),
                },
            }
        }
    }
}

/// The city in numbers, at most a second old.
#[utoipa::path(
    get, path = "/v1/ops/counters", tag = "operations", operation_id = "counters", security(("bearer" = [])),
    responses((status = 200, body = wire::Counters, description = "How it stands"), (status = 403, description = "Not for this role"))
)]
pub(crate) async fn counters(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<wire::Counters>, Problem> {
    only(&principal, &[Role::Operations])?;
    let now = app.now();
    Ok(Json(app.counters.get(now, OLD_AT_MOST, async || count(&app, now)).await))
}

fn count(app: &App, now: Timestamp) -> wire::Counters {
    let census = app.client.census(now);
    let orders = |status| census.orders.get(&status).copied().unwrap_or(0);
    let drivers = |status| census.drivers.get(&status).copied().unwrap_or(0);
    let tally = app.client.drivers().tally();
    wire::Counters {
        orders: wire::OrderCounts {
            pending: orders(OrderStatus::Pending),
            confirmed: orders(OrderStatus::Confirmed),
            preparing: orders(OrderStatus::Preparing),
            ready_for_pickup: orders(OrderStatus::ReadyForPickup),
            driver_assigned: orders(OrderStatus::DriverAssigned),
            driver_at_restaurant: orders(OrderStatus::DriverAtRestaurant),
            picked_up: orders(OrderStatus::PickedUp),
            on_the_way: orders(OrderStatus::OnTheWay),
            at_doorstep: orders(OrderStatus::AtDoorstep),
            delivered: orders(OrderStatus::Delivered),
            undelivered: orders(OrderStatus::Undelivered),
            cancelled: orders(OrderStatus::Cancelled),
            late: census.late,
        },
        drivers: wire::DriverCounts {
            online: drivers(dispatch::DriverStatus::Online),
            offered: drivers(dispatch::DriverStatus::Offered),
            on_delivery: drivers(dispatch::DriverStatus::OnDelivery),
            on_map: u64::try_from(app.client.drivers().len()).unwrap_or(u64::MAX),
        },
        pings: wire::PingCounts {
            taken: tally.inserted.saturating_add(tally.moved).saturating_add(tally.refreshed),
            out_of_order: tally.out_of_order,
            implausible: tally.implausible,
        },
        sockets: u64::try_from(app.sockets.open()).unwrap_or(u64::MAX),
        checkouts: census.checkouts,
    }
}

/// A driver who is to work here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admit {
    /// By what.
    #[serde(deserialize_with = "crate::wire::strict::one")]
    vehicle: By,
}

/// By what a driver moves.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// On foot.
    Walking,
    /// By bicycle.
    Bicycle,
    /// By motorcycle or scooter.
    Motorcycle,
    /// By car.
    Car,
}

/// A driver works here from now on, offline at first; said twice, it is so once.
#[utoipa::path(
    put, path = "/v1/ops/drivers/{id}", tag = "operations", operation_id = "admit_driver", security(("bearer" = [])),
    params(
        ("id" = wire::ids::DriverId, Path, description = "The driver"),
        ("Idempotency-Key" = Option<wire::ids::IdempotencyKey>, Header, description = "The same on every retry"),
    ),
    request_body = Admit,
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this role"), (status = 409, description = "Not as things stand"))
)]
pub(crate) async fn admit(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(driver): Id<DriverId>,
    act: Act<Admit>,
) -> Result<StatusCode, Problem> {
    only(&principal, &[Role::Operations])?;
    let vehicle = match act.body.vehicle {
        By::Walking => Vehicle::Walking,
        By::Bicycle => Vehicle::Bicycle,
        By::Motorcycle => Vehicle::Motorcycle,
        By::Car => Vehicle::Car,
    };
    let admit = OperationsAct::Admit { driver, vehicle };
    submit(&app, act.cause, Command::Operations(admit)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A flash sale to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    /// Whose.
    #[schema(value_type = wire::ids::RestaurantId)]
    restaurant: RestaurantId,
    /// What.
    #[schema(value_type = wire::ids::ItemId)]
    item: ItemId,
    /// How many.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    #[serde(deserialize_with = "crate::wire::whole::one")]
    stock: u32,
    /// From when on.
    opens_at: wire::Time,
    /// With a waiting room: how many people a second the rest of the service can take.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    #[serde(deserialize_with = "crate::wire::whole::maybe")]
    capacity_per_s: Option<u32>,
}

/// Opens a flash sale under this id: from then on its item is sold through it alone.
#[utoipa::path(
    put, path = "/v1/ops/sales/{id}", tag = "operations", operation_id = "open_sale", security(("bearer" = [])),
    params(
        ("id" = wire::ids::SaleId, Path, description = "The sale"),
        ("Idempotency-Key" = Option<wire::ids::IdempotencyKey>, Header, description = "The same on every retry"),
    ),
    request_body = Open,
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this role"), (status = 409, description = "Not as things stand"), (status = 422, description = "It can never be so"))
)]
pub(crate) async fn open_sale(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(sale): Id<SaleId>,
    act: Act<Open>,
) -> Result<StatusCode, Problem> {
    only(&principal, &[Role::Operations])?;
    let Open { restaurant, item, stock, opens_at, capacity_per_s } = act.body;
    // Drawn here and told nobody: it shuffles those who come before the start.
    let crowd = capacity_per_s.map(|capacity_per_s| Crowd { capacity_per_s, seed: rand::random() });
    let offering = Offering { restaurant, item, stock, opens_at: opens_at.0, crowd };
    submit(&app, act.cause, Command::Sale { sale, act: SaleAct::Open(offering) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
