//! Every route × who asks: generated from one table, which must have a row for every route there is.

use std::collections::BTreeSet;

use doorstep_core::time::Span;
use doorstep_http::auth::{Role, Who};
use doorstep_runtime::threads::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::city::{Answer, City, RESTAURANT, ana, bob, kitchen, operations, wish};
use crate::keys;

/// Whose the object is that a route names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// It names none, or one that is everybody's.
    Nobodys,
    /// An order: its customer's, its restaurant's, its driver's, and operations'.
    Order,
    /// A delivery: its driver's.
    Delivery,
    /// A restaurant: its own.
    Restaurant,
}

#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) roles: &'static [Role],
    pub(crate) object: Object,
    /// `Null` is none.
    pub(crate) body: Value,
}

const ANY: &[Role] = &[Role::Customer, Role::Restaurant, Role::Driver, Role::Operations];

#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    use Object::{Delivery, Nobodys, Order, Restaurant};
    use Role::{Customer as C, Driver as D, Operations as O, Restaurant as R};
    let route = |method, path, roles, object, body| Route { method, path, roles, object, body };
    vec![
        route("GET", "/v1/restaurants", ANY, Nobodys, Value::Null),
        route("GET", "/v1/restaurants/{id}/menu", ANY, Nobodys, Value::Null),
        route("PUT", "/v1/restaurants/{id}", &[R, O], Restaurant, crate::city::restaurant()),
        route("PATCH", "/v1/restaurants/orders/{id}", &[R], Order, json!({ "status": "preparing" })),
        route("POST", "/v1/orders", &[C], Nobodys, wish()),
        route("GET", "/v1/orders", &[C, R], Nobodys, Value::Null),
        route("GET", "/v1/orders/{id}", ANY, Order, Value::Null),
        route("GET", "/v1/orders/{id}/cancellation", ANY, Order, Value::Null),
        route("POST", "/v1/orders/{id}/cancel", &[C, R, O], Order, json!({})),
        route("GET", "/v1/orders/{id}/track", ANY, Order, Value::Null),
        route("POST", "/v1/drivers/location", &[D], Nobodys, json!({ "pings": [{ "lat": 4.8, "lng": -75.7 }] })),
        route("POST", "/v1/drivers/status", &[D], Nobodys, json!({ "status": "offline" })),
        route("GET", "/v1/drivers/stream", &[D], Nobodys, Value::Null),
        route("POST", "/v1/drivers/deliveries/{id}/accept", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/decline", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/arrived", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/picked_up", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/on_the_way", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/at_doorstep", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/delivered", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/drop", &[D], Delivery, json!({})),
        route("POST", "/v1/drivers/deliveries/{id}/failed", &[D], Delivery, json!({ "reason": "accident" })),
        route("GET", "/v1/sales/{id}", ANY, Nobodys, Value::Null),
        route("POST", "/v1/sales/{id}/claims", &[C], Nobodys, json!({})),
        route("POST", "/v1/sales/{id}/queue", &[C], Nobodys, json!({})),
        route("GET", "/v1/ops/drivers", &[O], Nobodys, Value::Null),
        route("GET", "/v1/ops/counters", &[O], Nobodys, Value::Null),
        route("PUT", "/v1/ops/drivers/{id}", &[O], Nobodys, json!({ "vehicle": "car" })),
        route("PUT", "/v1/ops/sales/{id}", &[O], Nobodys, json!({
            "restaurant": RESTAURANT.to_string(), "item": "itm_0000000000002", "stock": 1,
            "opens_at": "2020-01-01T00:00:00Z",
        })),
    ]
}

#[tokio::test]
async fn the_description_says_where_a_role_is_refused() {
    let city = City::new().await;
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    for route in routes() {
        let responses = &description["paths"][route.path][route.method.to_lowercase()]["responses"];
        // A socket is also refused to a page of another origin.
        let is_socket = !responses["101"].is_null();
        let refuses = route.roles.len() < ANY.len() || is_socket;
        assert_eq!(!responses["403"].is_null(), refuses, "{} {}", route.method, route.path);
        assert!(!responses["401"].is_null(), "{} {}", route.method, route.path);
    }
}

/// Routes that ask nobody who they are.
const OPEN: &[(&str, &str)] =
    &[("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/v1/webhooks/payments")];

pub(crate) fn owner(role: Role) -> Who {
    match role {
        Role::Customer => ana(),
        Role::Restaurant => kitchen(),
        Role::Driver => bob(),
        Role::Operations => operations(),
    }
}

fn other(role: Role) -> Who {
    match role {
        Role::Customer => Who::Customer(70.into()),
        Role::Restaurant => Who::Restaurant(10.into()),
        Role::Driver => Who::Driver(90.into()),
        Role::Operations => Who::Operations("oscar".into()),
    }
}

