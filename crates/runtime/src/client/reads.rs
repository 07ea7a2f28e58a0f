//! The reads that a host keeps where it is configured so, and watches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use doorstep_core::catalog::Restaurant;
use doorstep_core::id::{DriverId, OrderId, RestaurantId, SaleId};
use doorstep_core::order::Order;
use doorstep_core::shard::Shard;
use doorstep_core::time::Timestamp;

use super::{Client, Shared};
use crate::reads::{Census, DriverDesk, Known, ShownSale, Subject, TooManyWatches, Watch, Whose};

/// How many outcomes of commands the shard remembers, as of the host's last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Of commands that changed something. At `firm_max` every new identified command is refused.
    pub firm: u32,
    /// How many those may be: policy, `memory.causes_max`.
    pub firm_max: u32,
    /// Of commands that changed nothing. At their bound the oldest is forgotten.
    pub refusals: u32,
}

impl Remembered {
    fn of(shard: &Shard) -> Self {
        let count = |len| u32::try_from(len).unwrap_or(u32::MAX);
        Self {
            firm: count(shard.causes().firm_len()),
            firm_max: shard.policy().memory.causes_max,
            refusals: count(shard.causes().lesser_len()),
        }
    }
}

impl Shared {
    pub(crate) fn count_remembered(&self, shard: &Shard) {
        *self.remembered.lock() = Remembered::of(shard);
    }
}

impl Client {
    /// How many outcomes of commands are remembered, and how many may be: to be watched, for at the
    /// bound nothing new is taken.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        *self.shared.remembered.lock()
    }

    /// Whether the host keeps whole orders, menus, sales and desks
    /// ([`HostConfig::reads`](crate::host::HostConfig::reads)). One that does not finds none of them.
    #[must_use]
    pub fn has_reads(&self) -> bool {
        self.shared.reads.is_some()
    }

    /// Whether the host decides: it has read its log, and owns it.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.shared.owner.load(Ordering::Acquire)
    }

    /// A checkout or an order; `None` if it is not known, or forgotten. Copies no order.
    #[must_use]
    pub fn known(&self, order: OrderId) -> Option<Known> {
        self.shared.reads.as_ref()?.order(order)
    }

    /// Somebody's orders that are in memory, the newest first, from before `before` on.
    #[must_use]
    pub fn orders_of(
        &self,
        whose: Whose,
        before: Option<OrderId>,
        limit: usize,
    ) -> Vec<Arc<Order>> {
        let reads = self.shared.reads.as_ref();
        reads.map(|reads| reads.orders.of(whose, before, limit)).unwrap_or_default()
    }

    /// A look at a restaurant and its menu; `None` if it is not listed. The writer waits for `look`
    /// where it has a change of the catalogue to publish.
    pub fn restaurant<T>(
        &self,
        id: RestaurantId,
        look: impl FnOnce(&Restaurant) -> T,
    ) -> Option<T> {
        self.shared.reads.as_ref()?.restaurant(id, look)
    }

    /// A look at a flash sale; `None` if there is none. The writer waits for `look` where it has
    /// something of a sale to publish.
    pub fn sale<T>(&self, id: SaleId, look: impl FnOnce(&ShownSale) -> T) -> Option<T> {
        self.shared.reads.as_ref()?.sale(id, look)
    }

    /// What a driver is asked and carries; `None` for who is off duty with empty hands, or not of
    /// this shard.
    #[must_use]
    pub fn desk(&self, driver: DriverId) -> Option<Arc<DriverDesk>> {
        self.shared.reads.as_ref()?.desk(driver)
    }

    /// The city in numbers, at the cost of a look at every order in memory: ask once a second, not
    /// once a request.
    #[must_use]
    pub fn census(&self, now: Timestamp) -> Census {
        self.shared.reads.as_ref().map(|reads| reads.census(now)).unwrap_or_default()
    }

    /// Hears from now on when a subject has changed, after everything that is read of it has.
    ///
    /// ```
    /// # use doorstep_core::id::{OrderId, ShardId};
    /// # use doorstep_core::money::Currency;
    /// # use doorstep_core::policy::Policy;
    /// # use doorstep_core::time::Timestamp;
    /// # use doorstep_runtime::host::{Host, HostConfig};
    /// # use doorstep_runtime::memory_log::MemoryLog;
    /// # use doorstep_runtime::ports::LogIsHistory;
    /// # use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
    /// use doorstep_runtime::reads::Subject;
    /// # let now = Timestamp::from_secs(1_700_000_000);
    /// # let policy = Policy::new(Currency::new("EUR").unwrap());
    /// # let config = HostConfig::new(ShardId::default(), policy, 1);
    /// # let provider = Sandbox::new(SandboxConfig::default());
    /// # let host = Host::open(config, MemoryLog::new(), provider, LogIsHistory, now)?;
    /// # let client = host.client();
    /// let order = OrderId::from(1);
    /// let mut watch = client.watch(Subject::Order(order))?;
    /// # async {
    /// loop {
    ///     println!("{:?}", client.tracked(order));
    ///     watch.changed().await;
    /// }
    /// # };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TooManyWatches`] beyond [`HostConfig::watches_max`](crate::host::HostConfig::watches_max).
    pub fn watch(&self, subject: Subject) -> Result<Watch, TooManyWatches> {
        self.shared.watchers.watch(subject)
    }

    /// How many watch.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.shared.watchers.len()
    }
}
