//! Callers with one key, who are slow, crash, come back late or ask for something else, while
//! leases run out and outcomes are forgotten. Every order of it is explored.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
#![expect(clippy::unwrap_used, reason = "a test that goes wrong fails")]
#![expect(clippy::indexing_slicing, reason = "a caller that is not there fails the test")]

use doorstep_core::idempotency::{Begun, Bounds, Completed, Ledger, Stale, Token};
use doorstep_core::time::{Span, Timestamp};
use stateright::{Checker, Model, Property};

const CALLERS: usize = 3;
const T0: Timestamp = Timestamp::from_secs(1_000);
const LEASE_MS: u64 = 1;
const RETENTION_MS: u64 = 2;
const LAST_MS: u64 = 4;
const CRASHES: u8 = 1;
const ABANDONED: u8 = 1;

type Key = u8;

/// What a caller wants done. The last one is another request under the first one's key.
const WANTS: [(Key, char); CALLERS] = [(0, 'a'), (0, 'a'), (0, 'b')];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Caller {
    Idle,
    /// Under a lease, before it acts.
    Working {
        token: Token,
    },
    /// It has acted, and has not said so.
    Acted {
        token: Token,
    },
}

/// What the last step showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Seen {
    InFlight,
    Repeat,
    Conflict,
    TakenOver,
    LateCompletion,
    TokenRefused,
    Abandoned,
    FirstAgainAfterAbandon,
    ForgottenAndFirstAgain,
    FullRefused,
    Crashed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    ledger: Ledger<Key, u64, char>,
    callers: [Caller; CALLERS],
    ms: u64,
    /// Who acted, by token, since the key was last unknown: more than one only where a lease ran
    /// out in between.
    outcome: Option<(u64, u64)>,
    /// When the lease that is the newest runs out, and its token.
    newest: Option<(u64, Token)>,
    abandoned: bool,
    abandons: u8,
    crashes: u8,
    broken: Option<&'static str>,
    seen: Option<Seen>,
}

impl World {
    fn now(&self) -> Timestamp {
        T0.saturating_add(Span::from_millis(self.ms))
    }

    fn saw(&mut self, seen: Seen) {
        self.seen = Some(seen);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Begin(usize),
    Act(usize),
    Complete(usize),
    Abandon(usize),
    Crash(usize),
    Forget,
    Time,
    /// Somebody else's key, which fills the ledger.
    Other,
}

struct OneKey;

fn bounds() -> Bounds {
    let (lease, retention) = (Span::from_millis(LEASE_MS), Span::from_millis(RETENTION_MS));
    Bounds::new(lease, retention, 1).unwrap()
}

impl OneKey {
    fn begin(next: &mut World, caller: usize) {
        let (key, fingerprint) = WANTS[caller];
        let (now, ms) = (next.now(), next.ms);
        let begun = next.ledger.begin(&key, &fingerprint, now, &bounds());
        let kept = next.outcome;
        let (newest, abandoned) = (next.newest, next.abandoned);
        match begun {
            Ok(Begun::First { token, until }) => {
                let runs_out = ms + LEASE_MS;
                if until != T0.saturating_add(Span::from_millis(runs_out)) {
                    next.broken = Some("a lease of another length");
                }
                if newest.is_some_and(|(until, _)| ms < until) && !abandoned {
                    next.broken = Some("two leases at once");
                }
                if newest.is_some_and(|(_, before)| token <= before) {
                    next.broken = Some("a token that is not higher");
                }
                if kept.is_some_and(|(at, _)| ms < at + RETENTION_MS) {
                    next.broken = Some("forgotten early");
                }
                if kept.is_some() {
                    next.saw(Seen::ForgottenAndFirstAgain);
                } else if abandoned {
                    next.saw(Seen::FirstAgainAfterAbandon);
                } else if newest.is_some() {
                    next.saw(Seen::TakenOver);
                }
                next.outcome = None;
                next.abandoned = false;
                next.newest = Some((runs_out, token));
                next.callers[caller] = Caller::Working { token };
            }
            Ok(Begun::InFlight { .. }) => {
                if newest.is_none_or(|(until, _)| ms >= until) {
                    next.broken = Some("in flight without a lease");
                }
                next.saw(Seen::InFlight);
            }
            Ok(Begun::Repeat(outcome)) => {
                if kept.map(|(_, first)| first) != Some(*outcome) {
                    next.broken = Some("another outcome than the first");
                }
                next.saw(Seen::Repeat);
            }
            Ok(Begun::Conflict { first }) => {
                if *first == fingerprint {
                    next.broken = Some("a conflict with itself");
                }
                next.saw(Seen::Conflict);
            }
            Err(_) => next.saw(Seen::FullRefused),
        }
    }

