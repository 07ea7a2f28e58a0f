//! Line, admission, limits, payment under somebody else's deadline.

use super::*;
use crate::flash_sale::waiting_room;

#[test]
fn a_unit_that_comes_free_goes_to_the_head_of_the_line() {
    let mut counter = Counter::new(rules(2));
    let first = counter.held(1, T0);
    counter.held(2, at(1));
    for (ahead, user) in [3, 4, 5].into_iter().enumerate() {
        assert_eq!(counter.does(&join(user), at(2)), Answer::Waiting { ahead: ahead as u64 });
    }
    assert_eq!(counter.repeats(&join(4), at(3)), Answer::Waiting { ahead: 1 });
    counter.does(&release(1, first), at(10));
    let Standing::Has { hold, state } = counter.sale.standing(&3, 1) else { panic!() };
    assert_eq!(state, HoldState::Reserved { until: at(70) });
    assert_eq!(counter.repeats(&claim(3), at(11)), Answer::Held { hold, until: at(70) });
    assert!(
        matches!(counter.refuses(&claim(9), at(11)), Refusal::AllHeld { .. }),
        "not past the line"
    );
    // Two deadlines in one tick, to the next two.
    counter.does(&Command::Leave { user: 4 }, at(12));
    counter.does(&join(6), at(12));
    counter.ticks(at(70));
    assert_eq!(counter.has(5).len() + counter.has(6).len(), 2);
    assert_eq!(counter.units(), (0, 2, 0));
}

#[test]
fn nobody_waits_for_what_is_there_or_for_what_is_gone() {
    let mut counter = Counter::new(rules(1));
    assert_eq!(counter.refuses(&join(1), T0), Refusal::NoNeedToWait);
    let early = T0.saturating_sub(Span::from_millis(1));
    let not_open = Refusal::NotOpen { opens_at: T0 };
    assert_eq!(counter.refuses(&claim(1), early), not_open);
    assert_eq!(counter.refuses(&join(1), early), not_open);
    let hold = counter.held(1, T0);
    counter.does(&join(2), at(1));
    assert_eq!(counter.repeats(&join(1), at(1)), Answer::Held { hold, until: at(60) });
    counter.does(&pay(1, hold), at(2));
    assert_eq!(counter.sale.room().waiting(), 0, "with the last unit sold everybody goes home");
    assert_eq!(counter.refuses(&join(2), at(3)), Refusal::SoldOut);
    assert_eq!(counter.repeats(&join(1), at(3)), Answer::Sold { hold });
}

#[test]
fn whoever_lets_a_hold_lapse_waits_at_the_end_for_another() {
    let mut counter = Counter::new(rules(1));
    counter.held(1, T0);
    counter.does(&join(2), at(1));
    counter.does(&join(3), at(1));
    assert!(matches!(counter.refuses(&claim(1), at(60)), Refusal::AllHeld { .. }));
    assert_eq!(counter.does(&join(1), at(60)), Answer::Waiting { ahead: 1 });
    assert_eq!((counter.has(2).len(), counter.has(1).len()), (1, 0));
}

#[test]
fn a_person_has_as_many_units_as_the_rules_allow() {
    let mut counter = Counter::new(Rules { per_user: 2, ..rules(5) });
    let nth = |nth| Command::Claim { user: 1, nth };
    assert_eq!(counter.refuses(&nth(0), T0), Refusal::OverLimit { limit: 2 });
    assert_eq!(counter.refuses(&nth(3), T0), Refusal::OverLimit { limit: 2 });
    let Answer::Held { hold: first, .. } = counter.does(&nth(1), T0) else { panic!() };
    let Answer::Held { hold: second, until } = counter.does(&nth(2), T0) else { panic!() };
    assert_ne!(first, second);
    assert_eq!(counter.repeats(&nth(2), T0), Answer::Held { hold: second, until });
    assert_eq!(counter.units(), (3, 2, 0));
    // A late payment takes a slot that is free, whichever.
    counter.does(&release(1, first), at(1));
    assert_eq!(counter.does(&pay(1, first), at(2)), Answer::Sold { hold: first });
    assert_eq!(counter.units(), (3, 1, 1));
}

