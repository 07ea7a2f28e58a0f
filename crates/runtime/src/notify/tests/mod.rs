//! The channels that are shipped, and what is saved.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use doorstep_core::id::{CustomerId, ShardId};
use doorstep_core::notify::{Answer, Message, Name, Profile, SendKey, Sending};
use doorstep_core::time::{Span, Timestamp};
use parking_lot::Mutex;

use super::*;
use crate::ports::{Notifier, NotifyStore};

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn customer(id: u32) -> Recipient {
    Recipient::Customer(CustomerId::from(id))
}

fn sending(id: &str, to: Recipient) -> Sending<Recipient> {
    let key = SendKey { message: name(id), channel: name("c"), attempt: 1 };
    Sending { key, to, category: name("order"), critical: false, body: r#"{"v":1}"#.into() }
}

#[test]
fn an_inbox_keeps_the_newest_letters_each_once_and_the_users_last_written_to() {
    let mut inboxes = Inboxes::new(2, 2);
    let reads = |inboxes: &Inboxes, of| {
        let letters = inboxes.read(customer(of), 0, 9);
        letters.iter().map(|l| format!("{}:{}", l.number, l.id)).collect::<Vec<_>>()
    };
    for id in ["a", "b", "b", "c"] {
        inboxes.send(&sending(id, customer(1)), T0);
    }
    assert_eq!(reads(&inboxes, 1), ["2:b", "3:c"]);
    assert_eq!(inboxes.read(customer(1), 2, 9).len(), 1);
    assert_eq!(inboxes.read(customer(1), 0, 1).len(), 1);
    inboxes.send(&sending("d", customer(2)), T0);
    inboxes.send(&sending("e", customer(1)), T0);
    inboxes.send(&sending("f", customer(3)), T0);
    assert_eq!((reads(&inboxes, 1).len(), reads(&inboxes, 2).len()), (2, 0));
    assert_eq!(inboxes.users(), 2);
    inboxes.clear(customer(3), 99);
    assert_eq!(inboxes.users(), 1);
    let mut answers = 0;
    while let Some((_, answer)) = inboxes.poll(T0) {
        assert_eq!(answer, Answer::Delivered);
        answers += 1;
    }
    assert_eq!(answers, 7, "a repetition is delivered, too");
}

/// Something to write to that can fail.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<(Vec<u8>, bool)>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut paper = self.0.lock();
        if paper.1 {
            return Err(io::Error::other("the disk is full"));
        }
        paper.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_message_is_one_line_of_a_log_and_a_line_that_fails_is_said_to() {
    let paper = Paper::default();
    let mut lines = LogLines::new(paper.clone());
    let mut two = sending("n_0_1_2c", customer(7));
    two.body = "{\"a\":\n1}".into();
    lines.send(&two, T0);
    let written = String::from_utf8(paper.0.lock().0.clone()).unwrap();
    assert_eq!(written, "1700000000000 n_0_1_2c/c/1 cus_0000000000007 order {\"a\": 1}\n");
    paper.0.lock().1 = true;
    lines.send(&two, T0);
    let said: Vec<Answer> = std::iter::from_fn(|| lines.poll(T0)).map(|(_, a)| a).collect();
    assert_eq!(said, [Answer::Delivered, Answer::Failed { code: None, retry_after: None }]);
}

/// A transport that gives one answer to everything.
struct Post {
    says: Posted,
    posted: Arc<Mutex<Vec<WebhookRequest>>>,
    waiting: Vec<SendKey>,
}

impl Transport for Post {
    fn post(&mut self, key: &SendKey, request: &WebhookRequest, _now: Timestamp) {
        self.posted.lock().push(request.clone());
        self.waiting.push(key.clone());
    }

    fn poll(&mut self, _now: Timestamp) -> Option<(SendKey, Posted)> {
        self.waiting.pop().map(|key| (key, self.says))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

fn posts(
    says: Posted,
    to: Recipient,
    secrets: Vec<Secret>,
) -> (Option<Answer>, Vec<WebhookRequest>) {
    let posted = Arc::default();
    let post = Post { says, posted: Arc::clone(&posted), waiting: vec![] };
    let endpoint = Endpoint { url: "https://example.com/hook".into(), secrets };
    let mut webhook = Webhook::new(post, BTreeMap::from([(customer(1), endpoint)]));
    webhook.send(&sending("m", to), T0);
    let said = webhook.poll(T0).map(|(_, answer)| answer);
    let requests = posted.lock().clone();
    (said, requests)
}

fn secret(n: u8) -> Secret {
    let texts =
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    Secret::new(texts[usize::from(n)]).unwrap()
}

#[test]
fn a_webhooks_status_says_whether_to_come_again() {
    let failed = |code, retry_after| Answer::Failed { code, retry_after };
    let answered = |status| Posted::Answered { status, retry_after: None };
    let soon = Some(Span::from_secs(9));
    for (says, wants) in [
        (answered(200), Answer::Delivered),
        (answered(204), Answer::Delivered),
        (answered(299), Answer::Delivered),
        (answered(199), failed(Some(199), None)),
        (answered(301), failed(Some(301), None)),
        (answered(400), failed(Some(400), None)),
        (answered(410), Answer::Rejected { code: Some(410) }),
        (answered(500), failed(Some(500), None)),
        (Posted::Answered { status: 429, retry_after: soon }, failed(Some(429), soon)),
        (Posted::Unreachable, failed(None, None)),
    ] {
        assert_eq!(posts(says, customer(1), vec![secret(0)]).0, Some(wants), "{says:?}");
    }
}

#[test]
fn a_webhook_is_signed_with_every_secret_and_goes_nowhere_without_one() {
    let ok = Posted::Answered { status: 200, retry_after: None };
    let (_, requests) = posts(ok, customer(1), vec![secret(0), secret(1)]);
    let (_, old) = posts(ok, customer(1), vec![secret(0)]);
    let (_, new) = posts(ok, customer(1), vec![secret(1)]);
    assert_eq!(requests[0].signature, format!("{} {}", old[0].signature, new[0].signature));
    assert_eq!((requests[0].id.as_str(), requests[0].timestamp.as_str()), ("m", "1700000000"));
    assert_eq!(requests[0].body, br#"{"v":1}"#);
    let nowhere = Some(Answer::Rejected { code: None });
    assert_eq!(posts(ok, customer(2), vec![secret(0)]), (nowhere, vec![]));
    assert_eq!(posts(ok, customer(1), vec![]), (nowhere, vec![]));
}

/// The bytes that are saved of one message. A change here is a change of format.
#[test]
fn what_is_saved_is_written_like_this_and_read_again() {
    let mut engine =
        doorstep_core::notify::Engine::new(doorstep_core::notify::Config::default()).unwrap();
    let message = Message {
        id: name("n_0_17_0c"),
        to: customer(7),
        category: name("order"),
        critical: true,
        useful_until: T0.saturating_add(Span::from_hours(4)),
        body: r#"{"v":1}"#.into(),
    };
    engine.submit(message, &Profile::default(), T0).unwrap();
    engine.next_send(T0).unwrap();
    let saved = driver::Saved { format: driver::SAVED, next_seq: 18, engine };
    let json = serde_json::to_string(&saved).unwrap();
    assert_eq!(json, include_str!("saved.json").trim_end());
    let read: driver::Saved = serde_json::from_str(&json).unwrap();
    assert_eq!((read.format, read.next_seq, read.engine), (1, 18, saved.engine));
}

#[test]
fn a_store_takes_no_state_of_an_earlier_owner() {
    let mut store = MemoryStore::default();
    assert_eq!(store.load().unwrap(), None);
    store.save(2, b"two").unwrap();
    assert!(store.save(1, b"one").is_err());
    store.save(2, b"two again").unwrap();
    assert_eq!(store.clone().load().unwrap().as_deref(), Some(&b"two again"[..]));
    assert_eq!(NotifyConfig::new(ShardId::default()).engine.check(), Ok(()));
}
