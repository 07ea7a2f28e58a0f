//! What wakes a sleeping writer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes the thread of a [`Running`](super::Running) host. Clones are one bell.
///
/// Whoever has something for the writer that its deadlines do not announce rings: clients do it by
/// themselves, a log after each commit, a provider's pool after each answer. A ring is remembered
/// until the writer has looked, so none is ever lost; rings before that look are one.
///
/// ```
/// use doorstep_runtime::threads::Bell;
///
/// let bell = Bell::new();
/// let after_commit = bell.to_fn(); // for an adapter that knows nothing of bells
/// std::thread::spawn(move || after_commit());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bell {
    place: Arc<Place>,
}

#[derive(Debug, Default)]
struct Place {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// A bell that nobody listens to yet. Rings are remembered all the same.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the writer, or keeps it from going to sleep. A lock for a few instructions; it never
    /// waits for the writer's work.
    pub fn ring(&self) {
        *self.place.rung.lock() = true;
        self.place.heard.notify_one();
    }

    /// The same as a function, for whoever should not depend on this type.
    #[must_use]
    pub fn to_fn(&self) -> Arc<dyn Fn() + Send + Sync> {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }

    /// Sleeps until a ring that came after the last `wait`, at most for `longest`; `None`: however
    /// long it takes. One listener at a time.
    pub(super) fn wait(&self, longest: Option<Duration>) {
        let mut rung = self.place.rung.lock();
        match longest {
            None => self.place.heard.wait_while(&mut rung, |rung| !*rung),
            Some(longest) => {
                let _timed_out = self.place.heard.wait_while_for(&mut rung, |rung| !*rung, longest);
            }
        }
        *rung = false;
    }
}
