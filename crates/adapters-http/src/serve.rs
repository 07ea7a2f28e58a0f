//! The loop that accepts connections, with the limits that must be in force before a request is one.
//!
//! HTTP/1.1 without TLS: a proxy in front speaks the rest. What `axum::serve` leaves open is closed
//! here: headers have a time limit (and so has a connection on which nothing is asked), their number
//! and length are bounded, and so are connections, in all and from one address.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::layers::{Peer, one_caller};
use crate::service::Service;

/// Bounds of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Open at once, WebSockets among them; one more is closed unread. Default 20,000.
    pub most: usize,
    /// Open at once from one address, of IPv6 from one network of 64 bits. Default 1,024: many people
    /// share one. Behind a proxy, all of them come from it, and every WebSocket too: let it have
    /// [`most`](Self::most).
    pub per_address_most: usize,
    /// How long headers may take, and how long a connection may ask nothing. Default 15 s.
    pub headers_within: Duration,
    /// Most headers. Default 64.
    pub headers_most: usize,
    /// Longest head of a request, in bytes. Default 16 KiB, the least that works is 8 KiB.
    pub head_bytes_max: usize,
    /// What the kernel keeps of an answer that is not read yet, in bytes; Linux takes it twice. More
    /// waits in the service, for at most [`write_within`](Self::write_within). Default 64 KiB: a page of
    /// the longest list.
    pub send_buffer_bytes: usize,
    /// How long nothing of what is told may be taken before the connection is let go. Default 30 s.
    pub write_within: Duration,
    /// How long requests and sockets may take to end when the service does. Default 10 s.
    pub end_within: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            most: 20_000,
            per_address_most: 1_024,
            headers_within: Duration::from_secs(15),
            headers_most: 64,
            head_bytes_max: 16 * 1_024,
            send_buffer_bytes: 64 * 1_024,
            write_within: Duration::from_secs(30),
            end_within: Duration::from_secs(10),
        }
    }
}

impl Service {
    /// Answers on `listener` until `end` resolves; then nobody new is let in, and for at most
    /// [`Connections::end_within`] sockets are closed with 1001 and requests under way answered.
    pub async fn serve(
        &self,
        listener: TcpListener,
        connections: Connections,
        end: impl Future<Output = ()>,
    ) {
        let close = self.close(connections.end_within);
        connections.answer(listener, self.router(), end, close).await;
    }
}

impl Connections {
    /// Answers on `listener` by `router` within these bounds until `end` resolves: for an application
    /// that mounts [`Service::router`] in a router of its own. Requests under way are answered then,
    /// for at most [`end_within`](Self::end_within); the service's sockets are closed by
    /// [`Service::close`], which is the application's to call.
    pub async fn serve(self, listener: TcpListener, router: Router, end: impl Future<Output = ()>) {
        self.answer(listener, router, end, std::future::ready(())).await;
    }

    /// The same, with what is to be done while the last requests are answered.
    async fn answer(
        self,
        listener: TcpListener,
        router: Router,
        end: impl Future<Output = ()>,
        close: impl Future<Output = ()>,
    ) {
        let within = self.end_within;
        let underway = Underway::default();
        accept(listener, router, self, &underway, end).await;
        underway.leaving.cancel();
        underway.tasks.close();
        // Whoever is slow to leave a socket keeps neither connections open nor the process longer.
        let (_in_time, ()) =
            tokio::join!(tokio::time::timeout(within, underway.tasks.wait()), close);
    }
}

/// The connections that are served.
#[derive(Debug, Default)]
struct Underway {
    /// No further request is taken from them.
    leaving: CancellationToken,
    tasks: TaskTracker,
}

/// Answers on `listener` by `router` until `end` resolves.
async fn accept(
    listener: TcpListener,
    router: Router,
    connections: Connections,
    underway: &Underway,
    end: impl Future<Output = ()>,
) {
    // Every connection that is accepted inherits it.
    let bounded = SockRef::from(&listener).set_send_buffer_size(connections.send_buffer_bytes);
    if let Err(error) = bounded {
        tracing::warn!(%error, "the kernel keeps as much for a connection as it likes");
    }
    let open = Arc::new(Open::default());
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(connections.headers_within)
        .max_headers(connections.headers_most)
        .max_buf_size(connections.head_bytes_max.max(8 * 1_024))
        .half_close(false);
    tokio::pin!(end);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut end => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, or a connection that is gone again: leave it a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Some(place) = Open::enter(&open, peer.ip(), &connections) else {
            metrics::counter!("doorstep_http_connections_refused").increment(1);
            continue;
        };
        // An arrival is to be shown at once, not when there is more to say.
        let _best_effort = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(connections.write_within));
        talk(&builder, underway, stream, router.clone(), place);
    }
}

fn talk(
    builder: &http1::Builder,
    underway: &Underway,
    stream: TimeoutStream<TcpStream>,
    router: Router,
    place: Place,
) {
    let peer = Peer(place.peer);
    let place = Arc::new(place);
    let held = Arc::clone(&place);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        // A WebSocket keeps it: this connection ends when the socket begins.
        extensions.insert(Arc::clone(&held));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection =
        builder.serve_connection(TokioIo::new(Box::pin(stream)), answer).with_upgrades();
    let leaving = underway.leaving.clone();
    underway.tasks.spawn(async move {
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = leaving.cancelled() => None,
        };
        // It was cut off, or was too slow: nobody is there to be told.
        let _ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        drop(place);
    });
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Open(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One of them, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Open>,
    peer: IpAddr,
}

impl Open {
    fn enter(open: &Arc<Self>, peer: IpAddr, bounds: &Connections) -> Option<Place> {
        let address = one_caller(peer);
        let mut counted = open.0.lock();
        let theirs = counted.by_address.get(&address).copied().unwrap_or(0);
        if counted.all >= bounds.most || theirs >= bounds.per_address_most {
            return None;
        }
        counted.all = counted.all.saturating_add(1);
        counted.by_address.insert(address, theirs.saturating_add(1));
        metrics::gauge!("doorstep_http_connections").increment(1.0);
        Some(Place { open: Arc::clone(open), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let address = one_caller(self.peer);
        let mut counted = self.open.0.lock();
        counted.all = counted.all.saturating_sub(1);
        if let Some(theirs) = counted.by_address.get_mut(&address) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                counted.by_address.remove(&address);
            }
        }
        metrics::gauge!("doorstep_http_connections").decrement(1.0);
    }
}
