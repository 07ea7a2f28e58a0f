//! What must always hold of an order and its money, and what must be reachable.

use super::*;

pub(super) fn always() -> Vec<Property<OneOrder>> {
    vec![
        Property::always("the bank is never asked for nonsense", |_, world: &World| {
            !world.bank.nonsense
        }),
        Property::always("never two holds, never two captures", |_, world: &World| {
            world.bank.holds <= 1 && world.bank.captures <= 1
        }),
        Property::always("never more refunded than captured", |_, world: &World| {
            world.bank.refunded <= world.bank.captured
        }),
        Property::always("no order without a hold", |_, world: &World| match world.stage {
            Stage::Checkout(_) => true,
            Stage::Order(_) => world.bank.holds == 1,
        }),
        Property::always("nothing is captured before acceptance", |_, world: &World| match &world
            .stage
        {
            Stage::Checkout(_) => world.bank.captures == 0 || world.bank.by_hand,
            Stage::Order(order) => {
                world.bank.captures == 0
                    || world.bank.by_hand
                    || !matches!(order.phase(), Phase::Pending { .. })
            }
        }),
        Property::always(
            "settled, and all is heard: the bank has what is owed, or there is a debt",
            |_, world: &World| !world.stage.is_over() || !all_is_heard(world) || is_square(world),
        ),
        Property::always("settled: no hold is forgotten", |_, world: &World| {
            let lapsed = Funds::Released { why: Release::Lapsed };
            !world.stage.is_over()
                || !all_is_heard(world)
                || world.bank.holding.is_none()
                || world.stage.payment().funds() == lapsed
        }),
        Property::always(
            "the clock and the bank alone settle everything",
            |model, world: &World| {
                let model: &OneOrder = model;
                world.stage.is_over() || model.goes_on_alone(world)
            },
        ),
    ]
}

/// What must happen in the whole world, lest the rest be true of nothing.
pub(super) fn everything() -> Vec<Property<OneOrder>> {
    vec![
        Property::sometimes(
            "cancelled while the capture was due, then refunded",
            |_, world: &World| {
                over(world).is_some_and(|order| {
                    matches!(order.phase(), Phase::Cancelled { .. })
                        && world.bank.captured > 0
                        && world.bank.refunded == world.bank.captured
                })
            },
        ),
        Property::sometimes("a hold for a checkout given up is voided", |_, world: &World| {
            let Stage::Checkout(checkout) = &world.stage else { return false };
            matches!(checkout.state(), CheckoutState::Closed { why: HoldRefused::GivenUp, .. })
                && checkout.payment().funds() == Funds::Released { why: Release::Voided }
        }),
        Property::sometimes("delivered, and the hold lapsed: a debt", |_, world: &World| {
            over(world).is_some_and(|order| {
                matches!(order.phase(), Phase::Delivered { .. })
                    && order.payment().debt() == Some(order.quote().total)
            })
        }),
        Property::sometimes("dropped and assigned again", |model, world: &World| {
            let model: &OneOrder = model;
            let Stage::Order(order) = &world.stage else { return false };
            world.assigns.saturating_add(2) == model.bounds.assigns
                && assigned(order) == Some(driver())
        }),
        Property::sometimes("undelivered and refunded", |_, world: &World| {
            over(world).is_some_and(|order| {
                matches!(order.phase(), Phase::Undelivered { .. })
                    && world.bank.refunded > 0
                    && world.bank.refunded == world.bank.captured
            })
        }),
        Property::sometimes("undelivered and paid", |_, world: &World| {
            over(world).is_some_and(|order| {
                matches!(order.phase(), Phase::Undelivered { .. })
                    && order.payment().paid() == order.quote().total
            })
        }),
        Property::sometimes("a fee is kept out of a capture", |_, world: &World| {
            over(world).is_some_and(|_| {
                world.bank.refunded > 0 && world.bank.captured - world.bank.refunded == FEE
            })
        }),
        Property::sometimes("a fee alone is captured", |_, world: &World| {
            over(world).is_some_and(|_| world.bank.captured == FEE)
        }),
        Property::sometimes("adjusted after the capture: part is refunded", |_, world: &World| {
            over(world).is_some_and(|order| {
                matches!(order.phase(), Phase::Delivered { .. })
                    && world.bank.refunded > 0
                    && world.bank.refunded < world.bank.captured
            })
        }),
        Property::sometimes("declined: no order", |_, world: &World| {
            world.stage.payment().funds() == Funds::Refused { why: HoldRefused::Declined }
        }),
        Property::sometimes("tried in vain: no order", |_, world: &World| {
            world.stage.payment().funds() == Funds::Refused { why: HoldRefused::Unavailable }
        }),
    ]
}

