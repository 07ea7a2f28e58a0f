//! What the OpenAPI description says of every operation alike: how it refuses, what each answer
//! carries, and which answer leads where.

use serde_json::json;
use utoipa::openapi::header::Header;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{
    Content, ObjectBuilder, OpenApi, Paths, Ref, RefOr, Required, Response, Type,
};

use crate::problem::PROBLEM_JSON;

const JSON: &str = "application/json";

/// The refusals that need no word of the operation's own. One that it words itself stands.
const REFUSALS: &[(&str, &str)] = &[
    ("400", "The query, a header or the body is not of the form described here"),
    ("401", "Nobody, or with a token that is not believed"),
    ("403", "Not for the role that asks"),
    ("404", "Not there, or not the caller's"),
    ("408", "The body was not sent in time"),
    ("409", "Not as things stand: `code` says why. It stays the answer to its key"),
    ("413", "The body is too long"),
    ("422", "It can never be so, or the Idempotency-Key was used with another body"),
    ("429", "Too many requests"),
    ("503", "Not now: send the same again, with the same key"),
];

/// Of the header under which something is done once.
const KEY: &str = "\
    The same on every retry of one request. What was decided stays under it for a day, refusals too, and \
    is given to it again: after a `Retry-After` of a 409, or of a 429 `too_many_orders` or \
    `too_many_failures`, ask with a new key. After a 503 or a 429 `rate_limited` send the same again, \
    with the same key: it is done at most once. (Of the 503s, `payment_unavailable` alone was decided, and \
    wants a new one.)";

/// What may be refused until a time that is known.
const NOT_OPEN_YET: &[&str] = &["claim_unit", "join_queue"];

/// What anybody may ask who has a token; everything else is for some roles.
const FOR_ALL_ROLES: &[&str] =
    &["restaurants_near", "get_menu", "get_order", "cancellation_terms", "track_order", "get_sale"];

/// Operation and status → link, where it leads, the parameter there, and what of the answer it is.
const LINKS: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("place_order", "201", "order", "get_order", "id", "$response.body#/id"),
    ("place_order", "201", "terms", "cancellation_terms", "id", "$response.body#/id"),
    ("place_order", "201", "cancel", "cancel_order", "id", "$response.body#/id"),
    ("place_order", "201", "answer", "answer_order", "id", "$response.body#/id"),
    ("place_order", "201", "track", "track_order", "id", "$response.body#/id"),
    ("place_order", "202", "order", "get_order", "id", "$response.body#/id"),
    ("place_order", "202", "cancel", "cancel_order", "id", "$response.body#/id"),
    ("list_orders", "200", "next", "list_orders", "cursor", "$response.body#/next_cursor"),
    ("list_orders", "200", "first", "get_order", "id", "$response.body#/data/0/id"),
    ("get_order", "200", "terms", "cancellation_terms", "id", "$response.body#/id"),
    ("get_order", "200", "menu", "get_menu", "id", "$response.body#/restaurant"),
    (
        "restaurants_near",
        "200",
        "next",
        "restaurants_near",
        "cursor",
        "$response.body#/next_cursor",
    ),
    ("restaurants_near", "200", "menu", "get_menu", "id", "$response.body#/data/0/id"),
    ("driver_status", "200", "accept", "accept", "id", "$response.body#/offer/delivery"),
    ("driver_status", "200", "decline", "decline", "id", "$response.body#/offer/delivery"),
    ("accept", "200", "arrived", "arrived", "id", "$response.body#/deliveries/0/id"),
    ("accept", "200", "drop", "drop_out", "id", "$response.body#/deliveries/0/id"),
    ("arrived", "200", "picked_up", "picked_up", "id", "$response.body#/deliveries/0/id"),
    ("picked_up", "200", "on_the_way", "on_the_way", "id", "$response.body#/deliveries/0/id"),
    ("picked_up", "200", "failed", "failed", "id", "$response.body#/deliveries/0/id"),
    ("on_the_way", "200", "at_doorstep", "at_doorstep", "id", "$response.body#/deliveries/0/id"),
    ("at_doorstep", "200", "delivered", "delivered", "id", "$response.body#/deliveries/0/id"),
    ("get_sale", "200", "menu", "get_menu", "id", "$response.body#/restaurant"),
    ("get_sale", "200", "claim", "claim_unit", "id", "$response.body#/id"),
    ("get_sale", "200", "queue", "join_queue", "id", "$response.body#/id"),
];

/// Adds to `openapi` what its handlers do not repeat.
pub(crate) fn complete(openapi: &mut OpenApi) {
    for operation in openapi.paths.paths.values_mut().flat_map(operations) {
        keys(operation);
        refusals(operation);
        links(operation);
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.headers.insert("Request-Id".into(), header("Request-Id"));
            }
        }
    }
    let components = openapi.components.get_or_insert_default();
    components.headers.insert("Request-Id".into(), request_id());
    components.headers.insert("Retry-After".into(), retry_after());
    openapi.webhooks = Some(Paths::builder().path("notification", notification()).build());
    for (status, description) in REFUSALS {
        let mut refusal = Response::new(*description);
        explain(status, &mut refusal);
        refusal.headers.insert("Request-Id".into(), header("Request-Id"));
        components.responses.insert(component(status), refusal.into());
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, .. } = item;
    [get, put, post, patch].into_iter().flatten()
}

