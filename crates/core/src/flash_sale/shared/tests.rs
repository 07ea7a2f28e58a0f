//! The shared form alone, against the plain sale, and under many threads.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that goes wrong fails"
)]

mod crowd;

use proptest::prelude::*;

use super::*;
use crate::flash_sale::Rules;
use crate::flash_sale::sale::{self, Answer, Command};

const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HOLD: Span = Span::from_secs(60);

fn at(secs: u64) -> Timestamp {
    T0.saturating_add(Span::from_secs(secs))
}

fn rules(stock: u32) -> Rules {
    Rules { hold_for: HOLD, ..Rules::new(stock, T0).unwrap() }
}

fn shared(stock: u32) -> (Sale<u32>, SharedSale<u32>) {
    let stored = Sale::new(rules(stock));
    let shared = SharedSale::open(&stored, Config::default()).unwrap();
    (stored, shared)
}

/// Applies a journal to the stored sale, which has the last word on whether it can follow.
#[track_caller]
fn store<U: Clone + Ord + core::fmt::Debug>(stored: &mut Sale<U>, journal: Vec<Drained<U>>) {
    for entry in journal {
        let evolved = stored.evolve(&entry.event, entry.at);
        assert_eq!(evolved, Ok(()), "{entry:?}");
        let units = stored.available() + stored.held() + stored.sold();
        assert_eq!(units, stored.rules().stock);
    }
}

fn ticks(plain: &mut Sale<u32>, now: Timestamp) {
    while plain.next_deadline().is_some_and(|at| at <= now) {
        let decided = plain.decide(&Command::Tick, now).unwrap();
        decided.events.iter().for_each(|event| plain.evolve(event, now).unwrap());
    }
}

