//! Callers of a host that runs as in a service: on its own thread, its log on another.
//!
//! The callers are tasks of one thread, as of an async server with one worker: each sends a command,
//! is woken by its ticket when the answer is there, and sends the next. The host's clock goes on with
//! the commands, slower than the evening did: many callers live through minutes of it at once, and no
//! deadline is to come between them. What rested on one that came in the recording is refused now, or
//! left out; how much of the evening is the same is counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use doorstep::core::id::ShardId;
use doorstep::core::payment::{Effect, EffectKey};
use doorstep::core::shard::{Command, Outcome};
use doorstep::core::time::{Span, Timestamp};
use doorstep_runtime::client::{Client, Ticket, Told};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::ports::{Payments, ProviderSays};
use doorstep_runtime::threads::{self, Bell, Clock, Heard, ManualClock, Subscription};
use doorstep_sqlite::{Config, Opened, SqliteLog};
use parking_lot::Mutex;

use super::plan::{Ids, Plan};
use super::rush::{policy, scattered};

/// What one turn at serving came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// From send to answer, in milliseconds, sorted.
    waits_ms: Vec<f64>,
    taken: Duration,
    /// Commands of which the same came as in the recording: events, or none.
    pub(crate) as_recorded: usize,
    records: u64,
    commits: u64,
}

impl Run {
    pub(crate) fn answered(&self) -> usize {
        self.waits_ms.len()
    }

    pub(crate) fn per_s(&self) -> f64 {
        self.answered() as f64 / self.taken.as_secs_f64()
    }

    pub(crate) fn latency_ms(&self, part: f64) -> f64 {
        self.waits_ms[(part * (self.answered() - 1) as f64) as usize]
    }

    /// Records of one commit.
    pub(crate) fn group(&self) -> f64 {
        self.records as f64 / self.commits as f64
    }
}

/// Lets so many callers live through the evening, on a fresh file below `dir`, for at most so long.
pub(crate) fn serve(dir: &Path, plan: &Plan, callers: usize, most: Duration) -> Run {
    let dir = tempfile::tempdir_in(dir).expect("there is room");
    let bell = Bell::new();
    let config = Config { on_commit: Some(bell.to_fn()), ..Config::default() };
    let opened = SqliteLog::open(dir.path().join("city.db"), config).expect("it opens");
    let Opened { log, history, .. } = opened;
    let monitor = log.monitor();

    let clock = Arc::new(ManualClock::new(plan.steps[0].recorded.at));
    let mut config = HostConfig::new(ShardId::default(), policy(), 1);
    // The evening's hours go by in seconds: no append is late, and the proposals are recorded.
    config.limits.append_timeout = A_LONG_TIME;
    config.match_every = A_LONG_TIME;
    let host = Host::open(config, log, Silent, history, clock.now()).expect("it opens");
    let running = threads::spawn(host, clock.clone(), bell).expect("there is a thread");
    assert!(running.wait_for_ownership(Duration::from_secs(60)), "nobody else is there");

    open_restaurants(plan, &running.client(), clock.now());
    let before = monitor.tally();
    let subscription = running.subscribe(1 << 16).expect("it runs");
    let run = Callers::new(plan, running.client(), subscription, &clock, callers).serve(most);
    let after = monitor.tally();
    let host = running.shutdown(clock.now().saturating_add(A_LONG_TIME)).expect("no panic");
    drop(host);
    Run { records: after.records - before.records, commits: after.commits - before.commits, ..run }
}

/// How much slower than in the recording the clock goes on.
const SLOWER: u64 = 8;

/// The most that the clock goes on at once: a host that read it just before must not find a command
/// too early.
const JUMP_MAX: Span = Span::from_millis(100);

/// The feed comes right after the answers; what has not come by then is not there.
const HEARD_WITHIN: Duration = Duration::from_millis(500);

const A_LONG_TIME: Span = Span::from_hours(10_000);

fn open_restaurants(plan: &Plan, client: &Client, now: Timestamp) {
    let mut tickets = Vec::new();
    for (number, recorded) in plan.rush.opening.iter().enumerate() {
        if matches!(recorded.command, Command::Catalog(_)) {
            let cause = Client::cause(scattered(plan.steps.len() + number), now);
            tickets.push(client.submit(cause, recorded.command.clone()).expect("there is room"));
        }
    }
    for ticket in tickets {
        let told = ticket.wait(Duration::from_secs(60));
        assert_eq!(told, Some(Told::Outcome(Outcome::Done)));
    }
}

/// A provider that never says anything: its replies come from callers.
#[derive(Debug)]
struct Silent;

impl Payments for Silent {
    fn request(&mut self, _effect: &Effect, _now: Timestamp) {}

    fn inquire(&mut self, _key: EffectKey, _now: Timestamp) {}

    fn poll(&mut self, _now: Timestamp) -> Option<ProviderSays> {
        None
    }

    fn next_wake(&self) -> Option<Timestamp> {
        None
    }
}

/// Where those who were woken are noted.
#[derive(Debug)]
struct Desk {
    woken: Mutex<Vec<usize>>,
    thread: Thread,
}

/// What wakes one caller.
#[derive(Debug)]
struct Knock {
    desk: Arc<Desk>,
    caller: usize,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        let mut woken = self.desk.woken.lock();
        woken.push(self.caller);
        let first = woken.len() == 1;
        drop(woken);
        if first {
            self.desk.thread.unpark();
        }
    }
}

/// A caller who waits.
#[derive(Debug)]
struct Waiting {
    step: u32,
    ticket: Ticket,
    since: Instant,
}

