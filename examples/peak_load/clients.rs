//! The callers: a process with one thread that sends what is due, and notes what was acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use doorstep_core::id::{OrderId, RestaurantId, SaleId};
use doorstep_http::auth::Who;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::load::Fallible;
use crate::load::city::{City, OnTheWay, customer, place, restaurant, wall, wish_json};
use crate::load::http::{Answer, act, get};
use crate::load::pace::{Offer, Plan, Tally, offer};
use crate::load::process;
use crate::rates::Rates;

/// The restaurants that cook: their orders are accepted and begun here.
const KITCHENS: u64 = 500;

/// What the callers are told to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    address: String,
    lasts_s: u64,
    orders_per_s: f64,
    browses_per_s: f64,
    polls_per_s: f64,
    /// Tokens of those who order.
    customers: Vec<String>,
    /// Of the restaurants' tablets, by number from 1 on.
    tablets: Vec<String>,
    /// Of those who are about to arrive: order, delivery as text, the driver's token.
    arriving: Vec<(OrderId, String, String)>,
    /// Of those whose buttons are polled: order and the customer's token.
    polled: Vec<(OrderId, String)>,
    sale: SaleId,
    /// Of those who want a unit.
    crowd: Vec<String>,
}

/// What they say at the end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) tallies: BTreeMap<String, Tally>,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) cpu_s: f64,
}

/// What somebody was told has been done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) placed: Vec<OrderId>,
    pub(crate) accepted: Vec<OrderId>,
    pub(crate) begun: Vec<OrderId>,
    pub(crate) arrived: Vec<OrderId>,
    /// Units of the sale that somebody has.
    pub(crate) held: u64,
}

impl Wanted {
    pub(crate) fn new(
        city: &City,
        address: String,
        live: &[OnTheWay],
        sale: SaleId,
        rates: &Rates,
        lasts: Duration,
    ) -> Fallible<Self> {
        let seconds = lasts.as_secs_f64();
        let orders = (rates.orders * seconds) as u64;
        let customers = (0..orders).map(|n| city.token(&Who::Customer(customer(1_000_000 + n))));
        let tablets = (1..=KITCHENS).map(|n| city.token(&Who::Restaurant(restaurant(n))));
        let arriving = live.iter().take((rates.later * seconds) as usize).map(|one| {
            let token = city.token(&Who::Driver(one.driver))?;
            Ok((one.order, one.delivery.to_string(), token))
        });
        let polled = live
            .iter()
            .rev()
            .take(1_024)
            .map(|one| Ok((one.order, city.token(&Who::Customer(one.customer))?)));
        let crowd = (0..rates.crowd).map(|n| city.token(&Who::Customer(customer(2_000_000 + n))));
        Ok(Self {
            address,
            lasts_s: lasts.as_secs(),
            orders_per_s: rates.orders,
            browses_per_s: rates.browses,
            polls_per_s: rates.polls,
            customers: customers.collect::<Fallible<_>>()?,
            tablets: tablets.collect::<Fallible<_>>()?,
            arriving: arriving.collect::<Fallible<_>>()?,
            polled: polled.collect::<Fallible<_>>()?,
            sale,
            crowd: crowd.collect::<Fallible<_>>()?,
        })
    }
}

