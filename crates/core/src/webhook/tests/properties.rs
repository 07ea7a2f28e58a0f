//! Any number of deliveries, in any order, with crashes: the effects are those of one each.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::idempotency::Bounds;
use crate::provider::EventId;
use crate::time::{Span, Timestamp};
use crate::webhook::inbox::{Inbox, Rules, Setback};
use crate::webhook::stripe::{HEADER, Secret, read, sign, verify};
use crate::webhook::{Refusal, standard};

const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

fn rules() -> Rules {
    let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(96), 100).unwrap();
    Rules::new(bounds, 100).unwrap()
}

/// One delivery of event `n`: its body differs each time, its meaning does not.
fn body(n: u8, nth: usize) -> String {
    format!(
        r#"{{"id":"evt_{n}","pending_webhooks":{nth},"type":"payment_intent.succeeded","data":{{
            "object":{{"amount_received":{n}00,"currency":"eur",
            "metadata":{{"doorstep_effect":"ord_000000000001{n}/hold/1"}}}}}}}}"#
    )
}

#[derive(Clone, Copy, Debug)]
enum Then {
    /// It works.
    Done,
    /// It does not, and says so.
    Fails,
    /// It does, and the process dies before it says so.
    DiesAfter,
    /// It does not: the process dies first.
    DiesBefore,
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        3 => Just(Then::Done),
        1 => Just(Then::Fails),
        1 => Just(Then::DiesAfter),
        1 => Just(Then::DiesBefore)
    ]
}

/// How often each event took effect, where the effects are keyed by the event's id.
fn effects(deliveries: &[(u8, u64)], then: &[Then]) -> BTreeMap<EventId, (u32, String)> {
    let secret = Secret::new("whsec_s").unwrap();
    let mut inbox = Inbox::new();
    let mut effects: BTreeMap<EventId, (u32, String)> = BTreeMap::new();
    let mut now = NOON;
    let mut then = then.iter().copied().chain(std::iter::repeat(Then::Done));
    let mut work = |inbox: &mut Inbox, now: Timestamp| {
        let Some(job) = inbox.next(now, &rules()) else { return };
        let then = then.next().unwrap();
        if matches!(then, Then::Done | Then::DiesAfter) {
            // The shard does as much: what is there already is no news.
            let effect = (1, format!("{:?}", job.event.says));
            let first = effects.entry(job.event.id.clone()).or_insert_with(|| effect.clone());
            assert_eq!(*first, effect);
        }
        match then {
            Then::Done => inbox.done(&job.event.id, job.token, now).unwrap(),
            Then::Fails => {
                let told = inbox.failed(&job.event.id, job.token, "no", now).unwrap();
                if told == Setback::Dead {
                    inbox.redrive(&job.event.id, now).unwrap();
                }
            }
            Then::DiesAfter | Then::DiesBefore => {
                *inbox = serde_json::from_str(&serde_json::to_string(&inbox).unwrap()).unwrap();
            }
        }
    };
    for (nth, &(n, pause_s)) in deliveries.iter().enumerate() {
        let body = body(n, nth).into_bytes();
        let header = sign(&secret, &body, now);
        let secrets = std::slice::from_ref(&secret);
        let verified = verify(Some(header.as_bytes()), &body, secrets, now).unwrap();
        let answer = inbox.accept(read(&verified).unwrap(), now, &rules()).unwrap();
        assert_eq!(answer.status(), 200);
        now = now.saturating_add(Span::from_secs(pause_s));
        work(&mut inbox, now);
    }
    for _ in 0..1_000 {
        if inbox.open() == 0 {
            return effects;
        }
        let dead: Vec<EventId> = inbox.dead_letters().map(|letter| letter.event.id).collect();
        for id in dead {
            inbox.redrive(&id, now).unwrap();
        }
        now = now.max(inbox.next_deadline(&rules()).unwrap());
        work(&mut inbox, now);
    }
    panic!("it does not end: {inbox:?}");
}

proptest! {
    #[test]
    fn shuffled_duplicates_with_crashes_do_what_one_delivery_each_does(
        deliveries in vec((1..5_u8, 0..40_u64), 1..30),
        then in vec(then(), 0..40),
    ) {
        let mut once: Vec<(u8, u64)> = deliveries.iter().map(|&(n, _)| (n, 0)).collect();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(effects(&deliveries, &then), effects(&once, &[]));
    }

    #[test]
    fn no_header_passes_but_the_signers_and_none_makes_it_panic(
        header in vec(any::<u8>(), 0..200),
        body in vec(any::<u8>(), 0..50),
        time in -1_000_i64..1_000,
    ) {
        let secrets = [Secret::new("whsec_s").unwrap()];
        let now = NOON.saturating_add(Span::from_secs(500));
        prop_assert!(verify(Some(&header), &body, &secrets, now).is_err());
        let signed_at = Timestamp::from_millis(now.as_millis() + time * 1_000);
        let good = sign(&secrets[0], &body, signed_at);
        let verdict = verify(Some(good.as_bytes()), &body, &secrets, now);
        prop_assert_eq!(verdict.is_ok(), time.abs() <= 300);
        let mut other = body.clone();
        other.push(0);
        let refused = verify(Some(good.as_bytes()), &other, &secrets, now);
        prop_assert_eq!(refused, Err(Refusal::NoMatch));
        let key = [standard::Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
        let headers = standard::Headers {
            id: Some(b"msg_1"),
            timestamp: Some(b"1700000500"),
            signature: Some(&header),
        };
        prop_assert!(standard::verify(&headers, &body, &key, now).is_err());
    }

    #[test]
    fn whatever_was_signed_is_read_or_refused(body in "\\PC{0,80}", at in 0..200_usize) {
        let secrets = [Secret::new("whsec_s").unwrap()];
        let mut whole = self::body(1, 7);
        let cut = whole.char_indices().nth(at).map_or(whole.len(), |(at, _)| at);
        whole.replace_range(cut..cut, &body);
        for bytes in [body.as_bytes(), whole.as_bytes()] {
            let header = sign(&secrets[0], bytes, NOON);
            let verified = verify(Some(header.as_bytes()), bytes, &secrets, NOON).unwrap();
            let once = read(&verified);
            prop_assert_eq!(&read(&verified), &once);
        }
        prop_assert_eq!(HEADER, "Stripe-Signature");
    }
}
