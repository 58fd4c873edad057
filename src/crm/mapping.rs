//! Fields of records at a destination, as an operator maps them: a name there, and a template over the lead event. Pure.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::retry::{Failure, Verdict};
use super::template;
use crate::lead::LeadEvent;

/// A field of a record at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What the destination calls it.
    pub name: Arc<str>,
    /// A template over the lead event; one `{{ … }}` alone keeps the type of what it names.
    pub value: Arc<str>,
}

/// The fields of one kind of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Written with every event of the lead's life.
    pub always: Vec<Field>,
    /// Written when the record is made, and never again: from then on they are whoever's who edits them there.
    pub once: Vec<Field>,
}

/// The values of fields for a lead event. What is `null` or empty is left out: nothing is ever emptied at the destination.
///
/// # Errors
/// When a template fails on this lead.
pub fn values(fields: &[Field], event: &LeadEvent) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for Field { name, value } in fields {
        let found = template::value(value, event).map_err(|error| {
            Failure::here(Verdict::Refused, format!("the template of `{name}` failed at {error}"), "template")
        })?;
        if !found.is_null() && found != *"" {
            values.insert(name.to_string(), found);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crm::sample;

    #[test]
    fn a_value_alone_keeps_its_type_and_what_is_missing_is_left_out() {
        let field = |name: &str, value: &str| Field { name: name.into(), value: value.into() };
        let fields = [
            field("tier", "{{ lead.tier }}"),
            field("title", "Tier {{ lead.tier }}: {{ lead.subject.name }}"),
            field("country", "{{ lead.account.traits.address.country }}"),
            field("phone", "{{ lead.account.traits.phone }}"),
            field("ready", "{{ lead.usage.tasks_30d >= 50 }}"),
            field("quoted", "{{ '\"' ~ lead.definition }}"),
        ];
        let values = values(&fields, &sample::full()).expect("the templates are fine");
        assert_eq!(
            Value::from(values),
            json!({ "tier": 1, "title": "Tier 1: Acme", "country": "DE", "ready": true, "quoted": "\"ready for a team plan" })
        );
    }

    #[test]
    fn a_template_that_fails_refuses_the_lead_and_names_the_field() {
        let wrong = [Field { name: "x".into(), value: "{{ lead.nothing.at_all }}".into() }];
        let failure = values(&wrong, &sample::full()).expect_err("there is nothing of that name");
        assert!(failure.error.starts_with("the template of `x` failed at line 1"), "{}", failure.error);
        assert_eq!((failure.verdict, failure.of_destination), (Verdict::Refused, false));
    }
}
