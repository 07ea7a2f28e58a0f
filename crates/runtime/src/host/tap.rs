//! A listener where commands are decided: for recordings, to replay and to measure.

use std::fmt;
use std::sync::Arc;

use doorstep_core::log::{Cause, NotTaken};
use doorstep_core::shard::Command;
use doorstep_core::time::Timestamp;

use super::Host;

/// What a [`Tap`] calls.
type Listener = dyn Fn(&Command, Option<&Cause>, Timestamp) + Send + Sync;

/// Hears each command that the host has decided, with its cause and the time, in the order in which
/// the batches are appended: the clients' own, and those that the host tells itself.
///
/// The same commands at the same times make the same batches of an equal shard, as long as nobody
/// else owns the log in between. A repeated command, which is answered and not appended, is heard
/// too. It is called on the host's thread, and must not block.
#[derive(Clone)]
pub struct Tap(Arc<Listener>);

impl Tap {
    /// A tap that calls this.
    #[must_use]
    pub fn new(
        hears: impl Fn(&Command, Option<&Cause>, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(hears))
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}

impl<L, P, H> Host<L, P, H> {
    pub(super) fn submit(
        &mut self,
        cause: Cause,
        command: &Command,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        self.replica.submit(cause, command, None, now)?;
        self.heard(command, Some(&cause), now);
        Ok(())
    }

    /// Whether there was anything to append.
    pub(super) fn tell(&mut self, command: &Command, now: Timestamp) -> Result<bool, NotTaken> {
        let appended = self.replica.tell(command, now)?;
        if appended {
            self.heard(command, None, now);
        }
        Ok(appended)
    }

    fn heard(&self, command: &Command, cause: Option<&Cause>, now: Timestamp) {
        if let Some(Tap(hears)) = &self.tap {
            hears(command, cause, now);
        }
    }
}
