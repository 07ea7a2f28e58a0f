//! Orders that have left memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorstep_core::id::{CustomerId, OrderId};
use doorstep_core::order::Order;
use doorstep_http::auth::Who;
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::ports::{Fault, HistorySource};
use doorstep_runtime::reads::Known;
use parking_lot::Mutex;

use crate::city::{City, ana, bob, kitchen, operations, policy};

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
