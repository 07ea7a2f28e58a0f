//! Random histories: any command at any time, with a provider that repeats itself, is late and
//! fails.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::payment::{self, Funds};

/// One thing that happens to an order.
#[derive(Clone, Debug)]
enum Act {
    Command(Command),
    /// What comes next when all goes well, lest few histories come far.
    Onward,
    /// The provider answers what is due.
    Answer(Answer),
    /// The provider's last answer comes again.
    Again,
    Wait(Span),
    /// Time stands at the next deadline, or a millisecond before it.
    WaitForDeadline {
        early: bool,
    },
}

fn an_actor() -> impl Strategy<Value = Actor> {
    select(vec![
        Actor::Customer,
        Actor::Restaurant,
        Actor::Driver(driver()),
        Actor::Driver(stranger()),
        Actor::Operations,
        Actor::Platform,
    ])
}

fn an_answer() -> impl Strategy<Value = Answer> {
    let in_a_minute = Answer::Done { until: Some(minutes(T0, 1)) };
    select(vec![Answer::Done { until: None }, in_a_minute, Answer::Refused, Answer::Failed])
}

fn a_reply() -> impl Strategy<Value = Reply> {
    let step = select(vec![Step::Hold, Step::Capture, Step::Void, Step::Refund]);
    (step, 0..4_u32, an_answer()).prop_map(|(step, attempt, answer)| Reply {
        step,
        attempt,
        answer,
    })
}

fn a_command() -> impl Strategy<Value = Command> {
    let who = || select(vec![driver(), driver(), driver(), stranger()]);
    let what = || (1..3_u32).prop_map(DeliveryId::from);
    let travel = || (0..3_u64).prop_map(|n| Span::from_mins(n * 10));
    let fee =
        select(vec![None, None, Some(eur(0)), Some(eur(500)), Some(eur(-1)), Some(eur(9_999))]);
    let shortage = (0..4_u32, 0..3_u32).prop_map(|(line, quantity)| Shortage { line, quantity });
    let reason = select(vec![
        FailReason::CustomerAbsent,
        FailReason::CustomerRefused,
        FailReason::Accident,
        FailReason::Lost,
    ]);
    let why = select(vec![DropReason::Driver, DropReason::NoShow]);
    let plain = select(vec![
        Command::Accept { ready_at: None },
        Command::Accept { ready_at: None },
        Command::StartPreparing,
        Command::MarkReady,
        Command::FlagSearch,
        Command::Tick,
    ]);
    prop_oneof![
        6 => plain,
        1 => Just(Command::Reject),
        2 => vec(shortage, 0..3).prop_map(|lines| Command::Adjust { lines }),
        1 => (0..4_u64).prop_map(|n| Command::ReviseEstimate { estimate: minutes(T0, n) }),
        4 => (who(), what(), travel()).prop_map(|(driver, delivery, travel)| {
            Command::AssignDriver { driver, delivery, travel }
        }),
        1 => (who(), why).prop_map(|(driver, why)| Command::DropDriver { driver, why }),
        1 => (who(), what(), travel()).prop_map(|(driver, delivery, travel)| {
            Command::HandOver { driver, delivery, travel }
        }),
        4 => who().prop_map(|driver| Command::ArriveAtRestaurant { driver }),
        4 => who().prop_map(|driver| Command::PickUp { driver }),
        2 => who().prop_map(|driver| Command::Depart { driver }),
        2 => (who(), proptest::option::of(0..400_u32)).prop_map(|(driver, distance_m)| {
            Command::ArriveAtDoorstep { driver, distance_m }
        }),
        2 => who().prop_map(|driver| Command::Deliver { driver }),
        1 => (an_actor(), reason, any::<bool>()).prop_map(|(by, reason, returned)| {
            Command::Fail { by, reason, returned }
        }),
        2 => (an_actor(), fee).prop_map(|(by, fee)| Command::Cancel { by, fee }),
        2 => a_reply().prop_map(Command::Reply),
    ]
}

