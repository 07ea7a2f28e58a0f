//! The sale by the defects that were reported elsewhere, by its rules, and by random histories.

mod defects;
mod histories;
mod rules;

use super::*;
use crate::flash_sale::{Admission, Rules};
use crate::time::Span;

pub(super) const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(super) const HOLD: Span = Span::from_secs(60);

pub(super) fn at(secs: u64) -> Timestamp {
    T0.saturating_add(Span::from_secs(secs))
}

pub(super) fn rules(stock: u32) -> Rules {
    Rules { hold_for: HOLD, ..Rules::new(stock, T0).unwrap() }
}

pub(super) fn gated(stock: u32, per_second: u32) -> Rules {
    let admission = Admission { percent: 100, ..Admission::new(per_second, 9) };
    Rules { admission: Some(admission), ..rules(stock) }
}

pub(super) fn claim(user: u32) -> Command<u32> {
    Command::Claim { user, nth: 1 }
}

pub(super) fn join(user: u32) -> Command<u32> {
    Command::Join { user }
}

pub(super) fn pay(user: u32, hold: HoldId) -> Command<u32> {
    Command::Pay { user, hold }
}

pub(super) fn release(user: u32, hold: HoldId) -> Command<u32> {
    Command::Release { user, hold }
}

/// A sale, what happened in it, and a look at it after every event.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    pub(super) sale: Sale<u32>,
    pub(super) log: Vec<(Timestamp, Event<u32>)>,
    start: Sale<u32>,
}

impl Counter {
    pub(super) fn new(rules: Rules) -> Self {
        assert_eq!(rules.check(), Ok(()));
        let sale = Sale::new(rules);
        Self { start: sale.clone(), sale, log: Vec::new() }
    }

    pub(super) fn hears(
        &mut self,
        command: &Command<u32>,
        now: Timestamp,
    ) -> Result<Decided<u32>, Refusal> {
        let before = self.sale.clone();
        let decided = self.sale.decide(command, now);
        assert_eq!(self.sale, before, "to decide changes nothing");
        for event in decided.iter().flat_map(|decided| &decided.events) {
            self.sale.evolve(event, now).unwrap_or_else(|e| panic!("{command:?}: {event:?}: {e}"));
            self.log.push((now, event.clone()));
            self.looks_right();
        }
        // Between the events of one batch somebody may wait a moment for what is about to be given.
        let idle = self.sale.rules.admission.is_none() && self.sale.available() > 0;
        assert!(!idle || self.sale.room.waiting() == 0, "nobody waits for what is free");
        decided
    }

    /// The answer to a command that is not refused.
    #[track_caller]
    pub(super) fn does(&mut self, command: &Command<u32>, now: Timestamp) -> Answer {
        self.hears(command, now).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}")).answer
    }

    #[track_caller]
    pub(super) fn refuses(&mut self, command: &Command<u32>, now: Timestamp) -> Refusal {
        self.hears(command, now).expect_err("a refusal")
    }

    /// A command that changes nothing because it is so already.
    #[track_caller]
    pub(super) fn repeats(&mut self, command: &Command<u32>, now: Timestamp) -> Answer {
        let decided = self.hears(command, now).unwrap();
        assert_eq!(decided.events, [], "{command:?} was so already");
        decided.answer
    }

    #[track_caller]
    pub(super) fn held(&mut self, user: u32, now: Timestamp) -> HoldId {
        let Answer::Held { hold, until } = self.does(&claim(user), now) else {
            panic!("{user} holds nothing")
        };
        assert_eq!(until, now.saturating_add(HOLD));
        hold
    }

    pub(super) fn ticks(&mut self, now: Timestamp) {
        let mut ticks = 0;
        while self.sale.next_deadline().is_some_and(|at| at <= now) {
            let ticked = self.hears(&Command::Tick, now).unwrap();
            assert_ne!(ticked.events, [], "a tick that is due makes progress");
            ticks += 1;
            assert!(ticks < 1_000, "ticking comes to an end");
        }
        assert_eq!(
            self.hears(&Command::Tick, now).unwrap().events,
            [],
            "a spurious tick is harmless"
        );
    }

    pub(super) fn units(&self) -> (u32, u32, u32) {
        (self.sale.available(), self.sale.held(), self.sale.sold())
    }

    /// Ids of the holds that a person has.
    pub(super) fn has(&self, user: u32) -> Vec<HoldId> {
        self.sale.holds().filter(|(_, hold)| hold.user == user).map(|(id, _)| id).collect()
    }

    fn looks_right(&self) {
        let sale = &self.sale;
        let (available, held, sold) = self.units();
        assert_eq!(available + held + sold, sale.rules.stock);
        let count = |state: fn(&HoldState) -> bool| {
            u32::try_from(sale.holds.values().filter(|hold| state(&hold.state)).count()).unwrap()
        };
        assert_eq!(sold, count(|state| *state == HoldState::Sold));
        assert_eq!(held, count(|state| *state != HoldState::Sold));
        for hold in sale.holds.values() {
            let units = sale.holds.values().filter(|other| other.user == hold.user).count();
            assert!(units <= usize::try_from(sale.rules.per_user).unwrap(), "within the limit");
        }
        for id in sale.refunds.keys() {
            assert!(!sale.holds.contains_key(id), "sold or paid back, never both");
        }
        let json = serde_json::to_string(sale).unwrap();
        assert_eq!(serde_json::from_str::<Sale<u32>>(&json).unwrap(), *sale, "stored and read");
    }

    pub(super) fn replayed(&self) -> Sale<u32> {
        self.log.iter().fold(self.start.clone(), |mut sale, (at, event)| {
            sale.evolve(event, *at).unwrap();
            sale
        })
    }
}
