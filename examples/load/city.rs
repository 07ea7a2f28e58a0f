//! A city that is served: one shard on one SQLite file, restaurants, drivers, and orders that are on
//! their way; the host, its synced log with snapshots and history, and the service as in
//! `examples/server.rs`.
//!
//! What differs: one caller and one address have no limit; nobody collects the spans and metrics, which
//! costs the service next to nothing then; and the policy is that of a load ([`policy`]), with short
//! promises and planned dispatch.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorstep_core::catalog::{
    self, Acceptance, Cart, CartLine, Category, Hours, Item, KitchenKind, Menu, Restaurant,
};
use doorstep_core::dispatch::{self, Among, Candidate, Proposal};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{
    CommandId, CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId, ShardId,
};
use doorstep_core::limit::Quota;
use doorstep_core::money::{Currency, Money};
use doorstep_core::place::LatLng;
use doorstep_core::policy::{Method, Policy};
use doorstep_core::shard::{Command, DriverAct, Event, OperationsAct, Outcome, Wish};
use doorstep_core::time::{Span, Timestamp};
use doorstep_core::webhook::stripe;
use doorstep_geo_index::{Fix, Ping};
use doorstep_http::auth::{DevIssuer, Who};
use doorstep_http::{Config, Connections, Service};
use doorstep_runtime::client::{Client, Ticket, Told};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_runtime::threads::{self, Bell, Clock, Heard, Running, Subscription, WallClock};
use doorstep_sqlite::{Opened, SqliteHistory, SqliteLog};

use super::Fallible;

/// Commands on their way at once while the city is founded.
const AT_ONCE: usize = 4_096;

/// How long a token is good: longer than any measurement.
const TOKEN_LASTS: Span = Span::from_hours(12);

/// The first half of the restaurants cooks and says yes by itself, the other half are shops that
/// have everything ready.
pub(crate) const RESTAURANTS: u64 = 1_000;

/// A running service, and who belongs to it.
pub(crate) struct City {
    pub(crate) running: Running<SqliteLog, Sandbox, SqliteHistory>,
    pub(crate) client: Client,
    pub(crate) clock: Arc<WallClock>,
    pub(crate) issuer: DevIssuer,
    pub(crate) service: Service,
    commands: u128,
}

/// An order on its way to its door.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnTheWay {
    pub(crate) order: OrderId,
    pub(crate) customer: CustomerId,
    pub(crate) driver: DriverId,
    pub(crate) delivery: DeliveryId,
}

impl City {
    /// Opens the log in `path`, starts the host and founds the restaurants; `change` has the last word
    /// about the service.
    pub(crate) fn found(path: &Path, change: impl FnOnce(&mut Config)) -> Fallible<Self> {
        let clock = Arc::new(WallClock::new());
        let bell = Bell::new();
        let on_commit = Some(bell.to_fn());
        let sqlite = doorstep_sqlite::Config { on_commit, ..doorstep_sqlite::Config::default() };
        let Opened { log, history, .. } = SqliteLog::open(path, sqlite)?;
        let host = HostConfig {
            reads: true,
            snapshot_every: Some(100_000),
            ..HostConfig::new(ShardId::default(), policy()?, u128::from(std::process::id()))
        };
        let provider = Sandbox::new(SandboxConfig::default());
        let kept = Arc::new(history.clone());
        let host = Host::open(host, log, provider, history, clock.now())?;
        let running = threads::spawn(host, clock.clone(), bell)?;
        if !running.wait_for_ownership(Duration::from_secs(60)) {
            return Err("the host does not decide".into());
        }
        let issuer = DevIssuer::new()?;
        let mut config = Config::new(Arc::new(issuer.authenticator()?));
        config.clock = clock.clone();
        config.history = Some(kept);
        // Everybody comes from one address here, and some ask for many.
        let unlimited = Quota::new(1_000_000_000, Span::from_secs(1))?;
        config.limits.per_principal = unlimited;
        config.limits.per_principal_acts = unlimited;
        config.limits.per_address = unlimited;
        config.limits.per_driver_socket = unlimited;
        config.webhook_secrets = vec![stripe::Secret::new("whsec_of_nobody")?];
        change(&mut config);
        let client = running.client();
        let service = Service::new(client.clone(), config)?;
        let mut city = Self { running, client, clock, issuer, service, commands: 0 };
        city.do_all((1..=RESTAURANTS).map(put_restaurant))?;
        Ok(city)
    }

