//! Random histories: whoever speaks, whenever, and whatever the provider says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::*;
use super::city::*;
use super::wishes::{Wished, tight, wished};
use crate::checkout::{self, State};
use crate::dispatch;
use crate::order::{self, Phase};
use crate::payment::{self, Answer, Reply};
use crate::time::Span;

fn history() -> impl Strategy<Value = Vec<(Wished, Span)>> {
    let wait = prop_oneof![
        8 => Just(Span::ZERO),
        4 => (1..40_000_u64).prop_map(Span::from_millis),
        2 => (1..20_u64).prop_map(Span::from_mins),
        1 => (1..30_u64).prop_map(Span::from_hours),
    ];
    proptest::collection::vec((wished(), wait), 0..150)
}

/// The city after all that was wished. [`City::hears`] looks at it after every batch.
fn live(history: &[(Wished, Span)]) -> City {
    let mut city = City::under(tight());
    let mut said = Vec::new();
    for (wished, wait) in history {
        city.waits(*wait);
        wished.happens(&mut city, &mut said);
    }
    city
}

/// The names of an event, inner ones first: what the histories reach.
fn names(event: &Event) -> String {
    let inner = match event {
        Event::PolicySet(_) => "PolicySet".into(),
        Event::Catalog(event) => format!("{event:?}"),
        Event::Checkout { event: checkout::Event::Payment(event), .. } => format!("open {event:?}"),
        Event::Checkout { event, .. } => format!("{event:?}"),
        Event::Order { event: order::Event::Payment(event), .. } => format!("paid {event:?}"),
        Event::Order { event, .. } => format!("order {event:?}"),
        Event::Dispatch(event) => format!("drive {event:?}"),
        Event::Provider { heard, .. } => format!("heard {heard:?}"),
        Event::SaleOpened { .. } => "sale opened".into(),
        Event::Sale { event, .. } => format!("sale {event:?}"),
        Event::SaleCheckout { .. } => "sale carried".into(),
    };
    let end = inner.find(['{', '(']).unwrap_or(inner.len());
    inner[..end].trim_end().into()
}

#[test]
fn the_histories_reach_every_kind_of_event() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..600 {
        let history = history().new_tree(&mut runner).unwrap().current();
        reached.extend(live(&history).log.iter().flat_map(|batch| batch.events.iter().map(names)));
    }
    let catalog = 4;
    let (checkouts, their_money) = (2, 6);
    let (orders, their_money_too) = (17, 5);
    let dispatch = 13;
    // Every payment told of is known here.
    let heard = 3;
    // Opened, carried; in a shard no unit is sold late, nor is money for one due back by itself.
    let sales = 2 + 7;
    let all =
        1 + catalog + checkouts + their_money + orders + their_money_too + dispatch + heard + sales;
    assert_eq!(reached.len(), all, "{reached:#?}");
}

/// Lets the provider answer and time pass until nothing waits; people say nothing more.
#[track_caller]
fn settles(city: &mut City, fails_first: bool) -> usize {
    let lives = city.shard.orders.len() + city.shard.checkouts.len();
    let searches = city.shard.dispatch.searching();
    // The longest search there can be, a stage at a time, and a few steps more for its money.
    let most = (lives + searches + 1) * 300;
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps <= most, "everything ends: {:?}", city.shard.next_deadline());
        let effect = city.shard.pending_effects().min_by_key(|effect| effect.due.not_before);
        let deadline = city.shard.next_deadline();
        if let Some(effect) = effect
            && deadline.is_none_or(|at| effect.due.not_before <= at.max(city.now))
        {
            city.now = city.now.max(effect.due.not_before);
            let answer = if fails_first && effect.due.attempt < 3 { Answer::Failed } else { DONE };
            let (step, attempt) = (effect.due.step, effect.due.attempt);
            let reply = Reply { step, attempt, answer };
            let events = city.does(&Command::Reply { order: effect.order, reply });
            assert_ne!(events, [], "the answer to what is due is news");
        } else if let Some(at) = deadline {
            city.now = city.now.max(at);
            city.ticks();
        } else {
            return steps;
        }
    }
}

