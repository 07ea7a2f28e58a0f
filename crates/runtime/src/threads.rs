//! A host on a thread of its own: deadlines on the real clock, callers from anywhere.
//!
//! [`spawn`] takes an open [`Host`] and steps it on one named thread: whenever its [`Bell`] is rung
//! (by clients, by a log after each commit, by a provider's pool after each answer) and whenever
//! [`Host::next_wake`] has come. Between, the thread sleeps; it polls nothing. However many commands
//! have come meanwhile, one step takes them all.
//!
//! | | |
//! |---|---|
//! | [`spawn`], [`Running`] | the thread, its status, and its orderly end |
//! | [`Bell`] | what wakes it; given to adapters before the host is opened |
//! | [`Clock`] | [`WallClock`] in a service, [`ManualClock`] in a test |
//! | [`Feed`], [`Subscription`] | counted batches for listeners, who may be slow |
//! | [`PaymentWorkers`] | a provider whose calls block, on a bounded pool of threads |
//!
//! Snapshots ([`snapshot_every`](crate::host::HostConfig::snapshot_every)) are written by a second
//! thread, where the log gives it a handle ([`Log::snapshots`]): the step only copies the state, one
//! snapshot at a time. A log that is poisoned ends the thread: whoever waits hears
//! [`Told::Unknown`](crate::client::Told::Unknown) at once, [`Running::wait_for_end`] returns, and
//! the host that [`Running::shutdown`] hands back says why ([`Host::stopped`]). Drop it, open the
//! log again, and spawn a host on it: that is how to go on.
//!
//! What is bounded, and what happens there: the inbox
//! ([`inbox_max`](crate::host::HostConfig::inbox_max)) refuses with
//! [`NotSent::Busy`](crate::client::NotSent::Busy); a subscription drops its oldest batch and says
//! so; the pool drops a call, which the effect runner's time-out and inquiry make good.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use doorstep_core::eta::Vehicle;
//! use doorstep_core::id::{CommandId, DriverId, ShardId};
//! use doorstep_core::money::Currency;
//! use doorstep_core::policy::Policy;
//! use doorstep_core::shard::{Command, OperationsAct, Outcome};
//! use doorstep_core::time::Span;
//! use doorstep_runtime::client::{Client, Told};
//! use doorstep_runtime::host::{Host, HostConfig};
//! use doorstep_runtime::memory_log::MemoryLog;
//! use doorstep_runtime::ports::LogIsHistory;
//! use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
//! use doorstep_runtime::threads::{self, Bell, Clock, WallClock};
//!
//! let clock = Arc::new(WallClock::new());
//! let policy = Policy::new(Currency::new("EUR").unwrap());
//! let config = HostConfig::new(ShardId::default(), policy, 0xD005); // a seed used only once
//! let provider = Sandbox::new(SandboxConfig::default());
//! let host = Host::open(config, MemoryLog::new(), provider, LogIsHistory, clock.now())?;
//!
//! let running = threads::spawn(host, clock.clone(), Bell::new())?;
//! assert!(running.wait_for_ownership(Duration::from_secs(60)));
//!
//! let hire = OperationsAct::Admit { driver: DriverId::from(1), vehicle: Vehicle::Bicycle };
//! let cause = Client::cause(CommandId::new(1), clock.now());
//! let ticket = running.client().submit(cause, Command::Operations(hire))?;
//! // On a thread; in async code it is `ticket.await`.
//! let told = ticket.wait(Duration::from_secs(60));
//! assert_eq!(told, Some(Told::Outcome(Outcome::Done)));
//!
//! let deadline = clock.now().saturating_add(Span::from_secs(10));
//! let host = running.shutdown(deadline)?;
//! assert_eq!(host.shard().dispatch().drivers().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bell;
mod clock;
mod feed;
mod payments;
#[cfg(test)]
mod tests;
mod writer;

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use doorstep_core::time::Timestamp;

pub use bell::Bell;
pub use clock::{Clock, ManualClock, WallClock};
pub use feed::{Feed, Heard, NotSubscribed, SUBSCRIPTIONS_MAX, Subscription};
pub use payments::{BlockingPayments, PaymentWorkers, WorkersConfig, WorkersGauge, WorkersTally};
pub use writer::Status;

use writer::{Asked, Control};

use crate::client::Client;
use crate::host::Host;
use crate::ports::{HistorySink, Log, Payments};

/// The writer's thread ended by a panic: of a port, or of a defect. Every ticket has heard
/// [`Told::Unknown`](crate::client::Told::Unknown), and the log holds what counts: open another
/// host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the writer panicked: {message}")]
pub struct Crashed {
    /// What the panic said.
    pub message: String,
}

