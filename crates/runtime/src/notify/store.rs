//! A store in memory: for tests, and for processes that hand over to each other in one.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::ports::{NotifyStore, StoreError};

/// A store in memory: a handle, whose clones see the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Option<Latest>>>);

/// What was saved last.
#[derive(Debug)]
struct Latest {
    epoch: u64,
    state: Vec<u8>,
}

impl NotifyStore for MemoryStore {
    fn save(&mut self, epoch: u64, state: &[u8]) -> Result<(), StoreError> {
        let mut saved = self.0.lock();
        match &*saved {
            Some(latest) if latest.epoch > epoch => Err(StoreError::Fenced { epoch: latest.epoch }),
            Some(_) | None => {
                *saved = Some(Latest { epoch, state: state.to_vec() });
                Ok(())
            }
        }
    }

    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().as_ref().map(|latest| latest.state.clone()))
    }
}
