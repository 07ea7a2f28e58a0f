//! The stock of a sale for many threads at once, in one process.
//!
//! A [`SharedSale`] decides as [`Sale`] does, for the part of it that a crowd hits: claims, payments,
//! releases, deadlines. It has no line: a unit that comes free is free for whoever asks next. Put a
//! [`WaitingRoom`](super::WaitingRoom) in front, or drive a `Sale`, where the line matters.
//!
//! # What is momentary
//!
//! One atomic word holds how many units are free and how many are sold; people live in stripes, each
//! behind a lock of its own.
//!
//! - A unit is taken from the word before anybody is told, and no operation takes one that it does
//!   not keep: never more than the stock is held and sold.
//! - [`Refusal::SoldOut`] means that every unit was sold at that moment. It is final: nothing that is
//!   sold comes back.
//! - [`Refusal::AllHeld`] means that no unit was free at that moment. A hold that a deadline has
//!   ended is freed by whoever asks next, so units are never out of reach for good; but two threads
//!   may disagree for as long as one of them is in the middle of giving a unit back.
//! - Both are answered without a lock to whoever never held anything; whoever did (and one in about
//!   sixteen others at most, by the filter's chance) waits for a stripe.
//!
//! # The journal
//!
//! What happened is written down as events of [`Sale`], in an order in which they can follow, and
//! taken by [`SharedSale::drain`]. Where a stripe's share of the journal is full, whatever would write
//! into it is refused ([`Refusal::Behind`]), and deadlines wait, until it is drained.

mod filter;
mod operate;
mod stripe;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod word;

use core::hash::{BuildHasher, Hash};

use std::collections::BTreeMap;

use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use self::stripe::{Entry, State, Stripe};
use self::sync::{AtomicI64, AtomicU64, Mutex, Ordering};
use self::word::Word;
use super::sale::{Event, HoldId, HoldState, Sale};
use crate::time::{Span, Timestamp};

/// How a shared sale is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Locks that people are spread over, a power of two from 1 to 65,536. Default 64.
    pub stripes: usize,
    /// Most events that wait to be drained, over all stripes. Default 1,048,576: ours, a burst of a
    /// fifth of a second.
    pub journal_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { stripes: 64, journal_max: 1 << 20 }
    }
}

/// Bits of a hold's number that are its person's.
const TAG_BITS: u32 = 16;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

/// The bits of a hash that pick the stripe; a map inside takes the lowest and the highest ones.
const fn tag(hash: u64) -> u64 {
    (hash >> 40) & TAG_MASK
}

/// A sale that many threads share.
///
/// ```
/// use doorstep_core::flash_sale::shared::{Claimed, Config, Refusal};
/// use doorstep_core::flash_sale::{Rules, Sale, SharedSale};
/// use doorstep_core::time::Timestamp;
///
/// let noon = Timestamp::from_secs(1_700_000_000);
/// let mut stored = Sale::<u64>::new(Rules::new(2, noon)?);
/// let sale = SharedSale::open(&stored, Config::default())?;
///
/// let held = sale.claim(7, 1, noon)?;
/// assert!(matches!(held, Claimed::Held { .. }));
/// assert_eq!(sale.claim(7, 1, noon)?, held, "a retry gets the same hold");
/// sale.claim(8, 1, noon)?;
/// assert!(matches!(sale.claim(9, 1, noon), Err(Refusal::AllHeld { .. })));
///
/// // What was told is what was stored: drain, store, tell.
/// for entry in sale.drain() {
///     stored.evolve(&entry.event, entry.at)?;
/// }
/// assert_eq!((stored.available(), stored.held(), stored.sold()), (0, 2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedSale<U: Eq + Hash> {
    word: Word,
    /// The number of the next entry of the journal. A hold's is that of its entry, with sixteen bits
    /// of its person's hash below: they say in which stripe it lies.
    next: AtomicU64,
    /// No live hold ends before this time; the smallest timestamps mean "look".
    next_due: AtomicI64,
    filter: Filter,
    stripes: Box<[Mutex<Stripe<U>>]>,
    /// Holds from before this number need not say where they lie: whose those are that were live,
    /// sold or paid late. A lock inside a stripe's, and a rare one.
    opened_at: u64,
    before: Mutex<BTreeMap<HoldId, U>>,
    stock: u32,
    per_user: u32,
    hold_for: Span,
    opens_at: Timestamp,
    /// Entries of one stripe that may wait, and late payments that it may remember.
    journal_max: usize,
    refunds_max: usize,
}

/// What happened, for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained<U> {
    /// Rises from entry to entry. Not dense.
    pub seq: u64,
    /// The time that the operation was given. Threads may disagree: it may go back a little.
    pub at: Timestamp,
    /// What.
    pub event: Event<U>,
}

/// What a claim is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// A unit is held: by this claim, or by the one that it repeats.
    Held {
        /// The hold.
        hold: HoldId,
        /// Good before this time.
        until: Timestamp,
    },
    /// It is bought already.
    Sold {
        /// The hold.
        hold: HoldId,
    },
}

