//! Flash sales in a shard: a sale of one item, and the checkouts that carry its holds.
//!
//! The money of a unit is the money of the order that it is in. A customer claims a unit, and orders
//! it by a checkout that carries the hold; from then on the checkout's deadline is the one that
//! counts. The batch that makes the checkout an order sells the unit; the batch that ends the
//! checkout any other way gives it back, to the head of the line. A hold of money that succeeds after
//! that is voided, as every late one is: nobody pays for a unit that is somebody else's.
//!
//! A sold unit stays sold, whatever becomes of the order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Shard;
use super::command::{Offering, SaleAct, Wish};
use super::decide::{Decided, outcome_of};
use super::event::{CorruptLog, Event, Outcome, Refusal};
use crate::catalog::Cart;
use crate::flash_sale::sale::{self, Command, Decided as SaleDecided, HoldState};
use crate::flash_sale::{Admission, HoldId, Rules, Sale};
use crate::id::{CustomerId, ItemId, OrderId, RestaurantId, SaleId};
use crate::time::{Span, Timestamp};

/// The sales of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sales {
    by_id: BTreeMap<SaleId, Listed>,
    /// The checkouts that carry a hold and are waiting.
    carried: BTreeMap<OrderId, Carried>,
}

/// A flash sale of one item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Whose item.
    pub restaurant: RestaurantId,
    /// Which.
    pub item: ItemId,
    /// Who has what of it.
    pub sale: Sale<CustomerId>,
    /// Since when nothing can happen any more.
    over_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    sale: SaleId,
    hold: HoldId,
}

impl Sales {
    pub(super) fn get(&self, id: SaleId) -> Option<&Listed> {
        self.by_id.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SaleId, &Listed)> {
        self.by_id.iter().map(|(&id, listed)| (id, listed))
    }

    /// The earliest deadline of a sale. Costs a look at each, and there are few.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, SaleId)> {
        let deadline = |(&id, listed): (&SaleId, &Listed)| Some((listed.sale.next_deadline()?, id));
        self.by_id.iter().filter_map(deadline).min()
    }

    /// The sale through which alone something in a cart is sold. One that is closed binds nobody; one
    /// that is sold out still does.
    pub(super) fn that_sells(&self, cart: &Cart) -> Option<SaleId> {
        let sells = |listed: &Listed| !listed.sale.is_closed() && listed.counts(cart) > 0;
        self.by_id.iter().find(|(_, listed)| sells(listed)).map(|(&id, _)| id)
    }

    /// The hold that a waiting checkout carries.
    #[cfg(test)]
    pub(super) fn carried(&self) -> impl Iterator<Item = (OrderId, SaleId, HoldId)> {
        self.carried.iter().map(|(&order, carried)| (order, carried.sale, carried.hold))
    }

    pub(super) fn evolve(&mut self, event: &Event, at: Timestamp) -> Result<(), CorruptLog> {
        let (id, hold) = match event {
            Event::SaleOpened { sale, restaurant, item, rules } => {
                if self.by_id.contains_key(sale) {
                    return Err(CorruptLog::NoSuchSale { sale: *sale });
                }
                let (restaurant, item) = (*restaurant, *item);
                let opened = Sale::new((**rules).clone());
                let listed = Listed { restaurant, item, sale: opened, over_since: None };
                self.by_id.insert(*sale, listed);
                return Ok(());
            }
            Event::SaleCheckout { sale, hold, order } => {
                self.carried.insert(*order, Carried { sale: *sale, hold: *hold });
                return Ok(());
            }
            Event::Sale { sale, event } => {
                let listed = self.by_id.get_mut(sale);
                let listed = listed.ok_or(CorruptLog::NoSuchSale { sale: *sale })?;
                let corrupt = |corrupt| CorruptLog::Sale { sale: *sale, corrupt };
                listed.sale.evolve(event, at).map_err(corrupt)?;
                if listed.over_since.is_none() && listed.sale.is_over() {
                    listed.over_since = Some(at);
                }
                match event {
                    sale::Event::Sold { hold } | sale::Event::Released { hold } => (*sale, *hold),
                    sale::Event::Held { .. }
                    | sale::Event::PaymentStarted { .. }
                    | sale::Event::SoldLate { .. }
                    | sale::Event::RefundDue { .. }
                    | sale::Event::Expired { .. }
                    | sale::Event::Closed
                    | sale::Event::Room(_) => return Ok(()),
                }
            }
            Event::PolicySet(_)
            | Event::Catalog(_)
            | Event::Checkout { .. }
            | Event::Order { .. }
            | Event::Dispatch(_)
            | Event::Provider { .. } => return Ok(()),
        };
        let ended = Carried { sale: id, hold };
        self.carried.retain(|_, carried| *carried != ended);
        Ok(())
    }

    /// What has been over for long enough leaves memory; the log still has it.
    pub(super) fn forget(&mut self, now: Timestamp, retain: Span) {
        self.by_id.retain(|_, listed| !listed.may_go(now, retain));
    }
}

impl Listed {
    /// Units of the sale's item in a cart.
    fn counts(&self, cart: &Cart) -> u32 {
        if cart.restaurant != self.restaurant {
            return 0;
        }
        let lines = cart.lines.iter().filter(|line| line.item == self.item);
        lines.fold(0, |units, line| units.saturating_add(line.quantity))
    }

    fn may_go(&self, now: Timestamp, retain: Span) -> bool {
        self.over_since.is_some_and(|since| since.saturating_add(retain) <= now)
    }
}

