//! A dinner rush, recorded: every command that a simulated city's host decided, in the order of its
//! log, with its cause and its time.

use std::sync::{Arc, OnceLock};

use doorstep::core::id::{CommandId, ShardId};
use doorstep::core::log::{Batch, Cause, Decision, Writer};
use doorstep::core::money::Currency;
use doorstep::core::policy::Policy;
use doorstep::core::shard::{Command, Event, Outcome, Shard};
use doorstep::core::time::Timestamp;
use doorstep_runtime::host::Tap;
use doorstep_sim::city::{City, CityConfig};
use doorstep_sim::world::{World, WorldConfig};
use parking_lot::Mutex;

use crate::Effort;

/// One command as it was decided.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) cause: Option<Cause>,
    pub(crate) command: Command,
    pub(crate) at: Timestamp,
}

/// An evening.
#[derive(Debug)]
pub(crate) struct Rush {
    /// The rules and the restaurants.
    pub(crate) opening: Vec<Recorded>,
    /// From the first driver or customer to the last one.
    pub(crate) commands: Vec<Recorded>,
}

/// The evening of a generated city like Pereira: 4,000 orders, 1,000 drivers, 333 restaurants; some
/// of everything goes wrong among people, and nothing in the machines. Recorded once a run.
pub(crate) fn rush(effort: &Effort) -> &'static Rush {
    static RUSH: OnceLock<Rush> = OnceLock::new();
    RUSH.get_or_init(|| {
        let orders = effort.of(4_000, 200);
        eprintln!("recording a dinner rush of {orders} orders");
        Rush::record(orders)
    })
}

impl Rush {
    fn record(orders: u32) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let tap = Tap::new(move |command, cause, at| {
            let recorded = Recorded { cause: cause.copied(), command: command.clone(), at };
            hears.lock().push(recorded);
        });
        let mut config = WorldConfig::new(1, policy());
        config.impatience = 200;
        config.reject = 15;
        config.shortage = 20;
        config.absent = 5;
        config.tap = Some(tap);
        let day = City::generate(&CityConfig::new(1, orders));
        let evening = World::new(config, &day).run(|_| {});
        assert_eq!(evening.auditor.violation_count(), 0, "the evening went wrong");
        let mut opening = std::mem::take(&mut *heard.lock());
        for (number, cause) in opening.iter_mut().filter_map(|one| one.cause.as_mut()).enumerate() {
            cause.id = scattered(number);
        }
        let sets_up =
            |one: &Recorded| matches!(one.command, Command::SetPolicy(_) | Command::Catalog(_));
        let commands = opening.split_off(opening.iter().take_while(|one| sets_up(one)).count());
        Self { opening, commands }
    }

    /// The city before its first customer.
    pub(crate) fn opened(&self) -> Shard {
        let mut shard = Shard::new(ShardId::default(), Policy::new(policy().currency));
        for recorded in &self.opening {
            recorded.carry_out(&mut shard).expect("it was decided so");
        }
        shard
    }
}

impl Recorded {
    /// Decides it and takes the batch in, as the one writer of a log does. `None`: it comes to
    /// nothing, and would not be in the log.
    pub(crate) fn carry_out(&self, shard: &mut Shard) -> Option<Batch<Event, Outcome>> {
        let decided = shard.decide(&self.command, self.cause.as_ref(), self.at);
        let Ok(Decision::Commit { events, outcome }) = decided else { return None };
        let cause = self.cause;
        let outcome = cause.map(|_| outcome);
        let (epoch, writer, seq, at) = (1, Writer::new(1), 0, self.at);
        let batch = Batch { epoch, writer, seq, at, cause, inbox: None, events, outcome };
        shard.apply(&batch).expect("it was just decided");
        Some(batch)
    }
}

/// The rules that the city is founded with.
pub(crate) fn policy() -> Policy {
    Policy::new(Currency::new("COP").expect("it is one"))
}

/// Command ids as callers give them: scattered like UUIDs, not rising.
pub(crate) fn scattered(number: usize) -> CommandId {
    let mixed = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    CommandId::new(mixed ^ (mixed >> 61))
}