    /// Bounds of connections that let a load generator on one address have as many as it wants.
    pub(crate) fn connections() -> Connections {
        let mut connections = Connections::default();
        connections.per_address_most = connections.most;
        connections
    }

    /// So many orders of the shops, each by a customer of its own (from `first` on), brought by a
    /// driver of the same number and on its way.
    pub(crate) fn on_the_way(&mut self, first: u64, count: u64) -> Fallible<Vec<OnTheWay>> {
        let numbers = first..first.saturating_add(count);
        // Somebody is heard of, far away: else the matcher takes all positions for lost.
        let now = self.clock.now();
        let far = Ping::new(driver(9_999_999), Fix::new(LatLng::new(60.0, 10.0)?, now));
        self.client.record_pings(&[far], |_, _| {});
        let vehicle = Vehicle::Motorcycle;
        self.do_all(numbers.clone().map(|n| {
            Ok(Command::Operations(OperationsAct::Admit { driver: driver(n), vehicle }))
        }))?;
        self.drivers_say(numbers.clone().map(|n| (driver(n), DriverAct::GoOnline)))?;

        let mut feed = self.running.subscribe(1 << 22)?;
        let shops = RESTAURANTS / 2;
        let wishes = numbers.clone().map(|n| {
            let shop = shops.saturating_add(1).saturating_add(n % shops);
            Ok(Command::Checkout(Box::new(wish(customer(n), shop)?)))
        });
        let mut orders = Vec::new();
        for outcome in self.do_all(wishes)? {
            let Outcome::CheckoutOpened { order, .. } = outcome else {
                return Err(format!("{outcome:?}").into());
            };
            orders.push(order);
        }
        let delivery_of = deliveries(&mut feed, orders.len())?;
        drop(feed);
        let mut all = Vec::new();
        for (order, n) in orders.into_iter().zip(numbers) {
            let delivery = *delivery_of.get(&order).ok_or("it is in no delivery")?;
            let (driver, customer) = (driver(n), customer(n));
            all.push(OnTheWay { order, customer, driver, delivery });
        }
        self.do_all(all.iter().map(|one| {
            let near = Candidate { driver: one.driver, distance_m: 100, off_course_deg: None };
            let among = Among::Located(vec![near]);
            Ok(Command::Propose(Proposal { delivery: one.delivery, among }))
        }))?;
        let taps: [fn(DeliveryId) -> DriverAct; 4] = [
            |delivery| DriverAct::Accept { delivery },
            |delivery| DriverAct::ArriveAtRestaurant { delivery },
            |delivery| DriverAct::PickUp { delivery },
            |delivery| DriverAct::Depart { delivery },
        ];
        for tap in taps {
            self.drivers_say(all.iter().map(|one| (one.driver, tap(one.delivery))))?;
        }
        Ok(all)
    }

    /// A token for the length of a measurement.
    pub(crate) fn token(&self, who: &Who) -> Fallible<String> {
        Ok(self.issuer.token(who, self.clock.now(), TOKEN_LASTS)?)
    }

    /// The service's clock, so long from now.
    pub(crate) fn clock_in(&self, wait: Duration) -> Timestamp {
        let wait = Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.clock.now().saturating_add(wait)
    }

    /// Has them all decided, many at once; a refusal ends it.
    pub(crate) fn do_all(
        &mut self,
        commands: impl IntoIterator<Item = Fallible<Command>>,
    ) -> Fallible<Vec<Outcome>> {
        let mut under_way: std::collections::VecDeque<Ticket> = std::collections::VecDeque::new();
        let mut outcomes = Vec::new();
        let mut answered = |ticket: Ticket| match ticket.wait(Duration::from_secs(60)) {
            Some(Told::Outcome(Outcome::Refused(why))) => Err(format!("refused: {why}")),
            Some(Told::Outcome(outcome)) => {
                outcomes.push(outcome);
                Ok(())
            }
            other => Err(format!("{other:?}")),
        };
        for command in commands {
            if under_way.len() >= AT_ONCE
                && let Some(first) = under_way.pop_front()
            {
                answered(first)?;
            }
            self.commands = self.commands.wrapping_add(1);
            let id = self.commands.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let cause = Client::cause(CommandId::new(id), self.clock.now());
            under_way.push_back(self.client.submit(cause, command?)?);
        }
        under_way.into_iter().try_for_each(&mut answered)?;
        Ok(outcomes)
    }

