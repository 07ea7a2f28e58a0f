//! What the service tells of its own accord.

use std::borrow::Cow;

use doorstep_core::id::{DeliveryId, OrderId};
use doorstep_runtime::notify::Kind;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::ids;

/// The body of a webhook that the service sends: that something happened, and to what. Whoever wants
/// to know more asks for the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The version of this form: 1.
    #[schema(example = 1)]
    pub v: u32,
    /// What happened. There may be kinds that a receiver does not know: they are to be passed over.
    #[serde(rename = "type")]
    #[schema(value_type = NotificationType)]
    pub kind: String,
    /// When: milliseconds since the Unix epoch.
    #[schema(example = 1_795_343_400_000_i64)]
    pub at: i64,
    /// To which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ids::OrderId>)]
    pub order: Option<OrderId>,
    /// To which delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ids::DeliveryId>)]
    pub delivery: Option<DeliveryId>,
}

/// The kinds that there are, for the description.
struct NotificationType;

impl PartialSchema for NotificationType {
    fn schema() -> RefOr<Schema> {
        let names = Kind::ALL.iter().map(|kind| kind.name());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for NotificationType {
    fn name() -> Cow<'static, str> {
        "NotificationType".into()
    }
}
