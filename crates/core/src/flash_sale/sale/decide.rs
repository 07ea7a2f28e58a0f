//! What a command means to a sale.

use super::{Answer, Command, Decided, Event, Hold, HoldId, HoldState, Refusal, Sale};
use crate::flash_sale::waiting_room::{self, Place};
use crate::time::Timestamp;

/// Holds that expire with one tick at most: the rest is due at once again.
const TICK_MAX: usize = 64;

type Result<U> = core::result::Result<Decided<U>, Refusal>;

/// It was so already.
const fn repeat<U>(answer: Answer) -> Result<U> {
    Ok(Decided { events: Vec::new(), answer })
}

const fn new<U>(events: Vec<Event<U>>, answer: Answer) -> Result<U> {
    Ok(Decided { events, answer })
}

/// How many holds `events` make.
fn made<U>(events: &[Event<U>]) -> u64 {
    events.iter().filter(|event| matches!(event, Event::Held { .. })).count() as u64
}

impl<U: Clone + Ord> Sale<U> {
    /// What `command` means at `now`. Nothing changes.
    ///
    /// # Errors
    /// [`Refusal`], with what the caller needs to go on.
    pub fn decide(&self, command: &Command<U>, now: Timestamp) -> Result<U> {
        match command {
            Command::Claim { user, nth } => self.claim(user, *nth, now),
            Command::StartPayment { user, hold } => self.start_payment(user, *hold, now),
            Command::Pay { user, hold } => self.pay(user, *hold, now),
            Command::Release { user, hold } => self.release(user, *hold, now),
            Command::Join { user } => self.join(user, now),
            Command::Leave { user } => {
                new(self.room.leave(user).into_iter().map(Event::Room).collect(), Answer::Done)
            }
            Command::Close if self.closed => repeat(Answer::Done),
            Command::Close => new(vec![Event::Closed], Answer::Done),
            Command::Tick => new(self.tick(now), Answer::Done),
        }
    }

    fn claim(&self, user: &U, nth: u32, now: Timestamp) -> Result<U> {
        let limit = self.rules.per_user;
        if !(1..=limit).contains(&nth) {
            return Err(Refusal::OverLimit { limit });
        }
        let mut expired = None;
        if let Some((hold, held)) = self.in_slot(user, nth) {
            match held.state {
                HoldState::Sold => return repeat(Answer::Sold { hold }),
                HoldState::Paying => return repeat(Answer::Paying { hold }),
                HoldState::Reserved { until } if now < until => {
                    return repeat(Answer::Held { hold, until });
                }
                HoldState::Reserved { .. } => expired = Some(hold),
            }
        }
        self.sells(now)?;
        if self.rules.admission.is_some() && !self.room.has_pass(user, None, now) {
            return match self.room.place(user) {
                Some(Place::InLine { ahead, .. }) => repeat(Answer::Waiting { ahead }),
                Some(Place::Gathering { .. } | Place::Admitted { .. }) | None => {
                    Err(Refusal::NotAdmitted)
                }
            };
        }
        let mut events = Vec::new();
        let mut available = self.available();
        // Deadlines that nobody has dealt with must not keep a unit from those who ask.
        if let Some(hold) = expired {
            self.gives_back(Event::Expired { hold }, &mut events, now);
            available = available.saturating_add(u32::from(events.len() == 1));
        } else if available == 0
            && let Some(hold) = self.due(now).next()
            && self.room.waiting() == 0
        {
            events.push(Event::Expired { hold });
            available = 1;
        }
        if available == 0 {
            if self.rules.admission.is_none() {
                return Err(self.all_held());
            }
            let ahead = self.room.ahead_of_pass(user);
            let back = waiting_room::Event::SentBack { user: user.clone() };
            return new(vec![Event::Room(back)], Answer::Waiting { ahead });
        }
        let (hold, until) = (self.fresh(&events), now.saturating_add(self.rules.hold_for));
        events.push(Event::Held { hold, user: user.clone(), nth, until });
        new(events, Answer::Held { hold, until })
    }

