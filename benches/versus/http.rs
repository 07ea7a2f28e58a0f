//! The service over HTTP: the whole of it, with authentication, limits and its serve loop, on a log
//! on disk, over the loopback.
//!
//! The eligibility route stands beside a bare axum route that answers a constant of the same length
//! under the same path: both within the same bounds of connections, on the same one thread of the
//! server's; the load generator has a thread of its own, so that of two cores it takes the one and
//! whichever server is asked the other. It does less for a request than either server does, and how
//! busy it was is printed. The tokens are known already, as those of people who poll are.
//!
//! Orders are placed at 290 a second and pings come over drivers' sockets, 100 a message, whatever is
//! answered when: a wait counts from the moment at which the request was due. The generator's timer
//! ticks in milliseconds, so up to one of each wait is its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use doorstep_http::auth::Who;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::http_sockets::{arrivals, pings};
use super::report::Report;
use super::rounds::{Samples, Turn, interleave};
use crate::Effort;
use crate::load::city::{City, OnTheWay, customer, wish_json};
use crate::load::http::{Line, act, get as ask_for};
use crate::load::pace::{Offer, Plan, offer, saturate};
use crate::load::process;

/// Orders a second of the platform that this is for, at its peak.
const ORDERS_PER_S: f64 = 290.0;
/// Its pings a second.
const PINGS_PER_S: f64 = 100_000.0;
/// Connections of the generator that ask for eligibility as fast as they are answered.
const LINES: u64 = 64;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    process::raise_files();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let mut city = City::found(&dir.path().join("city.db"), |_| {}).expect("it is founded");
    let (few, many) = effort.of((1_000, 10_000), (20, 50));
    eprintln!("sending {} orders on their way", few + many);
    let orders = city.on_the_way(1, few + many).expect("they are on their way");
    eligibility(&city, &orders, effort, report);
    placing(&city, &orders, effort, report);
    let (few, many) = orders.split_at(few as usize);
    arrivals(&city, few, many, effort, report);
}

/// A server on so many threads, until it is dropped; and its address.
pub(crate) fn served(router: Router, runtime: &Runtime) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("there is a port");
    let address = listener.local_addr().expect("it has one").to_string();
    runtime.spawn(City::connections().serve(listener, router, std::future::pending()));
    address
}

pub(crate) fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().expect("they start")
}

/// Where the requests come from: one thread, the caller's.
pub(crate) fn generator() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("it starts")
}

