//! The JSON Schema of what a destination receives, `docs/lead.schema.json`, and the example beside it.

use handraiser::crm::sample;
use handraiser::lead::LeadEvent;
use serde_json::{Value, json};

use super::{is_current, path};

/// The schema of a lead event, from the types that are sent.
fn lead_schema() -> Value {
    let mut schema = Value::from(schemars::schema_for!(LeadEvent));
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), json!("Handraiser lead event, handraiser.lead/1"));
    }
    schema
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain data")
}

#[test]
fn the_schema_of_leads_is_current() {
    is_current("lead.schema.json", &(pretty(&lead_schema()) + "\n"));
}

#[test]
fn the_example_in_the_documentation_is_current() {
    let text = std::fs::read_to_string(path("webhook.md")).expect("docs/webhook.md is there");
    assert!(text.contains(&pretty(&sample::full())), "docs/webhook.md shows another lead than crm::sample::full()");
}

#[test]
fn the_samples_carry_what_the_schema_requires() {
    let schema = lead_schema();
    for event in [sample::full(), sample::minimal()] {
        let event = serde_json::to_value(event).expect("plain data");
        for name in schema["required"].as_array().expect("a list") {
            assert!(event.get(name.as_str().expect("a name")).is_some(), "{name}");
        }
    }
    assert_eq!(schema["$defs"]["Lead"]["properties"]["tier"]["type"], "integer");
}
