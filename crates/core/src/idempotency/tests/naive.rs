//! The ledger against a list that is searched from end to end.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Begun, Bounds, Completed, Full, Ledger, NOON, Stale};
use crate::time::{Span, Timestamp};

const LEASE: i64 = 5;
const RETENTION: i64 = 20;
const MAX: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    Begin {
        key: u8,
        fingerprint: u8,
    },
    Record {
        key: u8,
        fingerprint: u8,
    },
    /// With the `nth` token ever given out for whatever key.
    Complete {
        key: u8,
        nth: usize,
    },
    Abandon {
        key: u8,
        nth: usize,
    },
    Pass {
        ms: i64,
    },
    Store,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let key = 0..6_u8;
    let act = prop_oneof![
        5 => (key.clone(), prop_oneof![4 => Just(0), 1 => Just(1)])
            .prop_map(|(key, fingerprint)| Act::Begin { key, fingerprint }),
        2 => (key.clone(), prop_oneof![4 => Just(0), 1 => Just(1)])
            .prop_map(|(key, fingerprint)| Act::Record { key, fingerprint }),
        4 => (key.clone(), 0..6_usize).prop_map(|(key, nth)| Act::Complete { key, nth }),
        1 => (key, 0..6_usize).prop_map(|(key, nth)| Act::Abandon { key, nth }),
        3 => (0..12_i64).prop_map(|ms| Act::Pass { ms }),
        1 => Just(Act::Store),
    ];
    vec(act, 0..80)
}

/// One key, as it is known.
#[derive(Clone, Debug)]
struct Known {
    key: u8,
    fingerprint: u8,
    token: u64,
    until: i64,
    /// When it was done, and with what.
    done: Option<(i64, usize)>,
}

impl Known {
    fn goes_at(&self) -> i64 {
        self.done.map_or(self.until, |(at, _)| at) + RETENTION
    }
}

#[derive(Default)]
struct Naive {
    known: Vec<Known>,
    tokens: u64,
    now: i64,
}

impl Naive {
    fn forget(&mut self) {
        let now = self.now;
        self.known.retain(|known| now < known.goes_at());
    }

    fn find(&mut self, key: u8) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.key == key)
    }

    fn begin(&mut self, key: u8, fingerprint: u8) -> String {
        self.forget();
        let (now, token) = (self.now, self.tokens + 1);
        let until = now + LEASE;
        let at = |ms| Timestamp::from_millis(NOON.as_millis() + ms);
        let first = format!("First #{token} {}", at(until));
        if let Some(known) = self.find(key) {
            if known.fingerprint != fingerprint {
                return format!("Conflict {}", known.fingerprint);
            }
            match known.done {
                Some((_, outcome)) => return format!("Repeat {outcome}"),
                None if now < known.until => return format!("InFlight {}", at(known.until)),
                None => (known.token, known.until) = (token, until),
            }
        } else if self.known.len() >= MAX {
            let first_goes = self.known.iter().map(Known::goes_at).min().unwrap();
            return format!("Full {}", at(first_goes));
        } else {
            self.known.push(Known { key, fingerprint, token, until, done: None });
        }
        self.tokens = token;
        first
    }

    /// To begin and to complete in one step.
    fn record(&mut self, key: u8, fingerprint: u8, outcome: usize) -> String {
        let told = self.begin(key, fingerprint);
        if !told.starts_with("First") {
            return told;
        }
        let token = self.tokens;
        self.complete(key, token, outcome);
        format!("First #{token} {}", Timestamp::from_millis(NOON.as_millis() + self.now))
    }

    fn complete(&mut self, key: u8, token: u64, outcome: usize) -> String {
        let now = self.now;
        let Some(known) = self.find(key) else { return "Unknown".into() };
        if known.token != token {
            return format!("TakenOver #{}", known.token);
        }
        if let Some((_, outcome)) = known.done {
            return format!("Already {outcome}");
        }
        known.done = Some((now, outcome));
        format!("Recorded {outcome}")
    }

    fn abandon(&mut self, key: u8, token: u64) -> String {
        let Some(known) = self.find(key) else { return "Unknown".into() };
        match known {
            Known { token: other, .. } if *other != token => format!("TakenOver #{other}"),
            Known { done: Some(_), .. } => "Done".into(),
            Known { done: None, .. } => {
                self.known.retain(|known| known.key != key);
                "Abandoned".into()
            }
        }
    }
}

