//! What Stripe's events mean, and what is none.

use crate::money::{Currency, Money};
use crate::provider::{Event, EventId, Fact, Meaning};
use crate::time::Timestamp;
use crate::webhook::stripe::{Secret, read, sign, verify};
use crate::webhook::{Message, Unreadable, Unused};

const REFERENCE: &str = "ord_0000000000011/hold/1";
const OURS: &str = r#""metadata":{"doorstep_effect":"ord_0000000000011/hold/1","basket":"7"}"#;

fn read_bytes(body: &[u8]) -> Result<Message, Unreadable> {
    let (secret, now) = (Secret::new("whsec_s").unwrap(), Timestamp::from_secs(1_700_000_000));
    let header = sign(&secret, body, now);
    read(&verify(Some(header.as_bytes()), body, &[secret], now).unwrap())
}

fn body(kind: &str, object: &str) -> String {
    format!(r#"{{"id":"evt_1","object":"event","type":"{kind}","data":{{"object":{{{object}}}}}}}"#)
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

fn payment(fact: Fact) -> Result<Message, Unreadable> {
    let says = Meaning { about: REFERENCE.parse().unwrap(), fact };
    Ok(Message::Payment(Event { id: EventId::new("evt_1").unwrap(), says }))
}

fn unused(kind: &str, why: Unused) -> Result<Message, Unreadable> {
    Ok(Message::Unused { id: EventId::new("evt_1").unwrap(), kind: kind.into(), why })
}

#[test]
fn every_kind_of_event_means_what_the_table_says() {
    let held = |until: Option<i64>| {
        let until = until.map(Timestamp::from_secs);
        payment(Fact::Held { amount: eur(1_250), until })
    };
    let capturable = r#""amount_capturable":1250,"currency":"eur""#;
    let charge = |card: &str| {
        format!(r#"{capturable},"latest_charge":{{"payment_method_details":{{"card":{card}}}}}"#)
    };
    let refund =
        |status: &str| format!(r#""id":"re_1","amount":400,"currency":"eur","status":{status}"#);
    let name = || EventId::new("re_1").unwrap();
    let gone_through = || payment(Fact::Refunded { refund: name(), amount: eur(400) });
    let failed = || payment(Fact::RefundFailed { refund: name(), amount: eur(400) });
    let (intent, updated) = ("payment_intent.amount_capturable_updated", "refund.updated");
    let nothing_new = || unused(updated, Unused::NothingNew);
    let rows = [
        (intent, capturable.to_owned(), held(None)),
        (intent, format!(r#"{capturable},"latest_charge":"ch_1""#), held(None)),
        (intent, format!(r#"{capturable},"latest_charge":null"#), held(None)),
        (intent, charge(r#"{"capture_before":1700600000}"#), held(Some(1_700_600_000))),
        (intent, charge("null"), held(None)),
        (intent, capturable.replace("1250", "0"), unused(intent, Unused::NothingNew)),
        ("payment_intent.payment_failed", r#""amount":1"#.into(), payment(Fact::Declined)),
        (
            "payment_intent.succeeded",
            r#""amount":1250,"amount_received":1100,"currency":"eur""#.into(),
            payment(Fact::Captured { amount: eur(1_100) }),
        ),
        (
            "payment_intent.canceled",
            r#""cancellation_reason":"automatic""#.into(),
            payment(Fact::Lapsed),
        ),
        (
            "payment_intent.canceled",
            r#""cancellation_reason":"expired""#.into(),
            payment(Fact::Lapsed),
        ),
        (
            "payment_intent.canceled",
            r#""cancellation_reason":"requested_by_customer""#.into(),
            payment(Fact::Voided),
        ),
        ("payment_intent.canceled", r#""cancellation_reason":null"#.into(), payment(Fact::Voided)),
        ("charge.expired", r#""amount":1"#.into(), payment(Fact::Lapsed)),
        (
            "charge.refunded",
            r#""amount_refunded":900,"currency":"eur""#.into(),
            payment(Fact::RefundedInAll { amount: eur(900) }),
        ),
        ("refund.created", refund(r#""succeeded""#), gone_through()),
        ("charge.refund.updated", refund(r#""succeeded""#), gone_through()),
        (updated, refund(r#""succeeded""#), gone_through()),
        (updated, refund(r#""failed""#), failed()),
        (updated, refund(r#""canceled""#), failed()),
        (updated, refund(r#""pending""#), nothing_new()),
        (updated, refund(r#""requires_action""#), nothing_new()),
        (updated, refund("null"), nothing_new()),
        ("refund.failed", refund(r#""pending""#), failed()),
    ];
    for (kind, object, expected) in rows {
        let ours = body(kind, &format!("{object},{OURS}"));
        assert_eq!(read_bytes(ours.as_bytes()), expected, "{ours}");
        for metadata in ["", r#","metadata":{}"#, r#","metadata":null"#] {
            let others = body(kind, &format!("{object}{metadata}"));
            let not_ours = unused(kind, Unused::NotOurs);
            assert_eq!(read_bytes(others.as_bytes()), not_ours, "{others}");
        }
    }
}

#[test]
fn an_event_of_an_unknown_kind_is_not_looked_into() {
    for object in ["", r#""amount":"lots","metadata":7"#] {
        let body = body("customer.subscription.updated", object);
        let expected = unused("customer.subscription.updated", Unused::UnknownKind);
        assert_eq!(read_bytes(body.as_bytes()), expected);
    }
}

#[test]
fn what_is_only_about_the_delivery_does_not_change_what_an_event_means() {
    let object = format!(r#""amount_received":1100,"currency":"eur",{OURS}"#);
    let plain = body("payment_intent.succeeded", &object);
    let again = format!(
        r#"{{"livemode":false,"pending_webhooks":3,"request":{{"id":null}},"api_version":"x",
            "data":{{"previous_attributes":{{}},"object":{{"status":"succeeded",{object}}}}},
            "created":1,"type":"payment_intent.succeeded","id":"evt_1"}}"#
    );
    assert_ne!(plain, again);
    assert_eq!(read_bytes(plain.as_bytes()), read_bytes(again.as_bytes()));
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    let captured = r#""amount_received":1100,"currency":"eur""#;
    let good = body("payment_intent.succeeded", &format!("{captured},{OURS}"));
    assert!(read_bytes(good.as_bytes()).is_ok());
    let rows = [
        (r#""amount_received":1100,"#, "", Unreadable::NotAnEvent),
        ("1100", "11.5", Unreadable::NotAnEvent),
        ("1100", "\"1100\"", Unreadable::NotAnEvent),
        ("1100", "9223372036854775808", Unreadable::NotAnEvent),
        ("1100", "-1", Unreadable::BadAmount),
        (r#","currency":"eur""#, "", Unreadable::NotAnEvent),
        ("eur", "EUR", Unreadable::BadCurrency),
        ("eur", "euro", Unreadable::BadCurrency),
        ("eur", "", Unreadable::BadCurrency),
        (REFERENCE, "ord_11", Unreadable::BadReference),
        (REFERENCE, "", Unreadable::BadReference),
        (r#""ord_0000000000011/hold/1""#, "7", Unreadable::NotAnEvent),
        (r#""id":"evt_1","#, "", Unreadable::NotAnEvent),
        ("evt_1", "", Unreadable::BadId),
        ("evt_1", "evt 1", Unreadable::BadId),
        (r#""evt_1""#, "1", Unreadable::NotAnEvent),
        (r#""id":"evt_1","#, r#""id":"evt_1","id":"evt_2","#, Unreadable::NotAnEvent),
        (
            r#""amount_received""#,
            r#""amount_received":1,"amount_received""#,
            Unreadable::NotAnEvent,
        ),
        ("payment_intent.succeeded", "", Unreadable::BadKind),
        (r#""data""#, r#""date""#, Unreadable::NotAnEvent),
        (r#"}}}"#, r#"}}"#, Unreadable::NotJson),
        (r#"{"id""#, r#"{{"id""#, Unreadable::NotJson),
    ];
    for (sound, damaged, why) in rows {
        let damaged = good.replacen(sound, damaged, 1);
        assert_ne!(damaged, good);
        assert_eq!(read_bytes(damaged.as_bytes()), Err(why), "{damaged}");
    }
    let long = "k".repeat(256);
    assert_eq!(read_bytes(body(&long, "").as_bytes()), Err(Unreadable::BadKind));
    let refund = body("refund.updated", r#""id":"","amount":1,"currency":"eur""#);
    assert_eq!(read_bytes(refund.as_bytes()), Err(Unreadable::BadId));
    for bytes in [&b""[..], b"not json", b"\xff\xfe", b"{\"id\":\"\xff\"}"] {
        assert_eq!(read_bytes(bytes), Err(Unreadable::NotJson), "{}", bytes.escape_ascii());
    }
    for bytes in [&b"null"[..], b"[]", b"7", b"{}"] {
        assert_eq!(read_bytes(bytes), Err(Unreadable::NotAnEvent), "{}", bytes.escape_ascii());
    }
}
