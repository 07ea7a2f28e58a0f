//! The city in a browser: it lives at a pace, and its live pages show it.

mod clock;
mod sale;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorstep::core::id::{CustomerId, OrderId};
use doorstep::core::order::{Order, OrderStatus};
use doorstep::core::place::{LatLng, PlaceError};
use doorstep::core::time::{Span, Timestamp};
use doorstep_http::auth::{DevIssuer, Who};
use doorstep_http::{Config, Connections, Service};
use doorstep_runtime::client::Client;
use doorstep_runtime::reads::Whose;
use doorstep_runtime::threads::Clock;
use doorstep_sim::day::Day;
use doorstep_sim::world::{Evening, World, WorldConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;

use clock::PacedClock;
use sale::{SaleCrowd, sale_id};

/// How long a token of the development issuer is good, by the city's clock.
const TOKEN_LASTS: Span = Span::from_hours(24);

/// How long the city rests between two turns: what an answer waits for at most, beside its work.
const REST: Duration = Duration::from_millis(5);

/// Serves the city until its evening is over, or until it is interrupted: then there is no evening to
/// tell of.
pub(crate) fn serve(
    address: SocketAddr,
    speed: u32,
    from: Span,
    mut config: WorldConfig,
    day: &Day,
) -> Result<Option<Evening>, Box<dyn std::error::Error>> {
    config.reads = true;
    let currency = config.policy.currency;
    let from = World::time_of_day(from);
    eprintln!("the city lives through its day up to {} …", time_of(from));
    let mut world = World::new(config, day);
    world.advance(from);
    let client = world.client().ok_or("the city has no host")?;
    let clock = Arc::new(PacedClock::new(from, speed));
    let issuer = DevIssuer::new()?;
    let mut config = Config::new(Arc::new(issuer.authenticator()?));
    config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let service = Service::new(client.clone(), config)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let at = Links { origin: format!("http://{}", listener.local_addr()?), issuer, now: from };
    let (end, ended) = watch::channel(false);
    let interrupted = end.clone();
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.send_replace(true);
        }
    });
    let server = runtime.spawn(answer(service, listener, ended));
    println!("It is {} in the city, which lives {speed} × as fast as life.", time_of(from));
    at.tell(&client, day)?;

    let mut crowd = SaleCrowd::announce(client, middle(day)?, currency, from);
    while !*end.borrow() && !world.is_over() {
        let now = clock.now();
        world.advance(now);
        crowd.advance(now);
        std::thread::sleep(REST);
    }
    let is_over = world.is_over();
    end.send_replace(true);
    runtime.block_on(server)?;
    Ok(is_over.then(|| world.end_now()))
}

async fn answer(service: Service, listener: TcpListener, mut ended: watch::Receiver<bool>) {
    let end = async move {
        let _gone_or_ended = ended.wait_for(|ended| *ended).await;
    };
    service.serve(listener, Connections::default(), end).await;
}

/// Where to look, with tokens in the fragments: a browser sends those to nobody.
struct Links {
    origin: String,
    issuer: DevIssuer,
    now: Timestamp,
}

impl Links {
    fn tell(&self, client: &Client, day: &Day) -> Result<(), Box<dyn std::error::Error>> {
        let operations = Who::Operations("operations".into());
        println!("Tokens of a development issuer are in the links; keep them to yourself.\n");
        println!("  operations, with a flash sale that opens in 4 minutes of the city:");
        let token = self.token(&operations)?;
        println!("    {}/ops#token={token}&sale={}\n", self.origin, sale_id());
        let people = (1..).take(day.orders.len()).map(CustomerId::from);
        let orders: Vec<Arc<Order>> = people
            .clone()
            .flat_map(|customer| client.orders_of(Whose::Customer(customer), None, 1))
            .filter(|order| order.over_since().is_none())
            .collect();
        let is_late = |order: &Order| order.cancellable_from() <= self.now;
        let rides =
            |order: &Order| matches!(order.status(), OrderStatus::PickedUp | OrderStatus::OnTheWay);
        let find = |of: &dyn Fn(&Order) -> bool| orders.iter().rev().find(|order| of(order));
        if let Some(order) = find(&|order| rides(order) && !is_late(order)) {
            println!("  a customer whose order is on the road:");
            println!("    {}\n", self.customer(order.intent().customer, Some(order.id()))?);
        }
        if let Some(order) = find(&|order| rides(order) && is_late(order)) {
            println!("  one whose promise is broken: Cancel shows until the driver arrives:");
            println!("    {}\n", self.customer(order.intent().customer, Some(order.id()))?);
        }
        let has_ordered = |customer: &CustomerId| {
            !client.orders_of(Whose::Customer(*customer), None, 1).is_empty()
        };
        let last = people.clone().filter(has_ordered).last();
        if let Some(next) = people.into_iter().find(|customer| last.is_none_or(|l| *customer > l)) {
            println!("  one who will order next:\n    {}\n", self.customer(next, None)?);
        }
        Ok(())
    }

    fn customer(
        &self,
        customer: CustomerId,
        order: Option<OrderId>,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let token = self.token(&Who::Customer(customer))?;
        let order = order.map(|order| format!("&order={order}")).unwrap_or_default();
        Ok(format!("{}/#token={token}{order}", self.origin))
    }

    fn token(&self, who: &Who) -> Result<String, Box<dyn std::error::Error>> {
        Ok(self.issuer.token(who, self.now, TOKEN_LASTS)?)
    }
}

/// The middle of the day's restaurants.
fn middle(day: &Day) -> Result<LatLng, PlaceError> {
    let count = i64::try_from(day.orders.len().max(1)).unwrap_or(i64::MAX);
    let mean = |of: fn(LatLng) -> i32| {
        let sum: i64 = day.orders.iter().map(|order| i64::from(of(order.pickup))).sum();
        i32::try_from(sum.checked_div(count).unwrap_or(0)).unwrap_or(0)
    };
    LatLng::from_e7(mean(LatLng::lat_e7), mean(LatLng::lng_e7))
}

/// As people say it, by the city's own midnight.
fn time_of(at: Timestamp) -> String {
    let minutes = at.saturating_since(World::time_of_day(Span::ZERO)).as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
