//! Every command in every combination of a driver's and a delivery's state.

use super::*;

/// What the rows of [`TABLE`] answer to, in this order, all about Dan and this delivery.
fn commands() -> [Command; 15] {
    [
        admit(dan()),
        Command::Release { driver: dan() },
        online(dan()),
        offline(dan()),
        open(this()),
        ask(this(), dan()),
        broadcast(this(), &[dan(), eve()]),
        choose(&[this()], dan()),
        accept(this(), dan()),
        decline(this(), dan()),
        give_back(this(), dan()),
        assign(this(), dan()),
        finish(this(), delivered()),
        finish(this(), End::Cancelled),
        Command::Tick,
    ]
}

/// How a scene came to be, by its name: what Dan is at, then what is so of this delivery. Eve is
/// online in each.
fn scene(name: &str) -> World {
    let mut world = World::new(policy());
    world.all(&[admit(eve()), online(eve())]);
    let (before, after) = name.split_once(", ").unwrap();
    if before != "stranger" {
        world.all(&[admit(dan()), online(dan())]);
    }
    match before {
        "stranger" | "free" => {}
        "off" => world.all(&[offline(dan())]),
        "asked elsewhere" => world.all(&[open(other()), ask(other(), dan())]),
        "carries another" => world.all(&[open(other()), assign(other(), dan())]),
        "asked for both" => world.all(&[open(this()), open(other())]),
        _ => panic!("{name}"),
    }
    match after {
        "none" => {}
        "searching" => world.all(&[open(this())]),
        "offered to eve" => world.all(&[open(this()), ask(this(), eve())]),
        "eve has it" => world.all(&[open(this()), ask(this(), eve()), accept(this(), eve())]),
        "asked" => world.all(&[open(this()), ask(this(), dan())]),
        "asked beside eve" => world.all(&[open(this()), broadcast(this(), &[dan(), eve()])]),
        "asked too long ago" => {
            world.all(&[open(this()), ask(this(), dan())]);
            world.wait(world.policy.dispatch.offer_for);
        }
        "this first" => world.all(&[choose(&[this(), other()], dan())]),
        "other first" => world.all(&[choose(&[other(), this()], dan())]),
        "took this first" => {
            world.all(&[choose(&[this(), other()], dan()), accept(this(), dan())]);
        }
        "took other first" => {
            world.all(&[choose(&[other(), this()], dan()), accept(other(), dan())]);
        }
        "declined" => world.all(&[open(this()), ask(this(), dan()), decline(this(), dan())]),
        "has it" => world.all(&[open(this()), ask(this(), dan()), accept(this(), dan())]),
        "has it and went off" => {
            world.all(&[open(this()), ask(this(), dan()), accept(this(), dan()), offline(dan())]);
        }
        _ => panic!("{name}"),
    }
    world
}

/// `-`: already so. `!`: refused. Otherwise the events.
fn answer(world: &World, command: &Command) -> String {
    let tag = |json: String| {
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        value.as_object().unwrap().keys().next().unwrap().clone()
    };
    match world.decide(command) {
        Ok(events) if events.is_empty() => "-".into(),
        Ok(events) => {
            let tags = events.iter().map(|event| tag(serde_json::to_string(event).unwrap()));
            tags.collect::<Vec<_>>().join(" ")
        }
        Err(refusal) => format!("!{}", tag(serde_json::to_string(&refusal).unwrap())),
    }
}

