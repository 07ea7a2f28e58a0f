//! Random walks: whatever comes in whatever order, nothing is lost and nothing is sent twice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Something that happens to an engine.
#[derive(Clone, Debug)]
enum Step {
    Submit { id: u8, critical: bool, profile: u8, useful_s: Option<u64> },
    Send,
    Answer { nth: usize, answer: Answer },
    Wait { ms: u64 },
    Redrive { id: u8 },
    Store,
}

fn answers() -> impl Strategy<Value = Answer> {
    let asked = proptest::option::of((0..1_000u64).prop_map(Span::from_secs));
    prop_oneof![
        2 => Just(Answer::Delivered),
        3 => asked.prop_map(|retry_after| Answer::Failed { code: None, retry_after }),
        2 => Just(rejected()),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let useful = proptest::option::of(0..60u64);
    let step = prop_oneof![
        4 => (0..12u8, any::<bool>(), 0..4u8, useful).prop_map(|(id, critical, profile, useful_s)| {
            Step::Submit { id, critical, profile, useful_s }
        }),
        6 => Just(Step::Send),
        5 => (0..40usize, answers()).prop_map(|(nth, answer)| Step::Answer { nth, answer }),
        4 => prop_oneof![0..3_000u64, 0..40_000u64].prop_map(|ms| Step::Wait { ms }),
        1 => (0..12u8).prop_map(|id| Step::Redrive { id }),
        1 => Just(Step::Store),
    ];
    proptest::collection::vec(step, 0..200)
}

fn small() -> Engine<u32> {
    with(|config| {
        config.open_max = 4;
        config.dead_max = 2;
        config.in_flight_max = 3;
        config.remember_for = Span::from_hours(10_000);
        config.backoff.waits.truncate(2);
    })
}

fn profile(kind: u8) -> Profile {
    let quiet = (kind == 1).then(|| QuietHours::new(0, 22 * 60 + 14, 22 * 60 + 16).unwrap());
    let refused = BTreeSet::from([(name("order"), name("push"))]);
    let refused = if kind == 2 { refused } else { BTreeSet::new() };
    Profile { active: kind == 3, refused, quiet }
}

/// What is demanded of an engine from outside.
struct Judge {
    engine: Engine<u32>,
    now: Timestamp,
    /// Every send handed out, and what was said of it.
    sends: Vec<(SendKey, Option<Answer>)>,
    known: BTreeSet<Name>,
    shed: BTreeSet<Name>,
    delivered: BTreeMap<Name, u32>,
}

impl Judge {
    fn new() -> Self {
        Self {
            engine: small(),
            now: T0,
            sends: Vec::new(),
            known: BTreeSet::new(),
            shed: BTreeSet::new(),
            delivered: BTreeMap::new(),
        }
    }

    fn does(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Submit { id, critical, profile: kind, useful_s } => {
                let useful_until =
                    useful_s.map_or(Timestamp::NEVER, |s| now.saturating_add(Span::from_secs(s)));
                let submitted =
                    Message { critical: *critical, useful_until, ..message(&format!("m{id}")) };
                let id = submitted.id.clone();
                match self.engine.submit(submitted, &profile(*kind), now).unwrap() {
                    Submitted::Taken { shed } => {
                        self.known.insert(id);
                        if let Some(shed) = shed {
                            assert!(self.sends.iter().all(|(key, _)| key.message != shed));
                            self.known.remove(&shed);
                            self.shed.insert(shed);
                        }
                    }
                    Submitted::Repeat(_) => assert!(self.known.contains(&id)),
                    Submitted::Suppressed(_) => {
                        self.known.insert(id);
                    }
                    Submitted::Shed => {
                        self.shed.insert(id);
                    }
                }
            }
            Step::Send => self.sends_one(),
            Step::Answer { nth, answer } => {
                if let Some(nth) = nth.checked_rem(self.sends.len()) {
                    self.says(nth, *answer);
                }
            }
            Step::Wait { ms } => {
                self.now = now.saturating_add(Span::from_millis(*ms));
                self.engine.tick(self.now);
            }
            Step::Redrive { id } => {
                let id = name(&format!("m{id}"));
                let was = self.engine.standing(&id);
                let found = self.engine.redrive(&id, now);
                assert_eq!(
                    found == Ok(Redriven::Begun),
                    was == Some(Standing::Dead) && !matches!(found, Err(NotRedriven::Full { .. }))
                );
            }
            Step::Store => {
                let json = serde_json::to_string(&self.engine).unwrap();
                let stored: Engine<u32> = serde_json::from_str(&json).unwrap();
                assert_eq!(stored, self.engine);
                self.engine = stored;
            }
        }
        self.checks();
    }

    fn sends_one(&mut self) {
        let Some(sending) = self.engine.next_send(self.now) else { return };
        let key = sending.key;
        assert!(!self.delivered.contains_key(&key.message), "{key} after it was delivered");
        assert!(self.sends.iter().all(|(other, _)| *other != key), "{key} twice");
        self.sends.push((key, None));
    }

    /// A channel says something of a send: what it likes, any number of times, but never
    /// "delivered" after it has said otherwise.
    fn says(&mut self, nth: usize, answer: Answer) {
        let (key, said) = self.sends[nth].clone();
        let answer = said.unwrap_or(answer);
        self.sends[nth].1 = Some(answer);
        if self.engine.heard(&key, answer, self.now) == Heard::Sent {
            *self.delivered.entry(key.message).or_default() += 1;
        }
    }

    fn checks(&self) {
        let (engine, tally) = (&self.engine, self.engine.tally());
        assert!(self.delivered.values().all(|times| *times == 1), "{:?}", self.delivered);
        assert!(engine.len() <= 4 && engine.dead_letters().count() <= 2);
        assert!(engine.under_way().count() <= 3);
        let dead = tally.dead_lettered - tally.redriven - tally.late;
        let open = u64::try_from(engine.len()).unwrap();
        assert_eq!(tally.submitted, tally.sent + tally.suppressed + tally.shed + dead + open);
        for id in &self.known {
            assert!(engine.standing(id).is_some(), "{id} is lost");
        }
    }

    /// Lets every channel answer, and time pass, until nothing moves.
    fn ends(&mut self) {
        for _ in 0..10_000 {
            if self.engine.is_empty() {
                break;
            }
            let before = self.sends.len();
            self.sends_one();
            if self.sends.len() > before {
                self.says(before, Answer::Failed { code: None, retry_after: None });
            } else if let Some(next) = self.engine.next_deadline() {
                self.now = self.now.max(next);
                self.engine.tick(self.now);
            }
            self.checks();
        }
        assert!(self.engine.is_empty(), "an open message waits for nothing");
        for id in &self.known {
            assert_ne!(self.engine.standing(id), Some(Standing::Open));
        }
    }
}

proptest! {
    #[test]
    fn every_message_ends_sent_shed_suppressed_or_dead_and_none_is_sent_twice(steps in steps()) {
        let mut judge = Judge::new();
        for step in &steps {
            judge.does(step);
        }
        judge.ends();
    }
}
