//! A customer's cancellation against the driver's arrival: both wanted, each sent more than once,
//! while the promise passes and the food moves on. Every order of these is explored.

#![cfg(feature = "board")]
#![expect(clippy::unwrap_used, reason = "a test that goes wrong fails")]

#[cfg(test)]
mod common;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use common::{T0, assign, driver, intent, policy, step};
use doorstep_core::cancel::{self, Board};
use doorstep_core::checkout::Checkout;
use doorstep_core::order::{Actor, Command, Event, Order, OrderStatus, Phase, Refusal};
use doorstep_core::payment::{Answer, Reply, Step};
use doorstep_core::time::{Span, Timestamp};
use stateright::{Checker, Model, Property};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    Cancel,
    Arrive,
    Depart,
    Deliver,
}

impl Message {
    const ALL: [Self; 4] = [Self::Cancel, Self::Arrive, Self::Depart, Self::Deliver];

    fn command(self) -> Command {
        let driver = driver();
        match self {
            Self::Cancel => Command::Cancel { by: Actor::Customer, fee: None },
            Self::Arrive => Command::ArriveAtDoorstep { driver, distance_m: Some(30) },
            Self::Depart => Command::Depart { driver },
            Self::Deliver => Command::Deliver { driver },
        }
    }
}

/// What a sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Told {
    Done,
    AlreadySo,
    NotYet,
    TheDriverArrived,
    ItIsOver(OrderStatus),
    ItIs(OrderStatus),
    SomethingElse,
}

fn told(decided: &Result<(Order, Vec<Event>), Refusal>) -> Told {
    match decided {
        Ok((_, events)) if events.is_empty() => Told::AlreadySo,
        Ok(_) => Told::Done,
        Err(Refusal::Cancel(cancel::Refusal::NotYet { .. })) => Told::NotYet,
        Err(Refusal::Cancel(cancel::Refusal::AtDoorstep)) => Told::TheDriverArrived,
        Err(Refusal::Cancel(cancel::Refusal::Ended { status })) => Told::ItIsOver(*status),
        Err(Refusal::WrongPhase { found, .. }) => Told::ItIs(*found),
        Err(_) => Told::SomethingElse,
    }
}

#[derive(Clone, Debug)]
struct Race {
    order: Order,
    now: Timestamp,
    /// Copies of each message that are still on their way.
    coming: [u8; 4],
    /// How often it was cancelled, and arrived at.
    wins: (u8, u8),
    told: BTreeSet<(Message, Told)>,
    /// What the board was told after the last event.
    stamp: Timestamp,
}

impl Race {
    #[expect(clippy::type_complexity, reason = "what tells two states apart, and nothing else")]
    fn parts(
        &self,
    ) -> (&Phase, Timestamp, [u8; 4], (u8, u8), &BTreeSet<(Message, Told)>, Timestamp) {
        (self.order.phase(), self.now, self.coming, self.wins, &self.told, self.stamp)
    }

    fn heard(&self, message: Message, told: Told) -> bool {
        self.told.contains(&(message, told))
    }

    fn phase_is_cancelled(&self) -> bool {
        matches!(self.order.phase(), Phase::Cancelled { .. })
    }
}

impl PartialEq for Race {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Hash for Race {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Hear(Message),
    /// The clock moves by a millisecond, over the promise.
    Time,
}

struct CancelAgainstArrival {
    copies: u8,
    promise: Span,
}

impl CancelAgainstArrival {
    fn last_moment(&self) -> Timestamp {
        T0.saturating_add(self.promise).saturating_add(Span::from_millis(2))
    }
}

/// Picked up a millisecond before its promise.
fn picked_up(promise: Span) -> Order {
    let driver = driver();
    let policy = policy();
    let mut checkout = Checkout::open(intent(promise), T0.saturating_add(promise));
    let held = Reply { step: Step::Hold, attempt: 1, answer: Answer::Done { until: None } };
    for event in checkout.reply(&held, &policy.payment, T0) {
        checkout.evolve(&event, T0).unwrap();
    }
    let (intent, payment) = checkout.into_held().unwrap();
    let route = [
        Command::Accept { ready_at: None },
        assign(),
        Command::ArriveAtRestaurant { driver },
        Command::PickUp { driver },
    ];
    let placed = Order::place(intent, payment, T0.saturating_add(promise), T0);
    route.iter().fold(placed, |order, command| step(&order, command, &policy, T0).unwrap().0)
}

impl Model for CancelAgainstArrival {
    type State = Race;
    type Action = Action;

    fn init_states(&self) -> Vec<Race> {
        let order = picked_up(self.promise);
        let stamp = order.cancellable_from();
        let now = self.last_moment().saturating_sub(Span::from_millis(3));
        let coming = [self.copies, self.copies, 1, self.copies];
        vec![Race { order, now, coming, wins: (0, 0), told: BTreeSet::new(), stamp }]
    }

    fn actions(&self, _: &Race, actions: &mut Vec<Action>) {
        actions.extend(Message::ALL.map(Action::Hear));
        actions.push(Action::Time);
    }