struct Callers<'a> {
    plan: &'a Plan,
    client: Client,
    subscription: Subscription,
    clock: &'a ManualClock,
    desk: Arc<Desk>,
    wakers: Vec<Waker>,
    waiting: Vec<Option<Waiting>>,
    idle: Vec<usize>,
    ids: Ids,
    /// For how many earlier ones each step still waits.
    waits_for: Vec<u32>,
    ready: BinaryHeap<Reverse<u32>>,
    /// Since when the next step is of an order or delivery that nobody has heard of yet.
    unheard_since: Option<Instant>,
    waits_ms: Vec<f64>,
    as_recorded: usize,
}

impl<'a> Callers<'a> {
    fn new(
        plan: &'a Plan,
        client: Client,
        subscription: Subscription,
        clock: &'a ManualClock,
        callers: usize,
    ) -> Self {
        let desk = Arc::new(Desk { woken: Mutex::default(), thread: std::thread::current() });
        // One more, for the feed.
        let knock = |caller| Waker::from(Arc::new(Knock { desk: Arc::clone(&desk), caller }));
        let ready = (0..).zip(&plan.steps).filter(|(_, step)| step.waits_for == 0);
        Self {
            plan,
            client,
            subscription,
            clock,
            wakers: (0..=callers).map(knock).collect(),
            desk,
            waiting: (0..callers).map(|_| None).collect(),
            idle: (0..callers).collect(),
            ids: Ids::default(),
            waits_for: plan.steps.iter().map(|step| step.waits_for).collect(),
            ready: ready.map(|(number, _)| Reverse(number)).collect(),
            unheard_since: None,
            waits_ms: Vec::with_capacity(plan.steps.len()),
            as_recorded: 0,
        }
    }

    fn serve(mut self, most: Duration) -> Run {
        let began = Instant::now();
        let everyone = self.idle.len();
        loop {
            self.hear();
            let goes_on = began.elapsed() < most;
            if goes_on {
                self.send();
            }
            if self.idle.len() == everyone && (self.ready.is_empty() || !goes_on) {
                break;
            }
            self.sleep();
        }
        let taken = began.elapsed();
        let Self { mut waits_ms, as_recorded, .. } = self;
        waits_ms.sort_by(f64::total_cmp);
        Run { waits_ms, taken, as_recorded, records: 0, commits: 1 }
    }

    /// The answers that have come, and the batches of the feed.
    fn hear(&mut self) {
        let woken = std::mem::take(&mut *self.desk.woken.lock());
        for caller in woken {
            if caller < self.waiting.len() {
                self.look(caller);
            }
        }
        while let Some(heard) = self.subscription.try_next() {
            match heard {
                Heard::Batch(batch) => self.ids.heard(self.plan, &batch),
                Heard::Lagged { .. } | Heard::Ended => panic!("{heard:?}"),
            }
        }
    }

    /// One caller looks whether its answer is there.
    fn look(&mut self, caller: usize) {
        let Some(mut waiting) = self.waiting[caller].take() else { return };
        let mut context = Context::from_waker(&self.wakers[caller]);
        let told = match Pin::new(&mut waiting.ticket).poll(&mut context) {
            Poll::Ready(told) => told,
            Poll::Pending => {
                self.waiting[caller] = Some(waiting);
                return;
            }
        };
        self.waits_ms.push(waiting.since.elapsed().as_secs_f64() * 1e3);
        let Told::Outcome(outcome) = told else { panic!("{told:?}") };
        let step = &self.plan.steps[waiting.step as usize];
        self.as_recorded += usize::from(step.moved != matches!(outcome, Outcome::Refused(_)));
        self.ids.answered(step, &outcome);
        self.done(waiting.step);
        self.idle.push(caller);
    }

    /// Whatever waited for this step waits for one less.
    fn done(&mut self, number: u32) {
        for &next in &self.plan.steps[number as usize].then {
            let waits_for = &mut self.waits_for[next as usize];
            *waits_for -= 1;
            if *waits_for == 0 {
                self.ready.push(Reverse(next));
            }
        }
    }

    /// Whoever has nothing to wait for takes the next command of the evening that may go out.
    fn send(&mut self) {
        let start = self.plan.steps[0].recorded.at;
        while let Some(&caller) = self.idle.last() {
            let Some(&Reverse(number)) = self.ready.peek() else { return };
            let recorded = &self.plan.steps[number as usize].recorded;
            let Some(command) = self.ids.translate(&recorded.command) else {
                // The feed brings it in a moment, or it never came to be this time.
                if self.unheard_since.get_or_insert_with(Instant::now).elapsed() < HEARD_WITHIN {
                    return;
                }
                self.unheard_since = None;
                self.ready.pop();
                self.done(number);
                continue;
            };
            self.unheard_since = None;
            self.ready.pop();
            let into = recorded.at.saturating_since(start).as_millis() / SLOWER;
            let before = self.clock.now();
            let most = before.saturating_add(JUMP_MAX);
            let now = start.saturating_add(Span::from_millis(into)).clamp(before, most);
            self.clock.set(now);
            let cause = Client::cause(scattered(number as usize), now);
            let since = Instant::now();
            let ticket = self.client.submit(cause, command).expect("there is room");
            self.idle.pop();
            self.waiting[caller] = Some(Waiting { step: number, ticket, since });
            self.look(caller);
        }
    }

    /// Until somebody is woken, or the feed brings what was not heard of.
    fn sleep(&mut self) {
        if self.unheard_since.is_none() {
            while self.desk.woken.lock().is_empty() {
                std::thread::park();
            }
            return;
        }
        let mut context = Context::from_waker(&self.wakers[self.waiting.len()]);
        match self.subscription.poll_next(&mut context) {
            Poll::Ready(Heard::Batch(batch)) => self.ids.heard(self.plan, &batch),
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => {
                if self.desk.woken.lock().is_empty() {
                    std::thread::park_timeout(HEARD_WITHIN);
                }
            }
        }
    }
}
