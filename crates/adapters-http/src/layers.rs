//! What stands around every handler: the request's id, limits, who is asking, problems written out,
//! spans and metrics.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use doorstep_core::limit::Refused;
use doorstep_core::time::{Span, Timestamp};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::app::App;
use crate::auth::{NotBelieved, Principal, Role};
use crate::overload::{Place, Priority, place, settle, shed};
use crate::problem::Problem;

/// The header in which every answer says its request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// How the limit of who asks stands, and what it is (draft-ietf-httpapi-ratelimit-headers).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a WebSocket's subprotocol begins with that carries the token.
const BEARER_PROTOCOL: &str = "bearer.";

/// Where a connection comes from; the serve loop puts it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Whom a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Whoever asks.
    Anybody,
    /// Who has shown who they are: handlers find the [`Principal`] among the request's extensions.
    Somebody,
}

/// Stands around handlers. It has the last word: problems are written here.
#[derive(Clone)]
pub(crate) struct Around {
    app: App,
    whom: Whom,
}

/// Handlers with something [`Around`] them.
#[derive(Clone)]
pub(crate) struct Answering<S> {
    around: Around,
    handlers: S,
}

impl Around {
    pub(crate) const fn new(app: App, whom: Whom) -> Self {
        Self { app, whom }
    }
}

impl<S> Layer<S> for Around {
    type Service = Answering<S>;

    fn layer(&self, handlers: S) -> Answering<S> {
        Answering { around: self.clone(), handlers }
    }
}

impl<S> Service<Request> for Answering<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.handlers.poll_ready(context)
    }

    // All that needs no waiting is done at once: what is left to be waited for is one future.
    fn call(&mut self, mut request: Request) -> Self::Future {
        let app = self.around.app.clone();
        let asked = Asked::of(&request);
        let priority = priority(&request);
        let (let_in, limit) = asked.span.in_scope(|| self.around.let_in(&mut request, priority));
        let answer = let_in.map(|place| (place, self.handlers.call(request)));
        let span = asked.span.clone();
        let answering = async move {
            let response = match answer {
                Ok((_until_answered, answer)) => {
                    settle(priority).await;
                    answer.await.unwrap_or_else(|never| match never {})
                }
                Err(No::Problem(problem)) => problem.into_response(),
                Err(No::Overloaded) => shed(&app, priority).await.into_response(),
            };
            Ok(asked.answered(&app, limit, response))
        };
        Box::pin(answering.instrument(span))
    }
}

/// Why a request does not come to its handler.
enum No {
    Problem(Problem),
    Overloaded,
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Around {
    /// Whether a request comes to its handler, with its place among those under way if it needs one;
    /// and how its caller's limit stands.
    fn let_in(
        &self,
        request: &mut Request,
        priority: Priority,
    ) -> (Result<Option<Place>, No>, Option<HeaderValue>) {
        let app = &self.app;
        let now = app.now();
        if let Err(problem) = limit_address(app, request, now) {
            return (Err(problem.into()), None);
        }
        if self.whom == Whom::Anybody {
            return (Ok(None), None);
        }
        let principal = match who_asks(app, request.headers(), now) {
            Ok(principal) => principal,
            Err(problem) => return (Err(problem.into()), None),
        };
        let (passed, limit) = limit_person(app, &principal, now);
        // Those with a body have their place once it is read.
        let has_none = matches!(*request.method(), Method::GET | Method::HEAD);
        let let_in = passed.map_err(No::from).and_then(|()| {
            has_none.then(|| place(app, priority).ok_or(No::Overloaded)).transpose()
        });
        request.extensions_mut().insert(principal);
        (let_in, limit)
    }
}

/// What is said of a request in every answer, log and metric.
struct Asked {
    begun: Instant,
    id: String,
    method: &'static str,
    matched: Option<MatchedPath>,
    span: tracing::Span,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let id = format!("{:032x}", rand::random::<u128>());
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let method = method_name(request.method());
        let route = template(matched.as_ref());
        let span = tracing::info_span!("request", request_id = %id, method, %route);
        Self { begun: Instant::now(), id, method, matched, span }
    }

    fn answered(self, app: &App, limit: Option<HeaderValue>, mut response: Response) -> Response {
        let status = response.status();
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            let code = problem.code();
            response = problem.write(&self.id, response);
            tracing::info!(status = status.as_u16(), code, "answered");
        } else {
            if (status.is_client_error() || status.is_server_error()) && !is_json(&response) {
                // What axum itself says no to.
                let problem = Problem::new(status, "not_possible", "This is not possible here");
                response = problem.write(&self.id, response);
            }
            tracing::info!(status = status.as_u16(), "answered");
        }
        let route = template(self.matched.as_ref());
        app.meters.answered(self.method, route, status.as_u16(), self.begun.elapsed());
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(self.id) {
            headers.insert(REQUEST_ID, id);
        }
        if let (Some(limit), Some((_, policy))) = (limit, &app.person_policy) {
            headers.insert(RATE_LIMIT_POLICY, policy.clone());
            headers.insert(RATE_LIMIT, limit);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The template of a route, never the path itself: ids and queries stay out of logs and labels.
fn template(matched: Option<&MatchedPath>) -> &str {
    matched.map_or("none", MatchedPath::as_str)
}

/// Whether somebody may ask for one more thing; and how the limit stands then, for the answer.
fn limit_person(
    app: &App,
    principal: &Principal,
    now: Timestamp,
) -> (Result<(), Problem>, Option<HeaderValue>) {
    let (quota, state, passed) = {
        let mut persons = app.persons.lock();
        let passed = persons.check(&principal.who, 1, now);
        let state = match &passed {
            Ok(passed) => passed.state,
            Err(_) => persons.state(&principal.who),
        };
        (*persons.quota(), state, passed)
    };
    let name = app.person_policy.as_ref().map(|(name, _)| name);
    let limit = name.and_then(|name| state.header(&quota, now).text(name).try_into().ok());
    (passed.map(|_| ()).map_err(too_many), limit)
}

/// How much a request matters where there is too much to do.
pub(crate) fn priority(request: &Request) -> Priority {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    Priority::of(request.method(), route)
}

/// Who is asking, where there is an [`Around`] for [`Whom::Somebody`].
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
fn limit_address(app: &App, request: &Request, now: Timestamp) -> Result<(), Problem> {
    let Some(address) = address(app, request) else { return Ok(()) };
    let passed = app.addresses.lock().check(&one_caller(address), 1, now);
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
