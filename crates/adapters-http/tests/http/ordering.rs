//! An order from the wish to the door, as each party sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::Request;
use doorstep_core::time::Span;
use doorstep_core::webhook::stripe;
use doorstep_http::auth::Who;
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::threads::Clock;
use metrics::{Key, KeyName, Metadata, SharedString, Unit};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::city::{
    Answer, City, HOME, KITCHEN, RESTAURANT, WEBHOOK_SECRET, ana, bob, kitchen, operations, policy,
    restaurant, wish,
};

#[tokio::test]
async fn a_dinner_from_the_wish_to_the_door() {
    let city = City::new().await;
    let (lat, lng) = HOME;
    let near = format!("/v1/restaurants?lat={lat}&lng={lng}&cuisine=colombian");
    let found = city.get(&near, &ana()).await.is(200).json;
    assert_eq!(found["data"][0]["id"], RESTAURANT.to_string());
    assert_eq!(found["has_more"], false);
    let menu = city.get(&format!("/v1/restaurants/{RESTAURANT}/menu"), &ana()).await.is(200).json;
    assert_eq!(menu["categories"][0]["items"][0]["name"], "ajiaco");
    assert_eq!(menu["open"], true);

    let before = city.client.remembered();
    let placed = city.post("/v1/orders", &ana(), wish()).await.is(201);
    let order = placed.json["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/orders/{order}");
    assert_eq!(placed.headers["location"], path);
    assert_eq!(placed.json["status"], "pending");
    assert_eq!(placed.json["quote"]["subtotal"], json!({ "minor": 1800, "currency": "EUR" }));
    assert_eq!(placed.json["payment"]["state"], "held");
    assert_eq!(placed.json["lines"][0]["name"], "ajiaco");
    assert_eq!(placed.json["cancellation"]["ground"], "before_acceptance");
    assert_eq!(city.get(&path, &kitchen()).await.is(200).json["id"], order);

    city.accept(&order).await;
    let terms = city.get(&format!("{path}/cancellation"), &ana()).await.is(200).json;
    assert_eq!((&terms["allowed"], &terms["reason"]), (&json!(false), &json!("not_yet")));
    let early = city.post(&format!("{path}/cancel"), &ana(), json!({})).await.is(409);
    assert_eq!(early.code(), "not_yet_cancellable");
    assert_eq!(early.json["cancellation"]["from"], terms["from"]);
    assert_eq!(early.json["order_status"], "confirmed");

    let delivery = city.offer().await;
    city.get(&path, &bob()).await.is(404);
    let desk = city.tap(&delivery, "accept").await.is(200).json;
    assert_eq!(
        (&desk["status"], &desk["deliveries"][0]["id"]),
        (&json!("on_delivery"), &json!(delivery))
    );
    assert_eq!(city.get(&path, &bob()).await.is(200).json["driver"]["id"], bob().to_string());

    let restaurant = format!("/v1/restaurants/orders/{order}");
    for status in ["preparing", "ready_for_pickup"] {
        let told = city.patch(&restaurant, &kitchen(), json!({ "status": status })).await.is(200);
        assert_eq!(told.json["status"], status);
    }
    for tap in ["arrived", "picked_up", "on_the_way", "at_doorstep"] {
        city.tap(&delivery, tap).await.is(200);
    }
    let late = city.post(&format!("{path}/cancel"), &ana(), json!({})).await.is(409);
    assert_eq!(late.code(), "order_at_doorstep");
    assert_eq!(late.json["cancellation"]["reason"], "at_doorstep");
    let again = city.tap(&delivery, "picked_up").await.is(200);
    assert_eq!(again.json["deliveries"][0]["orders"][0]["status"], "at_doorstep", "already so");
    let rejects =
        city.patch(&restaurant, &kitchen(), json!({ "status": "rejected" })).await.is(409);
    assert_eq!(
        (rejects.code(), &rejects.json["status_allowed"]),
        ("wrong_status", &json!(["pending"]))
    );
    city.tap(&delivery, "delivered").await.is(200);
    let done = city.get(&path, &ana()).await.is(200).json;
    assert_eq!(
        (&done["status"], &done["payment"]["state"]),
        (&json!("delivered"), &json!("captured"))
    );
    let steps: Vec<&str> =
        done["history"].as_array().unwrap().iter().map(|m| m["status"].as_str().unwrap()).collect();
    assert_eq!(steps.first(), Some(&"pending"));
    assert_eq!(steps.last(), Some(&"delivered"));
    // What an order takes of the memory of outcomes: what is said of `causes_max` rests on it.
    let after = city.client.remembered();
    assert_eq!((after.firm - before.firm, after.refusals - before.refusals), (10, 4));
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_also_after_a_restart_and_another_body_is_refused() {
    let log = MemoryLog::new();
    let first = City::on(log.clone(), 1, policy(), |config| config);
    first.found().await;
    let placed = first.post_as("/v1/orders", &ana(), "k-1", &wish()).await.is(201).json;
    let again = first.post_as("/v1/orders", &ana(), "k-1", &wish()).await.is(201).json;
    assert_eq!(again["id"], placed["id"]);
    drop(first);

    let second = City::on(log, 2, policy(), |config| config);
    let again = second.post_as("/v1/orders", &ana(), "k-1", &wish()).await.is(201).json;
    assert_eq!(again["id"], placed["id"]);
    let mut other = wish();
    other["lines"][0]["quantity"] = json!(3);
    let reused = second.post_as("/v1/orders", &ana(), "k-1", &other).await.is(422);
    assert_eq!(reused.code(), "idempotency_key_reused");
    let somebody = Who::Customer(8.into());
    let hers = second.post_as("/v1/orders", &somebody, "k-1", &other).await.is(201).json;
    assert_ne!(hers["id"], placed["id"]);
    let another = second.post_as("/v1/orders", &ana(), "k-2", &wish()).await.is(201).json;
    assert_ne!(another["id"], placed["id"]);
    assert_eq!(
        second.post_as("/v1/orders", &ana(), "", &wish()).await.is(400).code(),
        "bad_idempotency_key"
    );
    let token = second.token(&ana());
    let unnamed = second.call("POST", "/v1/orders", Some(&token), None, &wish()).await.is(400);
    assert_eq!(unnamed.code(), "idempotency_key_missing");
}

#[tokio::test]
async fn every_wrong_wish_has_its_own_code_and_nothing_comes_of_it() {
    let city = City::new().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut wish = wish();
        change(&mut wish);
        wish
    };
    let table: [(&str, u16, Value); 12] = [
        ("empty_cart", 400, with(&|w| w["lines"] = json!([]))),
        ("unknown_item", 400, with(&|w| w["lines"][0]["item"] = json!("itm_0000000000099"))),
        ("bad_quantity", 400, with(&|w| w["lines"][0]["quantity"] = json!(0))),
        ("unknown_choice", 400, with(&|w| w["lines"][0]["choices"] = json!(["itm_0000000000005"]))),
        ("invalid_body", 400, with(&|w| w["lines"][0]["quantity"] = json!(-1))),
        ("invalid_body", 400, with(&|w| w["drop_of"] = json!(1))),
        ("invalid_body", 400, json!([])),
        ("bad_place", 400, with(&|w| w["drop_off"]["lat"] = json!(91))),
        ("not_found", 404, with(&|w| w["restaurant"] = json!("rst_0000000000099"))),
        ("out_of_range", 422, with(&|w| w["drop_off"]["lat"] = json!(5.5))),
        ("invalid_body", 400, with(&|w| w["restaurant"] = json!("cus_0000000000001"))),
        (
            "price_changed",
            409,
            with(&|w| w["lines"][0]["unit_price"] = json!({ "minor": 1, "currency": "EUR" })),
        ),
    ];
    for (code, status, wish) in table {
        let refused = city.post("/v1/orders", &ana(), wish.clone()).await.is(status);
        assert_eq!(refused.code(), code, "{wish}: {:?}", refused.json);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        let id = refused.headers["request-id"].to_str().unwrap();
        assert_eq!(refused.json["request_id"], id);
        assert_eq!(refused.json["status"], status);
    }
    assert_eq!(city.get("/v1/orders", &ana()).await.is(200).json["data"], json!([]));
    city.put(&format!("/v1/restaurants/{RESTAURANT}"), &kitchen(), {
        let mut closed = crate::city::restaurant();
        closed["hours"] = json!({ "utc_offset_min": 0, "openings": [] });
        closed
    })
    .await
    .is(204);
    assert_eq!(city.post("/v1/orders", &ana(), wish()).await.is(422).code(), "restaurant_closed");
}

