//! What the writer's thread does.

use std::time::{Duration, Instant};

use doorstep_core::time::{Span, Timestamp};
use parking_lot::{Condvar, Mutex};

use super::{Bell, Clock, Feed};
use crate::host::{Host, HostTally, Replay};
use crate::ports::{HistorySink, Log, Payments};

/// How a running host stood after its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether its thread runs. It ends by being shut down, by a log that stops it, or by a panic.
    pub is_running: bool,
    /// Whether it decides.
    pub is_owner: bool,
    /// Whether its log could be read.
    pub reads_log: bool,
    /// How far it has read its log: while a long one is replayed, this is where a bar comes from.
    pub replay: Replay,
    /// When that step was, by its clock.
    pub stepped_at: Timestamp,
    /// What it has done since it was opened.
    pub tally: HostTally,
}

/// What the writer is asked to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    GoOn,
    /// Answer what is in flight, but be done by then.
    Finish {
        by: Timestamp,
    },
    Abandon,
}

/// What the thread and its [`Running`](super::Running) share.
#[derive(Debug)]
pub(super) struct Control {
    asked: Mutex<Asked>,
    status: Mutex<Status>,
    changed: Condvar,
}

impl Control {
    pub(super) fn new(now: Timestamp, replay: Replay) -> Self {
        let status = Status {
            is_running: true,
            is_owner: false,
            reads_log: true,
            replay,
            stepped_at: now,
            tally: HostTally::default(),
        };
        Self { asked: Mutex::new(Asked::GoOn), status: Mutex::new(status), changed: Condvar::new() }
    }

    /// To be followed by a ring.
    pub(super) fn ask(&self, asked: Asked) {
        *self.asked.lock() = asked;
    }

    pub(super) fn status(&self) -> Status {
        *self.status.lock()
    }

    /// Sleeps until the host stands like that, or runs no more. The last status seen.
    pub(super) fn wait_until(&self, timeout: Duration, is_so: impl Fn(&Status) -> bool) -> Status {
        let until = Instant::now().checked_add(timeout);
        let mut status = self.status.lock();
        while status.is_running && !is_so(&status) {
            match until {
                // Longer than the clock counts.
                None => self.changed.wait(&mut status),
                Some(until) => {
                    if self.changed.wait_until(&mut status, until).timed_out() {
                        break;
                    }
                }
            }
        }
        *status
    }

    fn set(&self, new: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock();
        let before = (status.is_running, status.is_owner);
        new(&mut status);
        let changed = before != (status.is_running, status.is_owner);
        drop(status);
        if changed {
            self.changed.notify_all();
        }
    }
}

/// Says that it is over, however it ends.
struct End<'a> {
    control: &'a Control,
    feed: &'a Feed,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.control.set(|status| {
            status.is_running = false;
            status.is_owner = false;
        });
        self.feed.end();
    }
}

/// Drives a host until it is asked to end, or its log stops it.
pub(super) fn drive<L: Log, P: Payments, H: HistorySink>(
    host: Host<L, P, H>,
    clock: &dyn Clock,
    bell: &Bell,
    control: &Control,
    feed: &Feed,
) -> Host<L, P, H> {
    let _end = End { control, feed };
    // Dropped first if anything below panics: tickets hear of it before subscribers do.
    let mut host = host;
    let step = |host: &mut Host<L, P, H>, now| {
        let step = host.step(now);
        feed.publish(&step.published);
        control.set(|status| {
            status.is_owner = host.is_owner();
            status.reads_log = host.read_error().is_none();
            status.replay = host.replay();
            status.stepped_at = now;
            status.tally = host.tally();
        });
        step.worked
    };
    loop {
        let now = clock.now();
        let worked = step(&mut host, now);
        let asked = *control.asked.lock();
        let until = match asked {
            Asked::GoOn => None,
            Asked::Finish { by } if now >= by || !host.is_in_flight() => {
                host.resign(now);
                step(&mut host, now);
                break;
            }
            Asked::Finish { by } => Some(by),
            Asked::Abandon => break,
        };
        if host.stopped().is_some() {
            break;
        }
        // A time that has passed means at once; not again and again while nothing comes of it.
        let idle = if worked { Span::ZERO } else { Span::from_millis(1) };
        let earliest = now.saturating_add(idle);
        let wake = host.next_wake().map(|at| at.max(earliest));
        match wake.into_iter().chain(until).min() {
            None => bell.wait(None),
            Some(at) if at <= now => {}
            Some(at) => bell.wait(clock.sleep_until(at)),
        }
    }
    host.close();
    host
}
