//! What callers hear, and when.

use doorstep_core::log::{Cause, Limits, NotTaken};

use super::*;
use crate::client::NotSent;

fn founded_on_a_rig(config: HostConfig) -> (Town<Rig>, Rig) {
    let rig = Rig::new(&MemoryLog::new());
    let mut town = Town::open(config, rig.clone(), calm(), LogIsHistory, NOW);
    town.found();
    (town, rig)
}

fn refused_tap() -> Command {
    taps(ANA, DriverAct::GoOnline)
}

#[test]
fn a_command_is_answered_once_it_counts_and_not_before() {
    let (mut town, rig) = founded_on_a_rig(config(1));
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(10, wish());
    town.step();
    town.run(5_000);
    assert_eq!(ticket.told(), None, "appended, and not read back");
    assert_eq!(town.host.shard().checkouts().count(), 0);
    rig.set(|knobs| knobs.blind = false);
    town.step();
    assert!(matches!(ticket.told(), Some(Told::Outcome(Outcome::CheckoutOpened { .. }))));
}

#[test]
fn a_retry_after_a_crash_gets_the_first_outcome() {
    let (mut town, log, sandbox) = Town::founded(config(1));
    let first = town.ask(10, wish());
    drop(town);
    let mut town = Town::open(config(2), log, sandbox.connect(), LogIsHistory, after(NOW, 9_000));
    assert_eq!(town.ask(10, wish()), first);
    assert_ne!(town.ask(11, wish()), first, "another command is another order");
    assert_eq!(sandbox.book().len(), 2);
}

#[test]
fn a_first_outcome_is_recalled_and_nothing_is_decided() {
    let (mut town, log, _) = Town::founded(config(1));
    let now = town.now;
    let cause =
        |id, digest| Cause { digest, ..Client::cause(doorstep_core::id::CommandId::new(id), now) };
    let ticket = town.client.submit(cause(10, 5), wish()).unwrap();
    town.step();
    town.run(5_000);
    let Some(Told::Outcome(first)) = ticket.told() else { panic!("it was decided") };
    let written = log.entries_from(Position::new(0)).len();
    let recalled = |town: &mut Town, cause| {
        let ticket = town.client.recall(cause).unwrap();
        town.step();
        ticket.told().unwrap()
    };
    assert_eq!(recalled(&mut town, cause(10, 5)), Ok(Some(first)));
    assert_eq!(recalled(&mut town, cause(10, 6)), Err(NotTaken::Conflict));
    assert_eq!(recalled(&mut town, cause(11, 5)), Ok(None));
    assert_eq!(log.entries_from(Position::new(0)).len(), written);
    // Where another host decides, nobody says that it never was.
    let mut next = Town::open(config(2), log, calm(), LogIsHistory, town.now);
    next.step();
    assert_eq!(recalled(&mut town, cause(11, 5)), Err(NotTaken::NotOwner));
    let unheard = next.client.recall(cause(11, 5)).unwrap();
    drop(next);
    assert_eq!(unheard.told(), Some(Err(NotTaken::NotOwner)));
}

#[test]
fn who_waits_for_a_host_that_dies_hears_unknown_and_the_retry_hears_the_truth() {
    let (town, rig) = founded_on_a_rig(config(1));
    let mut town = town;
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(10, wish());
    town.step();
    let in_the_inbox = town.send(11, wish());
    drop(town);
    assert_eq!((ticket.told(), in_the_inbox.told()), (Some(Told::Unknown), Some(Told::Unknown)));

    let mut town = Town::open(config(2), rig.log, calm(), LogIsHistory, after(NOW, 1));
    let placed: Vec<_> = town.host.shard().orders().map(doorstep_core::order::Order::id).collect();
    assert_eq!(placed.len(), 1, "the first was appended");
    let Outcome::CheckoutOpened { order, .. } = town.ask(10, wish()) else { panic!() };
    assert_eq!(placed, [order]);
}

#[test]
fn a_full_inbox_says_busy_and_what_is_in_it_is_answered() {
    let mut config = config(1);
    config.inbox_max = 3;
    let (mut town, ..) = Town::founded(config);
    let tickets: Vec<_> = (10..13).map(|id| town.send(id, refused_tap())).collect();
    assert_eq!(town.try_send(13, refused_tap()).unwrap_err(), NotSent::Busy { most: 3 });
    town.step();
    assert!(tickets.iter().all(|ticket| matches!(ticket.told(), Some(Told::Outcome(_)))));
    assert!(town.try_send(13, refused_tap()).is_ok());
}

