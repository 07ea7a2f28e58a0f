//! The validated, priced intent: in the log before the provider is asked to hold the money.
//!
//! A checkout is what an order is before its money is held. It exists so that a crash between
//! "hold the money" and "write the order" finds it again, and completes or voids it. No order exists
//! until the hold succeeded; a refused hold leaves none behind.

use serde::{Deserialize, Serialize};

use crate::catalog::{Acceptance, KitchenKind, Line};
use crate::id::{CustomerId, OrderId, RestaurantId};
use crate::money::Money;
use crate::payment::{self, CorruptPayment, Due, Funds, HoldRefused, Payment, Reply};
use crate::place::LatLng;
use crate::policy::PaymentPolicy;
use crate::pricing::Quote;
use crate::time::{Span, Timestamp};

/// What a customer wants brought, as the server checked and priced it. Everything that later
/// decisions rest on is in it; what names a person or an address is an opaque reference or a
/// position.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[serde(rename_all = "snake_case")]
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
                        Funds::Refused { why } => self.close(why, at),
                        Funds::Asked | Funds::Captured { .. } | Funds::Released { .. } => {}
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
