//! Single acts of a flash sale: in the form that threads share, and in the plain one that a shard or a
//! service with its own database decides by.

#![allow(missing_docs, reason = "criterion's own functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that fails is to end")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use doorstep::core::flash_sale::sale::{Answer, Command};
use doorstep::core::flash_sale::shared::{Claimed, Config};
use doorstep::core::flash_sale::{HoldId, Rules, Sale, SharedSale};
use doorstep::core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_768_500_000);
const STOCK: u32 = 10_000;

fn empty() -> Sale<u64> {
    Sale::new(Rules::new(STOCK, NOW).expect("they are sound"))
}

fn shared(stored: &Sale<u64>) -> SharedSale<u64> {
    SharedSale::open(stored, Config::default()).expect("it can be shared")
}

/// A person's number, scattered as ids are.
const fn person(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn held(sale: &SharedSale<u64>, who: u64) -> HoldId {
    match sale.claim(who, 1, NOW) {
        Ok(Claimed::Held { hold, .. }) => hold,
        other => panic!("{other:?}"),
    }
}

/// All units held, or sold.
fn taken(sold: bool) -> SharedSale<u64> {
    let sale = shared(&empty());
    for number in 0..u64::from(STOCK) {
        let hold = held(&sale, person(number));
        if sold {
            sale.pay(&person(number), hold, NOW).expect("it is held");
        }
    }
    sale
}

fn in_common(criterion: &mut Criterion) {
    criterion.bench_function("flash_sale/shared: a unit held and given back", |bench| {
        let (sale, mut number) = (shared(&empty()), 0_u64);
        bench.iter(|| {
            number = number.wrapping_add(1);
            let hold = held(&sale, person(number));
            let given = sale.release(&person(number), hold, NOW);
            if number.is_multiple_of(100_000) {
                black_box(sale.drain());
            }
            black_box(given)
        });
    });
    for (name, sold) in [("every unit is held", false), ("sold out", true)] {
        criterion.bench_function(&format!("flash_sale/shared: {name}"), |bench| {
            let (sale, mut number) = (taken(sold), u64::from(STOCK));
            bench.iter(|| {
                number = number.wrapping_add(1);
                black_box(sale.claim(person(number), 1, NOW))
            });
        });
    }
    criterion.bench_function("flash_sale/shared: a retry", |bench| {
        let (sale, mut number) = (taken(false), 0_u64);
        bench.iter(|| {
            number = number.wrapping_add(1).checked_rem(u64::from(STOCK)).unwrap_or_default();
            black_box(sale.claim(person(number), 1, NOW))
        });
    });
    criterion.bench_function("flash_sale/shared: 10,000 holds drained", |bench| {
        bench.iter_batched(|| taken(false), |sale| sale.drain().len(), BatchSize::PerIteration);
    });
}

/// Everybody up to `people` claims and pays; how many bought.
fn whole_sale(people: u64) -> usize {
    let mut sale = empty();
    let mut ask = |command: Command<u64>| {
        let decided = sale.decide(&command, NOW).ok()?;
        for event in &decided.events {
            sale.evolve(event, NOW).expect("it was just decided");
        }
        Some(decided.answer)
    };
    let mut bought: usize = 0;
    for user in (0..people).map(person) {
        if let Some(Answer::Held { hold, .. }) = ask(Command::Claim { user, nth: 1 }) {
            let paid = ask(Command::Pay { user, hold });
            bought = bought.saturating_add(usize::from(paid == Some(Answer::Sold { hold })));
        }
    }
    bought
}

fn plain(criterion: &mut Criterion) {
    criterion.bench_function("flash_sale/plain: 200 units and 20,000 people", |bench| {
        let mut sale = Sale::<u64>::new(Rules::new(200, NOW).expect("they are sound"));
        bench.iter(|| {
            let mut refused: usize = 0;
            for user in (0..20_000).map(person) {
                match sale.decide(&Command::Claim { user, nth: 1 }, NOW) {
                    Ok(decided) => decided.events.iter().for_each(|event| {
                        sale.evolve(event, NOW).expect("it was just decided");
                    }),
                    Err(_) => refused = refused.saturating_add(1),
                }
            }
            black_box(refused)
        });
    });
    criterion.bench_function("flash_sale/plain: 10,000 units claimed and paid", |bench| {
        bench.iter(|| black_box(whole_sale(u64::from(STOCK))));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = in_common, plain
}
criterion_main!(benches);
