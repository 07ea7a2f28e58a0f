//! The golden forms: what is written here is what clients rely on.

use doorstep_core::id::{CustomerId, DeliveryId, DriverId, ItemId, OrderId, RestaurantId, SaleId};
use doorstep_core::money::Currency;
use doorstep_core::time::{Span, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// It is written as `golden`, and read back as itself.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(it: &T, golden: &Value) {
    assert_eq!(&serde_json::to_value(it).unwrap(), golden);
    assert_eq!(&serde_json::from_value::<T>(golden.clone()).unwrap(), it);
}

fn at(seconds: u64) -> Time {
    let placed = Timestamp::from_secs(1_763_800_000);
    Time(placed.saturating_add(Span::from_secs(seconds)))
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::new("EUR").unwrap() }
}

fn order_id() -> OrderId {
    OrderId::from(42)
}

fn place(lat: f64, lng: f64) -> Place {
    Place { lat, lng }
}

fn carrier() -> Carrier {
    Carrier {
        id: DriverId::from(9),
        delivery: DeliveryId::from(77),
        position: Some(place(4.8144, -75.6944)),
        heading_deg: Some(271),
        taken_at: Some(at(598)),
    }
}

fn allowed() -> Cancellation {
    Cancellation {
        order: order_id(),
        allowed: true,
        ground: Some(Ground::PromiseBroken),
        refund: Some(eur(2_898)),
        fee: Some(eur(0)),
        reason: None,
        from: None,
        as_of: at(600),
    }
}

fn allowed_golden() -> Value {
    json!({
        "order": "ord_000000000001a",
        "allowed": true,
        "ground": "promise_broken",
        "refund": { "minor": 2898, "currency": "EUR" },
        "fee": { "minor": 0, "currency": "EUR" },
        "as_of": "2025-11-22T08:36:40.000Z",
    })
}

fn order() -> Order {
    Order {
        id: order_id(),
        status: Status::OnTheWay,
        customer: CustomerId::from(7),
        restaurant: RestaurantId::from(1),
        pickup: place(4.8133, -75.6961),
        drop_off: place(4.8245, -75.688),
        lines: vec![Line {
            item: ItemId::from(1),
            name: Some("ajiaco".into()),
            quantity: 2,
            choices: vec![ItemId::from(5)],
            unit_price: eur(1_250),
        }],
        quote: Quote {
            subtotal: eur(2_500),
            delivery_fee: eur(299),
            tax: eur(99),
            total: eur(2_898),
            distance_m: 1_526,
        },
        payment: Payment { state: PaymentState::Captured, paid: eur(2_898) },
        placed_at: at(0),
        promised_at: at(600),
        estimated_at: at(840),
        driver: Some(carrier()),
        cancellation: allowed(),
        history: vec![Milestone { status: Status::Pending, at: at(0), by: Party::Customer }],
        as_of: at(600),
    }
}

fn order_golden() -> Value {
    json!({
        "id": "ord_000000000001a",
        "status": "on_the_way",
        "customer": "cus_0000000000007",
        "restaurant": "rst_0000000000001",
        "pickup": { "lat": 4.8133, "lng": -75.6961 },
        "drop_off": { "lat": 4.8245, "lng": -75.688 },
        "lines": [{
            "item": "itm_0000000000001",
            "name": "ajiaco",
            "quantity": 2,
            "choices": ["itm_0000000000005"],
            "unit_price": { "minor": 1250, "currency": "EUR" },
        }],
        "quote": {
            "subtotal": { "minor": 2500, "currency": "EUR" },
            "delivery_fee": { "minor": 299, "currency": "EUR" },
            "tax": { "minor": 99, "currency": "EUR" },
            "total": { "minor": 2898, "currency": "EUR" },
            "distance_m": 1526,
        },
        "payment": { "state": "captured", "paid": { "minor": 2898, "currency": "EUR" } },
        "placed_at": "2025-11-22T08:26:40.000Z",
        "promised_at": "2025-11-22T08:36:40.000Z",
        "estimated_at": "2025-11-22T08:40:40.000Z",
        "driver": carrier_golden(),
        "cancellation": allowed_golden(),
        "history": [{ "status": "pending", "at": "2025-11-22T08:26:40.000Z", "by": "customer" }],
        "as_of": "2025-11-22T08:36:40.000Z",
    })
}

