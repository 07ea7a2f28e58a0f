//! What a tap hears is what a replay needs.

use doorstep_core::log::{Batch, Cause, Decision, Writer};

use super::*;

#[test]
fn what_a_tap_hears_makes_an_equal_shard() {
    let heard = Arc::new(Mutex::new(Vec::<(Command, Option<Cause>, Timestamp)>::new()));
    let hears = Arc::clone(&heard);
    let tap = Tap::new(move |command, cause, at| {
        hears.lock().push((command.clone(), cause.copied(), at));
    });
    let (mut town, _, _) = Town::founded(HostConfig { tap: Some(tap), ..config(1) });
    town.on_duty(ANA);
    let (carried, abandoned) = (town.order(10), town.order(11));
    town.carry(ANA, carried, 20);
    let delivery = town.delivery(carried);
    assert_eq!(town.ask(30, taps(ANA, DriverAct::Deliver { delivery })), Outcome::Done);
    town.ask(31, taps(ANA, DriverAct::GoOffline));
    // The search for a second driver ends by deadlines alone.
    town.run(3_600_000);
    assert_eq!(town.status(carried), Some(OrderStatus::Delivered));
    assert_eq!(town.status(abandoned), Some(OrderStatus::Cancelled));

    let heard = std::mem::take(&mut *heard.lock());
    let told = |one: &dyn Fn(&Command) -> bool| heard.iter().any(|(command, ..)| one(command));
    assert!(told(&|command| matches!(command, Command::SetPolicy(_))));
    assert!(told(&|command| matches!(command, Command::Reply { .. })));
    assert!(told(&|command| matches!(command, Command::Propose(_))));
    assert!(told(&|command| matches!(command, Command::Tick)));
    let mut shard = Shard::new(ShardId::default(), Policy::new(Currency::new("EUR").unwrap()));
    for (command, cause, at) in heard {
        let decided = shard.decide(&command, cause.as_ref(), at).unwrap();
        let Decision::Commit { events, outcome } = decided else { panic!("{decided:?}") };
        let (epoch, writer, seq) = (1, Writer::new(1), 0);
        let outcome = cause.map(|_| outcome);
        let batch = Batch { epoch, writer, seq, at, cause, inbox: None, events, outcome };
        shard.apply(&batch).unwrap();
    }
    assert_eq!(shard, *town.host.shard());
}
