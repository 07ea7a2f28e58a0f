//! The atomics and locks of the shared sale, in every interleaving that `loom` finds.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
//!     cargo test -p doorstep-core --release --test loom_sale
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that goes wrong fails")]

use doorstep_core::flash_sale::shared::{Claimed, Config, Drained, Paid, Refusal};
use doorstep_core::flash_sale::{HoldId, Rules, Sale, SharedSale};
use doorstep_core::time::{Span, Timestamp};
use loom::sync::Arc;
use loom::thread;

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

fn later() -> Timestamp {
    T0.saturating_add(Span::from_mins(5))
}

type Shared = Arc<SharedSale<u32>>;

fn open(stock: u32) -> (Sale<u32>, Shared) {
    let stored = Sale::new(Rules::new(stock, T0).unwrap());
    let config = Config { stripes: 2, journal_max: 64 };
    let sale = SharedSale::open(&stored, config).unwrap();
    (stored, Arc::new(sale))
}

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    // Every interleaving with at most so many switches away from a thread that could go on.
    model.preemption_bound = Some(3);
    model.check(body);
}

/// Applies the journal to the plain sale, which refuses what cannot follow.
fn store(stored: &mut Sale<u32>, journal: Vec<Drained<u32>>) {
    for entry in journal {
        stored.evolve(&entry.event, entry.at).unwrap();
    }
}

fn agree(stored: &Sale<u32>, sale: &Shared) {
    assert_eq!((stored.available(), stored.sold()), (sale.available(), sale.sold()));
}

fn held(sale: &Shared, user: u32, now: Timestamp) -> Option<HoldId> {
    match sale.claim(user, 1, now) {
        Ok(Claimed::Held { hold, .. }) => Some(hold),
        Err(Refusal::AllHeld { .. } | Refusal::SoldOut) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_two_who_want_the_last_unit_one_gets_it() {
    model(|| {
        let (mut stored, sale) = open(1);
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || held(&other, 1, T0));
        let here = held(&sale, 2, T0);
        let there = there.join().unwrap();
        assert!(here.is_some() != there.is_some());
        store(&mut stored, sale.drain());
        agree(&stored, &sale);
    });
}

#[test]
fn two_claims_of_one_person_are_one_hold() {
    model(|| {
        let (mut stored, sale) = open(2);
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || held(&other, 1, T0));
        let here = held(&sale, 1, T0);
        assert_eq!(here, there.join().unwrap());
        assert_eq!(sale.available(), 1);
        store(&mut stored, sale.drain());
        agree(&stored, &sale);
    });
}

#[test]
fn a_unit_given_back_is_taken_after_it_in_the_journal_too() {
    model(|| {
        let (mut stored, sale) = open(1);
        let hold = held(&sale, 1, T0).unwrap();
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || {
            other.release(&1, hold, T0).unwrap();
        });
        let here = held(&sale, 2, T0);
        // In the middle of it all: a prefix that can follow.
        store(&mut stored, sale.drain());
        there.join().unwrap();
        store(&mut stored, sale.drain());
        agree(&stored, &sale);
        assert_eq!(here.is_some(), sale.available() == 0);
        assert!(here.is_some() || held(&sale, 2, T0).is_some(), "it is not lost");
    });
}

#[test]
fn of_a_payment_and_a_deadline_one_wins_and_nobody_pays_for_nothing() {
    model(|| {
        let (mut stored, sale) = open(1);
        let hold = held(&sale, 1, T0).unwrap();
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || held(&other, 2, later()));
        let paid = sale.pay(&1, hold, later()).unwrap();
        let there = there.join().unwrap();
        assert_eq!(paid == Paid::Sold, there.is_none());
        assert_eq!(sale.pay(&1, hold, later()), Ok(paid), "redelivered");
        store(&mut stored, sale.drain());
        agree(&stored, &sale);
    });
}

#[test]
fn a_deadline_that_comes_up_while_others_are_looked_at_is_not_forgotten() {
    model(|| {
        let (_, sale) = open(2);
        held(&sale, 1, T0).unwrap();
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || held(&other, 2, T0).unwrap());
        sale.expire(T0);
        there.join().unwrap();
        // Both holds have lapsed: whoever asks finds a unit, and no timer is needed for it.
        assert!(held(&sale, 3, later()).is_some());
        assert!(held(&sale, 4, later()).is_some());
    });
}

#[test]
fn the_only_deadline_is_known_though_it_comes_up_while_none_is_found() {
    model(|| {
        let (_, sale) = open(1);
        let other = Arc::clone(&sale);
        let there = thread::spawn(move || held(&other, 1, T0).unwrap());
        sale.expire(T0);
        there.join().unwrap();
        assert!(held(&sale, 2, later()).is_some());
    });
}
