//! The handle through which commands and reads go: cloned freely, used from any thread.

mod desk;
mod inbox;
mod reads;
#[cfg(test)]
mod tests;
mod ticket;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use doorstep_core::id::{CommandId, OrderId};
use doorstep_core::log::{Answer, Cause};
use doorstep_core::notify::{MessageId, Redriven};
use doorstep_core::shard::{Command, Outcome};
use doorstep_core::time::Timestamp;
use doorstep_geo_index::{DriverIndex, Ping, Verdict};
use parking_lot::Mutex;

pub(crate) use desk::Question;
pub use desk::{DeadLetters, NotAnswered, Recalled};
pub(crate) use inbox::Submission;
pub use reads::Remembered;
pub(crate) use ticket::Pledge;
pub use ticket::Ticket;

use desk::Desk;
use inbox::Inbox;

use crate::arrivals::Arrivals;
use crate::ports::RECORD_BYTES_MAX;
use crate::reads::{Reads, Watchers};
use crate::restaurants::{RestaurantPage, Restaurants, Search};
use crate::threads::Bell;
use crate::views::{Tracked, Views};

/// Why a command was not taken in. Come back later, under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// As many commands wait as may.
    #[error("{most} commands wait already")]
    Busy {
        /// The bound.
        most: usize,
    },
    /// The host is gone.
    #[error("the host is gone")]
    Gone,
    /// What follows from it might not fit into a record of the log. Sending it again is of no use.
    #[error("a command of {bytes} bytes is longer than {most}")]
    TooLong {
        /// Its length, written as JSON.
        bytes: usize,
        /// The longest there may be.
        most: usize,
    },
}

/// What a caller is told of an identified command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was decided, and the decision counts. Every retry is told the same.
    Outcome(Outcome),
    /// Whether it was decided is not known: ask again under the same id, and hear the truth.
    Unknown,
    /// It was not decided here.
    NotTaken(doorstep_core::log::NotTaken),
}

impl From<Answer<Outcome>> for Told {
    fn from(answer: Answer<Outcome>) -> Self {
        match answer {
            Answer::Outcome(outcome) => Self::Outcome(outcome),
            Answer::Unknown => Self::Unknown,
            Answer::NotOwner => Self::NotTaken(doorstep_core::log::NotTaken::NotOwner),
        }
    }
}

/// What clients and host share.
#[derive(Debug)]
pub(crate) struct Shared {
    inbox: Inbox,
    desk: Desk,
    pub(crate) inbox_max: usize,
    /// Wakes the writer's thread, where there is one.
    bell: OnceLock<Bell>,
    pub(crate) views: Views,
    pub(crate) restaurants: Restaurants,
    pub(crate) index: DriverIndex,
    pub(crate) arrivals: Arrivals,
    pub(crate) reads: Option<Reads>,
    pub(crate) watchers: Arc<Watchers>,
    /// Whether the host decides.
    owner: AtomicBool,
    remembered: Mutex<Remembered>,
}

impl Shared {
    pub(crate) fn new(
        inbox_max: usize,
        views: Views,
        restaurants: Restaurants,
        index: DriverIndex,
    ) -> Self {
        Self {
            inbox: Inbox::new(inbox_max),
            desk: Desk::new(),
            inbox_max,
            bell: OnceLock::new(),
            views,
            restaurants,
            index,
            arrivals: Arrivals::default(),
            reads: None,
            watchers: Arc::new(Watchers::new(0)),
            owner: AtomicBool::new(false),
            remembered: Mutex::default(),
        }
    }

    pub(crate) fn with_reads(self, reads: Option<Reads>, watches_max: usize) -> Self {
        Self { reads, watchers: Arc::new(Watchers::new(watches_max)), ..self }
    }

    pub(crate) fn set_owner(&self, owner: bool) {
        self.owner.store(owner, Ordering::Release);
    }

    pub(crate) fn next(&self) -> Option<Submission> {
        self.inbox.pop()
    }

