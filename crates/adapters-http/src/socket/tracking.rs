//! An order, followed.

use axum::extract::{Extension, State};
use axum::response::Response;
use doorstep_core::id::OrderId;
use doorstep_core::order::Order;
use doorstep_core::time::Timestamp;
use doorstep_runtime::reads::{Known, Subject};
use tokio::time::Instant;

use super::{Close, Line, Opening, Woke, open, until};
use crate::app::App;
use crate::auth::{Principal, Who};
use crate::command::Id;
use crate::problem::Problem;
use crate::routes::orders::{find, visible};
use crate::{show, wire};

/// A WebSocket that follows an order: a snapshot, then `status_update`, `location_update` every 2–3 s,
/// `cancellation_update`; closed with 1000 when the order is over. A browser sends its token as the
/// subprotocol `bearer.<token>` beside `doorstep.v1`.
#[utoipa::path(
    get, path = "/v1/orders/{id}/track", tag = "orders", operation_id = "track_order", security(("bearer" = [])),
    params(("id" = wire::ids::OrderId, Path, description = "The order")),
    responses(
        (status = 101, description = "Text frames, each one a `TrackMessage`"),
        (status = 403, description = "A page of another origin"),
        (status = 404, description = "Not there, or not the caller's"),
        (status = 426, description = "This is a WebSocket"),
        (status = 429, description = "As many sockets as one person may have"),
        (status = 503, description = "As many sockets as there may be"),
    )
)]
pub(crate) async fn track(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Id(order): Id<OrderId>,
    opening: Opening,
) -> Result<Response, Problem> {
    if let Known::Checkout(_) = find(&app, &principal.who, order)? {
        return Err(Problem::not_found());
    }
    let who = principal.who.clone();
    open(&app, &principal, opening, move |mut line| async move {
        let close = follow(&mut line, &who, order).await;
        (line, close)
    })
}

/// What was said last.
struct Said {
    status: Status,
    cancellation: Cancellation,
    fix_taken_at: Option<Timestamp>,
}

/// What a `status_update` says, but for the time.
#[derive(PartialEq, Eq)]
struct Status {
    status: wire::Status,
    estimate: Timestamp,
    driver: Option<doorstep_core::id::DriverId>,
    milestones: usize,
    latest: Option<Timestamp>,
}

/// What a `cancellation_update` says, but for the time.
#[derive(PartialEq, Eq)]
struct Cancellation {
    ground: Option<wire::Ground>,
    reason: Option<wire::CancellationReason>,
    from: Option<wire::Time>,
}

async fn follow(line: &mut Line, who: &Who, id: OrderId) -> Close {
    // Watch first and look then: what happens in between is heard.
    let Ok(mut watch) = line.app.client.watch(Subject::Order(id)) else {
        return Close::Full;
    };
    let mut said = None;
    let mut locate_at = Instant::now();
    loop {
        let order = match line.app.client.known(id).filter(|known| visible(who, known)) {
            Some(Known::Order(order)) => order,
            // Forgotten, or given to another driver.
            Some(Known::Checkout(_)) | None => return Close::Over,
        };
        let now = line.app.now();
        if let Err(close) = tell(line, &mut said, &order, &mut locate_at, now).await {
            return close;
        }
        if wire::Status::from(order.status()).is_final() {
            return Close::Over;
        }
        let wake_at = next_look(&line.app, &order, locate_at, now);
        match line.wait(watch.changed(), wake_at).await {
            Woke::Changed | Woke::Time => {}
            // Nothing is asked of the client, and nothing heard.
            Woke::Text(_) => return Close::Policy("this socket only tells"),
            Woke::Close(close) => return close,
        }
    }
}

/// Says what is not said yet. The cancel button first: nobody is to press one that is gone.
async fn tell(
    line: &mut Line,
    said: &mut Option<Said>,
    order: &Order,
    locate_at: &mut Instant,
    now: Timestamp,
) -> Result<(), Close> {
    let cancellation = show::cancellation(order, now);
    let driver = order.phase().assignment().map(|(driver, _)| driver);
    let status = Status {
        status: order.status().into(),
        estimate: order.intent().estimate,
        driver,
        milestones: order.history().len(),
        latest: order.history().last().map(|milestone| milestone.at),
    };
    let terms = Cancellation {
        ground: cancellation.ground,
        reason: cancellation.reason,
        from: cancellation.from,
    };
    let Some(known) = said else {
        let shown = show::order(&line.app, order, now);
        let fix_taken_at = shown.driver.and_then(|driver| driver.taken_at).map(|time| time.0);
        line.send(&wire::TrackMessage::Snapshot { order: Box::new(shown) }).await?;
        *said = Some(Said { status, cancellation: terms, fix_taken_at });
        *locate_at = after_location(line);
        return Ok(());
    };
    if known.cancellation != terms {
        line.send(&wire::TrackMessage::CancellationUpdate { cancellation }).await?;
        known.cancellation = terms;
    }
    if known.status != status {
        let update = wire::TrackMessage::StatusUpdate {
            order: order.id(),
            status: status.status,
            estimated_at: wire::Time(status.estimate),
            driver: show::carrier(&line.app, order, now),
            history: show::history(order),
            as_of: wire::Time(now),
        };
        line.send(&update).await?;
        known.status = status;
    }
    if Instant::now() >= *locate_at {
        *locate_at = after_location(line);
        if let Some(driver) = driver
            && let Some(fix) = show::fresh_fix(&line.app, driver, now)
            && known.fix_taken_at != Some(fix.taken_at)
        {
            let update = wire::TrackMessage::LocationUpdate {
                order: order.id(),
                driver,
                position: fix.position.into(),
                heading_deg: fix.heading_deg,
                taken_at: wire::Time(fix.taken_at),
            };
            line.send(&update).await?;
            known.fix_taken_at = Some(fix.taken_at);
        }
    }
    Ok(())
}

fn after_location(line: &Line) -> Instant {
    let now = Instant::now();
    now.checked_add(line.app.config.limits.location_every).unwrap_or(now)
}

/// When to look again though nothing is heard: where a driver is, and the promise's end.
fn next_look(app: &App, order: &Order, locate_at: Instant, now: Timestamp) -> Option<Instant> {
    let location = order.phase().assignment().map(|_| locate_at);
    let from = order.cancellable_from();
    let promise = (from > now && from < Timestamp::NEVER).then(|| until(app, from));
    [location, promise].into_iter().flatten().min()
}
