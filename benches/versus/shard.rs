//! The shard alone: the commands of a recorded dinner rush through decide and apply, on one thread.
//! There is no peer: the figure is for orientation.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use doorstep::core::shard::{Command, DriverAct, RestaurantAct};

use super::report::Report;
use super::rounds::{Samples, interleave};
use super::rush::{Rush, rush};
use crate::Effort;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    let rush = rush(effort);
    check(rush);
    let all = rush.commands.len() as f64;
    let (mut on_core, mut turns) = (0.0, 0.0);
    let turn = || {
        let mut shard = rush.opened();
        let (began, ran) = (Instant::now(), on_core_ns());
        for recorded in &rush.commands {
            let batch = recorded.carry_out(&mut shard);
            black_box(&batch);
        }
        let taken = began.elapsed();
        if let (Some(before), Some(after)) = (ran, on_core_ns()) {
            on_core += after - before;
            turns += 1.0;
        }
        black_box(shard);
        all / taken.as_secs_f64()
    };
    let [per_s] = interleave(effort.of(31, 1), [Box::new(turn)]);
    let what = format!("decide + apply, {all} commands of a dinner rush, by the clock on the wall");
    report.figure("shard/commands_per_s", per_s.clone(), "1/s", what);
    report.figure("shard/ns_per_command", per_s.map(|rate| 1e9 / rate), "ns", "the same");
    if on_core > 0.0 {
        // Told in ticks of the system: only all turns together are enough of them.
        let per_s = Samples::new(vec![turns * all * 1e9 / on_core]);
        let what = "the same, by the time that the thread was on a core";
        report.figure("shard/commands_per_core_s", per_s, "1/s", what);
    }
}

/// How long this thread has been on a core, in nanoseconds, where the system tells: on a machine
/// with other things to do, the clock on the wall counts those too.
fn on_core_ns() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}

/// The replay is the evening: every command comes to what it came to, and all orders end.
fn check(rush: &Rush) {
    let mut shard = rush.opened();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without_events = 0;
    for recorded in &rush.commands {
        let batch = recorded.carry_out(&mut shard).expect("it was in the log");
        *kinds.entry(kind_of(&recorded.command)).or_default() += 1;
        without_events += usize::from(batch.events.is_empty());
    }
    let open = shard.orders().filter(|order| order.over_since().is_none()).count();
    assert_eq!(open, 0, "an order did not end");
    let share = |count: usize| 100.0 * count as f64 / rush.commands.len() as f64;
    let mut mix: Vec<_> = kinds.into_iter().collect();
    mix.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (kind, count) in mix {
        eprintln!("{:5.1} % {kind}", share(count));
    }
    eprintln!("{:5.1} % refused, or already so", share(without_events));
}

/// Of what kind a command is.
const fn kind_of(command: &Command) -> &'static str {
    match command {
        Command::SetPolicy(_) => "policy",
        Command::Catalog(_) => "catalogue",
        Command::Checkout(_) => "checkout",
        Command::Cancel { .. } => "cancel",
        Command::Restaurant { act, .. } => match act {
            RestaurantAct::Accept { .. } | RestaurantAct::Reject => "restaurant answers",
            RestaurantAct::StartPreparing | RestaurantAct::MarkReady => "kitchen",
            RestaurantAct::Adjust { .. } => "shortage",
        },
        Command::Driver { act, .. } => match act {
            DriverAct::GoOnline | DriverAct::GoOffline => "shift",
            DriverAct::Accept { .. } | DriverAct::Decline { .. } => "driver answers",
            DriverAct::Drop { .. } | DriverAct::Fail { .. } => "driver gives up",
            DriverAct::ArriveAtRestaurant { .. }
            | DriverAct::PickUp { .. }
            | DriverAct::Depart { .. }
            | DriverAct::ArriveAtDoorstep { .. }
            | DriverAct::Deliver { .. } => "driver moves on",
        },
        Command::Operations(_) => "operations",
        Command::Propose(_) => "proposal",
        Command::Plan(_) => "round",
        Command::ReviseEstimate { .. } => "estimate",
        Command::Reply { .. } => "provider replies",
        Command::Provider(_) => "provider tells",
        Command::Sale { .. } => "sale",
        Command::Tick => "deadline",
    }
}