/// What a payment is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// The unit is bought.
    Sold,
    /// The hold had ended and no unit was free: the money goes back.
    RefundDue,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A person may have so many units, and this is none of them.
    #[error("a person may have {limit} units")]
    OverLimit {
        /// How many.
        limit: u32,
    },
    /// Every unit is sold, for good.
    #[error("sold out")]
    SoldOut,
    /// The sale has not begun.
    #[error("the sale opens at {opens_at}")]
    NotOpen {
        /// When it does.
        opens_at: Timestamp,
    },
    /// Every unit is sold or held; a held one may come back.
    #[error("every unit is held")]
    AllHeld {
        /// No hold ends by its deadline before this time, where it is known at this moment.
        next: Option<Timestamp>,
    },
    /// The journal is not drained fast enough. Come back.
    #[error("the journal is full")]
    Behind,
    /// There never was such a hold of this person.
    #[error("there is no such hold")]
    NoSuchHold,
    /// What is sold is not released.
    #[error("the unit is sold")]
    AlreadySold,
    /// As many late payments are remembered as may be: not recorded, let the provider deliver again.
    #[error("too many late payments are remembered already")]
    RefundsFull,
}

/// Why a stored sale cannot be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotShare {
    /// The shared form has neither a line nor admission by rate.
    #[error("people wait for this sale, or come in by rate")]
    HasALine,
    /// It was closed.
    #[error("the sale is closed")]
    Closed,
    /// Payments under somebody else's deadline are for a shard.
    #[error("a payment of this sale is under way elsewhere")]
    Paying,
    /// Stripes are a power of two from 1 to 65,536, and each has room for two entries of the journal.
    #[error("the layout is out of range")]
    Layout,
}

impl<U: Clone + Ord + Hash> SharedSale<U> {
    /// Goes on from a stored sale; the stored one is not to be used for decisions meanwhile.
    ///
    /// # Errors
    /// [`CannotShare`], for a sale that has more than the shared form can carry.
    pub fn open(sale: &Sale<U>, config: Config) -> Result<Self, CannotShare> {
        let room = sale.room();
        if sale.rules().admission.is_some() || room.waiting() > 0 {
            return Err(CannotShare::HasALine);
        }
        if sale.is_closed() {
            return Err(CannotShare::Closed);
        }
        let stripes = config.stripes;
        let per_stripe = config.journal_max.checked_div(stripes).unwrap_or(0);
        if !stripes.is_power_of_two() || stripes > 1 << 16 || per_stripe < 2 {
            return Err(CannotShare::Layout);
        }
        let stock = sale.rules().stock;
        let share = |all: u32| {
            let all = usize::try_from(all).unwrap_or(usize::MAX);
            all.checked_div(stripes).unwrap_or(0).saturating_add(1)
        };
        let room_for = share(stock.min(1 << 22));
        let people_max = sale.rules().people_max;
        let shared = Self {
            word: Word::new(sale.available(), sale.sold()),
            next: AtomicU64::new((sale.next_hold() >> TAG_BITS).saturating_add(1)),
            opened_at: sale.next_hold(),
            before: Mutex::new(BTreeMap::new()),
            next_due: AtomicI64::new(i64::MIN),
            filter: Filter::for_stock(stock),
            stripes: (0..stripes).map(|_| Mutex::new(Stripe::with_room_for(room_for))).collect(),
            stock,
            per_user: sale.rules().per_user,
            hold_for: sale.rules().hold_for,
            opens_at: sale.rules().opens_at,
            journal_max: per_stripe,
            refunds_max: share(people_max),
        };
        let mut by_deadline: Vec<_> = sale.holds().collect();
        by_deadline.sort_by_key(|(id, hold)| (hold.state.until(), *id));
        for (hold, held) in by_deadline {
            let state = match held.state {
                HoldState::Reserved { until } => State::Held { until },
                HoldState::Sold => State::Sold,
                HoldState::Paying => return Err(CannotShare::Paying),
            };
            let hash = shared.hash(&held.user);
            shared.filter.add(hash);
            shared.before.lock().insert(hold, held.user.clone());
            let mut stripe = shared.stripe_of(&held.user);
            stripe.put(held.user.clone(), held.nth, Entry { hold, state });
        }
        for (hold, user) in sale.refunds() {
            shared.filter.add(shared.hash(user));
            shared.before.lock().insert(hold, user.clone());
            shared.stripe_of(user).remember_refund(hold, user.clone());
        }
        Ok(shared)
    }

    /// Units that nobody has, at this moment.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.word.load().free
    }

    /// Units that are sold, at this moment.
    #[must_use]
    pub fn sold(&self) -> u32 {
        self.word.load().sold
    }

    /// When [`SharedSale::expire`] has something to do next, at the earliest. Locks one stripe after
    /// another.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.stripes.iter().filter_map(|stripe| stripe.lock().next_deadline()).min()
    }

    fn hash(&self, user: &U) -> u64 {
        FxBuildHasher.hash_one(user)
    }

    fn stripe_of(&self, user: &U) -> sync::Guard<'_, Stripe<U>> {
        self.stripe(self.hash(user))
    }

    fn stripe(&self, hash: u64) -> sync::Guard<'_, Stripe<U>> {
        let at = usize::try_from(tag(hash)).unwrap_or(0) & self.stripes.len().saturating_sub(1);
        #[expect(
            clippy::indexing_slicing,
            reason = "masked by the length, which is a power of two"
        )]
        self.stripes[at].lock()
    }
}
