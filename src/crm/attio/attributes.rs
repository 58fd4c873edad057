//! Attributes of Attio's objects: which there are, which are ours, and how those come there.

use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Attio;
use super::talk::{Talk, Values, value};
use crate::crm::mapping::{self, values};
use crate::crm::retry::Failure;
use crate::crm::told::{ACCOUNT, FACTS, Fact, FactKind, LEAD, facts};
use crate::lead::LeadEvent;
use crate::time::Millis;

pub(super) const COMPANIES: &str = "companies";
pub(super) const PEOPLE: &str = "people";
/// Whose a record is, where its object has that.
pub(super) const OWNER: &str = "owner";
/// Why a write is not tried that names an attribute that Attio doesn't have.
pub(super) const UNKNOWN_ATTRIBUTE: &str = "unknown attribute";

/// For how long attributes are known.
const KNOWN: Duration = Duration::from_hours(1);

/// An attribute, as Attio tells of it.
#[expect(clippy::struct_excessive_bools, reason = "so it is told")]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attribute {
    #[serde(rename = "api_slug")]
    pub slug: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub is_required: bool,
    #[serde(default)]
    pub is_unique: bool,
    #[serde(default = "yes")]
    pub is_writable: bool,
    #[serde(default)]
    pub is_default_value_enabled: bool,
}

const fn yes() -> bool {
    true
}

/// The attributes of one object.
#[derive(Clone, Debug)]
pub(super) struct Catalogue(pub Vec<Attribute>);

impl Catalogue {
    pub fn find(&self, slug: &str) -> Option<&Attribute> {
        self.0.iter().find(|attribute| attribute.slug == slug)
    }

    /// The first of these that there is and that refers to records.
    pub fn reference(&self, slugs: &[&'static str]) -> Option<&'static str> {
        let refers =
            |slug: &&&str| self.find(slug).is_some_and(|found| found.kind == "record-reference" && found.is_writable);
        slugs.iter().find(refers).copied()
    }
}

/// Those of ours that an object has.
pub(super) fn ours(attio: &Attio, object: &str) -> Vec<Fact> {
    match object {
        COMPANIES => vec![ACCOUNT],
        object if object == &*attio.object => FACTS.to_vec(),
        _ => Vec::new(),
    }
}

/// What is mapped on an object.
pub(super) fn mapped<'a>(attio: &'a Attio, object: &str) -> &'a mapping::Fields {
    match object {
        COMPANIES => &attio.company,
        PEOPLE => &attio.person,
        _ => &attio.lead,
    }
}

/// Whether the values of one of ours have to be unique: records are found by it.
pub(super) fn is_key(fact: &Fact) -> bool {
    fact.name == LEAD || fact.name == ACCOUNT.name
}

/// As which type one of ours is made.
pub(super) const fn type_of(fact: &Fact) -> &'static str {
    match fact.kind {
        FactKind::Text | FactKind::Long => "text",
        FactKind::Number => "number",
        FactKind::Time => "timestamp",
    }
}

/// The attributes of an object, with all of ours among them.
pub(super) async fn catalogue(talk: &mut Talk<'_, '_>, object: &str) -> Result<Catalogue, Failure> {
    if let Some(known) = talk.session.looked_up(object).and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(Catalogue(known));
    }
    let mut found = there(talk, object).await?;
    for fact in ours(talk.attio, object) {
        if found.find(fact.name).is_some() {
            continue;
        }
        if !talk.attio.create_attributes {
            let fix = "write `create_attributes: true`, or make it in Attio: docs/crm/attio.md says of which type";
            return Err(Failure::unanswered(
                format!("there is no attribute `{}` of {object}; {fix}", fact.name),
                UNKNOWN_ATTRIBUTE,
            ));
        }
        found.0.push(create(talk, object, &fact).await?);
    }
    talk.session.learn(object, serde_json::to_string(&found.0).unwrap_or_default(), KNOWN);
    Ok(found)
}

/// The attributes that there are.
pub(super) async fn there(talk: &Talk<'_, '_>, object: &str) -> Result<Catalogue, Failure> {
    let url = talk.url(&["objects", object, "attributes"]);
    let said = talk.hear(Method::GET, url, None).await?;
    let unreadable =
        |error| Failure::unanswered(format!("the attributes of {object} can't be read: {error}"), "attributes");
    Vec::deserialize(said).map(Catalogue).map_err(unreadable)
}

async fn create(talk: &Talk<'_, '_>, object: &str, fact: &Fact) -> Result<Attribute, Failure> {
    let (is_unique, kind) = (is_key(fact), type_of(fact));
    let body = json!({ "data": {
        "title": fact.label, "description": "Written by Handraiser", "api_slug": fact.name, "type": kind,
        "is_required": false, "is_unique": is_unique, "is_multiselect": false, "config": {},
    } });
    let url = talk.url(&["objects", object, "attributes"]);
    talk.hear(Method::POST, url, Some(&body)).await.map_err(|failure| {
        let error = format!("the attribute `{}` can't be made (it may be archived): {}", fact.name, failure.error);
        Failure { error, ..failure }
    })?;
    let (slug, kind) = (fact.name.to_owned(), kind.to_owned());
    Ok(Attribute { slug, kind, is_required: false, is_unique, is_writable: true, is_default_value_enabled: false })
}

/// What an operator mapped, as Attio wants values: lists of them.
pub(super) fn written(talk: &Talk<'_, '_>, event: &LeadEvent, object: &str, is_new: bool) -> Result<Values, Failure> {
    let fields = mapped(talk.attio, object);
    let mut all = Values::new();
    for some in [is_new.then_some(&fields.once), Some(&fields.always)].into_iter().flatten() {
        let listed = |(name, value)| (name, if matches!(value, Value::Array(_)) { value } else { json!([value]) });
        all.extend(values(some, event)?.into_iter().map(listed));
    }
    Ok(all)
}

/// What is said of the lead. What there is nothing to say of is left out.
pub(super) fn of_lead(event: &LeadEvent) -> Values {
    let said = facts(event).into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(fact, text)| {
        let number = || text.parse::<serde_json::Number>().map_or(Value::Null, Value::from);
        let value = if fact.kind == FactKind::Number { number() } else { text.as_str().into() };
        (fact.name.to_owned(), json!([value]))
    })
    .collect()
}

/// Leaves out what a record holds already.
pub(super) fn retain_changes(values: &mut Values, record: &Value) {
    values.retain(|name, wanted| {
        let only = wanted.as_array().filter(|all| all.len() == 1).and_then(|all| all.first());
        only.is_none_or(|wanted| value(record, name).is_none_or(|stands| !same(stands, wanted)))
    });
}

/// Whether two values say the same: moments come back in another form.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            one.trim() == other.trim() || Millis::parse(one).is_some_and(|one| Millis::parse(other) == Some(one))
        }
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().map(f64::to_bits) == other.as_f64().map(f64::to_bits)
        }
        _ => one == other,
    }
}
