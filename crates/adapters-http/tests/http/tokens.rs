//! Which tokens are believed.

use std::sync::Arc;

use doorstep_core::time::{Span, Timestamp};
use doorstep_http::auth::{
    AnyOf, ApiKey, ApiKeys, Authenticate, BadKey, Jwt, JwtKey, KeyAlgorithm, NotBelieved, Who,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::keys;

const ISSUER: &str = "https://id.example";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn ed(kid: &str, pem: &str) -> JwtKey {
    JwtKey::from_pem(kid, KeyAlgorithm::EdDsa, pem.as_bytes()).unwrap()
}

fn jwt() -> Jwt {
    let rsa = JwtKey::from_pem("rsa", KeyAlgorithm::Rs256, keys::RSA_PUBLIC.as_bytes()).unwrap();
    Jwt::new(ISSUER, "doorstep", vec![ed("ed", keys::ED_PUBLIC), rsa]).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "doorstep", "sub": "cus_0000000000007", "role": "customer",
        "exp": 1_800_000_060_i64,
    })
}

fn sign(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, key).unwrap()
}

fn by_ed(claims: &Value) -> String {
    let key = EncodingKey::from_ed_pem(keys::ED.as_bytes()).unwrap();
    sign(Algorithm::EdDSA, Some("ed"), &key, claims)
}