#[test]
fn a_started_payment_stops_the_clock_until_it_ends_one_way_or_the_other() {
    let mut counter = Counter::new(rules(2));
    let start = |user, hold| Command::StartPayment { user, hold };
    let (first, second) = (counter.held(1, T0), counter.held(2, T0));
    assert_eq!(counter.does(&start(1, first), at(59)), Answer::Paying { hold: first });
    assert_eq!(counter.repeats(&start(1, first), at(61)), Answer::Paying { hold: first });
    assert_eq!(counter.refuses(&start(2, second), at(60)), Refusal::HoldEnded);
    assert_eq!(counter.refuses(&start(2, first), at(60)), Refusal::NotYours);
    counter.ticks(at(1_000));
    assert_eq!(counter.units(), (1, 1, 0));
    assert_eq!(counter.repeats(&claim(1), at(1_000)), Answer::Paying { hold: first });
    assert_eq!(counter.does(&pay(1, first), at(1_001)), Answer::Sold { hold: first });
    assert_eq!(counter.repeats(&start(1, first), at(1_002)), Answer::Sold { hold: first });
    let third = counter.held(3, at(1_002));
    counter.does(&start(3, third), at(1_003));
    counter.does(&release(3, third), at(2_000));
    assert_eq!(counter.units(), (1, 0, 1));
}

#[test]
fn a_closed_sale_gives_nothing_more_but_takes_what_is_owed() {
    let mut counter = Counter::new(rules(3));
    let (first, second) = (counter.held(1, T0), counter.held(2, T0));
    counter.held(3, T0);
    counter.does(&join(4), at(1));
    counter.does(&Command::Close, at(2));
    assert_eq!(counter.repeats(&Command::Close, at(3)), Answer::Done);
    assert_eq!(counter.sale.room().waiting(), 0);
    assert_eq!(counter.refuses(&claim(4), at(3)), Refusal::Closed);
    assert_eq!(counter.refuses(&join(4), at(3)), Refusal::Closed);
    assert_eq!(counter.does(&pay(1, first), at(4)), Answer::Sold { hold: first });
    counter.does(&release(2, second), at(5));
    assert!(!counter.sale.is_over());
    counter.ticks(at(60));
    assert!(counter.sale.is_over());
    assert_eq!(counter.units(), (2, 0, 1));
}

#[test]
fn by_rate_only_those_with_a_pass_may_claim_and_each_pass_is_good_once() {
    let mut counter = Counter::new(gated(2, 3));
    let early = T0.saturating_sub(Span::from_secs(9));
    for user in 0..8 {
        counter.does(&join(user), early);
    }
    assert_eq!(counter.refuses(&claim(0), T0), Refusal::NotAdmitted);
    counter.ticks(T0);
    assert_eq!(counter.sale.room().admitted(), 3, "a round lets three in");
    let place = |counter: &Counter, user| counter.sale.room().place(&user);
    let admitted = |counter: &Counter| -> Vec<u32> {
        let is_in = |user: &u32| matches!(place(counter, *user), Some(Place::Admitted { .. }));
        (0..8).filter(is_in).collect()
    };
    let first = admitted(&counter);
    let (a, b, c) = (first[0], first[1], first[2]);
    let Some(Place::Admitted { until, .. }) = place(&counter, a) else { panic!() };
    assert_eq!(counter.repeats(&join(a), at(1)), Answer::Admitted { until }, "whoever asks again");
    let hold = counter.held(a, at(1));
    counter.held(b, at(1));
    assert_eq!(place(&counter, a), None, "the pass is used");
    // The third comes too late, and stands where it stood: at the head.
    assert_eq!(counter.does(&claim(c), at(1)), Answer::Waiting { ahead: 0 });
    assert_eq!(counter.repeats(&claim(c), at(1)), Answer::Waiting { ahead: 0 });
    counter.ticks(at(5));
    assert_eq!(counter.sale.room().admitted(), 0, "nobody is let in to nothing");
    counter.does(&release(a, hold), at(6));
    assert_eq!(counter.has(c).len(), 1, "the unit goes to the head, whatever the rate");
    assert_eq!(counter.refuses(&claim(a), at(6)), Refusal::NotAdmitted, "joins again, and waits");
}

