//! What people hear: the batches that count, and the answers to their own commands.

use doorstep_core::checkout;
use doorstep_core::dispatch::{self, End};
use doorstep_core::log::Batch;
use doorstep_core::order;
use doorstep_core::shard::{Event, Outcome};

use super::errand::Who;
use super::storage::Storage;
use super::whims::{Occasion, Whim, Whose};
use super::{Happening, World, meal_index, seconds};

impl<S: Storage> World<S> {
    /// A batch counts. After a restart the old ones are heard again, and known.
    pub(super) fn hear(&mut self, batch: &Batch<Event, Outcome>) {
        if batch.seq < self.next_seq {
            return;
        }
        self.next_seq = batch.seq.saturating_add(1);
        self.occasion = Occasion::Batch(batch.seq);
        for event in &batch.events {
            match event {
                Event::PolicySet(_)
                | Event::Catalog(_)
                | Event::SaleOpened { .. }
                | Event::Sale { .. }
                | Event::SaleCheckout { .. } => {}
                Event::Checkout { order, event } => match event {
                    checkout::Event::Opened { intent, .. } => {
                        let index = meal_index(intent.customer);
                        let index = index.filter(|&index| self.wants_to_order(index));
                        let index = index.unwrap_or_else(|| self.welcome(intent));
                        if let Some(meal) = self.meals.get_mut(index) {
                            meal.id = Some(*order);
                            self.meal_of.insert(*order, index);
                        }
                    }
                    checkout::Event::Payment(_) | checkout::Event::GivenUp => {
                        self.hear_of_checkout(*order);
                    }
                },
                Event::Order { order, event } => {
                    if let Some(&meal) = self.meal_of.get(order) {
                        self.hear_of_order(meal, event);
                    }
                }
                Event::Dispatch(dispatch::Event::OfferMade { driver, delivery, .. }) => {
                    self.offer_rings(*driver, *delivery);
                }
                Event::Dispatch(dispatch::Event::Taken { .. }) => {
                    self.tally.taken = self.tally.taken.saturating_add(1);
                }
                Event::Dispatch(dispatch::Event::Finished {
                    order,
                    end: End::Delivered { earned } | End::Undelivered { earned },
                    ..
                }) => {
                    let meal = self.meal_of.get(order).and_then(|meal| self.meals.get(*meal));
                    if let Some(driver) = meal.and_then(|meal| meal.brought_by) {
                        self.has_earned(driver, earned.minor());
                    }
                }
                Event::Dispatch(_) | Event::Provider { .. } => {}
            }
        }
    }

    /// A checkout may have come to nothing.
    fn hear_of_checkout(&mut self, order: doorstep_core::id::OrderId) {
        let closed = self.process.checkout_closed(order);
        if let (true, Some(&meal)) = (closed, self.meal_of.get(&order)) {
            self.end(meal);
        }
    }

    fn hear_of_order(&mut self, index: usize, event: &order::Event) {
        match event {
            order::Event::Placed { .. } => {
                self.order_came_in(index);
                if self.chance(Whose::Meal(index), Whim::Impatience, self.config.impatience)
                    && let Some(promised_s) = self.meals.get(index).map(|m| m.plan.promised_s)
                {
                    let look = self.some_seconds(Whose::Meal(index), Whim::Look, 1, 90);
                    let at = seconds(promised_s).max(self.now).saturating_add(look);
                    self.plan_at(at, Happening::Look(index));
                }
            }
            order::Event::Accepted { .. } => self.order_accepted(index),
            order::Event::SearchFlagged => {
                if self.chance(Whose::Meal(index), Whim::Impatience, self.config.impatience) {
                    let look = self.some_seconds(Whose::Meal(index), Whim::Look, 5, 120);
                    self.plan_in(look, Happening::Look(index));
                }
            }
            order::Event::MadeReady { .. } => {
                let Some(meal) = self.meals.get_mut(index) else { return };
                meal.ready = true;
                if let Some(courier) = meal.courier {
                    self.take_it(courier);
                }
            }
            order::Event::DriverAssigned { driver, delivery, .. }
            | order::Event::HandedOver { driver, delivery, .. } => {
                if let Some(meal) = self.meals.get_mut(index) {
                    meal.courier = Some(*driver);
                }
                self.off_to_restaurant(*driver, *delivery, index);
            }
            order::Event::ArrivedAtRestaurant { driver, .. } => {
                self.at_restaurant(*driver, index);
            }
            order::Event::PickedUp { driver, .. } => self.has_picked_up(*driver, index),
            order::Event::ArrivedAtDoorstep { driver, .. } => self.at_door(*driver),
            order::Event::DriverDropped { driver, .. } => {
                if let Some(meal) = self.meals.get_mut(index) {
                    meal.courier = None;
                }
                self.let_go(*driver, index);
            }
            order::Event::Delivered { .. }
            | order::Event::Undelivered { .. }
            | order::Event::Cancelled { .. } => {
                if let order::Event::Delivered { driver } = event {
                    self.has_delivered(*driver);
                }
                let courier = self.meals.get_mut(index).and_then(|meal| {
                    meal.brought_by = meal.courier;
                    meal.courier.take()
                });
                if let Some(driver) = courier {
                    self.let_go(driver, index);
                }
                self.end(index);
            }
            order::Event::PreparingStarted
            | order::Event::Adjusted { .. }
            | order::Event::EstimateRevised { .. }
            | order::Event::Departed { .. }
            | order::Event::Payment(_) => {}
        }
    }

    /// The answer to somebody's own command.
    pub(super) fn hear_outcome(&mut self, who: Who, outcome: &Outcome) {
        match (who, outcome) {
            (Who::Customer(meal), Outcome::Refused(refusal)) => {
                // A checkout that was refused is no order; a cancellation that was refused, one still.
                if self.meals.get(meal).is_some_and(|meal| meal.id.is_none()) {
                    let count = self.wishes_refused.entry(refusal.to_string()).or_default();
                    *count = count.saturating_add(1);
                    self.end(meal);
                }
            }
            (
                Who::Customer(_),
                Outcome::Done
                | Outcome::CheckoutOpened { .. }
                | Outcome::Heard(_)
                | Outcome::Sale(_),
            )
            | (Who::Operations | Who::Restaurant | Who::Courier, _) => {}
        }
    }

    fn end(&mut self, index: usize) {
        if let Some(meal) = self.meals.get_mut(index)
            && !meal.ended
        {
            meal.ended = true;
            self.ended = self.ended.saturating_add(1);
        }
    }
}
