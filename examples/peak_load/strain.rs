//! Too much of everything: four times what the service can do, and thousands of connections that
//! are slow or silent. Service and callers are one process here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use doorstep_core::id::OrderId;
use doorstep_http::Connections;
use doorstep_http::auth::Who;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::load::Fallible;
use crate::load::city::{City, OnTheWay, customer, place, wish_json};
use crate::load::http::{Answer, act, get};
use crate::load::pace::{Offer, Plan, Tally, offer, saturate};
use crate::load::process;

/// Connections of those who offer too much.
const LINES: u64 = 4_000;
/// Connections that are slow or silent.
const SLOW: usize = 5_000;

/// A service under strain, and whoever is on their way in its city.
struct Strained {
    city: City,
    live: Vec<OnTheWay>,
    address: String,
    server: Runtime,
    callers: Runtime,
    _dir: tempfile::TempDir,
}

impl Strained {
    fn new() -> Fallible<Self> {
        process::raise_files();
        let program = std::env::current_exe()?;
        let dir = tempfile::tempdir_in(program.parent().ok_or("it lies nowhere")?)?;
        let mut city = City::found(&dir.path().join("city.db"), |_| {})?;
        let live = city.on_the_way(1, 2_000)?;
        let server = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let callers = Builder::new_current_thread().enable_all().build()?;
        let listener = server.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?.to_string();
        let service = city.service.clone();
        let serve = async move {
            service.serve(listener, City::connections(), std::future::pending()).await;
        };
        server.spawn(serve);
        Ok(Self { city, live, address, server, callers, _dir: dir })
    }

    /// Everybody's requests, of which `orders` place or cancel.
    fn mix(&self, orders: u64) -> Fallible<Arc<Mix>> {
        let tokens = (0..orders).map(|n| self.city.token(&Who::Customer(customer(1_000_000 + n))));
        let polls = self.live.iter().map(|one| {
            let token = self.city.token(&Who::Customer(one.customer))?;
            Ok(get(&format!("/v1/orders/{}/cancellation", one.order), &token))
        });
        Ok(Arc::new(Mix {
            tokens: tokens.collect::<Fallible<_>>()?,
            polls: polls.collect::<Fallible<_>>()?,
            placed: Mutex::default(),
            heard: Mutex::default(),
            asked: AtomicU64::new(0),
        }))
    }
}

/// Of twenty requests two place an order, one cancels one, seven look whether an order may be
/// cancelled, and ten browse.
struct Mix {
    tokens: Vec<String>,
    polls: Vec<Vec<u8>>,
    placed: Mutex<Vec<(OrderId, usize)>>,
    /// Answers, by kind and status.
    heard: Mutex<BTreeMap<(Kind, u16), u64>>,
    /// Every command has a key of its own: none of them is a repetition.
    asked: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Act,
    Look,
    Browse,
}

/// Of an order, what is read of it.
#[derive(Deserialize)]
struct Shown {
    id: OrderId,
}

impl Mix {
    const fn kind(number: u64) -> Kind {
        match number % 20 {
            0..3 => Kind::Act,
            3..10 => Kind::Look,
            _ => Kind::Browse,
        }
    }

    fn token(&self, number: u64) -> (usize, &str) {
        let place = (number / 20 * 2 + number % 20) as usize % self.tokens.len();
        (place, &self.tokens[place])
    }

    /// Takes what was heard so far.
    fn take(&self) -> BTreeMap<(Kind, u16), u64> {
        std::mem::take(&mut *self.heard.lock())
    }
}

impl Plan for Mix {
    fn request(&self, number: u64) -> Option<Vec<u8>> {
        Some(match number % 20 {
            0 | 1 => {
                let (_, token) = self.token(number);
                let key = (1 << 100) | u128::from(self.asked.fetch_add(1, Ordering::Relaxed));
                act("POST", "/v1/orders", token, key, &wish_json(1 + number % 500))
            }
            2 => {
                let (order, who) = self.placed.lock().pop()?;
                let path = format!("/v1/orders/{order}/cancel");
                let key = (2 << 100) | u128::from(self.asked.fetch_add(1, Ordering::Relaxed));
                act("POST", &path, &self.tokens[who], key, "{}")
            }
            3..10 => self.polls[number as usize % self.polls.len()].clone(),
            _ => {
                let (_, token) = self.token(number);
                let (lat, lng) = place(1 + number * 7 % 1_000);
                get(&format!("/v1/restaurants?lat={lat:.6}&lng={lng:.6}&limit=20"), token)
            }
        })
    }

    fn answered(&self, number: u64, answer: &Answer<'_>) {
        *self.heard.lock().entry((Self::kind(number), answer.status)).or_default() += 1;
        if answer.status == 201
            && let Ok(Shown { id }) = serde_json::from_slice(answer.body)
        {
            self.placed.lock().push((id, self.token(number).0));
        }
    }
}

