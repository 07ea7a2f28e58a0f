//! From a refusal to a problem: one match, and nowhere else.
//!
//! 404 for what is not there or not the caller's, 409 for what the state does not allow (with the
//! state, and what is allowed), 422 for what can never be so, 429 and 503 with when to come back.
//! What was decided is kept under its key; after a 503 of this room the same key asks again.

use doorstep_core::log::NotTaken;
use doorstep_core::shard::Refusal;
use doorstep_core::time::{Span, Timestamp};
use doorstep_core::{cancel, catalog, dispatch, flash_sale, order};
use doorstep_runtime::client::NotSent;

use crate::problem::Problem;
use crate::wire::{Money, Status, Time};

/// How long a caller is asked to wait where nobody knows better.
const SOON: Span = Span::from_secs(1);

/// What a caller is told of a refusal.
pub(crate) fn problem(refusal: &Refusal, now: Timestamp) -> Problem {
    let text = refusal.to_string();
    let until = |from: Timestamp| from.saturating_since(now);
    match refusal {
        Refusal::NoSuchOrder { .. }
        | Refusal::NoSuchDelivery { .. }
        | Refusal::NoSuchSale { .. } => Problem::not_found(),
        Refusal::OrderCancelled { order, .. } => {
            Problem::conflict("order_cancelled", "The order was cancelled first")
                .with("order", order)
        }
        Refusal::TooManyOrders { from, .. } => {
            let title = "You have ordered as often as allowed";
            Problem::too_many("too_many_orders", title, until(*from)).with("from", Time::of(*from))
        }
        Refusal::TooManyFailures { from, .. } => {
            let title = "Too many checkouts came to nothing";
            Problem::too_many("too_many_failures", title, until(*from))
                .with("from", Time::of(*from))
        }
        Refusal::OrdersFull { .. } => no_room(),
        Refusal::CheckoutOver => {
            Problem::conflict("checkout_over", "The checkout has become an order")
        }
        Refusal::FeeBeforeHold => {
            Problem::unprocessable("fee_before_hold", "Nothing is held yet to keep a fee of")
        }
        Refusal::PromiseInThePast => {
            Problem::unprocessable("promise_in_the_past", "A promise lies before the wish")
        }
        Refusal::Catalog(refusal) => catalogue(refusal),
        Refusal::Order(refusal) => of_order(refusal),
        Refusal::Payment(_) | Refusal::ProviderConflict { .. } => {
            Problem::conflict("payment_conflict", "What is said of the payment is not believed")
        }
        Refusal::Dispatch(refusal) => of_dispatch(refusal),
        Refusal::Sale(refusal) => sale(refusal, now),
        Refusal::SaleRules(_) => {
            Problem::unprocessable("sale_rules", "A sale cannot be opened by these rules")
                .detail(&text)
        }
        Refusal::SaleTaken { .. } => {
            Problem::conflict("sale_taken", "There is another sale by this name, or of this item")
        }
        Refusal::SalesFull { .. } => {
            Problem::conflict("sales_full", "There are as many sales as may be")
        }
        Refusal::OnlyInSale { sale } => {
            let title = "For now this is sold through a flash sale alone";
            Problem::conflict("only_in_sale", title).with("sale", sale)
        }
        Refusal::NotWhatIsHeld => {
            let title = "A hold is for one unit of the item of the sale";
            Problem::unprocessable("not_what_is_held", title)
        }
        Refusal::Policy(_) | Refusal::CurrencyChanged => {
            Problem::unprocessable("bad_policy", "The rules are not sound").detail(&text)
        }
        Refusal::Money(_) => {
            Problem::unprocessable("amount_out_of_range", "The amounts do not add up")
        }
        // The enum may grow; what is new there is a conflict until it has a line here.
        _ => Problem::conflict("refused", "It cannot be done as things stand").detail(&text),
    }
}