fn an_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => a_command().prop_map(Act::Command),
        4 => Just(Act::Onward),
        4 => an_answer().prop_map(Act::Answer),
        1 => Just(Act::Again),
        2 => select(vec![1, 1_000, 60_000, 600_000, 1_000_000, 86_400_000])
            .prop_map(|ms| Act::Wait(Span::from_millis(ms))),
        2 => any::<bool>().prop_map(|early| Act::WaitForDeadline { early }),
    ]
}

fn onward(order: &Order) -> Command {
    let driver = order.phase().assignment().map_or(driver(), |(driver, _)| driver);
    match Point::of(order.phase()) {
        Point::Pending => Command::Accept { ready_at: None },
        Point::Underway(_, CourierPoint::Searching | CourierPoint::Flagged) => assign(),
        Point::Underway(_, CourierPoint::Assigned) => Command::ArriveAtRestaurant { driver },
        Point::Underway(_, CourierPoint::AtRestaurant) => Command::PickUp { driver },
        Point::OnTheWay(LegPoint::PickedUp) => Command::Depart { driver },
        Point::OnTheWay(LegPoint::EnRoute) => {
            Command::ArriveAtDoorstep { driver, distance_m: None }
        }
        Point::OnTheWay(LegPoint::AtDoorstep) => Command::Deliver { driver },
        Point::Delivered
        | Point::Undelivered
        | Point::CancelledByCustomer
        | Point::CancelledByRestaurant => Command::Tick,
    }
}

/// An order with the log of what happened to it.
struct Tale {
    order: Order,
    log: Vec<(Event, Timestamp)>,
    now: Timestamp,
    last: Option<Reply>,
}

impl Tale {
    fn act(&mut self, act: &Act) {
        match act {
            Act::Command(command) => self.command(command),
            Act::Onward => self.command(&onward(&self.order)),
            Act::Answer(answer) => {
                if let Some(due) = self.order.payment().due() {
                    let (step, attempt) = (due.step, due.attempt);
                    let reply = Reply { step, attempt, answer: *answer };
                    self.last = Some(reply);
                    self.command(&Command::Reply(reply));
                }
            }
            Act::Again => {
                if let Some(reply) = self.last {
                    let before = self.order.clone();
                    self.command(&Command::Reply(reply));
                    assert_eq!(self.order, before, "an answer that was heard is no news");
                }
            }
            Act::Wait(span) => self.now = self.now.saturating_add(*span),
            Act::WaitForDeadline { early } => {
                if let Some(deadline) = self.order.next_deadline() {
                    let early = Span::from_millis(u64::from(*early));
                    self.now = self.now.max(deadline.saturating_sub(early));
                }
                self.command(&Command::Tick);
            }
        }
        self.holds();
    }

    fn command(&mut self, command: &Command) {
        let before = self.order.clone();
        let decided = self.order.decide(command, &policy(), self.now);
        assert_eq!(self.order, before, "deciding changes nothing");
        match decided {
            Ok(events) => {
                for event in &events {
                    self.order.apply(event, self.now).expect("what is decided can follow");
                    self.log.push((event.clone(), self.now));
                    survives_json(event);
                }
                if let Ok(again) = self.order.decide(command, &policy(), self.now) {
                    let repeats = events.iter().any(|event| again.contains(event));
                    assert!(!repeats, "{command:?} twice: {events:?}, then {again:?}");
                }
            }
            Err(refusal) => {
                survives_json(&refusal);
                if let Refusal::WrongPhase { found, allowed } = refusal {
                    assert!(!allowed.contains(&found), "{command:?}: {found:?} in {allowed:?}");
                }
            }
        }
        if let Some(due) = before.payment().due() {
            let answered = matches!(command, Command::Reply(reply)
                if (reply.step, reply.attempt) == (due.step, due.attempt));
            assert!(answered || self.order.payment().due() == Some(due), "a due step changed");
        }
    }

