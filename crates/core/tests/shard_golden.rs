//! The bytes of one dinner in the log, and of the shard after it. A change here is a change of
//! format: it needs a new version.
#![cfg(feature = "log")]
#![allow(clippy::panic, clippy::unwrap_used)]

use doorstep_core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep_core::dispatch::{Among, Candidate, Proposal};
use doorstep_core::eta::Vehicle;
use doorstep_core::id::{CommandId, CustomerId, DriverId, ItemId, RestaurantId, ShardId};
use doorstep_core::log::{Batch, Cause, Decision, Record, Writer};
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::{Answer, Reply};
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::shard::{
    Command, DriverAct, Event, OperationsAct, Outcome, RestaurantAct, Shard, Wish,
};
use doorstep_core::time::{Span, Timestamp};

type Entry = Record<Event, Outcome>;

const LOG: &str = r#"{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":0,"at":1700000000000,"cause":{"id":"00000000000000000000000000000000","issued_at":1700000000000,"digest":0},"events":[{"catalog":{"put":{"id":"rst_0000000000001","position":[46000000,-740800000],"delivery_radius_m":5000,"cuisines":["colombian"],"hours":{"utc_offset_min":0,"openings":[{"from_min":0,"to_min":10080}]},"menu":{"categories":[{"name":"soups","items":[{"id":"itm_0000000000001","name":"ajiaco","price":{"minor":900,"currency":"EUR"},"available":true,"option_groups":[]}]}]},"preparation":720000,"acceptance":"manual","kitchen":"cooks","open":true}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":1,"at":1700000020000,"events":[{"dispatch":{"driver_admitted":{"driver":"drv_0000000000007","vehicle":"bicycle"}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":2,"at":1700000040000,"cause":{"id":"00000000000000000000000000000002","issued_at":1700000040000,"digest":2},"events":[{"dispatch":{"went_online":{"driver":"drv_0000000000007"}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":3,"at":1700000060000,"events":[{"checkout":{"order":"ord_0e72zvac00000","event":{"opened":{"intent":{"order":"ord_0e72zvac00000","customer":"cus_0000000000003","restaurant":"rst_0000000000001","pickup":[46000000,-740800000],"drop_off":[46100000,-740800000],"lines":[{"item":"itm_0000000000001","quantity":2,"choices":[],"unit":{"minor":900,"currency":"EUR"}}],"quote":{"distance_m":1112,"subtotal":{"minor":1800,"currency":"EUR"},"delivery_fee":{"minor":299,"currency":"EUR"},"tax_permille":0,"tax":{"minor":0,"currency":"EUR"},"total":{"minor":2099,"currency":"EUR"}},"acceptance":"manual","kitchen":"cooks","ready_span":720000,"promised":1700000660000,"estimate":1700000989000,"opened_at":1700000060000},"until":1700000180000}}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":4,"at":1700000080000,"cause":{"id":"00000000000000000000000000000004","issued_at":1700000080000,"digest":4},"events":[{"checkout":{"order":"ord_0e72zvac00000","event":{"payment":{"held":{"until":1700604880000}}}}},{"order":{"order":"ord_0e72zvac00000","event":{"placed":{"respond_by":1700000680000}}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":5,"at":1700000100000,"events":[{"order":{"order":"ord_0e72zvac00000","event":{"accepted":{"kitchen":"cooks","estimate":1700001209000,"give_up_at":1700001900000,"pick_up_by":1700014500000}}}},{"dispatch":{"opened":{"delivery":"dlv_0e73006m00000","restaurant":"rst_0000000000001","pickup":[46000000,-740800000],"orders":["ord_0e72zvac00000"],"value":{"minor":2099,"currency":"EUR"},"stage_ends_at":1700000190000}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":6,"at":1700000120000,"cause":{"id":"00000000000000000000000000000006","issued_at":1700000120000,"digest":6},"events":[{"order":{"order":"ord_0e72zvac00000","event":{"payment":{"captured":{"amount":{"minor":2099,"currency":"EUR"}}}}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":7,"at":1700000140000,"events":[{"dispatch":{"offer_made":{"delivery":"dlv_0e73006m00000","driver":"drv_0000000000007","expires_at":1700000170000,"mode":"scored","distance_m":800,"score":{"points":303,"distance":48,"travel":240,"direction":15,"declines":0},"considered":1}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":8,"at":1700000170000,"cause":{"id":"00000000000000000000000000000008","issued_at":1700000170000,"digest":8},"events":[{"dispatch":{"offer_closed":{"delivery":"dlv_0e73006m00000","driver":"drv_0000000000007","why":"expired"}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":9,"at":1700000190000,"events":[]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":10,"at":1700000190000,"cause":{"id":"0000000000000000000000000000000a","issued_at":1700000190000,"digest":10},"events":[{"dispatch":{"stage_entered":{"delivery":"dlv_0e73006m00000","stage":"wide","ends_at":1700000280000}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":11,"at":1700000210000,"events":[{"dispatch":{"offer_made":{"delivery":"dlv_0e73006m00000","driver":"drv_0000000000007","expires_at":1700000240000,"mode":"scored","distance_m":800,"score":{"points":423,"distance":48,"travel":240,"direction":15,"declines":120},"considered":1}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":12,"at":1700000230000,"cause":{"id":"0000000000000000000000000000000c","issued_at":1700000230000,"digest":12},"events":[{"dispatch":{"taken":{"delivery":"dlv_0e73006m00000","driver":"drv_0000000000007"}}},{"order":{"order":"ord_0e72zvac00000","event":{"driver_assigned":{"driver":"drv_0000000000007","delivery":"dlv_0e73006m00000","arrive_by":1700001370000,"estimate":1700001209000}}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":13,"at":1700000250000,"events":[{"order":{"order":"ord_0e72zvac00000","event":{"arrived_at_restaurant":{"driver":"drv_0000000000007","slack":900000}}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":14,"at":1700000270000,"cause":{"id":"0000000000000000000000000000000e","issued_at":1700000270000,"digest":14},"events":[{"order":{"order":"ord_0e72zvac00000","event":{"picked_up":{"driver":"drv_0000000000007","lost_at":1700007470000,"estimate":1700000479000}}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":15,"at":1700000290000,"events":[{"order":{"order":"ord_0e72zvac00000","event":{"departed":{"driver":"drv_0000000000007"}}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":16,"at":1700000310000,"cause":{"id":"00000000000000000000000000000010","issued_at":1700000310000,"digest":16},"events":[{"order":{"order":"ord_0e72zvac00000","event":{"arrived_at_doorstep":{"driver":"drv_0000000000007","leave_at":1700000910000,"far_m":900}}}}],"outcome":"done"}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":17,"at":1700000330000,"events":[{"order":{"order":"ord_0e72zvac00000","event":{"delivered":{"driver":"drv_0000000000007"}}}},{"dispatch":{"finished":{"delivery":"dlv_0e73006m00000","order":"ord_0e72zvac00000","end":{"delivered":{"earned":{"minor":370,"currency":"EUR"}}}}}}]}}
{"batch":{"epoch":1,"writer":"0000000000000000000000000000d00b","seq":18,"at":1700000350000,"cause":{"id":"00000000000000000000000000000012","issued_at":1700000350000,"digest":18},"events":[],"outcome":{"refused":{"no_such_delivery":{"delivery":"dlv_0e73006m00000"}}}}}"#;

