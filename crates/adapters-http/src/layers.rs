//! What stands around every handler: the request's id, limits, who is asking, problems written out,
//! spans and metrics.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorstep_core::limit::Refused;
use doorstep_core::time::{Span, Timestamp};
use tracing::Instrument;

use crate::app::App;
use crate::auth::{NotBelieved, Principal, Role};
use crate::overload::{Place, Priority, enter};
use crate::problem::Problem;

/// The header in which every answer says its request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What a WebSocket's subprotocol begins with that carries the token.
const BEARER_PROTOCOL: &str = "bearer.";

/// Where a connection comes from; the serve loop puts it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Around everything. It has the last word: problems are written here.
pub(crate) async fn outermost(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let request_id = format!("{:032x}", rand::random::<u128>());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    // The template, never the path itself: ids and queries stay out of logs and labels.
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let method = method_name(request.method());
    let span = tracing::info_span!("request", %request_id, method, %route);
    let mut response = async {
        match limit_address(&app, &request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }
    .instrument(span.clone())
    .await;

    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let code = problem.code();
        response = problem.write(&request_id, response);
        span.in_scope(|| tracing::info!(status = status.as_u16(), code, "answered"));
    } else {
        if (status.is_client_error() || status.is_server_error()) && !is_json(&response) {
            // What axum itself says no to.
            let problem = Problem::new(status, "not_possible", "This is not possible here");
            response = problem.write(&request_id, response);
        }
        span.in_scope(|| tracing::info!(status = status.as_u16(), "answered"));
    }
    app.meters.answered(method, route, status.as_u16(), begun.elapsed());
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Around whatever wants to know who is asking.
pub(crate) async fn authenticated(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let now = app.now();
    let principal = match who_asks(&app, request.headers(), now) {
        Ok(principal) => principal,
        Err(problem) => return problem.into_response(),
    };
    let (quota, state, passed) = {
        let mut persons = app.persons.lock();
        let passed = persons.check(&principal.who, 1, now);
        let state = match &passed {
            Ok(passed) => passed.state,
            Err(_) => persons.state(&principal.who),
        };
        (*persons.quota(), state, passed)
    };
    let mut response = match passed {
        Ok(_) => match place(&app, request.method().clone(), priority(&request)).await {
            Ok(_until_answered) => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
            Err(problem) => problem.into_response(),
        },
        Err(refused) => too_many(refused).into_response(),
    };
    if let Some((name, policy)) = &app.person_policy {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("ratelimit-policy"), policy.clone());
        if let Ok(stands) = HeaderValue::try_from(state.header(&quota, now).text(name)) {
            headers.insert(HeaderName::from_static("ratelimit"), stands);
        }
    }
    response
}

/// A place among the requests under way, for those without a body: the others have theirs once it is
/// read.
async fn place(app: &App, method: Method, priority: Priority) -> Result<Option<Place>, Problem> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Ok(None);
    }
    enter(app, priority).await.map(Some)
}

/// How much a request matters where there is too much to do.
pub(crate) fn priority(request: &Request) -> Priority {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    Priority::of(request.method(), route)
}

/// Who is asking, where [`authenticated`] stands around a handler.
pub(crate) fn principal(extensions: &Extensions) -> Result<Principal, Problem> {
    extensions.get::<Principal>().cloned().ok_or_else(unauthenticated)
}

/// Who is asking, if one of these roles: 403 for any other.
pub(crate) fn only(principal: &Principal, roles: &[Role]) -> Result<(), Problem> {
    if roles.contains(&principal.who.role()) { Ok(()) } else { Err(Problem::forbidden()) }
}

fn who_asks(app: &App, headers: &HeaderMap, now: Timestamp) -> Result<Principal, Problem> {
    let credential = credential(headers).ok_or_else(unauthenticated)?;
    app.config.authenticate.authenticate(credential, now).map_err(|why| match why {
        NotBelieved::Expired => Problem::new(
            axum::http::StatusCode::UNAUTHORIZED,
            "token_expired",
            "The token has expired",
        ),
        NotBelieved::NotMine | NotBelieved::Invalid => Problem::new(
            axum::http::StatusCode::UNAUTHORIZED,
            "token_invalid",
            "The token is not valid here",
        ),
    })
}

/// What stands after `Bearer`; of a WebSocket, which cannot set that header from a browser, also what
/// stands after `bearer.` in its subprotocols.
fn credential(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(credential.trim());
    }
    let upgrades = headers
        .get(header::UPGRADE)
        .and_then(|upgrade| upgrade.to_str().ok())
        .is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"));
    if !upgrades {
        return None;
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    protocols
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER_PROTOCOL))
}

fn unauthenticated() -> Problem {
    let title = "This wants a token: Authorization: Bearer …";
    Problem::new(axum::http::StatusCode::UNAUTHORIZED, "unauthenticated", title)
}

/// Before anything else is looked at, whatever is asked.
fn limit_address(app: &App, request: &Request) -> Result<(), Problem> {
    let Some(address) = address(app, request) else { return Ok(()) };
    let passed = app.addresses.lock().check(&one_caller(address), 1, app.now());
    passed.map(|_| ()).map_err(too_many)
}

/// What counts as one address. A caller on IPv6 has a network of 64 bits to choose from (RFC 4291,
/// section 2.5.4), and is counted by that.
pub(crate) fn one_caller(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// Where a request comes from. Behind proxies, each of which appends whom it saw, that is the entry
/// that the outermost of them wrote; what stands before it is the caller's own claim.
fn address(app: &App, request: &Request) -> Option<IpAddr> {
    let Peer(peer) = *request.extensions().get::<Peer>()?;
    let proxies = usize::from(app.config.limits.proxies);
    if proxies == 0 {
        return Some(peer);
    }
    let forwarded: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let place = forwarded.len().checked_sub(proxies);
    let said = place.and_then(|place| forwarded.get(place)).and_then(|said| said.parse().ok());
    Some(said.unwrap_or(peer))
}

pub(crate) fn too_many(refused: Refused) -> Problem {
    let wait = match refused {
        Refused::Later { retry_after } => retry_after,
        Refused::NeverFits { .. } | _ => Span::from_mins(1),
    };
    Problem::too_many("rate_limited", "Too many requests", wait)
}

/// A fixed set: what a client makes up is no label.
fn method_name(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn is_json(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_on_ipv6_is_counted_by_network_and_one_on_ipv4_however_written() {
        let one = |address: &str| one_caller(address.parse().unwrap());
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), one("2001:db8:1:2::9"));
        assert_ne!(one("2001:db8:1:2::9"), one("2001:db8:1:3::9"));
        assert_eq!(one("::ffff:192.0.2.7"), one("192.0.2.7"));
        assert_ne!(one("192.0.2.7"), one("192.0.2.8"));
    }
}