/// A host that runs on its own thread.
///
/// To drop it ends the thread without ceremony, as a crash would: it waits for the step under way,
/// and whoever still waits for an answer hears [`Told::Unknown`](crate::client::Told::Unknown).
/// [`shutdown`](Running::shutdown) is the orderly way.
#[derive(Debug)]
pub struct Running<L, P, H> {
    thread: Option<JoinHandle<Host<L, P, H>>>,
    control: Arc<Control>,
    client: Client,
    feed: Feed,
    bell: Bell,
}

/// Puts a host on a thread of its own, which sleeps until `bell` is rung or the host's next
/// deadline comes by `clock`. Clients, those that exist too, ring by themselves from here on; the
/// adapters that the host was opened with should hold clones of the bell.
///
/// # Errors
/// The system's, if it has no thread to give. The host is dropped.
pub fn spawn<L, P, H>(
    mut host: Host<L, P, H>,
    clock: Arc<dyn Clock>,
    bell: Bell,
) -> io::Result<Running<L, P, H>>
where
    L: Log + Send + 'static,
    P: Payments + Send + 'static,
    H: HistorySink + Send + 'static,
{
    let client = host.client();
    let control = Arc::new(Control::new(clock.now(), host.replay()));
    let feed = Feed::default();
    host.shared().hang(bell.clone());
    let snapshots = host.hand_over_snapshots().map(|writer| {
        thread::Builder::new().name("doorstep-snapshots".into()).spawn(move || writer.run())
    });
    let snapshots = snapshots.transpose()?;
    let thread = {
        let (control, feed, bell) = (Arc::clone(&control), feed.clone(), bell.clone());
        thread::Builder::new().name("doorstep-writer".into()).spawn(move || {
            let host = writer::drive(host, &*clock, &bell, &control, &feed);
            // The one under way is finished: whoever has the host back has the log to themselves.
            let _done_or_panic = snapshots.map(JoinHandle::join);
            host
        })?
    };
    Ok(Running { thread: Some(thread), control, client, feed, bell })
}

impl<L, P, H> Running<L, P, H> {
    /// A handle for callers.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where to subscribe to counted batches, for whoever outlives this borrow.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Subscribes to the batches that come to count from now on; at most `capacity` of them wait
    /// for the listener.
    ///
    /// # Errors
    /// [`NotSubscribed`].
    pub fn subscribe(&self, capacity: usize) -> Result<Subscription, NotSubscribed> {
        self.feed.subscribe(capacity)
    }

    /// What wakes the thread.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// How the host stood after its last step.
    #[must_use]
    pub fn status(&self) -> Status {
        self.control.status()
    }

    /// Sleeps until the host decides; before that, commands are
    /// [`NotOwner`](doorstep_core::log::NotTaken::NotOwner). `false`: it did not come to that within
    /// `timeout`, or runs no more.
    #[must_use]
    pub fn wait_for_ownership(&self, timeout: Duration) -> bool {
        self.control.wait_until(timeout, |status| status.is_owner).is_owner
    }

    /// Sleeps until the host runs no more by itself: its log stopped it, or it panicked; then
    /// [`shutdown`](Running::shutdown) says which. `false`: it still ran after `timeout`.
    #[must_use]
    pub fn wait_for_end(&self, timeout: Duration) -> bool {
        !self.control.wait_until(timeout, |_| false).is_running
    }

    /// Ends it in order, and hands the host back to be looked at: new commands are refused with
    /// [`NotSent::Gone`](crate::client::NotSent::Gone), what is in flight is answered until
    /// `deadline` by the host's clock, ownership of the log is given up, and whoever has no answer
    /// by then hears [`Told::Unknown`](crate::client::Told::Unknown).
    ///
    /// A host that has ended by itself is handed back at once: [`Host::stopped`] says why. Its
    /// clients stay refused; to go on, open another host on the same log.
    ///
    /// # Errors
    /// [`Crashed`], if the thread panicked, now or before.
    pub fn shutdown(mut self, deadline: Timestamp) -> Result<Host<L, P, H>, Crashed> {
        self.client.shut();
        self.control.ask(Asked::Finish { by: deadline });
        self.bell.ring();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(host)) => Ok(host),
            Some(Err(panic)) => Err(Crashed { message: message_of(&*panic) }),
            // Only this and `drop` take the thread, and both take the whole.
            None => Err(Crashed { message: String::new() }),
        }
    }
}

impl<L, P, H> Drop for Running<L, P, H> {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.control.ask(Asked::Abandon);
        self.bell.ring();
        // The writer itself may drop it, from inside a waker: it cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            let _host_or_panic = thread.join();
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
        .to_owned()
}