#[test]
fn late_payments_are_remembered_up_to_a_bound() {
    let mut counter = Counter::new(Rules { people_max: 2, ..rules(1) });
    let mut ended = Vec::new();
    for user in 1..=3 {
        let hold = counter.held(user, T0);
        counter.does(&release(user, hold), T0);
        ended.push(hold);
    }
    counter.held(4, T0);
    for (user, hold) in [(1, ended[0]), (2, ended[1])] {
        assert_eq!(counter.does(&pay(user, hold), T0), Answer::RefundDue { hold });
    }
    assert_eq!(counter.refuses(&pay(3, ended[2]), T0), Refusal::RefundsFull { most: 2 });
    assert_eq!(counter.refuses(&pay(3, ended[0]), T0), Refusal::NotYours);
    assert_eq!(counter.repeats(&pay(1, ended[0]), T0), Answer::RefundDue { hold: ended[0] });
}

#[test]
fn a_line_has_a_bound() {
    let mut counter = Counter::new(Rules { people_max: 2, ..rules(1) });
    counter.held(1, T0);
    counter.does(&join(2), T0);
    counter.does(&join(3), T0);
    assert_eq!(counter.refuses(&join(4), T0), Refusal::RoomFull { most: 2 });
    assert_eq!(counter.repeats(&join(3), T0), Answer::Waiting { ahead: 1 });
}

#[test]
fn an_event_that_cannot_follow_is_corrupt_and_changes_nothing() {
    let mut counter = Counter::new(rules(2));
    let (held, sold) = (counter.held(1, T0), counter.held(2, T0));
    counter.does(&pay(2, sold), T0);
    let user = 7;
    let (nth, until) = (1, at(60));
    for event in [
        Event::Held { hold: HoldId(9), user, nth, until },
        Event::Held { hold: held, user, nth, until },
        Event::SoldLate { hold: held, user, nth },
        Event::SoldLate { hold: HoldId(9), user, nth },
        Event::PaymentStarted { hold: sold },
        Event::Sold { hold: sold },
        Event::Sold { hold: HoldId(9) },
        Event::Released { hold: sold },
        Event::Expired { hold: sold },
        Event::Expired { hold: HoldId(9) },
        Event::RefundDue { hold: held, user },
        Event::RefundDue { hold: HoldId(9), user },
        Event::Room(waiting_room::Event::Left { user }),
        Event::Room(waiting_room::Event::Started { seed: 1 }),
        Event::Room(waiting_room::Event::Admitted { user, until }),
        Event::Room(waiting_room::Event::Entered { user }),
    ] {
        let before = counter.sale.clone();
        assert!(counter.sale.evolve(&event, T0).is_err(), "{event:?}");
        assert_eq!(counter.sale, before, "{event:?}");
    }
    counter.does(&Command::Close, T0);
    assert_eq!(counter.sale.evolve(&Event::Closed, T0), Err(CorruptSale::Closed));
}

#[test]
fn the_stored_form_is_this() {
    let mut counter = Counter::new(Rules { people_max: 9, ..gated(2, 3) });
    counter.does(&join(5), T0);
    counter.does(&join(6), T0);
    counter.ticks(T0);
    let hold = counter.held(5, at(1));
    counter.does(&pay(5, hold), at(2));
    counter.does(&join(8), at(2));
    let json = serde_json::to_string(&counter.sale).unwrap();
    assert_eq!(json, STORED);
}

const STORED: &str = r#"{"rules":{"stock":2,"per_user":1,"hold_for":60000,"opens_at":1700000000000,"people_max":9,"admission":{"capacity":3,"percent":100,"every":1000,"pass_for":120000,"seed":9}},"closed":false,"next_hold":1,"holds":[[0,{"user":5,"nth":1,"state":"sold"}]],"refunds":[],"room":{"opens_at":1700000000000,"people_max":9,"admission":{"capacity":3,"percent":100,"every":1000,"pass_for":120000,"seed":9},"phase":{"open":{"round":0,"used":2}},"next_number":3,"line":[[2,8]],"passes":[[6,{"number":1,"until":1700000120000}]]}}"#;
