//! The waiting room alone.

use proptest::prelude::*;

use super::*;

const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ms(ms: u64) -> Timestamp {
    T0.saturating_add(Span::from_millis(ms))
}

fn room(per_second: u32, seed: u64) -> WaitingRoom<u32> {
    let admission = Admission { percent: 100, ..Admission::new(per_second, seed) };
    WaitingRoom::new(&Rules { admission: Some(admission), ..Rules::new(200, T0).unwrap() })
}

#[track_caller]
fn does(room: &mut WaitingRoom<u32>, command: &Command<u32>, now: Timestamp) -> Vec<Event<u32>> {
    let events = room.decide(command, now).unwrap();
    for event in &events {
        room.evolve(event, now).unwrap();
    }
    events
}

fn joins(room: &mut WaitingRoom<u32>, users: impl IntoIterator<Item = u32>, now: Timestamp) {
    for user in users {
        does(room, &Command::Join { user }, now);
    }
}

fn ticks(room: &mut WaitingRoom<u32>, now: Timestamp) -> usize {
    let mut admitted = 0;
    while room.next_deadline().is_some_and(|at| at <= now) {
        let events = does(room, &Command::Tick, now);
        assert_ne!(events, [], "a tick that is due makes progress");
        admitted += events.iter().filter(|e| matches!(e, Event::Admitted { .. })).count();
    }
    assert_eq!(does(room, &Command::Tick, now), [], "a spurious tick is harmless");
    admitted
}

fn line(room: &WaitingRoom<u32>) -> Vec<u32> {
    room.in_line().copied().collect()
}

#[test]
fn the_crowd_is_shuffled_at_the_start_and_those_who_come_later_stand_behind_in_order() {
    let early = T0.saturating_sub(Span::from_mins(5));
    let shuffled = |seed| {
        let mut room = room(1, seed);
        joins(&mut room, 0..500, early);
        let gathering = Some(Place::Gathering { people: 500, opens_at: T0 });
        assert_eq!(room.place(&0), gathering);
        assert_eq!(does(&mut room, &Command::Join { user: 3 }, early), [], "once is enough");
        assert_eq!(room.next_deadline(), Some(T0));
        assert_eq!(does(&mut room, &Command::Tick, ms(0).saturating_sub(Span::from_millis(1))), []);
        joins(&mut room, 500..600, T0);
        line(&room)
    };
    let (one, same, other) = (shuffled(1), shuffled(1), shuffled(2));
    assert_eq!(one, same, "the seed says it all");
    assert_ne!(one, other);
    assert_ne!(one[..500], *(0..500).collect::<Vec<_>>());
    assert_eq!(one[500..], *(500..600).collect::<Vec<_>>());
    let mut crowd = one[..500].to_vec();
    crowd.sort_unstable();
    assert_eq!(crowd, (0..500).collect::<Vec<_>>());
}

#[test]
fn people_come_in_at_the_rate_and_what_a_round_leaves_unused_is_gone() {
    let mut room = room(3, 1);
    joins(&mut room, 0..20, T0);
    let first: Vec<u32> = line(&room)[..3].to_vec();
    assert_eq!(ticks(&mut room, T0), 3);
    assert!(
        first
            .iter()
            .all(|user| room.place(user).is_some_and(|p| matches!(p, Place::Admitted { .. })))
    );
    assert_eq!(room.next_deadline(), Some(ms(1_000)));
    assert_eq!(ticks(&mut room, ms(999)), 0);
    assert_eq!(ticks(&mut room, ms(1_000)), 3);
    assert_eq!(ticks(&mut room, ms(9_500)), 3, "no burst after a silence");
    assert_eq!(room.next_deadline(), Some(ms(10_000)));
}