fn catalogue(refusal: &catalog::Refusal) -> Problem {
    use catalog::Refusal as R;
    let text = refusal.to_string();
    let bad = |code, title| Problem::bad_request(code, title).detail(&text);
    let never = |code, title| Problem::unprocessable(code, title).detail(&text);
    match refusal {
        R::EmptyCart => bad("empty_cart", "The cart is empty"),
        R::TooManyLines { .. } => bad("too_many_lines", "The cart has too many lines"),
        R::UnknownRestaurant { .. } => Problem::not_found().detail(&text),
        R::Paused => never("restaurant_paused", "The restaurant takes no orders for now"),
        R::Closed { opens_at } => never("restaurant_closed", "The restaurant is closed")
            .with("opens_at", opens_at.and_then(Time::of)),
        R::OutOfRadius { .. } => never("out_of_range", "The address is too far away"),
        R::UnknownItem { line, .. } => {
            bad("unknown_item", "An item is not on the menu").with("line", line)
        }
        R::NotOnMenu { .. } => Problem::not_found().detail(&text),
        R::ItemUnavailable { line, .. } => {
            bad("item_unavailable", "An item has run out").with("line", line)
        }
        R::Quantity { line, .. } => {
            bad("bad_quantity", "A quantity is out of range").with("line", line)
        }
        R::UnknownChoice { line, .. } => {
            bad("unknown_choice", "An item cannot be had like that").with("line", line)
        }
        R::DuplicateChoice { line, .. } => {
            bad("duplicate_choice", "The same choice twice").with("line", line)
        }
        R::ChoiceUnavailable { line, .. } => {
            bad("choice_unavailable", "A choice has run out").with("line", line)
        }
        R::ChoiceCount { line, .. } => {
            bad("bad_choice_count", "Too few or too many choices").with("line", line)
        }
        R::PriceChanged { line, now, .. } => {
            Problem::conflict("price_changed", "A price is not the one you saw")
                .detail(&text)
                .with("line", line)
                .with("unit_price", Money::from(*now))
        }
        R::Currency { .. } => never("wrong_currency", "A price is in another currency"),
        R::TooMuch => bad("amount_out_of_range", "The cart is worth more than can be reckoned"),
        R::Restaurant(_) => never("bad_restaurant", "The restaurant is out of bounds"),
        R::Full { .. } => Problem::conflict("restaurants_full", "No more restaurants are listed"),
        _ => never("not_orderable", "This cannot be ordered"),
    }
}

fn of_order(refusal: &order::Refusal) -> Problem {
    use order::Refusal as R;
    match refusal {
        // Another driver's is not there, for this one.
        R::NotTheDriver { .. } => Problem::not_found(),
        R::NotThisActor => Problem::forbidden(),
        R::WrongPhase { found, allowed } => {
            let allowed: Vec<Status> = allowed.iter().copied().map(Status::from).collect();
            Problem::conflict("wrong_status", "The order does not stand where this is possible")
                .with("status_found", Status::from(*found))
                .with("status_allowed", allowed)
        }
        R::Cancel(refusal) => cancelling(refusal),
        R::NoSuchLine { .. } | R::NotFewer { .. } | R::NothingLeft | R::FeeOutOfRange => {
            Problem::unprocessable("bad_adjustment", "The order cannot be changed like that")
                .detail(&refusal)
        }
        R::Payment(_) => {
            Problem::conflict("payment_conflict", "What is said of the payment is not believed")
        }
        R::Money(_) => Problem::unprocessable("amount_out_of_range", "The amounts do not add up"),
        _ => Problem::conflict("refused", "It cannot be done as things stand"),
    }
}

fn cancelling(refusal: &cancel::Refusal) -> Problem {
    use cancel::Refusal as R;
    match refusal {
        R::NeverThisActor => Problem::forbidden(),
        R::Ended { status } => Problem::conflict("order_ended", "The order is over")
            .with("status_found", Status::from(*status)),
        R::AtDoorstep => Problem::conflict("order_at_doorstep", "The driver is at the doorstep"),
        R::PickedUp => Problem::conflict("order_picked_up", "The order was picked up"),
        R::NotYet { from } => {
            Problem::conflict("not_yet_cancellable", "The promised time has not passed yet")
                .with("from", Time::of(*from))
        }
        R::FeeNotYours => Problem::unprocessable("fee_not_yours", "Only operations agree on a fee"),
        _ => Problem::conflict("not_cancellable", "The order cannot be cancelled now"),
    }
}

