//! The auditor: reads the raw log by itself, and believes nobody.
//!
//! It shares no line with what writes the log: the reader's rule, the status machine of an order,
//! the drivers' hands and the money are written down here a second time, from the protocol. What
//! one of the two gets wrong, the other finds. After every batch that counts it checks what must
//! always be so; when a run is over, [`Auditor::finish`] checks what must be so in the end.

mod answers;
mod books;
mod case;
mod facts;
mod fence;
mod fleet;
mod ledger;
mod purse;
mod sales;
#[cfg(test)]
mod tests;
mod told;
mod wire;

use std::collections::BTreeMap;

use doorstep_core::id::{CommandId, OrderId};
use serde_json::Value;

pub use self::facts::{BookEntry, End, Failure, Ground, NoHold, OrderFacts};
pub use self::ledger::Violation;

use self::answers::Answers;
use self::case::{Case, Stage};
use self::fence::Fence;
use self::fleet::{Fleet, Touched};
use self::ledger::{Invariant, Ledger};
use self::purse::Purse;
use self::sales::Sales;
use self::told::Told;
use self::wire::{Batch, Checkout, Entry, Event, Finish, Order, Payment};

/// Reads the log and believes nobody.
///
/// Memory: about 300 bytes a checkout and 100 a command, for the whole log.
///
/// ```
/// use doorstep_sim::audit::Auditor;
///
/// let mut auditor = Auditor::new(1);
/// let writer = "0123456789abcdef0123456789abcdef";
/// let claim = format!(r#"{{"claim":{{"format":1,"epoch":1,"writer":"{writer}"}}}}"#);
/// auditor.entry(0, claim.as_bytes());
/// assert_eq!(auditor.violation_count(), 0);
///
/// let foreign = r#"{"batch":{"epoch":1,"writer":"else","seq":0,"at":5,"events":[]}}"#;
/// auditor.entry(1, foreign.as_bytes());
/// assert_eq!(auditor.violations()[0].invariant, "one_writer_per_epoch");
/// ```
#[derive(Clone, Debug)]
pub struct Auditor {
    ledger: Ledger,
    fence: Fence,
    last_at: i64,
    cases: BTreeMap<OrderId, Case>,
    fleet: Fleet,
    answers: Answers,
    sales: Sales,
    told: Told,
    /// What the batch at hand touched.
    touched: Vec<Touched>,
    /// An entry could not be read: what follows it cannot be judged.
    stopped: bool,
}