/// What must happen where holds are shorter than a restaurant's time to answer.
pub(super) fn lapses() -> Vec<Property<OneOrder>> {
    vec![
        Property::sometimes(
            "the hold lapsed before the answer, which never came",
            |_, world: &World| {
                over(world).is_some_and(|order| {
                    matches!(order.phase(), Phase::Cancelled { by: Actor::Platform, .. })
                        && order.payment().funds() == Funds::Released { why: Release::Lapsed }
                        && order.payment().debt().is_none()
                })
            },
        ),
        Property::sometimes(
            "the hold lapsed before the order was accepted: a debt",
            |_, world: &World| {
                over(world).is_some_and(|order| {
                    order.payment().debt().is_some() && world.bank.captures == 0
                })
            },
        ),
    ]
}

/// What must happen where a person at the bank has a hand in it.
pub(super) fn by_hand() -> Vec<Property<OneOrder>> {
    vec![
        Property::sometimes(
            "taken by hand after the cancellation, and given back",
            |_, world: &World| {
                over(world).is_some_and(|order| {
                    matches!(order.phase(), Phase::Cancelled { .. })
                        && world.bank.by_hand
                        && world.bank.refunds.contains_key(&RefundId::Ours(1))
                        && world.bank.refunded == world.bank.captured
                })
            },
        ),
        Property::sometimes("given up by hand, and a fee agreed on: a debt", |_, world: &World| {
            over(world).is_some_and(|order| {
                order.payment().funds() == Funds::Released { why: Release::Voided }
                    && order.payment().debt() == Some(eur(FEE))
            })
        }),
        Property::sometimes("a part given back by hand, the rest by us", |_, world: &World| {
            over(world).is_some_and(|_| {
                world.bank.refunds.len() == 2 && world.bank.refunded == world.bank.captured
            })
        }),
        Property::sometimes("taken by hand while a checkout waited", |_, world: &World| {
            matches!(world.stage, Stage::Order(_))
                && matches!(world.stage.payment().funds(), Funds::Captured { .. })
                && world.stage.payment().owed().is_none()
        }),
    ]
}

fn over(world: &World) -> Option<&Order> {
    match &world.stage {
        Stage::Order(order) if world.stage.is_over() => Some(order),
        Stage::Order(_) | Stage::Checkout(_) => None,
    }
}

fn assigned(order: &Order) -> Option<DriverId> {
    order.phase().assignment().map(|(driver, _)| driver)
}

/// What the customer should have paid, by how the order ended and nothing else.
fn owed(order: &Order) -> Money {
    match order.phase() {
        Phase::Delivered { .. } => order.quote().total,
        Phase::Undelivered { reason, .. } => match reason {
            FailReason::CustomerAbsent | FailReason::CustomerRefused => order.quote().total,
            FailReason::Accident | FailReason::Lost => eur(0),
        },
        Phase::Cancelled { fee, .. } => *fee,
        Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. } => {
            panic!("{:?} is not over", order.phase())
        }
    }
}

/// Whether nothing that can be said is news: what a person did by hand is known.
fn all_is_heard(world: &World) -> bool {
    let payment = world.stage.payment();
    !world.bank.by_hand
        || world.bank.news(payment.asked()).iter().all(|notice| {
            payment.hear(notice, &policy().payment, world.now).is_ok_and(|news| news.is_empty())
        })
}

fn is_square(world: &World) -> bool {
    let paid = world.bank.captured - world.bank.refunded;
    match &world.stage {
        Stage::Checkout(_) => paid == 0,
        Stage::Order(order) => {
            let debt = order.payment().debt().map_or(0, Money::minor);
            paid >= 0
                && debt >= 0
                && paid + debt == owed(order).minor()
                && (debt == 0 || paid == 0 || world.bank.by_hand)
        }
    }
}
