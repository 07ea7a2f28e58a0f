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

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::describe;
use crate::layers::{Around, Whom};
use crate::problem::Problem;
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
pub(crate) fn api(app: &App) -> (Router<App>, utoipa::openapi::OpenApi) {
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
        .routes(routes!(ops::open_sale));
    let open = OpenApiRouter::new()
        .routes(routes!(webhooks::payments))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready));
    let (persons, mut openapi) =
        OpenApiRouter::with_openapi(Description::openapi()).merge(persons).split_for_parts();
    let (open, of_open) = open.split_for_parts();
    openapi.merge(of_open);
    describe::complete(&mut openapi);
    let persons = around(app, Whom::Somebody, persons);
    (persons.merge(around(app, Whom::Anybody, open)), openapi)
}

/// Routes with what stands around them, also where they have no such method.
pub(crate) fn around(app: &App, whom: Whom, routes: Router<App>) -> Router<App> {
    let not_allowed = || async {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem::new(status, "method_not_allowed", "This is not done here").into_response()
    };
    routes.method_not_allowed_fallback(not_allowed).layer(Around::new(app.clone(), whom))
}
