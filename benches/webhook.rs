//! A webhook's way in, step by step: is it from whom it says, what does it say, is it new.

#![allow(missing_docs, reason = "criterion's own functions")]
#![allow(clippy::expect_used, reason = "a measurement that fails is to end")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use doorstep::core::idempotency::Bounds;
use doorstep::core::time::{Span, Timestamp};
use doorstep::core::webhook::inbox::{Inbox, Rules};
use doorstep::core::webhook::standard::{self, Headers, Signatory};
use doorstep::core::webhook::{Message, stripe};

const NOW: Timestamp = Timestamp::from_secs(1_768_500_000);
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An event of Stripe, filled up to 1 KiB.
fn body(number: usize) -> Vec<u8> {
    let body = format!(
        r#"{{"id":"evt_{number:016x}","type":"payment_intent.succeeded","data":{{"object":{{
        "amount_received":1250,"currency":"eur","metadata":{{"doorstep_effect":
        "ord_0000000000011/hold/1"}},"description":"#
    );
    let filled = 1_020_usize.saturating_sub(body.len());
    format!("{body}\"{}\"}}}}}}", ".".repeat(filled)).into_bytes()
}

fn signed(criterion: &mut Criterion) {
    let body = body(1);
    let (ours, other) = (stripe::Secret::new(KEY), stripe::Secret::new("whsec_another"));
    let (ours, other) = (ours.expect("it is one"), other.expect("it is one"));
    let header = stripe::sign(&ours, &body, NOW);
    let verify = |secrets: &[stripe::Secret]| {
        black_box(stripe::verify(Some(header.as_bytes()), &body, secrets, NOW)).is_ok()
    };
    let rotated = [other.clone(), ours.clone()];
    for (name, secrets) in
        [("one secret", &rotated[1..]), ("the second of two", &rotated), ("forged", &[other])]
    {
        criterion.bench_function(&format!("webhook/stripe: 1 KiB, {name}"), |bench| {
            bench.iter(|| verify(secrets));
        });
    }
    let message = stripe::verify(Some(header.as_bytes()), &body, &[ours], NOW);
    let message = message.expect("it is signed");
    criterion.bench_function("webhook/stripe: 1 KiB read", |bench| {
        bench.iter(|| black_box(stripe::read(&message)));
    });

    let signatory = Signatory::new(KEY).expect("it is one");
    let signature = standard::sign(&signatory, "msg_1", NOW, &body).expect("the id is sound");
    let secrets = [standard::Secret::new(KEY).expect("it is one")];
    let headers = Headers {
        id: Some(b"msg_1"),
        timestamp: Some(b"1768500000"),
        signature: Some(signature.as_bytes()),
    };
    criterion.bench_function("webhook/standard: 1 KiB, v1", |bench| {
        bench.iter(|| black_box(standard::verify(&headers, &body, &secrets, NOW)).is_ok());
    });
}

/// The published message of Standard Webhooks that is signed by ed25519.
fn published(criterion: &mut Criterion) {
    let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let secrets = [standard::Secret::new(public).expect("it is one")];
    let signature = b"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZ\
        dpXwVLPo3mNl8EM+m7TBAg==";
    let headers = Headers {
        id: Some(b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
        timestamp: Some(b"1614265330"),
        signature: Some(signature),
    };
    let (body, at) = (br#"{"test": 2432232314}"#, Timestamp::from_secs(1_614_265_330));
    standard::verify(&headers, body, &secrets, at).expect("it is published");
    criterion.bench_function("webhook/standard: v1a (ed25519)", |bench| {
        bench.iter(|| black_box(standard::verify(&headers, body, &secrets, at)).is_ok());
    });
}

fn inbox(criterion: &mut Criterion) {
    const EVENTS: usize = 10_000;
    let secret = [stripe::Secret::new(KEY).expect("it is one")];
    let read = |number| {
        let body = body(number);
        let header = stripe::sign(&secret[0], &body, NOW);
        let verified = stripe::verify(Some(header.as_bytes()), &body, &secret, NOW);
        stripe::read(&verified.expect("it is signed")).expect("it is an event")
    };
    let messages: Vec<Message> = (0..EVENTS).map(read).collect();
    let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(96), 100_000);
    let rules = Rules::new(bounds.expect("they are sound"), 100_000).expect("they are sound");
    let take_in = |inbox: &mut Inbox, messages: Vec<Message>| {
        for message in messages {
            inbox.accept(message, NOW, &rules).expect("there is room");
        }
    };
    criterion.bench_function("webhook/inbox: 10,000 new events taken in", |bench| {
        bench.iter_batched(
            || (Inbox::new(), messages.clone()),
            |(mut inbox, messages)| {
                take_in(&mut inbox, messages);
                inbox
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("webhook/inbox: one of 10,000 comes again", |bench| {
        let mut inbox = Inbox::new();
        take_in(&mut inbox, messages.clone());
        let mut again = messages.iter().cycle();
        bench.iter_batched(
            || again.next().cloned().expect("there are some"),
            |message| black_box(inbox.accept(message, NOW, &rules)),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("webhook/inbox: 10,000 events worked off", |bench| {
        let mut full = Inbox::new();
        take_in(&mut full, messages.clone());
        bench.iter_batched(
            || full.clone(),
            |mut inbox| {
                while let Some(job) = inbox.next(NOW, &rules) {
                    inbox.done(&job.event.id, job.token, NOW).expect("it was just given out");
                }
                inbox
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = signed, published, inbox
}
criterion_main!(benches);