const STORED: &str = r#"{"policy":{"currency":"EUR","checkout":{"lines_max":50,"quantity_max":99,"orders_per_hour":5,"fee_base_minor":199,"fee_per_km_minor":50,"tax_permille":0,"promise":600000,"patience":120000},"order":{"accept_within":600000,"search_for":1800000,"pick_up_within":14400000,"driver_slack":900000,"carry_for":7200000,"doorstep_wait":600000,"doorstep_far_m":200},"payment":{"hold_attempts":3,"retry_first":1000,"retry_most":300000,"flag_after":5,"hold_lasts":604800000},"dispatch":{"candidates":20,"near_m":5000,"wide_m":10000,"offer_for":30000,"rounds":3,"stage_for":90000,"broadcast":5,"overload":2000,"capacity":1,"age_bucket":60000,"weights":{"per_km":60,"per_minute":60,"away":60,"declines":120},"speeds":{"walking":75,"bicycle":200,"motorcycle":320,"car":320},"earn_base_minor":250,"earn_per_km_minor":60},"memory":{"retain_terminal":3600000,"retry_horizon":86400000,"clock_skew":60000,"causes_max":2000000,"orders_max":200000,"drivers_max":500000,"restaurants_max":500000}},"ids":{"shard":0,"next":500380876800001},"last_at":1700000350000,"catalog":[{"id":"rst_0000000000001","position":[46000000,-740800000],"delivery_radius_m":5000,"cuisines":["colombian"],"hours":{"utc_offset_min":0,"openings":[{"from_min":0,"to_min":10080}]},"menu":{"categories":[{"name":"soups","items":[{"id":"itm_0000000000001","name":"ajiaco","price":{"minor":900,"currency":"EUR"},"available":true,"option_groups":[]}]}]},"preparation":720000,"acceptance":"manual","kitchen":"cooks","open":true}],"checkouts":{},"orders":{"ord_0e72zvac00000":{"intent":{"order":"ord_0e72zvac00000","customer":"cus_0000000000003","restaurant":"rst_0000000000001","pickup":[46000000,-740800000],"drop_off":[46100000,-740800000],"lines":[{"item":"itm_0000000000001","quantity":2,"choices":[],"unit":{"minor":900,"currency":"EUR"}}],"quote":{"distance_m":1112,"subtotal":{"minor":1800,"currency":"EUR"},"delivery_fee":{"minor":299,"currency":"EUR"},"tax_permille":0,"tax":{"minor":0,"currency":"EUR"},"total":{"minor":2099,"currency":"EUR"}},"acceptance":"manual","kitchen":"cooks","ready_span":720000,"promised":1700000660000,"estimate":1700000479000,"opened_at":1700000060000},"phase":{"delivered":{"driver":"drv_0000000000007","at":1700000330000}},"payment":{"asked":{"minor":2099,"currency":"EUR"},"funds":{"captured":{"amount":{"minor":2099,"currency":"EUR"},"refunded":{"minor":0,"currency":"EUR"}}},"owed":{"minor":2099,"currency":"EUR"},"due":null,"ended":{"hold":1,"capture":1,"void":0,"refund":0}},"history":[{"status":"pending","at":1700000080000,"by":"customer"},{"status":"confirmed","at":1700000100000,"by":"restaurant"},{"status":"driver_assigned","at":1700000230000,"by":{"driver":"drv_0000000000007"}},{"status":"driver_at_restaurant","at":1700000250000,"by":{"driver":"drv_0000000000007"}},{"status":"picked_up","at":1700000270000,"by":{"driver":"drv_0000000000007"}},{"status":"on_the_way","at":1700000290000,"by":{"driver":"drv_0000000000007"}},{"status":"at_doorstep","at":1700000310000,"by":{"driver":"drv_0000000000007"}},{"status":"delivered","at":1700000330000,"by":{"driver":"drv_0000000000007"}}]}},"dispatch":{"drivers":{"drv_0000000000007":{"vehicle":"bicycle","duty":"online","offer":null,"carrying":[],"record":{"offered":2,"accepted":1,"declined":0,"silent":1,"dropped":0,"delivered":1,"earned_minor":370}}},"deliveries":{}},"customers":{"recent":{"cus_0000000000003":[[1700000060000,"ord_0e72zvac00000"]]},"in_order":[[1700000060000,"ord_0e72zvac00000","cus_0000000000003"]]},"causes":{"outcomes":{"00000000000000000000000000000000":{"outcome":"done","issued_at":1700000000000,"digest":0},"00000000000000000000000000000002":{"outcome":"done","issued_at":1700000040000,"digest":2},"00000000000000000000000000000004":{"outcome":"done","issued_at":1700000080000,"digest":4},"00000000000000000000000000000006":{"outcome":"done","issued_at":1700000120000,"digest":6},"00000000000000000000000000000008":{"outcome":"done","issued_at":1700000170000,"digest":8},"0000000000000000000000000000000a":{"outcome":"done","issued_at":1700000190000,"digest":10},"0000000000000000000000000000000c":{"outcome":"done","issued_at":1700000230000,"digest":12},"0000000000000000000000000000000e":{"outcome":"done","issued_at":1700000270000,"digest":14},"00000000000000000000000000000010":{"outcome":"done","issued_at":1700000310000,"digest":16},"00000000000000000000000000000012":{"outcome":{"refused":{"no_such_delivery":{"delivery":"dlv_0e73006m00000"}}},"issued_at":1700000350000,"digest":18}},"by_age":[[1700000000000,"00000000000000000000000000000000"],[1700000040000,"00000000000000000000000000000002"],[1700000080000,"00000000000000000000000000000004"],[1700000120000,"00000000000000000000000000000006"],[1700000170000,"00000000000000000000000000000008"],[1700000190000,"0000000000000000000000000000000a"],[1700000230000,"0000000000000000000000000000000c"],[1700000270000,"0000000000000000000000000000000e"],[1700000310000,"00000000000000000000000000000010"],[1700000350000,"00000000000000000000000000000012"]],"forgotten":null}}"#;

