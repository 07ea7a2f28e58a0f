//! The provider behind the connections: calls arrive, are carried out, and are answered, each at
//! its own time.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::money::Money;
use doorstep_core::payment::{Answer, Effect, EffectKey, Step};
use doorstep_core::time::{Span, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::book::Book;
use super::{BookFile, Booking, Hostility, Outage, SandboxConfig, SandboxTally};
use crate::ports::{ProviderSays, Word};

#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Request(Effect),
    Inquire(EffectKey),
}

impl Call {
    const fn key(&self) -> EffectKey {
        match self {
            Self::Request(effect) => effect.key(),
            Self::Inquire(key) => *key,
        }
    }
}

/// What becomes of one call on its way, drawn when it is made.
#[derive(Clone, Copy, Debug)]
struct Fate {
    arrives_after: Span,
    /// After how long, from its arrival, it is answered: never, once, or twice.
    answered_after: [Option<Span>; 2],
    fails: bool,
    declined: bool,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    connection: u32,
    call: Call,
    fate: Fate,
}

/// What was asked for under a key, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    amount: Money,
    answer: Answer,
}

#[derive(Debug)]
pub(super) struct Provider {
    config: SandboxConfig,
    draws: ChaCha8Rng,
    /// The latest time that was mentioned.
    now: Timestamp,
    connections: BTreeSet<u32>,
    connected: u32,
    numbered: u64,
    arriving: BTreeMap<(Timestamp, u64), Arrival>,
    answers: BTreeMap<(u32, Timestamp, u64), ProviderSays>,
    outcomes: BTreeMap<EffectKey, Outcome>,
    pub(super) outage: Option<Outage>,
    file: Option<Box<dyn BookFile>>,
    /// Its file failed: what it does now, nobody would know later.
    broken: bool,
    pub(super) book: Book,
    pub(super) tally: SandboxTally,
}

impl Provider {
    pub(super) fn new(config: SandboxConfig) -> Self {
        Self {
            draws: ChaCha8Rng::seed_from_u64(config.hostility.seed),
            config,
            now: Timestamp::from_millis(i64::MIN),
            connections: BTreeSet::from([0]),
            connected: 0,
            numbered: 0,
            arriving: BTreeMap::new(),
            answers: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            outage: None,
            file: None,
            broken: false,
            book: Book::default(),
            tally: SandboxTally::default(),
        }
    }

    /// Takes in what an earlier provider wrote down, in its order.
    pub(super) fn remember(&mut self, booking: &Booking) {
        let Booking { effect, at, answer } = *booking;
        self.now = self.now.max(at);
        self.book.lapse(at);
        if matches!(answer, Answer::Done { .. }) {
            self.book.post(&effect, at, self.config.hold_lasts);
        }
        self.outcomes.insert(effect.key(), Outcome { amount: effect.due.amount, answer });
    }

    pub(super) fn write_to(&mut self, file: Box<dyn BookFile>) {
        self.file = Some(file);
    }

    pub(super) fn connect(&mut self) -> u32 {
        self.connected = self.connected.saturating_add(1);
        self.connections.insert(self.connected);
        self.connected
    }

    pub(super) fn disconnect(&mut self, connection: u32) {
        self.connections.remove(&connection);
        self.answers.retain(|(to, _, _), _| *to != connection);
    }

    pub(super) fn quiet(&mut self) {
        let latency_least = self.config.hostility.latency_least;
        self.config.hostility =
            Hostility { latency_least, latency_most: latency_least, ..Hostility::NONE };
    }

    pub(super) fn take(&mut self, connection: u32, call: Call, now: Timestamp) {
        self.advance(now);
        match call {
            Call::Request(_) => count(&mut self.tally.requests),
            Call::Inquire(_) => count(&mut self.tally.inquiries),
        }
        let fate = self.draw(&call);
        let under_way = self.arriving.len().saturating_add(self.answers.len());
        if under_way >= self.config.under_way_max {
            count(&mut self.tally.dropped);
            return;
        }
        let Some(mut fate) = fate else { return };
        match self.outage {
            None => {}
            Some(Outage::Silent) => {
                count(&mut self.tally.silent_without);
                return;
            }
            Some(Outage::Mute) => {
                count(&mut self.tally.silent_after);
                fate.answered_after = [None, None];
            }
            Some(Outage::TakesNothing) => {
                count(&mut self.tally.not_taken);
                let at = self.now.saturating_add(self.config.hostility.latency_least);
                self.numbered = self.numbered.saturating_add(1);
                let says = ProviderSays { key: call.key(), word: Word::NotTaken };
                self.answers.insert((connection, at, self.numbered), says);
                return;
            }
            Some(Outage::Fails) => fate.fails = true,
        }
        self.numbered = self.numbered.saturating_add(1);
        let at = self.now.saturating_add(fate.arrives_after);
        self.arriving.insert((at, self.numbered), Arrival { connection, call, fate });
        self.advance(now);
    }

