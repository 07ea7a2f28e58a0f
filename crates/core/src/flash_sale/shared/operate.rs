//! What threads do to a shared sale.
//!
//! The order of steps inside each lock is what makes the journal right and the stock safe: whoever
//! takes a unit draws its number *after* taking it, whoever gives one back *before* giving it. So a
//! claim that got a unit which somebody gave back has the later number, and the journal in the order
//! of its numbers never takes what is not there.

use core::hash::Hash;

use super::stripe::{Entry, State, Stripe};
use super::{
    Claimed, Drained, Event, HoldId, Ordering, Paid, Refusal, SharedSale, TAG_BITS, TAG_MASK, tag,
};
use crate::time::Timestamp;

impl<U: Clone + Ord + Hash> SharedSale<U> {
    /// Claims the `nth` unit of a person, from 1. A retry gets the same hold.
    ///
    /// # Errors
    /// [`Refusal`]: `OverLimit`, then, unless the person has the unit, `NotOpen`, `SoldOut`, `AllHeld`
    /// or `Behind`. Without a lock where nothing is free and the person never had anything.
    #[expect(clippy::needless_pass_by_value, reason = "the sale keeps who holds a unit")]
    pub fn claim(&self, user: U, nth: u32, now: Timestamp) -> Result<Claimed, Refusal> {
        if !(1..=self.per_user).contains(&nth) {
            return Err(Refusal::OverLimit { limit: self.per_user });
        }
        let hash = self.hash(&user);
        if self.word.load().free == 0 && !self.filter.may_have(hash) {
            let refused = self.nothing_free();
            if !self.is_due(now) || refused == Refusal::SoldOut {
                return Err(refused);
            }
        }
        match self.claim_locked(hash, &user, nth, now) {
            // A deadline that nobody dealt with keeps nobody out.
            Err(Refusal::AllHeld { .. }) if self.is_due(now) && self.expire(now) > 0 => {
                self.claim_locked(hash, &user, nth, now)
            }
            told => told,
        }
    }

    /// The money for a hold has arrived. After the hold has ended a unit that is free is still
    /// bought by it; otherwise the money goes back. A redelivery is told the same.
    ///
    /// # Errors
    /// [`Refusal::NoSuchHold`], [`Refusal::Behind`], [`Refusal::RefundsFull`].
    pub fn pay(&self, user: &U, hold: HoldId, now: Timestamp) -> Result<Paid, Refusal> {
        let told = self.pay_locked(user, hold, now, true);
        // A deadline that nobody dealt with is in no payer's way.
        told.transpose().unwrap_or_else(|| {
            self.expire(now);
            self.pay_locked(user, hold, now, false).map(|told| told.unwrap_or(Paid::RefundDue))
        })
    }

    /// `None` if it might be told better once what is due has been dealt with.
    fn pay_locked(
        &self,
        user: &U,
        hold: HoldId,
        now: Timestamp,
        may_wait: bool,
    ) -> Result<Option<Paid>, Refusal> {
        let hash = self.hash(user);
        let mut stripe = self.stripe(hash);
        match stripe.slot_of(user, hold, self.per_user) {
            Some((_, Entry { state: State::Sold, .. })) => return Ok(Some(Paid::Sold)),
            Some(_) if !stripe.has_room(self.journal_max) => return Err(Refusal::Behind),
            // Late or not: as long as nobody ended the hold, its unit is there.
            Some((nth, Entry { state: State::Held { .. }, .. })) => {
                stripe.sell(user, nth);
                self.word.sell();
                self.write(&mut stripe, Event::Sold { hold }, now);
                return Ok(Some(Paid::Sold));
            }
            None => {}
        }
        match stripe.refund(hold) {
            Some(payer) if payer == user => return Ok(Some(Paid::RefundDue)),
            Some(_) => return Err(Refusal::NoSuchHold),
            None if self.is_anothers(&stripe, user, hash, hold) => return Err(Refusal::NoSuchHold),
            None if !stripe.has_room(self.journal_max) => return Err(Refusal::Behind),
            None if !self.becomes_theirs(user, hold) => return Err(Refusal::NoSuchHold),
            None => {}
        }
        let slot = stripe.free_slot(user, self.per_user);
        if let Some(nth) = slot
            && self.word.take_sold()
        {
            stripe.put(user.clone(), nth, Entry { hold, state: State::Sold });
            self.filter.add(hash);
            self.write(&mut stripe, Event::SoldLate { hold, user: user.clone(), nth }, now);
            return Ok(Some(Paid::Sold));
        }
        if may_wait && self.is_due(now) {
            return Ok(None);
        }
        if stripe.refunds() >= self.refunds_max {
            return Err(Refusal::RefundsFull);
        }
        stripe.remember_refund(hold, user.clone());
        self.write(&mut stripe, Event::RefundDue { hold, user: user.clone() }, now);
        Ok(Some(Paid::RefundDue))
    }

    /// Gives a hold back: exactly the unit that it took, and once. Whether there was one to give.
    ///
    /// # Errors
    /// [`Refusal::AlreadySold`], [`Refusal::NoSuchHold`], [`Refusal::Behind`].
    pub fn release(&self, user: &U, hold: HoldId, now: Timestamp) -> Result<bool, Refusal> {
        let hash = self.hash(user);
        let mut stripe = self.stripe(hash);
        match stripe.slot_of(user, hold, self.per_user) {
            Some((_, Entry { state: State::Sold, .. })) => Err(Refusal::AlreadySold),
            Some(_) if !stripe.has_room(self.journal_max) => Err(Refusal::Behind),
            Some((nth, Entry { state: State::Held { .. }, .. })) => {
                stripe.end(user, nth);
                self.gives_back(&mut stripe, Event::Released { hold }, now);
                Ok(true)
            }
            None if self.is_anothers(&stripe, user, hash, hold) => Err(Refusal::NoSuchHold),
            None => Ok(false),
        }
    }

