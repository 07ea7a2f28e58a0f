//! What a retry is told.

use super::super::*;
use super::city::*;
use crate::id::CommandId;
use crate::time::Span;

/// The answer to an identified command, first or known.
#[track_caller]
fn answer(city: &mut City, command: &Command, cause: Cause) -> (Outcome, bool) {
    match city.hears(command, Some(cause)).unwrap() {
        Decision::Commit { outcome, .. } => (outcome, true),
        Decision::Known(outcome) => (outcome, false),
    }
}

#[test]
fn a_retry_is_told_the_first_outcome_and_nothing_happens_again() {
    let mut city = City::new();
    let cause = city.cause();
    let (first, new) = answer(&mut city, &checkout(1, grill()), cause);
    assert!(new);
    city.waits(Span::from_mins(1));
    let batches = city.log.len();
    assert_eq!(answer(&mut city, &checkout(1, grill()), cause), (first.clone(), false));
    assert_eq!((city.log.len(), city.shard.checkouts().count()), (batches, 1));
    city.shard = city.stored();
    assert_eq!(answer(&mut city, &checkout(1, grill()), cause), (first, false), "after a restart");
}

#[test]
fn a_refusal_is_the_answer_even_when_it_would_be_granted_by_now() {
    let mut city = City::new();
    let shut = |open| {
        let restaurant = grill();
        Command::Catalog(crate::catalog::Command::SetOpen { restaurant, open })
    };
    city.does(&shut(false));
    let cause = city.cause();
    let (refused, _) = answer(&mut city, &checkout(1, grill()), cause);
    assert!(matches!(refused, Outcome::Refused(Refusal::Catalog(_))));
    let batch = city.log.last().unwrap();
    assert_eq!((batch.events.as_slice(), &batch.cause), ([].as_slice(), &Some(cause)));
    city.does(&shut(true));
    assert_eq!(answer(&mut city, &checkout(1, grill()), cause), (refused, false));
    let another = city.cause();
    let (opened, _) = answer(&mut city, &checkout(1, grill()), another);
    assert!(matches!(opened, Outcome::CheckoutOpened { .. }));
}

#[test]
fn what_is_already_so_is_done_and_is_remembered() {
    let mut city = City::new();
    let (order, _) = city.accepted();
    let cause = city.cause();
    assert_eq!(answer(&mut city, &accept(order), cause), (Outcome::Done, true));
    assert_eq!(city.log.last().unwrap().events, []);
    assert_eq!(answer(&mut city, &accept(order), cause), (Outcome::Done, false));
}

#[test]
fn another_request_under_the_same_id_is_not_taken() {
    let mut city = City::new();
    let cause = Cause { digest: 1, ..city.cause() };
    answer(&mut city, &checkout(1, grill()), cause);
    let other = Cause { digest: 2, ..cause };
    assert_eq!(city.hears(&checkout(1, shelf()), Some(other)), Err(NotTaken::Conflict));
    assert_eq!(city.shard.checkouts().count(), 1);
}

#[test]
fn what_is_older_or_newer_than_clocks_allow_is_not_taken() {
    let mut city = City::new();
    let cause = city.cause();
    let memory = policy().memory;
    city.waits(memory.retry_horizon.saturating_add(Span::from_millis(1)));
    assert_eq!(city.hears(&checkout(1, grill()), Some(cause)), Err(NotTaken::TooOld));
    let ahead = city.now.saturating_add(memory.clock_skew).saturating_add(Span::from_millis(1));
    let early = Cause { issued_at: ahead, ..city.cause() };
    assert_eq!(city.hears(&checkout(1, grill()), Some(early)), Err(NotTaken::TooEarly));
    assert_eq!(city.shard.checkouts().count(), 0);
}

#[test]
fn a_forgotten_command_is_too_old_and_never_done_twice() {
    let mut city = City::new();
    let cause = city.cause();
    let (_, new) = answer(&mut city, &checkout(1, grill()), cause);
    assert!(new);
    let memory = policy().memory;
    let kept = memory.retry_horizon.saturating_add(memory.clock_skew);
    city.waits(kept);
    assert!(!answer(&mut city, &checkout(1, grill()), cause).1, "still known");
    city.waits(Span::from_millis(1));
    city.ticks();
    let later = city.cause();
    answer(&mut city, &taps(ana(), DriverAct::GoOnline), later);
    assert_eq!(city.shard.causes.len(), 1);
    assert_eq!(city.hears(&checkout(1, grill()), Some(cause)), Err(NotTaken::TooOld));
}

