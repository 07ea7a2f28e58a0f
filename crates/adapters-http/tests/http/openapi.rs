//! The committed description is what the routes say of themselves.

use doorstep_runtime::memory_log::MemoryLog;
use serde_json::Value;

use crate::city::{Answer, City, policy};

/// Where it is committed.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// Every answer that any test here gets is one that the description names, in the form that it says.
#[track_caller]
pub(crate) fn is_described(openapi: &str, method: &str, path: &str, answer: &Answer) {
    let description: Value = serde_json::from_str(openapi).unwrap();
    let of_form = |template: &str| {
        let (wanted, found) = (template.split('/'), path.split('/'));
        wanted.clone().count() == found.clone().count()
            && wanted.zip(found).all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
    };
    let paths = description["paths"].as_object().unwrap();
    // What has no template of its own first: `/v1/drivers/stream` is no `{id}`.
    let exact = paths.get_key_value(path);
    let found = exact.or_else(|| paths.iter().find(|(template, _)| of_form(template)));
    let Some((template, operations)) = found else { return };
    let operation = &operations[method.to_lowercase()];
    if operation.is_null() {
        assert_eq!(answer.status.as_u16(), 405, "{method} {template}");
        return;
    }
    let status = answer.status.as_str();
    let told = &operation["responses"][status];
    assert!(!told.is_null(), "{method} {template}: {status} is not described: {:?}", answer.json);
    let told = match told["$ref"].as_str() {
        Some(named) => description.pointer(named.trim_start_matches('#')).unwrap(),
        None => told,
    };
    let content_type = answer.headers.get("content-type").map(|value| value.to_str().unwrap());
    let described = told["content"].as_object().map(|content| content.keys().next().unwrap());
    assert_eq!(content_type, described.map(String::as_str), "{method} {template}: {status}");
    assert!(answer.headers.contains_key("request-id"), "{method} {template}: {status}");
}

/// The JSON of what the description says of an operation, by its name.
fn operation<'a>(description: &'a Value, name: &str) -> &'a Value {
    let paths = description["paths"].as_object().unwrap().values();
    let mut operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    operations.find(|operation| operation["operationId"] == name).unwrap()
}

#[tokio::test]
async fn every_link_leads_to_an_operation_that_has_the_parameter() {
    let city = City::on(MemoryLog::new(), 1, policy(), |config| config);
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let mut links = 0;
    for methods in description["paths"].as_object().unwrap().values() {
        for from in methods.as_object().unwrap().values() {
            let responses = from["responses"].as_object().unwrap().values();
            for link in responses.filter_map(|response| response["links"].as_object()) {
                for link in link.values() {
                    let to = operation(&description, link["operationId"].as_str().unwrap());
                    let takes = |name: &str| {
                        let parameters = to["parameters"].as_array().unwrap();
                        parameters.iter().any(|parameter| parameter["name"] == name)
                    };
                    assert!(link["parameters"].as_object().unwrap().keys().all(|name| takes(name)));
                    links += 1;
                }
            }
        }
    }
    assert!(links >= 20, "{links}");
}

#[tokio::test]
async fn what_is_said_by_reference_is_said() {
    let city = City::on(MemoryLog::new(), 1, policy(), |config| config);
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let mut open = vec![&description];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(to) = members.get("$ref").and_then(Value::as_str) {
                    let found = description.pointer(to.trim_start_matches('#'));
                    assert!(found.is_some(), "{to} leads nowhere");
                    references += 1;
                }
                open.extend(members.values());
            }
            Value::Array(members) => open.extend(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references > 100, "{references}");
    let headers = &description["components"]["headers"];
    assert_eq!(headers["Request-Id"]["schema"]["pattern"], "^[0-9a-f]{32}$");
    assert_eq!(headers["Retry-After"]["schema"]["type"], "integer");
    // Two types of one name would be one schema.
    let wish =
        &operation(&description, "place_order")["requestBody"]["content"]["application/json"];
    assert_eq!(wish["schema"]["$ref"], "#/components/schemas/PlaceOrder");
}

#[tokio::test]
async fn the_committed_description_is_that_of_the_routes() {
    let city = City::on(MemoryLog::new(), 1, policy(), |config| config);
    let said = city.service.openapi();
    let served = city.call("GET", "/openapi.json", None, None, &Value::Null).await.is(200);
    assert_eq!(served.json, serde_json::from_str::<Value>(said).unwrap());
    if std::env::var_os("DOORSTEP_WRITE_OPENAPI").is_some() {
        std::fs::write(FILE, format!("{said}\n")).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    let message = "run with DOORSTEP_WRITE_OPENAPI=1 and commit openapi.json";
    assert!(committed.trim_end() == said, "{message}");
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_what_it_answers() {
    let city = City::on(MemoryLog::new(), 1, policy(), |config| config);
    let description: Value = serde_json::from_str(city.service.openapi()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{method} {path}: {name} is another's");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let common = response["$ref"].as_str().map(|to| to.trim_start_matches('#'));
                let response = common.map_or(response, |to| description.pointer(to).unwrap());
                let described =
                    response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{method} {path}: {status}");
            }
        }
    }
}
