//! What the handlers share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderValue;
use doorstep_core::limit::{AtBound, Limits as Table, PolicyName, Quota};
use doorstep_core::time::Timestamp;
use doorstep_geo_index::Viewport;
use doorstep_runtime::client::Client;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::auth::Who;
use crate::config::{Config, ConfigError};
use crate::fresh::{Fresh, FreshBy};
use crate::meters::Meters;
use crate::overload::UnderWay;
use crate::serve::Place;
use crate::wire;

/// Most viewports whose map is kept for who looks at the same one.
const MAPS_MAX: usize = 16;

/// What the handlers share; clones are one.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// Behind an [`App`].
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) persons: Mutex<Table<Who>>,
    /// What of it reaches the writer.
    pub(crate) acts: Mutex<Table<Who>>,
    pub(crate) addresses: Mutex<Table<IpAddr>>,
    pub(crate) sockets: Sockets,
    pub(crate) under_way: UnderWay,
    pub(crate) meters: Meters,
    /// What the limit of a person is called, and says of itself.
    pub(crate) person_policy: Option<(PolicyName, HeaderValue)>,
    /// The counters: made at most once a second, whoever asks.
    pub(crate) counters: Fresh<wire::Counters>,
    /// The maps of the viewports that were looked at last.
    pub(crate) maps: FreshBy<Viewport, wire::Markers>,
}

/// The open sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Told when the service goes away.
    pub(crate) leaving: CancellationToken,
    /// The seats that are taken.
    pub(crate) taken: TaskTracker,
    by_person: Mutex<BTreeMap<Who, usize>>,
    open: std::sync::atomic::AtomicUsize,
}

impl App {
    pub(crate) fn new(client: Client, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        if !client.has_reads() {
            return Err(ConfigError::NoReads);
        }
        let limits = &config.limits;
        let most = limits.counted_max;
        Ok(Self(Arc::new(Shared {
            client,
            persons: Mutex::new(Table::new(limits.per_principal, most, AtBound::LetPass)),
            acts: Mutex::new(Table::new(limits.per_principal_acts, most, AtBound::LetPass)),
            addresses: Mutex::new(Table::new(limits.per_address, most, AtBound::LetPass)),
            sockets: Sockets::default(),
            under_way: UnderWay::default(),
            meters: Meters::default(),
            person_policy: person_policy(&limits.per_principal),
            counters: Fresh::default(),
            maps: FreshBy::new(MAPS_MAX),
            config,
        })))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.config.clock.now()
    }
}

fn person_policy(quota: &Quota) -> Option<(PolicyName, HeaderValue)> {
    let name = PolicyName::new("person").ok()?;
    let value = HeaderValue::try_from(quota.header().text(&name)).ok()?;
    Some((name, value))
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Why there is no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSocket {
    /// The process has as many as it may.
    Full,
    /// The person has as many as one may.
    Yours,
    /// The service goes away.
    Leaving,
}

/// A place among the open sockets, given back when dropped; with it that of the connection.
pub(crate) struct Seat {
    app: App,
    who: Who,
    _connection: Option<Arc<Place>>,
    /// Whoever ends the service waits for it.
    _awaited: TaskTrackerToken,
}

impl App {
    /// A place for one more socket of `who`, which keeps its connection's.
    pub(crate) fn seat(&self, who: &Who, connection: Option<Arc<Place>>) -> Result<Seat, NoSocket> {
        use std::sync::atomic::Ordering;
        let Sockets { leaving, taken, by_person, open } = &self.sockets;
        // In this order: whoever ends the service waits for this one, or this one sees that it ends.
        let awaited = taken.token();
        if leaving.is_cancelled() {
            return Err(NoSocket::Leaving);
        }
        let limits = &self.config.limits;
        let mut persons = by_person.lock();
        if open.load(Ordering::Relaxed) >= limits.sockets_max {
            return Err(NoSocket::Full);
        }
        let theirs = persons.entry(who.clone()).or_default();
        if *theirs >= limits.sockets_per_principal_max {
            return Err(NoSocket::Yours);
        }
        *theirs = theirs.saturating_add(1);
        open.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("doorstep_http_sockets").increment(1.0);
        let (app, who) = (self.clone(), who.clone());
        Ok(Seat { app, who, _connection: connection, _awaited: awaited })
    }
}

impl Sockets {
    pub(crate) fn open(&self) -> usize {
        self.open.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let sockets = &self.app.sockets;
        let mut persons = sockets.by_person.lock();
        if let Some(theirs) = persons.get_mut(&self.who) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                persons.remove(&self.who);
            }
        }
        sockets.open.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        metrics::gauge!("doorstep_http_sockets").decrement(1.0);
    }
}
