//! A provider that is out for minutes: what is due waits behind the breaker, and nobody is charged
//! twice.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use doorstep_core::payment::{Breaker, Funds, HoldRefused, Payment};
use doorstep_core::policy::Policy;

use super::*;
use crate::sandbox::{Outage, Sandbox, SandboxConfig};

fn not_taken(effect: &Effect) -> ProviderSays {
    ProviderSays { key: effect.key(), word: Word::NotTaken }
}

#[test]
fn a_call_that_was_not_taken_is_made_again_under_its_key_after_ever_longer_waits() {
    let (mut runner, mut script) = (runner(), Script::default());
    offer(&mut runner, hold(1, 1));
    let mut now = NOW;
    for wait in [1, 2, 4, 8] {
        runner.step(&mut script, now);
        assert_eq!(script.take(), [(Call::Request, hold(1, 1).key())]);
        script.says.push_back(not_taken(&hold(1, 1)));
        assert!(runner.step(&mut script, now).is_empty(), "no answer is made of it");
        now = now.saturating_add(Span::from_secs(wait));
        assert_eq!(runner.next_wake(), Some(now));
    }
    assert_eq!(runner.tally().not_taken, 4);
}

#[test]
fn after_five_failures_nobody_calls_and_then_one_finds_out() {
    let (mut runner, mut script) = (runner(), Script::default());
    for order in 1..=8 {
        offer(&mut runner, hold(order, 1));
    }
    // All eight go out at once: the breaker has heard nothing yet.
    runner.step(&mut script, NOW);
    assert_eq!(script.take().len(), 8);
    script.says.extend((1..=5).map(|order| not_taken(&hold(order, 1))));
    runner.step(&mut script, NOW);
    assert_eq!(runner.breaker(), Breaker::Open { until: secs(5), times: 1 });
    for order in 9..=12 {
        offer(&mut runner, hold(order, 1));
    }
    for now in [NOW, secs(1), secs(4)] {
        assert!(runner.step(&mut script, now).is_empty());
    }
    assert!(script.take().is_empty(), "nobody calls");
    assert_eq!(runner.next_wake(), Some(secs(5)));

    runner.step(&mut script, secs(5));
    assert_eq!(script.take().len(), 1, "one finds out");
    script.says.push_back(says(&hold(1, 1), DONE));
    runner.step(&mut script, secs(6));
    assert!(runner.breaker().is_closed());
    assert!(script.take().len() >= 4, "and all the others follow");
}

#[test]
fn a_declined_card_is_no_failure_of_the_provider() {
    let (mut runner, mut script) = (runner(), Script::default());
    for order in 1..=20 {
        offer(&mut runner, hold(order, 1));
        script.says.push_back(says(&hold(order, 1), Answer::Refused));
    }
    runner.step(&mut script, NOW);
    assert!(runner.breaker().is_closed());
}

/// Forty payments, one begun every three seconds for two minutes; the provider is out from the tenth
/// second on for `out_secs`. What they are in the end, and the provider's book.
struct Evening {
    payments: BTreeMap<OrderId, Payment>,
    sandbox: Sandbox,
    runner: EffectRunner,
}

fn evening(outage: Outage, out_secs: u64) -> Evening {
    let policy = Policy::new(Currency::new("EUR").unwrap()).payment;
    let total = Money::new(1_250, policy_currency());
    let sandbox = Sandbox::new(SandboxConfig::default());
    let mut line = sandbox.connect();
    let mut evening = Evening {
        payments: BTreeMap::new(),
        sandbox,
        runner: EffectRunner::new(EffectConfig::default()),
    };
    let (begin, end) = (secs(10), secs(10 + out_secs));
    let last = end.saturating_add(Span::from_mins(10));
    let mut now = NOW;
    let mut begun = 0_u32;
    while now < last {
        evening.sandbox.outage((begin <= now && now < end).then_some(outage));
        if begun < 40 && now >= secs(u64::from(begun) * 3) {
            begun += 1;
            evening.payments.insert(OrderId::from(begun), Payment::new(total));
        }
        for (order, payment) in &evening.payments {
            evening
                .runner
                .offer(*order, payment.due().map(|due| Effect { order: *order, due }))
                .unwrap();
        }
        for (order, reply) in evening.runner.step(&mut line, now) {
            let payment = evening.payments.get_mut(&order).unwrap();
            for event in payment.decide(&reply, &policy, now) {
                payment.evolve(&event).unwrap();
            }
            if let (Funds::Held { .. }, None) = (payment.funds(), payment.owed()) {
                payment.owe(total); // the restaurant takes it at once
            }
        }
        now = now.saturating_add(Span::from_millis(250));
    }
    evening
}

fn policy_currency() -> Currency {
    Currency::new("EUR").unwrap()
}

#[test]
fn a_provider_that_is_silent_mute_or_takes_nothing_for_minutes_fails_no_order_and_charges_nobody_twice()
 {
    for outage in [Outage::Silent, Outage::Mute, Outage::TakesNothing] {
        for out_secs in [60, 300] {
            let Evening { payments, sandbox, runner } = evening(outage, out_secs);
            assert_eq!(payments.len(), 40);
            for (order, payment) in &payments {
                let page = sandbox.book_of(*order).unwrap();
                assert_eq!((page.holds, page.captures), (1, 1), "{outage:?}: {order}");
                assert!(
                    payment.is_settled() && payment.debt().is_none(),
                    "{outage:?}: {payment:?}"
                );
                assert_eq!(payment.paid(), page.captured());
            }
            let tally = runner.tally();
            assert!(runner.breaker().is_closed() && tally.opened > 0, "{outage:?}: {tally:?}");
            let calls = sandbox.tally().requests + sandbox.tally().inquiries;
            assert!(calls < 200, "the provider is left alone while it is out: {calls}");
        }
    }
}

#[test]
fn a_provider_that_definitely_fails_for_minutes_costs_the_few_holds_that_found_out() {
    let Evening { payments, sandbox, runner } = evening(Outage::Fails, 300);
    let refused = payments.values().filter(|payment| {
        matches!(payment.funds(), Funds::Refused { why: HoldRefused::Unavailable })
    });
    // Each definite failure is an attempt gone: five open the breaker, and each probe is one more.
    let (refused, opened) = (refused.count(), runner.tally().opened);
    assert!(opened >= 10, "{opened}");
    assert!(refused <= 5, "{refused} orders failed of 40");
    assert!(u64::try_from(refused * 3).unwrap() <= 4 + opened);
    for (order, payment) in &payments {
        let page = sandbox.book_of(*order);
        assert!(page.is_none_or(|page| page.holds <= 1 && page.captures <= 1));
        let paid = page.map_or(0, |page| page.kept.minor());
        assert_eq!(payment.paid().minor(), paid, "{order}");
        assert!(payment.due().is_none(), "{order}: {payment:?}");
    }
}
