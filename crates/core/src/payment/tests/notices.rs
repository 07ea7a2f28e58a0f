//! What the provider says unasked: in every order, any number of times, it comes to the same.

use std::collections::BTreeMap;

use super::*;

const LAPSES: Timestamp = Timestamp::from_millis(1_700_000_600_000);
const THEIRS: RefundId = RefundId::Theirs(77);

fn authorised() -> News {
    News::Authorised { amount: eur(TOTAL), until: Some(LAPSES) }
}

fn taken(minor: i64) -> News {
    News::Captured { total: eur(minor) }
}

fn refunded(refund: RefundId, minor: i64) -> News {
    News::Refunded { refund, amount: eur(minor) }
}

fn refund_failed(refund: RefundId, minor: i64) -> News {
    News::RefundFailed { refund, amount: eur(minor) }
}

fn meaning(payment: &Payment, news: News) -> Result<Vec<Event>, Refusal> {
    payment.hear(&Notice { hold: 1, news }, &policy(), T0)
}

/// Hears news and takes in what they mean; whether they were news.
#[track_caller]
fn learn(payment: &mut Payment, news: News) -> bool {
    let events = meaning(payment, news).unwrap();
    for event in &events {
        payment.evolve(event).unwrap();
    }
    let Funds::Captured { amount, refunded } = payment.funds() else { return !events.is_empty() };
    assert!(at_most(amount, payment.asked()), "captured ≤ authorised: {payment:?}");
    assert!(at_most(refunded, amount), "refunded ≤ captured: {payment:?}");
    !events.is_empty()
}

/// What is so: everything but the numbers of the attempts, which say what was asked meanwhile.
fn what_is_so(payment: &Payment) -> String {
    let due = payment.due().map(|due| (due.step, due.amount));
    let (funds, owed, debt) = (payment.funds(), payment.owed(), payment.debt());
    format!("{funds:?} {:?} {owed:?} {due:?} {debt:?}", payment.refunds)
}

/// What is so, and where it leads once the provider has done what is due. A refund that became due
/// before more was heard of gives back its part, and the next one the rest.
fn where_it_leads(payment: &Payment) -> String {
    let due = payment.due().map(|due| due.step);
    let known = format!("{:?} {:?} {due:?}", payment.funds(), payment.refunds);
    let mut payment = payment.clone();
    for _ in 0..4 {
        if payment.due().is_some() {
            hear(&mut payment, DONE, T0);
        }
    }
    assert_eq!(payment.due(), None, "it comes to rest: {payment:?}");
    format!("{known}, then {:?} {:?} {:?}", payment.funds(), payment.owed(), payment.debt())
}

#[derive(Clone, Copy, Debug)]
enum Letter {
    Says(News),
    Owe(i64),
}

/// Lives through every word of up to `longest` letters: those with the same letters in them, in
/// whatever order and however often, end alike.
fn every_word_ends_as_its_letters(
    start: &Payment,
    letters: &[Letter],
    longest: u32,
    look: fn(&Payment) -> String,
) {
    let mut ends: BTreeMap<u32, String> = BTreeMap::new();
    let mut words = vec![(0_u32, start.clone())];
    for _ in 0..longest {
        let mut longer = Vec::with_capacity(words.len() * letters.len());
        for (has, payment) in &words {
            for (bit, letter) in (0_u32..).zip(letters) {
                let (mut payment, has) = (payment.clone(), has | 1 << bit);
                match *letter {
                    Letter::Says(news) => {
                        learn(&mut payment, news);
                        assert!(!learn(&mut payment, news), "{news:?} twice is no news");
                    }
                    Letter::Owe(minor) => payment.owe(eur(minor)),
                }
                let end = look(&payment);
                let alike = ends.entry(has).or_insert_with(|| end.clone());
                assert_eq!(*alike, end, "{start:?} heard {has:#b} of {letters:?}");
                longer.push((has, payment));
            }
        }
        // Of words that stand alike in all their numbers one goes on for all.
        longer.sort_by_cached_key(|(has, payment)| (*has, format!("{payment:?}")));
        longer.dedup();
        words = longer;
    }
    assert_eq!(ends.len(), (1 << letters.len()) - 1, "every set of letters was met");
}