    fn complete(next: &mut World, caller: usize) {
        let Caller::Acted { token } = next.callers[caller] else { return };
        let (key, _) = WANTS[caller];
        let (now, ms) = (next.now(), next.ms);
        let newest = next.newest;
        match next.ledger.complete(&key, token, token.get(), now) {
            Ok(Completed::Recorded(_)) => {
                if newest.is_none_or(|(_, newest)| newest != token) {
                    next.broken = Some("a stale token completed");
                }
                if next.outcome.is_some() {
                    next.broken = Some("a second outcome");
                }
                if newest.is_some_and(|(until, _)| ms >= until) {
                    next.saw(Seen::LateCompletion);
                }
                next.outcome = Some((ms, token.get()));
            }
            Ok(Completed::Already(_)) => next.broken = Some("it was told only once"),
            Err(Stale::TakenOver { by }) => {
                if by <= token {
                    next.broken = Some("taken over by a lower token");
                }
                next.saw(Seen::TokenRefused);
            }
            // Its lease ran out a retention ago, or whoever took over gave up.
            Err(_) => {
                if newest.is_some_and(|(until, by)| by == token && ms < until + RETENTION_MS) {
                    next.broken = Some("a lease was forgotten early");
                }
            }
        }
        next.callers[caller] = Caller::Idle;
    }
}

impl Model for OneKey {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            ledger: Ledger::new(),
            callers: [Caller::Idle; CALLERS],
            ms: 0,
            outcome: None,
            newest: None,
            abandoned: false,
            abandons: 0,
            crashes: 0,
            broken: None,
            seen: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (caller, state) in world.callers.iter().enumerate() {
            match state {
                Caller::Idle => actions.push(Action::Begin(caller)),
                Caller::Working { .. } => {
                    actions.extend([Action::Act(caller), Action::Abandon(caller)]);
                    actions.push(Action::Crash(caller));
                }
                Caller::Acted { .. } => {
                    actions.extend([Action::Complete(caller), Action::Crash(caller)]);
                }
            }
        }
        actions.extend([Action::Forget, Action::Time, Action::Other]);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.seen = None;
        match action {
            Action::Begin(caller) => Self::begin(&mut next, caller),
            Action::Act(caller) => {
                let Caller::Working { token } = next.callers[caller] else { return None };
                next.callers[caller] = Caller::Acted { token };
            }
            Action::Complete(caller) => Self::complete(&mut next, caller),
            Action::Abandon(caller) => {
                let Caller::Working { token } = next.callers[caller] else { return None };
                if next.abandons == ABANDONED {
                    return None;
                }
                next.abandons += 1;
                next.callers[caller] = Caller::Idle;
                if next.ledger.abandon(&WANTS[caller].0, token).is_ok() {
                    next.abandoned = true;
                    next.saw(Seen::Abandoned);
                } else {
                    next.saw(Seen::TokenRefused);
                }
            }
            Action::Crash(caller) => {
                if next.crashes == CRASHES {
                    return None;
                }
                next.crashes += 1;
                next.callers[caller] = Caller::Idle;
                next.saw(Seen::Crashed);
            }
            Action::Forget => next.ledger.forget(world.now(), &bounds()),
            Action::Time => {
                if next.ms == LAST_MS {
                    return None;
                }
                next.ms += 1;
            }
            Action::Other => {
                // It is given back at once, so that only the bound is tried.
                match next.ledger.begin(&9, &'x', world.now(), &bounds()) {
                    Ok(Begun::First { token, .. }) => {
                        let given_back = next.ledger.abandon(&9, token);
                        if given_back.is_err() {
                            next.broken = Some("what was begun cannot be given back");
                        }
                        return None;
                    }
                    Ok(_) => next.broken = Some("nobody else has this key"),
                    Err(full) => {
                        if full.until <= world.now() {
                            next.broken = Some("full until a moment that has passed");
                        }
                        next.saw(Seen::FullRefused);
                    }
                }
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn seen(seen: Seen) -> impl Fn(&OneKey, &World) -> bool {
            move |_, world| world.seen == Some(seen)
        }
        // One function a property: `stateright` takes no closures that hold something.
        macro_rules! sometimes {
            ($($name:literal: $seen:ident,)*) => {
                vec![$(Property::sometimes($name, |model, world| {
                    seen(Seen::$seen)(model, world)
                })),*]
            };
        }
        let mut properties = sometimes![
            "a second caller finds the first one at it": InFlight,
            "a repetition gets the outcome": Repeat,
            "another request is told apart": Conflict,
            "a lease that ran out is taken over": TakenOver,
            "a late completion counts where nobody took over": LateCompletion,
            "a stale token is refused": TokenRefused,
            "somebody gives up": Abandoned,
            "after which the key is first again": FirstAgainAfterAbandon,
            "an outcome is forgotten in the end": ForgottenAndFirstAgain,
            "a full ledger refuses": FullRefused,
            "somebody crashes": Crashed,
        ];
        properties.push(Property::always("every promise is kept", |_, world: &World| {
            world.broken.is_none()
        }));
        properties.push(Property::always("it keeps within its bound", |_, world: &World| {
            world.ledger.len() <= 1
        }));
        properties.push(Property::always("what it knows is what was recorded", |_, world| {
            let world: &World = world;
            let known = world.ledger.outcome(&0).copied();
            known.is_none() || known == world.outcome.map(|(_, outcome)| outcome)
        }));
        properties
    }
}

#[test]
fn of_callers_with_one_key_each_is_told_the_truth_in_every_interleaving() {
    let checked = OneKey.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done(), "every state was seen");
    assert!(checked.unique_state_count() > 1_000, "{}", checked.unique_state_count());
}