fn of_dispatch(refusal: &dispatch::Refusal) -> Problem {
    use dispatch::Refusal as R;
    let conflict = |code, title| Problem::conflict(code, title);
    match refusal {
        // Who is no driver here, and who was not asked, learns nothing of what there is.
        R::UnknownDriver { .. } => Problem::not_found().detail(&"this driver does not work here"),
        R::UnknownDelivery { .. } | R::UnknownOrder { .. } | R::NotOffered { .. } => {
            Problem::not_found()
        }
        R::TakenBy { .. } => conflict("delivery_taken", "Somebody has it already"),
        R::NotTaken { .. } => conflict("delivery_not_taken", "Nobody has it yet"),
        R::OfferExpired { expired_at } => conflict("offer_expired", "The offer has expired")
            .with("expired_at", Time::of(*expired_at)),
        R::OfferOpen { .. } => conflict("offer_open", "Somebody is thinking about it"),
        R::NobodyFree { .. } => conflict("nobody_free", "None of them can be asked"),
        R::Carrying { deliveries, .. } => {
            conflict("still_carrying", "Something is still carried").with("deliveries", deliveries)
        }
        R::Offline { .. } => conflict("driver_offline", "The driver is offline"),
        R::NoRoom { .. } => conflict("driver_full", "The driver carries as much as may be"),
        R::BadOrders { .. }
        | R::BadBundle { .. }
        | R::PickedUpElsewhere { .. }
        | R::BadAmount { .. }
        | R::TooManyCandidates { .. }
        | R::TooManyDeliveries { .. } => {
            Problem::unprocessable("bad_delivery", "A delivery cannot be like that")
        }
        R::DeliveryExists { .. } | R::OrderInDelivery { .. } => {
            conflict("delivery_exists", "It is in another delivery")
        }
        R::DriversFull { .. } => conflict("drivers_full", "There are as many drivers as may be"),
        R::OrdersFull { .. } => no_room(),
        _ => conflict("refused", "It cannot be done as things stand"),
    }
}

fn sale(refusal: &flash_sale::sale::Refusal, now: Timestamp) -> Problem {
    use flash_sale::sale::Refusal as R;
    let conflict = |code, title| Problem::conflict(code, title);
    match refusal {
        R::OverLimit { limit } => {
            conflict("over_limit", "You may have no more of it").with("limit", limit)
        }
        R::SoldOut => conflict("sold_out", "Every unit is sold"),
        R::Closed => conflict("sale_closed", "The sale is closed"),
        R::NotOpen { opens_at } => conflict("sale_not_open", "The sale has not begun")
            .with("opens_at", Time::of(*opens_at))
            .retry_after(opens_at.saturating_since(now)),
        R::NotAdmitted => conflict("not_admitted", "You are not let in yet: join the queue"),
        R::AllHeld { next } => {
            conflict("all_held", "Every unit is held; one may come back: join the queue")
                .with("next", next.and_then(Time::of))
        }
        R::NoNeedToWait => conflict("no_need_to_wait", "There is a unit to claim"),
        R::RoomFull { .. } | R::RefundsFull { .. } => no_room(),
        R::NoSuchHold | R::NotYours => Problem::not_found(),
        R::AlreadySold => conflict("already_sold", "The unit is sold"),
        R::HoldEnded => conflict("hold_ended", "The hold has ended: claim again"),
        _ => conflict("refused", "It cannot be done as things stand"),
    }
}

/// A command that was not decided.
pub(crate) fn not_taken(why: NotTaken) -> Problem {
    match why {
        NotTaken::Conflict => Problem::unprocessable(
            "idempotency_key_reused",
            "The idempotency key was used with another request",
        ),
        NotTaken::TooOld | NotTaken::TooEarly => {
            Problem::unavailable("clock_skew", "The clocks of this service differ", SOON)
        }
        NotTaken::Busy | NotTaken::Full => {
            Problem::unavailable("busy", "Too much is in flight: send the same again", SOON)
        }
        NotTaken::NoRoom => no_room(),
        NotTaken::NotOwner => {
            Problem::unavailable("not_ready", "Another process decides: send the same again", SOON)
        }
        _ => Problem::unavailable("busy", "Send the same again", SOON),
    }
}

/// What there is no room for now: nothing of it is remembered.
fn no_room() -> Problem {
    let title = "There is no room for it now: send the same again, with the same key";
    Problem::unavailable("no_room", title, SOON)
}

/// A command that was not sent.
pub(crate) fn not_sent(why: &NotSent) -> Problem {
    match why {
        NotSent::Busy { .. } => {
            Problem::unavailable("busy", "Too much is in flight: send the same again", SOON)
        }
        NotSent::TooLong { .. } => Problem::new(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            "too_long",
            "What follows from this is too long to keep",
        ),
        NotSent::Gone | _ => {
            Problem::unavailable("going_away", "This process goes away: send the same again", SOON)
        }
    }
}

/// A command whose result is not known (yet): the same key tells.
pub(crate) fn unknown() -> Problem {
    let title = "Whether it was done is not known yet: send the same again, with the same key";
    Problem::unavailable("unknown_outcome", title, SOON)
}
