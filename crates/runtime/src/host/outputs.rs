//! What follows from what the replica says: appends, answers, effects, views.

use std::sync::Arc;

use doorstep_core::id::CommandId;
use doorstep_core::log::{Answer, Batch, Output, Record, Writer};
use doorstep_core::shard::{Event, Outcome};
use doorstep_core::time::{Span, Timestamp};

use super::touched::Touched;
use super::{Host, Step, orders_max};
use crate::ports::{AppendError, HistorySink, Log, Payments};
use crate::reads::Subject;

/// How long effects beyond the runner's bound wait before they are offered again.
const OFFER_AGAIN: Span = Span::from_secs(1);

/// How many batches go by between two looks for sales that the state has forgotten, and for orders that
/// it has and the history has not. They are few.
const RETAIN_EVERY: u64 = 4_096;

impl<L: Log, P: Payments, H: HistorySink> Host<L, P, H> {
    /// Moves the replica's outputs out. Callers are told last: who has heard that something is so
    /// sees it in the views.
    pub(super) fn drain(&mut self, now: Timestamp, step: &mut Step) -> bool {
        let mut any = false;
        let mut answers = Vec::new();
        let mut given_up = None;
        while let Some(output) = self.replica.poll() {
            any = true;
            match output {
                Output::Append(record) => self.append(&record, &mut given_up, now),
                Output::Answer(id, answer) => answers.push((id, answer)),
                Output::Publish(_, batch) => {
                    self.publish(&batch, now);
                    step.published.push(Arc::new(batch));
                }
                Output::BecameOwner => {
                    self.tally.claims_won = self.tally.claims_won.saturating_add(1);
                    self.take_over(now);
                    self.shared.set_owner(true);
                }
                Output::LostOwnership => {
                    self.founded = false;
                    self.shared.set_owner(false);
                    self.tally.claims_lost = self.tally.claims_lost.saturating_add(1);
                    self.effects.clear();
                    self.offer_again_at = None;
                    if let Some(notifications) = &mut self.notifications {
                        notifications.let_go();
                    }
                }
                Output::Marked { .. } => {}
                Output::Stop(reason) => {
                    self.shared.set_owner(false);
                    self.shared.close();
                    self.stopped = Some(reason.into());
                }
            }
        }
        // Before the answers: whoever has one finds it counted.
        if any {
            self.shared.count_remembered(self.replica.counted());
        }
        for (id, answer) in answers {
            self.answer(id, &answer);
        }
        any
    }

    /// Hands a record to the log; after one that failed, none of the same writer.
    fn append(
        &mut self,
        record: &Record<Event, Outcome>,
        given_up: &mut Option<Writer>,
        now: Timestamp,
    ) {
        let writer = record.writer();
        if *given_up == Some(writer) {
            return;
        }
        self.tally.appends = self.tally.appends.saturating_add(1);
        let appended = record
            .encode()
            .map_err(|error| AppendError::Unknown(Box::new(error)))
            .and_then(|bytes| self.log.append(&bytes, now));
        if appended.is_err() {
            *given_up = Some(writer);
            self.tally.append_errors = self.tally.append_errors.saturating_add(1);
            self.replica.append_failed(writer, now);
        }
    }

    fn answer(&mut self, id: CommandId, answer: &Answer<Outcome>) {
        let tickets = self.waiting.remove(&id).unwrap_or_default();
        self.waiters = self.waiters.saturating_sub(tickets.len());
        for ticket in tickets {
            ticket.tell(answer.clone().into());
        }
    }

    /// The effects that are due, and where every driver is headed, from the counted state.
    fn take_over(&mut self, now: Timestamp) {
        self.effects.clear();
        self.offer_all(now);
        let shard = self.replica.counted();
        self.shared.arrivals.clear();
        for (driver, _) in shard.dispatch().drivers() {
            self.shared.arrivals.head(driver, shard);
        }
        self.tells_from_now_on(now);
    }

    pub(super) fn tells_from_now_on(&mut self, now: Timestamp) {
        let epoch = self.replica.fence().epoch();
        if let Some(notifications) = &mut self.notifications {
            notifications.take_over(epoch, now);
        }
    }

    /// Offers every effect that is due, as far as the runner has room.
    pub(super) fn offer_all(&mut self, now: Timestamp) {
        let offered = self
            .replica
            .counted()
            .pending_effects()
            .all(|effect| self.effects.offer(effect.order, Some(effect)).is_ok());
        self.offer_again_at = (!offered).then(|| now.saturating_add(OFFER_AGAIN));
    }

    fn publish(&mut self, batch: &Batch<Event, Outcome>, now: Timestamp) {
        let shard = self.replica.counted();
        let views = &self.shared.views;
        for event in &batch.events {
            self.shared.restaurants.follow(event);
        }
        let mut touched = Touched::by(batch);
        let reads = self.shared.reads.as_ref();
        if touched.policy {
            views.set_capacity(orders_max(shard));
        }
        for &order in &touched.orders {
            self.round.join(order);
            // Who had it before this batch is headed elsewhere now.
            touched.drivers.extend(views.driver_of(order));
            if !views.publish(order, shard) {
                views.retain(shard);
                views.publish(order, shard);
            }
            if let Some(reads) = reads {
                reads.orders.publish(order, shard);
            }
            if shard.order(order).is_some_and(|order| order.over_since().is_some()) {
                self.history.ended(order);
            }
            if self.replica.is_owner()
                && self.effects.offer(order, shard.pending_effect(order)).is_err()
            {
                self.offer_again_at = Some(now.saturating_add(OFFER_AGAIN));
            }
        }
        touched.drivers.extend(touched.orders.iter().filter_map(|id| views.driver_of(*id)));
        for &driver in &touched.drivers {
            self.shared.arrivals.head(driver, shard);
        }
        if let Some(reads) = reads {
            for event in &batch.events {
                reads.follow(event, batch.at);
            }
            for &driver in touched.drivers.union(&touched.desks) {
                reads.publish_desk(driver, shard);
            }
        }
        if let Some(notifications) = &mut self.notifications {
            notifications.follow(batch, shard, now);
        }
        self.snapshots.counted();
        let is_known = |id| shard.order(id).is_some() || shard.checkout(id).is_some();
        for id in self.round.gone(is_known) {
            views.remove(id);
            if let Some(reads) = reads {
                reads.orders.forget(id);
            }
        }
        self.since_retain = self.since_retain.saturating_add(1);
        if self.since_retain >= RETAIN_EVERY {
            self.since_retain = 0;
            if let Some(reads) = reads {
                reads.retain_sales(shard);
            }
            self.history.retain(shard);
        }
        // Last: whoever hears it looks at once.
        touched.orders.iter().for_each(|id| self.shared.watchers.changed(Subject::Order(*id)));
        for &driver in touched.drivers.union(&touched.desks) {
            self.shared.watchers.changed(Subject::Driver(driver));
        }
    }
}
