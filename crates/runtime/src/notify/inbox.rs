//! The in-app channel: a bounded inbox for each user, to be read from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use doorstep_core::notify::{Answer, Category, MessageId, SendKey, Sending};
use doorstep_core::time::Timestamp;
use parking_lot::Mutex;

use super::Recipient;
use crate::ports::Notifier;

/// A message in somebody's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Rises from letter to letter, from 1: whoever has read up to it asks for what comes after.
    pub number: u64,
    /// Which message.
    pub id: MessageId,
    /// About what.
    pub category: Category,
    /// What.
    pub body: String,
    /// When it came.
    pub at: Timestamp,
}

/// Everybody's inbox, in memory: a handle, whose clones see the same.
///
/// A message that is there already is not put there again. Beyond a user's bound the oldest letter
/// goes; beyond the bound of users, the inbox that was written to longest ago. It ends with the
/// process: what an order has come to is in its tracking, not here.
#[derive(Clone, Debug)]
pub struct Inboxes {
    shared: Arc<Mutex<Shelf>>,
    /// What this handle has to answer.
    answers: VecDeque<SendKey>,
}

#[derive(Debug)]
struct Shelf {
    users_max: usize,
    letters_max: usize,
    next: u64,
    inboxes: BTreeMap<Recipient, VecDeque<Letter>>,
    /// By the number of the newest letter.
    by_age: BTreeSet<(u64, Recipient)>,
}

impl Inboxes {
    /// No inbox yet; at most so many, of at most so many letters each. A bound of zero counts as one.
    #[must_use]
    pub fn new(users_max: usize, letters_max: usize) -> Self {
        let shelf = Shelf {
            users_max: users_max.max(1),
            letters_max: letters_max.max(1),
            next: 1,
            inboxes: BTreeMap::new(),
            by_age: BTreeSet::new(),
        };
        Self { shared: Arc::new(Mutex::new(shelf)), answers: VecDeque::new() }
    }

    /// The letters of a user after the one with this number (0: from the first), at most `most`,
    /// the oldest first.
    #[must_use]
    pub fn read(&self, of: Recipient, after: u64, most: usize) -> Vec<Letter> {
        let shelf = self.shared.lock();
        let inbox = shelf.inboxes.get(&of).into_iter().flatten();
        inbox.filter(|letter| letter.number > after).take(most).cloned().collect()
    }

    /// Takes away what a user has read: everything up to this number.
    pub fn clear(&self, of: Recipient, up_to: u64) {
        let mut shelf = self.shared.lock();
        let Some(inbox) = shelf.inboxes.get_mut(&of) else { return };
        let newest = inbox.back().map_or(0, |letter| letter.number);
        inbox.retain(|letter| letter.number > up_to);
        if inbox.is_empty() {
            shelf.inboxes.remove(&of);
            shelf.by_age.remove(&(newest, of));
        }
    }

    /// How many users have letters.
    #[must_use]
    pub fn users(&self) -> usize {
        self.shared.lock().inboxes.len()
    }
}

impl Shelf {
    fn put(&mut self, sending: &Sending<Recipient>, now: Timestamp) {
        let inbox = self.inboxes.entry(sending.to).or_default();
        if inbox.iter().any(|letter| letter.id == sending.key.message) {
            return;
        }
        if let Some(newest) = inbox.back() {
            self.by_age.remove(&(newest.number, sending.to));
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let Sending { key, category, body, .. } = sending.clone();
        inbox.push_back(Letter { number, id: key.message, category, body, at: now });
        if inbox.len() > self.letters_max {
            inbox.pop_front();
        }
        self.by_age.insert((number, sending.to));
        while self.inboxes.len() > self.users_max {
            let Some((_, forgotten)) = self.by_age.pop_first() else { break };
            self.inboxes.remove(&forgotten);
        }
    }
}

impl Notifier for Inboxes {
    fn send(&mut self, sending: &Sending<Recipient>, now: Timestamp) {
        self.shared.lock().put(sending, now);
        self.answers.push_back(sending.key.clone());
    }

    fn poll(&mut self, _now: Timestamp) -> Option<(SendKey, Answer)> {
        self.answers.pop_front().map(|key| (key, Answer::Delivered))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        (!self.answers.is_empty()).then_some(Timestamp::EPOCH)
    }
}
