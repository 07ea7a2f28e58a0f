//! A driver's app: pings up, offers down.

use axum::extract::{Extension, State};
use axum::response::Response;
use doorstep_core::id::DriverId;
use doorstep_core::limit::Gcra;
use doorstep_runtime::reads::Subject;

use super::{Close, Line, Opening, Woke, open, until};
use crate::app::App;
use crate::auth::Principal;
use crate::problem::Problem;
use crate::routes::drivers::{driver, take};
use crate::wire::strict::Strict;
use crate::{show, wire};

/// A WebSocket for a driver's app: `FromDriver` up, `ToDriver` down. Offers are answered by
/// `POST /v1/drivers/deliveries/{id}/accept` or `/decline`.
#[utoipa::path(
    get, path = "/v1/drivers/stream", tag = "drivers", operation_id = "driver_stream", security(("bearer" = [])),
    responses(
        (status = 101, description = "Text frames: `FromDriver` up, `ToDriver` down"),
        (status = 403, description = "No driver, or a page of another origin"),
        (status = 426, description = "This is a WebSocket"),
        (status = 429, description = "As many sockets as one person may have"),
        (status = 503, description = "As many sockets as there may be"),
    )
)]
pub(crate) async fn stream(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    opening: Opening,
) -> Result<Response, Problem> {
    let driver = driver(&principal)?;
    open(&app, &principal, opening, move |mut line| async move {
        let close = serve(&mut line, driver).await;
        (line, close)
    })
}

async fn serve(line: &mut Line, driver: DriverId) -> Close {
    let Ok(mut watch) = line.app.client.watch(Subject::Driver(driver)) else {
        return Close::Full;
    };
    let mut said: Option<wire::DriverState> = None;
    let mut taken = Gcra::default();
    loop {
        let now = line.app.now();
        let desk = line.app.client.desk(driver);
        let state = show::driver(driver, desk.as_deref(), now);
        if let Err(close) = tell(line, &mut said, state).await {
            return close;
        }
        let offer = said.as_ref().and_then(|state| state.offer.as_ref());
        let wake_at = offer.map(|offer| until(&line.app, offer.expires_at.0));
        match line.wait(watch.changed(), wake_at).await {
            Woke::Changed | Woke::Time => {}
            Woke::Text(text) => {
                let quota = &line.app.config.limits.per_driver_socket;
                match taken.check(quota, 1, line.app.now()) {
                    Ok(passed) => taken = passed.state,
                    Err(_) => return Close::Policy("too many messages"),
                }
                if let Err(close) = hear(line, driver, &text).await {
                    return close;
                }
            }
            Woke::Close(close) => return close,
        }
    }
}

/// Says how things stand, if that is not what was said last.
async fn tell(
    line: &mut Line,
    said: &mut Option<wire::DriverState>,
    state: wire::DriverState,
) -> Result<(), Close> {
    let message = match said {
        None => wire::ToDriver::Snapshot { driver: state.clone() },
        Some(known) if same(known, &state) => return Ok(()),
        Some(_) => wire::ToDriver::Update { driver: state.clone() },
    };
    line.send(&message).await?;
    *said = Some(state);
    Ok(())
}

/// But for the time at which it is said.
fn same(known: &wire::DriverState, state: &wire::DriverState) -> bool {
    let wire::DriverState { id, status, offer, deliveries, as_of: _ } = known;
    (id, status, offer, deliveries) == (&state.id, &state.status, &state.offer, &state.deliveries)
}

async fn hear(line: &mut Line, driver: DriverId, text: &str) -> Result<(), Close> {
    let heard = serde_json::from_str(text)
        .map_err(|error| ("invalid_message", error.to_string()))
        .and_then(|Strict(wire::FromDriver::Pings { pings })| {
            take(&line.app, driver, &pings)
                .map_err(|problem| (problem.code(), String::from("the pings are not sound")))
        });
    match heard {
        Ok(_) => Ok(()),
        Err((code, detail)) => {
            line.send(&wire::ToDriver::Error { code: code.into(), detail }).await
        }
    }
}