    fn drivers_say(&mut self, acts: impl Iterator<Item = (DriverId, DriverAct)>) -> Fallible {
        self.do_all(acts.map(|(driver, act)| Ok(Command::Driver { driver, act })))?;
        Ok(())
    }
}

/// The delivery of each of so many orders, as soon as they are opened.
fn deliveries(feed: &mut Subscription, count: usize) -> Fallible<HashMap<OrderId, DeliveryId>> {
    let mut known = HashMap::new();
    while known.len() < count {
        match feed.wait(Duration::from_secs(60)) {
            Some(Heard::Batch(batch)) => {
                for event in &batch.events {
                    if let Event::Dispatch(dispatch::Event::Opened { delivery, orders, .. }) = event
                    {
                        known.extend(orders.iter().map(|order| (*order, *delivery)));
                    }
                }
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(known)
}

/// The rules: promises are short, so that buttons show; nothing is searched for before it is cooked.
fn policy() -> Fallible<Policy> {
    let mut policy = Policy::new(currency()?);
    policy.checkout.promise = Span::from_secs(1);
    policy.checkout.orders_per_hour = 1_000;
    policy.dispatch.method = Method::Planned;
    policy.order.accept_within = Span::from_mins(30);
    policy.memory.orders_max = 500_000;
    policy.dispatch.offer_for = Span::from_mins(5);
    Ok(policy)
}

fn currency() -> Fallible<Currency> {
    Ok(Currency::new("COP").ok_or("it is none")?)
}

pub(crate) fn customer(number: u64) -> CustomerId {
    CustomerId::truncating(number)
}

pub(crate) fn driver(number: u64) -> DriverId {
    DriverId::truncating(number)
}

pub(crate) fn restaurant(number: u64) -> RestaurantId {
    RestaurantId::truncating(number)
}

/// Restaurants stand on a grid, 500 m apart.
pub(crate) fn place(number: u64) -> (f64, f64) {
    let (row, column) = (number / 32, number % 32);
    (4.6 + row as f64 * 0.0045, -75.8 + column as f64 * 0.0045)
}

/// What every cart has in it.
pub(crate) fn item() -> ItemId {
    ItemId::truncating(1)
}

fn put_restaurant(number: u64) -> Fallible<Command> {
    let (lat, lng) = place(number);
    let shop = number > RESTAURANTS / 2;
    let item = Item {
        id: item(),
        name: "ajiaco".into(),
        price: Money::new(24_000, currency()?),
        available: true,
        option_groups: Vec::new(),
    };
    let categories = vec![Category { name: "soups".into(), items: vec![item] }];
    Ok(Command::Catalog(catalog::Command::Put(Restaurant {
        id: restaurant(number),
        position: LatLng::new(lat, lng)?,
        delivery_radius_m: 5_000,
        cuisines: vec!["colombian".into()],
        hours: Hours::always(),
        menu: Menu { categories },
        preparation: Span::from_mins(45),
        acceptance: if shop { Acceptance::Automatic } else { Acceptance::Manual },
        kitchen: if shop { KitchenKind::Shelf } else { KitchenKind::Cooks },
        open: true,
    })))
}

fn wish(customer: CustomerId, from: u64) -> Fallible<Wish> {
    let (lat, lng) = place(from);
    let line = CartLine { item: item(), quantity: 1, choices: Vec::new(), unit_price: None };
    Ok(Wish {
        customer,
        cart: Cart { restaurant: restaurant(from), lines: vec![line] },
        drop_off: LatLng::new(lat + 0.01, lng)?,
        promised: None,
    })
}

/// The body of a wish, as an app sends it.
pub(crate) fn wish_json(from: u64) -> String {
    let (lat, lng) = place(from);
    format!(
        r#"{{"restaurant":"{}","lines":[{{"item":"{}","quantity":1}}],"drop_off":{{"lat":{:.6},"lng":{lng:.6}}}}}"#,
        restaurant(from),
        item(),
        lat + 0.01,
    )
}

/// What time it is, by the machine: one clock for all its processes.
pub(crate) fn wall() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default()
}
