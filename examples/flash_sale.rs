//! Twenty thousand people want two hundred units.
//!
//! They gather before the start, are let in at a set rate, claim, pay or forget to; what is forgotten
//! goes to the head of the line. On a virtual clock.
//!
//! ```sh
//! cargo run --release --example flash_sale
//! ```

#![allow(clippy::arithmetic_side_effects, reason = "a story told with small numbers")]

use doorstep::core::flash_sale::sale::{Answer, Command, Decided, Place, Standing};
use doorstep::core::flash_sale::{Admission, Pass, PassKey, Rules, Sale};
use doorstep::core::time::{Span, Timestamp};

const PEOPLE: u32 = 20_000;

type Fault = Box<dyn std::error::Error>;

/// Decides, and takes in what was decided: where a service would store the events in between.
fn ask(sale: &mut Sale<u32>, command: &Command<u32>, now: Timestamp) -> Result<Answer, Fault> {
    let Decided { events, answer } = sale.decide(command, now)?;
    for event in &events {
        sale.evolve(event, now)?;
    }
    Ok(answer)
}

fn main() -> Result<(), Fault> {
    let noon = Timestamp::from_secs(1_700_000_000);
    let admission = Some(Admission::new(100, 42));
    let rules = Rules { admission, hold_for: Span::from_secs(60), ..Rules::new(200, noon)? };
    let mut sale = Sale::<u32>::new(rules);

    let early = noon.saturating_sub(Span::from_mins(1));
    for user in 0..PEOPLE {
        ask(&mut sale, &Command::Join { user }, early)?;
    }
    println!("12:00:00 -1 min: {PEOPLE} people wait; who comes first is not drawn yet");

    // The doors check passes without asking the sale; the sale lets each in once.
    let key = PassKey::new([7; 32]);
    let (mut forgot, mut forged) = (0, 0);
    for second in 0..300_u64 {
        let now = noon.saturating_add(Span::from_secs(second));
        while sale.next_deadline().is_some_and(|at| at <= now) {
            ask(&mut sale, &Command::Tick, now)?;
        }
        if second == 0
            && let Some(Place::InLine { ahead, wait: Some(wait) }) = sale.room().place(&7)
        {
            println!("12:00:00: person 7 has {ahead} people ahead, about {} s", wait.as_secs());
        }
        for user in 0..PEOPLE {
            let pays = user % 5 != 0 || second > 60;
            match sale.standing(&user, 1) {
                Standing::Waits(Place::Admitted { number, until }) => {
                    let pass = key.sign(b"sale", &user.to_be_bytes(), Pass { number, until });
                    let thief = (user + 1).to_be_bytes();
                    forged += u32::from(key.verify(b"sale", &thief, &pass, now).is_err());
                    key.verify(b"sale", &user.to_be_bytes(), &pass, now)?;
                    let told = ask(&mut sale, &Command::Claim { user, nth: 1 }, now)?;
                    assert_eq!(
                        ask(&mut sale, &Command::Claim { user, nth: 1 }, now)?,
                        told,
                        "a retry"
                    );
                }
                Standing::Has { hold, state } if state.until().is_some() && pays => {
                    ask(&mut sale, &Command::Pay { user, hold }, now)?;
                }
                Standing::Has { .. } | Standing::Waits(_) => {}
                Standing::SoldOut | Standing::Outside => {}
            }
        }
        forgot += u32::from(second == 59) * sale.held();
        if second % 30 == 0 || sale.is_sold_out() {
            let (available, held, sold) = (sale.available(), sale.held(), sale.sold());
            let waiting = sale.room().waiting();
            println!(
                "12:00:00 +{second:>3} s: {available:>3} free, {held:>3} held, {sold:>3} sold, {waiting:>5} wait"
            );
        }
        if sale.is_sold_out() {
            break;
        }
    }
    println!("{forgot} forgot to pay; their units went to the head of the line");
    println!("{forged} passes were shown by somebody else, and refused");
    println!("person 7: {:?}", sale.standing(&7, 1));
    let mut buyers: Vec<u32> = sale.holds().map(|(_, hold)| hold.user).collect();
    buyers.sort_unstable();
    buyers.dedup();
    println!("{} units sold to {} people", sale.sold(), buyers.len());
    assert_eq!((sale.sold(), buyers.len()), (200, 200));
    Ok(())
}
