//! One room in a service that has its own database: the row is locked, the order decides, events,
//! effects and the answer are written in one transaction; the provider is called after the commit, as
//! often as need be; and a request that is sent again gets the first answer.
//!
//! ```sh
//! cargo run --example embed_in_your_service
//! ```

mod story;

use std::collections::BTreeMap;

use doorstep::core::money::Money;
use doorstep::core::order::{Actor, Command, Order};
use doorstep::core::payment::{Answer, EffectKey, Reply};
use doorstep::core::policy::Policy;
use doorstep::core::time::Timestamp;

use story::{Story, ordered};

/// Your database: four tables, all text. (Here: maps, and a transaction is a copy that replaces
/// them. With SQL: `BEGIN; SELECT state FROM orders WHERE id = $1 FOR UPDATE; … COMMIT`.)
#[derive(Clone, Default)]
struct Database {
    orders: BTreeMap<u64, String>,
    events: Vec<(u64, String)>,
    effects: BTreeMap<String, u64>,
    answers: BTreeMap<String, String>,
}

/// Your service: its database, the rules it goes by, and how often the provider was asked what.
struct Service {
    db: Database,
    rules: Policy,
    asked: BTreeMap<String, u32>,
}

impl Service {
    /// One request: one row locked, one decision, one commit. `request` is the caller's idempotency key.
    fn handle(
        &mut self,
        request: &str,
        id: u64,
        command: &Command,
        now: Timestamp,
    ) -> Story<String> {
        let mut tx = self.db.clone();
        if let Some(first) = tx.answers.get(request) {
            return Ok(format!("{first} (again)"));
        }
        let mut order: Order = serde_json::from_str(tx.orders.get(&id).ok_or("no such order")?)?;
        let answer = match order.decide(command, &self.rules, now) {
            Ok(events) => {
                for event in &events {
                    tx.events.push((id, serde_json::to_string(event)?));
                    order = order.evolve(event, now)?;
                }
                format!("200 {:?}", order.status())
            }
            Err(refusal) => format!("409 {refusal}"),
        };
        // What is still to be done follows from the state: its rows are replaced, never patched.
        tx.effects.retain(|_, of| *of != id);
        tx.effects.extend(order.pending_effects().map(|effect| (effect.key().to_string(), id)));
        tx.orders.insert(id, serde_json::to_string(&order)?);
        tx.answers.insert(request.to_owned(), answer.clone());
        self.db = tx;
        Ok(answer)
    }

    /// Your worker, after the commit: asks the provider under the effect's key, and records the answer
    /// as one more command. If it dies in between, the row is still there, and so is the key.
    fn work(&mut self, dies: bool, now: Timestamp) -> Story {
        for (key, id) in self.db.effects.clone() {
            let times = self.asked.entry(key.clone()).or_default();
            *times = times.saturating_add(1);
            println!("  worker asks the provider under {key} (call {times})");
            if dies {
                println!("  … and dies before the answer is recorded");
                continue;
            }
            let EffectKey { step, attempt, .. } = key.parse()?;
            let reply = Reply { step, attempt, answer: Answer::Done { until: None } };
            let answer = self.handle(&format!("reply:{key}"), id, &Command::Reply(reply), now)?;
            println!("  … it is done: {answer}");
        }
        Ok(())
    }
}

fn main() -> Story {
    let (order, rules, now) = ordered()?;
    let mut service = Service { db: Database::default(), rules, asked: BTreeMap::new() };
    service.db.orders.insert(1, serde_json::to_string(&order)?);

    println!("The restaurant accepts; its tablet is not sure that it did, and sends it again:");
    let accept = Command::Accept { ready_at: None };
    println!("  {}", service.handle("req-1", 1, &accept, now)?);
    println!("  {}", service.handle("req-1", 1, &accept, now)?);

    println!(
        "\nThe capture is due, in the same commit. The first worker dies, the second goes on:"
    );
    service.work(true, now)?;
    service.work(false, now)?;

    println!("\nThe customer would like to cancel, too early; operations do it, for a small fee:");
    let by_customer = Command::Cancel { by: Actor::Customer, fee: None };
    println!("  {}", service.handle("req-2", 1, &by_customer, now)?);
    let fee = Some(Money::new(300, story::euros()?));
    let by_us = Command::Cancel { by: Actor::Operations, fee };
    println!("  {}", service.handle("req-3", 1, &by_us, now)?);
    service.work(false, now)?;

    let order: Order = serde_json::from_str(service.db.orders.get(&1).ok_or("no such row")?)?;
    println!("\nPaid in the end: {}", order.payment().paid());
    println!(
        "Rows of events: {}; of effects: {}",
        service.db.events.len(),
        service.db.effects.len()
    );
    Ok(())
}
