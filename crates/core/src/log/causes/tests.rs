use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::log::Writer;

const NOON: Timestamp = Timestamp::from_secs(10_000);
const BOUNDS: CauseBounds = CauseBounds {
    horizon: Span::from_secs(100),
    clock_skew: Span::from_secs(5),
    max: 2,
    refusals_max: 2,
};

fn cause(id: u128) -> Cause {
    Cause { id: CommandId::new(id), issued_at: NOON, digest: 0 }
}

fn at(secs: u64) -> Timestamp {
    NOON.saturating_add(Span::from_secs(secs))
}

fn batch(cause: Option<Cause>, outcome: char, at: Timestamp, events: &[()]) -> Batch<(), char> {
    let outcome = cause.map(|_| outcome);
    let (epoch, writer, inbox) = (1, Writer::new(1), None);
    Batch { epoch, writer, seq: 0, at, cause, inbox, events: events.to_vec(), outcome }
}

impl Causes<char> {
    fn happens(&mut self, cause: &Cause, outcome: char, at: Timestamp) {
        self.take_in(&batch(Some(*cause), outcome, at, &[()]), &BOUNDS);
    }

    fn refused(&mut self, cause: &Cause, outcome: char, at: Timestamp) {
        self.take_in(&batch(Some(*cause), outcome, at, &[]), &BOUNDS);
    }

    fn passes(&mut self, at: Timestamp) {
        self.take_in(&batch(None, '-', at, &[()]), &BOUNDS);
    }
}

#[test]
fn a_command_is_taken_within_the_horizon_and_known_for_longer() {
    for events in [&[()][..], &[]] {
        let mut causes = Causes::new();
        assert_eq!(causes.check(&cause(1), at(100), &BOUNDS), Ok(Seen::First));
        assert_eq!(causes.check(&cause(1), at(101), &BOUNDS), Err(NotTaken::TooOld));
        causes.take_in(&batch(Some(cause(1)), 'a', at(100), events), &BOUNDS);
        causes.passes(at(205));
        assert_eq!(causes.check(&cause(1), at(205), &BOUNDS), Ok(Seen::Known(&'a')));
        causes.passes(at(206));
        assert_eq!(causes.check(&cause(1), at(206), &BOUNDS), Err(NotTaken::TooOld));
        assert!(causes.is_empty() && causes.firm.is_empty() && causes.lesser.is_empty());
    }
}

#[test]
fn whatever_may_be_retried_is_known_though_clocks_differ() {
    let ahead = Cause { issued_at: at(5), ..cause(1) };
    let mut causes = Causes::new();
    assert_eq!(causes.check(&ahead, NOON, &BOUNDS), Ok(Seen::First));
    let further = Cause { issued_at: at(6), ..cause(1) };
    assert_eq!(causes.check(&further, NOON, &BOUNDS), Err(NotTaken::TooEarly));
    causes.happens(&ahead, 'a', NOON);
    for secs in 0..=105 {
        causes.passes(at(secs));
        assert_eq!(causes.check(&ahead, at(secs), &BOUNDS), Ok(Seen::Known(&'a')));
    }
    causes.passes(at(106));
    assert_eq!(causes.check(&ahead, at(106), &BOUNDS), Err(NotTaken::TooOld));
}

#[test]
fn a_longer_horizon_does_not_bring_back_what_was_forgotten_for_its_age() {
    for events in [&[()][..], &[]] {
        let mut causes = Causes::new();
        causes.take_in(&batch(Some(cause(1)), 'a', NOON, events), &BOUNDS);
        causes.passes(at(200));
        let longer = CauseBounds { horizon: Span::from_hours(1), ..BOUNDS };
        assert_eq!(causes.check(&cause(1), at(200), &longer), Err(NotTaken::TooOld));
    }
}

#[test]
fn a_full_ledger_refuses_what_is_new_and_forgets_nothing_firm_early() {
    let mut causes = Causes::new();
    causes.happens(&cause(1), 'a', NOON);
    causes.happens(&cause(2), 'b', at(1));
    let third = Cause { issued_at: at(50), ..cause(3) };
    assert_eq!(causes.check(&third, at(105), &BOUNDS), Err(NotTaken::Full));
    assert_eq!(causes.check(&cause(1), at(105), &BOUNDS), Ok(Seen::Known(&'a')));
    assert_eq!(causes.check(&third, at(106), &BOUNDS), Ok(Seen::First));
    causes.happens(&third, 'c', at(106));
    assert_eq!(causes.len(), 2);
}

