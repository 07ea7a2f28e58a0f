//! What an event makes of a sale. Nothing is decided here.

use super::{CorruptSale, Event, Hold, HoldId, HoldState, Sale};
use crate::time::Timestamp;

impl<U: Clone + Ord> Sale<U> {
    /// Takes a fact in.
    ///
    /// # Errors
    /// [`CorruptSale`] if the event cannot have been decided from this state; nothing changes.
    pub fn evolve(&mut self, event: &Event<U>, at: Timestamp) -> Result<(), CorruptSale> {
        match event {
            Event::Held { hold, user, nth, until } => {
                if hold.0 < self.next_hold {
                    return Err(CorruptSale::Unit(*hold));
                }
                self.take(*hold, user, *nth, HoldState::Reserved { until: *until })?;
                self.next_hold = hold.0.saturating_add(1);
                self.deadlines.insert((*until, *hold));
            }
            Event::PaymentStarted { hold } => {
                self.moves(*hold, HoldState::Paying)?;
            }
            Event::Sold { hold } => {
                self.moves(*hold, HoldState::Sold)?;
                self.one_more_sold();
            }
            Event::SoldLate { hold, user, nth } => {
                if hold.0 >= self.next_hold || self.refunds.contains_key(hold) {
                    return Err(CorruptSale::Hold(*hold));
                }
                self.take(*hold, user, *nth, HoldState::Sold)?;
                self.one_more_sold();
            }
            Event::RefundDue { hold, user } => {
                let ended = hold.0 < self.next_hold && !self.holds.contains_key(hold);
                if !ended || self.refunds.contains_key(hold) {
                    return Err(CorruptSale::Hold(*hold));
                }
                self.refunds.insert(*hold, user.clone());
            }
            Event::Released { hold } => self.ends(*hold, true)?,
            Event::Expired { hold } => self.ends(*hold, false)?,
            Event::Closed => {
                if self.closed {
                    return Err(CorruptSale::Closed);
                }
                self.closed = true;
                self.room.clear();
            }
            Event::Room(event) => self.room.evolve(event, at)?,
        }
        Ok(())
    }

    /// Takes a unit and a slot that are free.
    fn take(
        &mut self,
        hold: HoldId,
        user: &U,
        nth: u32,
        state: HoldState,
    ) -> Result<(), CorruptSale> {
        let slot = (user.clone(), nth);
        let is_free = self.available() > 0 && !self.slots.contains_key(&slot);
        if !is_free || self.holds.contains_key(&hold) || !(1..=self.rules.per_user).contains(&nth) {
            return Err(CorruptSale::Unit(hold));
        }
        self.room.depart(user);
        self.slots.insert(slot, hold);
        self.holds.insert(hold, Hold { user: user.clone(), nth, state });
        Ok(())
    }

    /// A live hold comes further.
    fn moves(&mut self, id: HoldId, to: HoldState) -> Result<(), CorruptSale> {
        let hold = self.holds.get_mut(&id).ok_or(CorruptSale::Hold(id))?;
        match (hold.state, to) {
            (HoldState::Reserved { until }, HoldState::Paying | HoldState::Sold) => {
                self.deadlines.remove(&(until, id));
            }
            (HoldState::Paying, HoldState::Sold) => {}
            (HoldState::Sold | HoldState::Paying, _)
            | (HoldState::Reserved { .. }, HoldState::Reserved { .. }) => {
                return Err(CorruptSale::Hold(id));
            }
        }
        hold.state = to;
        Ok(())
    }

    /// A hold ends; only a released one may be under payment.
    fn ends(&mut self, id: HoldId, released: bool) -> Result<(), CorruptSale> {
        let hold = self.holds.get(&id).ok_or(CorruptSale::Hold(id))?;
        match hold.state {
            HoldState::Reserved { until } => {
                self.deadlines.remove(&(until, id));
            }
            HoldState::Paying if released => {}
            HoldState::Paying | HoldState::Sold => return Err(CorruptSale::Hold(id)),
        }
        self.slots.remove(&(hold.user.clone(), hold.nth));
        self.holds.remove(&id);
        Ok(())
    }

    /// With the last unit sold, nobody waits for anything any more.
    fn one_more_sold(&mut self) {
        self.sold = self.sold.saturating_add(1);
        if self.is_sold_out() {
            self.room.clear();
        }
    }
}