/// The clients' own program: it says that it is ready, hears when to begin, and says what came of it.
pub(crate) fn main(file: &str) -> Fallible {
    process::raise_files();
    let wanted: Arc<Wanted> = Arc::new(serde_json::from_slice(&std::fs::read(file)?)?);
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let from = Duration::from_nanos(line.trim().parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu = process::cpu();
    let (tallies, acknowledged) = runtime.block_on(offer_all(wanted, from));
    let cpu_s = process::cpu().saturating_sub(cpu).as_secs_f64();
    println!("{}", serde_json::to_string(&Told { tallies, acknowledged, cpu_s })?);
    Ok(())
}

async fn offer_all(wanted: Arc<Wanted>, from: Duration) -> (BTreeMap<String, Tally>, Acknowledged) {
    let from = Instant::now() + from.saturating_sub(wall());
    let lasts = Duration::from_secs(wanted.lasts_s);
    // An order is accepted a moment after it was placed, and begun a moment later.
    let moment = Duration::from_secs(1).min(lasts / 4);
    let noted: Arc<Noted> = Arc::default();
    let address = wanted.address.clone();
    let step = |what| Arc::new(Step { wanted: wanted.clone(), noted: noted.clone(), what });
    let per_s = wanted.orders_per_s;
    let crowd = wanted.crowd.len() as f64;
    let opens = from + lasts / 2;
    // Their pages have asked for the sale before it opens.
    let gathers = (lasts / 2).saturating_sub(Duration::from_secs(1));
    let gathering = Offer::of(crowd / gathers.as_secs_f64().max(0.5), from, gathers, 64);
    let second = Duration::from_secs(1);
    let (place, accept, begin, arrive, browse, poll, _gather, claim) = tokio::join!(
        offer(&address, Offer::of(per_s, from, lasts, 64), step(What::Place)),
        offer(&address, Offer::of(per_s, from + moment, lasts - moment, 64), step(What::Accept)),
        offer(
            &address,
            Offer::of(per_s, from + 2 * moment, lasts - 2 * moment, 64),
            step(What::Begin)
        ),
        offer(&address, Offer::of(per_s, from, lasts, 64), step(What::Arrive)),
        offer(&address, Offer::of(wanted.browses_per_s, from, lasts, 64), step(What::Browse)),
        offer(&address, Offer::of(wanted.polls_per_s, from, lasts, 64), step(What::Poll)),
        offer(&address, gathering, step(What::Gather)),
        offer(&address, Offer::of(crowd, opens, second, 512), step(What::Claim)),
    );
    let tallies = [
        ("place", place),
        ("accept", accept),
        ("begin", begin),
        ("arrive", arrive),
        ("browse", browse),
        ("poll", poll),
        ("claim", claim),
    ];
    let tallies = tallies.into_iter().map(|(name, tally)| (name.to_owned(), tally)).collect();
    let acknowledged = std::mem::take(&mut *noted.acknowledged.lock());
    (tallies, acknowledged)
}

/// Orders that wait for their restaurant's next word.
type Orders = VecDeque<(OrderId, RestaurantId)>;

/// What is known meanwhile.
#[derive(Debug, Default)]
struct Noted {
    acknowledged: Mutex<Acknowledged>,
    to_accept: Mutex<Orders>,
    to_begin: Mutex<Orders>,
    /// Which order each request is about.
    asked: Mutex<BTreeMap<(What, u64), (OrderId, RestaurantId)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Place,
    Accept,
    Begin,
    Arrive,
    Browse,
    Poll,
    Gather,
    Claim,
}

/// One kind of request.
struct Step {
    wanted: Arc<Wanted>,
    noted: Arc<Noted>,
    what: What,
}

/// Of an order, what is read of it.
#[derive(Deserialize)]
struct Shown {
    id: OrderId,
    restaurant: RestaurantId,
}

impl Step {
    fn tablet(&self, number: u64, queue: &Mutex<Orders>, body: &str) -> Option<Vec<u8>> {
        let (order, at) = queue.lock().pop_front()?;
        self.noted.asked.lock().insert((self.what, number), (order, at));
        let token = self.wanted.tablets.get(usize::try_from(at.get()).ok()?.checked_sub(1)?)?;
        let path = format!("/v1/restaurants/orders/{order}");
        Some(act("PATCH", &path, token, self.key(number), body))
    }

    fn key(&self, number: u64) -> u128 {
        (self.what as u128 + 1) << 64 | u128::from(number)
    }
}

impl Plan for Step {
    fn request(&self, number: u64) -> Option<Vec<u8>> {
        let Wanted { customers, arriving, polled, crowd, sale, .. } = &*self.wanted;
        let n = usize::try_from(number).ok()?;
        Some(match self.what {
            What::Place => {
                let body = wish_json(1 + number % KITCHENS);
                act("POST", "/v1/orders", customers.get(n)?, self.key(number), &body)
            }
            What::Accept => {
                return self.tablet(number, &self.noted.to_accept, r#"{"status":"accepted"}"#);
            }
            What::Begin => {
                return self.tablet(number, &self.noted.to_begin, r#"{"status":"preparing"}"#);
            }
            What::Arrive => {
                let (_, delivery, token) = arriving.get(n)?;
                let path = format!("/v1/drivers/deliveries/{delivery}/at_doorstep");
                act("POST", &path, token, self.key(number), "{}")
            }
            What::Browse => {
                let token = &customers[n % customers.len().min(1_024)];
                let (lat, lng) = place(1 + number * 7 % 1_000);
                match number % 10 {
                    0 => get(
                        &format!("/v1/restaurants/{}/menu", restaurant(1 + number % 1_000)),
                        token,
                    ),
                    _ => get(&format!("/v1/restaurants?lat={lat:.6}&lng={lng:.6}&limit=20"), token),
                }
            }
            What::Poll => {
                let (order, token) = &polled[n % polled.len()];
                get(&format!("/v1/orders/{order}/cancellation"), token)
            }
            What::Gather => get(&format!("/v1/sales/{sale}"), crowd.get(n)?),
            What::Claim => {
                let path = format!("/v1/sales/{sale}/claims");
                act("POST", &path, crowd.get(n)?, self.key(number), "{}")
            }
        })
    }

    fn answered(&self, number: u64, answer: &Answer<'_>) {
        if !(200..300).contains(&answer.status) {
            return;
        }
        let mut acknowledged = self.noted.acknowledged.lock();
        let mut done = |of: fn(&mut Acknowledged) -> &mut Vec<OrderId>| {
            let asked = self.noted.asked.lock().remove(&(self.what, number));
            of(&mut acknowledged).extend(asked.map(|(order, _)| order));
            asked
        };
        match self.what {
            What::Place => {
                if let Ok(Shown { id, restaurant }) = serde_json::from_slice(answer.body) {
                    acknowledged.placed.push(id);
                    self.noted.to_accept.lock().push_back((id, restaurant));
                }
            }
            What::Accept => {
                let asked = done(|all| &mut all.accepted);
                self.noted.to_begin.lock().extend(asked);
            }
            What::Begin => {
                done(|all| &mut all.begun);
            }
            What::Arrive => {
                let order = usize::try_from(number).ok().and_then(|n| self.wanted.arriving.get(n));
                acknowledged.arrived.extend(order.map(|(order, _, _)| *order));
            }
            What::Claim => acknowledged.held += 1,
            What::Browse | What::Poll | What::Gather => {}
        }
    }
}
