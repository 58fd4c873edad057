//! The person to write to: whoever has the address.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::fields::{Kind, catalogue};
use super::talk::{Talk, Values, id, number};
use crate::crm::retry::Failure;
use crate::crm::told::shortened;
use crate::lead::{LeadEvent, Person};

/// What is remembered of a lead: the person, and a mark of whom they were looked for by.
const MADE: &str = "person";
/// For how long it is known who has an address.
const KNOWN: Duration = Duration::from_hours(1);
/// The longest name, in characters.
const LONGEST_NAME: usize = 250;
/// How many of those that a search finds are looked at.
const MOST_LOOKED_AT: usize = 5;

/// The person with an address, where they are there.
pub(super) async fn find(talk: &Talk<'_, '_>, email: &str) -> Result<Option<Value>, Failure> {
    // Whom it was last time: people may have changed their address since.
    let last = talk.session.recall(MADE).and_then(|made| made.strip_prefix(&format!("{} ", mark(email))));
    if let Some(last) = last
        && let Some(found) = of_id(talk, last).await?
    {
        return Ok(Some(found));
    }
    if let Some(known) = talk.session.known(&known(email))
        && let Some(found) = of_id(talk, &known).await?.filter(|found| has(found, email))
    {
        return Ok(Some(found));
    }
    for item in talk.search("persons", "email", email).await?.iter().take(MOST_LOOKED_AT) {
        let found = of_id(talk, &id(item).unwrap_or_default()).await?;
        if let Some(found) = found.filter(|found| has(found, email)) {
            return Ok(Some(found));
        }
    }
    Ok(talk.newest("persons", None).await?.into_iter().find(|found| has(found, email)))
}

fn known(email: &str) -> String {
    format!("{MADE} {}", email.to_lowercase())
}

/// What stands for an address with the lead: it has to be forgotten with the person, and the lead may stay.
fn mark(email: &str) -> String {
    format!("{:04x}", xxhash_rust::xxh3::xxh3_64(email.to_lowercase().as_bytes()) & 0xffff)
}

async fn of_id(talk: &Talk<'_, '_>, id: &str) -> Result<Option<Value>, Failure> {
    talk.record(talk.v2(&["persons", id])).await
}

fn has(person: &Value, email: &str) -> bool {
    let all = person.get("emails").and_then(Value::as_array);
    all.into_iter().flatten().any(|one| {
        one.get("value").and_then(Value::as_str).is_some_and(|value| value.trim().eq_ignore_ascii_case(email))
    })
}

/// Sees to it that they are there, and belong to the organization unless they belong to another; `found` is what [`find`] found.
pub(super) async fn person(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    (person, email): (&Person, &str),
    found: Option<&Value>,
    (organization, owner): (Option<&str>, Option<u64>),
) -> Result<String, Failure> {
    let fields = catalogue(talk, Kind::Person).await?;
    let mapped = &talk.pipedrive.person;
    let made = if let Some(found) = found {
        let id = id(found).unwrap_or_default();
        let mut written = fields.written(event, mapped, false, Values::new())?;
        written.retain_changes(found);
        if let Some(organization) = organization.filter(|_| found.get("org_id").is_none_or(Value::is_null)) {
            written.plain.insert("org_id".to_owned(), number(organization));
        }
        if !written.is_empty() {
            talk.write(Method::PATCH, talk.v2(&["persons", &id]), &written.nested()).await?;
        }
        id
    } else {
        let mut written = fields.written(event, mapped, true, Values::new())?;
        let name = person.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(email);
        let emails = json!([{ "value": email, "primary": true, "label": "work" }]);
        let mut base = vec![("name", Value::from(shortened(name, LONGEST_NAME))), ("emails", emails)];
        base.extend(organization.map(|id| ("org_id", number(id))));
        base.extend(owner.map(|owner| ("owner_id", owner.into())));
        for (name, value) in base {
            written.plain.entry(name).or_insert(value);
        }
        let made = talk.write(Method::POST, talk.v2(&["persons"]), &written.nested()).await?;
        id(&made).unwrap_or_default()
    };
    talk.session.learn(&known(email), made.clone(), KNOWN);
    talk.session.remember(MADE, &format!("{} {made}", mark(email)));
    Ok(made)
}
