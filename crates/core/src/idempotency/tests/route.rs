//! A route that takes an `Idempotency-Key`, as a service would write it over a ledger.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

type Answer = (u16, String);
type Scope = (&'static str, &'static str, IdempotencyKey);

/// A service, and how often it charged somebody.
struct Service {
    ledger: Mutex<Ledger<Scope, Answer>>,
    bounds: Bounds,
    charges: AtomicU32,
}

impl Service {
    fn new() -> Self {
        let day = Span::from_hours(24);
        Self {
            ledger: Mutex::default(),
            bounds: Bounds::new(Span::from_secs(30), day, 10_000).unwrap(),
            charges: AtomicU32::new(0),
        }
    }

    /// `POST route`: a body that is not valid, one that the bank declines, or a sound one.
    fn post(
        &self,
        (caller, route): (&'static str, &'static str),
        key: Option<&str>,
        body: &str,
        now: Timestamp,
    ) -> Answer {
        let key = match IdempotencyKey::required(key.map(str::as_bytes)) {
            Ok(key) => key,
            Err(why) => return (400, why.to_string()),
        };
        let scope = (caller, route, key);
        let digest = body.bytes().fold(7, |digest: u128, byte| digest * 31 + u128::from(byte));
        let token = match self.ledger.lock().unwrap().begin(&scope, &digest, now, &self.bounds) {
            Ok(Begun::First { token, .. }) => token,
            Ok(Begun::InFlight { .. }) => return (409, "in flight".into()),
            Ok(Begun::Repeat(answer)) => return answer.clone(),
            Ok(Begun::Conflict { .. }) => return (422, "another request had this key".into()),
            Err(Full { .. }) => return (503, "come back".into()),
        };
        if body.is_empty() {
            self.ledger.lock().unwrap().abandon(&scope, token).unwrap();
            return (400, "the body is empty".into());
        }
        let nth = self.charges.fetch_add(1, Ordering::SeqCst) + 1;
        let status = if body == "declined" { 402 } else { 201 };
        let answer = (status, format!("charge {nth}"));
        self.ledger.lock().unwrap().complete(&scope, token, answer.clone(), now).unwrap();
        answer
    }
}

const PAY: (&str, &str) = ("ann", "POST /pay");

#[test]
fn the_first_answer_comes_again_byte_for_byte_errors_included() {
    let service = Service::new();
    for body in ["coffee", "declined"] {
        let first = service.post(PAY, Some(body), body, NOON);
        assert_eq!(first.0, if body == "coffee" { 201 } else { 402 });
        assert_eq!(service.post(PAY, Some(body), body, at(60)), first);
        assert_eq!(service.post(PAY, Some(&format!("\"{body}\"")), body, at(86_399)), first);
    }
    assert_eq!(service.charges.load(Ordering::SeqCst), 2);
    assert_eq!(service.post(PAY, Some("coffee"), "coffee", at(86_400)).1, "charge 3");
}

#[test]
fn a_request_without_a_key_or_with_a_bad_one_is_answered_400_and_changes_nothing() {
    let service = Service::new();
    let long = "k".repeat(256);
    for key in [None, Some(""), Some("\"a"), Some("a b"), Some("é"), Some(&long)] {
        assert_eq!(service.post(PAY, key, "coffee", NOON).0, 400, "{key:?}");
    }
    assert!(service.ledger.lock().unwrap().is_empty());
    assert_eq!(service.charges.load(Ordering::SeqCst), 0);
}

#[test]
fn the_same_key_with_another_body_is_answered_422() {
    let service = Service::new();
    let first = service.post(PAY, Some("k"), "coffee", NOON);
    assert_eq!(service.post(PAY, Some("k"), "tea", NOON).0, 422);
    assert_eq!(service.post(PAY, Some("k"), "coffee", NOON), first);
}

#[test]
fn the_scope_of_a_key_is_its_caller_and_the_route() {
    let service = Service::new();
    let nth = |scope| service.post(scope, Some("k"), "coffee", NOON).1;
    assert_eq!(nth(PAY), "charge 1");
    assert_eq!(nth(("bob", "POST /pay")), "charge 2");
    assert_eq!(nth(("ann", "POST /tip")), "charge 3");
    assert_eq!(nth(PAY), "charge 1");
}

#[test]
fn nothing_is_stored_when_validation_failed() {
    let service = Service::new();
    assert_eq!(service.post(PAY, Some("k"), "", NOON).0, 400);
    assert!(service.ledger.lock().unwrap().is_empty());
    assert_eq!(service.post(PAY, Some("k"), "coffee", NOON), (201, "charge 1".into()));
}

#[test]
fn a_thousand_simultaneous_callers_with_one_key_charge_once() {
    let service = Service::new();
    let start = std::sync::Barrier::new(1_000);
    let answers = Mutex::new(Vec::new());
    // Real threads, because the claim is about them; the ledger itself starts none.
    #[expect(clippy::disallowed_methods, reason = "the callers are simultaneous")]
    std::thread::scope(|scope| {
        for _ in 0..1_000 {
            scope.spawn(|| {
                start.wait();
                let answer = service.post(PAY, Some("k"), "coffee", NOON);
                answers.lock().unwrap().push(answer);
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    assert_eq!(answers.len(), 1_000);
    assert_eq!(service.charges.load(Ordering::SeqCst), 1);
    let done = (201, "charge 1".to_owned());
    assert!(answers.contains(&done));
    assert!(answers.iter().all(|answer| *answer == done || answer.0 == 409), "{answers:?}");
    assert_eq!(service.post(PAY, Some("k"), "coffee", NOON), done);
}
