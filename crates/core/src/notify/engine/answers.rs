//! What is sent next, and what an answer means.

use super::open::{Opened, Stage};
use super::{
    Answer, Cause, DeadLetter, Engine, Heard, SendKey, Sending, Standing, Suppression, Why, count,
    count_of,
};
use crate::time::{Span, Timestamp};

/// Most causes that a message keeps: every attempt on a route of usual length. Beyond it the oldest
/// goes.
const CAUSES_MAX: usize = 64;

impl<R> Engine<R> {
    /// Takes in what a channel says about a send. Of two definite answers to one send the first
    /// stands; "delivered" counts even where the send had been given up for want of an answer.
    pub fn heard(&mut self, key: &SendKey, answer: Answer, now: Timestamp) -> Heard {
        let Some(number) = self.queue.find(&key.message) else {
            return self.heard_of_the_dead(key, answer, now);
        };
        let Some(opened) = self.queue.get(number) else { return Heard::OldNews };
        let expected = opened.is_under_way_as(key);
        match answer {
            Answer::Delivered if expected || unanswered(&opened.causes, key) => {
                self.queue.leave(number);
                self.sent(key, now);
                Heard::Sent
            }
            Answer::Failed { code, retry_after } if expected => {
                self.failed(number, Why::Failed { code }, retry_after, now)
            }
            Answer::Rejected { code } if expected => {
                self.failed(number, Why::Rejected { code }, None, now)
            }
            Answer::Delivered | Answer::Failed { .. } | Answer::Rejected { .. } => Heard::OldNews,
        }
    }

    /// An attempt has failed: again later, by the next channel, or not at all.
    pub(super) fn failed(
        &mut self,
        number: u64,
        why: Why,
        retry_after: Option<Span>,
        now: Timestamp,
    ) -> Heard {
        let Some(mut opened) = self.queue.leave(number) else { return Heard::OldNews };
        opened.note(Cause { channel: opened.channel(), attempt: opened.made, at: now, why });
        let wait = match why {
            Why::Rejected { .. } => None,
            Why::Failed { .. } | Why::NoAnswer => {
                let (id, channel) = (&opened.message.id, opened.channel());
                self.config.backoff.wait(opened.tries, id, &channel)
            }
        };
        if let Some(wait) = wait {
            let asked = retry_after.unwrap_or(Span::ZERO).min(self.config.retry_after_most);
            opened.wait_from(now.saturating_add(wait.max(asked)), &self.config);
            count(&mut self.tally.retries);
        } else if opened.next_channel() {
            opened.wait_from(now, &self.config);
        } else {
            return self.died(opened, now);
        }
        if opened.starts_after_its_use() {
            count(&mut self.tally.suppressed);
            let too_late = Standing::Suppressed(Suppression::TooLate);
            self.memory.ended(opened.message.id, too_late, now);
            return Heard::GivenUp;
        }
        let heard = Heard::Again { channel: opened.channel(), at: opened.not_before };
        self.queue.re_enter(number, opened, now);
        heard
    }

    fn died(&mut self, opened: Opened<R>, now: Timestamp) -> Heard {
        count(&mut self.tally.dead_lettered);
        let most = count_of(self.config.dead_max);
        for dropped in self.memory.bury(opened.into_dead(now), most) {
            count(&mut self.tally.dropped);
            self.memory.ended(dropped, Standing::Dropped, now);
        }
        Heard::DeadLettered
    }

    fn heard_of_the_dead(&mut self, key: &SendKey, answer: Answer, now: Timestamp) -> Heard {
        let dead = self.memory.dead(&key.message);
        let late = |dead: &DeadLetter<R>| unanswered(&dead.causes, key);
        if answer != Answer::Delivered || !dead.is_some_and(late) {
            return Heard::OldNews;
        }
        self.memory.take_dead(&key.message);
        count(&mut self.tally.late);
        self.sent(key, now);
        Heard::Sent
    }

    fn sent(&mut self, key: &SendKey, now: Timestamp) {
        count(&mut self.tally.sent);
        self.memory.ended(key.message.clone(), Standing::Sent, now);
    }
}

impl<R: Clone> Engine<R> {
    /// Hands out the next send, critical messages first, then by how long they have been there.
    /// `None`: nothing is ready, or as many sends are under way as may be. Whoever takes it sends it
    /// and says what came of it ([`heard`](Self::heard)).
    pub fn next_send(&mut self, now: Timestamp) -> Option<Sending<R>> {
        while self.has_room() {
            let number = self.queue.first_ready()?;
            let opened = self.queue.get(number)?;
            if opened.message.useful_until <= now {
                let gone = self.queue.leave(number)?;
                count(&mut self.tally.suppressed);
                let too_late = Standing::Suppressed(Suppression::TooLate);
                self.memory.ended(gone.message.id, too_late, now);
                continue;
            }
            // What had to wait for its turn may have come into quiet hours.
            if let Some(until) = opened.quiet_until(now, &self.config) {
                self.queue.shift(number, Stage::Waiting { until });
                continue;
            }
            let until = now.saturating_add(self.config.answer_within);
            count(&mut self.tally.attempts);
            return self.queue.hand_out(number, until);
        }
        None
    }
}

impl<R> Opened<R> {
    fn note(&mut self, cause: Cause) {
        if self.causes.len() >= CAUSES_MAX {
            self.causes.remove(0);
        }
        self.causes.push(cause);
    }
}

/// Whether this send was given up because nobody said what came of it.
fn unanswered(causes: &[Cause], key: &SendKey) -> bool {
    let is = |cause: &Cause| cause.channel == key.channel && cause.attempt == key.attempt;
    causes.iter().any(|cause| is(cause) && cause.why == Why::NoAnswer)
}