/// What [`commands`] lead to, scene by scene: admit, release, online, offline, open, ask, broadcast;
/// choose, accept, decline, drop, assign, delivered, cancelled, tick.
#[rustfmt::skip]
const TABLE: &[(&str, [&str; 15])] = &[
    ("stranger, none", [
        "driver_admitted", "-", "!unknown_driver", "!unknown_driver", "opened", "!unknown_delivery", "!unknown_delivery",
        "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
    ("stranger, searching", [
        "driver_admitted", "-", "!unknown_driver", "!unknown_driver", "-", "!nobody_free", "offer_made",
        "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!not_taken", "finished", "-",
    ]),
    ("stranger, offered to eve", [
        "driver_admitted", "-", "!unknown_driver", "!unknown_driver", "-", "!offer_open", "!offer_open",
        "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!not_taken", "offer_closed finished", "-",
    ]),
    ("stranger, eve has it", [
        "driver_admitted", "-", "!unknown_driver", "!unknown_driver", "-", "!taken_by", "!taken_by",
        "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "!unknown_driver", "finished", "finished", "-",
    ]),
    ("off, none", [
        "-", "driver_released", "went_online", "-", "opened", "!unknown_delivery", "!unknown_delivery",
        "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
    ("off, searching", [
        "-", "driver_released", "went_online", "-", "-", "!nobody_free", "offer_made",
        "!nobody_free", "!not_offered", "!not_offered", "!not_taken", "!offline", "!not_taken", "finished", "-",
    ]),
    ("off, offered to eve", [
        "-", "driver_released", "went_online", "-", "-", "!offer_open", "!offer_open",
        "!offer_open", "!not_offered", "!not_offered", "!not_taken", "!offline", "!not_taken", "offer_closed finished", "-",
    ]),
    ("off, eve has it", [
        "-", "driver_released", "went_online", "-", "-", "!taken_by", "!taken_by",
        "!taken_by", "!taken_by", "!taken_by", "!taken_by", "!offline", "finished", "finished", "-",
    ]),
    ("free, none", [
        "-", "driver_released", "-", "went_offline", "opened", "!unknown_delivery", "!unknown_delivery",
        "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
    ("free, searching", [
        "-", "driver_released", "-", "went_offline", "-", "offer_made", "offer_made offer_made",
        "offer_made", "!not_offered", "!not_offered", "!not_taken", "reassigned", "!not_taken", "finished", "-",
    ]),
    ("free, offered to eve", [
        "-", "driver_released", "-", "went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "!not_offered", "!not_offered", "!not_taken", "offer_closed reassigned", "!not_taken", "offer_closed finished", "-",
    ]),
    ("free, eve has it", [
        "-", "driver_released", "-", "went_offline", "-", "!taken_by", "!taken_by",
        "!taken_by", "!taken_by", "!taken_by", "!taken_by", "reassigned", "finished", "finished", "-",
    ]),
    ("free, asked", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "taken", "offer_closed", "!not_taken", "offer_closed reassigned", "!not_taken", "offer_closed finished", "-",
    ]),
    ("free, asked beside eve", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "offer_closed taken", "offer_closed", "!not_taken", "offer_closed offer_closed reassigned", "!not_taken", "offer_closed offer_closed finished", "-",
    ]),
    ("free, asked too long ago", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "!offer_expired", "offer_closed", "!not_taken", "offer_closed reassigned", "!not_taken", "offer_closed finished", "offer_closed",
    ]),
    ("free, declined", [
        "-", "driver_released", "-", "went_offline", "-", "!nobody_free", "offer_made",
        "!nobody_free", "!not_offered", "-", "-", "reassigned", "!not_taken", "finished", "-",
    ]),
    ("free, has it", [
        "-", "!carrying", "-", "went_offline", "-", "!taken_by", "!taken_by",
        "!taken_by", "-", "!taken_by", "dropped", "-", "finished", "finished", "-",
    ]),
    ("free, has it and went off", [
        "-", "!carrying", "went_online", "-", "-", "!taken_by", "!taken_by",
        "!taken_by", "-", "!taken_by", "dropped", "-", "finished", "finished", "-",
    ]),
    ("asked elsewhere, none", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "opened", "!unknown_delivery", "!unknown_delivery",
        "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
    ("asked elsewhere, searching", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!nobody_free", "offer_made",
        "!nobody_free", "!not_offered", "!not_offered", "!not_taken", "offer_closed reassigned", "!not_taken", "finished", "-",
    ]),
    ("asked elsewhere, offered to eve", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "!not_offered", "!not_offered", "!not_taken", "offer_closed offer_closed reassigned", "!not_taken", "offer_closed finished", "-",
    ]),
    ("asked elsewhere, eve has it", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!taken_by", "!taken_by",
        "!taken_by", "!taken_by", "!taken_by", "!taken_by", "offer_closed reassigned", "finished", "finished", "-",
    ]),
    ("carries another, none", [
        "-", "!carrying", "-", "went_offline", "opened", "!unknown_delivery", "!unknown_delivery",
        "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
    ("carries another, searching", [
        "-", "!carrying", "-", "went_offline", "-", "!nobody_free", "offer_made",
        "!nobody_free", "!not_offered", "!not_offered", "!not_taken", "!no_room", "!not_taken", "finished", "-",
    ]),
    ("carries another, offered to eve", [
        "-", "!carrying", "-", "went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "!not_offered", "!not_offered", "!not_taken", "!no_room", "!not_taken", "offer_closed finished", "-",
    ]),
    ("carries another, eve has it", [
        "-", "!carrying", "-", "went_offline", "-", "!taken_by", "!taken_by",
        "!taken_by", "!taken_by", "!taken_by", "!taken_by", "!no_room", "finished", "finished", "-",
    ]),
    ("asked for both, this first", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "taken", "offer_closed", "!not_taken", "offer_closed reassigned", "!not_taken", "offer_closed finished", "-",
    ]),
    ("asked for both, other first", [
        "-", "offer_closed driver_released", "-", "offer_closed went_offline", "-", "!offer_open", "!offer_open",
        "!offer_open", "!not_offered", "!not_offered", "!not_taken", "offer_closed reassigned", "!not_taken", "offer_closed finished", "-",
    ]),
    ("asked for both, took this first", [
        "-", "!carrying", "-", "went_offline", "!delivery_exists", "!taken_by", "!taken_by",
        "!taken_by", "-", "!taken_by", "dropped", "-", "finished", "finished", "-",
    ]),
    ("asked for both, took other first", [
        "-", "!carrying", "-", "went_offline", "!delivery_exists", "!unknown_delivery", "!unknown_delivery",
        "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "!unknown_delivery", "-",
    ]),
];

#[test]
fn every_command_answers_as_the_table_says_in_every_scene() {
    for (name, expected) in TABLE {
        for (command, expected) in commands().iter().zip(expected) {
            assert_eq!(answer(&scene(name), command), *expected, "{name}: {command:?}");
        }
    }
}

#[test]
fn the_table_covers_every_pair_of_driver_and_delivery_states() {
    let mut missing: Vec<(Option<DriverStatus>, &str)> = Vec::new();
    let statuses = [
        None,
        Some(DriverStatus::Offline),
        Some(DriverStatus::Online),
        Some(DriverStatus::Offered),
        Some(DriverStatus::OnDelivery),
    ];
    for status in statuses {
        missing.extend(["none", "searching", "offered", "taken"].map(|state| (status, state)));
    }
    for (name, _) in TABLE {
        let world = scene(name);
        let status = world.dispatch.driver(dan()).map(Driver::status);
        let state = match world.dispatch.delivery(this()).map(|delivery| &delivery.state) {
            None => "none",
            Some(State::Searching(search)) if search.offers.is_empty() => "searching",
            Some(State::Searching(_)) => "offered",
            Some(State::Taken { .. }) => "taken",
        };
        missing.retain(|pair| *pair != (status, state));
    }
    assert_eq!(missing, []);
}