#[test]
fn a_full_ledger_takes_no_new_command_and_still_answers_the_old() {
    let mut policy = policy();
    policy.memory.causes_max = 2;
    let mut city = City::under(policy);
    let go = |driver| taps(driver, DriverAct::GoOffline);
    let first = city.cause();
    answer(&mut city, &go(ana()), first);
    let second = city.cause();
    answer(&mut city, &go(ben()), second);
    let third = city.cause();
    assert_eq!(city.hears(&go(cem()), Some(third)), Err(NotTaken::Full));
    assert_eq!(answer(&mut city, &go(ana()), first), (Outcome::Done, false));
    city.does(&go(cem()));
    city.waits(Span::from_hours(25));
    let fourth = city.cause();
    assert!(answer(&mut city, &go(ana()), fourth).1, "there is room again");
    assert!(city.shard.causes.len() <= 2);
}

#[test]
fn whoever_is_refused_again_and_again_keeps_nobody_else_out() {
    let mut policy = policy();
    policy.memory.causes_max = 4;
    policy.memory.refusals_max = 3;
    let mut city = City::under(policy);
    let placing = city.cause();
    let (placed, _) = answer(&mut city, &checkout(1, grill()), placing);
    let nonsense = Command::Cancel { order: OrderId::truncating(1), by: Canceller::Customer };
    let early = city.cause();
    assert!(answer(&mut city, &nonsense, early).1);
    for _ in 0..20 {
        let cause = city.cause();
        let (refused, new) = answer(&mut city, &nonsense, cause);
        assert!(new && matches!(refused, Outcome::Refused(Refusal::NoSuchOrder { .. })));
        assert_eq!(answer(&mut city, &nonsense, cause), (refused, false), "while there is room");
        let again = city.cause();
        assert!(answer(&mut city, &taps(ana(), DriverAct::GoOnline), again).1, "already so");
    }
    assert_eq!((city.shard.causes.firm_len(), city.shard.causes.lesser_len()), (1, 3));
    assert_eq!(answer(&mut city, &checkout(1, grill()), placing), (placed, false));
    assert!(answer(&mut city, &nonsense, early).1, "decided afresh");
    let another = city.cause();
    let (opened, new) = answer(&mut city, &checkout(2, grill()), another);
    assert!(new && matches!(opened, Outcome::CheckoutOpened { .. }));
}

#[test]
fn what_there_is_no_room_for_leaves_no_trace_and_is_done_when_there_is() {
    let mut policy = policy();
    policy.memory.orders_max = 1;
    let mut city = City::under(policy.clone());
    let order = city.placed();
    let batches = city.log.len();
    let cause = city.cause();
    assert_eq!(city.hears(&checkout(2, grill()), Some(cause)), Err(NotTaken::NoRoom));
    assert_eq!(city.hears(&checkout(2, grill()), Some(cause)), Err(NotTaken::NoRoom), "still");
    assert_eq!((city.log.len(), city.shard.causes.len()), (batches, 0));
    city.does(&says(order, RestaurantAct::Reject));
    city.pays(order, DONE);
    city.waits(policy.memory.retain_terminal);
    let (opened, new) = answer(&mut city, &checkout(2, grill()), cause);
    assert!(new && matches!(opened, Outcome::CheckoutOpened { .. }), "under the same id");
}

#[test]
fn only_what_passes_by_itself_is_about_room() {
    use crate::{catalog, dispatch, flash_sale::sale};
    let most = 1;
    let passes = [
        Refusal::OrdersFull { most },
        dispatch::Refusal::OrdersFull { most }.into(),
        sale::Refusal::RoomFull { most }.into(),
        sale::Refusal::RefundsFull { most }.into(),
    ];
    let stays = [
        Refusal::SalesFull { most },
        dispatch::Refusal::DriversFull { most }.into(),
        catalog::Refusal::Full { most }.into(),
        sale::Refusal::SoldOut.into(),
        Refusal::CheckoutOver,
    ];
    assert!(passes.iter().all(Refusal::is_about_room) && !stays.iter().any(Refusal::is_about_room));
}

#[test]
fn what_bears_no_id_leaves_no_answer_behind() {
    let mut city = City::new();
    city.at_the_door(ana());
    city.waits(Span::from_hours(1));
    city.ticks();
    assert!(city.log.iter().all(|batch| batch.cause.is_none() && batch.outcome.is_none()));
    assert!(city.shard.causes.is_empty());
    let batches = city.log.len();
    city.refuses(&checkout(1, crate::id::RestaurantId::from(9)));
    city.does(&Command::Tick);
    assert_eq!(city.log.len(), batches, "neither a refusal nor a spurious tick is logged");
}

#[test]
fn a_batch_with_a_known_cause_changes_no_answer() {
    let mut city = City::new();
    let cause = Cause { id: CommandId::new(500), issued_at: city.now, digest: 0 };
    answer(&mut city, &taps(ana(), DriverAct::GoOffline), cause);
    let other = Some(Outcome::Refused(Refusal::CheckoutOver));
    city.appends(vec![], Some(cause), other);
    assert_eq!(answer(&mut city, &taps(ana(), DriverAct::GoOffline), cause).0, Outcome::Done);
}
