//! Random histories: whatever is asked in whatever order.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

/// Small numbers, so that every bound is reached.
fn tight() -> Policy {
    let mut policy = policy();
    policy.dispatch.capacity = 2;
    policy.dispatch.rounds = 2;
    policy.dispatch.overload = 3;
    policy.dispatch.broadcast = 2;
    policy.dispatch.candidates = 2;
    policy.dispatch.offer_for = Span::from_millis(3);
    policy.dispatch.stage_for = Span::from_millis(8);
    policy.dispatch.age_bucket = Span::from_millis(4);
    policy.memory.drivers_max = 3;
    policy.memory.orders_max = 5;
    policy
}

fn driver() -> impl Strategy<Value = DriverId> {
    (1..5_u32).prop_map(DriverId::from)
}

fn delivery() -> impl Strategy<Value = DeliveryId> {
    (1..5_u32).prop_map(DeliveryId::from)
}

fn order() -> impl Strategy<Value = OrderId> {
    (1..8_u32).prop_map(OrderId::from)
}

fn proposal() -> impl Strategy<Value = Command> {
    let candidate = (driver(), 0..12_000_u32, proptest::option::of(0..200_u16)).prop_map(
        |(driver, distance_m, off_course_deg)| Candidate { driver, distance_m, off_course_deg },
    );
    let among = prop_oneof![
        3 => proptest::collection::vec(candidate, 0..5).prop_map(Among::Located),
        1 => proptest::collection::vec(driver(), 0..5).prop_map(Among::Unlocated),
    ];
    (delivery(), among).prop_map(|(delivery, among)| Command::Propose(Proposal { delivery, among }))
}

fn choice() -> impl Strategy<Value = Command> {
    let several = prop_oneof![
        1 => proptest::collection::vec(delivery(), 0..4),
        5 => Just(vec![this(), other()]),
        2 => Just(vec![other(), DeliveryId::from(3), this()]),
    ];
    (several, driver()).prop_map(|(deliveries, driver)| choose(&deliveries, driver))
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(delivered()),
        Just(End::Undelivered { earned: eur(100) }),
        Just(End::Cancelled)
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let pair = || (delivery(), driver());
    prop_oneof![
        2 => driver().prop_map(admit),
        1 => driver().prop_map(|driver| Command::Admit { driver, vehicle: Vehicle::Car }),
        1 => driver().prop_map(|driver| Command::Release { driver }),
        4 => driver().prop_map(online),
        1 => driver().prop_map(offline),
        3 => (delivery(), proptest::collection::vec(order(), 1..4), 0..3_i64)
            .prop_map(|(delivery, orders, value)| open_with(delivery, orders, eur(value))),
        8 => proposal(),
        12 => choice(),
        8 => pair().prop_map(|(delivery, driver)| accept(delivery, driver)),
        3 => pair().prop_map(|(delivery, driver)| decline(delivery, driver)),
        2 => pair().prop_map(|(delivery, driver)| give_back(delivery, driver)),
        1 => pair().prop_map(|(delivery, driver)| assign(delivery, driver)),
        2 => (delivery(), order(), end())
            .prop_map(|(delivery, order, end)| Command::Finish { delivery, order, end }),
        6 => Just(Command::Tick),
    ]
}

fn history() -> impl Strategy<Value = Vec<(Command, u64)>> {
    proptest::collection::vec((command(), prop_oneof![3 => Just(0_u64), 2 => 0..4_u64]), 0..120)
}

/// Dan and Eve online, so that histories get somewhere, then what is asked of them.
fn live(history: &[(Command, u64)]) -> (World, Vec<(Event, Timestamp)>) {
    let mut world = World::new(tight());
    let mut log = Vec::new();
    let start = [admit(dan()), online(dan()), admit(eve()), online(eve()), open(this())];
    let start = start.into_iter().map(|command| (command, 0));
    for (command, wait) in start.chain(history.iter().cloned()) {
        world.wait(Span::from_millis(wait));
        let now = world.now;
        if let Ok(events) = world.does(&command) {
            log.extend(events.into_iter().map(|event| (event, now)));
        }
    }
    (world, log)
}

/// The queue as its rule says it, from every delivery.
fn queue_by_scanning(dispatch: &Dispatch, policy: &Policy) -> Vec<DeliveryId> {
    let width = i64::try_from(policy.dispatch.age_bucket.as_millis()).unwrap();
    let mut queue: Vec<_> = dispatch
        .deliveries()
        .filter(|(_, live)| live.search().is_some_and(|search| search.offers.is_empty()))
        .map(|(id, live)| (live.since.as_millis() / width, -live.value.minor(), id))
        .collect();
    queue.sort_unstable();
    queue.into_iter().map(|(_, _, id)| id).collect()
}