#[test]
fn refusals_keep_nobody_out_and_the_oldest_of_them_makes_room() {
    let mut causes = Causes::new();
    causes.happens(&cause(1), 'a', NOON);
    for id in 2..=9 {
        assert_eq!(causes.check(&cause(id), at(1), &BOUNDS), Ok(Seen::First));
        causes.refused(&cause(id), 'n', at(1));
        assert_eq!(causes.check(&cause(id), at(1), &BOUNDS), Ok(Seen::Known(&'n')));
    }
    assert_eq!((causes.firm_len(), causes.lesser_len(), causes.len()), (1, 2, 3));
    assert_eq!(causes.check(&cause(1), at(1), &BOUNDS), Ok(Seen::Known(&'a')));
    assert_eq!(causes.check(&cause(8), at(1), &BOUNDS), Ok(Seen::Known(&'n')));
    // Forgotten, and issued when others were that are forgotten, too: it may be had all the same.
    assert_eq!(causes.check(&cause(7), at(1), &BOUNDS), Ok(Seen::First));
    causes.happens(&cause(7), 'b', at(1));
    assert_eq!(causes.check(&cause(7), at(1), &BOUNDS), Ok(Seen::Known(&'b')));
}

#[test]
fn what_happened_is_no_refusal_when_it_is_asked_for_again() {
    let mut causes = Causes::new();
    causes.happens(&cause(1), 'a', NOON);
    causes.refused(&cause(1), 'n', at(1));
    assert_eq!((causes.firm_len(), causes.lesser_len()), (1, 0));
    assert_eq!(causes.check(&cause(1), at(1), &BOUNDS), Ok(Seen::Known(&'a')));
}

#[test]
fn a_bound_on_refusals_that_is_lowered_is_kept_a_few_batches_later() {
    let wide = CauseBounds { refusals_max: 100, ..BOUNDS };
    let mut causes = Causes::new();
    for id in 0..100 {
        causes.take_in(&batch(Some(cause(id)), 'n', NOON, &[]), &wide);
    }
    causes.passes(NOON);
    assert_eq!(causes.len(), 100 - FORGOTTEN_AT_ONCE);
    for _ in 0..100 / FORGOTTEN_AT_ONCE {
        causes.passes(NOON);
    }
    assert_eq!((causes.len(), causes.lesser_len()), (2, 2));
}

#[test]
fn a_digest_tells_a_retry_from_another_request() {
    let mut causes = Causes::new();
    causes.happens(&Cause { digest: 4, ..cause(1) }, 'a', NOON);
    let check = |digest| causes.check(&Cause { digest, ..cause(1) }, NOON, &BOUNDS);
    assert_eq!(check(4), Ok(Seen::Known(&'a')));
    assert_eq!(check(0), Ok(Seen::Known(&'a')));
    assert_eq!(check(5), Err(NotTaken::Conflict));
}

#[test]
fn a_quiet_night_is_forgotten_a_little_at_a_time() {
    let wide = CauseBounds { refusals_max: 100, ..BOUNDS };
    let mut causes = Causes::new();
    for id in 0..100 {
        causes.take_in(&batch(Some(cause(id)), 'a', NOON, &[()]), &wide);
        causes.take_in(&batch(Some(cause(1_000 + id)), 'n', NOON, &[]), &wide);
    }
    causes.take_in(&batch(None, '-', at(1_000), &[]), &wide);
    assert_eq!(causes.firm_len(), 100 - FORGOTTEN_AT_ONCE);
    assert_eq!(causes.lesser_len(), 100 - FORGOTTEN_AT_ONCE);
    let json = serde_json::to_string(&causes).unwrap();
    assert_eq!(serde_json::from_str::<Causes<char>>(&json).unwrap(), causes);
}

