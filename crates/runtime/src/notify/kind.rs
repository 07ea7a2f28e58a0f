//! What a message tells of.

use core::fmt;

/// What a message tells of: the `type` of its body. Kinds are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Kind(&'static str);

macro_rules! kinds {
    ($($constant:ident $name:literal;)*) => {
        impl Kind {
            $(pub(super) const $constant: Self = Self($name);)*

            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$constant),*];
        }
    };
}

// One name a line, and the list of them all: a macro is the shorter text.
kinds! {
    CHECKOUT_GIVEN_UP "checkout.given_up";
    DELIVERY_ASSIGNED "delivery.assigned";
    DELIVERY_TAKEN_AWAY "delivery.taken_away";
    OFFER_MADE "offer.made";
    OFFER_WITHDRAWN "offer.withdrawn";
    ORDER_ADJUSTED "order.adjusted";
    ORDER_AT_DOORSTEP "order.at_doorstep";
    ORDER_CANCELLED "order.cancelled";
    ORDER_CONFIRMED "order.confirmed";
    ORDER_DELIVERED "order.delivered";
    ORDER_DRIVER_ASSIGNED "order.driver_assigned";
    ORDER_DRIVER_CHANGED "order.driver_changed";
    ORDER_DRIVER_DROPPED "order.driver_dropped";
    ORDER_DRIVER_HERE "order.driver_here";
    ORDER_NO_DRIVER "order.no_driver";
    ORDER_ON_THE_WAY "order.on_the_way";
    ORDER_PICKED_UP "order.picked_up";
    ORDER_PLACED "order.placed";
    ORDER_PREPARING "order.preparing";
    ORDER_READY "order.ready";
    ORDER_UNDELIVERED "order.undelivered";
    PAYMENT_DECLINED "payment.declined";
    PAYMENT_FAILING "payment.failing";
    PAYMENT_RECEIPT "payment.receipt";
    PAYMENT_REFUNDED "payment.refunded";
    PAYMENT_UNAVAILABLE "payment.unavailable";
}

impl Kind {
    /// Its name: `order.confirmed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