fn empty() -> Shard {
    Shard::new(ShardId::default(), Policy::new(Currency::new("EUR").unwrap()))
}

/// A shard and what it has written.
struct Kitchen {
    shard: Shard,
    now: Timestamp,
    log: Vec<String>,
}

impl Kitchen {
    fn hears(&mut self, command: &Command) {
        let seq = u64::try_from(self.log.len()).unwrap();
        let at = self.now;
        self.now = at.saturating_add(Span::from_secs(20));
        let cause = Cause { id: CommandId::new(u128::from(seq)), issued_at: at, digest: seq };
        let cause = (seq % 2 == 0).then_some(cause);
        let decided = self.shard.decide(command, cause.as_ref(), at).unwrap();
        let Decision::Commit { events, outcome } = decided else { panic!("{decided:?}") };
        let outcome = cause.map(|_| outcome);
        let (epoch, writer, inbox) = (1, Writer::new(0xd00b), None);
        let batch = Batch { epoch, writer, seq, at, cause, inbox, events, outcome };
        self.shard.apply(&batch).unwrap();
        self.log.push(String::from_utf8(Entry::Batch(batch).encode().unwrap()).unwrap());
    }

    /// Waits for the next deadline.
    fn waits(&mut self) {
        self.now = self.shard.next_deadline().unwrap();
        self.hears(&Command::Tick);
    }

