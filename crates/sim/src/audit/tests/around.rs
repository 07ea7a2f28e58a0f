//! What stands around the real shard: restaurants, and a payment provider.

use std::collections::BTreeMap;

use doorstep_core::catalog::{Acceptance, Category, Hours, Item, KitchenKind, Menu, Restaurant};
use doorstep_core::id::{ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{self, Effect, EffectKey};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::provider::{self, EventId, Fact, Meaning, Reference};
use doorstep_core::shard::Shard;
use doorstep_core::time::Span;

use crate::audit::BookEntry;

pub(super) fn currency() -> Currency {
    Currency::new("EUR").unwrap()
}

pub(super) fn money(minor: i64) -> Money {
    Money::new(minor, currency())
}

pub(super) fn place(lat: f64) -> LatLng {
    LatLng::new(lat, 11.5).unwrap()
}

pub(super) fn restaurant(n: u32) -> Restaurant {
    let item = |id: u32, name: &str| Item {
        id: ItemId::from(id),
        name: name.into(),
        price: money(650),
        available: true,
        option_groups: vec![],
    };
    let items = vec![item(7, "Soup"), item(8, "Cake")];
    Restaurant {
        id: RestaurantId::from(n),
        position: place(48.1),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "Warm".into(), items }] },
        preparation: Span::from_mins(15),
        acceptance: if n == 1 { Acceptance::Manual } else { Acceptance::Automatic },
        kitchen: if n == 3 { KitchenKind::Shelf } else { KitchenKind::Cooks },
        open: true,
    }
}

pub(super) fn shard(capacity: u32) -> Shard {
    let mut policy = Policy::new(currency());
    policy.dispatch.capacity = capacity;
    policy.checkout.orders_per_hour = 1_000;
    Shard::new(ShardId::new(1).unwrap(), policy)
}

/// A provider with a book of its own, which sometimes fails and sometimes says nothing; and which
/// tells everything that is in the book, whoever did it.
#[derive(Default)]
pub(super) struct Provider {
    done: BTreeMap<EffectKey, payment::Answer>,
    pub(super) book: BTreeMap<OrderId, BookEntry>,
    /// What is still to be told.
    pub(super) outbox: Vec<provider::Event>,
    told: u32,
    /// Refunds that may come back: whose, by which call, under which name, how much.
    refunds: Vec<(OrderId, Option<EffectKey>, EventId, i64)>,
}

const DONE: payment::Answer = payment::Answer::Done { until: None };

impl Provider {
    /// Does it, or says again what came of it.
    pub(super) fn ask(&mut self, effect: &Effect, luck: u64) -> payment::Answer {
        if let Some(answer) = self.done.get(&effect.key()) {
            return *answer;
        }
        let amount = effect.due.amount.minor();
        let entry = self.book.get(&effect.order).copied().unwrap_or_else(|| nothing(effect.order));
        let answer = match (luck, effect.due.step) {
            (0..10, _) => payment::Answer::Failed,
            (10..15, payment::Step::Hold | payment::Step::Capture) => payment::Answer::Refused,
            (_, payment::Step::Capture | payment::Step::Void) if entry.voided => {
                payment::Answer::Refused
            }
            (_, payment::Step::Refund) if entry.captured_minor - entry.refunded_minor < amount => {
                payment::Answer::Refused
            }
            _ => DONE,
        };
        self.done.insert(effect.key(), answer);
        if answer == DONE {
            self.does(effect, entry);
        }
        answer
    }

    fn does(&mut self, effect: &Effect, mut entry: BookEntry) {
        let (key, amount) = (Some(effect.key()), effect.due.amount);
        let fact = match effect.due.step {
            payment::Step::Hold => {
                (entry.held_minor, entry.holds) = (amount.minor(), entry.holds + 1);
                Fact::Held { amount, until: None }
            }
            payment::Step::Capture => {
                (entry.captured_minor, entry.captures) = (amount.minor(), entry.captures + 1);
                Fact::Captured { amount }
            }
            payment::Step::Void => {
                entry.voided = true;
                Fact::Voided
            }
            payment::Step::Refund => {
                entry.refunded_minor += amount.minor();
                let refund = self.name("re");
                self.refunds.push((effect.order, key, refund.clone(), amount.minor()));
                Fact::Refunded { refund, amount }
            }
        };
        self.book.insert(effect.order, entry);
        self.tells(effect.order, key, fact);
    }

    /// Somebody at the provider's own desk gives some of the money back, or the hold up.
    pub(super) fn another_hand(&mut self, order: OrderId, minor: i64) {
        let Some(entry) = self.book.get_mut(&order) else { return };
        let left = entry.captured_minor - entry.refunded_minor;
        if entry.captures > 0 && (1..=left).contains(&minor) {
            entry.refunded_minor += minor;
            let refund = self.name("re");
            self.refunds.push((order, None, refund.clone(), minor));
            self.tells(order, None, Fact::Refunded { refund, amount: money(minor) });
        } else if entry.captures == 0 && !entry.voided {
            entry.voided = true;
            self.tells(order, None, Fact::Voided);
        }
    }

    /// A refund that was done comes back from the bank.
    pub(super) fn a_refund_comes_back(&mut self, still_known: impl Fn(OrderId) -> bool) {
        let Some((order, key, refund, minor)) = self.refunds.pop() else { return };
        if !still_known(order) {
            return;
        }
        if let Some(entry) = self.book.get_mut(&order) {
            entry.refunded_minor -= minor;
        }
        self.tells(order, key, Fact::RefundFailed { refund, amount: money(minor) });
    }

    fn tells(&mut self, order: OrderId, effect: Option<EffectKey>, fact: Fact) {
        let id = self.name("evt");
        let says = Meaning { about: Reference { order, effect }, fact };
        self.outbox.push(provider::Event { id, says });
    }

    fn name(&mut self, prefix: &str) -> EventId {
        self.told += 1;
        EventId::new(&format!("{prefix}_{}", self.told)).unwrap()
    }
}

fn nothing(order: OrderId) -> BookEntry {
    BookEntry {
        order,
        held_minor: 0,
        captured_minor: 0,
        refunded_minor: 0,
        voided: false,
        holds: 0,
        captures: 0,
    }
}
