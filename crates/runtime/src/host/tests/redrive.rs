//! Dead letters, listed and redriven through a client.

use std::collections::BTreeSet;

use doorstep_core::notify::{MessageId, NotRedriven, Redriven, Standing, Why};

use super::notify::{Mood, Wire, name, open, over};
use super::*;
use crate::client::NotAnswered;
use crate::notify::MemoryStore;

/// A town whose order nobody could be told of, and the names of what they were not told.
fn untold(push: &Wire, store: &MemoryStore, log: &MemoryLog) -> (Town, Vec<MessageId>) {
    let down = Wire::new(Mood::Down);
    let telling = over(push, &down).store(store.clone());
    let mut town = open(config(1), log, telling, NOW);
    town.found();
    town.order(10);
    town.run(60_000);
    let dead = town.client.dead_letters(100).unwrap();
    assert_eq!(dead.told(), None, "nobody has stepped the host");
    town.step();
    let letters = dead.told().unwrap().unwrap();
    for letter in &letters {
        let whys: Vec<_> = letter.causes.iter().map(|cause| (&cause.channel, cause.why)).collect();
        let gone = Why::Rejected { code: Some(410) };
        assert_eq!(whys, [(&name("push"), gone), (&name("email"), gone)]);
    }
    let first = town.client.dead_letters(1).unwrap();
    town.step();
    assert_eq!(first.told().unwrap().unwrap(), letters[..1], "the oldest first");
    (town, letters.into_iter().map(|letter| letter.message.id).collect())
}

#[test]
fn dead_letters_are_listed_with_their_causes_and_each_redriven_once() {
    let push = Wire::new(Mood::Down);
    let (mut town, dead) = untold(&push, &MemoryStore::default(), &MemoryLog::new());
    assert_eq!(dead.len(), 4);
    push.turn(Mood::Calm);
    let asked: Vec<_> =
        [&dead[0], &dead[0], &dead[1]].map(|id| town.client.redrive(id.clone()).unwrap()).into();
    let unknown = town.client.redrive(name("n_0_0_00")).unwrap();
    town.step();
    let told: Vec<_> = asked.iter().map(|ticket| ticket.told().unwrap()).collect();
    let begun = Ok(Redriven::Begun);
    assert_eq!(told, [begun, Ok(Redriven::Repeat(Standing::Open)), begun]);
    let nothing = Err(NotAnswered::NotRedriven(NotRedriven::Unknown));
    assert_eq!(unknown.told(), Some(nothing));
    town.run(60_000);
    let told = push.told();
    let both: BTreeSet<_> = dead[..2].iter().collect();
    assert!(told.keys().eq(both), "{told:?}");
    assert!(told.values().all(|(_, _, times)| *times == 1), "{told:?}");
    let left = town.client.dead_letters(100).unwrap();
    town.step();
    let left: Vec<_> = left.told().unwrap().unwrap().into_iter().map(|l| l.message.id).collect();
    assert_eq!(left, dead[2..]);
}

#[test]
fn what_was_said_to_be_redriven_is_sent_though_the_process_dies_at_once() {
    let (push, store, log) = (Wire::new(Mood::Down), MemoryStore::default(), MemoryLog::new());
    let (mut town, dead) = untold(&push, &store, &log);
    push.turn(Mood::Deaf);
    let asked = town.client.redrive(dead[0].clone()).unwrap();
    town.step();
    assert_eq!(asked.told(), Some(Ok(Redriven::Begun)));
    let now = town.now;
    drop(town);
    push.turn(Mood::Calm);
    let mut town = open(config(2), &log, over(&push, &push).store(store), now);
    town.run(60_000);
    assert!(push.told().keys().eq(&dead[..1]));
}

#[test]
fn whoever_tells_nobody_or_does_not_own_the_log_says_so() {
    let log = MemoryLog::new();
    let mut silent = Town::open(config(1), log.clone(), calm(), LogIsHistory, NOW);
    let asked = silent.client.dead_letters(1).unwrap();
    silent.step();
    assert_eq!(asked.told(), Some(Err(NotAnswered::TellsNobody)));
    drop(silent);

    let push = Wire::new(Mood::Calm);
    let mut owner = open(config(2), &log, over(&push, &push), NOW);
    let next = open(config(3), &log, over(&push, &push), owner.now);
    owner.step();
    assert!(next.host.is_owner() && !owner.host.is_owner());
    let (list, redrive) =
        (owner.client.dead_letters(1).unwrap(), owner.client.redrive(name("n")).unwrap());
    owner.step();
    assert_eq!(list.told(), Some(Err(NotAnswered::NotOwner)));
    assert_eq!(redrive.told(), Some(Err(NotAnswered::NotOwner)));

    let unheard = owner.client.dead_letters(1).unwrap();
    let client = owner.client.clone();
    drop(owner);
    assert_eq!(unheard.told(), Some(Err(NotAnswered::Unknown)));
    assert!(client.dead_letters(1).is_err(), "the host is gone");
}

#[test]
fn questions_are_bounded() {
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log, calm(), LogIsHistory, NOW);
    let asked: Vec<_> = (0..256).map(|_| town.client.dead_letters(1).unwrap()).collect();
    let busy = town.client.dead_letters(1).unwrap_err();
    assert_eq!(busy, crate::client::NotSent::Busy { most: 256 });
    town.step();
    assert!(asked.iter().all(|ticket| ticket.told().is_some()));
    town.client.dead_letters(1).unwrap();
}
