//! The table, row by row.

use doorstep_core::shard::Event;

use super::*;

fn text(told: &Told) -> String {
    let critical = if told.critical { "!" } else { "" };
    let until = told.useful_until.map(|at| format!(" until {}", at.as_millis()));
    let until = until.unwrap_or_default();
    format!("{} {}/{}{critical}{until}", letter(told.who), told.category, told.kind)
}

#[track_caller]
fn check(json: &str, wants: &[&str]) {
    let event: Event = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let told: Vec<String> = rows(&event).iter().map(text).collect();
    assert_eq!(told, wants, "{json}");
}

fn order(event: &str) -> String {
    format!(r#"{{"order":{{"order":"ord_0000000000001","event":{event}}}}}"#)
}

#[test]
fn every_event_of_an_order_tells_whom_it_concerns() {
    let eur = r#"{"minor":1,"currency":"EUR"}"#;
    let quote = format!(
        r#"{{"distance_m":1,"subtotal":{eur},"delivery_fee":{eur},"tax_permille":0,"tax":{eur},"total":{eur}}}"#
    );
    let (adjusted, cancelled) = (
        format!(r#"{{"adjusted":{{"lines":[],"quote":{quote}}}}}"#),
        format!(r#"{{"cancelled":{{"by":"customer","ground":"before_acceptance","fee":{eur}}}}}"#),
    );
    let (d, v) = (r#""driver":"drv_0000000000001""#, r#""delivery":"dlv_0000000000001""#);
    let rows: [(String, &[&str]); 17] = [
        (
            r#"{"placed":{"respond_by":9}}"#.into(),
            &["c order/order.placed", "r kitchen/order.placed! until 9"],
        ),
        (
            r#"{"accepted":{"kitchen":"cooks","estimate":1,"give_up_at":1,"pick_up_by":1}}"#.into(),
            &["c order/order.confirmed"],
        ),
        (r#""preparing_started""#.into(), &["c order/order.preparing"]),
        (
            r#"{"made_ready":{"estimate":1}}"#.into(),
            &["c order/order.ready", "k delivery/order.ready"],
        ),
        (adjusted, &["c order/order.adjusted!"]),
        (r#"{"estimate_revised":{"estimate":1}}"#.into(), &[]),
        (
            format!(r#"{{"driver_assigned":{{{d},{v},"arrive_by":1,"estimate":1}}}}"#),
            &["c order/order.driver_assigned"],
        ),
        (
            format!(r#"{{"driver_dropped":{{{d},"why":"driver","give_up_at":1}}}}"#),
            &["c order/order.driver_dropped"],
        ),
        (
            format!(r#"{{"handed_over":{{"from":null,{d},{v},"arrive_by":1}}}}"#),
            &["c order/order.driver_changed"],
        ),
        (
            r#""search_flagged""#.into(),
            &["c order/order.no_driver!", "o operations/order.no_driver"],
        ),
        (
            format!(r#"{{"arrived_at_restaurant":{{{d},"slack":1}}}}"#),
            &["r kitchen/order.driver_here"],
        ),
        (
            format!(r#"{{"picked_up":{{{d},"lost_at":1,"estimate":1}}}}"#),
            &["c order/order.picked_up"],
        ),
        (format!(r#"{{"departed":{{{d}}}}}"#), &["c order/order.on_the_way"]),
        (
            format!(r#"{{"arrived_at_doorstep":{{{d},"leave_at":1,"far_m":null}}}}"#),
            &["c order/order.at_doorstep!"],
        ),
        (format!(r#"{{"delivered":{{{d}}}}}"#), &["c order/order.delivered"]),
        (
            r#"{"undelivered":{"by":"operations","reason":"customer_absent","returned":false}}"#
                .into(),
            &[
                "c order/order.undelivered!",
                "r kitchen/order.undelivered",
                "o operations/order.undelivered",
            ],
        ),
        (
            cancelled,
            &[
                "c order/order.cancelled!",
                "r kitchen/order.cancelled!",
                "k delivery/order.cancelled!",
            ],
        ),
    ];
    for (event, wants) in rows {
        check(&order(&event), wants);
    }
}

#[test]
fn every_word_of_the_provider_tells_whom_it_concerns() {
    let eur = r#"{"minor":1,"currency":"EUR"}"#;
    let failed = |flagged: bool| {
        format!(r#"{{"failed":{{"step":"capture","attempt":1,"retry_at":1,"flagged":{flagged}}}}}"#)
    };
    let rows: [(String, &[&str]); 9] = [
        (r#"{"held":{"until":1}}"#.into(), &[]),
        (r#"{"hold_refused":{"why":"declined"}}"#.into(), &["c payment/payment.declined!"]),
        (r#"{"hold_refused":{"why":"unavailable"}}"#.into(), &["c payment/payment.unavailable!"]),
        (r#"{"hold_refused":{"why":"given_up"}}"#.into(), &[]),
        (format!(r#"{{"captured":{{"amount":{eur}}}}}"#), &["c payment/payment.receipt"]),
        (format!(r#"{{"refunded":{{"amount":{eur}}}}}"#), &["c payment/payment.refunded"]),
        (r#"{"released":{"why":"voided"}}"#.into(), &[]),
        (failed(true), &["o operations/payment.failing"]),
        (failed(false), &[]),
    ];
    for (event, wants) in rows {
        let event = format!(r#"{{"payment":{event}}}"#);
        check(&order(&event), wants);
        check(&order(&event).replacen("order", "checkout", 1), wants);
    }
    let given_up = order(r#""given_up""#).replacen("order", "checkout", 1);
    check(&given_up, &["c payment/checkout.given_up"]);
}

#[test]
fn drivers_are_told_of_offers_and_of_what_is_taken_away() {
    let (d, v) = (r#""driver":"drv_0000000000001""#, r#""delivery":"dlv_0000000000001""#);
    let offer = r#""expires_at":9,"mode":"nearest","distance_m":null,"score":null,"considered":1"#;
    let rows: [(String, &[&str]); 10] = [
        (format!(r#"{{"offer_made":{{{v},{d},{offer}}}}}"#), &["d offer/offer.made! until 9"]),
        (
            format!(r#"{{"offer_closed":{{{v},{d},"why":"withdrawn"}}}}"#),
            &["d offer/offer.withdrawn"],
        ),
        (format!(r#"{{"offer_closed":{{{v},{d},"why":"declined"}}}}"#), &[]),
        (format!(r#"{{"offer_closed":{{{v},{d},"why":"expired"}}}}"#), &[]),
        (
            format!(r#"{{"dropped":{{{v},{d},"why":"no_show","stage_ends_at":1}}}}"#),
            &["d offer/delivery.taken_away!"],
        ),
        (format!(r#"{{"dropped":{{{v},{d},"why":"driver","stage_ends_at":1}}}}"#), &[]),
        (
            format!(r#"{{"reassigned":{{{v},"from":null,"to":"drv_0000000000002"}}}}"#),
            &["d offer/delivery.assigned!"],
        ),
        (
            format!(
                r#"{{"reassigned":{{{v},"from":"drv_0000000000001","to":"drv_0000000000002"}}}}"#
            ),
            &["d offer/delivery.assigned!", "f offer/delivery.taken_away!"],
        ),
        (format!(r#"{{"taken":{{{v},{d}}}}}"#), &[]),
        (format!(r#"{{"went_online":{{{d}}}}}"#), &[]),
    ];
    for (event, wants) in rows {
        check(&format!(r#"{{"dispatch":{event}}}"#), wants);
    }
}
