//! The validated, priced intent: in the log before the provider is asked to hold the money.
//!
//! A checkout is what an order is before its money is held. It exists so that a crash between
//! "hold the money" and "write the order" finds it again, and completes or voids it. No order exists
//! until the hold succeeded; a refused hold leaves none behind.

use serde::{Deserialize, Serialize};

use crate::catalog::{Acceptance, KitchenKind, Line};
use crate::id::{CustomerId, OrderId, RestaurantId};
use crate::money::Money;
use crate::payment::{self, CorruptPayment, Due, Funds, HoldRefused, Notice, Payment, Reply};
use crate::place::LatLng;
use crate::policy::PaymentPolicy;
use crate::pricing::Quote;
use crate::time::{Span, Timestamp};

/// What a customer wants brought, as the server checked and priced it. Everything that later
/// decisions rest on is in it; what names a person or an address is an opaque reference or a
/// position.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The order that it will be.
    pub order: OrderId,
    /// Who wants it.
    pub customer: CustomerId,
    /// Who makes it.
    pub restaurant: RestaurantId,
    /// Where it is picked up.
    pub pickup: LatLng,
    /// Where it is brought.
    pub drop_off: LatLng,
    /// What it is, at the server's prices.
    pub lines: Vec<Line>,
    /// What it costs, and how that was reckoned.
    pub quote: Quote,
    /// How the restaurant accepts.
    pub acceptance: Acceptance,
    /// Whether there is anything to prepare.
    pub kitchen: KitchenKind,
    /// The restaurant's usual preparation.
    pub ready_span: Span,
    /// When the customer was promised it. Frozen here.
    pub promised: Timestamp,
    /// When it is expected, as of now. It moves later.
    pub estimate: Timestamp,
    /// When the customer asked for it.
    pub opened_at: Timestamp,
}

/// An intent and its money, on the way to being an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkout {
    intent: Intent,
    payment: Payment,
    state: State,
}

/// How far a checkout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The provider is being asked.
    Waiting {
        /// It is given up at this time.
        until: Timestamp,
    },
    /// The money is held: an order follows in the same batch.
    Held,
    /// No order comes of it. Money that is held all the same is voided.
    Closed {
        /// Why.
        why: HoldRefused,
        /// When.
        at: Timestamp,
    },
}

/// What happened to a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The customer's wish was found orderable and priced; the hold is due.
    Opened {
        /// What is wanted.
        intent: Box<Intent>,
        /// It is given up at this time.
        until: Timestamp,
    },
    /// The provider answered.
    Payment(payment::Event),
    /// It was given up before the provider answered.
    GivenUp,
}

/// An event that cannot follow the checkout's state: the history is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorruptCheckout {
    /// The money's part of the history is damaged.
    #[error(transparent)]
    Payment(#[from] CorruptPayment),
    /// This event cannot follow that state.
    #[error("a checkout event cannot follow {0:?}")]
    State(State),
}

impl Checkout {
    /// The checkout of an [`Event::Opened`].
    #[must_use]
    pub fn open(intent: Intent, until: Timestamp) -> Self {
        let payment = Payment::new(intent.quote.total);
        Self { intent, payment, state: State::Waiting { until } }
    }

    /// What is wanted.
    #[must_use]
    pub const fn intent(&self) -> &Intent {
        &self.intent
    }

    /// How far it has come.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Its money.
    #[must_use]
    pub const fn payment(&self) -> &Payment {
        &self.payment
    }

    /// The parts of a held checkout, for the order that it becomes.
    ///
    /// # Errors
    /// The checkout itself, unless its money is held and nobody gave it up.
    pub fn into_held(self) -> Result<(Intent, Payment), Box<Self>> {
        match self.state {
            State::Held => Ok((self.intent, self.payment)),
            State::Waiting { .. } | State::Closed { .. } => Err(Box::new(self)),
        }
    }

    /// What the provider must do next.
    #[must_use]
    pub const fn due(&self) -> Option<Due> {
        self.payment.due()
    }

