//! An evening that was broken off goes on: people live through what the log says once more.
//!
//! Nobody has any memory but the log. From the day's beginning everyone does what the day and their
//! whims say, at the time that it says, and hears each batch that counts when it was decided; no
//! host runs. What they send comes to the same commands under the same ids; those that the log has
//! are answered by it. At the log's end a process starts, and what is not answered is sent again.

use doorstep_core::log::Record;
use doorstep_core::shard::{Event, Outcome};
use doorstep_core::time::Timestamp;
use doorstep_runtime::ports::Fault;

use super::World;
use super::storage::Storage;
use super::whims::Occasion;

impl<S: Storage> World<S> {
    /// Lives through what the log holds, without a host.
    pub(super) fn relive(&mut self) -> Result<(), Fault> {
        for (command, outcome) in self.storage.told_before()? {
            self.auditor.answered(command, &outcome);
        }
        loop {
            let entries = self.process.new_entries(self.now)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                self.auditor.entry(entry.position.get(), &entry.bytes);
                // What happened before it happens before it is heard.
                if let Ok(Record::Batch(batch)) = Record::<Event, Outcome>::decode(&entry.bytes) {
                    self.catch_up(batch.at);
                }
                for batch in self.process.relive(&entry) {
                    self.hear(&batch);
                    self.occasion = Occasion::Batch(batch.seq);
                    if let (Some(cause), Some(outcome)) = (&batch.cause, &batch.outcome)
                        && let Some(who) = self.errands.close(cause.id)
                    {
                        self.hear_outcome(who, outcome);
                    }
                }
            }
        }
        self.process.end_reliving()?;
        self.relived = self.next_seq;
        Ok(())
    }

    /// Everything that happened up to then.
    fn catch_up(&mut self, to: Timestamp) {
        while let Some(next) = self.agenda.first_entry() {
            let ((at, _), (occasion, happening)) = (*next.key(), *next.get());
            if at > to {
                break;
            }
            next.remove();
            self.now = self.now.max(at);
            self.occasion = occasion;
            self.happen(happening);
        }
        self.now = self.now.max(to);
    }
}