#[test]
fn a_place_says_who_is_ahead_and_how_long_they_take() {
    let mut room = room(4, 1);
    joins(&mut room, 0..2, T0);
    joins(&mut room, 10..30, T0);
    let place = |ahead, wait| Some(Place::InLine { ahead, wait: Some(Span::from_millis(wait)) });
    let people = line(&room);
    assert_eq!(room.place(&people[0]), place(0, 0));
    assert_eq!(room.place(&people[21]), place(21, 5_250));
    does(&mut room, &Command::Leave { user: people[3] }, T0);
    assert_eq!(room.place(&people[21]), place(20, 5_000), "somebody ahead left");
    assert_eq!(does(&mut room, &Command::Leave { user: people[3] }, T0), []);
    assert_eq!(room.place(&99), None);
}

#[test]
fn a_pass_is_bound_to_its_person_good_once_and_for_a_while() {
    let mut room = room(2, 1);
    joins(&mut room, [1, 2, 3], T0);
    let [a, b, c] = line(&room)[..] else { panic!() };
    ticks(&mut room, T0);
    let Some(Place::Admitted { number, until }) = room.place(&a) else { panic!() };
    assert_eq!(until, ms(120_000));
    let enter = |user, number| Command::Enter { user, number };
    let refused = Err(Refusal::NotAdmitted);
    assert_eq!(room.decide(&enter(c, number), T0), refused, "somebody else's");
    assert_eq!(room.decide(&enter(a, number + 1), T0), refused, "another number");
    assert_eq!(room.decide(&enter(a, number), until), refused, "lapsed");
    assert_eq!(does(&mut room, &enter(a, number), ms(119_999)), [Event::Entered { user: a }]);
    assert_eq!(room.decide(&enter(a, number), ms(119_999)), refused, "used");
    ticks(&mut room, until);
    assert_eq!(room.place(&b), None, "a pass that nobody uses lapses");
    let joined = does(&mut room, &Command::Join { user: b }, until);
    assert!(matches!(joined[..], [Event::Joined { .. }]));
}

#[test]
fn a_pass_that_lapsed_unseen_does_not_keep_its_person_from_joining_again() {
    let mut room = room(1, 1);
    joins(&mut room, [1], T0);
    ticks(&mut room, T0);
    assert_eq!(does(&mut room, &Command::Join { user: 1 }, ms(5)), [], "has a pass");
    let again = does(&mut room, &Command::Join { user: 1 }, ms(120_000));
    assert!(matches!(again[..], [Event::Lapsed { .. }, Event::Joined { .. }]), "{again:?}");
}

#[test]
fn a_full_room_says_so_and_keeps_whom_it_has() {
    let rules = Rules { people_max: 2, ..Rules::new(1, T0).unwrap() };
    let mut room = WaitingRoom::new(&rules);
    joins(&mut room, [1, 2], T0);
    assert_eq!(room.decide(&Command::Join { user: 3 }, T0), Err(Refusal::Full { most: 2 }));
    assert_eq!(does(&mut room, &Command::Join { user: 2 }, T0), []);
    assert_eq!(room.next_deadline(), None, "without a rate nobody comes in by the clock");
}

proptest! {
    #[test]
    fn over_any_time_no_more_come_in_than_the_rate_allows(
        rate in 1..50_u32, crowd in 0..200_u32,
        steps in proptest::collection::vec((0..3_000_u64, 0..20_u32), 0..60),
    ) {
        let mut room = room(rate, 7);
        joins(&mut room, 0..crowd, T0.saturating_sub(Span::from_secs(1)));
        let (mut now, mut next, mut by_round) = (0, crowd, std::collections::BTreeMap::new());
        for (wait, more) in steps {
            now += wait;
            joins(&mut room, next..next + more, ms(now));
            next += more;
            *by_round.entry(now / 1_000).or_insert(0) += ticks(&mut room, ms(now));
            let json = serde_json::to_string(&room).unwrap();
            prop_assert_eq!(&serde_json::from_str::<WaitingRoom<u32>>(&json).unwrap(), &room);
        }
        prop_assert!(by_round.values().all(|&n| n <= rate as usize), "{:?}", by_round);
    }
}
