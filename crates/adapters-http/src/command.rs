//! A request that changes something: read whole, and named so that it takes effect once.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use doorstep_core::id::CommandId;
use doorstep_core::idempotency::{BadKey, IdempotencyKey};
use doorstep_core::log::Cause;
use doorstep_core::shard::{Command, Outcome};
use doorstep_core::time::Timestamp;
use doorstep_runtime::client::Told;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Principal, Who};
use crate::layers::{principal, priority, too_many};
use crate::overload::{Place, place, settle, shed};
use crate::problem::Problem;
use crate::refusal;
use crate::wire::strict::Strict;

/// Who wants what done, and the name under which it is done once.
pub(crate) struct Act<T> {
    pub(crate) who: Who,
    pub(crate) cause: Cause,
    pub(crate) body: T,
    /// As long as this lives, the request counts as under way.
    pub(crate) under_way: Place,
}

/// A body with nothing in it: none at all, or `{}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Whether a request must name itself.
pub(crate) enum Named {
    /// `POST`.
    Must,
    /// `PATCH` and `PUT`, which say how it is to be: twice is once. One that names itself is given
    /// its first answer again.
    May,
}

impl<T: DeserializeOwned> FromRequest<App> for Act<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, Problem> {
        let Principal { who, .. } = principal(request.extensions())?;
        limit_acts(app, &who)?;
        let named =
            if request.method() == axum::http::Method::POST { Named::Must } else { Named::May };
        let key = idempotency_key(request.headers(), &named)?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (bytes, place) = body(request, app).await?;
        let cause = match &key {
            Some(key) => {
                let key = key.as_str();
                named_cause(&who, method.as_str(), &path, key, &bytes, app.now())
            }
            None => fresh_cause(app.now()),
        };
        let body = parse(&bytes)?;
        Ok(Self { who, cause, body, under_way: place })
    }
}

/// One person's share of what reaches the writer. Asked before the body is read.
fn limit_acts(app: &App, who: &Who) -> Result<(), Problem> {
    match who {
        Who::Operations(_) => Ok(()),
        Who::Customer(_) | Who::Restaurant(_) | Who::Driver(_) => {
            app.acts.lock().check(who, 1, app.now()).map(|_| ()).map_err(too_many)
        }
    }
}

/// The body as JSON, for requests that do not reach the log, and their place among those under way.
pub(crate) struct Json<T>(pub(crate) T, pub(crate) Place);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, Problem> {
        let (bytes, place) = body(request, app).await?;
        Ok(Self(parse(&bytes)?, place))
    }
}

/// The whole body, within its bounds of length and time, and a place among the requests under way.
pub(crate) async fn body(request: Request<Body>, app: &App) -> Result<(Bytes, Place), Problem> {
    let priority = priority(&request);
    let bytes = whole(request, app).await?;
    let Some(place) = place(app, priority) else { return Err(shed(app, priority).await) };
    settle(priority).await;
    Ok((bytes, place))
}

async fn whole(request: Request<Body>, app: &App) -> Result<Bytes, Problem> {
    let most = app.config.limits.body_bytes_max;
    let read = axum::body::to_bytes(request.into_body(), most);
    match tokio::time::timeout(app.config.limits.body_within, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let title = "The body is too long, or broke off";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", title)
                .with("bytes_max", most))
        }
        Err(_) => {
            let title = "The body was not sent in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", title))
        }
    }
}

/// JSON by its type: unknown members are refused, so is a list where an object is wanted, and anything
/// deeper than the type, so that depth is bounded by construction; lists are bounded by the body, and
/// by their handlers.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map(|Strict(body)| body).map_err(|error| {
        Problem::bad_request("invalid_body", "The body is not what is wanted here").detail(&error)
    })
}

fn idempotency_key(headers: &HeaderMap, named: &Named) -> Result<Option<IdempotencyKey>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = match (keys.next(), keys.next(), named) {
        (None, _, Named::May) => return Ok(None),
        (key, None, _) => IdempotencyKey::required(key.map(HeaderValue::as_bytes)),
        (Some(_), Some(_), _) => {
            let title = "There is more than one Idempotency-Key";
            return Err(Problem::bad_request("bad_idempotency_key", title));
        }
        (None, Some(_), Named::Must) => Err(BadKey::Absent),
    };
    key.map(Some).map_err(|bad| match bad {
        BadKey::Absent => {
            let title = "This wants an Idempotency-Key, the same on every retry";
            Problem::bad_request("idempotency_key_missing", title)
        }
        BadKey::Empty
        | BadKey::TooLong
        | BadKey::BadCharacter { .. }
        | BadKey::BadQuotes { .. }
        | _ => {
            let title = "The Idempotency-Key is none";
            Problem::bad_request("bad_idempotency_key", title).detail(&bad)
        }
    })
}

/// The name of a request: who, what, where and which key; and the digest of the whole of it. The
/// form never changes: a retry may reach a later release.
fn named_cause(
    who: &Who,
    method: &str,
    path: &str,
    key: &str,
    body: &[u8],
    now: Timestamp,
) -> Cause {
    let who = format!("{}:{who}", who.role().name());
    let id = digest(&[
        b"doorstep-http/1",
        who.as_bytes(),
        method.as_bytes(),
        path.as_bytes(),
        key.as_bytes(),
    ]);
    let (id, _) = id.split_at(16);
    let id = id.iter().fold(0, |id: u128, byte| (id << 8) | u128::from(*byte));
    let request = digest(&[b"doorstep-http/1", body]);
    let (request, _) = request.split_at(8);
    let request = request.iter().fold(0, |digest: u64, byte| (digest << 8) | u64::from(*byte));
    // Zero means "not compared".
    Cause { id: CommandId::new(id), issued_at: now, digest: request.max(1) }
}

