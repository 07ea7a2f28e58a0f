//! The vectors and cases of the Standard Webhooks suites, and those beyond.

use base64ct::{Base64, Encoding};

use crate::time::{Span, Timestamp};
use crate::webhook::standard::{
    BadMessageId, Headers, ID, SIGNATURE, Secret, Signatory, TIMESTAMP, sign, verify,
};
use crate::webhook::{
    BODY_BYTES_MAX, BadSecret, HEADER_BYTES_MAX, Refusal, SECRETS_MAX, SIGNATURES_MAX,
};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const MSG: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const T: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const GOOD: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const SIGNED: &str =
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
const BAD: &str = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn key() -> Secret {
    Secret::new(KEY).unwrap()
}

fn public() -> Secret {
    Secret::new(PUBLIC).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

const fn headers<'a>(time: &'a str, signature: &'a str) -> Headers<'a> {
    Headers {
        id: Some(MSG.as_bytes()),
        timestamp: Some(time.as_bytes()),
        signature: Some(signature.as_bytes()),
    }
}

/// What comes of a value of the signature's header, at the very second of the signature.
fn check(signature: &str, secrets: &[Secret]) -> Result<usize, Refusal> {
    let headers = headers("1614265330", signature);
    verify(&headers, BODY, secrets, at(T)).map(|verified| verified.secret_index())
}

#[test]
fn the_published_vectors_are_verified_and_signed_alike() {
    let rows = [
        (KEY, MSG, T, BODY, GOOD),
        (PUBLIC, MSG, T, BODY, SIGNED),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            br#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ];
    for (secret, id, secs, body, signature) in rows {
        let time = secs.to_string();
        let headers = Headers { id: Some(id.as_bytes()), ..headers(&time, signature) };
        let verified = verify(&headers, body, &[Secret::new(secret).unwrap()], at(secs)).unwrap();
        assert_eq!((verified.id(), verified.body()), (Some(id), body));
        assert_eq!(verified.signed_at(), at(secs));
        if secret != PUBLIC {
            let signatory = Signatory::new(secret).unwrap();
            let now = at(secs).saturating_add(Span::from_millis(999));
            assert_eq!(sign(&signatory, id, now, body).unwrap(), signature);
        }
    }
}

#[test]
fn the_signatures_are_read_as_the_table_says() {
    let all = |position: usize| {
        let mut all = [BAD; 9];
        all[position] = GOOD;
        all.join(" ")
    };
    let bare = |text: &str| text.trim_end_matches('=').to_owned();
    let shared = [key()];
    let both = [public(), key()];
    let no_match = Err(Refusal::NoMatch);
    let no_signature = Err(Refusal::NoSignature);
    let malformed = Err(Refusal::MalformedHeader { name: SIGNATURE });
    let rows: [(String, &[Secret], Result<usize, Refusal>); 25] = [
        (all(0), &shared, Ok(0)),
        (all(4), &shared, Ok(0)),
        (all(8), &shared, Ok(0)),
        (format!("{GOOD} {SIGNED}"), &both, Ok(0)),
        (format!("{GOOD} {BAD}"), &both, Ok(1)),
        (format!("v2,xyz v1, v1,bad! {GOOD}"), &shared, Ok(0)),
        (format!(" {GOOD} "), &shared, Ok(0)),
        (bare(GOOD), &shared, Ok(0)),
        (bare(SIGNED), &both, Ok(0)),
        (SIGNED.into(), &shared, no_match),
        (GOOD.into(), &[public()], no_match),
        (BAD.into(), &shared, no_match),
        ("v1,".into(), &shared, no_match),
        ("v1a,".into(), &both, no_match),
        (GOOD[..11].into(), &shared, no_match),
        (SIGNED[..12].into(), &both, no_match),
        (SIGNED.replace("hnO3", "hnO4"), &both, no_match),
        (GOOD.replace("v1,", "v1a,"), &both, no_match),
        (SIGNED.replace("v1a,", "v1,"), &both, no_match),
        (GOOD.replace('=', "A"), &shared, no_match),
        (GOOD.replace("v1,", "v2,"), &shared, no_signature),
        (GOOD.replace("v1,", ""), &shared, no_signature),
        (GOOD.replace("v1,", "V1,"), &shared, no_signature),
        (String::new(), &shared, malformed),
        ("   ".into(), &shared, malformed),
    ];
    for (signature, secrets, expected) in rows {
        assert_eq!(check(&signature, secrets), expected, "{signature:?}");
    }
}

#[test]
fn each_header_is_needed_and_an_id_with_a_dot_or_without_substance_is_malformed() {
    let whole = headers("1614265330", GOOD);
    let refused = |headers: Headers<'_>| verify(&headers, BODY, &[key()], at(T)).unwrap_err();
    let missing = |name| Refusal::MissingHeader { name };
    assert_eq!(refused(Headers { id: None, ..whole }), missing(ID));
    assert_eq!(refused(Headers { timestamp: None, ..whole }), missing(TIMESTAMP));
    assert_eq!(refused(Headers { signature: None, ..whole }), missing(SIGNATURE));
    assert_eq!(refused(Headers::default()), missing(ID));
    for id in [&b""[..], b"a.b", b".", b"a b", b"\xff", b"a\n"] {
        let refusal = Refusal::MalformedHeader { name: ID };
        assert_eq!(refused(Headers { id: Some(id), ..whole }), refusal);
    }
    let no_time = Headers { timestamp: Some(b""), ..whole };
    assert_eq!(refused(no_time), Refusal::MalformedHeader { name: TIMESTAMP });
    let other = Headers { id: Some(b"msg_other"), ..whole };
    assert_eq!(refused(other), Refusal::NoMatch);
    let long = vec![b'1'; HEADER_BYTES_MAX + 1];
    let too_long = |name| Refusal::HeaderTooLong { name };
    assert_eq!(refused(Headers { id: Some(&long), ..whole }), too_long(ID));
    assert_eq!(refused(Headers { timestamp: Some(&long), ..whole }), too_long(TIMESTAMP));
    assert_eq!(refused(Headers { signature: Some(&long), ..whole }), too_long(SIGNATURE));
    let body = vec![0; BODY_BYTES_MAX + 1];
    assert_eq!(verify(&whole, &body, &[key()], at(T)), Err(Refusal::BodyTooLong));
}

#[test]
fn the_headers_are_found_whatever_the_case_of_their_names() {
    for names in [
        ["webhook-id", "webhook-timestamp", "webhook-signature"],
        ["Webhook-Id", "WEBHOOK-TIMESTAMP", "weBhook-signaturE"],
    ] {
        let values = [MSG, "1614265330", GOOD].map(str::as_bytes);
        let sent = [(names[0], values[0]), (names[1], values[1]), (names[2], values[2])];
        let headers = Headers::among(sent);
        assert!(verify(&headers, BODY, &[key()], at(T)).is_ok(), "{names:?}");
    }
    assert_eq!(Headers::among([("svix-id", &b"1"[..])]), Headers::default());
}

#[test]
fn of_several_headers_of_one_name_the_first_counts() {
    let whole = headers("1614265330", GOOD);
    let values = [whole.id, whole.timestamp, whole.signature].map(Option::unwrap);
    let sent = [ID, TIMESTAMP, SIGNATURE].into_iter().zip(values);
    let added = [ID, TIMESTAMP, SIGNATURE].map(|name| (name, &b"added"[..]));
    assert_eq!(Headers::among(sent.chain(added)), whole);
}

#[test]
fn a_message_counts_for_five_minutes_both_ways() {
    let check = |now| verify(&headers("1614265330", GOOD), BODY, &[key()], now).map(|_| ());
    for (offset, expected) in [
        (-301, Err(Refusal::TooNew { by_s: 301 })),
        (-300, Ok(())),
        (0, Ok(())),
        (300, Ok(())),
        (301, Err(Refusal::TooOld { by_s: 301 })),
    ] {
        assert_eq!(check(at(T + offset)), expected, "{offset} s");
    }
}

#[test]
fn a_time_is_believed_and_read_only_after_the_signature() {
    let (past, ahead) = (T.abs_diff(i64::MIN), T.abs_diff(i64::MAX));
    let (min, max) = (i64::MIN.to_string(), i64::MAX.to_string());
    for (time, signed) in [
        ("hello", Refusal::BadTimestamp),
        ("1614265330.{}", Refusal::BadTimestamp),
        ("-1", Refusal::TooOld { by_s: T.unsigned_abs() + 1 }),
        (min.as_str(), Refusal::TooOld { by_s: past }),
        (max.as_str(), Refusal::TooNew { by_s: ahead }),
    ] {
        let mac = key().mac(&[MSG.as_bytes(), b".", time.as_bytes(), b".", BODY]).unwrap();
        let signature = format!("v1,{}", Base64::encode_string(&mac));
        let refused = |signature| verify(&headers(time, signature), BODY, &[key()], at(T));
        assert_eq!(refused(&signature), Err(signed), "{time}");
        assert_eq!(refused(BAD), Err(Refusal::NoMatch), "{time}");
    }
}

#[test]
fn any_bytes_can_be_signed_by_either_kind_of_key() {
    let seed = Base64::encode_string(&[7; 32]);
    let private = Signatory::new(&format!("whsk_{seed}")).unwrap();
    let pair = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let encode = |bytes: &[u8]| Base64::encode_string(bytes);
    let public = format!("whpk_{}", encode(pair.verifying_key().as_bytes()));
    let whole = Signatory::new(&format!("whsk_{}", encode(&pair.to_keypair_bytes()))).unwrap();
    let pairs = [
        (Signatory::new(KEY).unwrap(), key()),
        (private, Secret::new(&public).unwrap()),
        (whole, Secret::new(&public).unwrap()),
    ];
    for (signatory, secret) in &pairs {
        for body in [&b""[..], b"\xff\xfe\x00", b"not json", &[b'x'; 10_000]] {
            let signature = sign(signatory, "msg_1", at(T), body).unwrap();
            let headers = Headers { id: Some(b"msg_1"), ..headers("1614265330", &signature) };
            let secrets = std::slice::from_ref(secret);
            assert!(verify(&headers, body, secrets, at(T)).is_ok(), "{signature}");
        }
        for id in ["", "a.b", "a b", "é"] {
            assert_eq!(sign(signatory, id, at(T), BODY), Err(BadMessageId));
        }
    }
}

#[test]
fn during_a_rotation_the_old_and_the_new_secret_count() {
    let new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let both = [key(), Secret::new(new).unwrap()];
    for (index, text) in [KEY, new].into_iter().enumerate() {
        let signature = sign(&Signatory::new(text).unwrap(), MSG, at(T), BODY).unwrap();
        assert_eq!(check(&signature, &both), Ok(index));
        assert_eq!(check(&signature, &both[1..]).is_ok(), index == 1);
    }
}

#[test]
fn the_work_that_a_message_causes_is_bounded() {
    let many = |n: usize, bad: &str| format!("{} {GOOD}", vec![bad; n - 1].join(" "));
    assert_eq!(check(&many(SIGNATURES_MAX, BAD), &[key()]), Ok(0));
    let too_many = Err(Refusal::TooManySignatures);
    assert_eq!(check(&many(SIGNATURES_MAX + 1, BAD), &[key()]), too_many);
    assert_eq!(check(&many(1_000, "v2,"), &[key()]), too_many);
    let too_long = Err(Refusal::HeaderTooLong { name: SIGNATURE });
    assert_eq!(check(&many(10_000, BAD), &[key()]), too_long);
    for n in [0, SECRETS_MAX + 1] {
        assert_eq!(check(GOOD, &vec![key(); n]), Err(Refusal::Secrets));
    }
    assert!(check(GOOD, &vec![key(); SECRETS_MAX]).is_ok());
}

#[test]
fn keys_are_refused_with_their_reason_and_never_shown() {
    let of = |prefix: &str, bytes: usize| {
        format!("{prefix}{}", Base64::encode_string(&vec![7_u8; bytes]))
    };
    let either = "whsec_ or whpk_";
    let rows = [
        (String::new(), Some(BadSecret::Empty)),
        (format!("{KEY}\n"), Some(BadSecret::WhiteSpace { at: 38 })),
        (KEY.replace("whsec_", "whsec_ "), Some(BadSecret::WhiteSpace { at: 6 })),
        (KEY.replace("whsec_", ""), Some(BadSecret::Prefix { expected: either })),
        (of("whsk_", 32), Some(BadSecret::Prefix { expected: either })),
        ("whsec_".into(), Some(BadSecret::Length { found: 0 })),
        ("whsec_!!!!".into(), Some(BadSecret::Base64)),
        ("whsec_abc_-123".into(), Some(BadSecret::Base64)),
        (format!("{}==", of("whsec_", 32)), Some(BadSecret::Base64)),
        (of("whsec_", 23), Some(BadSecret::Length { found: 23 })),
        (of("whsec_", 24), None),
        (of("whsec_", 25).trim_end_matches('=').into(), None),
        (of("whsec_", 64), None),
        (of("whsec_", 65), Some(BadSecret::Length { found: 65 })),
        (of("whpk_", 31), Some(BadSecret::Length { found: 31 })),
        (of("whpk_", 33), Some(BadSecret::Length { found: 33 })),
        (format!("whpk_{}", Base64::encode_string(&[2; 32])), Some(BadSecret::NoKey)),
    ];
    for (text, refused) in rows {
        assert_eq!(Secret::new(&text).err(), refused, "{text}");
    }
    let rows = [
        (of("whpk_", 32), BadSecret::Prefix { expected: "whsec_ or whsk_" }),
        (of("whsk_", 31), BadSecret::Length { found: 31 }),
        (of("whsk_", 64), BadSecret::NoKey),
        (of("whsec_", 23), BadSecret::Length { found: 23 }),
        ("whsk_a b".into(), BadSecret::WhiteSpace { at: 6 }),
        (String::new(), BadSecret::Empty),
    ];
    for (text, refused) in rows {
        assert_eq!(Signatory::new(&text).err(), Some(refused), "{text}");
    }
    assert_eq!(format!("{:?} {:?}", key(), public()), "Secret(…) Secret(…)");
    assert_eq!(format!("{:?}", Signatory::new(KEY).unwrap()), "Signatory(…)");
}
