//! Orders that have left memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorstep_core::id::{CustomerId, OrderId};
use doorstep_core::order::Order;
use doorstep_core::time::Span;
use doorstep_http::auth::Who;
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::ports::{Fault, HistorySource};
use doorstep_runtime::reads::Known;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::city::{Answer, City, ana, bob, kitchen, operations, policy, wish};

/// What a history would hold; broken where it holds nothing.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<BTreeMap<OrderId, Order>>>>);

impl HistorySource for Kept {
    fn order(&self, id: OrderId) -> Result<Option<Order>, Fault> {
        let kept = self.0.lock();
        kept.as_ref().map(|kept| kept.get(&id).cloned()).ok_or_else(|| "the disk is gone".into())
    }
}

#[tokio::test]
async fn an_order_that_has_left_memory_is_told_to_those_whose_it_was() {
    let before = City::new().await;
    let (order, delivery) = before.taken().await;
    let path = format!("/v1/orders/{order}");
    before.post(&format!("{path}/cancel"), &operations(), serde_json::json!({})).await.is(200);
    let id: OrderId = order.parse().unwrap();
    let Some(Known::Order(ended)) = before.client.known(id) else { panic!("{delivery}") };

    // A city that never heard of it, but for its history.
    let kept = Kept::default();
    let history = kept.clone();
    let after = City::on(MemoryLog::new(), 2, policy(), |mut config| {
        config.history = Some(Arc::new(history));
        config
    });
    let broken = after.get(&path, &ana()).await.is(503);
    assert_eq!(broken.code(), "history_unavailable");
    *kept.0.lock() = Some(BTreeMap::new());
    after.get(&path, &ana()).await.is(404);
    *kept.0.lock() = Some(BTreeMap::from([(id, Order::clone(&ended))]));

    for who in [ana(), kitchen(), operations()] {
        let told = after.get(&path, &who).await.is(200);
        assert_eq!(
            (told.json["id"].as_str(), told.json["status"].as_str()),
            (Some(&*order), Some("cancelled"))
        );
        let terms = after.get(&format!("{path}/cancellation"), &who).await.is(200);
        assert_eq!(
            (terms.json["allowed"].as_bool(), terms.json["reason"].as_str()),
            (Some(false), Some("ended"))
        );
    }
    let others = [Who::Customer(CustomerId::truncating(8)), Who::Restaurant(2.into()), bob()];
    for who in others {
        after.get(&path, &who).await.is(404);
        after.get(&format!("{path}/cancellation"), &who).await.is(404);
    }
    // What is over is looked at, and no more.
    after.post(&format!("{path}/cancel"), &ana(), serde_json::json!({})).await.is(404);
}

/// A city in which what is over leaves memory at once, with this history or none.
async fn forgetful(history: Option<Kept>) -> City {
    let mut rules = policy();
    rules.memory.retain_terminal = Span::ZERO;
    let city = City::on(MemoryLog::new(), 1, rules, |mut config| {
        config.history = history.map(|kept| Arc::new(kept) as _);
        config
    });
    city.found().await;
    city
}

/// Something happens until the order has left memory.
async fn forgotten(city: &City, id: OrderId) {
    while city.client.known(id).is_some() {
        city.post("/v1/drivers/status", &bob(), json!({ "status": "offline" })).await;
    }
}

#[tokio::test]
async fn a_retry_gets_its_first_answer_though_the_order_has_left_memory() {
    for kept in [None, Some(Kept::default())] {
        let city = forgetful(kept.clone()).await;
        let placed = city.post_as("/v1/orders", &ana(), "k-place", &wish()).await.is(201);
        let order = placed.json["id"].as_str().unwrap().to_owned();
        let id: OrderId = order.parse().unwrap();
        let Some(Known::Order(then)) = city.client.known(id) else { panic!("it was placed") };
        let cancel = format!("/v1/orders/{order}/cancel");
        let refuse = format!("/v1/restaurants/orders/{order}");
        let rejects = json!({ "status": "rejected" });
        let asks = async |path: &str, who: &Who, key: &str, body: &Value| -> Answer {
            let method = if path == cancel { "POST" } else { "PATCH" };
            city.call(method, path, Some(&city.token(who)), Some(key), body).await
        };
        let unpaid = json!({ "fee": { "minor": 1_000_000, "currency": "EUR" } });
        let first = asks(&cancel, &operations(), "k-fee", &unpaid).await;
        assert!(first.status.is_client_error(), "more than was held: {:?}", first.json);
        asks(&refuse, &kitchen(), "k-no", &rejects).await;
        forgotten(&city, id).await;
        if let Some(kept) = &kept {
            *kept.0.lock() = Some(BTreeMap::from([(id, Order::clone(&then))]));
        }

        let done = if kept.is_some() { 200 } else { 204 };
        let again = asks(&refuse, &kitchen(), "k-no", &rejects).await.is(done);
        assert_eq!(again.json["id"].as_str(), kept.is_some().then_some(&*order));
        let again = asks(&cancel, &operations(), "k-fee", &unpaid).await;
        assert_eq!((again.status, again.code()), (first.status, first.code()));
        let placed = city.post_as("/v1/orders", &ana(), "k-place", &wish()).await;
        match &kept {
            Some(_) => assert_eq!(placed.is(201).json["id"].as_str(), Some(&*order)),
            None => assert_eq!(placed.is(410).code(), "order_forgotten"),
        }
        // Nobody else hears anything, and nothing new is done.
        let records = city.records();
        let accepts = json!({ "status": "accepted" });
        asks(&refuse, &kitchen(), "k-no", &accepts).await.is(422);
        asks(&refuse, &kitchen(), "k-new", &rejects).await.is(404);
        asks(&refuse, &Who::Restaurant(2.into()), "k-no", &rejects).await.is(404);
        asks(&cancel, &operations(), "k-new", &json!({})).await.is(404);
        for other in [ana(), Who::Customer(8.into()), Who::Operations("oscar".into())] {
            asks(&cancel, &other, "k-fee", &json!({})).await.is(404);
        }
        assert_eq!(city.records(), records);
    }
}
