//! Twenty thousand people on two hundred units, from many threads, with retries, deadlines, and a
//! process that dies again and again.
#![expect(clippy::disallowed_methods, reason = "threads are the subject")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use super::*;

const PEOPLE: u32 = 20_000;
const STOCK: u32 = 200;
const THREADS: u32 = 8;

/// `SplitMix64`: a stream of draws from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// What the provider took money for, by person and hold, and what the sale said to it.
type Money = BTreeMap<(u32, HoldId), Option<Paid>>;

/// What the threads of one life of the process did.
struct Life<'a> {
    sale: &'a SharedSale<u32>,
    /// Milliseconds since [`T0`]; it moves as people act.
    clock: &'a AtomicU64,
    dies: &'a AtomicBool,
}

impl Life<'_> {
    fn now(&self) -> Timestamp {
        let ms = self.clock.fetch_add(1, Ordering::Relaxed);
        T0.saturating_add(Span::from_millis(ms))
    }

    /// One thread's people, in random order, each claiming, retrying, paying, giving back, waiting
    /// too long, or vanishing between two steps.
    fn crowd(&self, mut draws: Draws, owed: &[(u32, HoldId)]) -> Money {
        let mut money = Money::new();
        for &(user, hold) in owed {
            // Delivered again by the provider, who never heard an answer.
            money.insert((user, hold), self.sale.pay(&user, hold, self.now()).ok());
        }
        let mut sold_out = 0;
        while sold_out < 2_000 && !self.dies.load(Ordering::Relaxed) {
            let user = u32::try_from(draws.below(u64::from(PEOPLE))).unwrap();
            let hold = match self.sale.claim(user, 1, self.now()) {
                Ok(Claimed::Held { hold, .. }) => hold,
                Ok(Claimed::Sold { .. }) => continue,
                Err(Refusal::SoldOut) => {
                    assert_eq!(self.sale.sold(), STOCK, "sold out is final");
                    sold_out += 1;
                    continue;
                }
                Err(Refusal::AllHeld { .. } | Refusal::Behind) => continue,
                Err(other) => panic!("{other}"),
            };
            if draws.below(3) == 0
                && let Ok(Claimed::Held { hold: again, until }) =
                    self.sale.claim(user, 1, self.now())
            {
                // Another of this person's threads may have ended it meanwhile.
                assert!(again >= hold && until > T0);
            }
            match draws.below(10) {
                // Vanishes; the deadline will come.
                0..=2 => {}
                3..=4 => drop(self.sale.release(&user, hold, self.now())),
                // Pays, perhaps too late, perhaps twice.
                late => {
                    if late == 5 {
                        self.clock.fetch_add(HOLD.as_millis() / 2, Ordering::Relaxed);
                    }
                    let told = self.sale.pay(&user, hold, self.now()).ok();
                    money.insert((user, hold), told);
                    if draws.below(4) == 0
                        && let Ok(again) = self.sale.pay(&user, hold, self.now())
                    {
                        assert_eq!(told, Some(again), "one truth a payment");
                    }
                }
            }
        }
        money
    }
}

fn one_sale(seed: u64) {
    let mut draws = Draws(seed);
    let mut stored = Sale::new(rules(STOCK));
    let clock = AtomicU64::new(0);
    // Payments that the provider made and of which it has no stored answer.
    let mut owed: Vec<(u32, HoldId)> = Vec::new();
    let mut settled: BTreeMap<(u32, HoldId), Paid> = BTreeMap::new();
    for life in 0.. {
        assert!(life < 60, "the sale comes to its end");
        let stripes = 1 << draws.below(7);
        let config = Config { stripes, journal_max: 1 << 16 };
        let sale = SharedSale::open(&stored, config).unwrap();
        let dies = AtomicBool::new(false);
        let life = Life { sale: &sale, clock: &clock, dies: &dies };
        let (mut unstored, mut told) = (Vec::new(), Money::new());
        let lives_for = draws.below(40);
        thread::scope(|scope| {
            let chunk = owed.len().div_ceil(THREADS as usize).max(1);
            let mut parts = owed.chunks(chunk);
            let threads: Vec<_> = (0..THREADS)
                .map(|_| (Draws(draws.below(u64::MAX)), parts.next().unwrap_or(&[])))
                .map(|(draws, owed)| scope.spawn(|| life.crowd(draws, owed)))
                .collect();
            // The journal's keeper, which dies with the process at a random moment.
            for round in 0.. {
                let journal = sale.drain();
                if round >= lives_for && sale.sold() < STOCK {
                    unstored = journal;
                    break;
                }
                store(&mut stored, journal);
                if threads.iter().all(thread::ScopedJoinHandle::is_finished) {
                    break;
                }
                thread::yield_now();
            }
            dies.store(true, Ordering::Relaxed);
            for thread in threads {
                told.extend(thread.join().unwrap());
            }
        });
        if unstored.is_empty() {
            // It ended by itself: everything is stored.
            store(&mut stored, sale.drain());
        }
        // What was said counts only if it is stored.
        owed.clear();
        for ((user, hold), said) in told {
            let held = stored.hold(hold).filter(|held| held.user == user);
            let sold = held.is_some_and(|held| held.state == HoldState::Sold);
            let back = stored.refunds().any(|(id, owner)| id == hold && *owner == user);
            match (sold, back) {
                (true, false) => {
                    assert!(settled.insert((user, hold), Paid::Sold) != Some(Paid::RefundDue));
                }
                (false, true) => {
                    assert!(settled.insert((user, hold), Paid::RefundDue) != Some(Paid::Sold));
                }
                (false, false) => {
                    assert!(!unstored.is_empty() || said.is_none(), "said, stored, and gone");
                    owed.push((user, hold));
                }
                (true, true) => panic!("sold and paid back"),
            }
        }
        let json = serde_json::to_string(&stored).unwrap();
        stored = serde_json::from_str(&json).unwrap();
        if stored.is_sold_out() && owed.is_empty() {
            break;
        }
    }
    assert_eq!((stored.available(), stored.held(), stored.sold()), (0, 0, STOCK));
    let mut buyers: Vec<u32> = stored.holds().map(|(_, hold)| hold.user).collect();
    buyers.sort_unstable();
    buyers.dedup();
    assert_eq!(buyers.len(), 200, "no person twice");
    let sold = settled.values().filter(|paid| **paid == Paid::Sold).count();
    assert_eq!(sold, 200, "each unit was paid for, once");
    let back = settled.values().filter(|paid| **paid == Paid::RefundDue).count();
    assert_eq!(stored.refunds().count(), back, "whoever got nothing gets the money back");
}

#[test]
fn two_hundred_units_are_sold_to_two_hundred_people_whatever_dies() {
    (0..3).for_each(one_sale);
}

#[test]
#[ignore = "a minute"]
fn a_hundred_crowds_buy_two_hundred_units_each() {
    (0..100).for_each(one_sale);
}
