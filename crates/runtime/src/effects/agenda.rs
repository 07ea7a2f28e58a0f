//! Where each effect stands, and in what order they are looked at.

use std::collections::BTreeSet;

use doorstep_core::payment::{Answer, Effect, EffectKey};
use doorstep_core::time::Timestamp;

/// An effect that is due, and how far it has come.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) effect: Effect,
    pub(super) stage: Stage,
    /// Calls that were not answered in time.
    pub(super) unknowns: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Request,
    Inquire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not to be requested before `at`.
    Waiting { at: Timestamp },
    /// To be called as soon as there is room.
    Ready { call: Call },
    /// Called; unknown from `until` on.
    Called { call: Call, until: Timestamp },
    /// Not known; to be asked for at `at`.
    Unknown { at: Timestamp },
    /// Answered and told; to be told again at `at`.
    Answered { answer: Answer, at: Timestamp },
}

impl Stage {
    const fn timer(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at } | Self::Unknown { at } | Self::Answered { at, .. } => Some(at),
            Self::Called { until, .. } => Some(until),
            Self::Ready { .. } => None,
        }
    }
}

/// When each job is to be looked at: at a time, as soon as there is room, or when it is answered.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    timers: BTreeSet<(Timestamp, EffectKey)>,
    ready: BTreeSet<EffectKey>,
    in_flight: usize,
}

impl Agenda {
    /// Puts a new job where it waits for its time.
    pub(super) fn begin(&mut self, effect: Effect) -> Job {
        let stage = Stage::Waiting { at: effect.due.not_before };
        self.enter(effect.key(), stage);
        Job { effect, stage, unknowns: 0 }
    }

    /// Moves a job to another stage.
    pub(super) fn shift(&mut self, job: &mut Job, to: Stage) {
        self.leave(job.effect.key(), job.stage);
        self.enter(job.effect.key(), to);
        job.stage = to;
    }

    /// Takes a job out.
    pub(super) fn end(&mut self, job: &Job) {
        self.leave(job.effect.key(), job.stage);
    }

    /// Calls under way.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the first of the jobs that are ready, by key; whoever takes it moves it on.
    pub(super) fn pop_ready(&mut self) -> Option<EffectKey> {
        self.ready.pop_first()
    }

    /// When the first job's time comes.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The jobs whose time has come, the longest due first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<EffectKey> {
        self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect()
    }

    fn enter(&mut self, key: EffectKey, stage: Stage) {
        match stage {
            Stage::Ready { .. } => {
                self.ready.insert(key);
            }
            Stage::Called { .. } => self.in_flight = self.in_flight.saturating_add(1),
            Stage::Waiting { .. } | Stage::Unknown { .. } | Stage::Answered { .. } => {}
        }
        if let Some(at) = stage.timer() {
            self.timers.insert((at, key));
        }
    }

    fn leave(&mut self, key: EffectKey, stage: Stage) {
        match stage {
            Stage::Ready { .. } => {
                self.ready.remove(&key);
            }
            Stage::Called { .. } => self.in_flight = self.in_flight.saturating_sub(1),
            Stage::Waiting { .. } | Stage::Unknown { .. } | Stage::Answered { .. } => {}
        }
        if let Some(at) = stage.timer() {
            self.timers.remove(&(at, key));
        }
    }
}