/// A name that nothing else ever had.
pub(crate) fn fresh_cause(now: Timestamp) -> Cause {
    Cause { id: CommandId::new(rand::random()), issued_at: now, digest: 0 }
}

/// Of several parts, none of which can pass for another's end.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The name for an event of the payment provider: its own. Two deliveries of one event differ in
/// their bytes; what is compared is what it means.
pub(crate) fn event_cause(event: &doorstep_core::provider::Event, now: Timestamp) -> Cause {
    let who = Who::Operations("payment-provider".into());
    let meaning = serde_json::to_vec(event).unwrap_or_default();
    named_cause(&who, "POST", "/v1/webhooks/payments", event.id.as_str(), &meaning, now)
}

/// Has a command decided, and waits until it counts.
pub(crate) async fn submit(app: &App, cause: Cause, command: Command) -> Result<Outcome, Problem> {
    let ticket = app.client.submit(cause, command).map_err(|why| refusal::not_sent(&why))?;
    match tokio::time::timeout(app.config.limits.answer_within, ticket).await {
        Ok(Told::Outcome(Outcome::Refused(why))) => Err(refusal::problem(&why, app.now())),
        Ok(Told::Outcome(outcome)) => Ok(outcome),
        Ok(Told::NotTaken(why)) => Err(refusal::not_taken(why)),
        Ok(Told::Unknown) | Err(_) => Err(refusal::unknown()),
    }
}

/// What a command was told when it was decided, if it was: nothing is done.
pub(crate) async fn recall(app: &App, cause: Cause) -> Result<Option<Outcome>, Problem> {
    // Without a key it is nobody's retry.
    if cause.digest == 0 {
        return Ok(None);
    }
    let ticket = app.client.recall(cause).map_err(|why| refusal::not_sent(&why))?;
    match tokio::time::timeout(app.config.limits.answer_within, ticket).await {
        Ok(Ok(Some(Outcome::Refused(why)))) => Err(refusal::problem(&why, app.now())),
        Ok(Ok(told)) => Ok(told),
        Ok(Err(why)) => Err(refusal::not_taken(why)),
        Err(_) => Err(refusal::unknown()),
    }
}

/// The only path parameter, `id`, of whatever kind. A text that is no such id names nothing.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: std::str::FromStr> FromRequestParts<App> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let params = axum::extract::RawPathParams::from_request_parts(parts, app).await;
        let params = params.map_err(|_| Problem::not_found())?;
        let id = params.iter().find(|(name, _)| *name == "id");
        id.and_then(|(_, text)| text.parse().ok()).map(Self).ok_or_else(Problem::not_found)
    }
}

/// The query, by its type: what is unknown or twice is refused.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, app).await;
        query.map(|query| Self(query.0)).map_err(|error| {
            Problem::bad_request("invalid_query", "The query is not what is wanted here")
                .detail(&error.body_text())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn cause(who: &Who, path: &str, key: &str, body: &str) -> Cause {
        named_cause(who, "POST", path, key, body.as_bytes(), NOW)
    }

    #[test]
    fn the_name_of_a_request_never_changes_its_form() {
        let who = Who::Customer(7.into());
        let golden = cause(&who, "/v1/orders", "k-1", "{}");
        assert_eq!(golden.id.to_string(), "cd443590599a7b70cef8af05d68603cc");
        assert_eq!(format!("{:016x}", golden.digest), "8605dcbe474b183f");
    }

    #[test]
    fn who_what_where_and_key_make_the_name_and_the_body_only_the_digest() {
        let (ana, bob) = (Who::Customer(7.into()), Who::Customer(8.into()));
        let first = cause(&ana, "/v1/orders", "k-1", "{}");
        let others = [
            cause(&bob, "/v1/orders", "k-1", "{}"),
            cause(&Who::Driver(7.into()), "/v1/orders", "k-1", "{}"),
            cause(&ana, "/v1/orders/x", "k-1", "{}"),
            cause(&ana, "/v1/orders", "k-2", "{}"),
            cause(&ana, "/v1/order", "sk-1", "{}"),
            named_cause(&ana, "PATCH", "/v1/orders", "k-1", b"{}", NOW),
        ];
        assert!(others.iter().all(|other| other.id != first.id));
        let later = cause(&ana, "/v1/orders", "k-1", "{ }");
        assert_eq!(later.id, first.id);
        assert_ne!(later.digest, first.digest);
    }

    #[test]
    fn a_post_must_name_itself_soundly_and_once() {
        let headers = |keys: &[&str]| {
            let mut headers = HeaderMap::new();
            for key in keys {
                headers.append("idempotency-key", key.parse().unwrap());
            }
            headers
        };
        let code = |keys: &[&str], named| {
            let key = idempotency_key(&headers(keys), &named);
            key.map(|key| key.map(String::from)).map_err(|problem| problem.code())
        };
        assert_eq!(code(&["a-1"], Named::Must), Ok(Some("a-1".into())));
        assert_eq!(code(&["\"a-1\""], Named::Must), Ok(Some("a-1".into())));
        assert_eq!(code(&[], Named::May), Ok(None));
        assert_eq!(code(&[], Named::Must), Err("idempotency_key_missing"));
        let long = "x".repeat(256);
        for bad in [&["a", "b"][..], &[""], &["a b"], &[&long]] {
            assert_eq!(code(bad, Named::May), Err("bad_idempotency_key"), "{bad:?}");
            assert_eq!(code(bad, Named::Must), Err("bad_idempotency_key"), "{bad:?}");
        }
    }
}
