//! Every rule of the room, as tables; and walks that lose nothing and send nothing twice.

mod attempts;
mod bounds;
mod routes;
mod walks;

use super::*;
use crate::notify::{Backoff, Jitter, Name, QuietHours, Route};
use crate::time::Span;

/// 2023-11-14T22:13:20Z.
const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn secs(secs: u64) -> Timestamp {
    T0.saturating_add(Span::from_secs(secs))
}

fn engine() -> Engine<u32> {
    Engine::new(Config::default()).unwrap()
}

fn with(change: impl FnOnce(&mut Config)) -> Engine<u32> {
    let mut config = Config::default();
    change(&mut config);
    Engine::new(config).unwrap()
}

fn message(id: &str) -> Message<u32> {
    Message {
        id: name(id),
        to: 7,
        category: name("order"),
        critical: false,
        useful_until: Timestamp::NEVER,
        body: "{}".into(),
    }
}

fn critical(id: &str) -> Message<u32> {
    Message { critical: true, ..message(id) }
}

fn failed() -> Answer {
    Answer::Failed { code: Some(500), retry_after: None }
}

fn rejected() -> Answer {
    Answer::Rejected { code: Some(410) }
}

impl Engine<u32> {
    /// Submits a message to somebody of whom nothing is known.
    #[track_caller]
    fn takes(&mut self, message: Message<u32>, now: Timestamp) {
        let taken = self.submit(message, &Profile::default(), now);
        assert_eq!(taken, Ok(Submitted::Taken { shed: None }));
    }

    /// The next send: its key's text.
    #[track_caller]
    fn sends(&mut self, now: Timestamp) -> SendKey {
        self.tick(now);
        self.next_send(now).expect("something is to be sent").key
    }

    /// Answers sends as they come, with the time pushed to each deadline, until none is made any
    /// more; the keys and when they were handed out, in seconds.
    fn runs(&mut self, mut now: Timestamp, answer: Answer) -> Vec<(String, u64)> {
        let mut made = Vec::new();
        loop {
            self.tick(now);
            if let Some(sending) = self.next_send(now) {
                let key = sending.key.to_string();
                made.push((key, now.saturating_since(T0).as_secs()));
                self.heard(&sending.key, answer, now);
            } else if let Some(next) = self.next_deadline() {
                assert!(next > now, "{next} is no later than {now}");
                now = next;
            } else {
                return made;
            }
        }
    }
}
