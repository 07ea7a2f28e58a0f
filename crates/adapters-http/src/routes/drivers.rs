//! What a driver's app says.

use axum::Json;
use axum::extract::{Extension, State};
use doorstep_core::id::{DeliveryId, DriverId};
use doorstep_core::order::FailReason;
use doorstep_core::place::LatLng;
use doorstep_core::shard::{Command, DriverAct};
use doorstep_core::time::Timestamp;
use doorstep_geo_index::{Fix, Ping, Verdict};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Principal, Role, Who};
use crate::command::{Act, Id, Json as Body, Nothing, submit};
use crate::layers::only;
use crate::problem::Problem;
use crate::{show, wire};

/// Most pings of a message.
pub(crate) const PINGS_MAX: usize = 100;

/// Positions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pings {
    /// One or more, in any order; the newest wins.
    #[schema(min_items = 1, max_items = 100)]
    #[serde(deserialize_with = "crate::wire::strict::many")]
    pings: Vec<wire::PingIn>,
}

/// Takes a driver's positions in, one or a batch of at most 100. The newest wins, so a repetition
/// changes nothing.
#[utoipa::path(
    post, path = "/v1/drivers/location", tag = "drivers", operation_id = "driver_location", security(("bearer" = [])),
    request_body = Pings,
    responses((status = 200, body = wire::PingsTaken, description = "How it stands"), (status = 400, description = "Not what is wanted here"))
)]
pub(crate) async fn location(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Body(Pings { pings }, _under_way): Body<Pings>,
) -> Result<Json<wire::PingsTaken>, Problem> {
    let driver = driver(&principal)?;
    take(&app, driver, &pings).map(Json)
}

/// Takes pings in, all or none of them.
pub(crate) fn take(
    app: &App,
    driver: DriverId,
    pings: &[wire::PingIn],
) -> Result<wire::PingsTaken, Problem> {
    if !(1..=PINGS_MAX).contains(&pings.len()) {
        let title = "A message has 1 to 100 pings";
        return Err(Problem::bad_request("bad_pings", title));
    }
    let now = app.now();
    let read: Result<Vec<Ping>, Problem> =
        pings.iter().map(|ping| Ok(Ping::new(driver, fix(ping, now)?))).collect();
    let mut taken = wire::PingsTaken::default();
    app.client.record_pings(&read?, |_, verdict| {
        let count = match verdict {
            Verdict::Inserted | Verdict::Moved | Verdict::Refreshed => &mut taken.taken,
            Verdict::OutOfOrder => &mut taken.out_of_order,
            Verdict::Implausible => &mut taken.implausible,
            Verdict::Full => &mut taken.full,
        };
        *count = count.saturating_add(1);
    });
    metrics::counter!("doorstep_pings").increment(u64::try_from(pings.len()).unwrap_or(0));
    Ok(taken)
}

fn fix(ping: &wire::PingIn, now: Timestamp) -> Result<Fix, Problem> {
    let position = LatLng::new(ping.lat, ping.lng).map_err(|error| {
        Problem::bad_request("bad_place", "A ping is at no place on Earth").detail(&error)
    })?;
    if ping.heading_deg.is_some_and(|heading| heading > 359) {
        return Err(Problem::bad_request("bad_heading", "A heading is 0 to 359 degrees"));
    }
    let fix = Fix {
        accuracy_m: ping.accuracy_m,
        heading_deg: ping.heading_deg,
        speed_cm_s: ping.speed_cm_s,
        mocked: ping.mocked,
        ..Fix::new(position, ping.taken_at.map_or(now, |time| time.0))
    };
    Ok(fix.received_at(now))
}

/// On or off duty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Duty {
    /// Which.
    #[serde(deserialize_with = "crate::wire::strict::one")]
    status: DutyStatus,
}

/// On or off duty.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DutyStatus {
    /// Takes offers.
    Online,
    /// Takes no more.
    Offline,
}

/// Goes on or off duty. What is carried is still delivered.
#[utoipa::path(
    post, path = "/v1/drivers/status", tag = "drivers", operation_id = "driver_status", security(("bearer" = [])),
    params(("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry")),
    request_body = Duty,
    responses((status = 200, body = wire::DriverState, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"), (status = 409, description = "Not as things stand"))
)]
pub(crate) async fn status(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    act: Act<Duty>,
) -> Result<Json<wire::DriverState>, Problem> {
    let driver = driver(&principal)?;
    let says = match act.body.status {
        DutyStatus::Online => DriverAct::GoOnline,
        DutyStatus::Offline => DriverAct::GoOffline,
    };
    say(&app, driver, act.cause, says).await
}

