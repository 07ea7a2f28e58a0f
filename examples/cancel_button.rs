//! The cancel button, to the millisecond: the promise breaks and it appears, the driver arrives and it
//! is gone; and of a cancel and an arrival in the same moment exactly one wins.
//!
//! ```sh
//! cargo run --example cancel_button
//! ```

mod story;

use doorstep::core::cancel::Board;
use doorstep::core::id::OrderId;
use doorstep::core::order::{Actor, Command, Order};
use doorstep::core::time::{Span, Timestamp};

use story::{Story, driver, ordered};

const CANCEL: Command = Command::Cancel { by: Actor::Customer, fee: None };

fn main() -> Story {
    let (mut order, policy, opened) = ordered()?;
    let board = Board::with_capacity(1_000);
    let minute = |m: u64| opened.saturating_add(Span::from_mins(m));
    let look = |order: &Order, board: &Board<OrderId>, now: Timestamp| {
        // Published with each batch; a check is one load and one compare, and knows no rule.
        board.publish(order.id(), order.cancellable_from())?;
        let shows = board.may_cancel(&order.id(), now);
        println!(
            "  {:<18} button {}",
            format!("{:?}", order.status()),
            if shows { "SHOWN" } else { "hidden" }
        );
        Story::Ok(())
    };

    println!("Ordered, promised in ten minutes. Until the restaurant answers, cancelling is free:");
    look(&order, &board, minute(0))?;

    println!("\nAccepted, a driver found, the food picked up:");
    for (at, command) in [
        (1, Command::Accept { ready_at: None }),
        (2, story::assign()),
        (4, Command::ArriveAtRestaurant { driver: driver() }),
        (8, Command::PickUp { driver: driver() }),
    ] {
        order = apply(order, &command, &policy, minute(at))?;
        look(&order, &board, minute(at))?;
    }

    let promised = order.promised();
    let broken = promised.saturating_add(Span::from_millis(1));
    println!("\nIn the promised millisecond, and in the one after it:");
    look(&order, &board, promised)?;
    look(&order, &board, broken)?;
    println!(
        "  asked in the promised millisecond: {}",
        refusal(&order, &CANCEL, &policy, promised)
    );

    println!("\nThe customer taps Cancel and the driver taps Arrived in the same millisecond.");
    let arrive = Command::ArriveAtDoorstep { driver: driver(), distance_m: Some(9) };
    println!("  The log says: the arrival came first.");
    let arrived = apply(order.clone(), &arrive, &policy, broken)?;
    look(&arrived, &board, broken)?;
    println!("  customer hears: {}", refusal(&arrived, &CANCEL, &policy, broken));
    println!("  The log says: the cancel came first.");
    let cancelled = apply(order, &CANCEL, &policy, broken)?;
    look(&cancelled, &board, broken)?;
    println!("  driver hears:   {}", refusal(&cancelled, &arrive, &policy, broken));
    println!(
        "  still to do:    {:?}",
        cancelled.pending_effects().next().map(|e| e.key().to_string())
    );
    Ok(())
}

/// Decides, and takes in what was decided.
fn apply(
    order: Order,
    command: &Command,
    policy: &doorstep::core::policy::Policy,
    now: Timestamp,
) -> Result<Order, Box<dyn std::error::Error>> {
    let events = order.decide(command, policy, now)?;
    events.iter().try_fold(order, |order, event| Ok(order.evolve(event, now)?))
}

fn refusal(
    order: &Order,
    command: &Command,
    policy: &doorstep::core::policy::Policy,
    now: Timestamp,
) -> String {
    order.decide(command, policy, now).map_or_else(|no| no.to_string(), |yes| format!("{yes:?}"))
}
