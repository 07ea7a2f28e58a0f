//! Errors as RFC 9457 problem details.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorstep_core::limit::retry_after_s;
use doorstep_core::time::Span;
use serde::Serialize;
use serde_json::{Map, Value};

/// `Content-Type` of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not answered as asked.
///
/// As a response it has its status and no body yet: the outermost layer writes the body, with the
/// request's id in it ([`Problem::write`]).
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    retry_after: Option<Span>,
    more: Map<String, Value>,
}

impl Problem {
    /// `code` is stable: programs tell problems apart by it.
    pub(crate) fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: None, retry_after: None, more: Map::new() }
    }

    pub(crate) fn bad_request(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// Also what is said of whatever is somebody else's.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here by that name")
    }

    pub(crate) fn forbidden() -> Self {
        let title = "This is not for the role that asks";
        Self::new(StatusCode::FORBIDDEN, "forbidden", title)
    }

    pub(crate) fn conflict(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    pub(crate) fn unprocessable(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// Come back after `wait`.
    pub(crate) fn unavailable(code: &'static str, title: &'static str, wait: Span) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(wait)
    }

    pub(crate) fn too_many(code: &'static str, title: &'static str, wait: Span) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, title).retry_after(wait)
    }

    /// For people; nothing that is not theirs to know.
    pub(crate) fn detail(mut self, detail: &impl ToString) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    pub(crate) fn retry_after(mut self, wait: Span) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A member of its own, beside the standard's.
    pub(crate) fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        // What has no JSON form is left out.
        if let Ok(value) = serde_json::to_value(value) {
            self.more.insert(name.to_owned(), value);
        }
        self
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// The response's body, with the request's id.
    pub(crate) fn write(self, request_id: &str, response: Response) -> Response {
        let mut members = Map::new();
        members.insert("type".into(), "about:blank".into());
        members.insert("title".into(), self.title.into());
        members.insert("status".into(), self.status.as_u16().into());
        members.insert("code".into(), self.code.into());
        members.extend(self.detail.map(|detail| ("detail".into(), detail.into())));
        members.insert("request_id".into(), request_id.into());
        members.extend(self.more);
        let (mut parts, _) = response.into_parts();
        let json = HeaderValue::from_static(PROBLEM_JSON);
        parts.headers.insert(header::CONTENT_TYPE, json);
        Response::from_parts(parts, Body::from(Value::Object(members).to_string()))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(wait) = self.retry_after {
            let seconds = HeaderValue::from(retry_after_s(wait).max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(self);
        response
    }
}