    fn next_state(&self, race: &Race, action: Action) -> Option<Race> {
        let mut next = race.clone();
        let message = match action {
            Action::Time => {
                next.now = race.now.saturating_add(Span::from_millis(1));
                return (next.now <= self.last_moment()).then_some(next);
            }
            Action::Hear(message) => message,
        };
        let coming = next.coming.get_mut(message as usize)?;
        *coming = coming.checked_sub(1)?;
        let decided = step(&race.order, &message.command(), &policy(), race.now);
        next.told.insert((message, told(&decided)));
        if let Ok((order, events)) = decided {
            for event in &events {
                let (cancels, arrivals) = &mut next.wins;
                if let Event::Cancelled { .. } = event {
                    *cancels = cancels.saturating_add(1);
                }
                if let Event::ArrivedAtDoorstep { .. } = event {
                    *arrivals = arrivals.saturating_add(1);
                }
            }
            next.order = order;
            next.stamp = next.order.cancellable_from();
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never both, and neither twice", |_, race: &Race| {
                matches!(race.wins, (0, 0) | (1, 0) | (0, 1))
            }),
            Property::always("the loser hears who won", |_, race: &Race| {
                race.told.iter().all(|&(message, told)| match (message, told) {
                    (_, Told::Done) => true,
                    (Message::Cancel, Told::AlreadySo) => race.wins.0 == 1,
                    (Message::Cancel, Told::NotYet) => true,
                    (Message::Cancel, Told::TheDriverArrived) => race.wins.1 == 1,
                    (Message::Cancel, Told::ItIsOver(status)) => status == OrderStatus::Delivered,
                    (Message::Arrive, Told::AlreadySo) => {
                        race.wins.1 == 1 || race.heard(Message::Deliver, Told::Done)
                    }
                    (Message::Arrive, Told::ItIs(status)) => {
                        status == OrderStatus::Cancelled && race.wins.0 == 1
                    }
                    (Message::Depart | Message::Deliver, Told::AlreadySo) => race.wins.0 == 0,
                    (Message::Depart | Message::Deliver, Told::ItIs(status)) => {
                        status == OrderStatus::Cancelled
                    }
                    (Message::Cancel, Told::ItIs(_) | Told::SomethingElse)
                    | (
                        Message::Arrive | Message::Depart | Message::Deliver,
                        Told::NotYet
                        | Told::TheDriverArrived
                        | Told::ItIsOver(_)
                        | Told::SomethingElse,
                    ) => false,
                })
            }),
            Property::always("a cancel is never told to wait once it lost", |_, race: &Race| {
                let lost = race.wins.1 == 1 || race.heard(Message::Deliver, Told::Done);
                let decided = step(&race.order, &Message::Cancel.command(), &policy(), race.now);
                !lost || !matches!(told(&decided), Told::NotYet | Told::Done)
            }),
            Property::always("the button shows exactly when a cancel takes", |_, race: &Race| {
                let board = Board::with_capacity(1);
                let id = race.order.id();
                board.publish(id, race.stamp).is_ok_and(|()| {
                    [race.now, race.now.saturating_add(Span::from_hours(1))].iter().all(|&now| {
                        let decided = step(&race.order, &Message::Cancel.command(), &policy(), now);
                        board.may_cancel(&id, now) == (told(&decided) == Told::Done)
                    })
                })
            }),
            Property::always(
                "it is cancelled only after the promised millisecond",
                |model, race| {
                    let model: &Self = model;
                    let race: &Race = race;
                    let after = race.now > T0.saturating_add(model.promise);
                    !race.phase_is_cancelled() || after
                },
            ),
            Property::sometimes("the cancel wins, and the arrival hears it", |_, race: &Race| {
                race.heard(Message::Cancel, Told::Done)
                    && race.heard(Message::Arrive, Told::ItIs(OrderStatus::Cancelled))
            }),
            Property::sometimes("the arrival wins, and the cancel hears it", |_, race: &Race| {
                race.heard(Message::Arrive, Told::Done)
                    && race.heard(Message::Cancel, Told::TheDriverArrived)
            }),
            Property::sometimes("too early, and then just in time", |_, race: &Race| {
                race.heard(Message::Cancel, Told::NotYet) && race.heard(Message::Cancel, Told::Done)
            }),
            Property::sometimes("both are repeated and hear the same again", |_, race: &Race| {
                race.heard(Message::Arrive, Told::Done)
                    && race.heard(Message::Arrive, Told::AlreadySo)
            }),
            Property::sometimes("the cancel comes after the hand-over", |_, race: &Race| {
                race.heard(Message::Cancel, Told::ItIsOver(OrderStatus::Delivered))
            }),
        ]
    }
}

#[test]
fn of_a_cancel_and_an_arrival_exactly_one_wins_in_every_interleaving() {
    let model = CancelAgainstArrival { copies: 3, promise: Span::from_mins(10) };
    let checked = model.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done(), "every state was seen");
}
