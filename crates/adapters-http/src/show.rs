//! From the domain's state to what is sent.

use doorstep_core::cancel;
use doorstep_core::flash_sale::sale::{HoldState, Place, Standing};
use doorstep_core::id::{DriverId, OrderId, SaleId};
use doorstep_core::money::Money;
use doorstep_core::order::{Actor, Order};
use doorstep_core::payment::{self, Funds};
use doorstep_core::time::Timestamp;
use doorstep_runtime::reads::{DriverDesk, ShownSale};

use crate::app::App;
use crate::wire;
use crate::wire::Time;

/// A time that the domain made: within the calendar, but for "never", which is not shown.
fn time(at: Timestamp) -> Time {
    Time(at)
}

/// An order, as everybody sees it who may.
pub(crate) fn order(app: &App, order: &Order, now: Timestamp) -> wire::Order {
    let intent = order.intent();
    let names = app.client.restaurant(intent.restaurant, |restaurant| {
        let name = |line: &doorstep_core::catalog::Line| {
            let item = restaurant.menu.items().find(|item| item.id == line.item);
            item.map(|item| item.name.clone())
        };
        order.lines().iter().map(name).collect::<Vec<_>>()
    });
    let mut names = names.unwrap_or_default().into_iter();
    let lines = order.lines().iter().map(|line| wire::Line {
        item: line.item,
        name: names.next().flatten(),
        quantity: line.quantity,
        choices: line.choices.clone(),
        unit_price: line.unit.into(),
    });
    let quote = order.quote();
    wire::Order {
        id: order.id(),
        status: order.status().into(),
        customer: intent.customer,
        restaurant: intent.restaurant,
        pickup: intent.pickup.into(),
        drop_off: intent.drop_off.into(),
        lines: lines.collect(),
        quote: wire::Quote {
            subtotal: quote.subtotal.into(),
            delivery_fee: quote.delivery_fee.into(),
            tax: quote.tax.into(),
            total: quote.total.into(),
            distance_m: quote.distance_m,
        },
        payment: payment(order.payment()),
        placed_at: time(intent.opened_at),
        promised_at: time(intent.promised),
        estimated_at: time(intent.estimate),
        driver: carrier(app, order, now),
        cancellation: cancellation(order, now),
        history: history(order),
        as_of: time(now),
    }
}

pub(crate) fn history(order: &Order) -> Vec<wire::Milestone> {
    let shown = order.history().iter().map(|milestone| wire::Milestone {
        status: milestone.status.into(),
        at: time(milestone.at),
        by: milestone.by.into(),
    });
    shown.collect()
}

fn payment(payment: &payment::Payment) -> wire::Payment {
    use wire::PaymentState as S;
    let state = match payment.funds() {
        Funds::Asked => S::Processing,
        Funds::Refused { .. } => S::Failed,
        Funds::Held { .. } => S::Held,
        Funds::Captured { refunded, .. } if refunded.is_zero() => S::Captured,
        Funds::Captured { .. } => S::Refunded,
        Funds::Released { why: payment::Release::Voided } => S::Voided,
        Funds::Released { why: payment::Release::Lapsed } => S::Failed,
    };
    wire::Payment { state, paid: payment.paid().into() }
}

/// Who comes for an order or carries it, and where that is, if it is known and not stale.
pub(crate) fn carrier(app: &App, order: &Order, now: Timestamp) -> Option<wire::Carrier> {
    let (id, delivery) = order.phase().assignment()?;
    let fix = fresh_fix(app, id, now);
    Some(wire::Carrier {
        id,
        delivery,
        position: fix.map(|fix| fix.position.into()),
        heading_deg: fix.and_then(|fix| fix.heading_deg),
        taken_at: fix.map(|fix| time(fix.taken_at)),
    })
}

/// Where a driver was last, if that is not stale.
pub(crate) fn fresh_fix(
    app: &App,
    driver: DriverId,
    now: Timestamp,
) -> Option<doorstep_geo_index::Fix> {
    let drivers = app.client.drivers();
    drivers.get(&driver).filter(|fix| fix.age(now) <= drivers.config().stale_after)
}

