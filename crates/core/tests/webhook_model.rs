//! A provider's events on their way to the payment: through the real inbox and the real shard, each
//! delivered more than once, in any order, one of them with another meaning, while the process dies
//! between accepting and working, and between the effect and saying that it is done. Every order of
//! it is explored.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
#![expect(clippy::panic, reason = "a test that goes wrong fails")]
#![expect(clippy::unwrap_used, reason = "a test that goes wrong fails")]
#![expect(clippy::indexing_slicing, reason = "an event that is not there fails the test")]

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::id::{CustomerId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::idempotency::Bounds;
use doorstep_core::log::{Batch, Decision, Writer};
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::Funds;
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::provider::{self, EventId, Fact, Meaning, Reference};
use doorstep_core::shard::{Command, Heard, Outcome, RestaurantAct, Shard, Wish};
use doorstep_core::time::{Span, Timestamp};
use doorstep_core::webhook::Message;
use doorstep_core::webhook::inbox::{Accepted, Inbox, Job, Rules, Setback};
use stateright::{Checker, Model, Property};

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);
const EVENTS: usize = 3;

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn rules() -> Rules {
    let bounds = Bounds::new(Span::from_secs(1), Span::from_hours(96), 10).unwrap();
    Rules::new(bounds, 10).unwrap()
}

fn decide(shard: &mut Shard, command: &Command, now: Timestamp) -> Outcome {
    let decided = shard.decide(command, None, now).unwrap();
    let Decision::Commit { events, outcome } = decided else { panic!("no cause was given") };
    if !events.is_empty() {
        let (epoch, writer, seq) = (1, Writer::new(7), 0);
        let at = now.max(shard.last_at());
        let batch =
            Batch { epoch, writer, seq, at, cause: None, inbox: None, events, outcome: None };
        shard.apply(&batch).unwrap();
    }
    outcome
}

/// A shard with one checkout, whose hold is due.
fn asked() -> (Shard, OrderId) {
    let mut shard = Shard::new(ShardId::default(), Policy::new(eur(0).currency()));
    let restaurant = RestaurantId::from(1);
    let item = Item {
        id: ItemId::from(1),
        name: "ajiaco".into(),
        price: eur(900),
        available: true,
        option_groups: vec![],
    };
    let menu = Menu { categories: vec![Category { name: "soups".into(), items: vec![item] }] };
    let put = Catalog::Put(Restaurant {
        id: restaurant,
        position: LatLng::new(4.60, -74.08).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu,
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    });
    decide(&mut shard, &Command::Catalog(put), T0);
    let line = CartLine { item: ItemId::from(1), quantity: 2, choices: vec![], unit_price: None };
    let wish = Wish {
        customer: CustomerId::from(3),
        cart: Cart { restaurant, lines: vec![line] },
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        promised: None,
    };
    decide(&mut shard, &Command::Checkout(Box::new(wish)), T0);
    let order = shard.pending_effects().next().unwrap().order;
    (shard, order)
}

/// The provider's events: held, captured, and the second one's id with another meaning.
fn event(order: OrderId, which: usize) -> provider::Event {
    let amount = eur(2_099);
    let until = Some(T0.saturating_add(Span::from_hours(24)));
    let (id, fact) = [
        ("evt_1", Fact::Held { amount, until }),
        ("evt_2", Fact::Captured { amount }),
        ("evt_2", Fact::Captured { amount: eur(1) }),
    ][which]
        .clone();
    let says = Meaning { about: Reference { order, effect: None }, fact };
    provider::Event { id: EventId::new(id).unwrap(), says }
}

/// What the last step showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shown {
    Repeat,
    Conflict,
    DiedBeforeTheEffect,
    DiedAfterTheEffect,
    HeardAgain(Heard),
    TooEarly,
    Dead,
    Redriven,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    shard: Shard,
    /// What is stored before each answer.
    inbox: Inbox,
    now: Timestamp,
    /// Deliveries of each event that are still to come.
    coming: [u8; EVENTS],
    /// What the process works on, and whether it has done it.
    job: Option<(Job, bool)>,
    accepted: bool,
    crashes: u8,
    /// How often the money moved.
    holds: u8,
    captures: u8,
    shown: Option<Shown>,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Deliver(usize),
    /// The restaurant takes the order: its capture is due.
    Accept,
    Next,
    Act,
    Say,
    Crash,
    /// The clock moves to the inbox's next deadline.
    Time,
    Redrive,
}