pub(crate) async fn ask(
    city: &City,
    route: &Route,
    ids: &(String, String),
    token: Option<&str>,
) -> Answer {
    let (order, delivery) = ids;
    let id = match route.object {
        Object::Order => order.clone(),
        Object::Delivery => delivery.clone(),
        Object::Restaurant => RESTAURANT.to_string(),
        Object::Nobodys if route.path.contains("sales") => "sal_0000000000001".into(),
        Object::Nobodys if route.path.contains("ops/drivers") => bob().to_string(),
        Object::Nobodys => RESTAURANT.to_string(),
    };
    let query = match route.path {
        "/v1/restaurants" => "?lat=4.8&lng=-75.7",
        "/v1/ops/drivers" => "?bbox=-76,4,-75,5",
        _ => "",
    };
    let path = format!("{}{query}", route.path.replace("{id}", &id));
    let key = (route.method == "POST").then(|| city.key());
    city.call(route.method, &path, token, key.as_deref(), &route.body).await
}

/// Tokens that nobody believes, by what is wrong with them.
fn bad_tokens(city: &City, role: Role) -> Vec<(&'static str, String)> {
    let now = city.clock.now();
    let who = owner(role);
    let expired =
        city.issuer.token(&who, now.saturating_sub(Span::from_hours(2)), Span::from_hours(1));
    let foreign = doorstep_http::auth::DevIssuer::new().unwrap();
    let claims = |audience: &str| {
        json!({
            "iss": "https://dev.doorstep.invalid", "aud": audience, "sub": who.to_string(),
            "role": role, "exp": now.as_millis() / 1_000 + 600,
        })
    };
    let sign = |algorithm, key: &EncodingKey, audience: &str| {
        let mut header = Header::new(algorithm);
        let good = city.issuer.token(&who, now, Span::from_hours(1)).unwrap();
        header.kid = jsonwebtoken::decode_header(&good).unwrap().kid;
        encode(&header, &claims(audience), key).unwrap()
    };
    let ed = EncodingKey::from_ed_pem(keys::ED.as_bytes()).unwrap();
    let hmac = EncodingKey::from_secret(b"guessed");
    vec![
        ("expired", expired.unwrap()),
        ("another issuer's key", foreign.token(&who, now, Span::from_hours(1)).unwrap()),
        ("wrong audience", sign(Algorithm::EdDSA, &ed, "another-service")),
        ("wrong key under a known name", sign(Algorithm::EdDSA, &ed, "doorstep")),
        ("wrong algorithm", sign(Algorithm::HS256, &hmac, "doorstep")),
        ("nonsense", "nonsense".into()),
    ]
}

#[tokio::test]
async fn the_table_has_a_row_for_every_route() {
    let city = City::new().await;
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let secured = operation["security"].as_array().is_some_and(|s| !s.is_empty());
            described.insert((method.to_uppercase(), path.clone(), secured));
        }
    }
    let rows = routes().into_iter().map(|route| (route.method.into(), route.path.into(), true));
    let open = OPEN.iter().map(|(method, path)| ((*method).into(), (*path).into(), false));
    assert_eq!(described, rows.chain(open).collect());
}

#[tokio::test]
async fn nobody_gets_at_anything_without_a_token_that_is_believed() {
    let city = City::new().await;
    let ids = city.taken().await;
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let answer = ask(&city, &route, &ids, None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{name}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer", "{name}");
        for role in ANY {
            for (wrong, token) in bad_tokens(&city, *role) {
                let answer = ask(&city, &route, &ids, Some(&token)).await;
                let code = if wrong == "expired" { "token_expired" } else { "token_invalid" };
                assert_eq!((answer.status.as_u16(), answer.code()), (401, code), "{name}: {wrong}");
            }
        }
    }
}

#[tokio::test]
async fn every_role_gets_at_what_is_its_own_and_at_nothing_else() {
    for route in routes() {
        let city = City::new().await;
        let ids = city.taken().await;
        let name = format!("{} {}", route.method, route.path);
        // Strangers first: what they cannot do has not happened when the owners come.
        for role in ANY {
            let answer = ask(&city, &route, &ids, Some(&city.token(&other(*role)))).await;
            let status = answer.status.as_u16();
            let anybody = route.object == Object::Nobodys || *role == Role::Operations;
            match (route.roles.contains(role), anybody) {
                (false, _) => {
                    assert_eq!(status, 403, "{name} as another {role:?}: {:?}", answer.json);
                }
                (true, false) => {
                    assert_eq!(status, 404, "{name} as another {role:?}: {:?}", answer.json);
                    assert_eq!(answer.code(), "not_found");
                }
                (true, true) => {
                    assert!(![401, 403].contains(&status), "{name} as {role:?}: {status}");
                }
            }
        }
        for role in ANY {
            let answer = ask(&city, &route, &ids, Some(&city.token(&owner(*role)))).await;
            let status = answer.status.as_u16();
            if route.roles.contains(role) {
                let no_sale_yet = route.path.starts_with("/v1/sales");
                let fits = ![401, 403].contains(&status) && (status != 404 || no_sale_yet);
                assert!(fits && status < 500, "{name} as its {role:?}: {status} {:?}", answer.json);
            } else {
                assert_eq!(status, 403, "{name} as {role:?}: {:?}", answer.json);
            }
        }
    }
}

#[tokio::test]
async fn open_routes_ask_nobody_who_they_are() {
    let city = City::new().await;
    for (method, path) in OPEN {
        let answer = city.call(method, path, None, None, &Value::Null).await;
        assert!(![401, 403].contains(&answer.status.as_u16()), "{method} {path}");
    }
}