/// The requests of one kind alone, as its own app sends them over its own connections.
struct Part(Arc<Mix>, Kind);

impl Plan for Part {
    fn request(&self, number: u64) -> Option<Vec<u8>> {
        self.0.request(self.1.nth(number))
    }

    fn answered(&self, number: u64, answer: &Answer<'_>) {
        self.0.answered(self.1.nth(number), answer);
    }
}

impl Kind {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Act, "orders and cancels"), (Self::Look, "looking"), (Self::Browse, "browsing")];

    /// How many of twenty requests are of this kind, and which is the first.
    const fn of_twenty(self) -> (u64, u64) {
        match self {
            Self::Act => (3, 0),
            Self::Look => (7, 3),
            Self::Browse => (10, 10),
        }
    }

    /// The number in the mix of the so-manieth request of this kind.
    const fn nth(self, number: u64) -> u64 {
        let (count, first) = self.of_twenty();
        number / count * 20 + first + number % count
    }

    fn share(self) -> f64 {
        self.of_twenty().0 as f64 / 20.0
    }
}

/// Answers of a kind that dealt with what was asked for, and those that sent away.
fn counts(heard: &BTreeMap<(Kind, u16), u64>, kind: Kind) -> (u64, u64) {
    let of = |wanted: fn(u16) -> bool| {
        let found = heard.iter().filter(|((of, status), _)| *of == kind && wanted(*status));
        found.map(|(_, count)| count).sum()
    };
    (of(|status| (200..300).contains(&status)), of(|status| status == 503))
}

/// Four times what it can do, for so long; what was done of it, and how soon all is well again.
pub(crate) fn overload(lasts: Duration) -> Fallible {
    let strained = Strained::new()?;
    let Strained { address, callers, .. } = &strained;
    let mix = strained.mix(40_000)?;
    let plan = || -> Arc<dyn Plan> { mix.clone() };
    // Once, so that the tokens are known.
    callers.block_on(saturate(address, 256, Duration::from_secs(5), plan()));
    mix.take();
    let begun_with = process::rss_bytes();
    let at_peak = callers.block_on(saturate(address, 256, lasts, plan()));
    let (peak, peak_s) = (at_peak.per_s(), at_peak.taken_s);
    let heard_at_peak = mix.take();
    let memory = process::rss_bytes();
    println!("peak: {peak:.0} requests a second, all dealt with; now {:.0} are due", 4.0 * peak);

    let from = Instant::now();
    let part = |kind: Kind, lines: u64| {
        let per_s = 4.0 * peak * kind.share();
        let patience = Duration::from_secs(1);
        let offered = Offer { per_s, from, lasts, lines, patience };
        offer(address, offered, Arc::new(Part(mix.clone(), kind)))
    };
    let (acts, looks, browses) = callers.block_on(async {
        tokio::join!(
            part(Kind::Act, LINES / 4),
            part(Kind::Look, LINES / 4),
            part(Kind::Browse, LINES / 2)
        )
    });
    let heard = mix.take();
    let [late, due] = [|of: &Tally| of.not_sent, |of: &Tally| of.due]
        .map(|number| [&acts, &looks, &browses].into_iter().map(number).sum::<u64>());
    let silent: u64 = [&acts, &looks, &browses].iter().map(|of| of.without_retry_after).sum();
    println!("                        at the peak/s  at 4 x/s  refused/s   p99 ms  of the peak");
    let mut done_of_all = 0.0;
    for ((kind, name), tally) in Kind::ALL.into_iter().zip([&acts, &looks, &browses]) {
        let before = counts(&heard_at_peak, kind).0 as f64 / peak_s;
        let (done, shed) = counts(&heard, kind);
        let (done, shed) = (done as f64 / tally.taken_s, shed as f64 / tally.taken_s);
        done_of_all += done;
        println!(
            "{name:22} {before:>14.0} {done:>9.0} {shed:>10.0} {:>8.0} {:>10.0} %",
            tally.quantile_ms(0.99),
            100.0 * done / before
        );
    }
    println!(
        "together: {:.0} % of the peak; {silent} refusals without Retry-After; {late} of {due} were \
         late by more than a second and not sent",
        100.0 * done_of_all / peak
    );
    let after = process::rss_bytes();
    let an_order = |grown: u64, heard: &BTreeMap<(Kind, u16), u64>| {
        let orders = heard.get(&(Kind::Act, 201)).copied().unwrap_or_default();
        grown as f64 / 1_024.0 / orders as f64
    };
    println!(
        "memory of service and callers: {} MiB before, {} MiB after; an order that is kept has {:.1} KiB \
         at the peak, {:.1} KiB at four times the peak",
        memory >> 20,
        after >> 20,
        an_order(memory.saturating_sub(begun_with), &heard_at_peak),
        an_order(after.saturating_sub(memory), &heard),
    );

    for second in 1..=5 {
        let half = Offer::of(peak / 2.0, Instant::now(), Duration::from_secs(1), 256);
        let calm = callers.block_on(offer(address, half, plan()));
        println!(
            "second {second} at half the peak: p99 {:.1} ms, {} of {} refused",
            calm.quantile_ms(0.99),
            calm.of(503),
            calm.due
        );
    }
    Ok(())
}