#[tokio::test]
async fn nonsense_is_told_apart_from_errors_of_ours() {
    let city = City::new().await;
    let token = city.token(&ana());
    let raw = |body: &'static str| {
        Request::post("/v1/orders")
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", "k")
            .body(Body::from(body))
            .unwrap()
    };
    for body in ["{", "\u{0}", "nul", "{\"a\":1}", "[[[[[[[[[[[[[[[[[[[[[[[["] {
        assert_eq!(city.send(raw(body)).await.is(400).code(), "invalid_body");
    }
    let long = Request::post("/v1/orders")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", "k")
        .body(Body::from(vec![b' '; 64 * 1_024 + 1]))
        .unwrap();
    assert_eq!(city.send(long).await.is(413).code(), "body_too_long");
    for (path, status, code) in [
        ("/v1/orders/ord_x", 404, "not_found"),
        ("/v1/orders/drv_0000000000001", 404, "not_found"),
        ("/v1/orders?limit=0", 400, "bad_limit"),
        ("/v1/orders?limit=101", 400, "bad_limit"),
        ("/v1/orders?limit=x", 400, "invalid_query"),
        ("/v1/orders?offset=3", 400, "invalid_query"),
        ("/v1/orders?cursor=x", 400, "bad_cursor"),
        ("/v1/restaurants?lat=91&lng=0", 400, "bad_place"),
        ("/v1/restaurants?lat=NaN&lng=0", 400, "bad_place"),
        ("/v1/restaurants?lat=1&lng=0&radius_m=0", 400, "bad_radius"),
        ("/v1/restaurants?lat=1", 400, "invalid_query"),
        (&format!("/v1/restaurants?lat=1&lng=0&cuisine={}", "x".repeat(201)), 400, "bad_cuisine"),
        ("/v2/orders", 404, "not_found"),
        ("/v1/orders/", 404, "not_found"),
    ] {
        let refused = city.get(path, &ana()).await.is(status);
        assert_eq!(refused.code(), code, "{path}");
        assert_eq!(refused.headers["content-type"], "application/problem+json", "{path}");
    }
    // As long as is described, in characters; there is none such.
    let longest = format!("/v1/restaurants?lat=1&lng=0&cuisine={}", "%C3%BC".repeat(200));
    assert_eq!(city.get(&longest, &ana()).await.is(200).json["data"], json!([]));
    let mut foreign = crate::city::restaurant();
    foreign["categories"][0]["items"][0]["price"]["currency"] = json!("USD");
    let path = format!("/v1/restaurants/{RESTAURANT}");
    let refused = city.put(&path, &operations(), foreign).await.is(422);
    assert_eq!(refused.code(), "wrong_currency");
    let wrong = city.put("/v1/orders", &ana(), json!({})).await.is(405);
    assert_eq!(wrong.code(), "method_not_allowed");
    let ops = |bbox: &str| format!("/v1/ops/drivers?bbox={bbox}");
    assert_eq!(city.get(&ops("0,10,1,5"), &operations()).await.is(422).code(), "bad_bbox");
    for bbox in ["1,2,3", "a,b,c,d", "0,0,0,91", "0,0,1,1,1", ""] {
        assert_eq!(city.get(&ops(bbox), &operations()).await.is(400).code(), "bad_bbox", "{bbox}");
    }
}

