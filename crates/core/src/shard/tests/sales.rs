//! A flash sale in the shard: claims, checkouts that carry holds, deadlines, bounds.

use super::super::*;
use super::city::*;
use crate::flash_sale::sale::{self, Answer as Told, HoldState, Standing};
use crate::flash_sale::{HoldId, RulesError};
use crate::id::{CustomerId, ItemId, RestaurantId, SaleId};
use crate::payment::{self, Answer};
use crate::time::Span;

fn sale() -> SaleId {
    SaleId::from(1)
}

fn customer(n: u32) -> CustomerId {
    CustomerId::from(n)
}

fn acts(act: SaleAct) -> Command {
    Command::Sale { sale: sale(), act }
}

fn offering(stock: u32) -> Offering {
    let (restaurant, item) = (shelf(), ItemId::from(2));
    Offering { restaurant, item, stock, opens_at: T0, crowd: None }
}

fn claim(n: u32) -> Command {
    acts(SaleAct::Claim { customer: customer(n), nth: 1 })
}

fn join(n: u32) -> Command {
    acts(SaleAct::Join { customer: customer(n) })
}

fn order(n: u32, hold: HoldId) -> Command {
    acts(SaleAct::Checkout { hold, wish: Box::new(wish(n, shelf())) })
}

fn opened(stock: u32) -> City {
    let mut city = City::new();
    city.does(&acts(SaleAct::Open(offering(stock))));
    city
}

#[track_caller]
fn held(city: &mut City, n: u32) -> HoldId {
    city.does(&claim(n));
    match standing(city, n) {
        Standing::Has { hold, .. } => hold,
        other @ (Standing::Waits(_) | Standing::SoldOut | Standing::Outside) => panic!("{other:?}"),
    }
}

fn standing(city: &City, n: u32) -> Standing {
    city.shard.sale(sale()).unwrap().sale.standing(&customer(n), 1)
}

fn units(city: &City) -> (u32, u32, u32) {
    let sale = &city.shard.sale(sale()).unwrap().sale;
    (sale.available(), sale.held(), sale.sold())
}

#[track_caller]
fn carrying(city: &mut City, n: u32) -> (HoldId, OrderId) {
    let hold = held(city, n);
    let events = city.does(&order(n, hold));
    let Some(&Event::Checkout { order, .. }) = events.first() else { panic!("{events:?}") };
    assert_eq!(city.shard.sales.carried().last(), Some((order, sale(), hold)));
    (hold, order)
}

#[test]
fn the_order_that_carries_a_hold_sells_the_unit_in_the_batch_that_places_it() {
    let mut city = opened(2);
    let (hold, id) = carrying(&mut city, 1);
    assert_eq!(units(&city), (1, 1, 0));
    city.waits(Span::from_secs(90));
    let events = city.pays(id, DONE);
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Order { event: crate::order::Event::Placed { .. }, .. }))
    );
    let sold = Event::Sale { sale: sale(), event: sale::Event::Sold { hold } };
    assert!(events.contains(&sold), "{events:?}");
    assert_eq!(units(&city), (1, 0, 1));
    assert_eq!(city.shard.sales.carried().count(), 0);
    city.waits(Span::from_hours(1));
    city.ticks();
    assert_eq!(units(&city), (1, 0, 1), "no deadline takes back what is paid");
}

#[test]
fn a_checkout_that_comes_to_nothing_gives_its_unit_to_the_head_of_the_line() {
    let declined = |city: &mut City, id| drop(city.pays(id, Answer::Refused));
    let given_up = |city: &mut City, id| drop(city.does(&cancel(id, Canceller::Customer)));
    let forgotten = |city: &mut City, _| {
        city.waits(Span::from_mins(3));
        city.ticks();
    };
    for end in [declined as fn(&mut City, OrderId), given_up, forgotten] {
        let mut city = opened(1);
        let (hold, id) = carrying(&mut city, 1);
        assert!(matches!(city.refuses(&claim(2)), Refusal::Sale(sale::Refusal::AllHeld { .. })));
        city.does(&join(2));
        end(&mut city, id);
        assert!(matches!(standing(&city, 2), Standing::Has { .. }), "{:?}", standing(&city, 2));
        assert_eq!(standing(&city, 1), Standing::Outside);
        assert_eq!(units(&city), (0, 1, 0));
        assert_eq!(city.shard.sales.carried().count(), 0);
        // The money that is held all the same goes back, and the unit does not come with it.
        if let Some(effect) = city.shard.pending_effect(id) {
            assert_eq!(effect.due.step, payment::Step::Hold);
            city.pays(id, DONE);
            assert_eq!(city.step_due(id), Some(payment::Step::Void));
            city.pays(id, DONE);
        }
        assert_eq!(units(&city), (0, 1, 0));
        let ended = Refusal::Sale(sale::Refusal::HoldEnded);
        assert_eq!(city.refuses(&order(1, hold)), ended);
    }
}

#[test]
fn a_hold_that_nobody_orders_lapses_by_the_shards_clock() {
    let mut city = opened(1);
    let hold = held(&mut city, 1);
    city.does(&join(2));
    assert_eq!(city.shard.next_deadline(), Some(city.now.saturating_add(Span::from_mins(5))));
    city.passes_time();
    assert!(matches!(standing(&city, 2), Standing::Has { .. }));
    assert_eq!(city.refuses(&order(1, hold)), Refusal::Sale(sale::Refusal::HoldEnded));
}

