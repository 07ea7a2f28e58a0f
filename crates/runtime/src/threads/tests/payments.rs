use std::collections::BTreeMap;

use doorstep_core::payment::{Answer, Effect, EffectKey, Payment};
use doorstep_core::shard::Event;

use super::*;
use crate::effects::{EffectConfig, EffectRunner};
use crate::ports::{Fault, Word};

/// A provider that carries out what it is asked once a key, behind a gate.
#[derive(Default)]
struct Bank {
    gate: Gate,
    book: Mutex<BTreeMap<EffectKey, Answer>>,
    /// What the next calls do instead.
    mishaps: Mutex<Vec<Mishap>>,
}

#[derive(Clone, Copy)]
enum Mishap {
    Fails,
    Panics,
}

impl Bank {
    fn mishap(&self) -> Result<(), Fault> {
        match self.mishaps.lock().pop() {
            Some(Mishap::Fails) => Err("the connection was reset".into()),
            Some(Mishap::Panics) => panic!("a defect in the provider's client"),
            None => Ok(()),
        }
    }
}

impl BlockingPayments for Bank {
    fn request(&self, effect: &Effect) -> Result<Answer, Fault> {
        self.gate.pass();
        self.mishap()?;
        let until = Some(NOW.saturating_add(Span::from_hours(1)));
        Ok(*self.book.lock().entry(effect.key()).or_insert(Answer::Done { until }))
    }

    fn inquire(&self, key: EffectKey) -> Result<Word, Fault> {
        self.gate.pass();
        self.mishap()?;
        Ok(self.book.lock().get(&key).map_or(Word::NeverHeard, |answer| Word::Definite(*answer)))
    }
}

fn hold(order: u32) -> Effect {
    let order = OrderId::from(order);
    let total = Money::new(900, Currency::new("EUR").unwrap());
    Effect { order, due: Payment::new(total).due().unwrap() }
}

fn pool(bank: &Arc<Bank>, threads: usize, under_way_max: usize, bell: &Bell) -> PaymentWorkers {
    let config = WorkersConfig { threads, under_way_max };
    PaymentWorkers::start(Arc::clone(bank), config, bell.clone()).unwrap()
}

/// Steps until every one of `orders` was replied to, each once.
fn run(runner: &mut EffectRunner, pool: &mut PaymentWorkers, orders: usize) {
    let (gauge, mut now, mut replied) = (pool.gauge(), NOW, Vec::new());
    let late = Instant::now().checked_add(PATIENCE).unwrap();
    while replied.len() < orders {
        assert!(Instant::now() < late, "{replied:?}");
        for (order, reply) in runner.step(pool, now) {
            assert!(matches!(reply.answer, Answer::Done { .. }));
            assert!(!replied.contains(&order));
            replied.push(order);
            runner.offer(order, None).unwrap();
        }
        // Time passes only while nothing is under way.
        if gauge.under_way() == 0 {
            now = now.saturating_add(Span::from_secs(1));
        } else {
            std::thread::yield_now();
        }
    }
    assert_eq!(gauge.under_way(), 0);
}

#[test]
fn a_slow_provider_does_not_hold_the_writer_up() {
    let (bank, bell) = (Arc::new(Bank::default()), Bell::new());
    let pool = pool(&bank, 2, 16, &bell);
    let gauge = pool.gauge();
    let town = Town::open(config(1), MemoryLog::new(), pool, bell);
    let mut heard = town.running.subscribe(1_000).unwrap();
    let order = town.order();
    bank.gate.wait_for_arrivals(1);
    for n in 10..100 {
        assert_eq!(town.ask(u128::from(n), admit(n)), DONE);
    }
    assert_eq!(gauge.tally().answers, 0, "the provider has still not spoken");
    bank.gate.open();
    // Nobody sends anything: the pool's ring brings the answer in.
    loop {
        match heard.wait(PATIENCE) {
            Some(Heard::Batch(batch)) => {
                let became =
                    |event: &Event| matches!(event, Event::Order { order: id, .. } if *id == order);
                if batch.events.iter().any(became) {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let host = town.running.shutdown(NOW).unwrap();
    assert!(host.shard().order(order).is_some());
    assert_eq!(gauge.tally().dropped, 0);
}

#[test]
fn calls_beyond_the_bound_are_dropped_and_made_good_by_asking() {
    let (bank, bell) = (Arc::new(Bank::default()), Bell::new());
    let mut pool = pool(&bank, 1, 1, &bell);
    let gauge = pool.gauge();
    let mut runner = EffectRunner::new(EffectConfig::default());
    for order in 1..=5 {
        runner.offer(OrderId::from(order), Some(hold(order))).unwrap();
    }
    assert!(runner.step(&mut pool, NOW).is_empty());
    bank.gate.wait_for_arrivals(1);
    assert_eq!((gauge.under_way(), gauge.tally().dropped), (1, 4));
    bank.gate.open();
    run(&mut runner, &mut pool, 5);
    assert_eq!(bank.book.lock().len(), 5);
    assert!(gauge.tally().inquiries > 0);
}

#[test]
fn calls_that_fail_or_panic_are_asked_for_again() {
    let (bank, bell) = (Arc::new(Bank::default()), Bell::new());
    bank.gate.open();
    *bank.mishaps.lock() = vec![Mishap::Fails, Mishap::Panics, Mishap::Panics, Mishap::Fails];
    let mut pool = pool(&bank, 2, 16, &bell);
    let gauge = pool.gauge();
    let mut runner = EffectRunner::new(EffectConfig::default());
    for order in 1..=3 {
        runner.offer(OrderId::from(order), Some(hold(order))).unwrap();
    }
    run(&mut runner, &mut pool, 3);
    assert_eq!((gauge.tally().failures, gauge.tally().panics), (2, 2));
}

#[test]
fn a_pool_is_dropped_without_waiting_for_the_provider() {
    let (bank, bell) = (Arc::new(Bank::default()), Bell::new());
    let mut pool = pool(&bank, 1, 16, &bell);
    let gauge = pool.gauge();
    for order in 1..=3 {
        pool.request(&hold(order), NOW);
    }
    bank.gate.wait_for_arrivals(1);
    drop(pool);
    assert_eq!(gauge.under_way(), 1, "what waited is gone");
    bank.gate.open();
}