    /// The provider does what is due.
    fn pays(&mut self) {
        let effect = self.shard.pending_effects().next().unwrap();
        let (step, attempt) = (effect.due.step, effect.due.attempt);
        let reply = Reply { step, attempt, answer: Answer::Done { until: None } };
        self.hears(&Command::Reply { order: effect.order, reply });
    }
}

fn dinner() -> Kitchen {
    let mut kitchen =
        Kitchen { shard: empty(), now: Timestamp::from_secs(1_700_000_000), log: Vec::new() };
    let (restaurant, driver) = (RestaurantId::from(1), DriverId::from(7));
    let price = Money::new(900, Currency::new("EUR").unwrap());
    let (id, name) = (ItemId::from(1), "ajiaco".into());
    let soup = Item { id, name, price, available: true, option_groups: vec![] };
    let menu = Menu { categories: vec![Category { name: "soups".into(), items: vec![soup] }] };
    kitchen.hears(&Command::Catalog(Catalog::Put(Restaurant {
        id: restaurant,
        position: LatLng::new(4.60, -74.08).unwrap(),
        delivery_radius_m: 5_000,
        cuisines: vec!["colombian".into()],
        hours: Hours::always(),
        menu,
        preparation: Span::from_mins(12),
        acceptance: Acceptance::Manual,
        kitchen: KitchenKind::Cooks,
        open: true,
    })));
    let vehicle = Vehicle::Bicycle;
    kitchen.hears(&Command::Operations(OperationsAct::Admit { driver, vehicle }));
    kitchen.hears(&Command::Driver { driver, act: DriverAct::GoOnline });
    let line = CartLine { item: id, quantity: 2, choices: vec![], unit_price: None };
    let wish = Wish {
        customer: CustomerId::from(3),
        cart: Cart { restaurant, lines: vec![line] },
        drop_off: LatLng::new(4.61, -74.08).unwrap(),
        promised: None,
    };
    kitchen.hears(&Command::Checkout(Box::new(wish)));
    kitchen.pays();
    let order = kitchen.shard.orders().next().unwrap().id();
    let ready_at = Some(Timestamp::from_secs(1_700_001_000));
    let act = RestaurantAct::Accept { ready_at };
    kitchen.hears(&Command::Restaurant { order, act });
    kitchen.pays();
    let delivery = kitchen.shard.wanted().next().unwrap().delivery;
    let near = Candidate { driver, distance_m: 800, off_course_deg: Some(45) };
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) }));
    kitchen.waits();
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Unlocated(vec![driver]) }));
    kitchen.waits();
    kitchen.hears(&Command::Propose(Proposal { delivery, among: Among::Located(vec![near]) }));
    for act in [
        DriverAct::Accept { delivery },
        DriverAct::ArriveAtRestaurant { delivery },
        DriverAct::PickUp { delivery },
        DriverAct::Depart { delivery },
        DriverAct::ArriveAtDoorstep { delivery, distance_m: Some(900) },
        DriverAct::Deliver { delivery },
        DriverAct::Deliver { delivery },
    ] {
        kitchen.hears(&Command::Driver { driver, act });
    }
    kitchen
}