fn carrier_golden() -> Value {
    json!({
        "id": "drv_0000000000009",
        "delivery": "dlv_000000000002d",
        "position": { "lat": 4.8144, "lng": -75.6944 },
        "heading_deg": 271,
        "taken_at": "2025-11-22T08:36:38.000Z",
    })
}

#[test]
fn an_order_with_its_cancellation_terms() {
    check(&order(), &order_golden());
}

#[test]
fn a_cancellation_that_is_not_allowed_yet_says_from_when() {
    let not_yet = Cancellation {
        allowed: false,
        ground: None,
        refund: None,
        fee: None,
        reason: Some(CancellationReason::NotYet),
        from: Some(Time(Timestamp::from_millis(1_763_800_600_001))),
        ..allowed()
    };
    let golden = json!({
        "order": "ord_000000000001a",
        "allowed": false,
        "reason": "not_yet",
        "from": "2025-11-22T08:36:40.001Z",
        "as_of": "2025-11-22T08:36:40.000Z",
    });
    check(&not_yet, &golden);
}

#[test]
fn what_a_tracking_socket_says() {
    let snapshot = TrackMessage::Snapshot { order: Box::new(order()) };
    check(&snapshot, &json!({ "type": "snapshot", "order": order_golden() }));

    let status = TrackMessage::StatusUpdate {
        order: order_id(),
        status: Status::AtDoorstep,
        estimated_at: at(840),
        driver: Some(carrier()),
        history: vec![Milestone { status: Status::AtDoorstep, at: at(700), by: Party::Platform }],
        as_of: at(700),
    };
    let golden = json!({
        "type": "status_update",
        "order": "ord_000000000001a",
        "status": "at_doorstep",
        "estimated_at": "2025-11-22T08:40:40.000Z",
        "driver": carrier_golden(),
        "history": [
            { "status": "at_doorstep", "at": "2025-11-22T08:38:20.000Z", "by": "platform" },
        ],
        "as_of": "2025-11-22T08:38:20.000Z",
    });
    check(&status, &golden);

    let location = TrackMessage::LocationUpdate {
        order: order_id(),
        driver: DriverId::from(9),
        position: place(4.8144, -75.6944),
        heading_deg: None,
        taken_at: at(598),
    };
    let golden = json!({
        "type": "location_update",
        "order": "ord_000000000001a",
        "driver": "drv_0000000000009",
        "position": { "lat": 4.8144, "lng": -75.6944 },
        "taken_at": "2025-11-22T08:36:38.000Z",
    });
    check(&location, &golden);

    let cancellation = TrackMessage::CancellationUpdate { cancellation: allowed() };
    let golden = json!({ "type": "cancellation_update", "cancellation": allowed_golden() });
    check(&cancellation, &golden);
}