fn by_rsa(claims: &Value) -> String {
    let key = EncodingKey::from_rsa_pem(keys::RSA.as_bytes()).unwrap();
    sign(Algorithm::RS256, Some("rsa"), &key, claims)
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

fn without(name: &str) -> Value {
    with(|claims| {
        claims.as_object_mut().unwrap().remove(name);
    })
}

#[test]
fn a_good_token_of_either_kind_is_believed_until_it_expires() {
    let jwt = jwt();
    for token in [by_ed(&claims()), by_rsa(&claims())] {
        let principal = jwt.authenticate(&token, NOW).unwrap();
        assert_eq!(principal.who, Who::Customer(7.into()));
        let expires_at = principal.expires_at.unwrap();
        assert_eq!(expires_at, Timestamp::from_secs(1_800_000_065), "with 5 s of leeway");
        let last = expires_at.saturating_sub(Span::from_millis(1));
        assert!(jwt.authenticate(&token, last).is_ok());
        assert_eq!(jwt.authenticate(&token, expires_at), Err(NotBelieved::Expired));
    }
}

#[test]
fn what_a_token_must_say_it_must_say_rightly() {
    let jwt = jwt();
    for claim in ["iss", "aud", "sub", "exp", "role"] {
        let told = jwt.authenticate(&by_ed(&without(claim)), NOW);
        assert_eq!(told, Err(NotBelieved::Invalid), "without {claim}");
    }
    let table = [
        ("iss", json!("https://id.example.evil")),
        ("iss", json!(["https://id.example", "https://evil"])),
        ("aud", json!("another-service")),
        ("aud", json!([])),
        ("sub", json!("drv_0000000000007")),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("role", json!("admin")),
        ("role", json!("driver")),
        ("exp", json!("1800000060")),
        ("nbf", json!(1_800_000_030_i64)),
    ];
    for (claim, value) in table {
        let token = by_ed(&with(|claims| claims[claim] = value.clone()));
        assert_eq!(jwt.authenticate(&token, NOW), Err(NotBelieved::Invalid), "{claim}: {value}");
    }
    let several = with(|claims| claims["aud"] = json!(["another", "doorstep"]));
    assert!(jwt.authenticate(&by_ed(&several), NOW).is_ok());
    let begun = with(|claims| claims["nbf"] = json!(1_799_999_999_i64));
    assert!(jwt.authenticate(&by_ed(&begun), NOW).is_ok());
}

#[test]
fn a_token_cannot_choose_its_algorithm_or_its_key() {
    let jwt = jwt();
    // The public key as an HMAC secret, under the name of the key that it is.
    for (kid, public) in [("ed", keys::ED_PUBLIC), ("rsa", keys::RSA_PUBLIC)] {
        let secret = EncodingKey::from_secret(public.as_bytes());
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = sign(algorithm, Some(kid), &secret, &claims());
            assert_eq!(jwt.authenticate(&token, NOW), Err(NotBelieved::Invalid));
        }
    }
    // A good signature of another kind under this name.
    let rsa = EncodingKey::from_rsa_pem(keys::RSA.as_bytes()).unwrap();
    let ed = EncodingKey::from_ed_pem(keys::ED.as_bytes()).unwrap();
    let crossed = [
        sign(Algorithm::RS256, Some("ed"), &rsa, &claims()),
        sign(Algorithm::EdDSA, Some("rsa"), &ed, &claims()),
        sign(Algorithm::RS512, Some("rsa"), &rsa, &claims()),
        sign(Algorithm::PS256, Some("rsa"), &rsa, &claims()),
        sign(Algorithm::EdDSA, Some("unknown"), &ed, &claims()),
        sign(Algorithm::EdDSA, None, &ed, &claims()),
    ];
    for token in crossed {
        assert_eq!(jwt.authenticate(&token, NOW), Err(NotBelieved::Invalid));
    }
    // No algorithm at all, and a signature cut off or changed.
    let good = by_ed(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwia2lkIjoiZWQifQ";
    let (_, payload) = signed.split_once('.').unwrap();
    for token in [
        format!("{none}.{payload}."),
        format!("{signed}."),
        format!("{signed}.{}A", &signature[..signature.len() - 2]),
        format!("{signed}A.{signature}"),
        "a.b.c".into(),
        String::new(),
        "x".repeat(10_000),
    ] {
        assert!(jwt.authenticate(&token, NOW).is_err(), "{token}");
    }
}

#[test]
fn keys_rotate_without_a_gap_and_what_is_taken_back_is_believed_no_more() {
    let jwt = jwt();
    let (old, next) = (by_ed(&claims()), {
        let key = EncodingKey::from_ed_pem(keys::ED_NEXT.as_bytes()).unwrap();
        sign(Algorithm::EdDSA, Some("next"), &key, &claims())
    });
    assert!(jwt.authenticate(&old, NOW).is_ok());
    assert!(jwt.authenticate(&next, NOW).is_err());
    jwt.rotate(vec![ed("ed", keys::ED_PUBLIC), ed("next", keys::ED_NEXT_PUBLIC)]).unwrap();
    assert!(jwt.authenticate(&old, NOW).is_ok() && jwt.authenticate(&next, NOW).is_ok());
    let twice = vec![ed("ed", keys::ED_PUBLIC), ed("ed", keys::ED_NEXT_PUBLIC)];
    assert_eq!(jwt.rotate(twice), Err(BadKey::KeyId));
    jwt.rotate(vec![ed("next", keys::ED_NEXT_PUBLIC)]).unwrap();
    assert_eq!(jwt.authenticate(&old, NOW), Err(NotBelieved::Invalid));
    assert!(jwt.authenticate(&next, NOW).is_ok());
}

#[test]
fn keys_are_read_as_what_they_are_or_not_at_all() {
    let read = |kind, pem: &str| JwtKey::from_pem("k", kind, pem.as_bytes()).map(|_| ());
    assert_eq!(read(KeyAlgorithm::EdDsa, keys::RSA_PUBLIC), Err(BadKey::Unreadable));
    assert_eq!(read(KeyAlgorithm::Rs256, keys::ED_PUBLIC), Err(BadKey::Unreadable));
    assert_eq!(read(KeyAlgorithm::EdDsa, "no pem"), Err(BadKey::Unreadable));
    let nameless = JwtKey::from_pem("", KeyAlgorithm::EdDsa, keys::ED_PUBLIC.as_bytes());
    assert_eq!(nameless.map(|_| ()), Err(BadKey::KeyId));
    let shown = format!("{:?}", ed("ed", keys::ED_PUBLIC));
    assert_eq!(shown, "JwtKey(ed, EdDSA)");
}

#[test]
fn a_tablet_is_its_restaurant_by_a_key_of_which_only_a_digest_is_kept() {
    let text = "dsk_counter1_0123456789abcdefghijklmnop";
    let key = ApiKey::new(text, 1.into()).unwrap();
    assert!(!format!("{key:?}").contains("0123456789"));
    let any = AnyOf::new(vec![Arc::new(ApiKeys::new([key])), Arc::new(jwt())]);
    let principal = any.authenticate(text, NOW).unwrap();
    assert_eq!((principal.who, principal.expires_at), (Who::Restaurant(1.into()), None));
    assert!(any.authenticate(&by_ed(&claims()), NOW).is_ok());
    for wrong in [
        "dsk_counter1_0123456789abcdefghijklmnoq",
        "dsk_counter2_0123456789abcdefghijklmnop",
        "dsk_counter1_",
        "dsk_counter1",
        "counter1",
    ] {
        assert_eq!(any.authenticate(wrong, NOW), Err(NotBelieved::Invalid), "{wrong}");
    }
    assert!(ApiKey::new("dsk_short_secret", 1.into()).is_err());
    assert!(ApiKey::new("0123456789abcdefghijklmnop", 1.into()).is_err());
}