fn has_ended(order: &Order) -> bool {
    match order.phase() {
        Phase::Delivered { .. } | Phase::Undelivered { .. } | Phase::Cancelled { .. } => true,
        Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. } => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_decided_can_always_follow_and_a_replay_gives_the_same(history in history()) {
        let city = live(&history);
        prop_assert_eq!(city.replayed(), city.shard);
    }

    #[test]
    fn the_log_as_it_is_written_gives_the_same(history in history()) {
        let city = live(&history);
        let mut replayed = city.start.clone();
        for batch in &city.log {
            let record = crate::log::Record::Batch(batch.clone());
            let bytes = record.encode().unwrap();
            let read = crate::log::Record::<Event, Outcome>::decode(&bytes).unwrap();
            let crate::log::Record::Batch(read) = read else { panic!("{read:?}") };
            prop_assert_eq!(&read, batch);
            replayed.apply(&read).unwrap();
        }
        prop_assert_eq!(replayed, city.shard);
    }

    #[test]
    fn a_stored_shard_is_equal_and_goes_on_alike(before in history(), after in history()) {
        let mut city = live(&before);
        let mut restored = city.clone();
        restored.shard = city.stored();
        prop_assert_eq!(&restored.shard, &city.shard);
        let (mut said, mut said_there) = (Vec::new(), Vec::new());
        for (wished, wait) in &after {
            city.waits(*wait);
            restored.waits(*wait);
            wished.happens(&mut city, &mut said);
            wished.happens(&mut restored, &mut said_there);
        }
        prop_assert_eq!(&restored.log, &city.log);
        prop_assert_eq!(restored.shard, city.shard);
    }

    #[test]
    fn ticking_leaves_nothing_due(history in history(), wait in 0..10_000_u64) {
        let mut city = live(&history);
        city.waits(Span::from_secs(wait));
        city.ticks();
        prop_assert!(city.shard.next_deadline().is_none_or(|due| due > city.now));
    }

    #[test]
    fn every_command_told_before_is_answered_as_it_was(history in history()) {
        let city = live(&history);
        let refused = |batch: &&Batch<Event, Outcome>| {
            batch.cause.is_some() && batch.events.is_empty()
        };
        for (place, batch) in city.log.iter().enumerate() {
            let (Some(cause), Some(outcome)) = (&batch.cause, &batch.outcome) else { continue };
            let later = &city.log[place + 1..];
            let again = later.iter().any(|later| later.cause.is_some_and(|c| c.id == cause.id));
            let forgotten = refused(&batch) && later.iter().filter(refused).count() >= 8;
            prop_assert!(!again || forgotten, "what is known is not decided again");
            match city.shard.decide(&Command::Tick, Some(cause), city.now) {
                Ok(Decision::Known(_)) if again => {}
                Ok(Decision::Known(known)) => prop_assert_eq!(&known, outcome),
                Ok(Decision::Commit { .. }) | Err(NotTaken::Full) => prop_assert!(forgotten),
                Err(NotTaken::TooOld) => {
                    let memory = &tight().memory;
                    let kept = memory.retry_horizon.saturating_add(memory.clock_skew);
                    let aged = city.shard.last_at() > batch.at.saturating_add(kept);
                    prop_assert!(aged || forgotten);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn once_nobody_speaks_and_the_provider_answers_everything_ends(
        history in history(), fails_first: bool,
    ) {
        let mut city = live(&history);
        settles(&mut city, fails_first);
        let shard = &city.shard;
        prop_assert!(shard.orders().all(|order| has_ended(order) && order.over_since().is_some()));
        let closed = |checkout: &Checkout| matches!(checkout.state(), State::Closed { .. });
        prop_assert!(shard.checkouts().all(|checkout| closed(checkout) && checkout.over_since().is_some()));
        prop_assert_eq!(shard.dispatch.deliveries().len(), 0);
        prop_assert_eq!(shard.wanted().count(), 0);
        prop_assert!(shard.sales().all(|(_, listed)| listed.sale.held() == 0), "no unit is lost");
        let free = |driver: &dispatch::Driver| driver.carrying.is_empty() && driver.offer.is_none();
        prop_assert!(shard.dispatch.drivers().all(|(_, driver)| free(driver)));
        for order in shard.orders() {
            let paid = order.payment().paid();
            let owed = order.payment().owed().unwrap();
            let debt = order.payment().debt().unwrap_or(eur(0));
            prop_assert_eq!(paid.checked_add(debt).unwrap(), owed, "paid, or a debt");
            let kept = match order.phase() {
                Phase::Cancelled { fee, .. } => *fee,
                Phase::Undelivered { reason, .. } if !reason.customer_pays() => eur(0),
                Phase::Delivered { .. } | Phase::Undelivered { .. } => order.quote().total,
                Phase::Pending { .. } | Phase::Underway { .. } | Phase::OnTheWay { .. } => {
                    panic!("{:?} has not ended", order.status())
                }
            };
            prop_assert_eq!(owed, kept);
        }
        let held = |funds| matches!(funds, payment::Funds::Held { .. } | payment::Funds::Asked);
        prop_assert!(!shard.orders().any(|order| held(order.payment().funds())));
        prop_assert!(!shard.checkouts().any(|checkout| held(checkout.payment().funds())));
        prop_assert_eq!(city.replayed(), city.shard);
    }
}
