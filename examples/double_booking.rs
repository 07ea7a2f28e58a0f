//! Two drivers tap Accept in the same millisecond: one gets it, the other hears who was faster. Then
//! the winner drops out, and the search begins anew without them.
//!
//! ```sh
//! cargo run --example double_booking
//! ```

mod story;

use doorstep::core::dispatch::{Among, Candidate, Command, Dispatch, Event, Proposal, Refusal};
use doorstep::core::eta::Vehicle;
use doorstep::core::id::{DeliveryId, DriverId, OrderId, RestaurantId};
use doorstep::core::money::Money;
use doorstep::core::order::DropReason;
use doorstep::core::place::LatLng;
use doorstep::core::policy::Policy;
use doorstep::core::time::{Span, Timestamp};

use story::{Story, euros};

/// A dispatch room in a service of its own: what is decided is taken in at once.
struct Room {
    dispatch: Dispatch,
    policy: Policy,
    now: Timestamp,
}

impl Room {
    fn hears(&mut self, command: &Command) -> Story<Result<Vec<Event>, Refusal>> {
        let decided = self.dispatch.decide(command, &self.policy, self.now);
        for event in decided.iter().flatten() {
            self.dispatch.evolve(event, self.now)?;
        }
        Ok(decided)
    }

    fn shows(&self, names: &[(DriverId, &str)]) {
        for (driver, name) in names {
            let status = self.dispatch.driver(*driver).map(|driver| driver.status());
            println!("  {name}: {}", status.map_or("gone".into(), |status| format!("{status:?}")));
        }
    }
}

fn main() -> Story {
    let (policy, now) = (Policy::new(euros()?), Timestamp::from_secs(1_700_000_000));
    let mut room = Room { dispatch: Dispatch::new(), policy, now };
    let (ana, bob, delivery) = (DriverId::from(1), DriverId::from(2), DeliveryId::from(1));
    let names = [(ana, "Ana"), (bob, "Bob")];
    for (driver, _) in names {
        room.hears(&Command::Admit { driver, vehicle: Vehicle::Motorcycle })??;
        room.hears(&Command::GoOnline { driver })??;
    }
    room.hears(&Command::Open {
        delivery,
        restaurant: RestaurantId::from(3),
        pickup: LatLng::new(4.8133, -75.6961)?,
        orders: vec![OrderId::from(1)],
        value: Money::new(2_400, euros()?),
    })??;

    println!(
        "Positions are lost for a moment: both are asked at once, two offers for one delivery."
    );
    let among = Among::Unlocated(vec![ana, bob]);
    room.hears(&Command::Propose(Proposal { delivery, among }))??;
    room.shows(&names);

    println!(
        "\nBoth tap Accept in the same millisecond. Whose tap stands first in the log, has it:"
    );
    for (driver, name) in [(bob, "Bob"), (ana, "Ana"), (bob, "Bob, whose phone sends it again")] {
        let said = room.hears(&Command::Accept { delivery, driver })?;
        match said {
            Ok(events) if events.is_empty() => println!("  {name}: it is yours already"),
            Ok(_) => println!("  {name}: it is yours"),
            Err(refusal) => println!("  {name}: {refusal}"),
        }
    }
    room.shows(&names);

    println!("\nA minute later Bob's chain breaks, and he gives it back:");
    room.now = now.saturating_add(Span::from_mins(1));
    room.hears(&Command::Drop { delivery, driver: bob, why: DropReason::Driver })??;
    room.shows(&names);

    println!(
        "\nThe positions are back. Bob is nearer, and is not asked again; Ana is, and takes it:"
    );
    let near = |driver, distance_m| Candidate { driver, distance_m, off_course_deg: None };
    let among = Among::Located(vec![near(bob, 100), near(ana, 900)]);
    room.hears(&Command::Propose(Proposal { delivery, among }))??;
    room.hears(&Command::Accept { delivery, driver: ana })??;
    room.shows(&names);
    Ok(())
}
