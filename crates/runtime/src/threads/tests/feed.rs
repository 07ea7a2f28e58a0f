use super::*;

#[test]
fn a_slow_subscriber_hears_how_much_it_missed_and_holds_nobody_up() {
    let town = Town::open(config(1), MemoryLog::new(), calm(), Bell::new());
    let mut slow = town.running.subscribe(3).unwrap();
    let mut quick = town.running.feed().subscribe(100).unwrap();
    assert_eq!(slow.try_next(), None);
    assert_eq!(slow.wait(Duration::ZERO), None);
    for n in 1..=10 {
        assert_eq!(town.ask(u128::from(n), admit(n)), DONE);
    }
    town.running.shutdown(NOW).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| quick.try_next()).take(11).collect();
    assert_eq!(all[10], Heard::Ended);
    assert!(all[..10].iter().all(|heard| matches!(heard, Heard::Batch(_))));
    let late: Vec<_> = std::iter::from_fn(|| slow.try_next()).take(5).collect();
    assert_eq!(late[0], Heard::Lagged { missed: 7 });
    assert_eq!(late[1..], all[7..]);
    assert_eq!(slow.try_next(), Some(Heard::Ended), "and for ever");
}

#[test]
fn subscribers_wait_on_threads_and_in_futures() {
    let town = Town::open(config(1), MemoryLog::new(), calm(), Bell::new());
    let (mut one, mut two) =
        (town.running.subscribe(9).unwrap(), town.running.subscribe(9).unwrap());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| one.wait(PATIENCE));
        let awaits = scope.spawn(|| block_on(two.next()));
        assert_eq!(town.ask(1, admit(1)), DONE);
        let heard = waits.join().unwrap().unwrap();
        assert!(matches!(&heard, Heard::Batch(batch) if batch.cause.unwrap().id.get() == 1));
        assert_eq!(awaits.join().unwrap(), heard);
    });
}

#[test]
fn there_are_so_many_subscriptions_and_a_dropped_one_makes_room() {
    let town = Town::open(config(1), MemoryLog::new(), calm(), Bell::new());
    let feed = town.running.feed();
    let mut all: Vec<_> = (0..SUBSCRIPTIONS_MAX).map(|_| feed.subscribe(1).unwrap()).collect();
    let most = SUBSCRIPTIONS_MAX;
    assert_eq!(feed.subscribe(1).err(), Some(NotSubscribed::TooMany { most }));
    all.pop();
    all.push(feed.subscribe(0).unwrap());
    drop(town);
    assert_eq!(feed.subscribe(1).err(), Some(NotSubscribed::Ended));
    assert!(all.iter_mut().all(|one| one.try_next() == Some(Heard::Ended)));
}