#[test]
fn what_the_protocol_has_no_room_for_waits_and_is_decided_in_its_order() {
    let mut config = config(1);
    config.limits = Limits { pending_max: 1, ..Limits::default() };
    let (mut town, ..) = Town::founded(config);
    let tickets: Vec<_> = (10..40).map(|id| town.send(id, wish())).collect();
    town.step();
    let orders: Vec<_> = tickets
        .iter()
        .map(|ticket| match ticket.told() {
            Some(Told::Outcome(Outcome::CheckoutOpened { order, .. })) => order,
            told => panic!("{told:?}"),
        })
        .collect();
    assert!(orders.is_sorted_by(|a, b| a < b), "{orders:?}");
}

#[test]
fn a_step_that_runs_out_of_rounds_asks_to_be_called_again_at_once() {
    let mut config = config(1);
    config.limits = Limits { pending_max: 1, ..Limits::default() };
    let (mut town, ..) = Town::founded(config);
    let tickets: Vec<_> = (0..11_000).map(|id| town.send(10 + id, refused_tap())).collect();
    town.step();
    assert!(tickets.iter().any(|ticket| ticket.told().is_none()), "or this test shows nothing");
    while town.host.next_wake().is_some_and(|wake| wake <= town.now) {
        town.step();
    }
    assert!(tickets.iter().all(|ticket| matches!(ticket.told(), Some(Told::Outcome(_)))));
}

#[test]
fn one_who_asks_again_and_again_finds_the_inbox_full_and_not_the_memory() {
    let mut config = config(1);
    config.inbox_max = 3;
    let (mut town, rig) = founded_on_a_rig(config);
    rig.set(|knobs| knobs.blind = true);
    let mut tickets = Vec::new();
    for _ in 0..20 {
        tickets.extend(town.try_send(10, wish()));
        town.step();
    }
    assert_eq!(tickets.len(), 6, "three wait for the answer, three in the inbox");
    rig.set(|knobs| knobs.blind = false);
    town.step();
    let first = tickets[0].told();
    assert!(matches!(first, Some(Told::Outcome(_))));
    assert!(tickets.iter().all(|ticket| ticket.told() == first));
}

#[test]
fn a_menu_that_fits_into_no_record_is_refused_at_the_door() {
    let (mut town, ..) = Town::founded(config(1));
    let mut huge = restaurant();
    let item = huge.menu.categories[0].items[0].clone();
    let items = (0..20_000_u32).map(|id| Item { id: ItemId::from(id), ..item.clone() });
    huge.menu.categories[0].items = items.collect();
    let sent = town.try_send(10, Command::Catalog(Catalog::Put(huge)));
    assert!(matches!(sent, Err(NotSent::TooLong { .. })), "{sent:?}");
    town.step();
    assert_eq!((town.host.is_owner(), town.host.tally().claims_lost), (true, 0));
}

#[test]
fn after_an_append_that_failed_nothing_more_is_appended_under_that_writer() {
    let (mut town, rig) = founded_on_a_rig(config(1));
    rig.set(|knobs| knobs.appends_fail = true);
    let tickets: Vec<_> = (10..15).map(|id| town.send(id, wish())).collect();
    town.step();
    assert_eq!(town.host.tally().append_errors, 1);
    assert!(tickets.iter().all(|ticket| ticket.told() == Some(Told::Unknown)));
    assert!(!town.host.is_owner());
    rig.set(|knobs| knobs.appends_fail = false);
    town.run(1_000);
    assert!(town.host.is_owner(), "it has claimed again");
    assert!(matches!(town.ask(12, wish()), Outcome::CheckoutOpened { .. }));
    assert_eq!(town.host.shard().orders().count(), 1);
}

#[test]
fn an_append_that_never_shows_is_given_up_in_time() {
    let (mut town, rig) = founded_on_a_rig(config(1));
    rig.set(|knobs| knobs.blind = true);
    let ticket = town.send(10, wish());
    town.step();
    town.run(9_999);
    assert_eq!(ticket.told(), None);
    town.run(1);
    assert_eq!(ticket.told(), Some(Told::Unknown));
}
