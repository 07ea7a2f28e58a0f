//! The header's value: quoted and not, at its bounds, and what is wrong with it.

use crate::idempotency::{BadKey, IdempotencyKey};

fn parse(value: &[u8]) -> Result<String, BadKey> {
    IdempotencyKey::parse(value).map(|key| key.as_str().to_owned())
}

#[test]
fn quoted_and_bare_spellings_of_one_text_are_one_key() {
    for (value, key) in [
        ("8e03978e-40d5-43dd", "8e03978e-40d5-43dd"),
        ("\"8e03978e-40d5-43dd\"", "8e03978e-40d5-43dd"),
        (" \t\"a b\"\t ", "a b"),
        (" a ", "a"),
        (r#""a\"b\\c""#, r#"a"b\c"#),
        (r"a\b", r"a\b"),
        ("!~", "!~"),
    ] {
        assert_eq!(parse(value.as_bytes()).as_deref(), Ok(key), "{value}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let character = |at| BadKey::BadCharacter { at };
    let quotes = |at| BadKey::BadQuotes { at };
    for (value, why) in [
        (&b""[..], BadKey::Empty),
        (b"  \t ", BadKey::Empty),
        (b"\"\"", BadKey::Empty),
        (b"a b", character(1)),
        (b"a\tb", character(1)),
        (b"\"a\tb\"", character(2)),
        (b"a\nb", character(1)),
        (b"\x7f", character(0)),
        ("\u{e9}".as_bytes(), character(0)),
        (b"\xff\xfe", character(0)),
        (b"\"", quotes(0)),
        (b"\"a", quotes(1)),
        (b"a\"", quotes(1)),
        (b"\"a\" b", quotes(2)),
        (b"\"a\";q=1", quotes(2)),
        (br#""a\""#, quotes(3)),
        (br#""a\b""#, quotes(3)),
        (b"\"a\\", quotes(2)),
    ] {
        assert_eq!(parse(value), Err(why), "{}", value.escape_ascii());
    }
    assert_eq!(IdempotencyKey::required(None), Err(BadKey::Absent));
    assert_eq!(IdempotencyKey::required(Some(b"")), Err(BadKey::Empty));
}

#[test]
fn a_key_has_at_most_255_characters_however_it_is_written() {
    let (most, more) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(parse(most.as_bytes()).as_deref(), Ok(most.as_str()));
    assert_eq!(parse(format!("\"{most}\"").as_bytes()).as_deref(), Ok(most.as_str()));
    assert_eq!(parse(more.as_bytes()), Err(BadKey::TooLong));
    assert_eq!(parse(format!("\"{more}\"").as_bytes()), Err(BadKey::TooLong));
    let escaped = "\\\"".repeat(255);
    assert_eq!(parse(format!("\"{escaped}\"").as_bytes()), Ok("\"".repeat(255)));
}

#[test]
fn a_key_is_stored_as_its_text_and_checked_when_read() {
    let key = IdempotencyKey::parse(br#""a \"b\"""#).unwrap();
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, r#""a \"b\"""#);
    assert_eq!(serde_json::from_str::<IdempotencyKey>(&json).unwrap(), key);
    let long = format!("{:?}", "k".repeat(256));
    for damaged in [r#""""#, "\"\\u00e9\"", "\"\\n\"", "7", &long] {
        assert!(serde_json::from_str::<IdempotencyKey>(damaged).is_err(), "{damaged}");
    }
}