fn starts() -> Vec<Payment> {
    let mut given_up = asked();
    given_up.owe(eur(0));
    let mut delivered = held_and_owing(TOTAL);
    hear(&mut delivered, Answer::Failed, T0);
    vec![
        asked(),
        given_up,
        held(),
        held_and_owing(0),
        held_and_owing(TOTAL),
        delivered,
        captured(),
        with_due(Step::Hold),
    ]
}

#[test]
fn notices_in_every_order_however_often_end_alike() {
    for back in [TOTAL, 400] {
        let letters =
            [authorised(), taken(TOTAL), refunded(THEIRS, back), News::Cancelled, News::Expired];
        for start in starts() {
            every_word_ends_as_its_letters(&start, &letters.map(Letter::Says), 8, what_is_so);
        }
    }
}

#[test]
fn notices_and_a_cancellation_among_them_end_alike_in_every_order() {
    let letters = [
        Letter::Says(authorised()),
        Letter::Says(taken(TOTAL)),
        Letter::Says(refunded(THEIRS, 400)),
        Letter::Says(News::Cancelled),
        Letter::Says(News::Expired),
        Letter::Owe(0),
    ];
    every_word_ends_as_its_letters(&asked(), &letters, 8, what_is_so);
    every_word_ends_as_its_letters(&held(), &letters, 8, what_is_so);
}

#[test]
fn a_decline_and_a_failed_refund_among_them_change_nothing_about_that() {
    let letters = [
        authorised(),
        News::Declined,
        taken(TOTAL),
        refunded(THEIRS, 400),
        refund_failed(THEIRS, 400),
        News::Cancelled,
        News::Expired,
    ];
    for start in [asked(), held(), held_and_owing(0)] {
        every_word_ends_as_its_letters(&start, &letters.map(Letter::Says), 7, where_it_leads);
    }
}

#[test]
fn what_each_notice_ends_where_each_step_is_due() {
    let fails = refund_failed(RefundId::Ours(1), 600);
    let ours = refunded(RefundId::Ours(1), 600);
    let rows = [
        (Step::Hold, authorised(), None),
        (Step::Hold, News::Declined, None),
        (Step::Hold, News::Cancelled, None),
        (Step::Hold, News::Expired, None),
        (Step::Hold, taken(TOTAL), None),
        (Step::Capture, authorised(), Some((Step::Capture, 1))),
        (Step::Capture, News::Declined, Some((Step::Capture, 1))),
        (Step::Capture, taken(TOTAL), None),
        (Step::Capture, taken(400), None),
        (Step::Capture, News::Cancelled, None),
        (Step::Capture, News::Expired, None),
        (Step::Void, authorised(), Some((Step::Void, 1))),
        (Step::Void, News::Cancelled, None),
        (Step::Void, News::Expired, None),
        (Step::Void, taken(TOTAL), Some((Step::Refund, 1))),
        (Step::Refund, ours, None),
        (Step::Refund, fails, Some((Step::Refund, 2))),
        (Step::Refund, refunded(THEIRS, 600), None),
        (Step::Refund, refunded(THEIRS, 500), Some((Step::Refund, 2))),
        (Step::Refund, refunded(THEIRS, 300), Some((Step::Refund, 1))),
        (Step::Refund, News::Cancelled, Some((Step::Refund, 1))),
        (Step::Refund, News::Expired, Some((Step::Refund, 1))),
    ];
    for (due, news, then) in rows {
        let mut payment = with_due(due);
        learn(&mut payment, news);
        assert_eq!(step_and_attempt(&payment), then, "{news:?} while {due:?} is due");
        if then != Some((due, 1)) {
            let stale = Reply { step: due, attempt: 1, answer: DONE };
            assert_eq!(payment.decide(&stale, &policy(), T0), [], "the reply is old news");
        }
    }
}

