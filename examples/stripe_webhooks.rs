//! Five deliveries of two events, shuffled, one of them forged and one contradictory, while the
//! signing secret is rotated. The money is taken in once.
//!
//! ```sh
//! cargo run --example stripe_webhooks
//! cargo run --example stripe_webhooks -- --sign whsec_…     # two, signed now, for others to verify
//! ```

use doorstep::core::idempotency::Bounds;
use doorstep::core::money::{Currency, Money};
use doorstep::core::notify::{Name, SendKey, Sending};
use doorstep::core::payment::{News, Notice, Payment};
use doorstep::core::policy::Policy;
use doorstep::core::provider::Fact;
use doorstep::core::time::{Span, Timestamp};
use doorstep::core::webhook::inbox::{Accepted, Inbox, Rules};
use doorstep::core::webhook::stripe::{self, Secret};
use doorstep_runtime::notify::{self, Endpoint, Recipient, WebhookRequest};

/// What Stripe sends; `nth` stands for all that differs between two deliveries of one event.
fn body(id: &str, kind: &str, amount: &str, nth: usize) -> String {
    format!(
        r#"{{"id":"{id}","type":"payment_intent.{kind}","pending_webhooks":{nth},"data":{{"object":
        {{{amount},"currency":"eur","metadata":{{"doorstep_effect":"ord_0000000000011/hold/1"}}}}}}}}"#
    )
}

/// Prints what others' libraries are to verify: a message as Stripe signs it (header, body), and one as
/// the service's own webhooks are (id, time, signature, body), with tabs in between.
fn sign(secret: &str) -> Result<(), Box<dyn std::error::Error>> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = Timestamp::from_secs(i64::try_from(since.as_secs())?);
    let body = body("evt_ours", "succeeded", r#""amount_received":1250"#, 1).replace('\n', " ");
    println!("{}\t{body}", stripe::sign(&Secret::new(secret)?, body.as_bytes(), now));

    let endpoint = Endpoint { url: String::new(), secrets: vec![notify::Secret::new(secret)?] };
    let key =
        SendKey { message: Name::new("n_0_7_0c")?, channel: Name::new("webhook")?, attempt: 1 };
    let body = r#"{"v":1,"type":"order.confirmed","at":1795343400000,"order":"ord_0000000000001"}"#;
    let (to, category) = (Recipient::Operations, Name::new("order")?);
    let sending = Sending { key, to, category, critical: false, body: body.into() };
    let request = WebhookRequest::new(&endpoint, &sending, now).ok_or("it is not signed")?;
    let WebhookRequest { id, timestamp, signature, .. } = request;
    println!("{id}\t{timestamp}\t{signature}\t{body}");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let [_, flag, secret] = &std::env::args().collect::<Vec<_>>()[..] {
        assert_eq!(flag, "--sign", "the only flag there is");
        return sign(secret);
    }
    let mut now = Timestamp::from_secs(1_700_000_000);
    let (old, new) = (Secret::new("whsec_old")?, Secret::new("whsec_new")?);
    let forger = Secret::new("whsec_guessed")?;
    let live = [old.clone(), new.clone()];

    // Our side: a payment of 12.50 that waits for its hold.
    let euro = Currency::new("EUR").ok_or("no currency")?;
    let total = Money::new(1_250, euro);
    let (mut payment, policy) = (Payment::new(total), Policy::new(euro).payment);
    payment.owe(total);

    let held = |nth| body("evt_1", "amount_capturable_updated", r#""amount_capturable":1250"#, nth);
    let taken =
        |nth, minor| body("evt_2", "succeeded", &format!(r#""amount_received":{minor}"#), nth);
    let deliveries = [
        ("evt_2, before evt_1", &old, taken(1, 1_250)),
        ("evt_1, forged", &forger, held(1)),
        ("evt_1, by the new secret", &new, held(2)),
        ("evt_2 again, other bytes", &new, taken(2, 1_250)),
        ("evt_2 with another amount", &old, taken(3, 9_999)),
    ];

    let bounds = Bounds::new(Span::from_secs(30), Span::from_hours(96), 100_000)?;
    let rules = Rules::new(bounds, 10_000)?;
    let mut inbox = Inbox::new();
    for (what, signer, body) in &deliveries {
        now = now.saturating_add(Span::from_millis(200));
        let header = stripe::sign(signer, body.as_bytes(), now);
        match stripe::verify(Some(header.as_bytes()), body.as_bytes(), &live, now) {
            Err(refusal) => println!("{what:26} 400  {refusal}"),
            Ok(verified) => {
                let accepted = inbox.accept(stripe::read(&verified)?, now, &rules)?;
                let told = match &accepted {
                    Accepted::Queued => "new: it waits to be worked on".into(),
                    Accepted::Repeat { progress } => format!("known: {progress:?}"),
                    Accepted::Conflict { differs } => format!("a contradiction, in {differs:?}"),
                    Accepted::Unused { why } => format!("of no use: {why:?}"),
                };
                println!("{what:26} {}  {told}", accepted.status());
            }
        }
    }

    // Later, after the answers: what waits is worked on. The capture tells all that the hold would.
    let mut effects = Vec::new();
    while let Some(due) = inbox.next_deadline(&rules).filter(|_| inbox.open() > 0) {
        now = now.max(due);
        let Some(job) = inbox.next(now, &rules) else { continue };
        let news = match job.event.says.fact {
            Fact::Held { amount, until } => News::Authorised { amount, until },
            Fact::Captured { amount } => News::Captured { total: amount },
            Fact::Declined
            | Fact::Voided
            | Fact::Lapsed
            | Fact::Refunded { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundedInAll { .. } => return Err("no such event was sent".into()),
        };
        let events = payment.hear(&Notice { hold: 1, news }, &policy, now)?;
        for event in &events {
            payment.evolve(event)?;
        }
        inbox.done(&job.event.id, job.token, now)?;
        let what = if events.is_empty() { "no news" } else { "taken in" };
        println!("{}: {what}; {:?}", job.event.id, payment.funds());
        effects.extend(events);
    }
    let (came, told) = (deliveries.len(), effects.len());
    println!("{came} deliveries, {told} effect, paid {}", payment.paid());
    assert_eq!((told, payment.paid(), inbox.counts().conflicts), (1, total, 1));
    Ok(())
}
