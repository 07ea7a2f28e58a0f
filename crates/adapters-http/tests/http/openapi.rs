//! The committed description is what the routes say of themselves.

use doorstep_runtime::memory_log::MemoryLog;
use serde_json::Value;

use crate::city::{City, policy};

/// Where it is committed.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

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
                let described =
                    response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{method} {path}: {status}");
            }
        }
    }
}