struct Path {
    order: OrderId,
    shard: Shard,
    copies: [u8; EVENTS],
    crashes: u8,
    /// How long it is watched; long enough for a dead letter or not.
    watched: Span,
}

impl Path {
    fn new(copies: [u8; EVENTS], crashes: u8, watched: Span) -> Self {
        let (shard, order) = asked();
        Self { order, shard, copies, crashes, watched }
    }

    fn funds(&self, shard: &Shard) -> Option<Funds> {
        shard.order(self.order).map(|order| order.payment().funds())
    }

    /// Carries a job out: on what the shard cannot use yet it fails, and is tried again.
    fn act(&self, next: &mut World, job: &Job) {
        let before = self.funds(&next.shard);
        let command = Command::Provider(Box::new(job.event.clone()));
        let untouched = next.shard.clone();
        let told = decide(&mut next.shard, &command, next.now);
        if let (Outcome::Heard(heard), true) = (&told, next.shard == untouched) {
            next.shown = Some(Shown::HeardAgain(*heard));
        }
        match (before, self.funds(&next.shard)) {
            (None, Some(_)) => next.holds += 1,
            (Some(Funds::Held { .. }), Some(Funds::Captured { .. })) => next.captures += 1,
            (_, _) => {}
        }
    }

    /// An event that came before its time: the order waits for it still.
    fn is_early(&self, world: &World, job: &Job) -> bool {
        job.event.id.as_str() == "evt_2"
            && !matches!(
                world.shard.pending_effect(self.order),
                Some(effect) if effect.due.step == doorstep_core::payment::Step::Capture
            )
            && !matches!(self.funds(&world.shard), Some(Funds::Captured { .. }))
    }
}

