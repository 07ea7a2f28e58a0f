//! A webhook of 1 KiB from its bytes to "this event is new", against what nobody can do without:
//! the HMAC-SHA256 of its body.
//!
//! The floor is the same library, with its key set up for each message, as the documentation of that
//! library has it (`Hmac::new_from_slice(key)`, `update(body)`, `verify_slice`); and the same with the
//! key prepared once, as ours is. Ours reads the header, hashes the time along with the body,
//! compares, checks the time, and asks and tells a ledger of events that has seen none of them: the
//! key and the meaning of Stripe's events are read beforehand, those of Standard Webhooks are its
//! header's id and a hash of the body. Reading Stripe's JSON too, and queueing the event in an inbox,
//! is a line of its own.

use std::hash::Hasher;
use std::hint::black_box;
use std::time::Instant;

use doorstep::core::idempotency::{Begun, Bounds, Ledger};
use doorstep::core::provider::{Event, EventId, Meaning};
use doorstep::core::time::{Span, Timestamp};
use doorstep::core::webhook::inbox::{Accepted, Inbox, Rules};
use doorstep::core::webhook::standard::{self, Headers, Signatory};
use doorstep::core::webhook::{Message, stripe};
use hmac::{Hmac, Mac};
use rustc_hash::FxHasher;
use sha2::Sha256;

use super::report::Report;
use super::rounds::{Turn, interleave};
use crate::Effort;

const NOON: Timestamp = Timestamp::from_secs(1_768_480_000);
const BODY_BYTES: usize = 1_024;
const STRIPE_SECRET: &str = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH";
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let post = Post::new(effort.of(20_000, 200));
    let rounds = effort.of(31, 1);
    let turns: [Turn<'_>; 5] = [
        Box::new(|| post.bare()),
        Box::new(|| post.bare_prepared()),
        Box::new(|| post.stripe()),
        Box::new(|| post.standard()),
        Box::new(|| post.stripe_read()),
    ];
    let [bare, prepared, stripe, standard, read] = interleave(rounds, turns);
    let what = "verify (Stripe) and ledger, 1 KiB, over the bare HMAC of the body";
    report.cost("webhook/verify_once_vs_hmac", stripe.over(&bare), what);
    let what = "the same, over an HMAC whose key is prepared once";
    report.cost("webhook/verify_once_vs_prepared_hmac", stripe.over(&prepared), what);
    let what = "verify (Standard Webhooks, v1) and ledger, over the bare HMAC";
    report.cost("webhook/verify_once_standard_vs_hmac", standard.over(&bare), what);
    let what = "verify (Stripe), read the JSON, queue in the inbox, over the bare HMAC";
    report.cost("webhook/accept_vs_hmac", read.over(&bare), what);
    report.figure("webhook/hmac_ns", bare, "ns", "the bare HMAC-SHA256 of 1 KiB, key set up each");
    report.figure("webhook/verify_once_ns", stripe, "ns", "verify (Stripe) and ledger");
    report.figure("webhook/accept_ns", read, "ns", "verify, read, queue");
}

/// What came with one message.
struct Letter {
    event: Event,
    body: Vec<u8>,
    /// The header of Stripe, and the signature in it.
    stripe: String,
    mac: [u8; 32],
    id: String,
    standard: String,
}

/// Messages of which no two are about one event.
struct Post {
    letters: Vec<Letter>,
    stripe: [stripe::Secret; 1],
    standard: [standard::Secret; 1],
    bounds: Bounds,
    rules: Rules,
}

