//! The thread behind the writer: it writes and syncs the anchor, and then lets everyone read what
//! was committed. Meanwhile the writer commits the next group: the two syncs go on side by side.
//!
//! The anchor is never ahead of the log: it is handed over after its commit. The log may be ahead of
//! the anchor, by what nobody was told of.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use doorstep_runtime::ports::Entry;

use crate::anchor::{Anchor, AnchorFile};
use crate::config::{AnchorSync, FaultPoint};
use crate::error::{Doing, Poisoned};
use crate::shared::{Finished, Shared};

/// Commits that may wait for the witness: one in its hands, so many behind.
const BEHIND_MAX: usize = 2;

/// What is committed and not yet witnessed.
pub(crate) struct Committed {
    pub(crate) anchor: Anchor,
    pub(crate) entries: Vec<Entry>,
    pub(crate) finished: Vec<Finished>,
    /// Records that were kept out.
    pub(crate) refused: u64,
}

/// What the witness is told.
enum Told {
    Commit(Committed),
    /// Say when everything before is witnessed, and the anchor synced if so wished.
    Say {
        /// What stands in the anchor's file from now on, where no commit says so.
        anchor: Option<Anchor>,
        synced: bool,
        when: SyncSender<()>,
    },
}

/// The writer's end.
pub(crate) struct Witness {
    tell: SyncSender<Told>,
    thread: JoinHandle<()>,
}

impl Witness {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread.
    pub(crate) fn start(anchor: AnchorFile, shared: Arc<Shared>) -> std::io::Result<Self> {
        let (tell, told) = sync_channel(BEHIND_MAX);
        let stand = Stand { anchor, shared, due: None };
        let thread = std::thread::Builder::new()
            .name("doorstep-anchor".to_owned())
            .spawn(move || stand.run(&told))?;
        Ok(Self { tell, thread })
    }

    /// Hands a commit over; waits while too many are behind.
    pub(crate) fn tell(&self, shared: &Shared, committed: Committed) -> Result<(), Poisoned> {
        shared.look(|state| state.unwitnessed = state.unwitnessed.saturating_add(1));
        self.tell.send(Told::Commit(committed)).doing("handing over to the anchor's thread")
    }

    /// Waits until everything before is witnessed, and `anchor`, which stands for what added no
    /// record: synced whatever is configured, if so wished.
    pub(crate) fn wait(&self, anchor: Option<Anchor>, synced: bool) -> Result<(), Poisoned> {
        const DOING: &str = "waiting for the anchor's thread";
        let (when, said) = sync_channel(1);
        self.tell.send(Told::Say { anchor, synced, when }).doing(DOING)?;
        said.recv().doing(DOING)
    }

    /// Lets it finish what it was told.
    pub(crate) fn end(self) -> std::thread::Result<()> {
        drop(self.tell);
        self.thread.join()
    }
}

/// The thread's own state.
struct Stand {
    anchor: AnchorFile,
    shared: Arc<Shared>,
    /// When the anchor is to be synced though nothing happens.
    due: Option<Instant>,
}

impl Stand {
    fn run(mut self, told: &Receiver<Told>) {
        if let Err(poisoned) = self.work(told) {
            self.shared.poison(poisoned);
        }
    }

    fn work(&mut self, told: &Receiver<Told>) -> Result<(), Poisoned> {
        loop {
            let first = match self.due {
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => told.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match first {
                // Whatever else has come is witnessed with it.
                Ok(first) => self.hear(std::iter::once(first).chain(told.try_iter()))?,
                Err(RecvTimeoutError::Timeout) => self.sync()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, told: impl Iterator<Item = Told>) -> Result<(), Poisoned> {
        let (mut committed, mut asked) = (Vec::new(), Vec::new());
        let (mut last, mut sync) = (None, false);
        for told in told {
            match told {
                Told::Commit(one) => {
                    last = Some(one.anchor);
                    committed.push(one);
                }
                Told::Say { anchor, synced, when } => {
                    last = anchor.or(last);
                    sync |= synced;
                    asked.push(when);
                }
            }
        }
        if let Some(anchor) = last {
            self.write(&anchor)?;
        }
        match self.shared.config.anchor {
            AnchorSync::EveryCommit => sync = true,
            AnchorSync::Every(period) if self.anchor.is_dirty() && self.due.is_none() => {
                self.due = Instant::now().checked_add(period);
            }
            AnchorSync::Every(_) | AnchorSync::OnClose => {}
        }
        if sync {
            self.sync()?;
        }
        if !committed.is_empty() {
            self.shared.publish(committed);
        }
        for when in asked {
            // Whoever asked may have gone.
            let _gone = when.send(());
        }
        Ok(())
    }

    fn write(&mut self, anchor: &Anchor) -> Result<(), Poisoned> {
        const DOING: &str = "writing the anchor";
        if self.shared.config.fails(FaultPoint::Anchor) {
            return Err("an injected fault at the anchor").doing(DOING);
        }
        self.anchor.write(anchor).doing(DOING)
    }

    fn sync(&mut self) -> Result<(), Poisoned> {
        self.due = None;
        if self.anchor.is_dirty() {
            self.anchor.sync().doing("syncing the anchor")?;
            self.shared.look(|state| {
                state.tally.anchor_syncs = state.tally.anchor_syncs.saturating_add(1);
            });
        }
        Ok(())
    }
}
