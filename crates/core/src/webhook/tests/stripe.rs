//! The cases of Stripe's own suites, and those beyond.

use crate::time::{Span, Timestamp};
use crate::webhook::stripe::{HEADER, Secret, sign, verify};
use crate::webhook::{
    BODY_BYTES_MAX, BadSecret, HEADER_BYTES_MAX, Refusal, SECRETS_MAX, SIGNATURES_MAX, header,
};

const T: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"id":"evt_test_webhook","object":"event"}"#;
const GOOD: &str = "3c5817089d739023dd6190f70a3757e04f7a2fd8b5dab12c2e000f51970dccff";
const BAD: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const MALFORMED: Refusal = Refusal::MalformedHeader { name: HEADER };

fn secret() -> Secret {
    Secret::new("whsec_test_secret").unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// What comes of a header, at the very second of the signature.
fn check(header: &str) -> Result<(), Refusal> {
    verify(Some(header.as_bytes()), BODY, &[secret()], at(T)).map(|_| ())
}

#[test]
fn the_published_vector_is_verified_and_signed_alike() {
    let header = format!("t={T},v1={GOOD}");
    let verified = verify(Some(header.as_bytes()), BODY, &[secret()], at(T)).unwrap();
    assert_eq!((verified.body(), verified.id(), verified.secret_index()), (BODY, None, 0));
    assert_eq!(verified.signed_at(), at(T));
    assert_eq!(sign(&secret(), BODY, at(T).saturating_add(Span::from_millis(999))), header);
}

#[test]
fn a_header_is_read_as_the_table_says() {
    let nine_good = |position: usize| {
        let mut all = [BAD; 9];
        all[position] = GOOD;
        let signatures: String = all.iter().map(|hex| format!(",v1={hex}")).collect();
        format!("t={T}{signatures}")
    };
    let rows = [
        (format!("v1={GOOD},t={T}"), Ok(())),
        (format!("t={T},v1={GOOD},v0={BAD}"), Ok(())),
        (format!("t={T},v0={BAD},v2=x,v1={GOOD}"), Ok(())),
        (format!("t={T}, v1={GOOD}"), Ok(())),
        (format!("t={T},v1={}", GOOD.to_uppercase()), Ok(())),
        (format!("t={T},v1=,v1=xy,v1={GOOD}"), Ok(())),
        (nine_good(0), Ok(())),
        (nine_good(4), Ok(())),
        (nine_good(8), Ok(())),
        ("bad_header".into(), Err(MALFORMED)),
        ("t=".into(), Err(MALFORMED)),
        ("v1,t=1".into(), Err(MALFORMED)),
        (String::new(), Err(MALFORMED)),
        (",".into(), Err(MALFORMED)),
        (format!("v1={GOOD}"), Err(MALFORMED)),
        (format!("t={T},v1={GOOD},"), Err(MALFORMED)),
        (format!("t={T},t={T},v1={GOOD}"), Err(MALFORMED)),
        (format!("t={T},v1={GOOD},t=1"), Err(MALFORMED)),
        (format!("t={T}"), Err(Refusal::NoSignature)),
        (format!("t={T},v0={GOOD}"), Err(Refusal::NoSignature)),
        (format!("t={T},V1={GOOD}"), Err(Refusal::NoSignature)),
        (format!("t={T},v1={BAD}"), Err(Refusal::NoMatch)),
        (format!("t={T},v1="), Err(Refusal::NoMatch)),
        (format!("t={T},v1={}", &GOOD[..8]), Err(Refusal::NoMatch)),
        (format!("t={T},v1={}", &GOOD[..62]), Err(Refusal::NoMatch)),
        (format!("t={T},v1={GOOD}00"), Err(Refusal::NoMatch)),
        (format!("t={T},v1= {GOOD}"), Err(Refusal::NoMatch)),
        (format!("t={},v1={GOOD}", T + 1), Err(Refusal::NoMatch)),
        (format!("t= {T},v1={GOOD}"), Err(Refusal::NoMatch)),
    ];
    for (header, expected) in rows {
        assert_eq!(check(&header), expected, "{header}");
    }
    let absent = verify(None, BODY, &[secret()], at(T));
    assert_eq!(absent, Err(Refusal::MissingHeader { name: HEADER }));
}

#[test]
fn one_wrong_bit_anywhere_is_no_match() {
    let good = format!("t={T},v1={GOOD}");
    for at in 0..64 {
        let mut hex = GOOD.to_owned().into_bytes();
        hex[at] = if hex[at] == b'0' { b'1' } else { b'0' };
        let header = format!("t={T},v1={}", String::from_utf8(hex).unwrap());
        assert_eq!(check(&header), Err(Refusal::NoMatch), "{header}");
    }
    for at in 0..BODY.len() {
        let mut body = BODY.to_vec();
        body[at] ^= 1;
        let refused = verify(Some(good.as_bytes()), &body, &[secret()], self::at(T));
        assert_eq!(refused, Err(Refusal::NoMatch));
    }
}

#[test]
fn a_signature_that_was_cut_is_none_though_only_zeros_are_missing() {
    // About one body in 256 has a signature that ends in two zeros.
    let ends_in_zeros = |n: &u32| sign(&secret(), &n.to_be_bytes(), at(T)).ends_with("00");
    let body = (0..10_000_u32).find(ends_in_zeros).unwrap().to_be_bytes();
    let header = sign(&secret(), &body, at(T));
    let check = |header: &str| verify(Some(header.as_bytes()), &body, &[secret()], at(T));
    assert!(check(&header).is_ok());
    assert_eq!(check(header.strip_suffix("00").unwrap()), Err(Refusal::NoMatch));
}

#[test]
fn any_bytes_can_be_signed_text_or_not() {
    for body in [&b""[..], b"\xff\xfe\x00", b"not json", &[b'x'; 100_000]] {
        let header = sign(&secret(), body, at(T));
        let verified = verify(Some(header.as_bytes()), body, &[secret()], at(T)).unwrap();
        assert_eq!(verified.body(), body);
    }
}

#[test]
fn a_message_counts_for_five_minutes_both_ways() {
    let header = format!("t={T},v1={GOOD}");
    let check = |now| verify(Some(header.as_bytes()), BODY, &[secret()], now).map(|_| ());
    for (offset, expected) in [
        (-301, Err(Refusal::TooNew { by_s: 301 })),
        (-300, Ok(())),
        (0, Ok(())),
        (300, Ok(())),
        (301, Err(Refusal::TooOld { by_s: 301 })),
    ] {
        assert_eq!(check(at(T + offset)), expected, "{offset} s");
    }
    let last = at(T + 301).saturating_sub(Span::from_millis(1));
    assert_eq!(check(last), Ok(()));
    assert!(matches!(check(Timestamp::NEVER), Err(Refusal::TooOld { .. })));
    let earliest = Timestamp::from_millis(i64::MIN);
    assert!(matches!(check(earliest), Err(Refusal::TooNew { .. })));
}

/// A header whose time is any text, signed by who has the secret.
fn signed_with_time(time: &str) -> String {
    let mac = secret().mac(&[time.as_bytes(), b".", BODY]);
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

#[test]
fn a_time_is_believed_and_read_only_after_the_signature() {
    let (past, ahead) = (T.abs_diff(i64::MIN), T.abs_diff(i64::MAX));
    let (min, max) = (i64::MIN.to_string(), i64::MAX.to_string());
    for (time, signed) in [
        ("hello", Refusal::BadTimestamp),
        ("1614265330.5", Refusal::BadTimestamp),
        ("9223372036854775808", Refusal::BadTimestamp),
        ("-1", Refusal::TooOld { by_s: T.unsigned_abs() + 1 }),
        (min.as_str(), Refusal::TooOld { by_s: past }),
        (max.as_str(), Refusal::TooNew { by_s: ahead }),
    ] {
        assert_eq!(check(&signed_with_time(time)), Err(signed), "{time}");
        assert_eq!(check(&format!("t={time},v1={BAD}")), Err(Refusal::NoMatch), "{time}");
    }
    assert_eq!(check(&format!("t=1,v1={BAD}")), Err(Refusal::NoMatch), "too old, and forged");
}

#[test]
fn during_a_rotation_the_old_and_the_new_secret_count() {
    let (old, new) = (secret(), Secret::new("whsec_new").unwrap());
    let both = [old.clone(), new.clone()];
    for (index, signer) in [&old, &new].into_iter().enumerate() {
        let header = sign(signer, BODY, at(T));
        let verified = verify(Some(header.as_bytes()), BODY, &both, at(T)).unwrap();
        assert_eq!(verified.secret_index(), index);
    }
    let header = format!("t={T},v1={GOOD}");
    let after = verify(Some(header.as_bytes()), BODY, &[new], at(T));
    assert_eq!(after, Err(Refusal::NoMatch));
}

#[test]
fn the_work_that_a_message_causes_is_bounded() {
    let many = |n: usize| {
        let signatures: String = (1..n).map(|_| format!(",v1={BAD}")).collect();
        format!("t={T}{signatures},v1={GOOD}")
    };
    assert_eq!(check(&many(SIGNATURES_MAX)), Ok(()));
    assert_eq!(check(&many(SIGNATURES_MAX + 1)), Err(Refusal::TooManySignatures));
    assert_eq!(check(&many(10_000)), Err(Refusal::HeaderTooLong { name: HEADER }));
    let short: String = (0..600).map(|_| ",v1=0").collect();
    assert_eq!(check(&format!("t={T}{short}")), Err(Refusal::TooManySignatures));
    let others: String = (0..600).map(|_| ",x=0").collect();
    assert_eq!(check(&format!("t={T}{others},v1={GOOD}")), Err(Refusal::TooManySignatures));
    let padded = |length: usize| {
        let mut header = format!("t={T},v1={GOOD},v0=");
        header.push_str(&"0".repeat(length - header.len()));
        header
    };
    assert_eq!(check(&padded(HEADER_BYTES_MAX)), Ok(()));
    let too_long = Err(Refusal::HeaderTooLong { name: HEADER });
    assert_eq!(check(&padded(HEADER_BYTES_MAX + 1)), too_long);
    for (length, verdict) in [(BODY_BYTES_MAX, true), (BODY_BYTES_MAX + 1, false)] {
        let body = vec![b'x'; length];
        let header = sign(&secret(), &body, at(T));
        let verified = verify(Some(header.as_bytes()), &body, &[secret()], at(T));
        assert_eq!(verified.is_ok(), verdict);
        assert!(verdict || verified == Err(Refusal::BodyTooLong));
    }
}

#[test]
fn a_receiver_has_one_to_four_secrets_of_which_none_is_ever_shown() {
    let header = format!("t={T},v1={GOOD}");
    let with = |n: usize| verify(Some(header.as_bytes()), BODY, &vec![secret(); n], at(T));
    assert_eq!(with(0), Err(Refusal::Secrets));
    assert!(with(1).is_ok() && with(SECRETS_MAX).is_ok());
    assert_eq!(with(SECRETS_MAX + 1), Err(Refusal::Secrets));
    assert_eq!(format!("{:?}", secret()), "Secret(…)");
}

#[test]
fn a_text_that_is_no_secret_is_refused_with_a_hint() {
    let refused = |text: &str| Secret::new(text).unwrap_err();
    assert_eq!(refused(""), BadSecret::Empty);
    assert_eq!(refused("whsec_a\n"), BadSecret::WhiteSpace { at: 7 });
    assert_eq!(refused(" whsec_a"), BadSecret::WhiteSpace { at: 0 });
    assert_eq!(refused("whsec\u{a0}a"), BadSecret::WhiteSpace { at: 5 });
    assert!(refused("whsec_a\r\n").to_string().contains("a line end was copied"));
    assert!(!refused("whsec_a ").to_string().contains("whsec"));
}

#[test]
fn refusals_come_in_the_order_in_which_they_are_documented() {
    let long = "t".repeat(HEADER_BYTES_MAX + 1);
    let body = vec![b'x'; BODY_BYTES_MAX + 1];
    let many: String = (0..17).map(|_| ",v0=0").collect();
    let many_untimed = many.trim_start_matches(',');
    let many = format!("t=hello{many}");
    let rows: [(Option<&str>, &[u8], usize, Refusal); 9] = [
        (None, &body, 0, Refusal::Secrets),
        (None, &body, 1, Refusal::MissingHeader { name: HEADER }),
        (Some(&long), &body, 1, Refusal::HeaderTooLong { name: HEADER }),
        (Some(many_untimed), &body, 1, Refusal::BodyTooLong),
        (Some(many_untimed), BODY, 1, MALFORMED),
        (Some(&many), BODY, 1, Refusal::TooManySignatures),
        (Some("t=hello,v0=0"), BODY, 1, Refusal::NoSignature),
        (Some("t=hello,v1=0"), BODY, 1, Refusal::NoMatch),
        (Some(&signed_with_time("hello")), BODY, 1, Refusal::BadTimestamp),
    ];
    for (header, body, secrets, expected) in rows {
        let header = header.map(str::as_bytes);
        let refused = verify(header, body, &vec![secret(); secrets], at(T));
        assert_eq!(refused, Err(expected));
    }
}

#[test]
fn a_headers_name_has_any_case() {
    let headers = [("a", &b"1"[..]), ("STRIPE-signature", b"2"), ("stripe-signature", b"3")];
    assert_eq!(header(headers, HEADER), Some(&b"2"[..]));
    assert_eq!(header(headers, "b"), None);
}