#[test]
fn of_a_capture_and_an_expiry_there_is_one_truth_and_the_loser_is_a_debt() {
    let mut expired = held_and_owing(TOTAL);
    learn(&mut expired, News::Expired);
    assert_eq!((expired.debt(), expired.is_settled()), (Some(eur(TOTAL)), true));
    let mut taken_first = held_and_owing(TOTAL);
    learn(&mut taken_first, taken(TOTAL));
    assert!(!learn(&mut taken_first, News::Expired), "what was taken cannot expire");
    learn(&mut expired, taken(TOTAL));
    for payment in [expired, taken_first] {
        assert_eq!((payment.paid(), payment.debt()), (eur(TOTAL), None));
        assert!(payment.is_settled());
    }
}

#[test]
fn a_late_success_after_the_cancellation_is_given_back() {
    let mut payment = held_and_owing(0);
    hear(&mut payment, DONE, T0);
    assert!(payment.is_settled(), "voided");
    learn(&mut payment, taken(TOTAL));
    assert_eq!(payment.due().map(|due| (due.step, due.amount)), Some((Step::Refund, eur(TOTAL))));
    hear(&mut payment, DONE, T0);
    assert_eq!((payment.paid(), payment.is_settled()), (eur(0), true));
}

#[test]
fn a_refund_of_ours_is_counted_once_whoever_speaks_of_it_first() {
    let says = refunded(RefundId::Ours(1), 600);
    let mut replied_first = with_due(Step::Refund);
    hear(&mut replied_first, DONE, T0);
    assert!(!learn(&mut replied_first, says));
    let mut noticed_first = with_due(Step::Refund);
    assert!(learn(&mut noticed_first, says));
    assert_eq!(noticed_first, replied_first, "to the last number");
    assert_eq!(noticed_first.paid(), eur(400));
}

#[test]
fn of_two_totals_that_were_captured_the_larger_one_is_so_whichever_is_told_first() {
    let (mut rising, mut falling) = (held(), held());
    assert!(learn(&mut rising, taken(400)) && learn(&mut rising, taken(TOTAL)));
    assert!(learn(&mut falling, taken(TOTAL)) && !learn(&mut falling, taken(400)));
    assert_eq!(falling, rising);
    assert_eq!(falling.paid(), eur(TOTAL));
}

#[test]
fn a_refund_that_failed_after_it_was_done_is_made_again_a_little_later() {
    let mut payment = with_due(Step::Refund);
    hear(&mut payment, DONE, T0);
    assert!(payment.is_settled());
    learn(&mut payment, refund_failed(RefundId::Ours(1), 600));
    let due = payment.due().unwrap();
    assert_eq!((due.step, due.attempt, due.amount), (Step::Refund, 2, eur(600)));
    assert_eq!(due.not_before, later(T0, 1_000));
    assert!(!learn(&mut payment, refunded(RefundId::Ours(1), 600)), "failed for good");
    hear(&mut payment, DONE, T0);
    assert_eq!((payment.paid(), payment.is_settled()), (eur(400), true));
}

#[test]
fn partial_refunds_by_other_hands_add_up_and_ours_gives_back_the_rest() {
    let mut payment = captured();
    learn(&mut payment, refunded(RefundId::Theirs(1), 100));
    learn(&mut payment, refunded(RefundId::Theirs(2), 250));
    assert_eq!((payment.paid(), payment.debt()), (eur(650), Some(eur(350))));
    payment.owe(eur(0));
    assert_eq!(payment.due().map(|due| due.amount), Some(eur(650)));
    let most = eur(650);
    let more = meaning(&payment, refunded(RefundId::Theirs(3), 651));
    assert_eq!(more, Err(Refusal::Amount { least: eur(1), most }));
}

#[test]
fn a_hold_that_is_said_to_last_longer_lasts_longer_and_never_less_long() {
    let mut payment = asked();
    learn(&mut payment, authorised());
    assert_eq!(payment.next_deadline(), Some(LAPSES));
    let until = |until| News::Authorised { amount: eur(TOTAL), until };
    assert!(!learn(&mut payment, until(Some(T0))));
    assert!(!learn(&mut payment, until(None)));
    assert!(learn(&mut payment, until(Some(minutes(LAPSES, 1)))));
    assert_eq!(payment.next_deadline(), Some(minutes(LAPSES, 1)));
    let mut payment = asked();
    learn(&mut payment, until(None));
    assert_eq!(payment.next_deadline(), Some(minutes(T0, 7 * 24 * 60)), "as policy says");
}