type WithOutcome = Result<(Vec<Event>, Outcome), Refusal>;

impl Shard {
    pub(super) fn sale_act(
        &self,
        id: SaleId,
        act: &SaleAct,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> WithOutcome {
        let command = match act {
            SaleAct::Open(offering) => {
                return Ok((self.open_sale(id, offering, now)?, Outcome::Done));
            }
            SaleAct::Close => Command::Close,
            SaleAct::Claim { customer, nth } => Command::Claim { user: *customer, nth: *nth },
            SaleAct::Release { customer, hold } => {
                let held = self.listed(id)?.sale.hold(*hold);
                if held.is_some_and(|held| held.state == HoldState::Paying) {
                    // Its checkout is what ends it.
                    return Err(Refusal::CheckoutOver);
                }
                Command::Release { user: *customer, hold: *hold }
            }
            SaleAct::Checkout { hold, wish } => {
                let events = self.sale_checkout(id, *hold, wish, asked_at, now)?;
                let outcome = outcome_of(&events);
                return Ok((events, outcome));
            }
            SaleAct::Join { customer } => Command::Join { user: *customer },
            SaleAct::Leave { customer } => Command::Leave { user: *customer },
        };
        let SaleDecided { events, answer } = self.listed(id)?.sale.decide(&command, now)?;
        let outcome =
            if answer == sale::Answer::Done { Outcome::Done } else { Outcome::Sale(answer) };
        Ok((events.into_iter().map(|event| Event::Sale { sale: id, event }).collect(), outcome))
    }

    pub(super) fn sale_tick(&self, id: SaleId, now: Timestamp) -> Decided {
        let ticked = self.listed(id)?.sale.decide(&Command::Tick, now)?;
        Ok(ticked.events.into_iter().map(|event| Event::Sale { sale: id, event }).collect())
    }

    /// What the end of a checkout means to the hold that it carries, if it does.
    pub(super) fn checkout_ended(
        &self,
        order: OrderId,
        placed: bool,
        events: &mut Vec<Event>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(&Carried { sale: id, hold }) = self.sales.carried.get(&order) else {
            return Ok(());
        };
        let sale = &self.listed(id)?.sale;
        let Some(user) = sale.hold(hold).map(|held| held.user) else { return Ok(()) };
        let command = match placed {
            true => Command::Pay { user, hold },
            false => Command::Release { user, hold },
        };
        let decided = sale.decide(&command, now)?;
        events.extend(decided.events.into_iter().map(|event| Event::Sale { sale: id, event }));
        Ok(())
    }

    fn open_sale(&self, id: SaleId, offering: &Offering, now: Timestamp) -> Decided {
        let policy = &self.policy.sale;
        let mut rules = Rules::new(offering.stock, offering.opens_at)?;
        rules.per_user = policy.per_customer;
        rules.hold_for = policy.hold_for;
        rules.people_max = policy.people_max;
        rules.admission = offering.crowd.map(|crowd| Admission {
            percent: policy.admit_percent,
            pass_for: policy.pass_for,
            ..Admission::new(crowd.capacity_per_s, crowd.seed)
        });
        rules.check()?;
        if offering.stock > policy.stock_max {
            let most = policy.stock_max;
            return Err(crate::flash_sale::RulesError::Count { name: "stock".into(), most }.into());
        }
        let (restaurant, item) = (offering.restaurant, offering.item);
        if let Some(listed) = self.sales.get(id) {
            let same = listed.restaurant == restaurant
                && listed.item == item
                && *listed.sale.rules() == rules
                && !listed.sale.is_closed();
            return if same { Ok(Vec::new()) } else { Err(Refusal::SaleTaken { sale: id }) };
        }
        let sells_it = |listed: &Listed| {
            listed.restaurant == restaurant && listed.item == item && !listed.sale.is_closed()
        };
        if let Some((other, _)) = self.sales.iter().find(|(_, listed)| sells_it(listed)) {
            return Err(Refusal::SaleTaken { sale: other });
        }
        let retain = self.policy.memory.retain_terminal;
        let stays = self.sales.by_id.values().filter(|listed| !listed.may_go(now, retain)).count();
        if stays >= usize::try_from(policy.sales_max).unwrap_or(usize::MAX) {
            return Err(Refusal::SalesFull { most: policy.sales_max });
        }
        Ok(vec![Event::SaleOpened { sale: id, restaurant, item, rules: Box::new(rules) }])
    }

    fn sale_checkout(
        &self,
        id: SaleId,
        hold: HoldId,
        wish: &Wish,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Decided {
        let listed = self.listed(id)?;
        let start = Command::StartPayment { user: wish.customer, hold };
        let started = listed.sale.decide(&start, now)?;
        if started.events.is_empty() {
            // It is paid, or being paid: by another checkout.
            return Err(Refusal::CheckoutOver);
        }
        let others = self.sales.that_sells(&wish.cart).is_some_and(|other| other != id);
        if listed.counts(&wish.cart) != 1 || others {
            return Err(Refusal::NotWhatIsHeld);
        }
        let mut events = self.new_checkout(wish, asked_at, now)?;
        if let Some(&Event::Checkout { order, .. }) = events.first() {
            let carried = Event::SaleCheckout { sale: id, hold, order };
            events.extend(started.events.into_iter().map(|event| Event::Sale { sale: id, event }));
            events.push(carried);
        }
        Ok(events)
    }

    fn listed(&self, id: SaleId) -> Result<&Listed, Refusal> {
        self.sales.get(id).ok_or(Refusal::NoSuchSale { sale: id })
    }
}