#[test]
fn the_histories_reach_every_kind_of_event() {
    let mut reached = std::collections::BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let history = history().new_tree(&mut runner).unwrap().current();
        for (event, _) in live(&history).1 {
            reached.insert(match &event {
                Event::OfferMade { mode, bundle, .. } => {
                    format!("offer made: {mode:?}, {}", bundle.len().min(2))
                }
                Event::OfferClosed { why, .. } => format!("offer closed: {why:?}"),
                Event::StageEntered { stage, .. } => format!("stage entered: {stage:?}"),
                Event::Reassigned { from, .. } => format!("reassigned: {}", from.is_some()),
                Event::Finished { end, .. } => format!("finished: {}", end.earned().is_some()),
                Event::DriverAdmitted { .. }
                | Event::VehicleChanged { .. }
                | Event::DriverReleased { .. }
                | Event::WentOnline { .. }
                | Event::WentOffline { .. }
                | Event::Opened { .. } => {
                    format!("{event:?}").split(' ').next().unwrap_or_default().into()
                }
                Event::Taken { bundle, .. } => format!("taken: {}", bundle.len().min(2)),
                Event::Dropped { parted, .. } => format!("dropped: {}", parted.len().min(1)),
            });
        }
    }
    assert_eq!(reached.len(), 6 + (3 + 2) + 3 + 2 + 2 + 2 + 2 + 2, "{reached:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_decided_always_fits_and_the_sides_agree(history in history()) {
        // `World::does` holds every event against the state and the index against the deliveries.
        let (world, _) = live(&history);
        let (dispatch, policy) = (&world.dispatch, &world.policy);
        for (id, driver) in dispatch.drivers() {
            prop_assert!(driver.carrying.len() <= 2);
            let offers = dispatch.deliveries().filter(|(_, live)| {
                live.search().is_some_and(|search| search.offer_to(id).is_some())
            });
            let offers: Vec<_> = offers.map(|(delivery, _)| delivery).collect();
            // One offer, in each delivery that it is for, by the name of the first.
            let open = driver.offer.and_then(|lead| dispatch.delivery(lead)?.search()?.offer_to(id));
            let mut whole: Vec<DeliveryId> = Vec::new();
            if let (Some(lead), Some(offer)) = (driver.offer, open) {
                whole.extend(offer.deliveries(&lead));
                prop_assert_eq!(offer.goes_by(lead), lead);
            }
            whole.sort_unstable();
            prop_assert_eq!(offers, whole);
            let mut carrying = driver.carrying.clone();
            carrying.sort_unstable();
            let taken = dispatch.deliveries().filter(|(_, live)| live.driver() == Some(id));
            prop_assert_eq!(taken.map(|(delivery, _)| delivery).collect::<Vec<_>>(), carrying);
            let record = driver.record;
            prop_assert!(record.accepted + record.declined + record.silent <= record.offered);
        }
        prop_assert!(dispatch.drivers().len() <= 3);
        prop_assert!(dispatch.deliveries().map(|(_, live)| live.orders.len()).sum::<usize>() <= 5);
        let searches = || dispatch.deliveries().filter_map(|(_, live)| live.search());
        prop_assert_eq!(dispatch.searching(), searches().count());
        prop_assert_eq!(dispatch.next_deadline(), searches().map(Search::deadline).min());
        let queue: Vec<_> = dispatch.wanted(policy).map(|wanted| wanted.delivery).collect();
        prop_assert_eq!(queue, queue_by_scanning(dispatch, policy));
    }

    #[test]
    fn a_replay_of_the_events_gives_the_same_state(history in history()) {
        let (world, log) = live(&history);
        let mut replayed = Dispatch::new();
        for (event, at) in &log {
            let json = serde_json::to_string(event).unwrap();
            replayed.evolve(&serde_json::from_str(&json).unwrap(), *at).unwrap();
        }
        prop_assert_eq!(&replayed, &world.dispatch);
        prop_assert_eq!(replayed.index, world.dispatch.index);
    }

    #[test]
    fn a_state_survives_being_stored(history in history()) {
        let dispatch = live(&history).0.dispatch;
        let json = serde_json::to_string(&dispatch).unwrap();
        let read: Dispatch = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &dispatch);
        prop_assert_eq!(read.index, dispatch.index);
    }

    #[test]
    fn a_foreign_event_fits_or_changes_nothing(ours in history(), theirs in history()) {
        let mut dispatch = live(&ours).0.dispatch;
        for (event, at) in live(&theirs).1 {
            let before = dispatch.clone();
            if dispatch.evolve(&event, at).is_err() {
                prop_assert_eq!(&dispatch, &before);
            }
            prop_assert_eq!(dispatch.check(), Ok(()));
            prop_assert_eq!(&dispatch.index, &Index::of(&dispatch.deliveries));
        }
    }

    #[test]
    fn ticking_comes_to_an_end_and_leaves_nothing_due(history in history(), wait in 0..60_u64) {
        let mut world = live(&history).0;
        world.wait(Span::from_millis(wait));
        let mut ticks = 0;
        while !world.does(&Command::Tick).unwrap().is_empty() {
            ticks += 1;
            prop_assert!(ticks <= 2 * world.dispatch.searching());
        }
        prop_assert!(world.dispatch.next_deadline().is_none_or(|due| due > world.now));
    }
}
