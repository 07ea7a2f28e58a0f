//! What a batch makes of a shard. Nothing is decided here.

use super::agenda::Waits;
use super::event::{CorruptLog, Event};
use super::{Outcome, Shard};
use crate::checkout::{self, Checkout, State};
use crate::dispatch::{self, End};
use crate::id::OrderId;
use crate::log::Batch;
use crate::order::{self, Order};
use crate::payment::{self, HoldRefused};
use crate::time::Timestamp;

/// Orders and checkouts that leave memory with one batch at most, so that a batch after a long
/// silence stays as quick as any other.
const FORGET_MAX: usize = 64;

impl Shard {
    /// Takes in a batch that counts in the log.
    ///
    /// # Errors
    /// [`CorruptLog`] if it cannot have been decided from this state. The shard is then of no
    /// further use: a part of the batch may have been taken in.
    pub fn apply(&mut self, batch: &Batch<Event, Outcome>) -> Result<(), CorruptLog> {
        if batch.at < self.last_at {
            return Err(CorruptLog::TimeWentBack { at: batch.at, last_at: self.last_at });
        }
        self.last_at = batch.at;
        for event in &batch.events {
            match event {
                Event::PolicySet(policy) => self.policy = (**policy).clone(),
                Event::Catalog(event) => self.catalog.evolve(event)?,
                Event::Checkout { order, event } => self.apply_checkout(*order, event)?,
                Event::Order { order, event } => self.apply_order(*order, event)?,
                Event::Dispatch(event) => {
                    if let dispatch::Event::Opened { delivery, .. } = event {
                        self.ids = self.ids.seen(delivery.get());
                    }
                    self.dispatch.evolve(event, batch.at)?;
                    if let dispatch::Event::Finished { delivery, order, end: End::Cancelled } =
                        event
                    {
                        self.called_off.insert(*delivery, *order);
                    }
                }
                Event::Provider { event, heard } => self.apply_heard(event, *heard, batch.at)?,
                Event::SaleOpened { .. } | Event::Sale { .. } | Event::SaleCheckout { .. } => {
                    self.sales.evolve(event, batch.at)?;
                }
            }
        }
        self.causes.take_in(batch, &self.cause_bounds());
        self.heard.forget(batch.at, &self.heard_bounds());
        self.customers.forget(batch.at);
        self.sales.forget(batch.at, self.policy.memory.retain_terminal);
        self.forget();
        Ok(())
    }

    fn apply_checkout(&mut self, id: OrderId, event: &checkout::Event) -> Result<(), CorruptLog> {
        match event {
            checkout::Event::Opened { intent, until } => {
                if self.checkouts.contains_key(&id) || self.orders.contains_key(&id) {
                    return Err(CorruptLog::NoSuchOrder { order: id });
                }
                let opened = Checkout::open((**intent).clone(), *until);
                self.agenda.update(id, Waits::default(), Waits::of_checkout(&opened));
                self.customers.opened(intent.customer, id, self.last_at);
                self.ids = self.ids.seen(id.get());
                self.checkouts.insert(id, opened);
            }
            checkout::Event::Payment(_) | checkout::Event::GivenUp => {
                let checkout =
                    self.checkouts.get_mut(&id).ok_or(CorruptLog::NoSuchOrder { order: id })?;
                let before = Waits::of_checkout(checkout);
                let vain = is_the_customers_doing(event, checkout.state(), self.last_at);
                checkout
                    .evolve(event, self.last_at)
                    .map_err(|corrupt| CorruptLog::Checkout { order: id, corrupt })?;
                if matches!(checkout.state(), State::Closed { .. }) {
                    self.customers.closed(checkout.intent().customer, id);
                }
                if vain {
                    self.customers.failed(checkout.intent().customer, id, self.last_at);
                }
                let after = Waits::of_checkout(checkout);
                self.agenda.update(id, before, after);
            }
        }
        Ok(())
    }

    fn apply_order(&mut self, id: OrderId, event: &order::Event) -> Result<(), CorruptLog> {
        if let order::Event::Placed { respond_by } = event {
            let held = self.checkouts.remove(&id).ok_or(CorruptLog::NoSuchOrder { order: id })?;
            let before = Waits::of_checkout(&held);
            let (intent, payment) =
                held.into_held().map_err(|_| CorruptLog::NoSuchOrder { order: id })?;
            let order = Order::place(intent, payment, *respond_by, self.last_at);
            self.agenda.update(id, before, Waits::of_order(&order));
            self.orders.insert(id, Box::new(order));
            return Ok(());
        }
        let order = self.orders.get_mut(&id).ok_or(CorruptLog::NoSuchOrder { order: id })?;
        let before = Waits::of_order(order);
        order.apply(event, self.last_at)?;
        let after = Waits::of_order(order);
        self.agenda.update(id, before, after);
        Ok(())
    }

    /// Whether one more checkout keeps within `most` once its batch, decided at `now`, has made
    /// room: what waits to be forgotten after a silence keeps nobody out.
    pub(super) fn has_room_for_one(&self, most: u32, now: Timestamp) -> bool {
        let held = self.orders.len().saturating_add(self.checkouts.len());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        held < most || held.saturating_sub(self.forgettable(now).count()) < most
    }

    /// What the next batch, at `now`, lets go of: what has been over for long enough.
    fn forgettable(&self, now: Timestamp) -> impl Iterator<Item = OrderId> {
        let retain = self.policy.memory.retain_terminal;
        let may_go = move |&(since, _): &(Timestamp, OrderId)| since.saturating_add(retain) <= now;
        self.agenda.over().take(FORGET_MAX).take_while(may_go).map(|(_, id)| id)
    }

    /// What has been over for long enough leaves memory; the log still has it.
    fn forget(&mut self) {
        let leaving: Vec<OrderId> = self.forgettable(self.last_at).collect();
        for id in leaving {
            let order = self.orders.remove(&id).map(|order| Waits::of_order(&order));
            let checkout = self.checkouts.remove(&id).map(|gone| Waits::of_checkout(&gone));
            let before = order.or(checkout).unwrap_or_default();
            self.agenda.update(id, before, Waits::default());
            self.called_off.forget(id);
        }
    }
}

/// Whether a checkout comes to nothing because the card is declined, be it late, or because it is
/// withdrawn before its time: what somebody would do who tries out cards. A provider that fails or
/// says nothing is not the customer's doing.
fn is_the_customers_doing(event: &checkout::Event, before: State, at: Timestamp) -> bool {
    match (event, before) {
        (checkout::Event::Payment(payment::Event::HoldRefused { why }), _) => {
            *why == HoldRefused::Declined
        }
        (checkout::Event::GivenUp, State::Waiting { until }) => at < until,
        (
            checkout::Event::GivenUp | checkout::Event::Opened { .. } | checkout::Event::Payment(_),
            State::Waiting { .. } | State::Held | State::Closed { .. },
        ) => false,
    }
}