#[track_caller]
fn held(sale: &SharedSale<u32>, user: u32, now: Timestamp) -> HoldId {
    match sale.claim(user, 1, now) {
        Ok(Claimed::Held { hold, .. }) => hold,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_duplicate_claim_does_not_decrement() {
    let (mut stored, sale) = shared(2);
    let hold = held(&sale, 1, T0);
    assert_eq!(held(&sale, 1, at(59)), hold);
    assert_eq!(sale.available(), 1);
    assert_eq!(sale.pay(&1, hold, at(59)), Ok(Paid::Sold));
    assert_eq!(sale.claim(1, 1, at(600)), Ok(Claimed::Sold { hold }));
    assert_eq!((sale.available(), sale.sold()), (1, 1));
    store(&mut stored, sale.drain());
    assert_eq!((stored.available(), stored.sold()), (1, 1));
}

#[test]
fn sold_out_is_said_when_all_is_sold_and_a_lapsed_hold_keeps_nobody_out() {
    let (mut stored, sale) = shared(1);
    let first = held(&sale, 1, T0);
    let all_held = Err(Refusal::AllHeld { next: Some(at(60)) });
    for user in [2, 2, 3] {
        // The first who asks finds out when the next hold ends.
        let told = sale.claim(user, 1, at(1));
        assert!(told == all_held || told == Err(Refusal::AllHeld { next: None }), "{told:?}");
    }
    let second = held(&sale, 2, at(60));
    assert_eq!(sale.pay(&1, first, at(60)), Ok(Paid::RefundDue));
    assert_eq!(sale.pay(&1, first, at(61)), Ok(Paid::RefundDue), "redelivered");
    assert_eq!(sale.pay(&2, second, at(61)), Ok(Paid::Sold));
    assert_eq!(sale.claim(3, 1, at(62)), Err(Refusal::SoldOut));
    assert_eq!(sale.claim(1, 1, at(62)), Err(Refusal::SoldOut));
    assert_eq!(sale.expire(at(9_999)), 0, "nothing takes away what is sold");
    store(&mut stored, sale.drain());
    assert_eq!(stored.refunds().collect::<Vec<_>>(), [(first, &1)]);
}

#[test]
fn release_gives_back_exactly_the_unit_it_took() {
    let (mut stored, sale) = shared(1);
    let hold = held(&sale, 1, T0);
    assert_eq!(sale.release(&2, hold, T0), Err(Refusal::NoSuchHold), "somebody else's");
    assert_eq!(sale.release(&1, HoldId(u64::MAX), T0), Err(Refusal::NoSuchHold));
    assert_eq!(sale.release(&1, hold, T0), Ok(true));
    assert_eq!(sale.release(&1, hold, T0), Ok(false));
    assert_eq!(sale.available(), 1);
    let again = held(&sale, 1, T0);
    assert_eq!(sale.release(&1, hold, T0), Ok(false), "an old release");
    assert_eq!(sale.pay(&1, again, T0), Ok(Paid::Sold));
    assert_eq!(sale.release(&1, again, T0), Err(Refusal::AlreadySold));
    store(&mut stored, sale.drain());
}

#[test]
fn nobody_pays_with_somebody_elses_hold_wherever_it_lies() {
    // Holds of a plain sale, whose numbers say nothing, and of the shared one.
    let mut stored = Sale::new(rules(300));
    for user in 0..100 {
        let decided = stored.decide(&Command::Claim { user, nth: 1 }, T0).unwrap();
        decided.events.iter().for_each(|event| stored.evolve(event, T0).unwrap());
    }
    let sale = SharedSale::open(&stored, Config { stripes: 4, ..Config::default() }).unwrap();
    for user in 100..200 {
        held(&sale, user, T0);
    }
    store(&mut stored, sale.drain());
    let holds: Vec<_> = stored.holds().map(|(id, hold)| (id, hold.user)).collect();
    for &(hold, owner) in &holds {
        for thief in (0..230).filter(|thief| *thief != owner) {
            assert_eq!(sale.pay(&thief, hold, T0), Err(Refusal::NoSuchHold));
            assert_eq!(sale.release(&thief, hold, T0), Err(Refusal::NoSuchHold));
        }
    }
    for (hold, owner) in holds {
        assert_eq!(sale.pay(&owner, hold, T0), Ok(Paid::Sold));
    }
    store(&mut stored, sale.drain());
    assert_eq!((stored.sold(), stored.refunds().count()), (200, 0));
    // A hold that ended before the restart is whose payment comes first.
    let mut stored = Sale::new(rules(1));
    let sale = SharedSale::open(&stored, Config::default()).unwrap();
    let hold = held(&sale, 1, T0);
    assert_eq!(sale.release(&1, hold, T0), Ok(true));
    store(&mut stored, sale.drain());
    let sale = SharedSale::open(&stored, Config::default()).unwrap();
    assert_eq!(sale.release(&2, hold, T0), Ok(false));
    assert_eq!(sale.pay(&1, hold, T0), Ok(Paid::Sold));
    assert_eq!(sale.pay(&2, hold, T0), Err(Refusal::NoSuchHold));
    store(&mut stored, sale.drain());
}

#[test]
fn a_full_journal_stops_whatever_would_write_and_forgets_nothing() {
    let mut stored = Sale::new(rules(10));
    let config = Config { stripes: 1, journal_max: 3 };
    let sale = SharedSale::open(&stored, config).unwrap();
    let hold = held(&sale, 1, T0);
    held(&sale, 2, T0);
    assert_eq!(sale.claim(3, 1, T0), Err(Refusal::Behind));
    assert_eq!(sale.pay(&1, hold, T0), Err(Refusal::Behind));
    assert_eq!(sale.release(&1, hold, T0), Err(Refusal::Behind));
    assert_eq!(held(&sale, 1, T0), hold, "what writes nothing goes on");
    assert_eq!(sale.expire(at(60)), 0);
    assert_eq!(sale.available(), 8);
    store(&mut stored, sale.drain());
    assert_eq!(sale.pay(&1, hold, T0), Ok(Paid::Sold));
    assert_eq!(sale.next_deadline(), Some(at(60)));
    assert_eq!(sale.expire(at(60)), 1);
    store(&mut stored, sale.drain());
    assert_eq!((stored.available(), stored.sold()), (9, 1));
}

#[test]
fn only_what_the_shared_form_can_carry_is_shared() {
    let open = |sale: &Sale<u32>, config| SharedSale::open(sale, config).map(|_| ()).unwrap_err();
    let mut sale = Sale::new(rules(1));
    for stripes in [0, 3, 1 << 17] {
        let config = Config { stripes, ..Config::default() };
        assert_eq!(open(&sale, config), CannotShare::Layout);
    }
    assert_eq!(open(&sale, Config { stripes: 64, journal_max: 127 }), CannotShare::Layout);
    let gated = Rules { admission: Some(super::super::Admission::new(1, 1)), ..rules(1) };
    assert_eq!(open(&Sale::new(gated), Config::default()), CannotShare::HasALine);
    let mut does = |command: Command<u32>| {
        let decided = sale.decide(&command, T0).unwrap();
        decided.events.iter().for_each(|event| sale.evolve(event, T0).unwrap());
        (sale.clone(), decided.answer)
    };
    let (_, Answer::Held { hold, .. }) = does(Command::Claim { user: 1, nth: 1 }) else { panic!() };
    let (line, _) = does(Command::Join { user: 2 });
    assert_eq!(open(&line, Config::default()), CannotShare::HasALine);
    does(Command::Leave { user: 2 });
    let (paying, _) = does(Command::StartPayment { user: 1, hold });
    assert_eq!(open(&paying, Config::default()), CannotShare::Paying);
    let (closed, _) = does(Command::Close);
    assert_eq!(open(&closed, Config::default()), CannotShare::Closed);
}

#[derive(Clone, Debug)]
enum Wished {
    Claim(u32, u32),
    Pay(usize),
    Release(usize),
    Expire,
    Drain,
    /// Stored, gone, opened again.
    Restart,
}

fn wished() -> impl Strategy<Value = Wished> {
    prop_oneof![
        8 => (0..12_u32, 1..3_u32).prop_map(|(user, nth)| Wished::Claim(user, nth)),
        4 => any::<usize>().prop_map(Wished::Pay),
        4 => any::<usize>().prop_map(Wished::Release),
        2 => Just(Wished::Expire),
        1 => Just(Wished::Drain),
        1 => Just(Wished::Restart),
    ]
}

proptest! {
    /// One thread: the shared form says what the plain sale says.
    #[test]
    fn it_decides_as_the_plain_sale_does(
        stock in 1..6_u32, per_user in 1..3_u32, stripes in 0..4_u32,
        history in proptest::collection::vec((wished(), 0..20_u64), 0..150),
    ) {
        let config = Config { stripes: 1 << stripes, ..Config::default() };
        let mut plain = Sale::new(Rules { per_user, ..rules(stock) });
        let mut stored = plain.clone();
        let mut sale = SharedSale::open(&stored, config).unwrap();
        let mut now = T0;
        // The holds as each of the two names them.
        let mut given: Vec<(u32, HoldId, HoldId)> = Vec::new();
        for (wished, wait) in history {
            now = now.saturating_add(Span::from_secs(wait));
            if per_user > 1 {
                // Which of a person's units a late payment is for depends on who ended what when.
                sale.expire(now);
                ticks(&mut plain, now);
            }
            let mut ask = |command| {
                let decided = plain.decide(&command, now)?;
                decided.events.iter().for_each(|event| plain.evolve(event, now).unwrap());
                Ok::<_, sale::Refusal>(decided.answer)
            };
            let that = |at: usize| given.get(at.checked_rem(given.len()).unwrap_or(0)).copied();
            match wished {
                Wished::Claim(user, nth) => {
                    let expected = ask(Command::Claim { user, nth });
                    match (sale.claim(user, nth, now), expected) {
                        (Ok(Claimed::Held { hold, until }), Ok(Answer::Held { hold: other, until: then })) => {
                            prop_assert_eq!(until, then);
                            if !given.contains(&(user, hold, other)) {
                                given.push((user, hold, other));
                            }
                        }
                        (Ok(Claimed::Sold { hold }), Ok(Answer::Sold { hold: other })) => {
                            prop_assert!(given.contains(&(user, hold, other)));
                        }
                        (Err(Refusal::SoldOut), Err(sale::Refusal::SoldOut))
                        | (Err(Refusal::AllHeld { .. }), Err(sale::Refusal::AllHeld { .. }))
                        | (Err(Refusal::OverLimit { .. }), Err(sale::Refusal::OverLimit { .. })) => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Wished::Pay(at) => {
                    let Some((user, hold, other)) = that(at) else { continue };
                    let expected = match ask(Command::Pay { user, hold: other }).unwrap() {
                        Answer::Sold { .. } => Paid::Sold,
                        Answer::RefundDue { .. } => Paid::RefundDue,
                        other => panic!("{other:?}"),
                    };
                    prop_assert_eq!(sale.pay(&user, hold, now), Ok(expected));
                }
                Wished::Release(at) => {
                    let Some((user, hold, other)) = that(at) else { continue };
                    let expected = ask(Command::Release { user, hold: other });
                    match (sale.release(&user, hold, now), expected) {
                        (Ok(_), Ok(Answer::Done))
                        | (Err(Refusal::AlreadySold), Err(sale::Refusal::AlreadySold)) => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Wished::Expire => {
                    sale.expire(now);
                    ticks(&mut plain, now);
                    prop_assert_eq!(sale.available(), plain.available());
                    prop_assert_eq!(sale.next_deadline(), plain.next_deadline());
                }
                Wished::Drain => store(&mut stored, sale.drain()),
                Wished::Restart => {
                    store(&mut stored, sale.drain());
                    let json = serde_json::to_string(&stored).unwrap();
                    stored = serde_json::from_str(&json).unwrap();
                    sale = SharedSale::open(&stored, config).unwrap();
                }
            }
            prop_assert_eq!(sale.sold(), plain.sold());
        }
        store(&mut stored, sale.drain());
        prop_assert_eq!(stored.sold(), plain.sold());
        let refunds = |sale: &Sale<u32>| sale.refunds().count();
        prop_assert_eq!(refunds(&stored), refunds(&plain));
    }
}
