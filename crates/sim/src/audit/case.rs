//! One order as the auditor follows it: a status machine of its own.

use doorstep_core::id::{DeliveryId, DriverId};

use super::facts::{End, Ground, NoHold, OrderFacts};
use super::ledger::{Invariant, Ledger};
use super::purse::Purse;
use super::wire::{Actor, KitchenKind, Order as Event};

/// How far the kitchen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kitchen {
    Confirmed,
    Preparing,
    Ready,
}

/// How far the driver is on the way from the restaurant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    PickedUp,
    EnRoute,
    AtDoorstep,
}

/// Where a checkout or an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The provider is being asked for a hold.
    Asked,
    /// The money is held: the order must follow in the same batch.
    Held,
    /// No order comes of it.
    Closed,
    Pending {
        respond_by: i64,
    },
    Underway {
        kitchen: Kitchen,
        at_restaurant: bool,
        flagged: bool,
        give_up_at: i64,
        pick_up_by: i64,
    },
    OnTheWay {
        leg: Leg,
        until: i64,
    },
    Ended,
}

/// A checkout and the order that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) facts: OrderFacts,
    pub(super) purse: Purse,
    pub(super) stage: Stage,
    /// Who has it, by the order's own events.
    pub(super) driver: Option<DriverId>,
    /// As part of what; means something only while somebody has it.
    pub(super) delivery: Option<DeliveryId>,
}

impl Case {
    /// Whether it is an order, past or present.
    pub(super) const fn is_placed(&self) -> bool {
        match self.stage {
            Stage::Asked | Stage::Held | Stage::Closed => false,
            Stage::Pending { .. }
            | Stage::Underway { .. }
            | Stage::OnTheWay { .. }
            | Stage::Ended => true,
        }
    }

    /// No order comes of it.
    pub(super) const fn close(&mut self, why: NoHold) {
        self.facts.no_hold = Some(why);
        self.stage = Stage::Closed;
    }

    /// The provider told something of a checkout that waits: whose money is held, or taken whole, is
    /// an order in the same batch; with no hold any more, or money given back, there will be none.
    pub(super) const fn heard(&mut self) {
        let purse = &self.purse;
        if purse.captures > 0 {
            if purse.paid() == purse.asked {
                self.stage = Stage::Held;
            } else {
                self.close(NoHold::Declined);
            }
        } else if purse.is_refused() || purse.is_released() {
            self.close(NoHold::Declined);
        } else if purse.holds > 0 {
            self.stage = Stage::Held;
        }
    }

    /// What came after the end, which nothing but money may.
    pub(super) fn after_end(&self, end: End, event: &Event, ledger: &mut Ledger) {
        let (order, late) = (self.facts.order, event.name());
        let invariant = match (event, end) {
            (Event::ArrivedAtDoorstep { .. }, End::Cancelled(_)) => Invariant::CancelOrArrival,
            (Event::Delivered { .. } | Event::Undelivered { .. } | Event::Cancelled { .. }, _) => {
                Invariant::OneEnd
            }
            _ => Invariant::NothingAfterEnd,
        };
        ledger.check(invariant, false, || format!("{order}: {late} after {end:?}"));
    }

    /// Takes in what happened to an order that has not ended, or to its money.
    pub(super) fn step(&mut self, event: &Event, at: i64, ledger: &mut Ledger) {
        ledger.check(Invariant::NothingAfterEnd, true, String::new);
        let legal = match *event {
            Event::Placed { .. } => false,
            Event::Accepted { kitchen, give_up_at, pick_up_by } => {
                self.accepted(kitchen, give_up_at, pick_up_by, at)
            }
            Event::PreparingStarted => self.cook(Kitchen::Preparing, at),
            Event::MadeReady {} => self.cook(Kitchen::Ready, at),
            Event::Adjusted { ref quote } => {
                let (before, after) = (self.purse.total, quote.total.minor);
                let order = self.facts.order;
                ledger.check(Invariant::MoneyBounds, (0..=before).contains(&after), || {
                    format!("{order} is adjusted from {before} to {after}")
                });
                self.purse.total = after;
                matches!(self.stage, Stage::Underway { .. })
            }
            Event::EstimateRevised {} => true,
            Event::DriverAssigned { driver, delivery } => self.assigned(driver, delivery, ledger),
            Event::DriverDropped { driver, give_up_at, .. } => {
                self.dropped(driver, give_up_at, ledger)
            }
            Event::HandedOver { from, driver, delivery } => {
                self.handed_over(from, driver, delivery, ledger)
            }
            Event::SearchFlagged => self.flagged(),
            Event::ArrivedAtRestaurant { driver } => self.at_restaurant(driver, ledger),
            Event::PickedUp { driver, lost_at } => self.picked_up(driver, lost_at, at, ledger),
            Event::Departed { driver } => {
                self.has(driver, ledger);
                self.departed()
            }
            Event::ArrivedAtDoorstep { driver, leave_at } => {
                self.has(driver, ledger);
                self.at_doorstep(leave_at, at, ledger)
            }
            Event::Delivered { driver } => {
                self.has(driver, ledger);
                self.carried_to(End::Delivered, at, ledger)
            }
            Event::Undelivered { by, reason } => {
                let may = self.undeliverable(by, at, ledger);
                self.carried_to(End::Undelivered(reason), at, ledger) && may
            }
            Event::Cancelled { by, ground, fee } => {
                self.cancelled(by, ground, fee.minor, at, ledger)
            }
            Event::Payment(payment) => {
                self.purse.event(self.facts.order, payment, ledger);
                return;
            }
        };
        let (order, stage) = (self.facts.order, self.stage);
        ledger.check(Invariant::Milestones, legal, || {
            format!("{order}: {} does not fit; it is now {stage:?}", event.name())
        });
    }