    /// When it must be looked at again.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Held | State::Closed { .. } => self.payment.next_deadline(),
        }
    }

    /// Since when it is over, its money settled; `None` while it is not.
    #[must_use]
    pub const fn over_since(&self) -> Option<Timestamp> {
        match self.state {
            State::Closed { at, .. } if self.payment.is_settled() => Some(at),
            State::Closed { .. } | State::Waiting { .. } | State::Held => None,
        }
    }

    /// What the provider's answer means.
    #[must_use]
    pub fn reply(&self, reply: &Reply, policy: &PaymentPolicy, now: Timestamp) -> Vec<Event> {
        self.payment.decide(reply, policy, now).into_iter().map(Event::Payment).collect()
    }

    /// What the provider's notice means. One that says that the money was taken already holds the
    /// checkout as well; one that part of it was given back, or that there is no hold any more, closes it.
    ///
    /// # Errors
    /// [`payment::Refusal`].
    pub fn hear(
        &self,
        notice: &Notice,
        policy: &PaymentPolicy,
        now: Timestamp,
    ) -> Result<Vec<Event>, payment::Refusal> {
        let events = self.payment.hear(notice, policy, now)?;
        Ok(events.into_iter().map(Event::Payment).collect())
    }

    /// What the passing of time means: a checkout that waited too long is given up.
    #[must_use]
    pub fn tick(&self, now: Timestamp) -> Vec<Event> {
        match self.state {
            State::Waiting { until } if now >= until => vec![Event::GivenUp],
            State::Waiting { .. } => Vec::new(),
            State::Held | State::Closed { .. } => {
                self.payment.tick(now).into_iter().map(Event::Payment).collect()
            }
        }
    }

    /// Takes a fact in.
    ///
    /// # Errors
    /// [`CorruptCheckout`] if the event cannot have been decided from this state; nothing changes.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) -> Result<(), CorruptCheckout> {
        match (event, self.state) {
            (Event::Payment(event), _) => {
                self.payment.evolve(event)?;
                if let State::Waiting { .. } = self.state {
                    match self.payment.funds() {
                        Funds::Held { .. } => self.state = State::Held,
                        Funds::Captured { .. } if self.payment.paid() == self.payment.asked() => {
                            self.state = State::Held;
                        }
                        Funds::Refused { why } => self.close(why, at),
                        Funds::Captured { .. } | Funds::Released { .. } => {
                            self.close(HoldRefused::Declined, at);
                        }
                        Funds::Asked => {}
                    }
                }
                Ok(())
            }
            (Event::GivenUp, State::Waiting { .. }) => {
                self.close(HoldRefused::GivenUp, at);
                Ok(())
            }
            (Event::GivenUp | Event::Opened { .. }, state) => Err(CorruptCheckout::State(state)),
        }
    }

    fn close(&mut self, why: HoldRefused, at: Timestamp) {
        self.state = State::Closed { why, at };
        self.payment.owe(Money::zero(self.payment.asked().currency()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::{HELD, T0, intent, minutes, policy};
    use crate::payment::{Answer, Step};

    fn open() -> Checkout {
        Checkout::open(intent(), minutes(T0, 2))
    }

    fn answer(answer: Answer) -> Reply {
        Reply { answer, ..HELD }
    }

    /// Hears a reply and takes in what it means.
    #[track_caller]
    fn hear(checkout: &mut Checkout, reply: &Reply, now: Timestamp) {
        for event in checkout.reply(reply, &policy().payment, now) {
            checkout.evolve(&event, now).unwrap();
        }
    }

    #[track_caller]
    fn tick(checkout: &mut Checkout, now: Timestamp) {
        for event in checkout.tick(now) {
            checkout.evolve(&event, now).unwrap();
        }
    }

    #[test]
    fn the_whole_total_is_held_before_there_is_an_order() {
        let checkout = open();
        let due = checkout.due().unwrap();
        assert_eq!((due.step, due.attempt, due.amount), (Step::Hold, 1, intent().quote.total));
        assert_eq!(checkout.next_deadline(), Some(minutes(T0, 2)));
        let same = checkout.clone().into_held().unwrap_err();
        assert_eq!(*same, checkout, "no order without a hold");
    }

    #[test]
    fn a_held_checkout_becomes_the_order_and_a_second_answer_is_no_news() {
        let mut checkout = open();
        hear(&mut checkout, &HELD, T0);
        assert_eq!(checkout.state(), State::Held);
        assert!(checkout.reply(&HELD, &policy().payment, T0).is_empty());
        assert_eq!((checkout.due(), checkout.over_since()), (None, None));
        let (wanted, payment) = checkout.into_held().unwrap();
        assert_eq!(wanted, intent());
        assert_eq!((payment.due(), payment.owed()), (None, None), "nothing is captured yet");
    }

    #[test]
    fn a_declined_hold_closes_the_checkout_and_leaves_nothing_due() {
        let mut checkout = open();
        hear(&mut checkout, &answer(Answer::Refused), minutes(T0, 1));
        let closed = State::Closed { why: HoldRefused::Declined, at: minutes(T0, 1) };
        assert_eq!((checkout.state(), checkout.due()), (closed, None));
        assert_eq!(checkout.over_since(), Some(minutes(T0, 1)));
        assert_eq!(checkout.next_deadline(), None);
        assert!(checkout.into_held().is_err());
    }

    #[test]
    fn a_checkout_is_given_up_at_its_deadline_and_not_a_millisecond_before() {
        let checkout = open();
        let deadline = minutes(T0, 2);
        assert!(checkout.tick(deadline.saturating_sub(Span::from_millis(1))).is_empty());
        assert_eq!(checkout.tick(deadline), [Event::GivenUp]);
    }

    #[test]
    fn a_hold_that_succeeds_after_the_deadline_is_voided_and_makes_no_order() {
        let mut checkout = open();
        tick(&mut checkout, minutes(T0, 2));
        assert_eq!(checkout.due().map(|due| due.step), Some(Step::Hold), "possibly done");
        assert_eq!(checkout.over_since(), None);
        assert!(checkout.tick(minutes(T0, 60)).is_empty(), "given up once");
        hear(&mut checkout, &HELD, minutes(T0, 3));
        assert_eq!(checkout.due().map(|due| due.step), Some(Step::Void));
        let mut checkout = *checkout.into_held().unwrap_err();
        hear(&mut checkout, &Reply { step: Step::Void, ..HELD }, minutes(T0, 4));
        assert_eq!(checkout.over_since(), Some(minutes(T0, 2)));
        assert_eq!(checkout.due(), None);
    }

    #[test]
    fn an_event_that_cannot_follow_is_corrupt_and_changes_nothing() {
        let opened = Event::Opened { intent: Box::new(intent()), until: minutes(T0, 2) };
        let (mut held, mut closed) = (open(), open());
        hear(&mut held, &HELD, T0);
        tick(&mut closed, minutes(T0, 2));
        for (before, event) in [
            (open(), opened),
            (held.clone(), Event::GivenUp),
            (closed, Event::GivenUp),
            (held, Event::Payment(payment::Event::Held { until: T0 })),
        ] {
            let mut checkout = before.clone();
            assert!(checkout.evolve(&event, T0).is_err(), "{event:?} after {before:?}");
            assert_eq!(checkout, before);
        }
    }

    #[test]
    fn a_checkout_and_its_events_survive_json() {
        let opened = Event::Opened { intent: Box::new(intent()), until: minutes(T0, 2) };
        let json = serde_json::to_string(&opened).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), opened);
        let mut checkout = open();
        hear(&mut checkout, &HELD, T0);
        let json = serde_json::to_string(&checkout).unwrap();
        assert_eq!(serde_json::from_str::<Checkout>(&json).unwrap(), checkout);
    }
}