#[tokio::test]
async fn orders_are_listed_page_by_page_each_to_whom_they_belong() {
    let city = City::new().await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(city.order().await);
    }
    placed.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/orders?limit=2".to_owned());
    loop {
        let page = city.get(&path, &ana()).await.is(200).json;
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        assert_eq!(page["has_more"], true);
        path = format!("/v1/orders?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, placed);
    let theirs = city.get("/v1/orders", &kitchen()).await.is(200).json;
    assert_eq!(theirs["data"].as_array().unwrap().len(), 5);
    let nobodys = city.get("/v1/orders", &Who::Customer(8.into())).await.is(200).json;
    assert_eq!(nobodys["data"], json!([]));
}

#[tokio::test]
async fn pings_are_taken_all_or_none_and_the_map_shows_them() {
    let city = City::new().await;
    let (lat, lng) = KITCHEN;
    let ping = json!({ "lat": lat, "lng": lng, "heading_deg": 90 });
    let driver = bob();
    // Of two fixes of one millisecond the first is believed.
    let founded = city.clock.now();
    while city.clock.now() == founded {
        tokio::task::yield_now().await;
    }
    let post = |pings: Value| city.post("/v1/drivers/location", &driver, json!({ "pings": pings }));
    let told =
        post(json!([ping, { "lat": lat, "lng": lng, "taken_at": "2001-01-01T00:00:00Z" }])).await;
    let told = told.is(200).json;
    assert_eq!((&told["taken"], &told["out_of_order"]), (&json!(1), &json!(1)));
    for (pings, code) in [
        (json!([]), "bad_pings"),
        (json!(vec![ping.clone(); 101]), "bad_pings"),
        (json!([ping, { "lat": 91, "lng": 0 }]), "bad_place"),
        (json!([{ "lat": 1, "lng": 0, "heading_deg": 360 }]), "bad_heading"),
        (json!([{ "lat": 1 }]), "invalid_body"),
    ] {
        assert_eq!(post(pings).await.is(400).code(), code);
    }
    let markers =
        city.get("/v1/ops/drivers?bbox=-76,4,-75,5&zoom=3", &operations()).await.is(200).json;
    assert_eq!(markers["drivers"], 1);
    assert_eq!(markers["markers"][0]["id"], driver.to_string());
    assert_eq!(markers["markers"][0]["heading_deg"], 90);
    let counters = city.get("/v1/ops/counters", &operations()).await.is(200).json;
    assert_eq!(
        (&counters["drivers"]["online"], &counters["drivers"]["on_map"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_sale_of_one_unit_is_claimed_waited_for_and_ordered() {
    let city = City::new().await;
    let sale = "/v1/sales/sal_0000000000001";
    let open = json!({
        "restaurant": RESTAURANT.to_string(), "item": "itm_0000000000002", "stock": 1,
        "opens_at": "2020-01-01T00:00:00Z",
    });
    city.put("/v1/ops/sales/sal_0000000000001", &operations(), open).await.is(204);
    let carl = Who::Customer(8.into());
    assert_eq!(city.get(sale, &ana()).await.is(200).json["standing"]["state"], "outside");
    let held = city.post(&format!("{sale}/claims"), &ana(), json!({})).await.is(201).json;
    let again = city.post(&format!("{sale}/claims"), &ana(), json!({})).await.is(201).json;
    assert_eq!(again["hold"], held["hold"]);
    let late = city.post(&format!("{sale}/claims"), &carl, json!({})).await.is(409);
    assert_eq!(late.code(), "all_held");
    let waits = city.post(&format!("{sale}/queue"), &carl, json!({})).await.is(202).json;
    assert_eq!(waits["ahead"], 0);
    let shown = city.get(sale, &carl).await.is(200).json;
    assert_eq!((&shown["available"], &shown["held"]), (&json!(0), &json!(1)));
    assert_eq!(shown["standing"]["state"], "in_line");

    let mut wish = wish();
    wish["lines"][0] = json!({ "item": "itm_0000000000002", "quantity": 1 });
    assert_eq!(city.post("/v1/orders", &carl, wish.clone()).await.is(409).code(), "only_in_sale");
    wish["sale"] = json!({ "id": "sal_0000000000001", "hold": held["hold"] });
    city.post("/v1/orders", &carl, wish.clone()).await.is(404);
    city.post("/v1/orders", &ana(), wish).await.is(201);
    let shown = city.get(sale, &ana()).await.is(200).json;
    assert_eq!((&shown["sold"], &shown["standing"]["hold_state"]), (&json!(1), &json!("sold")));
    let over = city.post(&format!("{sale}/claims"), &carl, json!({})).await.is(409);
    assert_eq!(over.code(), "sold_out");
}

#[tokio::test]
async fn what_there_was_no_room_for_is_had_under_the_same_key_once_there_is() {
    let mut policy = policy();
    policy.memory.orders_max = 1;
    policy.memory.retain_terminal = Span::ZERO;
    let city = City::on(MemoryLog::new(), 1, policy, |mut config| {
        let quota = doorstep_core::limit::Quota::new(1_000_000, Span::from_secs(1)).unwrap();
        config.limits.per_principal = quota;
        config.limits.per_principal_acts = quota;
        config
    });
    city.found().await;
    let order = city.order().await;
    let (carl, records) = (Who::Customer(8.into()), city.records());
    let full = city.post_as("/v1/orders", &carl, "one-press", &wish()).await.is(503);
    assert_eq!((full.code(), city.records()), ("no_room", records));
    assert!(full.headers.contains_key("retry-after"));
    let cancelled = city.post(&format!("/v1/orders/{order}/cancel"), &ana(), json!({})).await;
    assert!(cancelled.status.is_success(), "{cancelled:?}");
    // Until the money of the other order is given back.
    loop {
        let answer = city.post_as("/v1/orders", &carl, "one-press", &wish()).await;
        if answer.status.as_u16() != 503 {
            answer.is(201);
            break;
        }
        assert_eq!(answer.code(), "no_room");
        tokio::task::yield_now().await;
    }
}

async fn webhook(city: &City, signature: String, body: String) -> Answer {
    let request = Request::post("/v1/webhooks/payments").header("stripe-signature", signature);
    city.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_webhook_is_believed_by_its_signature_over_the_raw_bytes_and_heard_once() {
    let city = City::new().await;
    let order = city.order().await;
    let body = format!(
        r#"{{"id":"evt_1","type":"payment_intent.amount_capturable_updated","data":{{"object":
        {{"amount_capturable":2000,"currency":"eur","metadata":{{"doorstep_effect":"{order}/hold/1"}}}}}}}}"#
    );
    let secret = stripe::Secret::new(WEBHOOK_SECRET).unwrap();
    let send = |signature, body| webhook(&city, signature, body);
    let good = stripe::sign(&secret, body.as_bytes(), city.clock.now());
    send(good.clone(), body.clone()).await.is(204);
    let records = city.records();
    send(good.clone(), body.clone()).await.is(204);
    assert_eq!(city.records(), records, "a repetition writes nothing");
    let contradicts = body.replace("2000", "1");
    let signed = stripe::sign(&secret, contradicts.as_bytes(), city.clock.now());
    send(signed, contradicts).await.is(204);
    assert_eq!(city.records(), records, "a contradiction is acknowledged, and has no effect");

    assert_eq!(send(good.clone(), body.replace(' ', "  ")).await.is(400).code(), "bad_signature");
    assert_eq!(send("t=1,v1=00".into(), body.clone()).await.is(400).code(), "bad_signature");
    let old = stripe::sign(&secret, body.as_bytes(), doorstep_core::time::Timestamp::from_secs(1));
    assert_eq!(send(old, body).await.is(400).code(), "bad_signature");
    let nothing = stripe::sign(&secret, b"{}", city.clock.now());
    assert_eq!(send(nothing, "{}".into()).await.is(400).code(), "not_an_event");
}

#[tokio::test]
async fn a_limit_says_so_in_the_standard_headers_and_when_to_come_back() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        let quota = doorstep_core::limit::Quota::new(2, doorstep_core::time::Span::from_hours(1));
        config.limits.per_principal = quota.unwrap();
        config
    });
    let path = "/v1/orders";
    let first = city.get(path, &ana()).await.is(200);
    assert_eq!(first.headers["ratelimit-policy"], "\"person\";q=2;w=3600");
    assert!(first.headers["ratelimit"].to_str().unwrap().starts_with("\"person\";r=1;"));
    city.get(path, &ana()).await.is(200);
    let refused = city.get(path, &ana()).await.is(429);
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1_700..=1_800).contains(&wait), "{wait}");
    city.get(path, &Who::Customer(8.into())).await.is(200);
    city.get(path, &kitchen()).await.is(200);
}

