//! The bytes of every record form. A change here is a change of format: it needs a new version.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]

use doorstep_core::id::CommandId;
use doorstep_core::log::{Batch, Cause, FORMAT, Position, Record, Undecodable, Writer};
use doorstep_core::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Event {
    Bought { left: u8 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Sold,
    SoldOut,
}

type Entry = Record<Event, Outcome>;

const WRITER: Writer = Writer::new(0xd00b);

fn identified() -> Batch<Event, Outcome> {
    Batch {
        epoch: 3,
        writer: WRITER,
        seq: 41,
        at: Timestamp::from_millis(1_700_000_000_001),
        cause: Some(Cause {
            id: CommandId::new(0xc0ffee),
            issued_at: Timestamp::from_millis(1_700_000_000_000),
            digest: u64::MAX,
        }),
        inbox: Some(7),
        events: vec![Event::Bought { left: 2 }],
        outcome: Some(Outcome::Sold),
    }
}

fn check(record: &Entry, golden: &str) {
    assert_eq!(String::from_utf8(record.encode().unwrap()).unwrap(), golden);
    assert_eq!(Entry::decode(golden.as_bytes()).as_ref(), Ok(record));
}

#[test]
fn a_claim_is_written_like_this() {
    check(
        &Record::Claim { format: FORMAT, epoch: 3, writer: WRITER },
        r#"{"claim":{"format":1,"epoch":3,"writer":"0000000000000000000000000000d00b"}}"#,
    );
}

#[test]
fn a_batch_is_written_like_this() {
    check(
        &Record::Batch(identified()),
        concat!(
            r#"{"batch":{"epoch":3,"writer":"0000000000000000000000000000d00b","seq":41,"#,
            r#""at":1700000000001,"cause":{"id":"00000000000000000000000000c0ffee","#,
            r#""issued_at":1700000000000,"digest":18446744073709551615},"inbox":7,"#,
            r#""events":[{"bought":{"left":2}}],"outcome":"sold"}}"#,
        ),
    );
}

#[test]
fn a_refusal_is_a_batch_without_events() {
    let refusal = Batch {
        cause: identified().cause.map(|cause| Cause { digest: 0, ..cause }),
        inbox: None,
        events: vec![],
        outcome: Some(Outcome::SoldOut),
        ..identified()
    };
    check(
        &Record::Batch(refusal),
        concat!(
            r#"{"batch":{"epoch":3,"writer":"0000000000000000000000000000d00b","seq":41,"#,
            r#""at":1700000000001,"cause":{"id":"00000000000000000000000000c0ffee","#,
            r#""issued_at":1700000000000,"digest":0},"events":[],"outcome":"sold_out"}}"#,
        ),
    );
}

#[test]
fn a_batch_that_nobody_waits_for_is_written_like_this() {
    check(
        &Record::Batch(Batch { cause: None, inbox: None, outcome: None, ..identified() }),
        concat!(
            r#"{"batch":{"epoch":3,"writer":"0000000000000000000000000000d00b","seq":41,"#,
            r#""at":1700000000001,"events":[{"bought":{"left":2}}]}}"#,
        ),
    );
}

#[test]
fn a_mark_is_written_like_this() {
    let position = Position::new(9);
    check(
        &Record::Mark { epoch: 3, writer: WRITER, seq: 42, hash: 5, position },
        concat!(
            r#"{"mark":{"epoch":3,"writer":"0000000000000000000000000000d00b","seq":42,"#,
            r#""hash":5,"position":9}}"#,
        ),
    );
}

#[test]
fn what_this_version_does_not_know_is_undecodable() {
    let claim = r#"{"claim":{"format":1,"epoch":3,"writer":"0000000000000000000000000000d00b"}}"#;
    assert!(Entry::decode(claim.as_bytes()).is_ok());
    assert_eq!(
        Entry::decode(claim.replace(r#""format":1"#, r#""format":2"#).as_bytes()),
        Err(Undecodable::UnknownFormat { found: 2 })
    );
    for unknown in [
        claim.replace("claim", "truce"),
        claim.replace(r#""epoch":3"#, r#""epoch":3,"zone":1"#),
        claim.replace(r#""epoch":3,"#, ""),
        claim.replace("d00b", "D00B"),
        format!("{claim} {claim}"),
        String::new(),
    ] {
        let decoded = Entry::decode(unknown.as_bytes());
        assert!(matches!(decoded, Err(Undecodable::Malformed { .. })), "{unknown}");
    }
    let batch = String::from_utf8(Record::Batch(identified()).encode().unwrap()).unwrap();
    for unknown in [
        batch.replace("bought", "stolen"),
        batch.replace(r#""digest""#, r#""hash":1,"digest""#),
        batch.replace(r#""seq""#, r#""sequel":1,"seq""#),
    ] {
        let decoded = Entry::decode(unknown.as_bytes());
        assert!(matches!(decoded, Err(Undecodable::Malformed { .. })), "{unknown}");
    }
    assert_eq!(
        Entry::decode(batch.replace(r#","outcome":"sold""#, "").as_bytes()),
        Err(Undecodable::CauseAndOutcome)
    );
}