/// One tap on a delivery.
macro_rules! taps {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $act:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "drivers", security(("bearer" = [])),
            params(
                ("id" = wire::ids::DeliveryId, Path, description = "The delivery"),
                ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
            ),
            request_body = Nothing,
            responses(
                (status = 200, body = wire::DriverState, description = "How it stands"),
                (status = 404, description = "It is no delivery of this driver's"),
                (status = 409, description = "Not as things stand"),
            )
        )]
        pub(crate) async fn $name(
            State(app): State<App>,
            Extension(principal): Extension<Principal>,
            Id(delivery): Id<DeliveryId>,
            act: Act<Nothing>,
        ) -> Result<Json<wire::DriverState>, Problem> {
            let driver = driver(&principal)?;
            say(&app, driver, act.cause, DriverAct::$act { delivery }).await
        }
    )*};
}

// Seven taps that differ in name and word only: a macro is the shorter text.
taps! {
    /// Takes an offer.
    accept, "/v1/drivers/deliveries/{id}/accept", Accept;
    /// Does not take it.
    decline, "/v1/drivers/deliveries/{id}/decline", Decline;
    /// Is at the restaurant.
    arrived, "/v1/drivers/deliveries/{id}/arrived", ArriveAtRestaurant;
    /// Has it.
    picked_up, "/v1/drivers/deliveries/{id}/picked_up", PickUp;
    /// Sets out for the next door.
    on_the_way, "/v1/drivers/deliveries/{id}/on_the_way", Depart;
    /// Has handed it over.
    delivered, "/v1/drivers/deliveries/{id}/delivered", Deliver;
    /// Gives it back, before pick-up.
    drop_out, "/v1/drivers/deliveries/{id}/drop", Drop;
}

/// Is at the door. A tap far from it is accepted and flagged.
#[utoipa::path(
    post, path = "/v1/drivers/deliveries/{id}/at_doorstep", tag = "drivers",
    security(("bearer" = [])),
    params(
        ("id" = wire::ids::DeliveryId, Path, description = "The delivery"),
        ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
    ),
    request_body = Nothing,
    responses((status = 200, body = wire::DriverState, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"), (status = 409, description = "Not as things stand"))
)]
pub(crate) async fn at_doorstep(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(delivery): Id<DeliveryId>,
    act: Act<Nothing>,
) -> Result<Json<wire::DriverState>, Problem> {
    let driver = driver(&principal)?;
    let door = app.client.desk(driver).and_then(|desk| {
        let carried = desk.carrying.iter().find(|carried| carried.delivery == delivery)?;
        carried.orders.first().map(|(_, _, door)| *door)
    });
    let fix = show::fresh_fix(&app, driver, app.now());
    let distance_m = door.zip(fix).map(|(door, fix)| door.distance_m(fix.position));
    say(&app, driver, act.cause, DriverAct::ArriveAtDoorstep { delivery, distance_m }).await
}

/// Why it will not be handed over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failed {
    /// Why.
    #[serde(deserialize_with = "crate::wire::strict::one")]
    reason: Reason,
    /// Whether it went back to the restaurant.
    #[serde(default)]
    returned: bool,
}

/// Why an order was picked up and never handed over.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Nobody came to the door.
    CustomerAbsent,
    /// The customer would not take it.
    CustomerRefused,
    /// It was spoilt on the way.
    Accident,
}

/// It will not be handed over.
#[utoipa::path(
    post, path = "/v1/drivers/deliveries/{id}/failed", tag = "drivers", security(("bearer" = [])),
    params(
        ("id" = wire::ids::DeliveryId, Path, description = "The delivery"),
        ("Idempotency-Key" = wire::ids::IdempotencyKey, Header, description = "The same on every retry"),
    ),
    request_body = Failed,
    responses((status = 200, body = wire::DriverState, description = "How it stands"), (status = 404, description = "Not there, or not the caller's"), (status = 409, description = "Not as things stand"))
)]
pub(crate) async fn failed(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(delivery): Id<DeliveryId>,
    act: Act<Failed>,
) -> Result<Json<wire::DriverState>, Problem> {
    let driver = driver(&principal)?;
    let reason = match act.body.reason {
        Reason::CustomerAbsent => FailReason::CustomerAbsent,
        Reason::CustomerRefused => FailReason::CustomerRefused,
        Reason::Accident => FailReason::Accident,
    };
    let returned = act.body.returned;
    say(&app, driver, act.cause, DriverAct::Fail { delivery, reason, returned }).await
}

pub(crate) fn driver(principal: &Principal) -> Result<DriverId, Problem> {
    only(principal, &[Role::Driver])?;
    match principal.who {
        Who::Driver(id) => Ok(id),
        Who::Customer(_) | Who::Restaurant(_) | Who::Operations(_) => Err(Problem::forbidden()),
    }
}

async fn say(
    app: &App,
    driver: DriverId,
    cause: doorstep_core::log::Cause,
    act: DriverAct,
) -> Result<Json<wire::DriverState>, Problem> {
    submit(app, cause, Command::Driver { driver, act }).await?;
    let desk = app.client.desk(driver);
    Ok(Json(show::driver(driver, desk.as_deref(), app.now())))
}
