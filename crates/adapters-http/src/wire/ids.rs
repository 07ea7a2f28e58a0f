//! How ids and keys are described: as text of a form, by a name of their own.
//!
//! These types stand in descriptions only; what is sent and read are those of `doorstep_core`.

use std::borrow::Cow;

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A text of a form.
fn text(pattern: &str, description: &str, example: &str) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String);
    object.pattern(Some(pattern)).description(Some(description)).examples([example]).into()
}

/// Thirteen digits of Crockford's base 32, at most 2^63 - 1: [`doorstep_core::id`].
fn id(prefix: &str, what: &str, number: &str) -> RefOr<Schema> {
    let pattern = format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{12}}$");
    text(&pattern, &format!("{what} Opaque."), &format!("{prefix}_{number}"))
}

fn name() -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String);
    let description = "For people; at most 200 bytes of UTF-8.";
    object.min_length(Some(1)).max_length(Some(200)).description(Some(description)).into()
}

macro_rules! described {
    ($($name:ident: $schema:expr;)*) => {$(
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

// Nine forms that differ in name and text only: a macro is the shorter text.
described! {
    OrderId: id(doorstep_core::id::OrderId::PREFIX, "An order.", "0000h4sg2m0g1");
    DeliveryId: id(doorstep_core::id::DeliveryId::PREFIX, "A delivery.", "0000h4sg2m0g2");
    DriverId: id(doorstep_core::id::DriverId::PREFIX, "A driver.", "0000000000001");
    CustomerId: id(doorstep_core::id::CustomerId::PREFIX, "A customer.", "0000000000007");
    RestaurantId: id(doorstep_core::id::RestaurantId::PREFIX, "A restaurant.", "0000000000001");
    ItemId: id(doorstep_core::id::ItemId::PREFIX, "What is sold.", "0000000000001");
    SaleId: id(doorstep_core::id::SaleId::PREFIX, "A flash sale.", "0000000000001");
    // In bytes where it is checked: `doorstep_core::catalog::NAME_MAX_BYTES`.
    Name: name();
    // As `doorstep_core::idempotency::IdempotencyKey` reads it: bare, or a quoted string.
    IdempotencyKey: text(
        r#"^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#,
        "Names a request: the same on every retry.",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
    );
}

#[cfg(test)]
mod tests {
    use doorstep_core::id;

    #[test]
    fn an_id_is_of_the_form_that_is_described() {
        let described = serde_json::to_value(<super::OrderId as utoipa::PartialSchema>::schema());
        let pattern = described.unwrap()["pattern"].as_str().unwrap().to_owned();
        assert_eq!(pattern, "^ord_[0-7][0-9a-hjkmnp-tv-z]{12}$");
        let most = id::OrderId::truncating(u64::MAX).to_string();
        assert_eq!(most, "ord_7zzzzzzzzzzzz");
        assert!("ord_8000000000000".parse::<id::OrderId>().is_err());
    }
}