impl Auditor {
    /// An auditor before the first entry. `capacity`: the deliveries that a driver may carry at
    /// once, as the policy has it that the shard was made with; a change of it is read in the log.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self {
            ledger: Ledger::new(),
            fence: Fence::new(),
            last_at: i64::MIN,
            cases: BTreeMap::new(),
            fleet: Fleet::new(capacity),
            answers: Answers::new(),
            sales: Sales::new(),
            told: Told::new(),
            touched: Vec::new(),
            stopped: false,
        }
    }

    /// Reads the entry at `position`. Entries come in the order of the log, each once, from the
    /// first on. One that cannot be read is a violation, and nothing is read after it.
    pub fn entry(&mut self, position: u64, bytes: &[u8]) {
        if self.stopped {
            return;
        }
        self.ledger.position = position;
        let entry = match serde_json::from_slice::<Entry<'_>>(bytes) {
            Ok(entry) => entry,
            Err(error) => return self.stop(&error.to_string()),
        };
        match entry {
            Entry::Claim { format, .. } if format != wire::FORMAT => {
                self.stop(&format!("a claim announces format {format}"));
            }
            Entry::Claim { epoch, writer, .. } => {
                self.ledger.check(Invariant::Readable, true, String::new);
                self.fence.claim(epoch, &writer, &mut self.ledger);
            }
            Entry::Mark { epoch, writer } => {
                self.ledger.check(Invariant::Readable, true, String::new);
                self.fence.is_current(epoch, &writer, &mut self.ledger);
            }
            Entry::Batch(batch) => {
                self.ledger.check(Invariant::Readable, true, String::new);
                let Self { fence, ledger, .. } = self;
                if fence.is_current(batch.epoch, &batch.writer, ledger)
                    && fence.batch(batch.seq, fence::digest(bytes), ledger)
                {
                    self.batch(batch);
                }
            }
        }
    }

    /// A caller was told this outcome (its JSON) of this command. It must stand in the log, the
    /// same, at the latest when [`Auditor::finish`] is called; each caller may be told once or often.
    pub fn answered(&mut self, command: CommandId, outcome_json: &str) {
        self.answers.told(command, outcome_json, None, &mut self.ledger);
    }

    /// [`Auditor::answered`], where besides the end of the log is known as it was at the moment of
    /// the answer: the first position that it did not hold. An answer whose batch stands at or
    /// behind it was given too early.
    pub fn answered_before(&mut self, command: CommandId, outcome_json: &str, log_end: u64) {
        self.answers.told(command, outcome_json, Some(log_end), &mut self.ledger);
    }

    /// Faults have stopped, everything has ended, and the log was read to its end: closes the
    /// books. `book` is the provider's own, an entry for each order that it ever held money for.
    pub fn finish(&mut self, book: impl IntoIterator<Item = BookEntry>) {
        if self.stopped {
            return;
        }
        let ledger = &mut self.ledger;
        self.fence.finish(ledger);
        self.answers.finish(ledger);
        self.fleet.finish(ledger);
        self.sales.finish(ledger);
        books::close(&self.cases, book, ledger);
    }

    /// What must never be and was, the first 1,000.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.ledger.kept()
    }

    /// How many violations there are, also beyond those that are kept.
    #[must_use]
    pub const fn violation_count(&self) -> u64 {
        self.ledger.count()
    }

    /// How often each invariant was checked, by name; every invariant is there.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.ledger.checks()
    }

    /// Batches that count.
    #[must_use]
    pub const fn counted_batches(&self) -> u64 {
        self.fence.counted()
    }

    /// Every checkout and what came of it, by id.
    pub fn orders(&self) -> impl Iterator<Item = &OrderFacts> {
        self.cases.values().map(|case| &case.facts)
    }

    fn stop(&mut self, why: &str) {
        self.ledger.check(Invariant::Readable, false, || why.to_owned());
        self.stopped = true;
    }

    fn batch(&mut self, batch: Batch<'_>) {
        let (at, last) = (batch.at, self.last_at);
        self.ledger.check(Invariant::Time, at >= last, || format!("{at} follows {last}"));
        self.last_at = last.max(at);
        for event in &batch.events {
            match event {
                Event::PolicySet(rules) => self.fleet.set_rules(&rules.dispatch),
                Event::Catalog(_) | Event::Provider(_) => {}
                Event::SaleOpened { sale, rules } => {
                    self.sales.opened(*sale, rules, &mut self.ledger);
                }
                Event::Sale { sale, event } => {
                    self.sales.event(*sale, event, at, &mut self.ledger);
                }
                Event::SaleCheckout { sale, hold, order } => {
                    self.sales.carried(*sale, *hold, *order, &mut self.ledger);
                }
                Event::Checkout { order, event } => self.checkout(*order, event, at),
                Event::Order { order, event } => self.order(*order, event, at),
                Event::Dispatch(event) => {
                    self.fleet.event(event, at, &mut self.touched, &mut self.ledger);
                }
            }
        }
        self.told.batch(&batch, &mut self.ledger);
        self.outcome(&batch);
        if let (Some(cause), Some(outcome)) = (batch.cause, batch.outcome) {
            self.answers.logged(cause.id, &outcome, &mut self.ledger);
        }
        self.agree();
    }

    fn checkout(&mut self, id: OrderId, event: &Checkout, at: i64) {
        self.touched.push((id, None));
        let ledger = &mut self.ledger;
        if let Checkout::Opened { intent } = event {
            let facts = OrderFacts::new(id, at, intent.promised, intent.quote.distance_m);
            let purse = Purse::new(intent.quote.total.minor);
            let opened = Case { facts, purse, stage: Stage::Asked, driver: None, delivery: None };
            let new = !self.cases.contains_key(&id);
            ledger.check(Invariant::Milestones, new, || format!("{id} is opened twice"));
            self.cases.entry(id).or_insert(opened);
            return;
        }
        let case = self.cases.get_mut(&id);
        let open = case.as_ref().is_some_and(|case| !case.is_placed());
        ledger.check(Invariant::Milestones, open, || format!("{id} is no checkout"));
        let Some(case) = case else { return };
        match event {
            Checkout::Opened { .. } => {}
            Checkout::GivenUp => {
                let asked = case.stage == Stage::Asked;
                ledger.check(Invariant::Milestones, asked, || format!("{id} is given up late"));
                case.close(NoHold::GivenUp);
            }
            Checkout::Payment(payment) => {
                case.purse.event(id, *payment, ledger);
                match (payment, case.stage) {
                    (Payment::Held { .. }, Stage::Asked) => case.stage = Stage::Held,
                    (Payment::HoldRefused { why }, Stage::Asked) => case.close(*why),
                    (Payment::Noticed { .. }, Stage::Asked) => case.heard(),
                    _ => {}
                }
            }
        }
    }

    fn order(&mut self, id: OrderId, event: &Order, at: i64) {
        self.touched.push((id, None));
        let ledger = &mut self.ledger;
        let case = self.cases.get_mut(&id);
        let stage = case.as_ref().map(|case| case.stage);
        if let (Order::Placed { respond_by }, false) =
            (event, case.as_ref().is_some_and(|c| c.is_placed()))
        {
            let held = stage == Some(Stage::Held);
            ledger.check(Invariant::PlacedWhenHeld, held, || {
                format!("{id} is placed, and its money is not held: {stage:?}")
            });
            if let Some(case) = case {
                case.facts.placed_at = Some(at);
                case.stage = Stage::Pending { respond_by: *respond_by };
            }
            return;
        }
        let case = case.filter(|case| case.is_placed());
        ledger.check(Invariant::PlacedWhenHeld, case.is_some(), || {
            format!("{id}: {} before it was placed", event.name())
        });
        let Some(case) = case else { return };
        match (case.facts.end, event) {
            (None, _) | (_, Order::Payment(_)) => case.step(event, at, ledger),
            (Some((_, end)), event) => case.after_end(end, event, ledger),
        }
    }

    fn outcome(&mut self, batch: &Batch<'_>) {
        let Batch { cause, outcome, events, .. } = batch;
        let fits = match (cause, outcome) {
            (None, None) => !events.is_empty(),
            (Some(_), Some(outcome)) => says(outcome, events),
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.ledger.check(Invariant::Outcome, fits, || {
            format!(
                "outcome {outcome:?} does not fit the batch's cause and {} events",
                events.len()
            )
        });
    }

    /// Orders and deliveries say the same of each other, at the end of every batch.
    fn agree(&mut self) {
        let Self { cases, fleet, ledger, touched, sales, .. } = self;
        sales.agree(cases, touched.iter().map(|(id, _)| *id), ledger);
        for (id, finish) in touched.drain(..) {
            let Some(case) = cases.get(&id) else {
                ledger.check(Invariant::Deliveries, false, || format!("{id} is nothing known"));
                continue;
            };
            ledger.check(Invariant::PlacedWhenHeld, case.stage != Stage::Held, || {
                format!("the money of {id} is held, and there is no order")
            });
            let (delivery, holder) = fleet.carrier_of(id);
            let live = matches!(case.stage, Stage::Underway { .. } | Stage::OnTheWay { .. });
            ledger.check(Invariant::Deliveries, delivery.is_some() == live, || {
                format!("{id} is {:?}, and its delivery {delivery:?}", case.stage)
            });
            let own = case.driver.map(|driver| (driver, case.delivery));
            let theirs = holder.map(|driver| (driver, delivery));
            ledger.check(Invariant::OneDriverPerOrder, own == theirs, || {
                format!("{own:?} has {id} by its own account, {theirs:?} by its delivery's")
            });
            if let Some(finish) = finish {
                let end = case.facts.end.map(|(_, end)| end);
                let same = matches!(
                    (finish, end),
                    (Finish::Delivered {}, Some(End::Delivered))
                        | (Finish::Undelivered {}, Some(End::Undelivered(_)))
                        | (Finish::Cancelled, Some(End::Cancelled(_)))
                );
                ledger.check(Invariant::Deliveries, same, || {
                    format!("{id} leaves its delivery otherwise than it ended: {end:?}")
                });
            }
        }
    }
}