fn begun(answer: Result<Begun<'_, usize, u8>, Full>) -> String {
    match answer {
        Ok(Begun::First { token, until }) => format!("First #{} {until}", token.get()),
        Ok(Begun::InFlight { until }) => format!("InFlight {until}"),
        Ok(Begun::Repeat(outcome)) => format!("Repeat {outcome}"),
        Ok(Begun::Conflict { first }) => format!("Conflict {first}"),
        Err(Full { until }) => format!("Full {until}"),
    }
}

fn stale(why: Stale) -> String {
    match why {
        Stale::Unknown => "Unknown".into(),
        Stale::TakenOver { by } => format!("TakenOver #{}", by.get()),
        Stale::Done => "Done".into(),
    }
}

proptest! {
    #[test]
    fn it_answers_as_a_list_searched_from_end_to_end_would(acts in acts()) {
        let bounds = Bounds::new(
            Span::from_millis(LEASE.unsigned_abs()),
            Span::from_millis(RETENTION.unsigned_abs()),
            u32::try_from(MAX).unwrap(),
        ).unwrap();
        let mut naive = Naive::default();
        let mut ledger = Ledger::<u8, usize, u8>::new();
        let mut tokens = Vec::new();
        for (step, act) in acts.iter().enumerate() {
            let now = Timestamp::from_millis(NOON.as_millis() + naive.now);
            match *act {
                Act::Begin { key, fingerprint } => {
                    let answer = ledger.begin(&key, &fingerprint, now, &bounds);
                    if let Ok(Begun::First { token, .. }) = answer {
                        tokens.push(token);
                    }
                    prop_assert_eq!(begun(answer), naive.begin(key, fingerprint));
                }
                Act::Record { key, fingerprint } => {
                    let answer = ledger.record(key, fingerprint, step, now, &bounds);
                    if let Ok(Begun::First { token, .. }) = answer {
                        tokens.push(token);
                    }
                    prop_assert_eq!(begun(answer), naive.record(key, fingerprint, step));
                }
                Act::Complete { key, nth } => {
                    let Some(&token) = tokens.iter().rev().nth(nth) else { continue };
                    let answer = match ledger.complete(&key, token, step, now) {
                        Ok(Completed::Recorded(outcome)) => format!("Recorded {outcome}"),
                        Ok(Completed::Already(outcome)) => format!("Already {outcome}"),
                        Err(why) => stale(why),
                    };
                    prop_assert_eq!(answer, naive.complete(key, token.get(), step));
                }
                Act::Abandon { key, nth } => {
                    let Some(&token) = tokens.iter().rev().nth(nth) else { continue };
                    let answer =
                        ledger.abandon(&key, token).map_or_else(stale, |()| "Abandoned".into());
                    prop_assert_eq!(answer, naive.abandon(key, token.get()));
                }
                Act::Pass { ms } => naive.now += ms,
                Act::Store => {
                    let json = serde_json::to_string(&ledger).unwrap();
                    let stored: Ledger<u8, usize, u8> = serde_json::from_str(&json).unwrap();
                    prop_assert_eq!(&stored, &ledger);
                    ledger = stored;
                }
            }
            let deadline = naive.known.iter().map(Known::goes_at).min();
            let deadline = deadline.map(|ms| Timestamp::from_millis(NOON.as_millis() + ms));
            prop_assert_eq!(ledger.next_deadline(&bounds), deadline);
            prop_assert_eq!(ledger.len(), naive.known.len());
            prop_assert!(ledger.len() <= MAX);
        }
    }
}