#[test]
fn what_is_said_of_another_attempt_at_the_hold_is_old_news_or_not_believed() {
    let mut payment = asked();
    hear(&mut payment, Answer::Failed, T0);
    assert_eq!(step_and_attempt(&payment), Some((Step::Hold, 2)));
    for (hold, news, meant) in [
        (1, News::Declined, Ok(0)),
        (1, News::Cancelled, Ok(0)),
        (1, News::Expired, Ok(0)),
        (1, authorised(), Err(Refusal::AnotherHold { hold: 1, last: 2 })),
        (1, taken(TOTAL), Err(Refusal::AnotherHold { hold: 1, last: 2 })),
        (3, taken(TOTAL), Err(Refusal::AnotherHold { hold: 3, last: 2 })),
        (2, News::Declined, Ok(1)),
        (2, taken(TOTAL), Ok(1)),
    ] {
        let found = payment.hear(&Notice { hold, news }, &policy(), T0);
        assert_eq!(found.map(|events| events.len()), meant, "{news:?} of hold {hold}");
    }
}

#[test]
fn amounts_that_cannot_be_are_not_believed() {
    let usd = Money::new(TOTAL, crate::money::Currency::new("USD").unwrap());
    let bad = |least, most| Err(Refusal::Amount { least: eur(least), most: eur(most) });
    let ours = RefundId::Ours(1);
    for (news, refusal) in [
        (News::Authorised { amount: eur(TOTAL - 1), until: None }, bad(TOTAL, TOTAL)),
        (News::Authorised { amount: usd, until: None }, bad(TOTAL, TOTAL)),
        (taken(0), bad(1, TOTAL)),
        (taken(-1), bad(1, TOTAL)),
        (taken(TOTAL + 1), bad(1, TOTAL)),
        (News::Captured { total: usd }, bad(1, TOTAL)),
        (refunded(THEIRS, 0), bad(1, TOTAL)),
        (refunded(THEIRS, TOTAL + 1), bad(1, TOTAL)),
        (refund_failed(THEIRS, i64::MAX), bad(1, TOTAL)),
        (refunded(ours, 1), Err(Refusal::NoSuchRefund { attempt: 1, last: 0 })),
        (refunded(RefundId::Ours(0), 1), Err(Refusal::NoSuchRefund { attempt: 0, last: 0 })),
    ] {
        assert_eq!(meaning(&held(), news), refusal, "{news:?}");
        let told = Event::Noticed { news, retry_at: None };
        assert!(held().evolve(&told).is_err(), "{news:?} in a log is a damaged log");
    }
    let again = Event::Noticed { news: taken(TOTAL), retry_at: None };
    assert!(captured().evolve(&again).is_err(), "what was no news is in no log");
}

#[test]
fn only_so_many_refunds_are_remembered_and_no_more_believed() {
    let mut payment = captured();
    for n in 0..REFUNDS_MAX as u64 {
        learn(&mut payment, refunded(RefundId::Theirs(n), 1));
    }
    let before = payment.clone();
    let more = meaning(&payment, refunded(RefundId::Theirs(999), 1));
    assert_eq!(more, Err(Refusal::TooManyRefunds));
    assert!(!learn(&mut payment, refunded(RefundId::Theirs(5), 1)), "a known one is known");
    assert_eq!(payment, before);
}

#[test]
fn a_refund_that_is_said_to_be_made_of_money_given_back_already_is_not_believed() {
    let mut payment = captured();
    payment.owe(eur(400));
    learn(&mut payment, refunded(THEIRS, 300));
    assert_eq!(payment.due().map(|due| due.amount), Some(eur(600)), "possibly done: it stays");
    learn(&mut payment, refunded(RefundId::Theirs(78), 50));
    hear(&mut payment, DONE, T0);
    assert_eq!(payment.paid(), eur(50), "both were made: the customer owes the difference");
    assert_eq!(payment.debt(), Some(eur(350)));
}

