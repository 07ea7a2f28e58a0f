//! One order alone: decide and evolve, as a service with its own database uses them.

#![allow(missing_docs, reason = "criterion's own functions")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a measurement that fails is to end")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use doorstep::core::catalog::{Acceptance, KitchenKind};
use doorstep::core::checkout::Intent;
use doorstep::core::id::{CustomerId, DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep::core::money::{Currency, Money};
use doorstep::core::order::{Actor, Command, Order};
use doorstep::core::payment::{Answer, Payment, Reply, Step};
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::pricing::Quote;
use doorstep::core::time::{Span, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_768_500_000);
const DRIVER: DriverId = DriverId::truncating(1);

fn policy() -> Policy {
    Policy::new(Currency::new("EUR").expect("it is one"))
}

fn placed(policy: &Policy) -> Order {
    let quote = Quote::new(Money::new(2_400, policy.currency), 1_800, &policy.checkout);
    let quote = quote.expect("it can be priced");
    let mut payment = Payment::new(quote.total);
    for event in payment.decide(&reply(Step::Hold), &policy.payment, NOW) {
        payment.evolve(&event).expect("it was just decided");
    }
    let place = LatLng::new(4.8133, -75.6961).expect("it is a place");
    let intent = Intent {
        order: OrderId::from(1),
        customer: CustomerId::from(1),
        restaurant: RestaurantId::from(1),
        pickup: place,
        drop_off: place,
        lines: vec![],
        quote,
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        ready_span: Span::from_mins(12),
        promised: NOW.saturating_add(Span::from_mins(45)),
        estimate: NOW.saturating_add(Span::from_mins(40)),
        opened_at: NOW,
    };
    Order::place(intent, payment, NOW.saturating_add(Span::from_mins(5)), NOW)
}

const fn reply(step: Step) -> Reply {
    Reply { step, attempt: 1, answer: Answer::Done { until: None } }
}

/// A dinner on which nothing goes wrong.
fn dinner() -> [Command; 10] {
    let (driver, delivery, travel) = (DRIVER, DeliveryId::from(1), Span::from_mins(4));
    [
        Command::Accept { ready_at: None },
        Command::Reply(reply(Step::Capture)),
        Command::StartPreparing,
        Command::AssignDriver { driver, delivery, travel },
        Command::MarkReady,
        Command::ArriveAtRestaurant { driver },
        Command::PickUp { driver },
        Command::Depart { driver },
        Command::ArriveAtDoorstep { driver, distance_m: Some(12) },
        Command::Deliver { driver },
    ]
}

fn carry_out(order: &mut Order, command: &Command, policy: &Policy) {
    for event in order.decide(command, policy, NOW).expect("it is allowed") {
        order.apply(&event, NOW).expect("it was just decided");
    }
}

fn order(criterion: &mut Criterion) {
    let (policy, commands) = (policy(), dinner());
    let start = placed(&policy);
    criterion.bench_function("order/a whole dinner of ten commands", |bench| {
        bench.iter_batched_ref(
            || start.clone(),
            |order| {
                for command in &commands {
                    carry_out(order, command, &policy);
                }
            },
            criterion::BatchSize::SmallInput,
        );
    });
    let mut underway = start;
    commands.iter().take(5).for_each(|command| carry_out(&mut underway, command, &policy));
    let cancel = Command::Cancel { by: Actor::Customer, fee: None };
    criterion.bench_function("order/a cancellation that comes too early", |bench| {
        bench.iter(|| black_box(underway.decide(black_box(&cancel), &policy, NOW)));
    });
}

criterion_group!(benches, order);
criterion_main!(benches);
