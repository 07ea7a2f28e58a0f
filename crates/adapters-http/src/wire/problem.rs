//! Why a request was not answered as asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem details (RFC 9457), as `application/problem+json`. Beside these members a problem may have
/// others, by its `code`: a refused cancellation has `cancellation` and `order_status`, a step out of
/// turn `status_found` and `status_allowed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: String,
    /// For people.
    pub title: String,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Stable: programs tell problems apart by it.
    #[schema(example = "order_at_doorstep")]
    pub code: String,
    /// For people: what exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The answer's `Request-Id`.
    pub request_id: String,
}
