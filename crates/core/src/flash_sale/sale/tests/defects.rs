//! Defects of flash sales that were reported elsewhere, one test each.

use super::*;

#[test]
fn a_duplicate_claim_does_not_decrement() {
    let mut counter = Counter::new(rules(3));
    let hold = counter.held(1, T0);
    for later in 0..59 {
        let until = at(60);
        assert_eq!(counter.repeats(&claim(1), at(later)), Answer::Held { hold, until });
    }
    assert_eq!(counter.units(), (2, 1, 0));
    counter.does(&pay(1, hold), at(59));
    assert_eq!(counter.repeats(&claim(1), at(600)), Answer::Sold { hold });
    assert_eq!(counter.units(), (2, 0, 1));
}

#[test]
fn sold_out_is_not_shown_while_units_are_left() {
    let mut counter = Counter::new(rules(2));
    let (first, second) = (counter.held(1, T0), counter.held(2, at(1)));
    assert_eq!(counter.refuses(&claim(3), at(2)), Refusal::AllHeld { next: Some(at(60)) });
    counter.does(&release(1, first), at(3));
    let third = counter.held(3, at(4));
    counter.does(&pay(2, second), at(5));
    assert_eq!(counter.refuses(&claim(4), at(6)), Refusal::AllHeld { next: Some(at(64)) });
    counter.does(&pay(3, third), at(7));
    assert_eq!(counter.refuses(&claim(4), at(8)), Refusal::SoldOut);
    assert_eq!(counter.sale.standing(&4, 1), Standing::SoldOut);
    assert!(counter.sale.is_over());
}

#[test]
fn a_hold_that_nobody_has_expired_yet_keeps_nobody_out() {
    let mut counter = Counter::new(rules(1));
    let first = counter.held(1, T0);
    let second = counter.held(2, at(60));
    assert_ne!(first, second);
    assert_eq!(counter.has(1), []);
    let mut again = Counter::new(rules(1));
    let first = again.held(1, T0);
    let second = again.held(1, at(60));
    assert_ne!(first, second, "a claim after the deadline is a new claim");
    assert_eq!(again.repeats(&release(1, first), at(61)), Answer::Done, "the old one is gone");
    assert_eq!(again.has(1), [second]);
}

#[test]
fn a_crash_between_the_hold_and_its_answer_loses_no_unit() {
    // The event was stored, the answer never left: the retry gets the same hold; nobody comes back,
    // and the deadline frees the unit.
    let mut counter = Counter::new(rules(1));
    let hold = counter.held(1, T0);
    let json = serde_json::to_string(&counter.sale).unwrap();
    counter.sale = serde_json::from_str(&json).unwrap();
    assert_eq!(counter.repeats(&claim(1), at(9)), Answer::Held { hold, until: at(60) });
    counter.ticks(at(60));
    assert_eq!(counter.units(), (1, 0, 0));
    // Decided, and lost before it was stored: it has not happened.
    let unsaid = counter.sale.decide(&claim(2), at(61)).unwrap();
    assert_eq!(unsaid.events.len(), 1);
    assert_eq!(counter.units(), (1, 0, 0));
}

#[test]
fn a_redelivered_order_does_not_loop() {
    let mut counter = Counter::new(rules(2));
    let hold = counter.held(1, T0);
    let sold = Answer::Sold { hold };
    assert_eq!(counter.does(&pay(1, hold), at(1)), sold);
    let late = counter.held(2, T0);
    counter.does(&release(2, late), at(1));
    counter.held(3, at(1));
    let refund = Answer::RefundDue { hold: late };
    assert_eq!(counter.does(&pay(2, late), at(2)), refund);
    for redelivery in 2..50 {
        assert_eq!(counter.repeats(&pay(1, hold), at(redelivery)), sold);
        assert_eq!(counter.repeats(&pay(2, late), at(redelivery)), refund, "one refund");
        assert_eq!(counter.refuses(&release(1, hold), at(redelivery)), Refusal::AlreadySold);
        assert_eq!(counter.repeats(&release(2, late), at(redelivery)), Answer::Done);
    }
    assert_eq!(counter.sale.refunds().collect::<Vec<_>>(), [(late, &2)]);
}

