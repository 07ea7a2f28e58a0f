//! The judge: the log read by the rules of the design, as plainly as they are written there.

use doorstep_core::id::CommandId;
use doorstep_core::log::{Batch, Record, Seen, Tenure, Writer};

use super::stock::{BOUNDS, Command, Event, Outcome, Stock};
use super::world::{Entry, House, NOON, Node, World};

/// What a log says.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    pub(crate) current: Option<Tenure>,
    pub(crate) counted: Vec<&'a Batch<Event, Outcome>>,
    /// Whose claims counted, in order.
    pub(crate) claims: Vec<Writer>,
    pub(crate) late_claims: usize,
    /// Batches of writers who did not own the log any more.
    pub(crate) late_batches: usize,
    /// Entries whose very bytes stood in the log before.
    pub(crate) repeats: usize,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(log: &'a [Entry]) -> Self {
        let mut reading = Self::default();
        for (place, entry) in log.iter().enumerate() {
            reading.repeats += usize::from(log[..place].contains(entry));
            let epoch_now = reading.current.map_or(0, |current| current.epoch);
            match entry {
                Record::Claim { epoch, writer, .. } if *epoch == epoch_now + 1 => {
                    reading.current = Some(Tenure { epoch: *epoch, writer: *writer });
                    reading.claims.push(*writer);
                }
                Record::Claim { .. } => reading.late_claims += 1,
                Record::Batch(batch) => {
                    let by = Tenure { epoch: batch.epoch, writer: batch.writer };
                    if reading.current != Some(by) {
                        reading.late_batches += usize::from(reading.claims.contains(&by.writer));
                    } else if batch.seq == reading.counted.len() as u64 {
                        reading.counted.push(batch);
                    }
                }
                Record::Mark { .. } => {}
            }
        }
        reading
    }

    /// The part of the log that a node has read.
    pub(crate) fn by(node: &Node, world: &'a World) -> Self {
        Self::of(&world.log[..usize::try_from(node.replica.wants().get()).unwrap()])
    }

    /// The outcome of a command that counts, and the epoch in which it was decided.
    pub(crate) fn outcome_of(&self, id: CommandId) -> Option<(Outcome, u64)> {
        let batch = self.counted.iter().find(|batch| batch.cause.is_some_and(|c| c.id == id))?;
        Some((batch.outcome?, batch.epoch))
    }
}

/// Every node holds exactly what a plain reading of its part of the log says.
pub(crate) fn states_agree(house: &House, world: &World) -> bool {
    world.nodes.iter().filter(|node| !node.replica.is_stopped()).all(|node| {
        let reading = Reading::by(node, world);
        let events = reading.counted.iter().flat_map(|batch| &batch.events);
        let left = events.copied().try_fold(house.stock, |left, event| match event {
            Event::Bought => left.checked_sub(1),
            Event::Restocked => left.checked_add(1),
        });
        let (fence, stock) = (node.replica.fence(), node.replica.counted());
        left == Some(stock.left)
            && (fence.current(), fence.next()) == (reading.current, reading.counted.len() as u64)
            && (0..house.queue.len()).all(|place| {
                let cause = house.cause(place);
                let seen = stock.causes.check(&cause, NOON, &BOUNDS);
                match reading.outcome_of(cause.id) {
                    Some((outcome, _)) => seen == Ok(Seen::Known(&outcome)),
                    None => seen == Ok(Seen::First),
                }
            })
    })
}

/// No command counts twice, and so none has two outcomes.
pub(crate) fn commands_count_once(_: &House, world: &World) -> bool {
    let reading = Reading::of(&world.log);
    let id = |batch: &Batch<Event, Outcome>| batch.cause.map(|cause| cause.id);
    reading.counted.iter().enumerate().all(|(place, batch)| {
        reading.counted[..place].iter().all(|earlier| id(earlier) != id(batch))
    })
}

/// Whatever anyone was told counts in the log.
pub(crate) fn answers_are_true(_: &House, world: &World) -> bool {
    let reading = Reading::of(&world.log);
    world
        .answers
        .iter()
        .all(|(id, told, _)| reading.outcome_of(*id).is_some_and(|(outcome, _)| outcome == *told))
}

/// Each batch that counts is what its command deserves on the state that it counts on.
pub(crate) fn decisions_stand(house: &House, world: &World) -> bool {
    let mut left = house.stock;
    Reading::of(&world.log).counted.iter().all(|batch| {
        let id = batch.cause.map(|cause| cause.id.get());
        let command = house.queue.iter().find(|(name, _)| Some(u128::from(*name)) == id);
        let (events, outcome) = Stock::judge(left, command.map_or(Command::Buy, |(_, what)| *what));
        if let Outcome::Done { left: after } = outcome {
            left = after;
        }
        batch.events == events && batch.outcome == Some(outcome)
    })
}

/// Nobody stops, except where what they need was trimmed away.
pub(crate) fn nobody_stops(_: &House, world: &World) -> bool {
    world
        .nodes
        .iter()
        .all(|node| !node.replica.is_stopped() || node.replica.wants().get() < world.start)
}

/// Who believes to own the log is who owns it, as far as they have read; never two of them.
pub(crate) fn owners_own(_: &House, world: &World) -> bool {
    let owned = |node: &Node| node.replica.fence().current().filter(|_| node.replica.is_owner());
    let [first, second] = [owned(&world.nodes[0]), owned(&world.nodes[1])];
    let mine =
        |node: &Node| !node.replica.is_owner() || Reading::by(node, world).current == owned(node);
    world.nodes.iter().all(mine) && (first.is_none() || first != second)
}

/// Who is to own the log, and does not, has a next step.
pub(crate) fn claimants_go_on(house: &House, world: &World) -> bool {
    let goes_on = |node: &Node| {
        let Node { replica, assigned, .. } = node;
        !assigned || replica.is_owner() || replica.is_stopped() || replica.next_wake().is_some()
    };
    world.nodes.iter().all(goes_on) && (!house.settles || world.would_recover())
}

/// What the counted queue position says is consumed counts, and what counts is consumed.
pub(crate) fn the_queue_is_kept(house: &House, world: &World) -> bool {
    !house.in_order
        || world.nodes.iter().all(|node| {
            let reading = Reading::by(node, world);
            let inbox = usize::try_from(node.replica.counted_inbox().unwrap_or(0)).unwrap();
            let counts = |place: usize| reading.outcome_of(house.cause(place).id).is_some();
            let retry = |place: usize| {
                house.queue[..place].iter().any(|(name, _)| *name == house.queue[place].0)
            };
            (0..inbox).all(counts)
                && (inbox..house.queue.len()).all(|place| retry(place) || !counts(place))
        })
}