#[tokio::test]
async fn what_reaches_the_writer_has_a_lower_limit_of_its_own_for_people() {
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        config.limits.per_principal_acts =
            doorstep_core::limit::Quota::new(2, Span::from_hours(1)).unwrap();
        config
    });
    city.found().await;
    let sale = "/v1/sales/sal_0000000000001/claims";
    for _ in 0..2 {
        city.post(sale, &ana(), json!({})).await.is(404);
    }
    let records = city.records();
    let nowhere = "/v1/orders/ord_0000000000001/cancel";
    for (path, body) in [(sale, json!({})), (nowhere, json!({})), ("/v1/orders", wish())] {
        let refused = city.post(path, &ana(), body).await.is(429);
        assert_eq!(refused.code(), "rate_limited");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1_700..=1_800).contains(&wait), "{wait}");
    }
    assert_eq!(city.records(), records, "nothing of it is decided");
    city.get("/v1/orders", &ana()).await.is(200);
    let carl = Who::Customer(8.into());
    city.post_as("/v1/orders", &carl, "one-press", &wish()).await.is(201);
    city.post_as("/v1/orders", &carl, "one-press", &wish()).await.is(201);
    city.post_as("/v1/orders", &carl, "one-press", &wish()).await.is(429);
    // Bulk work, and what the provider tells, are none of it.
    let menu = format!("/v1/restaurants/{RESTAURANT}");
    let secret = stripe::Secret::new(WEBHOOK_SECRET).unwrap();
    for number in 0..5 {
        city.put(&menu, &operations(), restaurant()).await.is(204);
        let told = format!(
            r#"{{"id":"evt_{number}","type":"payment_intent.canceled","data":
            {{"object":{{"metadata":{{"doorstep_effect":"ord_0000000000001/hold/1"}}}}}}}}"#
        );
        let signature = stripe::sign(&secret, told.as_bytes(), city.clock.now());
        webhook(&city, signature, told).await.is(204);
    }
}

