//! What the service tells of its own accord, against its description.

use doorstep_core::id::ShardId;
use doorstep_core::notify::Name;
use doorstep_http::wire;
use doorstep_runtime::memory_log::MemoryLog;
use doorstep_runtime::notify::{Inboxes, Kind, Notifications, NotifyConfig, Recipient};
use serde_json::{Value, json};

use crate::city::{ANA, BOB, City, RESTAURANT, operations, policy};

#[tokio::test]
async fn what_people_are_told_has_the_form_that_the_description_says() {
    let inboxes = Inboxes::new(100, 100);
    let channel = |name| (Name::new(name).unwrap(), inboxes.clone());
    let (in_app, push) = (channel("in_app"), channel("push"));
    let notifications = Notifications::new(NotifyConfig::new(ShardId::default())).unwrap();
    let notifications = notifications.channel(in_app.0, in_app.1).channel(push.0, push.1);
    let city = City::with(MemoryLog::new(), 1, policy(), |config| config, Some(notifications));
    city.found().await;
    let (order, _) = city.taken().await;
    city.post(&format!("/v1/orders/{order}/cancel"), &operations(), json!({})).await.is(200);

    let people =
        [Recipient::Customer(ANA), Recipient::Restaurant(RESTAURANT), Recipient::Driver(BOB)];
    let letters = || people.iter().flat_map(|who| inboxes.read(*who, 0, 100)).collect::<Vec<_>>();
    // They are told a step later.
    while letters().iter().filter(|letter| letter.body.contains("order.cancelled")).count() < 3 {
        tokio::task::yield_now().await;
    }
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let posted = &description["webhooks"]["notification"]["post"];
    let schema = &posted["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/Notification");
    let described = &description["components"]["schemas"]["NotificationType"]["enum"];
    let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(described, &json!(all));
    let members = &description["components"]["schemas"]["Notification"]["properties"];
    for letter in letters() {
        // Nothing in it that the description does not have.
        let told: wire::Notification = serde_json::from_str(&letter.body).unwrap();
        let sent: Value = serde_json::from_str(&letter.body).unwrap();
        assert_eq!(serde_json::to_value(&told).unwrap(), sent);
        assert!(sent.as_object().unwrap().keys().all(|name| !members[name].is_null()), "{sent}");
        assert!(all.contains(&told.kind.as_str()), "{}", told.kind);
        assert_eq!(told.v, doorstep_runtime::notify::FORMAT);
    }
}