    fn start_payment(&self, user: &U, hold: HoldId, now: Timestamp) -> Result<U> {
        match self.of(user, hold)?.map(|held| held.state) {
            Some(HoldState::Reserved { until }) if now < until => {
                new(vec![Event::PaymentStarted { hold }], Answer::Paying { hold })
            }
            Some(HoldState::Paying) => repeat(Answer::Paying { hold }),
            Some(HoldState::Sold) => repeat(Answer::Sold { hold }),
            Some(HoldState::Reserved { .. }) | None => Err(Refusal::HoldEnded),
        }
    }

    fn pay(&self, user: &U, hold: HoldId, now: Timestamp) -> Result<U> {
        let sold = Answer::Sold { hold };
        let mut events = Vec::new();
        let (mut available, mut slot) = (self.available(), self.free_slot(user));
        match self.of(user, hold)? {
            Some(Hold { state: HoldState::Sold, .. }) => return repeat(sold),
            Some(Hold { state: HoldState::Paying, .. }) => {
                return new(vec![Event::Sold { hold }], sold);
            }
            Some(Hold { state: HoldState::Reserved { until }, .. }) => {
                // Late, but nobody is kept from a unit by it.
                if now < *until || available > 0 || self.room.waiting() == 0 {
                    return new(vec![Event::Sold { hold }], sold);
                }
                self.gives_back(Event::Expired { hold }, &mut events, now);
            }
            None if self.refunds.get(&hold).is_some_and(|payer| payer == user) => {
                return repeat(Answer::RefundDue { hold });
            }
            None if self.refunds.contains_key(&hold) => return Err(Refusal::NotYours),
            None if self.room.waiting() == 0 => {
                // Neither what the payer let lapse nor what another did is in the way.
                let lapsed = self.lapsed(user, now).filter(|_| slot.is_none());
                let due = self.due(now).next().filter(|_| available == 0);
                if let Some((hold, nth)) = lapsed {
                    events.push(Event::Expired { hold });
                    (available, slot) = (available.saturating_add(1), Some(nth));
                } else if let (Some(hold), Some(_)) = (due, slot) {
                    events.push(Event::Expired { hold });
                    available = 1;
                }
            }
            None => {}
        }
        if let Some(nth) = slot.filter(|_| available > 0) {
            events.push(Event::SoldLate { hold, user: user.clone(), nth });
            return new(events, sold);
        }
        if self.refunds.len() >= usize::try_from(self.rules.people_max).unwrap_or(usize::MAX) {
            return Err(Refusal::RefundsFull { most: self.rules.people_max });
        }
        events.push(Event::RefundDue { hold, user: user.clone() });
        new(events, Answer::RefundDue { hold })
    }

    fn release(&self, user: &U, hold: HoldId, now: Timestamp) -> Result<U> {
        match self.of(user, hold)?.map(|held| held.state) {
            Some(HoldState::Reserved { .. } | HoldState::Paying) => {
                let mut events = Vec::new();
                self.gives_back(Event::Released { hold }, &mut events, now);
                new(events, Answer::Done)
            }
            Some(HoldState::Sold) => Err(Refusal::AlreadySold),
            None => repeat(Answer::Done),
        }
    }

    fn join(&self, user: &U, now: Timestamp) -> Result<U> {
        let lapsed = self.lapsed(user, now);
        if lapsed.is_none() && self.free_slot(user).is_none() {
            // Everything that the person may have is there: the last of it is the answer.
            let last = self.in_slot(user, self.rules.per_user);
            return repeat(last.map_or(Answer::Done, |(hold, held)| match held.state {
                HoldState::Reserved { until } => Answer::Held { hold, until },
                HoldState::Paying => Answer::Paying { hold },
                HoldState::Sold => Answer::Sold { hold },
            }));
        }
        if self.is_sold_out() {
            return Err(Refusal::SoldOut);
        }
        if self.closed {
            return Err(Refusal::Closed);
        }
        if self.rules.admission.is_none() {
            self.sells(now)?;
            let due = self.due(now).next();
            if self.available() > 0 || (self.room.waiting() == 0 && due.is_some()) {
                return Err(Refusal::NoNeedToWait);
            }
        }
        let join = waiting_room::Command::Join { user: user.clone() };
        let joined = self.room.decide(&join, now).map_err(|refusal| match refusal {
            waiting_room::Refusal::Full { most } => Refusal::RoomFull { most },
            waiting_room::Refusal::NotAdmitted => Refusal::NotAdmitted,
        })?;
        if joined.is_empty() {
            return repeat(match self.room.place(user) {
                Some(Place::InLine { ahead, .. }) => Answer::Waiting { ahead },
                Some(Place::Gathering { people, .. }) => {
                    Answer::Waiting { ahead: people.saturating_sub(1) }
                }
                Some(Place::Admitted { until, .. }) => Answer::Admitted { until },
                None => Answer::Done,
            });
        }
        let mut events = Vec::new();
        if let Some((hold, _)) = lapsed {
            // Whoever waits for what one had goes to the end of the line for it.
            self.gives_back(Event::Expired { hold }, &mut events, now);
        }
        let ahead = self.room.waiting().saturating_sub(made(&events));
        events.extend(joined.into_iter().map(Event::Room));
        new(events, Answer::Waiting { ahead })
    }