/// May the customer cancel, and on what terms: by the same table that the decision asks.
pub(crate) fn cancellation(order: &Order, now: Timestamp) -> wire::Cancellation {
    use cancel::Refusal as R;
    let terms = cancel::terms(Actor::Customer, order.phase(), order.promised(), now);
    let (reason, from) = match &terms {
        Ok(_) => (None, None),
        Err(R::NotYet { from }) => (Some(wire::CancellationReason::NotYet), Time::of(*from)),
        Err(R::AtDoorstep) => (Some(wire::CancellationReason::AtDoorstep), None),
        Err(R::PickedUp) => (Some(wire::CancellationReason::PickedUp), None),
        Err(R::NeverThisActor | R::FeeNotYours) => {
            (Some(wire::CancellationReason::NotThisParty), None)
        }
        Err(_) => (Some(wire::CancellationReason::Ended), None),
    };
    let total = order.quote().total;
    let ground = terms.ok();
    wire::Cancellation {
        order: order.id(),
        allowed: ground.is_some(),
        ground: ground.map(wire::Ground::from),
        // A customer cancels for nothing on every ground there is.
        refund: ground.map(|_| total.into()),
        fee: ground.map(|_| Money::zero(total.currency()).into()),
        reason,
        from,
        as_of: time(now),
    }
}

/// Where a driver stands; who is not on duty has nothing on the desk.
pub(crate) fn driver(
    driver: DriverId,
    desk: Option<&DriverDesk>,
    now: Timestamp,
) -> wire::DriverState {
    let Some(desk) = desk else {
        let status = wire::DriverStatus::Offline;
        let (id, as_of) = (driver, time(now));
        return wire::DriverState { id, status, offer: None, deliveries: Vec::new(), as_of };
    };
    let offer = desk.offer.as_ref().filter(|offer| now < offer.expires_at);
    let orders = |orders: &[(OrderId, _, _)]| {
        let shown = orders.iter().map(|(id, status, to): &(OrderId, _, _)| wire::DeliveryOrder {
            id: *id,
            status: doorstep_core::order::OrderStatus::into(*status),
            drop_off: doorstep_core::place::LatLng::into(*to),
        });
        shown.collect::<Vec<_>>()
    };
    wire::DriverState {
        id: driver,
        status: desk.status.into(),
        offer: offer.map(|offer| wire::Offer {
            delivery: offer.delivery,
            expires_at: time(offer.expires_at),
            restaurant: offer.restaurant,
            pickup: offer.pickup.into(),
            drop_offs: offer.drop_offs.iter().map(|to| (*to).into()).collect(),
            distance_m: offer.distance_m,
            earnings: offer.earnings.into(),
        }),
        deliveries: desk
            .carrying
            .iter()
            .map(|carried| wire::Delivery {
                id: carried.delivery,
                restaurant: carried.restaurant,
                pickup: carried.pickup.into(),
                orders: orders(&carried.orders),
            })
            .collect(),
        as_of: time(now),
    }
}

/// A sale, and where somebody stands in it.
pub(crate) fn sale(id: SaleId, shown: &ShownSale, standing: Option<Standing>) -> wire::Sale {
    let sale = &shown.sale;
    let rules = sale.rules();
    wire::Sale {
        id,
        restaurant: shown.restaurant,
        item: shown.item,
        opens_at: time(rules.opens_at),
        closed: sale.is_closed(),
        stock: rules.stock,
        available: sale.available(),
        held: sale.held(),
        sold: sale.sold(),
        waiting: sale.room().waiting(),
        admitted: sale.room().admitted(),
        per_customer: rules.per_user,
        standing: standing.map(self::standing),
        as_of: time(shown.as_of),
    }
}

fn standing(standing: Standing) -> wire::Standing {
    match standing {
        Standing::Has { hold, state } => wire::Standing::Has { held: held(hold.0, state) },
        Standing::Waits(Place::Gathering { people, opens_at }) => {
            wire::Standing::Gathering { people, opens_at: time(opens_at) }
        }
        Standing::Waits(Place::InLine { ahead, wait }) => {
            wire::Standing::InLine { ahead, wait_ms: wait.map(|wait| wait.as_millis()) }
        }
        Standing::Waits(Place::Admitted { until, .. }) => {
            wire::Standing::Admitted { until: time(until) }
        }
        Standing::SoldOut => wire::Standing::SoldOut,
        Standing::Outside => wire::Standing::Outside,
    }
}

pub(crate) fn held(hold: u64, state: HoldState) -> wire::Held {
    let hold_state = match state {
        HoldState::Reserved { .. } => wire::HeldState::Reserved,
        HoldState::Paying => wire::HeldState::Paying,
        HoldState::Sold => wire::HeldState::Sold,
    };
    wire::Held { hold, hold_state, until: state.until().map(time) }
}