    fn accepted(&mut self, kind: KitchenKind, give_up_at: i64, pick_up_by: i64, at: i64) -> bool {
        let legal = matches!(self.stage, Stage::Pending { .. });
        let kitchen = match kind {
            KitchenKind::Cooks => Kitchen::Confirmed,
            KitchenKind::Shelf => Kitchen::Ready,
        };
        if kitchen == Kitchen::Ready {
            self.facts.ready_at = Some(at);
        }
        self.facts.accepted_at = self.facts.accepted_at.or(Some(at));
        self.purse.accepted = true;
        self.stage = Stage::Underway {
            kitchen,
            at_restaurant: false,
            flagged: false,
            give_up_at,
            pick_up_by,
        };
        legal
    }

    fn cook(&mut self, to: Kitchen, at: i64) -> bool {
        let Stage::Underway { kitchen, .. } = &mut self.stage else { return false };
        let legal = match to {
            Kitchen::Confirmed => false,
            Kitchen::Preparing => *kitchen == Kitchen::Confirmed,
            Kitchen::Ready => *kitchen != Kitchen::Ready,
        };
        *kitchen = to;
        if to == Kitchen::Ready {
            self.facts.ready_at = self.facts.ready_at.or(Some(at));
        }
        legal
    }

    fn assigned(&mut self, driver: DriverId, delivery: DeliveryId, ledger: &mut Ledger) -> bool {
        let (order, had) = (self.facts.order, self.driver);
        ledger.check(Invariant::OneDriverPerOrder, had.is_none(), || {
            format!("{driver} gets {order}, which {had:?} has")
        });
        (self.driver, self.delivery) = (Some(driver), Some(delivery));
        let Stage::Underway { at_restaurant, flagged, .. } = &mut self.stage else { return false };
        (*at_restaurant, *flagged) = (false, false);
        true
    }

    fn dropped(&mut self, driver: DriverId, until: i64, ledger: &mut Ledger) -> bool {
        self.has(driver, ledger);
        self.driver = None;
        let Stage::Underway { at_restaurant, flagged, give_up_at, .. } = &mut self.stage else {
            return false;
        };
        (*at_restaurant, *flagged, *give_up_at) = (false, false, until);
        true
    }

    fn handed_over(
        &mut self,
        from: Option<DriverId>,
        driver: DriverId,
        delivery: DeliveryId,
        ledger: &mut Ledger,
    ) -> bool {
        let (order, had) = (self.facts.order, self.driver);
        ledger.check(Invariant::OneDriverPerOrder, had == from, || {
            format!("{order} is handed over from {from:?}, and {had:?} has it")
        });
        (self.driver, self.delivery) = (Some(driver), Some(delivery));
        match &mut self.stage {
            Stage::Underway { at_restaurant, flagged, .. } => {
                (*at_restaurant, *flagged) = (false, false);
                true
            }
            Stage::OnTheWay { leg, .. } => *leg != Leg::AtDoorstep,
            Stage::Asked | Stage::Held | Stage::Closed | Stage::Pending { .. } | Stage::Ended => {
                false
            }
        }
    }

    fn flagged(&mut self) -> bool {
        let Stage::Underway { flagged, .. } = &mut self.stage else { return false };
        let legal = self.driver.is_none() && !*flagged;
        *flagged = true;
        legal
    }

    fn at_restaurant(&mut self, driver: DriverId, ledger: &mut Ledger) -> bool {
        self.has(driver, ledger);
        let Stage::Underway { at_restaurant, .. } = &mut self.stage else { return false };
        !core::mem::replace(at_restaurant, true)
    }

    fn picked_up(&mut self, driver: DriverId, lost_at: i64, at: i64, ledger: &mut Ledger) -> bool {
        self.has(driver, ledger);
        let legal = matches!(self.stage, Stage::Underway { at_restaurant: true, .. });
        self.facts.ready_at = self.facts.ready_at.or(Some(at));
        self.facts.picked_up_at = self.facts.picked_up_at.or(Some(at));
        self.stage = Stage::OnTheWay { leg: Leg::PickedUp, until: lost_at };
        legal
    }

    fn departed(&mut self) -> bool {
        let Stage::OnTheWay { leg, .. } = &mut self.stage else { return false };
        core::mem::replace(leg, Leg::EnRoute) == Leg::PickedUp
    }