#[test]
fn what_is_on_sale_is_sold_through_the_sale_alone_until_it_is_closed() {
    let mut city = opened(1);
    assert_eq!(city.refuses(&checkout(1, shelf())), Refusal::OnlyInSale { sale: sale() });
    city.opened(1, grill());
    let hold = held(&mut city, 1);
    let mut two = wish(1, shelf());
    two.cart.lines[1].quantity = 2;
    let two = acts(SaleAct::Checkout { hold, wish: Box::new(two) });
    assert_eq!(city.refuses(&two), Refusal::NotWhatIsHeld);
    let other = acts(SaleAct::Checkout { hold, wish: Box::new(wish(1, grill())) });
    assert_eq!(city.refuses(&other), Refusal::NotWhatIsHeld);
    assert_eq!(city.refuses(&order(2, hold)), Refusal::Sale(sale::Refusal::NotYours));
    city.does(&order(1, hold));
    assert_eq!(city.refuses(&order(1, hold)), Refusal::CheckoutOver, "one checkout a hold");
    let release = acts(SaleAct::Release { customer: customer(1), hold });
    assert_eq!(city.refuses(&release), Refusal::CheckoutOver, "its checkout ends it");
    city.does(&acts(SaleAct::Close));
    city.opened(2, shelf());
}

#[test]
fn every_answer_of_a_sale_is_the_answer_to_its_command_and_stays_so() {
    let mut city = opened(1);
    let cause = city.cause();
    let first = city.hears(&claim(1), Some(cause)).unwrap();
    let Decision::Commit { outcome: Outcome::Sale(Told::Held { hold, until }), .. } = first else {
        panic!("{first:?}")
    };
    city.waits(Span::from_mins(10));
    city.ticks();
    let held = Outcome::Sale(Told::Held { hold, until });
    assert_eq!(
        city.hears(&claim(1), Some(cause)),
        Ok(Decision::Known(held)),
        "even when it is over"
    );
    city.does(&claim(2));
    let again = city.cause();
    let Ok(Decision::Commit { events, outcome }) = city.hears(&claim(2), Some(again)) else {
        panic!()
    };
    assert_eq!(events, [], "a retry under another name changes nothing");
    assert!(matches!(outcome, Outcome::Sale(Told::Held { .. })));
}

#[test]
fn sales_are_opened_once_within_bounds_and_leave_when_they_are_over() {
    let mut city = opened(5);
    assert_eq!(city.does(&acts(SaleAct::Open(offering(5)))), [], "already so");
    let taken = Refusal::SaleTaken { sale: sale() };
    assert_eq!(city.refuses(&acts(SaleAct::Open(offering(6)))), taken);
    let second = |act| Command::Sale { sale: SaleId::from(2), act };
    assert_eq!(city.refuses(&second(SaleAct::Open(offering(5)))), taken, "one sale an item");
    assert_eq!(
        city.refuses(&second(SaleAct::Close)),
        Refusal::NoSuchSale { sale: SaleId::from(2) }
    );
    let none = Refusal::SaleRules(RulesError::Count { name: "stock".into(), most: 100_000_000 });
    let other = |stock| Offering { item: ItemId::from(9), stock, ..offering(5) };
    assert_eq!(city.refuses(&second(SaleAct::Open(other(0)))), none);
    let many = Refusal::SaleRules(RulesError::Count { name: "stock".into(), most: 1_000_000 });
    assert_eq!(city.refuses(&second(SaleAct::Open(other(1_000_001)))), many);
    let mut tight = city.shard.policy().clone();
    tight.sale.sales_max = 1;
    city.does(&Command::SetPolicy(Box::new(tight)));
    assert_eq!(city.refuses(&second(SaleAct::Open(other(1)))), Refusal::SalesFull { most: 1 });
    city.does(&acts(SaleAct::Close));
    assert_eq!(city.refuses(&second(SaleAct::Open(other(1)))), Refusal::SalesFull { most: 1 });
    city.waits(Span::from_hours(1));
    city.does(&second(SaleAct::Open(other(1))));
    assert!(city.shard.sale(sale()).is_none(), "it left");
    let rest: Vec<RestaurantId> = city.shard.sales().map(|(_, listed)| listed.restaurant).collect();
    assert_eq!(rest, [shelf()]);
}

#[test]
fn a_sale_with_a_crowd_lets_people_in_by_the_shards_clock() {
    let mut city = City::new();
    let opens_at = city.now.saturating_add(Span::from_mins(1));
    let crowd = Some(Crowd { capacity_per_s: 4, seed: 7 });
    city.does(&acts(SaleAct::Open(Offering { opens_at, crowd, ..offering(2) })));
    for n in 0..10 {
        city.does(&join(n));
    }
    assert_eq!(city.refuses(&claim(0)), Refusal::Sale(sale::Refusal::NotOpen { opens_at }));
    assert_eq!(city.shard.next_deadline(), Some(opens_at));
    city.passes_time();
    let sale = |city: &City| city.shard.sale(sale()).unwrap().sale.clone();
    assert_eq!((sale(&city).room().admitted(), sale(&city).room().waiting()), (3, 7));
    let before = sale(&city);
    assert_eq!(before, city.stored().sale(super::sales::sale()).unwrap().sale);
    let mut holders = 0;
    for n in 0..10 {
        if matches!(standing(&city, n), Standing::Waits(sale::Place::Admitted { .. })) {
            city.does(&claim(n));
            let has = matches!(
                standing(&city, n),
                Standing::Has { state: HoldState::Reserved { .. }, .. }
            );
            holders += u32::from(has);
        }
    }
    assert_eq!((holders, units(&city)), (2, (0, 2, 0)), "three were let in to two units");
    assert_eq!((sale(&city).room().admitted(), sale(&city).room().waiting()), (0, 8));
}