/// Whether the events are those that the outcome tells of.
fn says(outcome: &Value, events: &[Event]) -> bool {
    let opened = events.iter().find_map(|event| match event {
        Event::Checkout { order, event: Checkout::Opened { intent } } => {
            Some((*order, intent.quote.total.minor))
        }
        Event::PolicySet(_)
        | Event::Catalog(_)
        | Event::Checkout { .. }
        | Event::Order { .. }
        | Event::Dispatch(_)
        | Event::Provider(_)
        | Event::SaleOpened { .. }
        | Event::Sale { .. }
        | Event::SaleCheckout { .. } => None,
    });
    if let Some(heard) = outcome.get("heard") {
        // Heard now, or before: then nothing happens.
        return events.first().is_none_or(
            |event| matches!(event, Event::Provider(provider) if provider.heard == *heard),
        );
    }
    if outcome == "done" || outcome.get("sale").is_some() {
        return opened.is_none();
    }
    if outcome.get("refused").is_some() {
        return events.is_empty();
    }
    let (Some((order, total)), Some(told)) = (opened, outcome.get("checkout_opened")) else {
        return false;
    };
    let told_order = told.get("order").and_then(Value::as_str);
    let told_total = told.get("total").and_then(|total| total.get("minor"));
    told_order == Some(order.to_string().as_str())
        && told_total.and_then(Value::as_i64) == Some(total)
}
