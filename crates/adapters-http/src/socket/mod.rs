//! WebSockets (RFC 6455): what they have in common.
//!
//! A socket holds no queue. Its task is told *that* something changed, and sends how things stand
//! then: whoever reads slowly is sent less, and whoever does not read at all is let go after a while.

pub(crate) mod driver;
pub(crate) mod tracking;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use doorstep_core::limit::Gcra;
use doorstep_core::time::{Span, Timestamp};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::app::{App, NoSocket, Seat};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::serve::Place;

/// The subprotocol: the version of the messages.
const PROTOCOL: &str = "doorstep.v1";

/// Most bytes of a message that is received.
const MESSAGE_BYTES_MAX: usize = 16 * 1_024;

/// What a socket reads at once: what one holds while nothing happens.
const READ_BUFFER_BYTES: usize = 1_024;

/// Most bytes that wait to be written: one message and what the protocol adds. Beyond it the socket
/// is let go.
const WRITE_BUFFER_BYTES_MAX: usize = 64 * 1_024;

/// Longest sleep until a moment of the service's clock, which may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// There is nothing more to say.
    Over,
    /// The service goes away.
    Leaving,
    /// Something that is not allowed.
    Policy(&'static str),
    /// As many orders and drivers are watched as may be.
    Full,
    /// The token has expired.
    Expired,
    /// It read too slowly, or was silent for too long.
    TooSlow,
    /// The other side is gone, or has closed: nothing is said.
    Gone,
}

impl Close {
    const fn frame(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Over => Some((1_000, "over")),
            Self::Leaving => Some((1_001, "the service goes away")),
            Self::Policy(why) => Some((1_008, why)),
            Self::Full => Some((1_013, "as many watch as may")),
            Self::Expired => Some((4_001, "the token has expired")),
            Self::TooSlow => Some((4_002, "too slow")),
            Self::Gone => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Leaving => "leaving",
            Self::Policy(_) => "policy",
            Self::Full => "full",
            Self::Expired => "expired",
            Self::TooSlow => "too_slow",
            Self::Gone => "gone",
        }
    }
}

/// A request that asks for a socket.
pub(crate) struct Opening {
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    /// Its connection's place among those that are served.
    connection: Option<Arc<Place>>,
}

impl FromRequestParts<App> for Opening {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, app).await;
        let connection = parts.extensions.get().cloned();
        Ok(Self { headers: parts.headers.clone(), upgrade, connection })
    }
}

/// Opens a socket, and has `talk` talk on it until it says how to close.
pub(crate) fn open<F, Fut>(
    app: &App,
    principal: &Principal,
    opening: Opening,
    talk: F,
) -> Result<Response, Problem>
where
    F: FnOnce(Line) -> Fut + Send + 'static,
    Fut: Future<Output = (Line, Close)> + Send + 'static,
{
    let Opening { headers, upgrade, connection } = opening;
    check_origin(app, &headers)?;
    let upgrade = upgrade.map_err(|_| {
        let title = "This is a WebSocket: open it as one";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", title)
    })?;
    let seat = app.seat(&principal.who, connection).map_err(no_seat)?;
    let (app, expires_at) = (app.clone(), principal.expires_at);
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(async move |socket| {
        let line = Line::new(app, socket, expires_at, seat);
        let (line, close) = talk(line).await;
        line.close(close).await;
    }))
}

/// A page of another host must not open sockets in the name of who visits it. What is no browser
/// sends no Origin.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").is_some_and(|(_, from)| Some(from) == host);
    if own || app.config.cors.allows(origin) {
        return Ok(());
    }
    let title = "A page of that origin opens no sockets here";
    Err(Problem::new(StatusCode::FORBIDDEN, "bad_origin", title))
}

fn no_seat(why: NoSocket) -> Problem {
    let wait = Span::from_secs(5);
    match why {
        NoSocket::Full => {
            Problem::unavailable("sockets_full", "As many sockets are open as may", wait)
        }
        NoSocket::Yours => {
            Problem::too_many("too_many_sockets", "You have as many sockets open as one may", wait)
        }
        NoSocket::Leaving => Problem::unavailable("going_away", "The service goes away", wait),
    }
}

/// An open socket, with everything that may end it.
pub(crate) struct Line {
    pub(crate) app: App,
    socket: WebSocket,
    expires_at: Option<Timestamp>,
    /// When the other side was last heard of.
    heard_at: Instant,
    ping_at: Instant,
    /// Pings and pongs of the other side.
    control: Gcra,
    _seat: Seat,
}

