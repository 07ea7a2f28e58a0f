//! Questions that change no order, answered by the host in its next step: what a command was told, and
//! what could not be told to people.

use std::collections::VecDeque;

use doorstep_core::id::OrderId;
use doorstep_core::log::{Cause, Decision, NotTaken};
use doorstep_core::notify::{DeadLetter, MessageId, NotRedriven, Redriven};
use doorstep_core::shard::{Canceller, Command, Outcome, Shard};
use doorstep_core::time::Timestamp;
use parking_lot::Mutex;

use super::{NotSent, Pledge, Ticket};
use crate::notify::{Notifications, Recipient};

/// Most questions that wait for the host.
const QUESTIONS_MAX: usize = 256;

/// Why a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnswered {
    /// The host was given nothing to tell people with.
    #[error("this host tells nobody anything")]
    TellsNobody,
    /// Another process owns the log and tells people: ask there.
    #[error("another process tells people what happens")]
    NotOwner,
    /// There is nothing to redrive, or no room.
    #[error(transparent)]
    NotRedriven(#[from] NotRedriven),
    /// The host has gone. Whether it redrove anything is not known; to ask again does no harm.
    #[error("the host has gone without an answer")]
    Unknown,
}

/// The dead letters asked for, or why they were not told.
pub type DeadLetters = Result<Vec<DeadLetter<Recipient>>, NotAnswered>;

/// What a command was told when it was decided; `None`: it never was, or so long ago that nobody may
/// ask again. Or why that is not known here.
pub type Recalled = Result<Option<Outcome>, NotTaken>;

/// What is asked.
#[derive(Debug)]
pub(crate) enum Question {
    Recall { cause: Cause, to: Pledge<Recalled> },
    DeadLetters { most: usize, to: Pledge<DeadLetters> },
    Redrive { id: MessageId, to: Pledge<Result<Redriven, NotAnswered>> },
}

impl Question {
    pub(super) fn recall(cause: Cause) -> (Self, Ticket<Recalled>) {
        let (to, ticket) = Pledge::or(|| Err(NotTaken::NotOwner));
        (Self::Recall { cause, to }, ticket)
    }

    pub(super) fn dead_letters(most: usize) -> (Self, Ticket<DeadLetters>) {
        let (to, ticket) = Pledge::or(|| Err(NotAnswered::Unknown));
        (Self::DeadLetters { most, to }, ticket)
    }

    pub(super) fn redrive(id: MessageId) -> (Self, Ticket<Result<Redriven, NotAnswered>>) {
        let (to, ticket) = Pledge::or(|| Err(NotAnswered::Unknown));
        (Self::Redrive { id, to }, ticket)
    }

    /// Answers it, by the state that counts where this host decides, and by whoever tells people
    /// things. What is redriven is saved before that is said.
    pub(crate) fn answer(
        self,
        deciding: Option<&Shard>,
        telling: Option<&mut Notifications>,
        now: Timestamp,
    ) {
        let telling = match telling {
            None => Err(NotAnswered::TellsNobody),
            Some(telling) if !telling.is_owner() => Err(NotAnswered::NotOwner),
            Some(telling) => Ok(telling),
        };
        match self {
            Self::Recall { cause, to } => {
                let deciding = deciding.ok_or(NotTaken::NotOwner);
                to.tell(deciding.and_then(|shard| recalled(shard, &cause, now)));
            }
            Self::DeadLetters { most, to } => {
                to.tell(
                    telling.map(|telling| {
                        telling.engine().dead_letters().take(most).cloned().collect()
                    }),
                );
            }
            Self::Redrive { id, to } => to.tell(telling.and_then(|telling| {
                let redriven = telling.redrive(&id, now)?;
                // One that cannot be saved now is saved later; until then a crash undoes it.
                telling.save(now);
                Ok(redriven)
            })),
        }
    }
}

fn recalled(shard: &Shard, cause: &Cause, now: Timestamp) -> Recalled {
    // Whatever is asked under the name of what was decided is told the first outcome, and to decide
    // changes nothing.
    let by = Canceller::Customer;
    let nothing = Command::Cancel { order: OrderId::truncating(0), by };
    match shard.decide(&nothing, Some(cause), now) {
        Ok(Decision::Known(outcome)) => Ok(Some(outcome)),
        Err(NotTaken::Conflict) => Err(NotTaken::Conflict),
        Ok(Decision::Commit { .. }) | Err(_) => Ok(None),
    }
}

/// The questions that wait; `None` once nobody answers any more.
#[derive(Debug)]
pub(super) struct Desk(Mutex<Option<VecDeque<Question>>>);

impl Desk {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Some(VecDeque::new())))
    }

    pub(super) fn push(&self, question: Question) -> Result<(), NotSent> {
        let mut asked = self.0.lock();
        let Some(asked) = asked.as_mut() else { return Err(NotSent::Gone) };
        if asked.len() >= QUESTIONS_MAX {
            return Err(NotSent::Busy { most: QUESTIONS_MAX });
        }
        asked.push_back(question);
        Ok(())
    }

    /// All that wait.
    pub(super) fn take(&self) -> VecDeque<Question> {
        self.0.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whoever asked, and was not answered, hears that.
    pub(super) fn close(&self) {
        let asked = self.0.lock().take();
        drop(asked);
    }
}