impl Post {
    fn new(count: usize) -> Self {
        let stripe = stripe::Secret::new(STRIPE_SECRET).expect("it is one");
        let standard = standard::Secret::new(STANDARD_SECRET).expect("it is one");
        let signatory = Signatory::new(STANDARD_SECRET).expect("it is one");
        let most = u32::try_from(count).expect("it fits");
        let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(4 * 24), most);
        let bounds = bounds.expect("they are sound");
        let rules = Rules::new(bounds, most).expect("they are sound");
        let letters = (0..count).map(|number| Letter::new(number, &stripe, &signatory)).collect();
        Self { letters, stripe: [stripe], standard: [standard], bounds, rules }
    }

    /// Does something about every message; how many nanoseconds one takes.
    fn each(&self, mut act: impl FnMut(&Letter)) -> f64 {
        let began = Instant::now();
        self.letters.iter().for_each(&mut act);
        began.elapsed().as_secs_f64() * 1e9 / self.letters.len() as f64
    }

    fn bare(&self) -> f64 {
        self.each(|letter| {
            let key = black_box(STRIPE_SECRET.as_bytes());
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(&letter.body);
            assert!(mac.verify_slice(&letter.mac).is_ok());
        })
    }

    fn bare_prepared(&self) -> f64 {
        let key = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).expect("any length");
        self.each(|letter| {
            let mut mac = key.clone();
            mac.update(&letter.body);
            assert!(mac.verify_slice(&letter.mac).is_ok());
        })
    }

    fn stripe(&self) -> f64 {
        let mut ledger: Ledger<EventId, (), Meaning> = Ledger::new();
        self.each(|letter| {
            let header = Some(letter.stripe.as_bytes());
            let verified = stripe::verify(header, &letter.body, &self.stripe, NOON);
            black_box(verified.expect("it is signed"));
            let Event { id, says } = &letter.event;
            let recorded = ledger.record(id.clone(), says.clone(), (), NOON, &self.bounds);
            assert!(matches!(recorded, Ok(Begun::First { .. })), "it is new");
        })
    }

    fn standard(&self) -> f64 {
        let mut ledger: Ledger<EventId, ()> = Ledger::new();
        self.each(|letter| {
            let headers = Headers {
                id: Some(letter.id.as_bytes()),
                timestamp: Some(b"1768480000"),
                signature: Some(letter.standard.as_bytes()),
            };
            let verified = standard::verify(&headers, &letter.body, &self.standard, NOON);
            let verified = verified.expect("it is signed");
            let id = EventId::new(verified.id().expect("it has one")).expect("it is sound");
            let mut hash = FxHasher::default();
            hash.write(verified.body());
            let recorded = ledger.record(id, hash.finish().into(), (), NOON, &self.bounds);
            assert!(matches!(recorded, Ok(Begun::First { .. })), "it is new");
        })
    }

    fn stripe_read(&self) -> f64 {
        let mut inbox = Inbox::new();
        self.each(|letter| {
            let header = Some(letter.stripe.as_bytes());
            let verified = stripe::verify(header, &letter.body, &self.stripe, NOON);
            let message = stripe::read(&verified.expect("it is signed")).expect("it is an event");
            let accepted = inbox.accept(message, NOON, &self.rules).expect("there is room");
            assert_eq!(accepted, Accepted::Queued);
        })
    }
}

impl Letter {
    fn new(number: usize, secret: &stripe::Secret, signatory: &Signatory) -> Self {
        let scattered = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let name = format!("evt_{scattered:016x}");
        let body = body(&name, number).into_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).expect("any length");
        mac.update(&body);
        let mac = mac.finalize().into_bytes().into();
        let stripe = stripe::sign(secret, &body, NOON);
        let verified =
            stripe::verify(Some(stripe.as_bytes()), &body, std::slice::from_ref(secret), NOON);
        let message = stripe::read(&verified.expect("it is signed")).expect("it is an event");
        let Message::Payment(event) = message else { panic!("{message:?}") };
        let id = format!("msg_{scattered:016x}");
        let standard = standard::sign(signatory, &id, NOON, &body).expect("the id is sound");
        Self { event, body, stripe, mac, id, standard }
    }
}

/// An event as Stripe writes it, as far as there is room in 1 KiB.
fn body(name: &str, number: usize) -> String {
    let amount = 1_000 + number % 5_000;
    let mut body = format!(
        r#"{{"id":"{name}","object":"event","api_version":"2025-09-30.clover","created":1768480000,"livemode":true,"pending_webhooks":1,"request":{{"id":"req_{number:014}","idempotency_key":"ord_0000000000011/capture/1"}},"type":"payment_intent.succeeded","data":{{"object":{{"id":"pi_{number:024}","object":"payment_intent","amount":{amount},"amount_capturable":0,"amount_received":{amount},"capture_method":"manual","client_secret":"pi_{number:024}_secret_{number:024}","confirmation_method":"automatic","created":1768479000,"currency":"eur","customer":"cus_{number:014}","latest_charge":"ch_{number:024}","livemode":true,"metadata":{{"doorstep_effect":"ord_0000000000011/hold/1"}},"payment_method":"pm_{number:024}","payment_method_types":["card"],"status":"succeeded","description":""#
    );
    const END: &str = "\"}}}";
    body.extend(std::iter::repeat_n('.', BODY_BYTES - END.len() - body.len()));
    body + END
}