#[test]
fn notices_and_what_they_mean_are_written_like_this() {
    let notice = Notice { hold: 2, news: refunded(RefundId::Ours(1), 600) };
    let json = r#"{"hold":2,"news":{"refunded":{"refund":{"ours":1},"amount":{"minor":600,"currency":"EUR"}}}}"#;
    assert_eq!(serde_json::to_string(&notice).unwrap(), json);
    assert_eq!(serde_json::from_str::<Notice>(json).unwrap(), notice);
    let rows = [
        (News::Cancelled, r#"{"noticed":{"news":"cancelled"}}"#),
        (News::Expired, r#"{"noticed":{"news":"expired"}}"#),
        (News::Declined, r#"{"noticed":{"news":"declined"}}"#),
        (
            authorised(),
            r#"{"noticed":{"news":{"authorised":{"amount":{"minor":1000,"currency":"EUR"},"until":1700000600000}}}}"#,
        ),
        (taken(7), r#"{"noticed":{"news":{"captured":{"total":{"minor":7,"currency":"EUR"}}}}}"#),
        (
            refund_failed(THEIRS, 7),
            r#"{"noticed":{"news":{"refund_failed":{"refund":{"theirs":77},"amount":{"minor":7,"currency":"EUR"}}}}}"#,
        ),
    ];
    for (news, json) in rows {
        let event = Event::Noticed { news, retry_at: None };
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<Event>(json).unwrap(), event);
    }
    let mut payment = captured();
    learn(&mut payment, refunded(THEIRS, 7));
    let stored = serde_json::to_string(&payment).unwrap();
    let refunds =
        r#""refunds":[{"id":{"theirs":77},"amount":{"minor":7,"currency":"EUR"},"failed":false}]"#;
    assert!(stored.contains(refunds), "{stored}");
    assert_eq!(serde_json::from_str::<Payment>(&stored).unwrap(), payment);
}

fn any_news() -> impl Strategy<Value = News> {
    let refunds = select(vec![(RefundId::Theirs(1), 300), (RefundId::Theirs(2), 450)]);
    prop_oneof![
        Just(authorised()),
        Just(News::Authorised { amount: eur(TOTAL), until: Some(minutes(LAPSES, 5)) }),
        Just(taken(TOTAL)),
        Just(News::Cancelled),
        Just(News::Expired),
        Just(News::Declined),
        refunds.clone().prop_map(|(refund, minor)| refunded(refund, minor)),
        refunds.prop_map(|(refund, minor)| refund_failed(refund, minor)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_payment_ends_where_its_notices_leave_it_however_they_were_shuffled(
        heard in vec(any_news(), 1..12),
        order in vec(any::<prop::sample::Index>(), 0..24),
        start in select(starts()),
    ) {
        // Among them the capture of which the refunds are: without it they tell only of its least.
        let mut heard = heard;
        heard.push(taken(TOTAL));
        let (mut straight, mut shuffled) = (start.clone(), start);
        for news in &heard {
            learn(&mut straight, *news);
        }
        for index in order {
            learn(&mut shuffled, *index.get(&heard));
        }
        for news in heard.iter().rev() {
            learn(&mut shuffled, *news);
        }
        prop_assert_eq!(where_it_leads(&straight), where_it_leads(&shuffled));
    }

    #[test]
    fn replies_and_notices_together_keep_the_money_within_its_bounds(
        acts in vec(prop_oneof![
            an_act().prop_map(Ok),
            (1..3_u32, any_news()).prop_map(Err),
        ], 1..40),
    ) {
        let mut tale = Tale::begin();
        for act in acts {
            match act {
                Ok(act) => tale.act(act),
                Err((hold, news)) => {
                    if let Ok(events) = tale.payment.hear(&Notice { hold, news }, &policy(), tale.now) {
                        tale.take_in(events);
                    }
                }
            }
            if let Funds::Captured { amount, refunded } = tale.payment.funds() {
                prop_assert!(at_most(amount, eur(TOTAL)) && at_most(refunded, amount));
            }
            tale.repeat_everything();
        }
    }
}
