//! Dead letters, and the ends that are remembered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DeadLetter, Standing};
use crate::notify::MessageId;
use crate::time::{Span, Timestamp};

/// How many ends are forgotten at once: more than one message can add.
const FORGOTTEN_AT_ONCE: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory<R> {
    dead: BTreeMap<u64, DeadLetter<R>>,
    names: BTreeMap<MessageId, u64>,
    next: u64,
    ended: BTreeMap<MessageId, (Timestamp, Standing)>,
    by_age: BTreeSet<(Timestamp, MessageId)>,
}

impl<R> Default for Memory<R> {
    fn default() -> Self {
        Self {
            dead: BTreeMap::new(),
            names: BTreeMap::new(),
            next: 0,
            ended: BTreeMap::new(),
            by_age: BTreeSet::new(),
        }
    }
}

impl<R> Memory<R> {
    pub(super) fn len(&self) -> usize {
        self.dead.len().saturating_add(self.ended.len())
    }

    pub(super) fn standing(&self, id: &MessageId) -> Option<Standing> {
        if self.names.contains_key(id) {
            return Some(Standing::Dead);
        }
        self.ended.get(id).map(|(_, standing)| *standing)
    }

    /// Remembers how a message ended.
    pub(super) fn ended(&mut self, id: MessageId, standing: Standing, now: Timestamp) {
        if let Some((before, _)) = self.ended.insert(id.clone(), (now, standing)) {
            self.by_age.remove(&(before, id.clone()));
        }
        self.by_age.insert((now, id));
    }

    /// Forgets the ends that are older than `for_long`, a few at a time.
    pub(super) fn forget(&mut self, for_long: Span, now: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.by_age.first() {
                Some((at, _)) if at.saturating_add(for_long) <= now => {
                    if let Some((_, id)) = self.by_age.pop_first() {
                        self.ended.remove(&id);
                    }
                }
                Some(_) | None => return,
            }
        }
    }

    pub(super) fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter<R>> {
        self.dead.values()
    }

    pub(super) fn dead(&self, id: &MessageId) -> Option<&DeadLetter<R>> {
        self.dead.get(self.names.get(id)?)
    }

    pub(super) fn take_dead(&mut self, id: &MessageId) -> Option<DeadLetter<R>> {
        self.dead.remove(&self.names.remove(id)?)
    }

    /// Adds a dead letter; the oldest that are then too many are dropped and named.
    pub(super) fn bury(&mut self, dead: DeadLetter<R>, most: usize) -> Vec<MessageId> {
        self.names.insert(dead.message.id.clone(), self.next);
        self.dead.insert(self.next, dead);
        self.next = self.next.saturating_add(1);
        let mut dropped = Vec::new();
        while self.dead.len() > most {
            let Some((_, oldest)) = self.dead.pop_first() else { break };
            self.names.remove(&oldest.message.id);
            dropped.push(oldest.message.id);
        }
        dropped
    }
}
