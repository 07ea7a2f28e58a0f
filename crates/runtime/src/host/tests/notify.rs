//! Who is told what, once each, whatever the channels and the host come to.

use std::collections::{BTreeMap, BTreeSet};

use doorstep_core::notify::{Answer, Name, Redriven, SendKey, Sending, Standing};
use doorstep_core::shard::Canceller;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::notify::{Inboxes, MemoryStore, Notifications, NotifyConfig, Recipient};
use crate::ports::{Notifier, NotifyStore, StoreError};

/// A channel with its far end in sight.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Mutex<Far>>);

#[derive(Debug)]
struct Far {
    rng: ChaCha8Rng,
    mood: Mood,
    /// What came through, as often as it did.
    came: Vec<(SendKey, Recipient, String)>,
    /// What was said to have been delivered.
    said: Vec<SendKey>,
    answers: Vec<(Timestamp, SendKey, Answer)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Calm,
    /// Loses sends and answers, answers late and twice, fails, and asks for time.
    Hostile,
    /// Refuses everything.
    Down,
    /// Says nothing, and does nothing.
    Deaf,
}

impl Wire {
    pub(super) fn new(mood: Mood) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(7);
        let (came, said, answers) = (vec![], vec![], vec![]);
        Self(Arc::new(Mutex::new(Far { rng, mood, came, said, answers })))
    }

    pub(super) fn turn(&self, mood: Mood) {
        self.0.lock().mood = mood;
    }

    /// The process at this end dies: what it had heard and not saved is forgotten, and what was on
    /// its way to it is lost.
    fn hangs_up(&self) {
        let mut far = self.0.lock();
        far.said.clear();
        far.answers.clear();
    }

    /// To whom which message came through, and how often. Its type stands in its body.
    pub(super) fn told(&self) -> BTreeMap<Name, (Recipient, String, usize)> {
        let mut told = BTreeMap::new();
        for (key, to, body) in &self.0.lock().came {
            let value: serde_json::Value = serde_json::from_str(body).unwrap();
            let kind = value["type"].as_str().unwrap().to_string();
            told.entry(key.message.clone()).or_insert((*to, kind, 0)).2 += 1;
        }
        told
    }

    /// What came through, in order.
    fn lines(&self) -> Vec<String> {
        let line = |(_, to, body): &(SendKey, Recipient, String)| {
            let value: serde_json::Value = serde_json::from_str(body).unwrap();
            let who = match to {
                Recipient::Customer(_) => "customer",
                Recipient::Restaurant(_) => "restaurant",
                Recipient::Driver(_) => "driver",
                Recipient::Operations => "operations",
            };
            format!("{who} {}", value["type"].as_str().unwrap())
        };
        self.0.lock().came.iter().map(line).collect()
    }
}