    fn holds(&self) {
        let order = &self.order;
        money_holds(order.payment(), order.quote().total);
        let deadline = order.next_deadline();
        assert!(deadline.is_some() || order.phase().ended_at().is_some(), "it lives for ever");
        if let Some(deadline) = deadline.filter(|deadline| self.now < *deadline) {
            let early = deadline.saturating_sub(Span::from_millis(1));
            for now in [self.now, early] {
                assert_eq!(order.decide(&Command::Tick, &policy(), now), Ok(vec![]));
            }
        }
        assert!(order.history().len() <= HISTORY_MAX);
        assert_eq!(order.pending_effects().count(), usize::from(order.payment().due().is_some()));
        let tick = order.decide(&Command::Tick, &policy(), self.now).unwrap();
        let due_now = deadline.is_some_and(|deadline| self.now >= deadline);
        assert_eq!(due_now, !tick.is_empty(), "a tick leads on exactly at the deadline");
    }

    fn ends_well(&self) {
        let count = |wanted: fn(&payment::Event) -> bool| {
            let money = self.log.iter().filter_map(|(event, _)| {
                if let Event::Payment(event) = event { Some(event) } else { None }
            });
            money.filter(|event| wanted(event)).count()
        };
        assert_eq!(count(|e| matches!(e, payment::Event::Held { .. })), 0, "held once, before");
        assert!(count(|e| matches!(e, payment::Event::Captured { .. })) <= 1);
        assert!(count(|e| matches!(e, payment::Event::Released { .. })) <= 1);

        let start = placed(intent());
        let replayed = self
            .log
            .iter()
            .try_fold(start, |order, (event, at)| order.evolve(event, *at))
            .expect("what happened can be replayed");
        assert_eq!(replayed, self.order);
        survives_json(&self.order);
    }
}

#[track_caller]
fn survives_json<T: Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug>(
    value: &T,
) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

/// What is true of an order's money at any moment.
#[track_caller]
fn money_holds(payment: &Payment, total: Money) {
    assert!(payment.paid().minor() >= 0);
    assert!(
        payment.owed().is_none_or(|owed| (0..=payment.asked().minor()).contains(&owed.minor()))
    );
    assert!(total.minor() <= payment.asked().minor());
    match payment.funds() {
        Funds::Captured { amount, refunded } => {
            assert!((0..=payment.asked().minor()).contains(&amount.minor()));
            assert!((0..=amount.minor()).contains(&refunded.minor()));
        }
        Funds::Held { amount, .. } => assert_eq!(amount, payment.asked()),
        Funds::Asked | Funds::Refused { .. } | Funds::Released { .. } => {}
    }
    if payment.is_settled() {
        let debt = payment.debt().map_or(0, Money::minor);
        let owed = payment.owed().map_or(0, Money::minor);
        assert_eq!(payment.paid().minor() + debt, owed, "settled: paid, or a debt");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_history_breaks_an_order_or_its_money(acts in vec(an_act(), 1..60)) {
        let mut tale = Tale { order: placed(intent()), log: vec![], now: T0, last: None };
        for act in &acts {
            tale.act(act);
        }
        tale.ends_well();
    }

    #[test]
    fn once_the_provider_works_again_every_order_ends_and_settles(acts in vec(an_act(), 1..40)) {
        let mut tale = Tale { order: placed(intent()), log: vec![], now: T0, last: None };
        for act in &acts {
            tale.act(act);
        }
        let mut steps = 0;
        while tale.order.over_since().is_none() {
            match tale.order.payment().due() {
                Some(_) => tale.act(&Act::Answer(Answer::Done { until: None })),
                None => tale.act(&Act::WaitForDeadline { early: false }),
            }
            steps += 1;
            prop_assert!(steps < 12, "{:?}", tale.order);
        }
    }
}