#[test]
fn what_a_driver_stream_says_and_hears() {
    let pings = FromDriver::Pings {
        pings: vec![PingIn {
            lat: 4.8133,
            lng: -75.6961,
            taken_at: Some(at(0)),
            accuracy_m: Some(8),
            heading_deg: Some(90),
            speed_cm_s: Some(850),
            mocked: false,
        }],
    };
    let golden = json!({
        "type": "pings",
        "pings": [{
            "lat": 4.8133,
            "lng": -75.6961,
            "taken_at": "2025-11-22T08:26:40.000Z",
            "accuracy_m": 8,
            "heading_deg": 90,
            "speed_cm_s": 850,
            "mocked": false,
        }],
    });
    check(&pings, &golden);
    let least = r#"{"type":"pings","pings":[{"lat":1,"lng":2}]}"#;
    assert!(serde_json::from_str::<FromDriver>(least).is_ok());
    let misspelt = r#"{"type":"pings","pings":[{"lat":1,"lng":2,"speed":3}]}"#;
    assert!(serde_json::from_str::<FromDriver>(misspelt).is_err());

    let driver = DriverState {
        id: DriverId::from(9),
        status: DriverStatus::Offered,
        offer: Some(Offer {
            delivery: DeliveryId::from(77),
            expires_at: at(30),
            restaurant: RestaurantId::from(1),
            pickup: place(4.8133, -75.6961),
            drop_offs: vec![place(4.8245, -75.688)],
            distance_m: Some(900),
            earnings: eur(370),
        }),
        deliveries: vec![Delivery {
            id: DeliveryId::from(76),
            restaurant: RestaurantId::from(1),
            pickup: place(4.8133, -75.6961),
            orders: vec![DeliveryOrder {
                id: order_id(),
                status: Status::PickedUp,
                drop_off: place(4.8245, -75.688),
            }],
        }],
        as_of: at(0),
    };
    let golden = json!({
        "id": "drv_0000000000009",
        "status": "offered",
        "offer": {
            "delivery": "dlv_000000000002d",
            "expires_at": "2025-11-22T08:27:10.000Z",
            "restaurant": "rst_0000000000001",
            "pickup": { "lat": 4.8133, "lng": -75.6961 },
            "drop_offs": [{ "lat": 4.8245, "lng": -75.688 }],
            "distance_m": 900,
            "earnings": { "minor": 370, "currency": "EUR" },
        },
        "deliveries": [{
            "id": "dlv_000000000002c",
            "restaurant": "rst_0000000000001",
            "pickup": { "lat": 4.8133, "lng": -75.6961 },
            "orders": [{
                "id": "ord_000000000001a",
                "status": "picked_up",
                "drop_off": { "lat": 4.8245, "lng": -75.688 },
            }],
        }],
        "as_of": "2025-11-22T08:26:40.000Z",
    });
    let snapshot = ToDriver::Snapshot { driver: driver.clone() };
    check(&snapshot, &json!({ "type": "snapshot", "driver": golden }));
    let update = ToDriver::Update { driver };
    check(&update, &json!({ "type": "update", "driver": golden }));
    let error = ToDriver::Error { code: "invalid_message".into(), detail: "no".into() };
    check(&error, &json!({ "type": "error", "code": "invalid_message", "detail": "no" }));
}

#[test]
fn the_markers_of_an_operations_map() {
    let markers = Markers {
        markers: vec![
            Marker::Driver {
                id: DriverId::from(9),
                position: place(4.8, -75.7),
                heading_deg: Some(12),
                age_ms: 1_500,
                busy: true,
            },
            Marker::Group {
                id: "7-3-12".into(),
                position: place(4.81, -75.69),
                count: 37,
                bounds: Bounds { south_west: place(4.8, -75.7), north_east: place(4.82, -75.68) },
            },
        ],
        drivers: 38,
        as_of: at(0),
    };
    let golden = json!({
        "markers": [
            {
                "kind": "driver",
                "id": "drv_0000000000009",
                "position": { "lat": 4.8, "lng": -75.7 },
                "heading_deg": 12,
                "age_ms": 1500,
                "busy": true,
            },
            {
                "kind": "group",
                "id": "7-3-12",
                "position": { "lat": 4.81, "lng": -75.69 },
                "count": 37,
                "bounds": {
                    "south_west": { "lat": 4.8, "lng": -75.7 },
                    "north_east": { "lat": 4.82, "lng": -75.68 },
                },
            },
        ],
        "drivers": 38,
        "as_of": "2025-11-22T08:26:40.000Z",
    });
    check(&markers, &golden);
}

