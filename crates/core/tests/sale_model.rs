//! A small sale explored whole: claims, waiting, payments that come late and twice, releases,
//! deadlines that are dealt with at once or not at all, with and without admission by rate.
#![expect(clippy::unwrap_used, reason = "a test that goes wrong fails")]

use std::collections::BTreeMap;

use doorstep_core::flash_sale::sale::{Answer, Command, Event, HoldState};
use doorstep_core::flash_sale::{Admission, HoldId, Rules, Sale};
use doorstep_core::time::{Span, Timestamp};
use stateright::{Checker, Model, Property};

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);
/// Half a hold: a payment may come in time, on the deadline, or after it.
const STEP: Span = Span::from_secs(30);

/// What the provider took for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Charge {
    user: u8,
    /// Deliveries of its word that are still to come.
    coming: u8,
    told: Option<Answer>,
    /// Two answers that differ.
    torn: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    sale: Sale<u8>,
    steps: u8,
    charges: BTreeMap<HoldId, Charge>,
    /// Somebody was given what another gave up; a late payer got a unit; somebody was let in.
    called: bool,
    late: bool,
    admitted: bool,
    /// An event could not follow.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Claim(u8),
    Join(u8),
    Release(HoldId),
    /// The provider takes the money for a hold; its word is delivered twice.
    Charge(HoldId),
    Deliver(HoldId),
    Time,
    Tick,
}

struct Crowd {
    rules: Rules,
    users: u8,
    holds_max: u64,
    steps_max: u8,
}

impl Crowd {
    fn now(world: &World) -> Timestamp {
        T0.saturating_add(STEP.saturating_mul(u64::from(world.steps)))
    }

    /// Decides and takes in; the answer, if it is not refused.
    fn ask(world: &mut World, command: &Command<u8>) -> Option<Answer> {
        let now = Self::now(world);
        let decided = world.sale.decide(command, now).ok()?;
        let claims = matches!(command, Command::Claim { .. });
        for event in &decided.events {
            world.broken |= world.sale.evolve(event, now).is_err();
            world.called |= matches!(event, Event::Held { .. }) && !claims;
            world.late |= matches!(event, Event::SoldLate { .. });
            world.admitted |= matches!(
                event,
                Event::Room(doorstep_core::flash_sale::waiting_room::Event::Admitted { .. })
            );
        }
        Some(decided.answer)
    }
}

impl Model for Crowd {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let sale = Sale::new(self.rules.clone());
        let charges = BTreeMap::new();
        let (called, late, admitted, broken) = (false, false, false, false);
        vec![World { sale, steps: 0, charges, called, late, admitted, broken }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for user in 0..self.users {
            actions.push(Action::Claim(user));
            actions.push(Action::Join(user));
        }
        for (hold, held) in world.sale.holds() {
            actions.push(Action::Release(hold));
            if held.state != HoldState::Sold && !world.charges.contains_key(&hold) {
                actions.push(Action::Charge(hold));
            }
        }
        actions.extend(world.charges.keys().map(|hold| Action::Deliver(*hold)));
        if world.steps < self.steps_max {
            actions.push(Action::Time);
        }
        if world.sale.next_deadline().is_some_and(|at| at <= Self::now(world)) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Claim(user) => {
                Self::ask(&mut next, &Command::Claim { user, nth: 1 });
            }
            Action::Join(user) => {
                Self::ask(&mut next, &Command::Join { user });
            }
            Action::Release(hold) => {
                let user = next.sale.hold(hold)?.user;
                Self::ask(&mut next, &Command::Release { user, hold });
            }
            Action::Charge(hold) => {
                let user = next.sale.hold(hold)?.user;
                let charge = Charge { user, coming: 2, told: None, torn: false };
                next.charges.insert(hold, charge);
            }
            Action::Deliver(hold) => {
                let charge = *next.charges.get(&hold)?;
                let coming = charge.coming.checked_sub(1)?;
                let told = Self::ask(&mut next, &Command::Pay { user: charge.user, hold });
                let torn =
                    charge.torn || told.is_none() || charge.told.is_some_and(|t| Some(t) != told);
                next.charges.insert(hold, Charge { coming, told, torn, ..charge });
            }
            Action::Time => next.steps = world.steps.saturating_add(1),
            Action::Tick => {
                Self::ask(&mut next, &Command::Tick);
            }
        }
        (next != *world).then_some(next)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.sale.next_hold() <= self.holds_max
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("what is decided can follow", |_, world: &World| !world.broken),
            Property::always("available + held + sold = stock", |model: &Self, world: &World| {
                let sale = &world.sale;
                let units = [sale.available(), sale.held(), sale.sold()];
                units.iter().sum::<u32>() == model.rules.stock
            }),
            Property::always("nobody has two", |_, world: &World| {
                let mut users: Vec<u8> = world.sale.holds().map(|(_, hold)| hold.user).collect();
                users.sort_unstable();
                users.windows(2).all(|pair| pair.first() != pair.last())
            }),
            Property::always(
                "a payment buys or goes back, and is told so twice",
                |_, world: &World| {
                    world.charges.iter().all(|(id, charge)| {
                        let hold = world.sale.hold(*id);
                        let sold = hold.is_some_and(|hold| hold.state == HoldState::Sold);
                        let back = world.sale.refunds().any(|(refund, _)| refund == *id);
                        let told = match charge.told {
                            None => !sold && !back,
                            Some(Answer::Sold { .. }) => sold && !back,
                            Some(Answer::RefundDue { .. }) => back && !sold,
                            Some(_) => false,
                        };
                        told && !charge.torn
                    })
                },
            ),
            Property::always("nothing is sold that nobody paid", |_, world: &World| {
                world.sale.holds().all(|(id, hold)| {
                    hold.state != HoldState::Sold || world.charges.contains_key(&id)
                })
            }),
            Property::always(
                "nobody waits for what is sold out or free",
                |model, world: &World| {
                    let model: &Self = model;
                    let waits = world.sale.room().waiting() > 0;
                    let free = world.sale.available() > 0 && model.rules.admission.is_none();
                    !waits || !(free || world.sale.is_sold_out())
                },
            ),
            Property::sometimes("sold out", |_, world: &World| world.sale.is_sold_out()),
            Property::sometimes("a unit goes to the head of the line", |_, w: &World| w.called),
            Property::sometimes("the loser is refunded", |_, world: &World| {
                world.sale.refunds().count() > 0
            }),
            Property::sometimes("a late payer gets what is free", |_, world: &World| world.late),
        ];
        if self.rules.admission.is_some() {
            let let_in = |_: &Self, world: &World| world.admitted;
            properties.push(Property::sometimes("somebody is let in", let_in));
        }
        properties
    }
}

fn rules(stock: u32) -> Rules {
    Rules { hold_for: STEP.saturating_mul(2), ..Rules::new(stock, T0).unwrap() }
}

fn explore(model: Crowd) {
    let checked = model.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done(), "every state was seen");
}

#[test]
fn one_unit_and_three_people_in_every_interleaving() {
    explore(Crowd { rules: rules(1), users: 3, holds_max: 3, steps_max: 3 });
}

#[test]
fn one_unit_behind_a_waiting_room_in_every_interleaving() {
    let every = STEP;
    let pass_for = STEP.saturating_mul(2);
    let admission = Admission { percent: 100, every, pass_for, ..Admission::new(1, 3) };
    let rules = Rules { admission: Some(admission), ..rules(1) };
    explore(Crowd { rules, users: 2, holds_max: 3, steps_max: 4 });
}
