//! The order as a saga: its steps, what takes each of them back, and what is taken back when
//! something fails.
//!
//! Nothing here decides: orders, payments and dispatch do, each by its own rules. This is their sum,
//! as data, and a test drives the shard through every row and holds the row against what it did.
//! There is no coordinator either. A step that was done is a fact in the log; what takes it back
//! follows from the state (an amount that is owed no more, a delivery without an order) and stays due
//! until it is done, whoever crashes meanwhile.
//!
//! | step | taken back by |
//! |---|---|
//! | authorise | void |
//! | capture | refund |
//! | assign | release |
//! | announce | correct: what was said cannot be unsaid, the next milestone says what is so |
//!
//! The restaurant's yes, the pick-up and the hand-over cannot be taken back; what follows when they do
//! not come is in the rows:
//!
#![doc = include_str!("saga.md")]

/// A step of an order, in the order of the steps. Each milestone is announced when it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The money is held.
    Authorise,
    /// The restaurant takes the order.
    Accept,
    /// The money is taken.
    Capture,
    /// A driver has it.
    Assign,
    /// The driver has the food.
    PickUp,
    /// The customer has it.
    HandOver,
}

/// What takes a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undo {
    /// The driver is free again.
    Release,
    /// The hold is let go.
    Void,
    /// What was taken is given back, up to a fee that was agreed on.
    Refund,
    /// A milestone says what is so instead of what was announced.
    Correct,
}

/// How a step comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The customer's bank says no, or the provider cannot.
    Declined,
    /// The hold succeeds after the checkout was given up.
    HeldTooLate,
    /// The restaurant does not take it, or does not answer.
    Rejected,
    /// The hold lapses before the capture gets through.
    HoldLapsed,
    /// No driver is found in time.
    NobodyFound,
    /// The driver gives it back, or does not come.
    DriverDrops,
    /// The kitchen cannot make it after all.
    KitchenCannot,
    /// The customer cancels because the promise is broken, the food being on its way.
    CancelledLate,
    /// Food or driver are lost on the way.
    Lost,
    /// Nobody opens the door.
    CustomerAbsent,
}

/// Where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// There is no order.
    NoOrder,
    /// The order goes on, with another driver where it needs one.
    GoesOn,
    /// The order goes on, and what is owed for it is a debt that operations see.
    Debt,
    /// Cancelled.
    Cancelled,
    /// Undelivered, and the customer has paid nothing.
    Undelivered,
    /// Undelivered, and the customer has paid.
    UndeliveredPaid,
}

/// What is undone when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The step that was to be next.
    pub step: Step,
    /// How it fails.
    pub failure: Failure,
    /// What is taken back, the driver first: who waits in the street comes before the money.
    pub undone: &'static [Undo],
    /// Where it ends.
    pub ending: Ending,
}

/// What is undone, for every way in which a step fails.
pub const ROWS: [Row; 10] = [
    row(Step::Authorise, Failure::Declined, &[], Ending::NoOrder),
    row(Step::Authorise, Failure::HeldTooLate, &[Undo::Void], Ending::NoOrder),
    row(Step::Accept, Failure::Rejected, &[Undo::Void, Undo::Correct], Ending::Cancelled),
    row(Step::Capture, Failure::HoldLapsed, &[], Ending::Debt),
    row(Step::Assign, Failure::NobodyFound, &[Undo::Refund, Undo::Correct], Ending::Cancelled),
    row(Step::PickUp, Failure::DriverDrops, &[Undo::Release, Undo::Correct], Ending::GoesOn),
    row(Step::PickUp, Failure::KitchenCannot, ALL, Ending::Cancelled),
    row(Step::HandOver, Failure::CancelledLate, ALL, Ending::Cancelled),
    row(Step::HandOver, Failure::Lost, ALL, Ending::Undelivered),
    row(
        Step::HandOver,
        Failure::CustomerAbsent,
        &[Undo::Release, Undo::Correct],
        Ending::UndeliveredPaid,
    ),
];

const ALL: &[Undo] = &[Undo::Release, Undo::Refund, Undo::Correct];

const fn row(step: Step, failure: Failure, undone: &'static [Undo], ending: Ending) -> Row {
    Row { step, failure, undone, ending }
}

impl Step {
    /// Every step, in their order.
    pub const ALL: [Self; 6] =
        [Self::Authorise, Self::Accept, Self::Capture, Self::Assign, Self::PickUp, Self::HandOver];

    /// What takes it back once it is done; `None` where nothing can. A void takes a hold back only
    /// until it is captured: the capture ends the hold.
    #[must_use]
    pub const fn undo(self) -> Option<Undo> {
        match self {
            Self::Authorise => Some(Undo::Void),
            Self::Capture => Some(Undo::Refund),
            Self::Assign => Some(Undo::Release),
            Self::Accept | Self::PickUp | Self::HandOver => None,
        }
    }
}

/// [`ROWS`] in Markdown, as they stand in this room's documentation.
#[must_use]
pub fn table() -> String {
    let mut table = String::from(
        "| when this fails | in this way | is undone | and it ends |\n|---|---|---|---|\n",
    );
    for Row { step, failure, undone, ending } in ROWS {
        let undone = if undone.is_empty() {
            String::from("nothing")
        } else {
            undone.iter().map(words).collect::<Vec<_>>().join(", ")
        };
        let [step, failure, ending] = [words(&step), words(&failure), words(&ending)];
        table.push_str(&format!("| {step} | {failure} | {undone} | {ending} |\n"));
    }
    table
}

/// A variant's name as words: `HeldTooLate` is "held too late".
fn words(variant: &impl core::fmt::Debug) -> String {
    let mut words = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_the_rows() {
        assert_eq!(table(), include_str!("saga.md"));
    }

    #[test]
    fn only_what_was_done_before_is_undone_and_nothing_twice() {
        for Row { step, undone, .. } in ROWS {
            let before = Step::ALL.into_iter().filter(|earlier| *earlier < step);
            let done: Vec<Undo> = before.filter_map(Step::undo).collect();
            for undo in undone {
                let announced = *undo == Undo::Correct && step > Step::Authorise;
                // A hold that came too late was done by the step that counts as failed.
                let too_late = *undo == Undo::Void && step == Step::Authorise;
                assert!(done.contains(undo) || announced || too_late, "{undo:?} at {step:?}");
            }
            let captured = undone.contains(&Undo::Refund);
            assert!(!(captured && undone.contains(&Undo::Void)), "a capture ends the hold");
            assert!(undone.is_sorted_by(|one, next| one < next));
        }
        let failures: Vec<Failure> = ROWS.iter().map(|row| row.failure).collect();
        assert!(failures.is_sorted_by(|one, next| one < next), "each once: {failures:?}");
    }
}