/// What ends a wait.
pub(crate) enum Woke {
    /// What was waited for.
    Changed,
    /// The time that was named has come.
    Time,
    /// A message.
    Text(Utf8Bytes),
    /// It is to be closed.
    Close(Close),
}

impl Line {
    fn new(app: App, socket: WebSocket, expires_at: Option<Timestamp>, seat: Seat) -> Self {
        let now = Instant::now();
        let every = app.config.limits.ping_every;
        let ping_at = now.checked_add(every).unwrap_or(now);
        let control = Gcra::default();
        Self { app, socket, expires_at, heard_at: now, ping_at, control, _seat: seat }
    }

    /// Waits for `changed`, for a message, for `wake_at`, or for what ends the socket.
    pub(crate) async fn wait(
        &mut self,
        changed: impl Future<Output = ()>,
        wake_at: Option<Instant>,
    ) -> Woke {
        let leaving = self.app.sockets.leaving.clone();
        tokio::pin!(changed);
        loop {
            let now = self.app.now();
            if self.expires_at.is_some_and(|at| now >= at) {
                return Woke::Close(Close::Expired);
            }
            let expiry = self.expires_at.map(|at| until(&self.app, at));
            let wake = wake_at.unwrap_or_else(far).min(expiry.unwrap_or_else(far));
            tokio::select! {
                biased;
                () = leaving.cancelled() => return Woke::Close(Close::Leaving),
                () = &mut changed => return Woke::Changed,
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Text(text))) => {
                        self.heard_at = Instant::now();
                        return Woke::Text(text);
                    }
                    // A pong, or a ping that is answered by itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        self.heard_at = Instant::now();
                        let quota = &self.app.config.limits.per_socket_control;
                        match self.control.check(quota, 1, self.app.now()) {
                            Ok(passed) => self.control = passed.state,
                            Err(_) => return Woke::Close(Close::Policy("too many pings")),
                        }
                    }
                    Some(Ok(Message::Binary(_))) => {
                        return Woke::Close(Close::Policy("messages are text"));
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Woke::Close(Close::Gone),
                },
                () = tokio::time::sleep_until(wake) => {
                    if wake_at.is_some_and(|at| Instant::now() >= at) {
                        return Woke::Time;
                    }
                }
                () = tokio::time::sleep_until(self.ping_at) => {
                    if let Err(close) = self.ping().await {
                        return Woke::Close(close);
                    }
                }
            }
        }
    }

    /// Sends a message; one that its reader keeps waiting for too long ends the socket.
    pub(crate) async fn send(&mut self, message: &impl Serialize) -> Result<(), Close> {
        let Ok(text) = serde_json::to_string(message) else { return Ok(()) };
        self.put(Message::Text(text.into())).await
    }

    async fn ping(&mut self) -> Result<(), Close> {
        let every = self.app.config.limits.ping_every;
        if self.heard_at.elapsed() > every.saturating_mul(2) {
            return Err(Close::TooSlow);
        }
        let now = Instant::now();
        self.ping_at = now.checked_add(every).unwrap_or(now);
        self.put(Message::Ping(Vec::new().into())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Close> {
        match timeout(self.app.config.limits.send_within, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close::Gone),
            Err(_) => Err(Close::TooSlow),
        }
    }

    async fn close(mut self, close: Close) {
        metrics::counter!("doorstep_http_sockets_closed", "why" => close.name()).increment(1);
        if let Some((code, reason)) = close.frame() {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            if self.put(Message::Close(Some(frame))).await.is_err() {
                return;
            }
        }
        // Whoever is cut off with something of theirs unread is reset, and may never see what was said
        // last (RFC 9112, section 9.6); and whoever closed first is owed a Close (RFC 6455, 5.5.1).
        let within = self.app.config.limits.close_within;
        let closes = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _in_time = timeout(within, closes).await;
    }
}

/// The machine's moment at which the service's clock will say `at`.
pub(crate) fn until(app: &App, at: Timestamp) -> Instant {
    let wait = app.config.clock.sleep_until(at).unwrap_or(SLEEP_MAX).min(SLEEP_MAX);
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now)
}

fn far() -> Instant {
    let now = Instant::now();
    now.checked_add(SLEEP_MAX).unwrap_or(now)
}
