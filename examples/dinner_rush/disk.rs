//! A city's storage on disk: its log on one SQLite file, and what lies beside it, in a directory.

use std::path::Path;
use std::time::Duration;

use doorstep::core::id::CommandId;
use doorstep_runtime::ports::Fault;
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_sim::day::Day;
use doorstep_sim::keep::{Keep, KeepError};
use doorstep_sim::world::{Storage, WorldConfig};
use doorstep_sqlite::{AnchorSync, Config, Monitor, Opened, SqliteHistory, SqliteLog};

/// A directory that holds one evening.
#[derive(Debug)]
pub(crate) struct OnDisk {
    keep: Keep,
    monitor: Option<Monitor>,
}

impl OnDisk {
    /// Uses a directory for this evening, or goes on with it there.
    pub(crate) fn open(dir: &Path, config: &WorldConfig, day: &Day) -> Result<Self, KeepError> {
        Ok(Self { keep: Keep::open(dir, config, day)?, monitor: None })
    }
}

impl Storage for OnDisk {
    type Log = SqliteLog;
    type History = SqliteHistory;

    fn open(&mut self) -> Result<(SqliteLog, SqliteHistory), Fault> {
        // What people hear is synced in the WAL; the anchor only has to follow.
        let anchor = AnchorSync::Every(Duration::from_millis(100));
        let config = Config { anchor, ..Config::default() };
        let Opened { log, history, .. } = SqliteLog::open(self.keep.log(), config)?;
        self.monitor = Some(log.monitor());
        Ok((log, history))
    }

    /// One process at a time has the file open.
    fn is_shared(&self) -> bool {
        false
    }

    fn settle(&mut self) {
        if let Some(monitor) = &self.monitor {
            monitor.settle();
        }
    }

    fn provider(&mut self, config: SandboxConfig) -> Result<Sandbox, Fault> {
        Ok(self.keep.provider(config)?)
    }

    fn told_before(&mut self) -> Result<Vec<(CommandId, String)>, Fault> {
        Ok(self.keep.told_before()?)
    }

    fn tells(&mut self, command: CommandId, outcome_json: &str) -> Result<(), Fault> {
        Ok(self.keep.tells(command, outcome_json)?)
    }
}