/// What a key is good for.
fn keys(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "Idempotency-Key"
        {
            parameter.description = Some(KEY.into());
        }
    }
}

/// Each refusal's form, and those that the operation did not name.
fn refusals(operation: &mut Operation) {
    let body = operation.request_body.as_mut();
    let has_body = body.is_some();
    if let Some(RefOr::T(body)) = body {
        may_be_empty(body);
    }
    let parameters: Vec<&Parameter> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(
            |parameter| if let RefOr::T(parameter) = parameter { Some(parameter) } else { None },
        )
        .collect();
    let is_in = |place| parameters.iter().any(|parameter| parameter.parameter_in == place);
    let commands = parameters.iter().any(|parameter| parameter.name == "Idempotency-Key");
    let asked = operation.security.is_some();
    let name = operation.operation_id.as_deref().unwrap_or_default();
    let waits = NOT_OPEN_YET.contains(&name);
    let for_some = asked && !FOR_ALL_ROLES.contains(&name);
    let refuses = [
        ("400", has_body || is_in(ParameterIn::Query) || is_in(ParameterIn::Header)),
        ("401", asked),
        ("403", for_some),
        ("404", is_in(ParameterIn::Path)),
        ("408", has_body),
        ("409", commands),
        ("413", has_body),
        ("422", commands),
        ("429", true),
        ("503", commands),
    ];
    let responses = &mut operation.responses.responses;
    for (status, _) in refuses.into_iter().filter(|(_, refuses)| *refuses) {
        let common = Ref::new(format!("#/components/responses/{}", component(status)));
        responses.entry(status.into()).or_insert(RefOr::Ref(common));
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            explain(status, response);
            if status == "409" && waits {
                response.headers.insert("Retry-After".into(), header("Retry-After"));
            }
        }
    }
}

/// A body all of whose members may be left out may be left out itself.
fn may_be_empty(body: &mut RequestBody) {
    const NOTHING_NEEDED: [&str; 3] = ["Nothing", "Cancel", "Claim"];
    let needs_nothing = body.content.values().any(|content| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else {
            return false;
        };
        NOTHING_NEEDED.iter().any(|name| schema.ref_location.ends_with(&format!("/{name}")))
    });
    if needs_nothing {
        body.required = Some(Required::False);
    }
}

/// A refusal is a problem, and says when to come back where it knows.
fn explain(status: &str, response: &mut Response) {
    if !status.starts_with(['4', '5']) {
        return;
    }
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    response.content.entry(PROBLEM_JSON.into()).or_insert(problem.into());
    if matches!(status, "429" | "503") {
        response.headers.insert("Retry-After".into(), header("Retry-After"));
    }
}

fn links(operation: &mut Operation) {
    let from = operation.operation_id.as_deref().unwrap_or_default();
    for (_, status, name, to, parameter, value) in LINKS.iter().filter(|link| link.0 == from) {
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(*status) {
            let link = LinkBuilder::new().operation_id(*to).parameter(*parameter, *value).build();
            response.links.insert((*name).into(), link.into());
        }
    }
}

/// What the service posts to whoever has an endpoint (`doorstep_runtime::notify::Webhook`).
fn notification() -> PathItem {
    let header = |name: &str, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
    };
    let body = RequestBodyBuilder::new()
        .content(JSON, Content::new(Some(Ref::from_schema_name("Notification"))))
        .required(Some(Required::True));
    let told = OperationBuilder::new()
        .operation_id(Some("notification"))
        .tag("webhooks")
        .summary(Some("Something happened that this endpoint is to know."))
        .description(Some(
            "Signed as Standard Webhooks has it (<https://www.standardwebhooks.com>). It comes at \
             least once: the same `webhook-id` is the same message. Messages may come late and in any \
             order; they say what happened, and the order says how it stands.",
        ))
        .parameter(header("webhook-id", "Names the message: the same in every attempt."))
        .parameter(header("webhook-timestamp", "When this attempt was made, in Unix seconds."))
        .parameter(header(
            "webhook-signature",
            "`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; several, separated by \
             spaces, while a secret is changed.",
        ))
        .request_body(Some(body.build()))
        .response("2XX", Response::new("Taken: it does not come again"))
        .response("410", Response::new("Never again: this endpoint is gone"))
        .response("default", Response::new("It comes again, after `Retry-After` where there is one"));
    PathItem::new(HttpMethod::Post, told)
}

fn component(status: &str) -> String {
    format!("Problem{status}")
}

fn header(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

fn request_id() -> RefOr<Header> {
    read(json!({
        "description": "Names this request in logs, and in a problem.",
        "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    }))
}

fn retry_after() -> RefOr<Header> {
    read(json!({
        "description": "Come back after so many seconds: see Idempotency-Key for under which key.",
        "schema": { "type": "integer", "minimum": 1 },
    }))
}

/// From JSON, which is the shorter text; a test sees that both are there.
fn read(header: serde_json::Value) -> RefOr<Header> {
    serde_json::from_value::<Header>(header).unwrap_or_default().into()
}
