//! Runner, sandbox and the real payment state machine together: whatever goes wrong on the way, in
//! the end the orders and the provider's book agree.

use doorstep_core::payment::{Event, Funds, Payment};
use doorstep_core::policy::{PaymentPolicy, Policy};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::sandbox::{Hostility, OrderBook, Sandbox, SandboxConfig};

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

/// Orders whose replies are sometimes lost on the way to them, and whose owner sometimes crashes.
struct World {
    payments: BTreeMap<OrderId, Payment>,
    policy: PaymentPolicy,
    sandbox: Sandbox,
    runner: EffectRunner,
    chance: ChaCha8Rng,
    now: Timestamp,
    lossy: bool,
    /// Every answer that was told, by key.
    told: BTreeMap<EffectKey, Answer>,
    offered: std::collections::BTreeSet<EffectKey>,
}

impl World {
    fn new(orders: u32, seed: u64, permille: u16, hold_lasts: Span) -> Self {
        let hostility = Hostility {
            seed,
            slow: permille,
            failing: permille,
            answers_twice: permille,
            silent_after_charging: permille,
            silent_without: permille,
            declines: permille / 4,
            latency_least: Span::from_millis(20),
            latency_most: Span::from_millis(900),
            slowest: Span::from_secs(40),
        };
        let config = SandboxConfig { hostility, hold_lasts, ..SandboxConfig::default() };
        Self {
            payments: (1..=orders)
                .map(|order| (OrderId::from(order), Payment::new(eur(1_000))))
                .collect(),
            policy: Policy::new(eur(0).currency()).payment,
            sandbox: Sandbox::new(config),
            runner: EffectRunner::new(EffectConfig { in_flight_max: 5, ..EffectConfig::default() }),
            chance: ChaCha8Rng::seed_from_u64(seed),
            now: NOW,
            lossy: true,
            told: BTreeMap::new(),
            offered: std::collections::BTreeSet::new(),
        }
    }

    fn offer_all(&mut self) {
        for (order, payment) in &self.payments {
            let effect = payment.due().map(|due| Effect { order: *order, due });
            self.offered.extend(effect.map(|effect| effect.key()));
            self.runner.offer(*order, effect).unwrap();
        }
    }

    /// What the owner decides to charge, as orders are accepted, adjusted and cancelled.
    fn owe(&mut self, order: u32, minor: i64) {
        if let Some(payment) = self.payments.get_mut(&OrderId::from(order)) {
            let lower = payment.owed().is_none_or(|owed| owed.minor() >= minor);
            if lower {
                payment.owe(eur(minor));
            }
        }
        self.offer_all();
    }

    fn crash(&mut self) {
        self.runner.clear();
        self.sandbox = self.sandbox.connect();
        self.offer_all();
    }

    fn step(&mut self) {
        for (order, reply) in self.runner.step(&mut self.sandbox, self.now) {
            let key = EffectKey { order, step: reply.step, attempt: reply.attempt };
            assert_eq!(self.told.entry(key).or_insert(reply.answer), &reply.answer);
            let events = self.payments[&order].decide(&reply, &self.policy, self.now);
            if !(self.lossy && self.chance.random_bool(0.3)) {
                self.evolve(order, &events);
            }
        }
        let ticks: Vec<_> = self.payments.iter().map(|(id, p)| (*id, p.tick(self.now))).collect();
        for (order, events) in ticks {
            self.evolve(order, &events);
        }
        self.offer_all();
    }

    fn evolve(&mut self, order: OrderId, events: &[Event]) {
        let payment = self.payments.get_mut(&order).unwrap();
        for event in events {
            payment.evolve(event).unwrap();
        }
    }

    /// Moves time on to whatever comes first, up to `until`.
    fn run(&mut self, until: Timestamp) {
        for _ in 0..100_000 {
            let lapse = self.payments.values().filter_map(Payment::next_deadline).min();
            let wakes = [self.runner.next_wake(), self.sandbox.next_wake(), lapse];
            match wakes.into_iter().flatten().min().filter(|wake| *wake <= until) {
                Some(wake) => self.now = self.now.max(wake),
                None => {
                    self.now = until;
                    return;
                }
            }
            self.step();
        }
        panic!("it never comes to rest");
    }
}

