//! The log channel: one line a message.

use std::collections::VecDeque;
use std::io;

use doorstep_core::notify::{Answer, SendKey, Sending};
use doorstep_core::time::Timestamp;

use super::Recipient;
use crate::ports::Notifier;

/// Writes each message as a line: the time in milliseconds, the key, to whom, the category, the
/// body (whose line breaks, if any, become spaces). A line that cannot be written has failed, and is
/// tried again.
#[derive(Debug)]
pub struct LogLines<W> {
    out: W,
    answers: VecDeque<(SendKey, Answer)>,
}

impl<W: io::Write> LogLines<W> {
    /// Lines into `out`, which is flushed after each. It is written to by the thread that steps the
    /// host: give it something that does not block for long.
    pub const fn new(out: W) -> Self {
        Self { out, answers: VecDeque::new() }
    }
}

impl<W: io::Write> Notifier for LogLines<W> {
    fn send(&mut self, sending: &Sending<Recipient>, now: Timestamp) {
        let Sending { key, to, category, body, .. } = sending;
        let body = body.replace(['\r', '\n'], " ");
        let line = format!("{} {key} {to} {category} {body}\n", now.as_millis());
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        let answer = match written {
            Ok(()) => Answer::Delivered,
            Err(_) => Answer::Failed { code: None, retry_after: None },
        };
        self.answers.push_back((key.clone(), answer));
    }

    fn poll(&mut self, _now: Timestamp) -> Option<(SendKey, Answer)> {
        self.answers.pop_front()
    }

    fn next_wake(&self) -> Option<Timestamp> {
        (!self.answers.is_empty()).then_some(Timestamp::EPOCH)
    }
}