impl Notifier for Wire {
    fn send(&mut self, sending: &Sending<Recipient>, now: Timestamp) {
        let mut far = self.0.lock();
        let key = sending.key.clone();
        let failed = |retry_after| Answer::Failed { code: Some(503), retry_after };
        let draw = if far.mood == Mood::Hostile { far.rng.random_range(0..10) } else { 10 };
        let (arrives, answer, after_ms) = match (far.mood, draw) {
            (Mood::Down, _) => (false, Some(Answer::Rejected { code: Some(410) }), 0),
            (Mood::Deaf, _) | (Mood::Hostile, 0) => (false, None, 0),
            (Mood::Hostile, 1) => (true, None, 0),
            (Mood::Hostile, 2) => (true, Some(Answer::Delivered), 15_000),
            (Mood::Hostile, 3 | 4) => (false, Some(failed(None)), 300),
            (Mood::Hostile, 5) => (false, Some(failed(Some(Span::from_secs(20)))), 10),
            (Mood::Hostile | Mood::Calm, _) => (true, Some(Answer::Delivered), 40),
        };
        assert!(!far.said.iter().any(|said| said.message == key.message), "{key} again");
        if arrives {
            far.came.push((key.clone(), sending.to, sending.body.clone()));
        }
        if let Some(answer) = answer {
            far.answers.push((after(now, after_ms), key.clone(), answer));
            if draw == 9 {
                far.answers.push((after(now, after_ms + 500), key, answer));
            }
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<(SendKey, Answer)> {
        let mut far = self.0.lock();
        let due = far.answers.iter().position(|(at, ..)| *at <= now)?;
        let (_, key, answer) = far.answers.remove(due);
        if answer == Answer::Delivered {
            far.said.push(key.clone());
        }
        Some((key, answer))
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.0.lock().answers.iter().map(|(at, ..)| *at).min()
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn over(push: &Wire, email: &Wire) -> Notifications {
    let config = NotifyConfig::new(ShardId::default());
    let notifications = Notifications::new(config).unwrap();
    notifications.channel(name("push"), push.clone()).channel(name("email"), email.clone())
}

pub(super) fn open(
    cfg: HostConfig,
    log: &MemoryLog,
    telling: Notifications,
    now: Timestamp,
) -> Town {
    let mut host = Host::open(cfg, log.clone(), calm(), LogIsHistory, now).unwrap();
    host.notify(telling);
    let client = host.client();
    host.step(now);
    Town { host, client, now }
}

/// A town that tells, with Ana on duty.
fn telling(push: &Wire, email: &Wire) -> (Town, MemoryLog) {
    let log = MemoryLog::new();
    let mut town = open(config(1), &log, over(push, email), NOW);
    town.found();
    town.on_duty(ANA);
    (town, log)
}

/// A dinner from the wish to the door; its order.
fn dines(town: &mut Town, id: u128) -> OrderId {
    let order = town.order(id);
    town.carry(ANA, order, id + 1);
    let delivery = town.delivery(order);
    let done = taps(ANA, DriverAct::Deliver { delivery });
    assert_eq!(town.ask(id + 9, done), Outcome::Done);
    order
}

/// What a whole dinner gives to tell.
const DINNER: [&str; 11] = [
    "customer order.placed",
    "restaurant order.placed",
    "customer order.confirmed",
    "customer payment.receipt",
    "driver offer.made",
    "customer order.driver_assigned",
    "restaurant order.driver_here",
    "customer order.picked_up",
    "customer order.on_the_way",
    "customer order.at_doorstep",
    "customer order.delivered",
];

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[track_caller]
fn each_once(wire: &Wire, dinners: usize) {
    let told = wire.told();
    let lines: Vec<String> = told
        .values()
        .map(|(to, kind, _)| {
            let who = to.to_string();
            let who = match who.get(..3) {
                Some("cus") => "customer",
                Some("rst") => "restaurant",
                _ => "driver",
            };
            format!("{who} {kind}")
        })
        .collect();
    let wants: Vec<String> = (0..dinners).flat_map(|_| DINNER).map(String::from).collect();
    assert_eq!(sorted(lines), sorted(wants));
}

#[test]
fn everybody_is_told_of_a_dinner_once_each_and_of_nobodys_name() {
    let (push, email) = (Wire::new(Mood::Calm), Wire::new(Mood::Calm));
    let (mut town, _) = telling(&push, &email);
    dines(&mut town, 10);
    town.run(60_000);
    assert_eq!(sorted(push.lines()), sorted(DINNER.map(String::from).into()));
    assert!(email.lines().is_empty());
    let engine = town.host.notifications().unwrap().engine();
    assert_eq!((engine.tally().sent, engine.tally().submitted, engine.len()), (11, 11, 0));
    let bodies: Vec<String> = push.0.lock().came.iter().map(|(_, _, body)| body.clone()).collect();
    let wants = r#"{"v":1,"type":"order.placed","at":1700000000000,"order":"ord_"#;
    assert!(bodies[0].starts_with(wants), "{}", bodies[0]);
}

#[test]
fn a_hostile_provider_is_told_until_it_says_so_and_nobody_hears_of_more_than_one_message() {
    let (push, email) = (Wire::new(Mood::Hostile), Wire::new(Mood::Hostile));
    let (mut town, _) = telling(&push, &email);
    for dinner in 0..5 {
        dines(&mut town, 100 + dinner * 20);
    }
    town.run(600_000);
    let engine = town.host.notifications().unwrap().engine();
    assert!(engine.tally().retries > 10 && engine.tally().no_answers > 3, "{:?}", engine.tally());
    assert_eq!((engine.tally().sent, engine.dead_letters().count()), (55, 0));
    each_once(&push, 5);
    let twice = push.told().values().filter(|(_, _, times)| *times > 1).count();
    assert!(twice > 0, "what came twice came under one name");
}

#[test]
fn when_push_is_gone_mail_tells_and_when_both_are_a_redrive_tells_once() {
    let (push, email) = (Wire::new(Mood::Down), Wire::new(Mood::Calm));
    let (mut town, _) = telling(&push, &email);
    dines(&mut town, 10);
    town.run(60_000);
    each_once(&email, 1);

    email.turn(Mood::Down);
    let order = town.order(40);
    let by = Canceller::Operations { fee: None };
    town.ask(41, Command::Cancel { order, by });
    town.run(60_000);
    let now = town.now;
    let telling = town.host.notifications_mut().unwrap();
    let dead: Vec<Name> =
        telling.engine().dead_letters().map(|dead| dead.message.id.clone()).collect();
    assert!(dead.len() >= 6, "{dead:?}");
    push.turn(Mood::Calm);
    for id in &dead {
        assert_eq!(telling.redrive(id, now), Ok(Redriven::Begun));
        assert_eq!(telling.redrive(id, now), Ok(Redriven::Repeat(Standing::Open)));
    }
    town.run(60_000);
    let telling = town.host.notifications_mut().unwrap();
    for id in &dead {
        assert_eq!(telling.redrive(id, now), Ok(Redriven::Repeat(Standing::Sent)));
    }
    town.run(60_000);
    let told = push.told();
    assert!(told.keys().eq(&dead.iter().cloned().collect::<BTreeSet<_>>()));
    assert!(told.values().all(|(_, _, times)| *times == 1), "{told:?}");
    let cancelled = told.values().filter(|(_, kind, _)| kind == "order.cancelled").count();
    assert_eq!(cancelled, 2, "customer and restaurant; nobody carried it");
}

/// Opens the town anew after each act of a dinner, with the process lost in between.
fn dines_between_crashes(store: Option<&MemoryStore>, push: &Wire, save_every: Span) {
    let log = MemoryLog::new();
    let mut seed = 0;
    let mut now = NOW;
    let mut next = |now: Timestamp| {
        seed += 1;
        let mut notify = NotifyConfig::new(ShardId::default());
        notify.save_every = save_every;
        let mut telling = Notifications::new(notify).unwrap().channel(name("push"), push.clone());
        if let Some(store) = store {
            telling = telling.store(store.clone());
        }
        let mut cfg = config(seed);
        cfg.snapshot_every = Some(3);
        open(cfg, &log, telling, now)
    };
    let mut town = next(now);
    town.found();
    town.on_duty(ANA);
    let order = town.order(10);
    town.run(2_000);
    let delivery = town.delivery(order);
    let acts = [
        DriverAct::Accept { delivery },
        DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Depart { delivery },
        DriverAct::ArriveAtDoorstep { delivery, distance_m: None },
        DriverAct::Deliver { delivery },
    ];
    for (n, act) in acts.into_iter().enumerate() {
        assert_eq!(town.ask(20 + n as u128, taps(ANA, act)), Outcome::Done);
        now = after(town.now, 1_000);
        drop(town);
        push.hangs_up();
        town = next(now);
    }
    town.run(120_000);
    assert!(town.host.notifications().unwrap().engine().is_empty());
}

#[test]
fn with_a_store_a_process_that_dies_after_every_act_leaves_nobody_untold() {
    let (push, store) = (Wire::new(Mood::Calm), MemoryStore::default());
    dines_between_crashes(Some(&store), &push, Span::from_secs(1));
    let told: BTreeMap<_, _> = push.told();
    let kinds: Vec<String> = told.values().map(|(_, kind, _)| kind.clone()).collect();
    let wants = DINNER.map(|line| line.split(' ').nth(1).unwrap().to_string());
    assert_eq!(sorted(kinds), sorted(wants.into()), "each under one name");
}

#[test]
fn a_message_whose_answer_was_saved_is_not_sent_again_after_a_crash() {
    let (push, store) = (Wire::new(Mood::Calm), MemoryStore::default());
    let log = MemoryLog::new();
    let telling = || over(&push, &push).store(store.clone());
    let mut town = open(config(1), &log, telling(), NOW);
    town.found();
    town.on_duty(ANA);
    dines(&mut town, 10);
    town.run(10_000);
    for seed in 2..5 {
        drop(town);
        town =
            open(config(seed), &log, telling(), after(NOW, 20_000 * u64::try_from(seed).unwrap()));
        assert!(town.host.is_owner());
        town.run(30_000);
    }
    assert!(push.told().values().all(|(_, _, times)| *times == 1));
    each_once(&push, 1);
}

#[test]
fn without_a_store_a_restart_tells_nothing_twice() {
    let push = Wire::new(Mood::Calm);
    let (mut town, log) = telling(&push, &push);
    dines(&mut town, 10);
    town.run(10_000);
    drop(town);
    let mut town = open(config(2), &log, over(&push, &push), after(NOW, 20_000));
    town.run(60_000);
    assert!(push.told().values().all(|(_, _, times)| *times == 1));
    dines(&mut town, 60);
    town.run(60_000);
    each_once(&push, 2);
}

#[test]
fn what_happened_too_long_before_a_take_over_is_not_told_any_more() {
    let (push, store) = (Wire::new(Mood::Calm), MemoryStore::default());
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), calm(), LogIsHistory, NOW);
    town.found();
    let _untold = town.order(10);
    drop(town);
    let later = after(NOW, 300_000);
    let mut town = open(config(2), &log, over(&push, &push).store(store.clone()), later);
    town.run(1_000);
    assert_eq!(push.lines(), Vec::<String>::new());
    let telling = town.host.notifications().unwrap();
    assert_eq!((telling.tally().stale, telling.engine().tally().submitted), (4, 0));
    drop(town);

    let early = after(NOW, 299_999);
    let log = MemoryLog::new();
    let mut town = Town::open(config(1), log.clone(), calm(), LogIsHistory, NOW);
    town.found();
    let _untold = town.order(10);
    drop(town);
    let mut town = open(config(2), &log, over(&push, &push).store(MemoryStore::default()), early);
    town.run(1_000);
    assert_eq!(push.lines().len(), 4);
}

#[test]
fn whoever_takes_over_goes_on_where_the_owner_was_and_the_owner_tells_nothing_more() {
    let (push, deaf, store) =
        (Wire::new(Mood::Calm), Wire::new(Mood::Deaf), MemoryStore::default());
    let log = MemoryLog::new();
    let mut owner = open(config(1), &log, over(&deaf, &deaf).store(store.clone()), NOW);
    owner.found();
    owner.order(10);
    owner.run(5_000);
    let mut next = open(config(2), &log, over(&push, &push).store(store.clone()), owner.now);
    owner.step();
    assert!(next.host.is_owner() && !owner.host.is_owner());
    assert_eq!(owner.host.notifications().unwrap().engine().len(), 4, "it has heard of none");
    drop(owner);
    assert_eq!(push.lines(), Vec::<String>::new(), "they are under way, as far as is known");
    next.run(60_000);
    each_told(&push, 4);
    let mut stale = store.clone();
    assert!(matches!(stale.save(1, b"{}"), Err(StoreError::Fenced { epoch: 2 })));
}

#[test]
fn who_was_deposed_tells_nothing_more_of_what_it_had_begun() {
    let (late, push) = (Wire::new(Mood::Deaf), Wire::new(Mood::Calm));
    let log = MemoryLog::new();
    let mut owner = open(config(1), &log, over(&late, &late), NOW);
    owner.found();
    owner.order(10);
    owner.run(1_000);
    let next = open(config(2), &log, over(&push, &push), owner.now);
    owner.step();
    assert!(next.host.is_owner() && !owner.host.is_owner());
    owner.host.resign(owner.now); // or it would claim the log again
    late.turn(Mood::Calm);
    owner.run(60_000);
    assert_eq!(owner.host.notifications().unwrap().engine().len(), 4, "it was waiting for answers");
    assert_eq!(late.lines(), Vec::<String>::new());
}

#[test]
fn who_resigns_has_saved_and_nothing_is_sent_again() {
    let (push, store) = (Wire::new(Mood::Calm), MemoryStore::default());
    let log = MemoryLog::new();
    let mut town = open(config(1), &log, over(&push, &push).store(store.clone()), NOW);
    town.found();
    town.run(2_000);
    town.order(10);
    town.run(100); // sent and answered, within a second of the last save
    town.host.resign(town.now);
    town.step();
    assert!(!town.host.is_owner());
    let mut next = open(config(2), &log, over(&push, &push).store(store), town.now);
    drop(town);
    next.run(60_000);
    each_told(&push, 4);
}

#[track_caller]
fn each_told(wire: &Wire, messages: usize) {
    let told = wire.told();
    assert_eq!(told.len(), messages, "{told:?}");
    assert!(told.values().all(|(_, _, times)| *times == 1), "{told:?}");
}

#[test]
fn orders_are_never_shed_however_many_notifications_are() {
    let deaf = Wire::new(Mood::Deaf);
    let log = MemoryLog::new();
    let mut notify = NotifyConfig::new(ShardId::default());
    notify.engine.open_max = 2;
    notify.engine.dead_max = 2;
    let telling = Notifications::new(notify).unwrap().channel(name("push"), deaf.clone());
    let mut town = open(config(1), &log, telling, NOW);
    town.found();
    town.on_duty(ANA);
    for dinner in 0..5 {
        let order = dines(&mut town, 100 + dinner * 20);
        assert_eq!(town.status(order), Some(OrderStatus::Delivered));
    }
    let engine = town.host.notifications().unwrap().engine();
    assert!(engine.tally().shed > 30, "{:?}", engine.tally());
    assert!(engine.len() <= 2);
    assert_eq!(engine.tally().submitted, 55);
}

#[test]
fn a_missing_channel_is_passed_over_and_an_inbox_takes_a_message_once() {
    let inboxes = Inboxes::new(10, 10);
    let mut notify = NotifyConfig::new(ShardId::default());
    notify.engine.route.offline = ["nowhere", "in_app"].map(name).into();
    let telling = Notifications::new(notify).unwrap().channel(name("in_app"), inboxes.clone());
    let mut town = open(config(1), &MemoryLog::new(), telling, NOW);
    town.found();
    town.order(10);
    let customer = Recipient::Customer(CustomerId::from(7));
    let kinds: Vec<_> = inboxes.read(customer, 0, 10).into_iter().map(|l| l.id).collect();
    assert_eq!(kinds.len(), 3, "placed, confirmed, receipt, in the very step");
    assert_eq!(inboxes.read(Recipient::Restaurant(RestaurantId::from(1)), 0, 10).len(), 1);
}