fn agree(funds: Funds, page: Option<OrderBook>) -> bool {
    match (funds, page) {
        (Funds::Asked, _) => false,
        (Funds::Refused { .. }, page) => page.is_none(),
        (Funds::Held { amount, until }, Some(page)) => {
            page.held == amount && page.open_until == Some(until)
        }
        (Funds::Captured { amount, refunded }, Some(page)) => {
            page.captured() == amount && page.refunded == refunded && page.held == eur(0)
        }
        (Funds::Released { .. }, Some(page)) => {
            page.captured() == eur(0) && page.held == eur(0) && page.open_until.is_none()
        }
        (Funds::Held { .. } | Funds::Captured { .. } | Funds::Released { .. }, None) => false,
    }
}

fn audit(world: &World) {
    let book = world.sandbox.book();
    for (order, page) in &book {
        assert!(page.holds <= 1 && page.captures <= 1, "{order}: {page:?}");
        assert!(page.is_balanced(), "{order}: {page:?}");
    }
    assert_eq!(world.sandbox.tally().conflicts, 0);
    assert_eq!(world.runner.tally().contradicted, 0);
}

/// Runs a hostile minute or two, then a quiet hour, and audits all along.
fn live(seed: u64, permille: u16, hold_secs: u64, acts: &[(u64, u32, i64, bool)]) -> World {
    let mut world = World::new(12, seed, permille, Span::from_secs(hold_secs));
    world.offer_all();
    for (wait, order, minor, crashes) in acts {
        let until = world.now.saturating_add(Span::from_millis(*wait));
        world.run(until);
        world.owe(*order, *minor);
        if *crashes {
            world.crash();
        }
        audit(&world);
    }
    world.sandbox.quiet();
    world.lossy = false;
    world.run(world.now.saturating_add(Span::from_hours(1)));
    audit(&world);
    world
}

fn any_act() -> impl Strategy<Value = (u64, u32, i64, bool)> {
    let amounts = prop::sample::select(vec![0, 300, 700, 1_000]);
    (0..20_000_u64, 1..=12_u32, amounts, prop::bool::weighted(0.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn once_it_is_quiet_every_effect_has_one_answer_and_it_agrees_with_the_book(
        seed: u64,
        permille in 0..=500_u16,
        hold_secs in prop::sample::select(vec![30, 600_000]),
        acts in prop::collection::vec(any_act(), 1..20),
    ) {
        let world = live(seed, permille, hold_secs, &acts);
        prop_assert!(world.runner.is_empty(), "nothing is left to do");
        prop_assert_eq!(world.told.keys().collect::<Vec<_>>(), world.offered.iter().collect::<Vec<_>>());
        for (order, payment) in &world.payments {
            prop_assert!(payment.due().is_none());
            let page = world.sandbox.book_of(*order);
            prop_assert!(agree(payment.funds(), page), "{order}: {:?}, {page:?}", payment.funds());
        }
    }

    #[test]
    fn the_same_seed_lives_the_same_life(
        seed: u64,
        acts in prop::collection::vec(any_act(), 1..5),
    ) {
        let life = |seed| {
            let world = live(seed, 200, 30, &acts);
            (world.payments, world.sandbox.book(), world.sandbox.tally(), world.runner.tally())
        };
        prop_assert_eq!(life(seed), life(seed));
    }
}

#[test]
fn a_hostile_life_meets_everything_that_can_go_wrong() {
    let acts: Vec<_> = (1..=60_u32).map(|i| (3_000, i % 12 + 1, 300, i % 20 == 0)).collect();
    let worlds = [1, 2, 3, 4].map(|seed| live(seed, 250, 600, &acts));
    let sandbox = worlds[0].sandbox.tally();
    for hit in [
        sandbox.slow,
        sandbox.failed,
        sandbox.answered_twice,
        sandbox.silent_after,
        sandbox.silent_without,
        sandbox.declined,
    ] {
        assert!(hit > 0, "{sandbox:?}");
    }
    let runners = worlds.each_ref().map(|world| world.runner.tally());
    let counted: [fn(&EffectTally) -> u64; 6] = [
        |runner| runner.timeouts,
        |runner| runner.inquiries,
        |runner| runner.told_again,
        |runner| runner.stale,
        |runner| runner.repeated,
        |runner| runner.opened,
    ];
    for hits in counted {
        assert!(runners.iter().map(hits).sum::<u64>() > 0, "{runners:?}");
    }
    let taken = |world: &World| {
        world.payments.values().any(|p| matches!(p.funds(), Funds::Captured { .. }))
    };
    assert!(worlds.iter().all(taken));
}
