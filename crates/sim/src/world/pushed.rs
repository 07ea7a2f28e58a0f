//! A city that is pushed through its evening from outside, and those who visit it.

use std::time::Duration;

use doorstep_core::checkout::Intent;
use doorstep_core::time::{Span, Timestamp};
use doorstep_runtime::client::Client;

use super::storage::Storage;
use super::whims::{Whim, Whose};
use super::{END_AFTER, Evening, MIDNIGHT, Meal, World, seconds};
use crate::day::DayOrder;

impl World {
    /// This time of a city's day.
    #[must_use]
    pub fn time_of_day(since_midnight: Span) -> Timestamp {
        MIDNIGHT.saturating_add(since_midnight)
    }
}

impl<S: Storage> World<S> {
    /// The city's time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The handle of the host that runs, for whoever else wants to look and to act; `None` while none
    /// does. A host that starts after a crash has another.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        self.process.client().cloned()
    }

    /// Lives through everything up to `now`, and has the host do what others have asked of it
    /// meanwhile. Called often, it keeps them waiting no longer than between two calls; an earlier
    /// time than the city's own counts as that.
    ///
    /// ```
    /// use doorstep_core::money::Currency;
    /// use doorstep_core::policy::Policy;
    /// use doorstep_core::time::Span;
    /// use doorstep_sim::city::{City, CityConfig};
    /// use doorstep_sim::world::{World, WorldConfig};
    ///
    /// let day = City::generate(&CityConfig::new(7, 20));
    /// let config = WorldConfig::new(7, Policy::new(Currency::new("EUR").unwrap()));
    /// let mut world = World::new(config, &day);
    /// let mut minutes = 0;
    /// while !world.is_over() {
    ///     minutes += 1;
    ///     world.advance(World::time_of_day(Span::from_mins(minutes)));
    /// }
    /// assert_eq!(world.end_now().auditor.violation_count(), 0);
    /// ```
    pub fn advance(&mut self, now: Timestamp) {
        while self.broken_off.is_none() {
            self.turn();
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            if next.is_none_or(|at| at > now) {
                break;
            }
            let Some(((at, _), (occasion, happening))) = self.agenda.pop_first() else { break };
            self.now = self.now.max(at);
            self.occasion = occasion;
            self.happen(happening);
        }
        self.now = self.now.max(now);
        self.turn();
    }

    /// Whether every order has ended and all money is settled; or nothing goes on because the storage
    /// failed, or because it is so late that nothing can.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let of = u64::try_from(self.meals.len()).unwrap_or(u64::MAX);
        let last = self.meals.iter().map(|meal| meal.plan.placed_s).max().unwrap_or_default();
        let is_late = self.now >= seconds(last).saturating_add(END_AFTER);
        is_late || self.broken_off.is_some() || (self.ended >= of && self.is_settled())
    }

    /// How it went so far. What goes on still is a violation of what must be true at the end.
    #[must_use]
    pub fn end_now(self) -> Evening {
        self.evening(Duration::ZERO)
    }

    /// Whether this is a customer of the day who has not ordered yet.
    pub(super) fn wants_to_order(&self, index: usize) -> bool {
        self.meals.get(index).is_some_and(|meal| meal.id.is_none())
    }

    /// Somebody orders whom the day did not expect: the kitchen answers and cooks as kitchens do.
    pub(super) fn welcome(&mut self, intent: &Intent) -> usize {
        let index = self.meals.len();
        let after = |at: Timestamp, span: Span| {
            let since = at.saturating_add(span).saturating_since(MIDNIGHT).as_secs();
            u32::try_from(since).unwrap_or(u32::MAX)
        };
        let whose = Whose::Meal(index);
        let answer = self.some_seconds(whose, Whim::Answer, 30, 180);
        let cook = self.some_seconds(whose, Whim::Cook, 480, 1_500);
        let placed = intent.opened_at;
        self.meals.push(Meal {
            plan: DayOrder {
                line: 0,
                pickup: intent.pickup,
                drop_off: intent.drop_off,
                placed_s: after(placed, Span::ZERO),
                accept_s: after(placed, answer),
                ready_s: after(placed.saturating_add(answer), cook),
                promised_s: after(intent.promised, Span::ZERO),
            },
            customer: intent.customer,
            restaurant: intent.restaurant,
            id: None,
            courier: None,
            brought_by: None,
            ready: false,
            ended: false,
        });
        index
    }
}

