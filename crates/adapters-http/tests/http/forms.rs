//! What is of the described form is read, and nothing else: bodies made from the description itself,
//! each then spoilt in one place.

use doorstep_core::limit::Quota;
use doorstep_core::time::Span;
use doorstep_runtime::memory_log::MemoryLog;
use serde_json::{Map, Value, json};

use crate::city::{City, policy};
use crate::matrix::{Route, ask, owner, routes};

/// A body of a form, with everything in it that may be.
fn whole(description: &Value, form: &Value) -> Value {
    let form = resolved(description, form);
    if let Some(words) = form["enum"].as_array() {
        return words[0].clone();
    }
    match kind(form) {
        "object" => {
            let of = |(name, form): (&String, &Value)| (name.clone(), whole(description, form));
            let properties = form["properties"].as_object().into_iter().flatten();
            Value::Object(properties.map(of).collect())
        }
        "array" => json!([whole(description, &form["items"])]),
        "string" => match (&form["example"], &form["examples"][0]) {
            (Value::Null, Value::Null) => json!("a name"),
            (Value::Null, example) | (example, _) => example.clone(),
        },
        "integer" | "number" => json!(form["minimum"].as_i64().unwrap_or(0).max(1)),
        "boolean" => json!(true),
        other => panic!("{other} is no type: {form}"),
    }
}

/// A form by its name, and one that may be null as if it could not.
fn resolved<'a>(description: &'a Value, form: &'a Value) -> &'a Value {
    if let Some(reference) = form["$ref"].as_str() {
        return description.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let choices = form["oneOf"].as_array().into_iter().flatten();
    choices.clone().find(|one| one["type"] != "null").map_or(form, |one| resolved(description, one))
}

fn kind(form: &Value) -> &str {
    form["type"].as_str().or_else(|| form["type"][0].as_str()).unwrap()
}

fn may_be_null(form: &Value) -> bool {
    let choices = form["oneOf"].as_array().into_iter().flatten();
    let types = form["type"].as_array().into_iter().flatten();
    choices.map(|one| &one["type"]).chain(types).any(|kind| kind == "null")
}

/// Everything that differs from `sound` in one place, where it is of another form than described.
fn spoilt(description: &Value, form: &Value, sound: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    if !may_be_null(form) {
        all.push(Value::Null);
    }
    let form = resolved(description, form);
    match sound {
        Value::Object(object) => {
            all.extend([json!("{}"), json!(0), json!([]), json!([sound])]);
            // The values that it must have, as a list, in every order: one is that of the fields.
            let required = form["required"].as_array().into_iter().flatten();
            let required = required.map(|name| object[name.as_str().unwrap()].clone()).collect();
            all.extend(orders(required).into_iter().map(Value::Array));
            let with = |name: &str, value: Value| {
                let mut object = object.clone();
                object.insert(name.into(), value);
                Value::Object(object)
            };
            all.push(with("unheard_of", json!(1)));
            for name in form["required"].as_array().into_iter().flatten() {
                let mut object = object.clone();
                object.remove(name.as_str().unwrap()).unwrap();
                all.push(Value::Object(object));
            }
            for (name, sound) in object {
                let worse = spoilt(description, &form["properties"][name], sound);
                all.extend(worse.into_iter().map(|worse| with(name, worse)));
            }
        }
        Value::Array(list) => {
            all.extend([json!({}), json!({ "0": list[0] }), json!("[]"), list[0].clone()]);
            let worse = spoilt(description, &form["items"], &list[0]);
            all.extend(worse.into_iter().map(|worse| json!([worse])));
        }
        Value::String(text) => {
            let named = Map::from_iter([(text.clone(), Value::Null)]);
            all.extend([json!(0), json!(true), json!([text]), Value::Object(named)]);
            // What has a form of its own is of that form.
            if form["enum"].is_array() || form["pattern"].is_string() || form["format"].is_string()
            {
                all.extend([json!(""), json!(format!("{text} ")), json!("a name")]);
            }
        }
        Value::Number(number) => {
            all.extend([json!(number.to_string()), json!([number]), json!({}), json!(true)]);
            if kind(form) == "integer" {
                all.push(json!(0.5));
            }
        }
        Value::Bool(_) => all.extend([json!(0), json!("true"), json!([true]), json!({})]),
        Value::Null => panic!("{form} makes nothing"),
    }
    all
}

/// A list in each of its orders.
fn orders(list: Vec<Value>) -> Vec<Vec<Value>> {
    if list.len() < 2 {
        return vec![list];
    }
    let first = |at: usize| {
        let mut rest = list.clone();
        let first = rest.remove(at);
        orders(rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..list.len()).flat_map(first).collect()
}

#[tokio::test]
async fn a_body_is_of_the_described_form_or_it_is_refused() {
    let unlimited = Quota::new(u32::MAX, Span::from_secs(1)).unwrap();
    let city = City::on(MemoryLog::new(), 1, policy(), |mut config| {
        let limits = &mut config.limits;
        (limits.per_principal, limits.per_address) = (unlimited, unlimited);
        limits.per_principal_acts = unlimited;
        config
    });
    // There need not be what is named: its form comes first.
    let ids = ("ord_0000000000001".into(), "dlv_0000000000001".into());
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let form = |route: &Route| {
        let operation = &description["paths"][route.path][route.method.to_lowercase()];
        operation["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    let mut routes = routes();
    routes.retain(|route| !form(route).is_null());
    let code = async |route: &Route, body: &Value| {
        let token = city.token(&owner(route.roles[0]));
        let route = Route { body: body.clone(), ..route.clone() };
        ask(&city, &route, &ids, Some(&token)).await.code().to_owned()
    };
    let (records, mut refused) = (city.records(), 0);
    for route in &routes {
        let form = form(route);
        let sound = whole(&description, &form);
        // `Null` would be sent as no body at all, which is sound where nothing is wanted.
        for worse in spoilt(&description, &form, &sound).iter().filter(|worse| !worse.is_null()) {
            let name = format!("{} {} {worse}", route.method, route.path);
            assert_eq!(code(route, worse).await, "invalid_body", "{name}");
            refused += 1;
        }
    }
    assert_eq!(city.records(), records);
    for route in &routes {
        let sound = whole(&description, &form(route));
        let name = format!("{} {} {sound}", route.method, route.path);
        assert_ne!(code(route, &sound).await, "invalid_body", "{name}");
    }
    assert!(routes.len() >= 19 && refused > 500, "{} forms, {refused} refused", routes.len());
}