#[test]
fn release_gives_back_the_unit_it_took_and_once() {
    let mut counter = Counter::new(rules(2));
    let hold = counter.held(1, T0);
    counter.held(2, T0);
    assert_eq!(counter.refuses(&release(2, hold), at(1)), Refusal::NotYours);
    assert_eq!(counter.refuses(&release(1, HoldId(99)), at(1)), Refusal::NoSuchHold);
    counter.does(&release(1, hold), at(1));
    assert_eq!(counter.repeats(&release(1, hold), at(2)), Answer::Done);
    assert_eq!(counter.units(), (1, 1, 0));
    let anew = counter.held(1, at(3));
    assert_eq!(counter.repeats(&release(1, hold), at(4)), Answer::Done, "an old release");
    assert_eq!(counter.has(1), [anew], "does not touch the new hold");
}

#[test]
fn paid_and_then_out_of_stock_cannot_happen() {
    let mut counter = Counter::new(rules(1));
    let hold = counter.held(1, T0);
    assert_eq!(counter.does(&pay(1, hold), at(59)), Answer::Sold { hold });
    counter.ticks(at(10_000));
    assert_eq!(counter.units(), (0, 0, 1), "no deadline takes it away again");
    assert_eq!(counter.refuses(&claim(2), at(10_000)), Refusal::SoldOut);
}

#[test]
fn two_orders_one_unit() {
    let mut counter = Counter::new(rules(1));
    let first = counter.held(1, T0);
    assert!(matches!(counter.refuses(&claim(2), T0), Refusal::AllHeld { .. }));
    counter.ticks(at(60));
    let second = counter.held(2, at(60));
    // Both pay; one of them in time.
    assert_eq!(counter.does(&pay(2, second), at(61)), Answer::Sold { hold: second });
    assert_eq!(counter.does(&pay(1, first), at(61)), Answer::RefundDue { hold: first });
    assert_eq!(counter.units(), (0, 0, 1));
}

#[test]
fn a_hold_expires_on_its_deadline_and_not_a_millisecond_before() {
    let mut counter = Counter::new(rules(1));
    let hold = counter.held(1, T0);
    let before = at(60).saturating_sub(Span::from_millis(1));
    assert_eq!(counter.sale.next_deadline(), Some(at(60)));
    assert_eq!(counter.repeats(&Command::Tick, before), Answer::Done);
    assert_eq!(counter.repeats(&claim(1), before), Answer::Held { hold, until: at(60) });
    counter.ticks(at(60));
    assert_eq!(counter.units(), (1, 0, 0));
}

#[test]
fn of_expiry_and_payment_one_wins_and_the_loser_is_refunded() {
    // In time.
    let contested = || {
        let mut counter = Counter::new(rules(1));
        let hold = counter.held(1, T0);
        assert_eq!(counter.does(&join(2), at(1)), Answer::Waiting { ahead: 0 });
        (counter, hold)
    };
    let before = at(60).saturating_sub(Span::from_millis(1));
    let (mut counter, hold) = contested();
    assert_eq!(counter.does(&pay(1, hold), before), Answer::Sold { hold });
    counter.ticks(at(60));
    assert_eq!(counter.units(), (0, 0, 1));
    // Late by nothing, and whether or not a tick came first makes no difference.
    for ticked in [false, true] {
        let (mut counter, hold) = contested();
        if ticked {
            counter.ticks(at(60));
        }
        assert_eq!(counter.does(&pay(1, hold), at(60)), Answer::RefundDue { hold });
        assert_eq!(counter.units(), (0, 1, 0));
        assert_eq!(counter.has(2).len(), 1, "the unit is the next one's, ticked or not");
    }
}

#[test]
fn a_late_payer_gets_the_unit_where_nobody_has_a_better_claim() {
    for ticked in [false, true] {
        let mut counter = Counter::new(rules(1));
        let hold = counter.held(1, T0);
        if ticked {
            counter.ticks(at(60));
        }
        assert_eq!(counter.does(&pay(1, hold), at(70)), Answer::Sold { hold });
        assert_eq!(counter.repeats(&pay(1, hold), at(71)), Answer::Sold { hold });
        assert_eq!(counter.units(), (0, 0, 1));
    }
    // Not twice to one person, however often the person claimed and paid.
    let mut counter = Counter::new(rules(5));
    let first = counter.held(1, T0);
    counter.does(&release(1, first), at(1));
    let second = counter.held(1, at(2));
    assert_eq!(counter.does(&pay(1, first), at(3)), Answer::RefundDue { hold: first });
    assert_eq!(counter.does(&pay(1, second), at(3)), Answer::Sold { hold: second });
    assert_eq!(counter.has(1), [second]);
}