/// Polls and orders without and with thousands of connections that send nothing, or drop by drop.
pub(crate) fn slow(lasts: Duration) -> Fallible {
    let strained = Strained::new()?;
    let mix = strained.mix(20_000)?;
    let Strained { address, callers, .. } = &strained;
    let calm = || {
        callers.block_on(async {
            offer(address, Offer::of(2_000.0, Instant::now(), lasts, 64), mix.clone()).await
        })
    };
    // What so many connections cost the machine by themselves is not the service's: first they bother a
    // listener that does nothing but hold them as long as the service does.
    let beside = |bothered: &str| -> Fallible<(Tally, u64)> {
        let end = Arc::new(AtomicBool::new(false));
        let dawdlers = {
            let (address, end) = (bothered.to_owned(), Arc::clone(&end));
            std::thread::spawn(move || dawdle_all(&address, &end))
        };
        // Until they are all there.
        callers.block_on(async { tokio::time::sleep(Duration::from_secs(3)).await });
        let with = calm();
        end.store(true, Ordering::Relaxed);
        Ok((with, dawdlers.join().map_err(|_| "the slow ones panicked")??))
    };
    let holder = strained.server.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let elsewhere = holder.local_addr()?.to_string();
    strained.server.spawn(hold(holder));
    calm();
    let alone = calm();
    let (machine, _) = beside(&elsewhere)?;
    let before = process::rss_bytes();
    let (with, again) = beside(address)?;
    println!("2,000 requests a second                                     p50 ms   p99 ms");
    for (what, tally) in [
        ("alone", &alone),
        ("beside 5,000 slow connections to another listener", &machine),
        ("beside 5,000 slow connections to the service", &with),
    ] {
        println!("{what:56} {:>9.2} {:>8.2}", tally.quantile_ms(0.5), tally.quantile_ms(0.99));
    }
    println!(
        "the {SLOW} were closed and opened again {again} times in all; memory {} MiB, then {} MiB",
        before >> 20,
        process::rss_bytes() >> 20,
    );
    Ok(())
}

/// Reads what comes, and lets everybody go after as long as the service does.
async fn hold(listener: TcpListener) {
    let within = Connections::default().headers_within;
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(tokio::time::timeout(within, async move {
            let mut heard = [0; 512];
            while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
        }));
    }
}

/// They have a thread of their own, so that whoever is measured waits for the service alone. How often
/// one of them was closed, and opened again.
fn dawdle_all(address: &str, end: &Arc<AtomicBool>) -> std::io::Result<u64> {
    let thread = Builder::new_current_thread().enable_all().build()?;
    let closed = Arc::new(AtomicU64::new(0));
    thread.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for number in 0..SLOW {
            let (address, end, closed) = (address.to_owned(), Arc::clone(end), Arc::clone(&closed));
            all.spawn(async move {
                while !end.load(Ordering::Relaxed) {
                    let _or_refused = dawdle(&address, number, &end).await;
                    closed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        all.join_all().await;
    });
    // At the end each is closed once more.
    Ok(closed.load(Ordering::Relaxed).saturating_sub(SLOW as u64))
}

/// One slow connection, until it is closed: a third say nothing, a third send a head drop by drop,
/// a third announce a body.
async fn dawdle(address: &str, number: usize, end: &AtomicBool) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    let from = std::net::Ipv4Addr::new(127, 0, 1, 1 + (number % 250) as u8);
    socket.bind((from, 0).into())?;
    let to = address.parse().map_err(|_| std::io::ErrorKind::InvalidInput)?;
    let mut stream = socket.connect(to).await?;
    match number % 3 {
        0 => {}
        1 => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ").await?,
        _ => {
            let head =
                b"POST /v1/webhooks/payments HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{";
            stream.write_all(head).await?;
        }
    }
    let mut heard = [0; 512];
    while !end.load(Ordering::Relaxed) {
        let waited = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut heard)).await;
        match waited {
            Ok(Ok(0)) | Ok(Err(_)) => return Ok(()),
            Ok(Ok(_)) => {}
            Err(_) if number % 3 == 1 => stream.write_all(b"x").await?,
            Err(_) => {}
        }
    }
    Ok(())
}