/// Keeps gauges by name and kind.
#[derive(Default)]
struct Gauges(parking_lot::Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl metrics::Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let kind = key.labels().map(|label| format!(" {}", label.value())).collect::<String>();
        let name = format!("{}{kind}", key.name());
        metrics::Gauge::from_arc(self.0.lock().entry(name).or_default().clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::noop()
    }
}

#[test]
fn who_runs_it_sees_how_full_the_memory_of_outcomes_is() {
    let gauges = Gauges::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&gauges, || {
        runtime.block_on(async {
            let mut policy = policy();
            policy.memory.causes_max = 77;
            let city = City::on(MemoryLog::new(), 1, policy, |config| config);
            city.found().await;
            let claim = "/v1/sales/sal_0000000000001/claims";
            city.post(claim, &ana(), json!({})).await.is(404);
            let asks = Request::get("/metrics").body(Body::empty()).unwrap();
            let answer = city.service.admin(|| "as the recorder has it".into()).oneshot(asks).await;
            assert_eq!(answer.unwrap().status(), 200);
        });
    });
    let shown = |name| f64::from_bits(gauges.0.lock()[name].load(Ordering::Relaxed));
    // The restaurant, the driver, who came on duty.
    assert_eq!(shown("doorstep_outcomes firm"), 3.0);
    assert_eq!(shown("doorstep_outcomes refusals"), 1.0);
    assert_eq!(shown("doorstep_outcomes_max"), 77.0);
}
