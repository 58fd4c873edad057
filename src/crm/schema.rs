//! The JSON Schema of what a destination receives; `docs/lead.schema.json` is made by it.

use serde_json::{Value, json};

use crate::lead::LeadEvent;

/// The schema of a lead event, from the types that are sent.
#[must_use]
pub fn lead_schema() -> Value {
    let mut schema = Value::from(schemars::schema_for!(LeadEvent));
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), json!("Handraiser lead event, handraiser.lead/1"));
    }
    schema
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::crm::sample;

    fn doc(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
    }

    fn pretty(value: &impl serde::Serialize) -> String {
        serde_json::to_string_pretty(value).expect("plain data")
    }

    #[test]
    fn the_schema_in_the_documentation_is_current() {
        let (path, made) = (doc("lead.schema.json"), pretty(&lead_schema()) + "\n");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &made).expect("docs/ can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "docs/lead.schema.json is out of date; `make docs` renews it");
    }

    #[test]
    fn the_example_in_the_documentation_is_current() {
        let text = std::fs::read_to_string(doc("webhook.md")).expect("docs/webhook.md is there");
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
}