fn eligibility(city: &City, orders: &[OnTheWay], effort: &Effort, report: &mut Report) {
    let polled = polls(city, &orders[..orders.len().min(1_024)]);
    let (server, generator) = (threads(1), generator());
    let ours = served(city.service.router(), &server);
    let constant = generator.block_on(async {
        let mut line = Line::to(&ours).await.expect("it is served");
        let answer = line.ask(&polled[0]).await.expect("it is answered");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(answer.body));
        axum::body::Bytes::copy_from_slice(answer.body)
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    let bare = get(move || async move { (json, constant) });
    let bare = served(Router::new().route("/v1/orders/{id}/cancellation", bare), &server);

    let lasts = effort.of(Duration::from_secs(2), Duration::from_millis(200));
    let busy = std::cell::RefCell::new(Vec::new());
    let asked = |address: &str| {
        let before = process::cpu_of_thread();
        let tally = generator.block_on(saturate(address, LINES, lasts, polling(&polled)));
        assert_eq!(tally.of(200), tally.answers.values().sum::<u64>(), "{:?}", tally.answers);
        let spent = process::cpu_of_thread().saturating_sub(before);
        busy.borrow_mut().push(100.0 * spent.as_secs_f64() / tally.taken_s);
        tally.per_s()
    };
    let (one, other): (Turn<'_>, Turn<'_>) = (Box::new(|| asked(&ours)), Box::new(|| asked(&bare)));
    let [ours, bare] = interleave(effort.of(11, 1), [one, other]);
    let what =
        format!("a bare axum route with a constant; {LINES} connections, a thread each side");
    report.ratio("http/eligibility_vs_bare_axum", ours.over(&bare), &*what);
    report.figure("http/eligibility_per_s", ours, "1/s", "one thread of the server's");
    report.figure("http/bare_axum_per_s", bare, "1/s", "the same");
    let busy = Samples::new(busy.into_inner());
    report.figure("http/generator_busy", busy, "%", "of a core, while it asked");
}

/// What the customers of these orders ask again and again.
fn polls(city: &City, orders: &[OnTheWay]) -> Arc<Vec<Vec<u8>>> {
    let polls = orders.iter().map(|one| {
        let token = city.token(&Who::Customer(one.customer)).expect("it is signed");
        ask_for(&format!("/v1/orders/{}/cancellation", one.order), &token)
    });
    Arc::new(polls.collect())
}

/// They ask it in turn.
fn polling(polls: &Arc<Vec<Vec<u8>>>) -> Arc<dyn Plan> {
    let polls = Arc::clone(polls);
    Arc::new(move |n: u64| polls[n as usize % polls.len()].clone())
}

fn placing(city: &City, orders: &[OnTheWay], effort: &Effort, report: &mut Report) {
    let lasts = effort.of(Duration::from_secs(30), Duration::from_secs(1));
    let (server, generator) = (threads(2), generator());
    let address = served(city.service.router(), &server);
    let count = (ORDERS_PER_S * lasts.as_secs_f64()) as u64 + 1;
    let placed: Vec<Vec<u8>> = (0..count)
        .map(|n| {
            let token = city.token(&Who::Customer(customer(1_000_000 + n))).expect("it is signed");
            // The first half of the restaurants cooks.
            let body = wish_json(1 + n % 500);
            act("POST", "/v1/orders", &token, u128::from(n) + 1, &body)
        })
        .collect();
    let polled = polls(city, &orders[..orders.len().min(1_024)]);
    let drivers: Vec<String> = (1..=effort.of(500, 20))
        .map(|n| city.token(&Who::Driver(crate::load::city::driver(n))).expect("it is signed"))
        .collect();
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let (mut taken, mut asked) = (Vec::new(), Vec::new());
    let before = city.client.drivers().tally();
    for _ in 0..1 {
        let (ordering, polling, pinging) = generator.block_on(async {
            let from = Instant::now() + Duration::from_millis(500);
            let orders = Offer::of(ORDERS_PER_S, from, lasts, 64);
            let polls = Offer::of(effort.of(2_000.0, 200.0), from, lasts, 32);
            let placed = placed.clone();
            let place = Arc::new(move |n: u64| placed[n as usize].clone());
            let per_s = effort.of(PINGS_PER_S, PINGS_PER_S / 100.0);
            tokio::join!(
                offer(&address, orders, place),
                offer(&address, polls, polling(&polled)),
                pings(&address, &drivers, per_s, from, lasts),
            )
        });
        assert_eq!(ordering.of(201), ordering.due, "{:?}", ordering.answers);
        p50.push(ordering.quantile_ms(0.5));
        p99.push(ordering.quantile_ms(0.99));
        taken.push(pinging);
        asked.push(polling.per_s());
    }
    let after = city.client.drivers().tally();
    let moved = after.moved + after.refreshed - before.moved - before.refreshed;
    let stale = after.out_of_order - before.out_of_order + after.implausible - before.implausible;
    assert!(moved > 9 * stale, "the index took {moved} pings and left {stale}");
    let what = "290 orders a second, durable, their money held, beside the pings and polls below";
    report.figure("http/place_order_p50_ms", Samples::new(p50), "ms", what);
    report.figure("http/place_order_p99_ms", Samples::new(p99), "ms", what);
    let what = "over drivers' sockets, each of them newer than the last";
    report.figure("http/pings_beside_per_s", Samples::new(taken), "1/s", what);
    report.figure("http/polls_beside_per_s", Samples::new(asked), "1/s", "eligibility");
}