    pub(super) fn answer(&mut self, connection: u32, now: Timestamp) -> Option<ProviderSays> {
        self.advance(now);
        let first = (connection, Timestamp::from_millis(i64::MIN), 0);
        let (&key, _) = self.answers.range(first..=(connection, self.now, u64::MAX)).next()?;
        self.answers.remove(&key)
    }

    pub(super) fn next_wake(&self, connection: u32) -> Option<Timestamp> {
        let first = (connection, Timestamp::from_millis(i64::MIN), 0);
        let last = (connection, Timestamp::NEVER, u64::MAX);
        let answer = self.answers.range(first..=last).next().map(|((_, at, _), _)| *at);
        let arrival = self.arriving.first_key_value().map(|((at, _), _)| *at);
        answer.into_iter().chain(arrival).min()
    }

    /// Carries out what has arrived at `now`, in order of arrival.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some(next) = self.arriving.first_entry() {
            let at = next.key().0;
            if at > self.now {
                break;
            }
            let Arrival { connection, call, fate } = next.remove();
            self.book.lapse(at);
            let word = match call {
                Call::Request(effect) => match self.carry_out(&effect, &fate, at) {
                    Some(answer) => Word::Definite(answer),
                    None => continue,
                },
                Call::Inquire(key) => self
                    .outcomes
                    .get(&key)
                    .map_or(Word::NeverHeard, |outcome| Word::Definite(outcome.answer)),
            };
            if !self.connections.contains(&connection) {
                continue;
            }
            for after in fate.answered_after.into_iter().flatten() {
                self.numbered = self.numbered.saturating_add(1);
                let slot = (connection, at.saturating_add(after), self.numbered);
                self.answers.insert(slot, ProviderSays { key: call.key(), word });
            }
        }
        self.book.lapse(self.now);
    }

    /// Carries a request out, once under its key. `None`: no more keys can be remembered, or
    /// written down, so nobody is told.
    fn carry_out(&mut self, effect: &Effect, fate: &Fate, at: Timestamp) -> Option<Answer> {
        if let Some(outcome) = self.outcomes.get(&effect.key()) {
            if outcome.amount != effect.due.amount {
                count(&mut self.tally.conflicts);
            }
            return Some(outcome.answer);
        }
        if self.broken || self.outcomes.len() >= self.config.keys_max {
            count(&mut self.tally.dropped);
            return None;
        }
        let answer = if fate.fails {
            count(&mut self.tally.failed);
            Answer::Failed
        } else if fate.declined {
            count(&mut self.tally.declined);
            Answer::Refused
        } else if let Some(done) = self.book.post(effect, at, self.config.hold_lasts) {
            done
        } else {
            count(&mut self.tally.refused);
            Answer::Refused
        };
        let booking = Booking { effect: *effect, at, answer };
        if self.file.as_mut().is_some_and(|file| file.write(&booking).is_err()) {
            self.broken = true;
            return None;
        }
        self.outcomes.insert(effect.key(), Outcome { amount: effect.due.amount, answer });
        Some(answer)
    }

    /// Draws what becomes of a call; `None`: it never arrives. The number of draws is the same
    /// whatever they say, so that changing one rate leaves the rest where it was.
    fn draw(&mut self, call: &Call) -> Option<Fate> {
        let Hostility { latency_least, latency_most, slowest, .. } = self.config.hostility;
        let Hostility { slow, failing, answers_twice, declines, .. } = self.config.hostility;
        let Hostility { silent_after_charging, silent_without, .. } = self.config.hostility;
        let draws = &mut self.draws;
        let mut hit = |permille: u16| draws.random_range(0..1_000_u16) < permille;
        let (slow, fails, twice) = (hit(slow), hit(failing), hit(answers_twice));
        let (silent_after, never_arrives) = (hit(silent_after_charging), hit(silent_without));
        let (declined, slow_there) = (hit(declines), hit(500));
        let mut between = |least: Span, most: Span| {
            let least = least.as_millis();
            Span::from_millis(draws.random_range(least..=most.as_millis().max(least)))
        };
        let usual = between(latency_least, latency_most);
        let delayed = between(latency_most, slowest);
        let second = between(Span::ZERO, slowest);

        if never_arrives {
            count(&mut self.tally.silent_without);
            return None;
        }
        let (there, back) = match (slow, slow_there) {
            (false, _) => (Span::ZERO, usual),
            (true, true) => (delayed, Span::ZERO),
            (true, false) => (Span::ZERO, delayed),
        };
        if slow {
            count(&mut self.tally.slow);
        }
        let answered_after = if silent_after {
            count(&mut self.tally.silent_after);
            [None, None]
        } else if twice {
            count(&mut self.tally.answered_twice);
            [Some(back), Some(back.saturating_add(second))]
        } else {
            [Some(back), None]
        };
        let declined = match call {
            Call::Request(effect) => declined && effect.due.step == Step::Hold,
            Call::Inquire(_) => false,
        };
        Some(Fate { arrives_after: there, answered_after, fails, declined })
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