#[cfg(test)]
mod tests {
    use doorstep_core::catalog::{Cart, CartLine};
    use doorstep_core::flash_sale::sale::{HoldState, Standing};
    use doorstep_core::id::{CommandId, CustomerId, ItemId, RestaurantId, SaleId};
    use doorstep_core::money::Currency;
    use doorstep_core::order::OrderStatus;
    use doorstep_core::policy::Policy;
    use doorstep_core::shard::{Command, Offering, Outcome, SaleAct, Wish};
    use doorstep_runtime::client::Told;
    use doorstep_runtime::reads::Known;

    use super::*;
    use crate::city::{City, CityConfig};
    use crate::world::WorldConfig;

    fn served_city() -> World {
        let mut config = WorldConfig::new(7, Policy::new(Currency::new("EUR").unwrap()));
        config.reads = true;
        World::new(config, &City::generate(&CityConfig::new(7, 40)))
    }

    #[test]
    fn a_visitors_order_is_cooked_and_brought_like_anybodys() {
        let mut world = served_city();
        let at = |minute| World::time_of_day(Span::from_mins(minute));
        world.advance(at(19 * 60));
        let client = world.client().unwrap();
        let restaurant = RestaurantId::from(1);
        let drop_off = client.restaurant(restaurant, |restaurant| restaurant.position).unwrap();
        let line =
            CartLine { item: ItemId::from(1), quantity: 1, choices: vec![], unit_price: None };
        let wish = Wish {
            customer: CustomerId::from(1_000_000),
            cart: Cart { restaurant, lines: vec![line] },
            drop_off,
            promised: None,
        };
        let cause = Client::cause(CommandId::new(1), world.now());
        let ticket = client.submit(cause, Command::Checkout(Box::new(wish))).unwrap();
        let mut minute = 19 * 60;
        let mut status = None;
        while !world.is_over() {
            minute += 1;
            world.advance(at(minute));
            if let Some(Told::Outcome(Outcome::CheckoutOpened { order, .. })) = ticket.told()
                && let Some(Known::Order(order)) = client.known(order)
            {
                status = Some(order.status());
            }
        }
        assert_eq!(status, Some(OrderStatus::Delivered));
        let evening = world.end_now();
        assert_eq!(evening.auditor.violation_count(), 0);
        assert!(evening.log_verified);
    }

    #[test]
    fn an_evening_with_a_flash_sale_and_its_crowd_ends_by_itself() {
        let mut world = served_city();
        let mut minute = 19 * 60;
        let at = |minute| World::time_of_day(Span::from_mins(minute));
        world.advance(at(minute));
        let client = world.client().unwrap();
        let (restaurant, item) = (RestaurantId::from(1), ItemId::from(1));
        let drop_off = client.restaurant(restaurant, |restaurant| restaurant.position).unwrap();
        let sale = SaleId::from(1);
        let mut commands = 0;
        let mut submit = |now, act| {
            commands += 1;
            let cause = Client::cause(CommandId::new(commands), now);
            client.submit(cause, Command::Sale { sale, act }).unwrap();
        };
        let opens_at = world.now();
        let offering = Offering { restaurant, item, stock: 10, opens_at, crowd: None };
        submit(world.now(), SaleAct::Open(offering));
        let crowd: Vec<_> = (1_000_000..1_000_030).map(CustomerId::from).collect();
        for customer in &crowd {
            submit(world.now(), SaleAct::Claim { customer: *customer, nth: 1 });
        }
        let mut ordered = std::collections::BTreeSet::new();
        while !world.is_over() {
            minute += 1;
            world.advance(at(minute));
            for &customer in &crowd {
                let standing = client.sale(sale, |shown| shown.sale.standing(&customer, 1));
                let Some(Standing::Has { hold, state: HoldState::Reserved { .. } }) = standing
                else {
                    continue;
                };
                if ordered.insert(hold) {
                    let line = CartLine { item, quantity: 1, choices: vec![], unit_price: None };
                    let cart = Cart { restaurant, lines: vec![line] };
                    let wish = Box::new(Wish { customer, cart, drop_off, promised: None });
                    submit(world.now(), SaleAct::Checkout { hold, wish });
                }
            }
        }
        assert_eq!(ordered.len(), 10);
        let last = world.meals.iter().map(|meal| meal.plan.placed_s).max().unwrap();
        assert!(world.now() < seconds(last).saturating_add(END_AFTER), "it was cut off");
        let evening = world.end_now();
        assert_eq!(evening.auditor.violation_count(), 0);
        assert!(evening.log_verified);
    }
}
