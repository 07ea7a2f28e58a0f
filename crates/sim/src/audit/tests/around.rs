//! What stands around the real shard: restaurants, and a payment provider.

use std::collections::BTreeMap;

use doorstep_core::catalog::{Acceptance, Category, Hours, Item, KitchenKind, Menu, Restaurant};
use doorstep_core::id::{ItemId, OrderId, RestaurantId, ShardId};
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{self, Effect, EffectKey};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
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
    let soup = Item {
        id: ItemId::from(7),
        name: "Soup".into(),
        price: money(650),
        available: true,
        option_groups: vec![],
    };
    Restaurant {
        id: RestaurantId::from(n),
        position: place(48.1),
        delivery_radius_m: 5_000,
        cuisines: vec![],
        hours: Hours::always(),
        menu: Menu { categories: vec![Category { name: "Warm".into(), items: vec![soup] }] },
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

/// A provider with a book of its own, which sometimes fails and sometimes says nothing.
#[derive(Default)]
pub(super) struct Provider {
    done: BTreeMap<EffectKey, payment::Answer>,
    pub(super) book: BTreeMap<OrderId, BookEntry>,
}

impl Provider {
    /// Does it, or says again what came of it.
    pub(super) fn ask(&mut self, effect: &Effect, luck: u64) -> payment::Answer {
        if let Some(answer) = self.done.get(&effect.key()) {
            return *answer;
        }
        let answer = match (luck, effect.due.step) {
            (0..10, _) => payment::Answer::Failed,
            (10..15, payment::Step::Hold | payment::Step::Capture) => payment::Answer::Refused,
            _ => payment::Answer::Done { until: None },
        };
        self.done.insert(effect.key(), answer);
        if answer == (payment::Answer::Done { until: None }) {
            let amount = effect.due.amount.minor();
            let entry = self.book.entry(effect.order).or_insert(BookEntry {
                order: effect.order,
                held_minor: 0,
                captured_minor: 0,
                refunded_minor: 0,
                voided: false,
                holds: 0,
                captures: 0,
            });
            match effect.due.step {
                payment::Step::Hold => (entry.held_minor, entry.holds) = (amount, entry.holds + 1),
                payment::Step::Capture => {
                    (entry.captured_minor, entry.captures) = (amount, entry.captures + 1);
                }
                payment::Step::Void => entry.voided = true,
                payment::Step::Refund => entry.refunded_minor += amount,
            }
        }
        answer
    }
}
