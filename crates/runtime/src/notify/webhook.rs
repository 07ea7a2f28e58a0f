//! The webhook channel: signed requests in the form of Standard Webhooks. What sends them is a port
//! of its own.

use std::collections::BTreeMap;

use doorstep_core::notify::{Answer, SendKey, Sending};
use doorstep_core::time::{Span, Timestamp};

use super::Recipient;
use super::sign::{Secret, sign};
use crate::ports::Notifier;

/// Where somebody wants to be told things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to.
    pub url: String,
    /// What requests are signed with: every one of them, so that a receiver may change from an old
    /// secret to a new one. At least one; without, nothing is sent.
    pub secrets: Vec<Secret>,
}

/// Who has an endpoint.
pub trait Endpoints {
    /// The endpoint of a recipient; `None`: they have none, and this channel is not for them. It is
    /// asked by the thread that steps the host: it is to answer from memory.
    fn endpoint(&self, of: Recipient) -> Option<Endpoint>;
}

impl Endpoints for BTreeMap<Recipient, Endpoint> {
    fn endpoint(&self, of: Recipient) -> Option<Endpoint> {
        self.get(&of).cloned()
    }
}

/// A request, whole: to be posted as it is, with `content-type: application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Where to.
    pub url: String,
    /// The header `webhook-id`: the message, the same in every attempt. Receivers know a repetition
    /// by it.
    pub id: String,
    /// The header `webhook-timestamp`: when this attempt was made, in Unix seconds.
    pub timestamp: String,
    /// The header `webhook-signature`: one signature a secret, separated by spaces.
    pub signature: String,
    /// The body, as it was signed.
    pub body: Vec<u8>,
}

impl WebhookRequest {
    /// The request that tells `sending` at `now`. `None` if the endpoint has no secret.
    ///
    /// ```
    /// use doorstep_core::notify::{Name, SendKey, Sending};
    /// use doorstep_core::time::Timestamp;
    /// use doorstep_runtime::notify::{Endpoint, Recipient, Secret, WebhookRequest};
    ///
    /// let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    /// let endpoint = Endpoint { url: "https://example.com/hook".into(), secrets: vec![secret] };
    /// let message = Name::new("msg_p5jXN8AQM9LWM0D4loKWxJek")?;
    /// let sending = Sending {
    ///     key: SendKey { message, channel: Name::new("webhook")?, attempt: 1 },
    ///     to: Recipient::Operations,
    ///     category: Name::new("order")?,
    ///     critical: false,
    ///     body: r#"{"test": 2432232314}"#.into(),
    /// };
    /// let at = Timestamp::from_secs(1_614_265_330);
    /// let request = WebhookRequest::new(&endpoint, &sending, at).unwrap();
    /// assert_eq!(request.timestamp, "1614265330");
    /// assert_eq!(request.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(endpoint: &Endpoint, sending: &Sending<Recipient>, now: Timestamp) -> Option<Self> {
        let (id, body) = (&sending.key.message, sending.body.as_bytes());
        let at_s = now.as_millis().div_euclid(1_000);
        let signed = |secret: &Secret| sign(secret, id, at_s, body);
        let signatures: Vec<String> = endpoint.secrets.iter().filter_map(signed).collect();
        (!signatures.is_empty()).then(|| Self {
            url: endpoint.url.clone(),
            id: id.to_string(),
            timestamp: at_s.to_string(),
            signature: signatures.join(" "),
            body: body.to_vec(),
        })
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Posted {
    /// It was answered.
    Answered {
        /// The status.
        status: u16,
        /// The header `Retry-After`, as a wait.
        retry_after: Option<Span>,
    },
    /// It did not get there.
    Unreachable,
}

/// What posts requests: an HTTP client, behind a thread or a task. It follows no redirects.
pub trait Transport {
    /// Posts a request; what came of it is said by [`poll`](Transport::poll), under this key.
    fn post(&mut self, key: &SendKey, request: &WebhookRequest, now: Timestamp);

    /// What came of the next request. `None`: no more at this time.
    fn poll(&mut self, now: Timestamp) -> Option<(SendKey, Posted)>;

    /// When there may be something to hear that is not there yet, as far as is known by itself.
    fn next_wake(&self) -> Option<Timestamp>;
}

/// The webhook channel. A status of 2xx is delivered; 410 (gone) is for ever, and so is a recipient
/// without an endpoint; every other answer is a failure, tried again, after `Retry-After` where there
/// is one (Standard Webhooks).
#[derive(Debug)]
pub struct Webhook<T, E> {
    transport: T,
    endpoints: E,
    /// Those without an endpoint, to be answered.
    nowhere: std::collections::VecDeque<SendKey>,
}

impl<T: Transport, E: Endpoints> Webhook<T, E> {
    /// Requests by `transport` to whoever has an endpoint.
    pub const fn new(transport: T, endpoints: E) -> Self {
        Self { transport, endpoints, nowhere: std::collections::VecDeque::new() }
    }
}

impl<T: Transport, E: Endpoints> Notifier for Webhook<T, E> {
    fn send(&mut self, sending: &Sending<Recipient>, now: Timestamp) {
        let endpoint = self.endpoints.endpoint(sending.to);
        match endpoint.and_then(|endpoint| WebhookRequest::new(&endpoint, sending, now)) {
            Some(request) => self.transport.post(&sending.key, &request, now),
            None => self.nowhere.push_back(sending.key.clone()),
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<(SendKey, Answer)> {
        if let Some(key) = self.nowhere.pop_front() {
            return Some((key, Answer::Rejected { code: None }));
        }
        self.transport.poll(now).map(|(key, posted)| (key, meaning(posted)))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        let own = (!self.nowhere.is_empty()).then_some(Timestamp::EPOCH);
        own.into_iter().chain(self.transport.next_wake()).min()
    }
}

fn meaning(posted: Posted) -> Answer {
    match posted {
        Posted::Answered { status: 200..=299, .. } => Answer::Delivered,
        Posted::Answered { status: 410, .. } => Answer::Rejected { code: Some(410) },
        Posted::Answered { status, retry_after } => {
            Answer::Failed { code: Some(status), retry_after }
        }
        Posted::Unreachable => Answer::Failed { code: None, retry_after: None },
    }
}