    /// How many submissions wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inbox.len()
    }

    /// Puts a submission back that the replica was too busy for.
    pub(crate) fn put_back(&self, submission: Submission) {
        self.inbox.put_back(submission);
    }

    /// From now on this bell is rung for whatever is sent. To be called before the first look into
    /// the inbox on whose silence somebody goes to sleep. The first bell stays.
    pub(crate) fn hang(&self, bell: Bell) {
        let _first = self.bell.set(bell);
    }

    /// No more commands; those that wait still do.
    pub(crate) fn shut(&self) {
        self.inbox.shut();
    }

    /// No more commands; whoever waits hears that the result is unknown.
    pub(crate) fn close(&self) {
        self.set_owner(false);
        self.inbox.close();
        self.desk.close();
    }

    /// The questions that change no order.
    pub(crate) fn asked(&self) -> VecDeque<Question> {
        self.desk.take()
    }

    fn ask(&self, question: Question) -> Result<(), NotSent> {
        self.desk.push(question)?;
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
        Ok(())
    }

    fn send(&self, submission: Submission) -> Result<(), NotSent> {
        self.inbox.push(submission)?;
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
        Ok(())
    }
}

/// A handle on a host.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Takes no more commands, from this or any other handle.
    pub(crate) fn shut(&self) {
        self.shared.shut();
    }

    /// Sends a command that is to take effect once, however often it is sent under this id.
    ///
    /// # Errors
    /// [`NotSent`]; then nothing has happened.
    pub fn submit(&self, cause: Cause, command: Command) -> Result<Ticket, NotSent> {
        check_length(&command)?;
        let (pledge, ticket) = Pledge::new();
        self.shared.send(Submission { cause: Some((cause, pledge)), command })?;
        Ok(ticket)
    }

    /// What a command was told that was decided under this cause, without sending it again: for a retry
    /// of which it can no longer be said whose the order is that it names. Nothing is decided, and
    /// nothing written; the host that owns the log answers in its next step.
    ///
    /// # Errors
    /// [`NotSent`]. By the ticket: [`NotTaken::Conflict`](doorstep_core::log::NotTaken::Conflict) if the
    /// id was used with another digest, and
    /// [`NotTaken::NotOwner`](doorstep_core::log::NotTaken::NotOwner) where another process decides, or
    /// the host has gone.
    pub fn recall(&self, cause: Cause) -> Result<Ticket<Recalled>, NotSent> {
        let (question, ticket) = Question::recall(cause);
        self.shared.ask(question)?;
        Ok(ticket)
    }

    /// Takes drivers' positions in, newest fix wins; an arrival that they show is sent on by itself.
    /// Nothing here waits for the writer. `told` hears what became of each.
    pub fn record_pings(&self, pings: &[Ping], mut told: impl FnMut(&Ping, Verdict)) {
        let Shared { index, arrivals, .. } = &*self.shared;
        index.record_batch(pings, |ping, verdict| {
            match verdict {
                Verdict::Inserted | Verdict::Moved | Verdict::Refreshed => {
                    if let Some(act) = arrivals.observe(ping.driver, &ping.fix) {
                        let command = Command::Driver { driver: ping.driver, act };
                        // A full inbox loses it: the driver's own tap says the same.
                        let _busy = self.shared.send(Submission { cause: None, command });
                    }
                }
                Verdict::OutOfOrder | Verdict::Implausible | Verdict::Full => {}
            }
            told(ping, verdict);
        });
    }

    /// Whether the cancel button of `order` shows at `now`: one look-up, no lock of the writer's.
    #[must_use]
    pub fn may_cancel(&self, order: OrderId, now: Timestamp) -> bool {
        self.shared.views.may_cancel(order, now)
    }

    /// What has become of a checkout or order.
    #[must_use]
    pub fn tracked(&self, order: OrderId) -> Option<Tracked> {
        self.shared.views.tracked(order)
    }

    /// Which restaurants would bring something there now, the nearest first.
    #[must_use]
    pub fn restaurants_near(&self, search: &Search<'_>, now: Timestamp) -> RestaurantPage {
        self.shared.restaurants.near(search, now)
    }

    /// The notifications that no channel could deliver, the oldest first and at most so many, each with
    /// what went wrong at every attempt. The host that owns the log answers in its next step; it costs
    /// it a copy of them.
    ///
    /// ```
    /// # use doorstep_core::id::ShardId;
    /// # use doorstep_core::money::Currency;
    /// # use doorstep_core::policy::Policy;
    /// # use doorstep_core::time::Timestamp;
    /// # use doorstep_runtime::host::{Host, HostConfig};
    /// # use doorstep_runtime::memory_log::MemoryLog;
    /// # use doorstep_runtime::notify::{Notifications, NotifyConfig};
    /// # use doorstep_runtime::ports::LogIsHistory;
    /// # use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
    /// # let now = Timestamp::from_secs(1_700_000_000);
    /// # let policy = Policy::new(Currency::new("EUR").unwrap());
    /// # let config = HostConfig::new(ShardId::default(), policy, 1);
    /// # let provider = Sandbox::new(SandboxConfig::default());
    /// # let mut host = Host::open(config, MemoryLog::new(), provider, LogIsHistory, now)?;
    /// # host.notify(Notifications::new(NotifyConfig::new(ShardId::default()))?);
    /// # let client = host.client();
    /// # host.step(now);
    /// let dead = client.dead_letters(100)?;
    /// host.step(now); // a host on a thread of its own wakes by itself
    /// for letter in dead.told().unwrap()? {
    ///     println!("{}: {:?}", letter.message.id, letter.causes);
    ///     client.redrive(letter.message.id)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotSent`]. By the ticket: [`NotAnswered`].
    pub fn dead_letters(&self, most: usize) -> Result<Ticket<DeadLetters>, NotSent> {
        let (question, ticket) = Question::dead_letters(most);
        self.shared.ask(question)?;
        Ok(ticket)
    }

    /// Begins a dead letter anew, on the first channel of its route, under its first name. Asked twice,
    /// it is begun once; that it was begun is saved before it is told.
    ///
    /// # Errors
    /// [`NotSent`]. By the ticket: [`NotAnswered`].
    pub fn redrive(&self, id: MessageId) -> Result<Ticket<Result<Redriven, NotAnswered>>, NotSent> {
        let (question, ticket) = Question::redrive(id);
        self.shared.ask(question)?;
        Ok(ticket)
    }

    /// Where the drivers are.
    #[must_use]
    pub fn drivers(&self) -> &DriverIndex {
        &self.shared.index
    }

    /// The cause of a command issued at `now` under this id, its request not compared.
    #[must_use]
    pub const fn cause(id: CommandId, now: Timestamp) -> Cause {
        Cause { id, issued_at: now, digest: 0 }
    }
}

/// Most bytes of a command: half a record's, for the cause, the outcome and the longer names of
/// events. A decision that fits into no record would cost the host the log, at every retry.
const COMMAND_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// Only menus and carts come in any length.
fn check_length(command: &Command) -> Result<(), NotSent> {
    match command {
        Command::Catalog(_)
        | Command::Checkout(_)
        | Command::Restaurant { .. }
        | Command::Sale { .. } => {}
        Command::SetPolicy(_)
        | Command::Cancel { .. }
        | Command::Driver { .. }
        | Command::Operations(_)
        | Command::Propose(_)
        | Command::Plan(_)
        | Command::ReviseEstimate { .. }
        | Command::Reply { .. }
        | Command::Provider(_)
        | Command::Tick => return Ok(()),
    }
    let mut length = Length(0);
    // A command always has a JSON form, and counting never fails.
    let _counted = serde_json::to_writer(&mut length, command);
    if length.0 > COMMAND_BYTES_MAX {
        return Err(NotSent::TooLong { bytes: length.0, most: COMMAND_BYTES_MAX });
    }
    Ok(())
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