#[test]
fn a_dinner_is_written_like_this() {
    let kitchen = dinner();
    assert_eq!(kitchen.log, LOG.lines().collect::<Vec<_>>());
    assert_eq!(serde_json::to_string(&kitchen.shard).unwrap(), STORED);
}

#[test]
fn what_was_written_is_read_and_gives_the_same_shard() {
    let shard = LOG.lines().fold(empty(), |mut shard, line| {
        let Entry::Batch(batch) = Entry::decode(line.as_bytes()).unwrap() else { panic!("{line}") };
        shard.apply(&batch).unwrap();
        shard
    });
    assert_eq!(shard, serde_json::from_str(STORED).unwrap());
}

#[test]
fn a_part_that_this_version_does_not_know_stops_a_reader() {
    let known = r#""events":[{"order":{"order":"ord_"#;
    let line = LOG.lines().find(|line| line.contains(known)).unwrap();
    let foreign = line.replacen(r#"{"order":{"#, r#"{"order":{"colour":"red","#, 1);
    assert!(Entry::decode(line.as_bytes()).is_ok());
    assert!(Entry::decode(foreign.as_bytes()).is_err(), "{foreign}");
    let foreign = STORED.replacen('{', r#"{"colour":"red","#, 1);
    assert!(serde_json::from_str::<Shard>(&foreign).is_err());
}
