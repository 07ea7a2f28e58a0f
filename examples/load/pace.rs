//! Requests at a pace, whether answers come or not, and as fast as they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::http::{Answer, Line};

/// What came of an offer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many were to be sent.
    pub(crate) due: u64,
    /// Answers by status; 0 where the connection broke.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// Of the requests that were dealt with, milliseconds from the time when each was to be sent; sorted.
    pub(crate) waits_ms: Vec<f32>,
    /// From the first that was due to the last answer, in seconds.
    pub(crate) taken_s: f64,
    /// Answers that said no without saying when to come back, though they had to.
    pub(crate) without_retry_after: u64,
    /// Requests that were given up before there was a connection for them.
    pub(crate) not_sent: u64,
}

impl Tally {
    /// Requests that were dealt with: done, or refused for what they ask.
    pub(crate) fn good(&self) -> u64 {
        let good = self.answers.iter().filter(|(status, _)| is_good(**status));
        good.map(|(_, count)| count).sum()
    }

    pub(crate) fn of(&self, status: u16) -> u64 {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// Requests dealt with, a second.
    pub(crate) fn per_s(&self) -> f64 {
        self.good() as f64 / self.taken_s.max(f64::MIN_POSITIVE)
    }

    pub(crate) fn quantile_ms(&self, part: f64) -> f64 {
        let last = self.waits_ms.len().saturating_sub(1);
        let place = (part * last as f64) as usize;
        self.waits_ms.get(place).copied().map_or(f64::NAN, f64::from)
    }

    pub(crate) fn note(&mut self, status: u16, wait: Duration) {
        let count = self.answers.entry(status).or_default();
        *count = count.saturating_add(1);
        if is_good(status) {
            self.waits_ms.push(wait.as_secs_f32() * 1e3);
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.due = self.due.saturating_add(other.due);
        for (status, count) in other.answers {
            let ours = self.answers.entry(status).or_default();
            *ours = ours.saturating_add(count);
        }
        self.waits_ms.extend(other.waits_ms);
        self.taken_s = self.taken_s.max(other.taken_s);
        self.not_sent = self.not_sent.saturating_add(other.not_sent);
        self.without_retry_after =
            self.without_retry_after.saturating_add(other.without_retry_after);
    }

    pub(crate) fn sort(mut self) -> Self {
        self.waits_ms.sort_by(f32::total_cmp);
        self
    }
}

/// Neither a broken connection nor a service that is too busy or fails.
fn is_good(status: u16) -> bool {
    (200..500).contains(&status) && status != 429
}

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// Requests a second.
    pub(crate) per_s: f64,
    /// From when on.
    pub(crate) from: Instant,
    /// For how long.
    pub(crate) lasts: Duration,
    /// Over how many connections: as many are under way at most. Whatever is due while all wait is
    /// late, and its wait is counted from when it was due.
    pub(crate) lines: u64,
    /// What is later than this when its turn comes is not sent: whoever wanted it is gone.
    pub(crate) patience: Duration,
}

impl Offer {
    /// An offer whose requests are all sent, however late.
    pub(crate) const fn of(per_s: f64, from: Instant, lasts: Duration, lines: u64) -> Self {
        Self { per_s, from, lasts, lines, patience: Duration::MAX }
    }
}

/// The request of a number, and what is done with its answer; `None`: there is none to send.
pub(crate) trait Plan: Send + Sync + 'static {
    fn request(&self, number: u64) -> Option<Vec<u8>>;

    fn answered(&self, _number: u64, _answer: &Answer<'_>) {}
}

impl<F: Fn(u64) -> Vec<u8> + Send + Sync + 'static> Plan for F {
    fn request(&self, number: u64) -> Option<Vec<u8>> {
        Some(self(number))
    }
}

/// Sends each request when it is due, or as soon after as a connection is free.
pub(crate) async fn offer(address: &str, offer: Offer, plan: Arc<dyn Plan>) -> Tally {
    let Offer { per_s, from, lasts, lines, patience } = offer;
    let due = (per_s * lasts.as_secs_f64()) as u64;
    let next = Arc::new(AtomicU64::new(0));
    let tally = Arc::new(Mutex::new(Tally { due, ..Tally::default() }));
    let mut tasks = Vec::new();
    for _ in 0..lines.min(due) {
        let (next, tally, plan) = (Arc::clone(&next), Arc::clone(&tally), Arc::clone(&plan));
        let address = address.to_owned();
        tasks.push(tokio::spawn(async move {
            let mut line = Line::to(&address).await.ok();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= due {
                    break;
                }
                let at = from + Duration::from_secs_f64(number as f64 / per_s);
                tokio::time::sleep_until(at).await;
                if at.elapsed() > patience {
                    tally.lock().not_sent += 1;
                    continue;
                }
                let Some(request) = plan.request(number) else { continue };
                if line.is_none() {
                    line = Line::to(&address).await.ok();
                }
                let answer = match &mut line {
                    Some(line) => line.ask(&request).await.ok(),
                    None => None,
                };
                let wait = at.elapsed();
                match answer {
                    Some(answer) => {
                        plan.answered(number, &answer);
                        let mut tally = tally.lock();
                        tally.note(answer.status, wait);
                        tally.without_retry_after +=
                            u64::from(says_no_when(&answer) == Some(false));
                    }
                    None => {
                        tally.lock().note(0, wait);
                        line = None;
                    }
                }
            }
        }));
    }
    for task in tasks {
        let _or_panicked = task.await;
    }
    let mut tally = std::mem::take(&mut *tally.lock());
    tally.taken_s = from.elapsed().as_secs_f64();
    tally.sort()
}

/// Whether who is sent away is told when to come back; `None`: nobody was sent away.
fn says_no_when(answer: &Answer<'_>) -> Option<bool> {
    const NAME: &[u8] = b"\r\nretry-after: ";
    let no = matches!(answer.status, 429 | 503);
    no.then(|| answer.head.windows(NAME.len()).any(|some| some == NAME))
}

/// Sends over each connection as soon as the last answer is there. No wait is noted.
pub(crate) async fn saturate(
    address: &str,
    lines: u64,
    lasts: Duration,
    plan: Arc<dyn Plan>,
) -> Tally {
    let from = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..lines {
        let (address, next, plan) = (address.to_owned(), Arc::clone(&next), Arc::clone(&plan));
        tasks.push(tokio::spawn(async move {
            let mut tally = Tally::default();
            let Ok(mut line) = Line::to(&address).await else { return tally };
            while from.elapsed() < lasts {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = plan.request(number) else { continue };
                let status = match line.ask(&request).await {
                    Ok(answer) => {
                        plan.answered(number, &answer);
                        answer.status
                    }
                    Err(_) => 0,
                };
                let count = tally.answers.entry(status).or_default();
                *count = count.saturating_add(1);
                if status == 0 {
                    break;
                }
            }
            tally
        }));
    }
    let mut all = Tally::default();
    for task in tasks {
        all.add(task.await.unwrap_or_default());
    }
    all.taken_s = from.elapsed().as_secs_f64();
    all
}