impl Model for Path {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            shard: self.shard.clone(),
            inbox: Inbox::new(),
            now: T0,
            coming: self.copies,
            job: None,
            accepted: false,
            crashes: 0,
            holds: 0,
            captures: 0,
            shown: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend((0..EVENTS).filter(|&n| world.coming[n] > 0).map(Action::Deliver));
        if !world.accepted && world.shard.order(self.order).is_some() {
            actions.push(Action::Accept);
        }
        match &world.job {
            None => actions.push(Action::Next),
            Some((_, false)) => actions.extend([Action::Act, Action::Crash]),
            Some((_, true)) => actions.extend([Action::Say, Action::Crash]),
        }
        // Slow work is looked at where there are crashes: it is as if there had been one.
        if world.job.is_none() || (self.crashes > 0 && world.crashes == 0) {
            actions.push(Action::Time);
        }
        if world.inbox.dead_letters().next().is_some() {
            actions.push(Action::Redrive);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.shown = None;
        match action {
            Action::Deliver(n) => {
                next.coming[n] -= 1;
                let message = Message::Payment(event(self.order, n));
                match next.inbox.accept(message, world.now, &rules()).unwrap() {
                    Accepted::Queued | Accepted::Unused { .. } => {}
                    Accepted::Repeat { .. } => next.shown = Some(Shown::Repeat),
                    Accepted::Conflict { .. } => next.shown = Some(Shown::Conflict),
                }
            }
            Action::Accept => {
                let act = RestaurantAct::Accept { ready_at: None };
                let command = Command::Restaurant { order: self.order, act };
                decide(&mut next.shard, &command, world.now);
                next.accepted = true;
            }
            Action::Next => {
                next.job = next.inbox.next(world.now, &rules()).map(|job| (job, false));
                if next.job.is_none() && next.inbox == world.inbox {
                    return None;
                }
            }
            Action::Act => {
                let (job, _) = next.job.take()?;
                if self.is_early(world, &job) {
                    let (id, token) = (&job.event.id, job.token);
                    next.shown = Some(Shown::TooEarly);
                    let told = next.inbox.failed(id, token, "nothing is due yet", world.now);
                    if told == Ok(Setback::Dead) {
                        next.shown = Some(Shown::Dead);
                    }
                } else {
                    self.act(&mut next, &job);
                    next.job = Some((job, true));
                }
            }
            Action::Say => {
                let (job, _) = next.job.take()?;
                // Nobody else takes a job here: a slow one is late, and not too late.
                next.inbox.done(&job.event.id, job.token, world.now).unwrap();
            }
            Action::Crash => {
                if next.crashes == self.crashes {
                    return None;
                }
                next.crashes += 1;
                let (_, acted) = next.job.take()?;
                next.shown = Some(if acted {
                    Shown::DiedAfterTheEffect
                } else {
                    Shown::DiedBeforeTheEffect
                });
            }
            Action::Time => {
                if next.inbox.open() == 0 {
                    return None;
                }
                let deadline = next.inbox.next_deadline(&rules())?;
                let end = T0.saturating_add(self.watched);
                if deadline <= world.now || deadline > end {
                    return None;
                }
                next.now = deadline;
            }
            Action::Redrive => {
                if world.inbox.counts().redriven > 0 {
                    return None;
                }
                let letter = next.inbox.dead_letters().next()?;
                next.inbox.redrive(&letter.event.id, world.now).unwrap();
                next.shown = Some(Shown::Redriven);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn taken(path: &Path, world: &World) -> bool {
            matches!(path.funds(&world.shard), Some(Funds::Captured { .. }))
        }
        let mut properties = vec![
            Property::always("the money moves once each way", |_, world: &World| {
                world.holds <= 1 && world.captures <= 1
            }),
            Property::always("never an amount that nobody told of", |path, world| {
                let (path, world): (&Path, &World) = (path, world);
                let told_less = world.coming[2] < path.copies[2];
                match path.funds(&world.shard) {
                    Some(Funds::Captured { amount, refunded }) => {
                        let right = amount == eur(2_099) || (told_less && amount == eur(1));
                        right && refunded == eur(0)
                    }
                    Some(Funds::Held { amount, .. }) => amount == eur(2_099),
                    Some(Funds::Asked | Funds::Refused { .. } | Funds::Released { .. }) => false,
                    None => true,
                }
            }),
            Property::always(
                "what was accepted and not worked off is still there",
                |path, world| {
                    let (path, world): (&Path, &World) = (path, world);
                    let came = world.coming[0] < path.copies[0];
                    let waits = world.inbox.open() > 0 || world.job.is_some();
                    !came || waits || world.holds == 1
                },
            ),
            Property::always("once all is worked off, all has happened", |path, world| {
                let (path, world): (&Path, &World) = (path, world);
                let all_came = world.coming == [0; EVENTS];
                let first = world.inbox.conflicts().next();
                let right = first.is_none_or(|conflict| {
                    conflict.first.fact == Fact::Captured { amount: eur(2_099) }
                });
                let over = all_came && world.inbox.open() == 0 && world.accepted;
                !over || !right || taken(path, world)
            }),
            Property::sometimes("it is all over, and paid once", |path, world: &World| {
                let path: &Path = path;
                world.inbox.open() == 0 && world.job.is_none() && taken(path, world)
            }),
        ];
        if self.crashes > 0 {
            properties.extend([
                Property::sometimes("an event comes again", |_, world: &World| {
                    world.shown == Some(Shown::Repeat)
                }),
                Property::sometimes("an event contradicts itself", |_, world: &World| {
                    world.shown == Some(Shown::Conflict)
                }),
                Property::sometimes("a capture is told of before its time", |_, world: &World| {
                    world.shown == Some(Shown::TooEarly)
                }),
                Property::sometimes("the process dies before the effect", |_, world: &World| {
                    world.shown == Some(Shown::DiedBeforeTheEffect)
                }),
                Property::sometimes("the process dies after the effect", |_, world: &World| {
                    world.shown == Some(Shown::DiedAfterTheEffect)
                }),
                Property::sometimes("then the shard has heard it already", |_, world: &World| {
                    world.shown == Some(Shown::HeardAgain(Heard::Applied)) && world.captures == 1
                }),
            ]);
        } else {
            properties.extend([
                Property::sometimes("a dead letter is redriven", |_, world: &World| {
                    world.shown == Some(Shown::Redriven)
                }),
                Property::sometimes("a redriven event takes effect", |path, world: &World| {
                    let path: &Path = path;
                    world.inbox.counts().redriven > 0 && taken(path, world)
                }),
            ]);
        }
        properties
    }
}

fn explore(path: Path) {
    let checked = path.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done(), "every state was seen");
    assert!(checked.unique_state_count() > 200, "{}", checked.unique_state_count());
}

#[test]
fn an_events_money_moves_once_in_every_interleaving() {
    explore(Path::new([2, 2, 1], 1, Span::from_secs(3)));
}

#[test]
fn an_event_that_came_too_early_too_often_is_redriven_and_moves_its_money_once() {
    explore(Path::new([1, 1, 0], 0, Span::from_secs(40)));
}