    fn at_doorstep(&mut self, leave_at: i64, at: i64, ledger: &mut Ledger) -> bool {
        ledger.check(Invariant::CancelOrArrival, true, String::new);
        let legal = matches!(self.stage, Stage::OnTheWay { leg: Leg::PickedUp | Leg::EnRoute, .. });
        self.facts.at_doorstep_at = self.facts.at_doorstep_at.or(Some(at));
        self.stage = Stage::OnTheWay { leg: Leg::AtDoorstep, until: leave_at };
        legal
    }

    /// An end that needs a driver who has it.
    fn carried_to(&mut self, end: End, at: i64, ledger: &mut Ledger) -> bool {
        let legal = matches!(self.stage, Stage::OnTheWay { .. });
        self.end(end, at, ledger);
        legal
    }

    fn undeliverable(&mut self, by: Actor, at: i64, ledger: &mut Ledger) -> bool {
        match by {
            Actor::Driver(driver) => {
                self.has(driver, ledger);
                true
            }
            Actor::Operations => true,
            Actor::Platform => {
                let Stage::OnTheWay { until, .. } = self.stage else { return false };
                self.due(until, at, ledger);
                true
            }
            Actor::Customer | Actor::Restaurant => false,
        }
    }

    fn cancelled(
        &mut self,
        by: Actor,
        ground: Ground,
        fee: i64,
        at: i64,
        ledger: &mut Ledger,
    ) -> bool {
        let order = self.facts.order;
        let arrived = matches!(self.stage, Stage::OnTheWay { leg: Leg::AtDoorstep, .. });
        let may = ledger.check(Invariant::CancelOrArrival, !arrived, || {
            format!("{order} is cancelled while the driver is at the doorstep")
        });
        if may {
            let stage = self.stage;
            let (which, fits) = match by {
                Actor::Customer => (Invariant::CustomerCancel, self.customer_may(ground, at)),
                Actor::Restaurant => (Invariant::CancelTerms, self.restaurant_may(ground)),
                Actor::Platform => (Invariant::CancelTerms, self.platform_may(ground, at, ledger)),
                Actor::Operations => (Invariant::CancelTerms, ground == Ground::Operations),
                Actor::Driver(_) => (Invariant::CancelTerms, false),
            };
            let promised = self.facts.promised;
            ledger.check(which, fits, || {
                let ground = ground.name();
                format!("{order} cancelled by {by:?} at {at}, {ground}: {stage:?}, {promised}")
            });
            let most = if by == Actor::Operations { self.purse.total } else { 0 };
            ledger.check(Invariant::MoneyBounds, (0..=most).contains(&fee), || {
                format!("{by:?} cancels {order} for a fee of {fee}")
            });
        }
        self.purse.fee = fee;
        self.end(End::Cancelled(ground), at, ledger);
        true
    }

    fn customer_may(&self, ground: Ground, at: i64) -> bool {
        let pending = matches!(self.stage, Stage::Pending { .. });
        match ground {
            Ground::BeforeAcceptance => pending,
            Ground::NoDriver => matches!(self.stage, Stage::Underway { flagged: true, .. }),
            Ground::PromiseBroken => !pending && at > self.facts.promised,
            Ground::RestaurantRejected
            | Ground::RestaurantCannot
            | Ground::RestaurantSilent
            | Ground::SearchExhausted
            | Ground::NeverPickedUp
            | Ground::Operations => false,
        }
    }

    const fn restaurant_may(&self, ground: Ground) -> bool {
        matches!(
            (self.stage, ground),
            (Stage::Pending { .. }, Ground::RestaurantRejected)
                | (Stage::Underway { .. }, Ground::RestaurantCannot)
        )
    }

    fn platform_may(&self, ground: Ground, at: i64, ledger: &mut Ledger) -> bool {
        let due = match (self.stage, ground) {
            (Stage::Pending { respond_by }, Ground::RestaurantSilent) => respond_by,
            (Stage::Underway { give_up_at, .. }, Ground::SearchExhausted)
                if self.driver.is_none() =>
            {
                give_up_at
            }
            (Stage::Underway { pick_up_by, .. }, Ground::NeverPickedUp) => pick_up_by,
            _ => return false,
        };
        self.due(due, at, ledger);
        true
    }

    fn due(&self, due: i64, at: i64, ledger: &mut Ledger) {
        let order = self.facts.order;
        ledger.check(Invariant::Deadlines, at >= due, || {
            format!("{order} is ended by a deadline of {due} at {at}")
        });
    }

    fn has(&self, driver: DriverId, ledger: &mut Ledger) {
        let (order, had) = (self.facts.order, self.driver);
        ledger.check(Invariant::OneDriverPerOrder, had == Some(driver), || {
            format!("{driver} acts on {order}, which {had:?} has")
        });
    }

    fn end(&mut self, end: End, at: i64, ledger: &mut Ledger) {
        ledger.check(Invariant::OneEnd, true, String::new);
        self.facts.end = Some((at, end));
        self.facts.driver = self.driver.take();
        self.stage = Stage::Ended;
    }
}