    /// Ends the holds whose deadline has come; how many. Locks one stripe after another. Claims that
    /// find nothing free do this too: calling it by a timer is for those who watch the numbers.
    pub fn expire(&self, now: Timestamp) -> usize {
        // From here on a claim that makes a hold says so again (`is_soonest`): whatever is in a
        // stripe when it is looked at below is counted below.
        self.next_due.swap(i64::MAX, Ordering::AcqRel);
        let mut ended: usize = 0;
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            while stripe.has_room(self.journal_max)
                && let Some((hold, user, nth)) = stripe.due(now)
            {
                stripe.end(&user, nth);
                self.gives_back(&mut stripe, Event::Expired { hold }, now);
                ended = ended.saturating_add(1);
            }
            if let Some(next) = stripe.next_deadline() {
                self.is_soonest(next);
            }
        }
        ended
    }

    /// Takes everything that happened since the last time, in an order in which it can follow.
    /// Locks all stripes for a moment, so that nothing is half done.
    #[must_use = "what is drained and not stored is lost"]
    pub fn drain(&self) -> Vec<Drained<U>> {
        let mut stripes: Vec<_> = self.stripes.iter().map(super::Mutex::lock).collect();
        let journals: Vec<_> = stripes.iter_mut().map(|stripe| stripe.take_journal()).collect();
        drop(stripes);
        let mut all: Vec<_> = journals.into_iter().flatten().collect();
        all.sort_unstable_by_key(|entry| entry.seq);
        all
    }

    fn claim_locked(
        &self,
        hash: u64,
        user: &U,
        nth: u32,
        now: Timestamp,
    ) -> Result<Claimed, Refusal> {
        let mut stripe = self.stripe(hash);
        match stripe.get(user, nth) {
            Some(Entry { hold, state: State::Sold }) => return Ok(Claimed::Sold { hold }),
            Some(Entry { hold, state: State::Held { until } }) => {
                if now < until {
                    return Ok(Claimed::Held { hold, until });
                }
                if !stripe.has_room(self.journal_max) {
                    return Err(Refusal::Behind);
                }
                stripe.end(user, nth);
                self.gives_back(&mut stripe, Event::Expired { hold }, now);
            }
            None => {}
        }
        if now < self.opens_at {
            return Err(Refusal::NotOpen { opens_at: self.opens_at });
        }
        if !stripe.has_room(self.journal_max) {
            return Err(Refusal::Behind);
        }
        if !self.word.take() {
            return Err(self.nothing_free());
        }
        self.filter.add(hash);
        let until = stripe.deadline(now.saturating_add(self.hold_for));
        let seq = self.number();
        let hold = HoldId(seq << TAG_BITS | tag(hash));
        stripe.put(user.clone(), nth, Entry { hold, state: State::Held { until } });
        let event = Event::Held { hold, user: user.clone(), nth, until };
        stripe.write(Drained { seq, at: now, event });
        self.is_soonest(until);
        Ok(Claimed::Held { hold, until })
    }

    /// Whether a hold that is not in the person's slots is or was somebody else's, or never was.
    fn is_anothers(&self, stripe: &Stripe<U>, user: &U, hash: u64, hold: HoldId) -> bool {
        if hold.0 < self.opened_at {
            return self.before.lock().get(&hold).is_some_and(|owner| owner != user);
        }
        let was = hold.0 >> TAG_BITS < self.next.load(Ordering::Acquire);
        !was || hold.0 & TAG_MASK != tag(hash) || stripe.has(hold)
    }

    /// Ties an ended hold from before to whoever pays for it first; whether it is this person's.
    fn becomes_theirs(&self, user: &U, hold: HoldId) -> bool {
        hold.0 >= self.opened_at
            || self.before.lock().entry(hold).or_insert_with(|| user.clone()) == user
    }

    /// Written down first, given back then.
    fn gives_back(&self, stripe: &mut Stripe<U>, how: Event<U>, now: Timestamp) {
        self.write(stripe, how, now);
        self.word.give_back();
    }

    fn write(&self, stripe: &mut Stripe<U>, event: Event<U>, at: Timestamp) {
        stripe.write(Drained { seq: self.number(), at, event });
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::AcqRel)
    }

    /// Why nothing can be had at this moment.
    fn nothing_free(&self) -> Refusal {
        let units = self.word.load();
        if units.sold >= self.stock {
            return Refusal::SoldOut;
        }
        let next = self.next_due.load(Ordering::Acquire);
        let known = next != i64::MAX && next != i64::MIN;
        Refusal::AllHeld { next: known.then_some(Timestamp::from_millis(next)) }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now.as_millis() >= self.next_due.load(Ordering::Acquire)
    }

    /// A hold that ends then is there; said inside the lock of its stripe.
    fn is_soonest(&self, until: Timestamp) {
        // A look first: as time goes on, new deadlines are later ones.
        if until.as_millis() < self.next_due.load(Ordering::Acquire) {
            self.next_due.fetch_min(until.as_millis(), Ordering::AcqRel);
        }
    }
}