#[test]
fn the_counters_of_an_operations_page() {
    let counters = Counters {
        orders: OrderCounts { pending: 1, late: 2, ..OrderCounts::default() },
        drivers: DriverCounts { online: 4, offered: 3, on_delivery: 2, on_map: 1 },
        pings: PingCounts { taken: 10, out_of_order: 1, implausible: 0 },
        sockets: 3,
        checkouts: 1,
    };
    let golden = json!({
        "orders": {
            "pending": 1, "confirmed": 0, "preparing": 0, "ready_for_pickup": 0,
            "driver_assigned": 0, "driver_at_restaurant": 0, "picked_up": 0, "on_the_way": 0,
            "at_doorstep": 0, "delivered": 0, "undelivered": 0, "cancelled": 0, "late": 2,
        },
        "drivers": { "online": 4, "offered": 3, "on_delivery": 2, "on_map": 1 },
        "pings": { "taken": 10, "out_of_order": 1, "implausible": 0 },
        "sockets": 3,
        "checkouts": 1,
    });
    check(&counters, &golden);
}

#[test]
fn a_sale_and_where_somebody_stands_in_it() {
    let sale = |standing| Sale {
        id: SaleId::from(1),
        restaurant: RestaurantId::from(1),
        item: ItemId::from(3),
        opens_at: at(0),
        closed: false,
        stock: 200,
        available: 20,
        held: 30,
        sold: 150,
        waiting: 18_000,
        admitted: 40,
        per_customer: 1,
        standing,
        as_of: at(5),
    };
    let golden = |standing: &Value| {
        json!({
            "id": "sal_0000000000001",
            "restaurant": "rst_0000000000001",
            "item": "itm_0000000000003",
            "opens_at": "2025-11-22T08:26:40.000Z",
            "closed": false,
            "stock": 200,
            "available": 20,
            "held": 30,
            "sold": 150,
            "waiting": 18000,
            "admitted": 40,
            "per_customer": 1,
            "standing": standing,
            "as_of": "2025-11-22T08:26:45.000Z",
        })
    };
    let held = Held { hold: 4, hold_state: HeldState::Reserved, until: Some(at(300)) };
    let standings = [
        (
            Standing::Has { held },
            json!({
                "state": "has", "hold": 4, "hold_state": "reserved",
                "until": "2025-11-22T08:31:40.000Z",
            }),
        ),
        (
            Standing::Gathering { people: 20_000, opens_at: at(0) },
            json!({
                "state": "gathering", "people": 20000, "opens_at": "2025-11-22T08:26:40.000Z",
            }),
        ),
        (
            Standing::InLine { ahead: 6, wait_ms: Some(2_000) },
            json!({ "state": "in_line", "ahead": 6, "wait_ms": 2000 }),
        ),
        (
            Standing::Admitted { until: at(120) },
            json!({ "state": "admitted", "until": "2025-11-22T08:28:40.000Z" }),
        ),
        (Standing::SoldOut, json!({ "state": "sold_out" })),
        (Standing::Outside, json!({ "state": "outside" })),
    ];
    for (standing, written) in standings {
        check(&sale(Some(standing)), &golden(&written));
    }
}

#[test]
fn times_are_read_with_any_offset_and_never_out_of_the_calendar() {
    let read = |text: &str| text.parse::<Time>();
    assert_eq!(read("2025-11-22T08:26:40Z"), Ok(at(0)));
    assert_eq!(read("2025-11-22T09:26:40.000+01:00"), Ok(at(0)));
    assert_eq!(read("yesterday"), Err(BadTime));
    assert_eq!(read("2025-13-22T08:26:40Z"), Err(BadTime));
    assert_eq!(Time::of(Timestamp::NEVER), None);
    assert_eq!(Time::of(Timestamp::from_secs(0)).unwrap().to_string(), "1970-01-01T00:00:00.000Z");
}