    /// Expired holds, each unit to the next in line; and then the waiting room's own affairs.
    fn tick(&self, now: Timestamp) -> Vec<Event<U>> {
        let mut events = Vec::new();
        for hold in self.due(now).take(TICK_MAX) {
            self.gives_back(Event::Expired { hold }, &mut events, now);
        }
        if events.is_empty() {
            let room = self.room.tick(self.available() > 0, now);
            events.extend(room.into_iter().map(Event::Room));
        }
        events
    }

    /// A unit comes free by `how`, and is held for the next in line, after those whom `events` call
    /// already.
    fn gives_back(&self, how: Event<U>, events: &mut Vec<Event<U>>, now: Timestamp) {
        let called = usize::try_from(made(events)).unwrap_or(usize::MAX);
        let next = self.room.in_line().nth(called);
        events.push(how);
        let Some(user) = next else { return };
        if let Some(nth) = self.free_slot(user) {
            let (hold, until) = (self.fresh(events), now.saturating_add(self.rules.hold_for));
            events.push(Event::Held { hold, user: user.clone(), nth, until });
        }
    }

    /// The number of the next hold, after those that `events` make.
    fn fresh(&self, events: &[Event<U>]) -> HoldId {
        HoldId(self.next_hold.saturating_add(made(events)))
    }

    /// The person's hold; `None` if it has ended.
    fn of(&self, user: &U, hold: HoldId) -> core::result::Result<Option<&Hold<U>>, Refusal> {
        match self.holds.get(&hold) {
            Some(held) if held.user == *user => Ok(Some(held)),
            Some(_) => Err(Refusal::NotYours),
            None if hold.0 < self.next_hold => Ok(None),
            None => Err(Refusal::NoSuchHold),
        }
    }

    fn in_slot(&self, user: &U, nth: u32) -> Option<(HoldId, &Hold<U>)> {
        let hold = self.slots.get(&(user.clone(), nth))?;
        self.holds.get_key_value(hold).map(|(&id, held)| (id, held))
    }

    /// The first hold of a person whose deadline has come, and its slot.
    fn lapsed(&self, user: &U, now: Timestamp) -> Option<(HoldId, u32)> {
        let slots = (1..=self.rules.per_user).filter_map(|nth| self.in_slot(user, nth));
        let mut lapsed = slots.filter(|(_, held)| held.state.until().is_some_and(|u| u <= now));
        lapsed.next().map(|(hold, held)| (hold, held.nth))
    }

    /// The first slot of a person that has no unit.
    fn free_slot(&self, user: &U) -> Option<u32> {
        (1..=self.rules.per_user).find(|nth| !self.slots.contains_key(&(user.clone(), *nth)))
    }

    /// The holds whose deadline has come, the earliest first.
    fn due(&self, now: Timestamp) -> impl Iterator<Item = HoldId> {
        self.deadlines.iter().take_while(move |(until, _)| *until <= now).map(|(_, hold)| *hold)
    }

    /// Whether anything is sold at `now`.
    fn sells(&self, now: Timestamp) -> core::result::Result<(), Refusal> {
        if self.is_sold_out() {
            return Err(Refusal::SoldOut);
        }
        if self.closed {
            return Err(Refusal::Closed);
        }
        if now < self.rules.opens_at {
            return Err(Refusal::NotOpen { opens_at: self.rules.opens_at });
        }
        Ok(())
    }

    fn all_held(&self) -> Refusal {
        Refusal::AllHeld { next: self.deadlines.first().map(|(until, _)| *until) }
    }
}
