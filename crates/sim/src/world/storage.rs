//! Where a city keeps what must outlive its process.

use doorstep_core::id::CommandId;
use doorstep_core::time::Span;
use doorstep_runtime::memory_log::{FaultTally, Faults, MemoryLog};
use doorstep_runtime::ports::{Fault, HistorySink, Log, LogIsHistory};
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};

use super::WorldConfig;
use super::whims::mix;

/// Where a city keeps its log, and what lies beside it: the provider's book, and what people were
/// told. The world knows no adapter; whoever has one gives it in this form.
pub trait Storage {
    /// The log.
    type Log: Log;
    /// Where ended orders go.
    type History: HistorySink;

    /// Opens the log, for a process that starts. Unless it [`is_shared`](Self::is_shared), the
    /// handle given before is gone by then. The log must have another handle to give
    /// ([`Log::snapshots`]): that is what the auditor reads by.
    ///
    /// # Errors
    /// The storage's own.
    fn open(&mut self) -> Result<(Self::Log, Self::History), Fault>;

    /// Whether several processes may have the log open at once.
    fn is_shared(&self) -> bool;

    /// Waits until everything that was appended can be read: the city's clock goes on only when
    /// nothing is in flight.
    fn settle(&mut self) {}

    /// Ends the faults that are committed on purpose.
    fn quiet(&mut self) {}

    /// What faults were committed on purpose.
    fn faults(&self) -> FaultTally {
        FaultTally::default()
    }

    /// The payment provider, with whatever it did for an earlier process.
    ///
    /// # Errors
    /// The storage's own.
    fn provider(&mut self, config: SandboxConfig) -> Result<Sandbox, Fault> {
        Ok(Sandbox::new(config))
    }

    /// What people were told by earlier processes: of which command, and the outcome's JSON.
    ///
    /// # Errors
    /// The storage's own.
    fn told_before(&mut self) -> Result<Vec<(CommandId, String)>, Fault> {
        Ok(Vec::new())
    }

    /// Somebody is told an outcome, and has not acted on it yet.
    ///
    /// # Errors
    /// The storage's own.
    fn tells(&mut self, _command: CommandId, _outcome_json: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// All in memory: gone with the process, and with the faults of a distributed log where there is
/// chaos.
#[derive(Clone, Debug)]
pub struct InMemory {
    log: MemoryLog,
}

impl InMemory {
    /// An empty log with the faults of this city.
    #[must_use]
    pub fn new(config: &WorldConfig) -> Self {
        let chaos = config.chaos;
        let log = MemoryLog::faulty(Faults {
            seed: mix(&[config.seed, 1]),
            lost: chaos / 4,
            late: chaos / 4,
            duplicated: chaos,
            failed: chaos / 4,
            late_by_most: Span::from_secs(30),
        });
        Self { log }
    }
}

impl Storage for InMemory {
    type Log = MemoryLog;
    type History = LogIsHistory;

    fn open(&mut self) -> Result<(MemoryLog, LogIsHistory), Fault> {
        Ok((self.log.clone(), LogIsHistory))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn quiet(&mut self) {
        self.log.quiet();
    }

    fn faults(&self) -> FaultTally {
        self.log.tally()
    }
}
