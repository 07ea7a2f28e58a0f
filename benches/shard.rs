//! Single commands through a shard with thousands of live orders.

#![allow(missing_docs, reason = "criterion's own functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that fails is to end")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use doorstep::core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep::core::id::{CommandId, CustomerId, ItemId, OrderId, RestaurantId, ShardId};
use doorstep::core::log::{Batch, Cause, Decision, Writer};
use doorstep::core::money::{Currency, Money};
use doorstep::core::payment::{Answer, Reply, Step};
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::shard::{Command, Event, Outcome, RestaurantAct, Shard, Wish};
use doorstep::core::time::{Span, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_768_500_000);
const ORDERS: u32 = 20_000;

fn decided(shard: &Shard, id: u128, command: &Command) -> Batch<Event, Outcome> {
    let id = CommandId::new(id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let cause = Cause { id, issued_at: NOW, digest: 0 };
    let Ok(Decision::Commit { events, outcome }) = shard.decide(command, Some(&cause), NOW) else {
        panic!("{command:?} is not taken")
    };
    let (epoch, writer, seq) = (1, Writer::new(1), 0);
    let (cause, outcome) = (Some(cause), Some(outcome));
    Batch { epoch, writer, seq, at: NOW, cause, inbox: None, events, outcome }
}

fn wish(customer: u32) -> Command {
    let line = |item: u32| CartLine {
        item: ItemId::from(item),
        quantity: 1,
        choices: vec![],
        unit_price: None,
    };
    Command::Checkout(Box::new(Wish {
        customer: CustomerId::from(customer),
        cart: Cart { restaurant: RestaurantId::from(1), lines: vec![line(1), line(2)] },
        drop_off: LatLng::new(4.8245, -75.6880).expect("it is a place"),
        promised: None,
    }))
}

/// A shard with a restaurant and its orders, each waiting to be accepted; and the last one's id.
fn city() -> (Shard, OrderId) {
    let eur = Currency::new("EUR").expect("it is one");
    let mut shard = Shard::new(ShardId::default(), Policy::new(eur));
    let item = |number: u32| Item {
        id: ItemId::from(number),
        name: "ajiaco".into(),
        price: Money::new(900, eur),
        available: true,
        option_groups: vec![],
    };
    let put = Command::Catalog(Catalog::Put(Restaurant {
        id: RestaurantId::from(1),
        position: LatLng::new(4.8133, -75.6961).expect("it is a place"),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu {
            categories: vec![Category { name: "soups".into(), items: vec![item(1), item(2)] }],
        },
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    }));
    let mut last = OrderId::from(0_u32);
    let mut id = 0;
    let mut carry_out = |shard: &mut Shard, command: &Command| {
        id = u128::wrapping_add(id, 1);
        let batch = decided(shard, id, command);
        shard.apply(&batch).expect("it was just decided");
        batch.outcome
    };
    carry_out(&mut shard, &put);
    for customer in 1..=ORDERS {
        let outcome = carry_out(&mut shard, &wish(customer));
        let Some(Outcome::CheckoutOpened { order, .. }) = outcome else { panic!("{outcome:?}") };
        let answer = Answer::Done { until: None };
        let reply = Reply { step: Step::Hold, attempt: 1, answer };
        carry_out(&mut shard, &Command::Reply { order, reply });
        last = order;
    }
    (shard, last)
}

fn shard(criterion: &mut Criterion) {
    let (shard, order) = city();
    for (name, command) in [
        ("a checkout", wish(ORDERS + 1)),
        (
            "a restaurant accepts",
            Command::Restaurant { order, act: RestaurantAct::Accept { ready_at: None } },
        ),
        ("a deadline that is not due", Command::Tick),
    ] {
        criterion.bench_function(&format!("shard/decide: {name}"), |bench| {
            bench.iter(|| black_box(decided(&shard, 1 << 64, black_box(&command))));
        });
    }
    criterion.bench_function("shard/a city of 20,000 live orders comes to be", |bench| {
        bench.iter(|| black_box(city()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = shard
}
criterion_main!(benches);
