//! The queue between callers and the writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorstep_core::log::Cause;
use doorstep_core::shard::Command;
use parking_lot::Mutex;

use super::{NotSent, Pledge};

/// A command on its way to the host.
#[derive(Debug)]
pub(crate) struct Submission {
    /// Who waits for it, under which id; `None`: nobody.
    pub(crate) cause: Option<(Cause, Pledge)>,
    pub(crate) command: Command,
}

/// Commands that wait, at most so many, whichever side of the queue they are on.
///
/// Callers push under one lock, for as long as a push takes. The writer swaps the whole queue out
/// under that lock when it has finished what it had, and then takes from its own side, where nobody
/// contends.
#[derive(Debug)]
pub(super) struct Inbox {
    most: usize,
    /// `None` once it is closed.
    arriving: Mutex<Option<VecDeque<Submission>>>,
    /// The writer's side.
    taken: Mutex<VecDeque<Submission>>,
    /// How many are in `taken`.
    taken_len: AtomicUsize,
}

impl Inbox {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            arriving: Mutex::new(Some(VecDeque::new())),
            taken: Mutex::new(VecDeque::new()),
            taken_len: AtomicUsize::new(0),
        }
    }

    pub(super) fn push(&self, submission: Submission) -> Result<(), NotSent> {
        let mut arriving = self.arriving.lock();
        let Some(queue) = arriving.as_mut() else { return Err(NotSent::Gone) };
        if queue.len().saturating_add(self.taken_len.load(Ordering::Acquire)) >= self.most {
            return Err(NotSent::Busy { most: self.most });
        }
        queue.push_back(submission);
        Ok(())
    }

    /// The oldest.
    pub(super) fn pop(&self) -> Option<Submission> {
        let mut taken = self.taken.lock();
        if taken.is_empty()
            && let Some(queue) = self.arriving.lock().as_mut()
        {
            std::mem::swap(&mut *taken, queue);
            self.taken_len.store(taken.len(), Ordering::Release);
        }
        let submission = taken.pop_front();
        self.taken_len.store(taken.len(), Ordering::Release);
        submission
    }

    /// Puts the one back that was popped last.
    pub(super) fn put_back(&self, submission: Submission) {
        let mut taken = self.taken.lock();
        taken.push_front(submission);
        self.taken_len.store(taken.len(), Ordering::Release);
    }

    pub(super) fn len(&self) -> usize {
        let arriving = self.arriving.lock().as_ref().map_or(0, VecDeque::len);
        arriving.saturating_add(self.taken_len.load(Ordering::Acquire))
    }

    /// Takes nothing more in; what waits still waits.
    pub(super) fn shut(&self) {
        let mut taken = self.taken.lock();
        if let Some(queue) = self.arriving.lock().take() {
            taken.extend(queue);
            self.taken_len.store(taken.len(), Ordering::Release);
        }
    }

    /// Takes nothing more in, and throws away what waits: whoever asked hears that the result is
    /// unknown.
    pub(super) fn close(&self) {
        self.shut();
        let thrown_away = std::mem::take(&mut *self.taken.lock());
        self.taken_len.store(0, Ordering::Release);
        drop(thrown_away);
    }
}
