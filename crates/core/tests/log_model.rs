//! The log protocol, explored whole: every interleaving of a small world around the real
//! `Replica`, judged by a naive reading of the log.
//!
//! Two replicas share one log and a machine that sells from a stock. Appends land in any order, at
//! any later time, twice, or never; they are doubted though they landed; replicas read at their
//! own pace, time out, crash, come back from the log or from a snapshot behind which the log was
//! trimmed, are told to own the log and told not to.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "log_model/judge.rs"]
mod judge;
#[path = "log_model/stock.rs"]
mod stock;
#[path = "log_model/world.rs"]
mod world;

use doorstep_core::log::Writer;
use stateright::report::WriteReporter;
use stateright::{Checker, HasDiscoveries, Model, Property};

use self::judge::Reading;
use self::stock::Command::{self, Buy, Restock};
use self::world::{Action, House, Spare, World};

impl Model for House {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.world()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.possible(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.after(world, &action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always("states agree", judge::states_agree),
            Property::always("commands count once", judge::commands_count_once),
            Property::always("answers are true", judge::answers_are_true),
            Property::always("decisions stand", judge::decisions_stand),
            Property::always("nobody stops", judge::nobody_stops),
            Property::always("owners own", judge::owners_own),
            Property::always("claimants go on", judge::claimants_go_on),
            Property::always("the queue is kept", judge::the_queue_is_kept),
            Property::sometimes("a takeover", |_, world: &World| {
                let batches = &Reading::of(&world.log).counted;
                let by = |seed, writer| (0..4).any(|n| Writer::nonce(seed, n) == writer);
                batches.windows(2).any(|two| by(1, two[0].writer) && by(2, two[1].writer))
            }),
            Property::sometimes("a late batch is ignored", |_, world: &World| {
                Reading::of(&world.log).late_batches > 0
            }),
            Property::sometimes("a late claim is ignored", |_, world: &World| {
                Reading::of(&world.log).late_claims > 0
            }),
        ];
        let retried = (1..self.queue.len())
            .any(|place| self.queue[..place].iter().any(|(id, _)| *id == self.queue[place].0));
        if retried {
            all.push(Property::sometimes(
                "a retry is known across a takeover",
                |_, world: &World| {
                    let reading = Reading::of(&world.log);
                    world.answers.iter().any(|(id, _, epoch)| {
                        reading.outcome_of(*id).is_some_and(|(_, decided)| decided < *epoch)
                    })
                },
            ));
        }
        if self.spare.duplicates > 0 {
            all.push(Property::sometimes("a duplicate is ignored", |_, world: &World| {
                Reading::of(&world.log).repeats > 0
            }));
        }
        if self.spare.snapshots > 0 {
            all.push(Property::sometimes("a restored replica goes on", |_, world: &World| {
                let counts = |node: &world::Node| {
                    Reading::by(node, world).counted.last().map(|batch| batch.epoch)
                        == Some(node.replica.fence().epoch())
                };
                world
                    .nodes
                    .iter()
                    .any(|node| node.restored && node.replica.is_owner() && counts(node))
            }));
            all.push(Property::sometimes("a reader finds the log trimmed", |_, world: &World| {
                world.nodes.iter().any(|node| node.replica.is_stopped())
            }));
        }
        all
    }
}

/// Explores all of it, prints how much that was, and fails on whatever was found or not found.
#[allow(clippy::disallowed_methods, reason = "a test may say what it did")]
fn explore(house: House) {
    let mut stdout = std::io::stdout();
    let checker = house.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    checker.join_and_report(&mut WriteReporter::new(&mut stdout)).assert_properties();
}

const TWO_BUYERS: [(u8, Command); 3] = [(1, Buy), (2, Buy), (1, Buy)];
const REFUSED_THEN_STOCKED: [(u8, Command); 3] = [(1, Buy), (2, Restock), (1, Buy)];

#[test]
fn appends_land_late_out_of_order_twice_or_never() {
    explore(House {
        stock: 1,
        queue: TWO_BUYERS.to_vec(),
        claims: 2,
        spare: Spare { doubts: 1, duplicates: 1, ..Spare::default() },
        ..House::default()
    });
}

#[test]
fn three_claims_follow_each_other() {
    explore(House {
        stock: 1,
        queue: TWO_BUYERS.to_vec(),
        claims: 3,
        spare: Spare::default(),
        ..House::default()
    });
}

#[test]
fn a_refused_command_stays_refused() {
    explore(House {
        queue: REFUSED_THEN_STOCKED.to_vec(),
        claims: 2,
        spare: Spare { doubts: 1, resignations: 1, ..Spare::default() },
        ..House::default()
    });
}

#[test]
fn replicas_crash_and_come_back_from_log_and_snapshot() {
    explore(House {
        queue: REFUSED_THEN_STOCKED.to_vec(),
        claims: 2,
        spare: Spare { crashes: 1, snapshots: 1, ..Spare::default() },
        ..House::default()
    });
}

#[test]
fn a_queue_is_consumed_from_where_the_log_says() {
    explore(House {
        queue: REFUSED_THEN_STOCKED.to_vec(),
        in_order: true,
        claims: 2,
        spare: Spare { crashes: 1, ..Spare::default() },
        ..House::default()
    });
}

#[test]
fn whatever_happens_the_house_recovers() {
    explore(House {
        queue: vec![(1, Buy), (2, Restock)],
        claims: 2,
        spare: Spare { doubts: 1, crashes: 1, ..Spare::default() },
        settles: true,
        ..House::default()
    });
}

#[test]
fn a_command_is_retried_until_it_is_too_old() {
    explore(House {
        queue: REFUSED_THEN_STOCKED.to_vec(),
        claims: 2,
        spare: Spare { ages: 3, ..Spare::default() },
        ..House::default()
    });
}

#[test]
#[ignore = "a long campaign: minutes, and gigabytes of memory"]
fn three_claims_with_doubts() {
    explore(House {
        stock: 1,
        queue: TWO_BUYERS.to_vec(),
        claims: 3,
        spare: Spare { doubts: 1, ..Spare::default() },
        ..House::default()
    });
}

#[test]
#[ignore = "a long campaign: minutes, and gigabytes of memory"]
fn three_claims_with_crashes_and_a_snapshot() {
    explore(House {
        queue: REFUSED_THEN_STOCKED.to_vec(),
        claims: 3,
        spare: Spare { crashes: 1, snapshots: 1, ..Spare::default() },
        ..House::default()
    });
}