#[test]
fn a_ledger_is_stored_like_this() {
    let mut causes = Causes::new();
    causes.happens(&Cause { digest: 4, ..cause(1) }, 'a', NOON);
    causes.refused(&cause(2), 'n', at(1));
    let json = concat!(
        r#"{"outcomes":{"00000000000000000000000000000001":{"outcome":"a","issued_at":10000000,"#,
        r#""digest":4},"00000000000000000000000000000002":{"outcome":"n","issued_at":10000000,"#,
        r#""digest":0}},"firm":[[10000000,"00000000000000000000000000000001"]],"#,
        r#""lesser":[[10001000,"00000000000000000000000000000002"]],"forgotten":null}"#,
    );
    assert_eq!(serde_json::to_string(&causes).unwrap(), json);
    assert_eq!(serde_json::from_str::<Causes<char>>(json).unwrap(), causes);
    // Where there was one kind, it is not known which are of which.
    let of_one_kind = json.replace("firm", "by_age");
    assert!(serde_json::from_str::<Causes<char>>(&of_one_kind).is_err());
}

/// What a caller does: some command, for the first time or again, and whether anything comes of it
/// if it is decided now; after a while.
fn calls() -> impl Strategy<Value = Vec<(u8, bool, u64)>> {
    let wait = prop_oneof![6 => Just(0), 3 => 1..10_u64, 1 => 50..120_u64];
    proptest::collection::vec((0..12_u8, any::<bool>(), wait), 0..200)
}

/// A batch of a command, in a list that is searched from end to end.
struct Entry {
    cause: Cause,
    outcome: char,
    at: Timestamp,
    firm: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_happened_never_happens_again_whatever_refusals_come_between(calls in calls()) {
        let bounds = CauseBounds { max: 5, refusals_max: 3, ..BOUNDS };
        let mut causes: Causes<char> = Causes::new();
        let mut log: Vec<Entry> = Vec::new();
        let mut issued: Vec<Option<Timestamp>> = vec![None; 12];
        let mut happened = BTreeSet::new();
        let mut now = NOON;
        for (place, (id, comes_of_it, wait)) in calls.into_iter().enumerate() {
            now = now.saturating_add(Span::from_secs(wait));
            let issued_at = *issued[usize::from(id)].get_or_insert(now);
            let cause = Cause { id: CommandId::new(id.into()), issued_at, digest: 0 };
            let known = |entry: &&Entry| entry.cause.id == cause.id;
            let last = log.iter().rfind(known);
            let young = |entry: &&Entry| !bounds.has_passed(entry.at, now);
            let firm = log.iter().filter(|entry| entry.firm).filter(young).count();
            match causes.check(&cause, now, &bounds).map(|seen| match seen {
                Seen::First => None,
                Seen::Known(outcome) => Some(*outcome),
            }) {
                Ok(Some(told)) => prop_assert_eq!(Some(told), last.map(|entry| entry.outcome)),
                Ok(None) => {
                    if let Some(last) = last {
                        prop_assert!(!last.firm, "decided again after it happened");
                        let since = log.iter().rev().take_while(|entry| !known(entry));
                        let newer = since.filter(|entry| !entry.firm).count();
                        prop_assert!(newer >= 3, "forgotten with room for it");
                    }
                    let outcome = char::from_u32(0x100 + u32::try_from(place).unwrap()).unwrap();
                    let events = if comes_of_it { &[()][..] } else { &[] };
                    causes.take_in(&batch(Some(cause), outcome, now, events), &bounds);
                    log.push(Entry { cause, outcome, at: now, firm: comes_of_it });
                    prop_assert!(!comes_of_it || happened.insert(id), "twice");
                }
                Err(NotTaken::Full) => prop_assert!(firm >= 5, "refusals take nobody's place"),
                Err(NotTaken::TooOld) => {
                    let too_old = |issued_at: Timestamp| now > issued_at.saturating_add(bounds.horizon);
                    let aged = |entry: &&Entry| bounds.has_passed(entry.at, now);
                    let latest = log.iter().filter(aged).map(|entry| entry.cause.issued_at).max();
                    prop_assert!(too_old(issued_at) || latest >= Some(issued_at));
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
            prop_assert!(causes.firm_len() <= 5 && causes.lesser_len() <= 3);
            prop_assert_eq!(causes.len(), causes.firm_len() + causes.lesser_len());
        }
    }
}
