//! The routes: parse, authorise, submit, answer.
//!
//! Whether an object is the caller's is asked in the look-up itself: another's is not found.

mod cancellation;
pub(crate) mod drivers;
pub(crate) mod health;
mod ops;
pub(crate) mod orders;
mod restaurants;
mod sales;
mod webhooks;

use axum::middleware::from_fn_with_state;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::describe;
use crate::layers;
use crate::socket;
use crate::wire;

/// Where the OpenAPI description begins: what no handler says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Doorstep",
        description = "Orders, live tracking and the cancel button, dispatch, and flash sales.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(
        wire::Problem, wire::Notification, wire::TrackMessage, wire::FromDriver, wire::ToDriver,
        wire::ids::OrderId, wire::ids::DeliveryId, wire::ids::DriverId, wire::ids::RestaurantId,
        wire::ids::SaleId, wire::ids::IdempotencyKey,
    )),
    modifiers(&Bearer),
)]
struct Description;

/// The one way to say who one is.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Every public route, and their description.
pub(crate) fn api(app: &App) -> (axum::Router<App>, utoipa::openapi::OpenApi) {
    let persons = OpenApiRouter::new()
        .routes(routes!(restaurants::near))
        .routes(routes!(restaurants::menu))
        .routes(routes!(restaurants::put))
        .routes(routes!(restaurants::act))
        .routes(routes!(orders::place, orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(cancellation::terms))
        .routes(routes!(cancellation::cancel))
        .routes(routes!(socket::tracking::track))
        .routes(routes!(drivers::location))
        .routes(routes!(drivers::status))
        .routes(routes!(drivers::accept))
        .routes(routes!(drivers::decline))
        .routes(routes!(drivers::arrived))
        .routes(routes!(drivers::picked_up))
        .routes(routes!(drivers::on_the_way))
        .routes(routes!(drivers::at_doorstep))
        .routes(routes!(drivers::delivered))
        .routes(routes!(drivers::drop_out))
        .routes(routes!(drivers::failed))
        .routes(routes!(socket::driver::stream))
        .routes(routes!(sales::one))
        .routes(routes!(sales::claim))
        .routes(routes!(sales::queue))
        .routes(routes!(ops::drivers))
        .routes(routes!(ops::counters))
        .routes(routes!(ops::admit))
        .routes(routes!(ops::open_sale))
        .layer(from_fn_with_state(app.clone(), layers::authenticated));
    let open = OpenApiRouter::new()
        .routes(routes!(webhooks::payments))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready));
    let api = OpenApiRouter::with_openapi(Description::openapi()).merge(persons).merge(open);
    let (router, mut openapi) = api.split_for_parts();
    describe::complete(&mut openapi);
    (router, openapi)
}
