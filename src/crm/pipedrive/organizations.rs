//! The organization of a lead's account: ours, or one that is there and belongs to no account of ours yet, or a new one.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::fields::{Catalogue, Kind, catalogue, custom, says};
use super::talk::{Talk, Values, id};
use crate::crm::retry::Failure;
use crate::crm::told::{ACCOUNT, domain, shortened};
use crate::lead::LeadEvent;

/// What is remembered of a lead.
const MADE: &str = "organization";
/// For how long it is known which organization an account has.
const KNOWN: Duration = Duration::from_hours(1);
/// The longest name, in characters.
const LONGEST_NAME: usize = 250;
/// How many of those that a search finds are looked at.
const MOST_LOOKED_AT: usize = 5;

/// Sees to it that there is one; `person` is who is to be written to, where they are there already.
pub(super) async fn organization(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    person: Option<&Value>,
    owner: Option<u64>,
) -> Result<Option<String>, Failure> {
    let Some(account) = &event.lead.account else { return Ok(None) };
    let fields = catalogue(talk, Kind::Organization).await?;
    let (code, key) = (fields.ours(&ACCOUNT), key(&account.id));
    let known = format!("{MADE} {key}");
    let first = talk.session.recall(MADE).map(str::to_owned).or_else(|| talk.session.known(&known));
    if let Some(found) = of_id(talk, first).await?.filter(|found| says(found, code, &key)) {
        return keep(talk, &known, change(talk, event, &fields, &found, Values::new()).await?);
    }
    // Two that looked at once would both make one, or both take the same.
    let _turn = talk.session.turn(MADE).await;
    let first = talk.session.known(&known);
    if let Some(found) = of_id(talk, first).await?.filter(|found| says(found, code, &key)) {
        return keep(talk, &known, change(talk, event, &fields, &found, Values::new()).await?);
    }
    if let Some(found) = find(talk, code, &key).await? {
        return keep(talk, &known, change(talk, event, &fields, &found, Values::new()).await?);
    }
    let ours = Values::from_iter([(code.to_owned(), Value::from(key.as_str()))]);
    let name = shortened(account.name.as_deref().map_or(&*account.id, str::trim), LONGEST_NAME);
    if let Some(found) = unclaimed(talk, code, person, &name).await? {
        return keep(talk, &known, change(talk, event, &fields, &found, ours).await?);
    }
    let mut written = fields.written(event, &talk.pipedrive.organization, true, ours)?;
    let mut base = vec![("name", Value::from(name))];
    base.extend(owner.map(|owner| ("owner_id", owner.into())));
    // Companies have it where they switched it on.
    let website = domain(event).filter(|_| fields.find("website").is_some_and(|field| !field.is_custom));
    base.extend(website.map(|domain| ("website", domain.into())));
    for (name, value) in base {
        written.plain.entry(name).or_insert(value);
    }
    let made = talk.write(Method::POST, talk.v2(&["organizations"]), &written.nested()).await?;
    keep(talk, &known, id(&made).unwrap_or_default())
}

/// The id of an account, as it stands in the field of ours: a long one ends in a hash of the whole.
fn key(account: &str) -> String {
    const MOST: usize = 200;
    if account.chars().count() <= MOST {
        return account.trim().to_owned();
    }
    format!("{}~{:032x}", shortened(account, MOST), xxhash_rust::xxh3::xxh3_128(account.as_bytes()))
}

fn keep(talk: &mut Talk<'_, '_>, known: &str, id: String) -> Result<Option<String>, Failure> {
    talk.session.learn(known, id.clone(), KNOWN);
    talk.session.remember(MADE, &id);
    Ok(Some(id))
}

async fn of_id(talk: &Talk<'_, '_>, id: Option<String>) -> Result<Option<Value>, Failure> {
    match id {
        Some(id) => talk.record(talk.v2(&["organizations", &id])).await,
        None => Ok(None),
    }
}

/// The one that holds an account's key.
async fn find(talk: &Talk<'_, '_>, code: &str, key: &str) -> Result<Option<Value>, Failure> {
    for item in talk.search("organizations", "custom_fields", key).await?.iter().take(MOST_LOOKED_AT) {
        let found = of_id(talk, id(item)).await?;
        if let Some(found) = found.filter(|found| says(found, code, key)) {
            return Ok(Some(found));
        }
    }
    Ok(talk.newest("organizations", Some(code)).await?.into_iter().find(|found| says(found, code, key)))
}

/// One that no account of ours has: that of the person, or the only one of the name.
async fn unclaimed(
    talk: &Talk<'_, '_>,
    code: &str,
    person: Option<&Value>,
    name: &str,
) -> Result<Option<Value>, Failure> {
    let is_free = |found: &Value| custom(found, code).is_none_or(|value| value.is_null() || *value == "");
    let of_person = person.and_then(|person| person.get("org_id")?.as_u64()).map(|id| id.to_string());
    if let Some(found) = of_id(talk, of_person).await?.filter(is_free) {
        return Ok(Some(found));
    }
    let named = |item: &&Value| {
        item.get("name").and_then(Value::as_str).is_some_and(|found| found.trim().to_lowercase() == name.to_lowercase())
    };
    let items = talk.search("organizations", "name", name).await?;
    let mut items = items.iter().filter(named);
    match (items.next(), items.next()) {
        (Some(only), None) => Ok(of_id(talk, id(only)).await?.filter(is_free)),
        _ => Ok(None),
    }
}

async fn change(
    talk: &Talk<'_, '_>,
    event: &LeadEvent,
    fields: &Catalogue,
    found: &Value,
    ours: Values,
) -> Result<String, Failure> {
    let id = id(found).unwrap_or_default();
    let mut written = fields.written(event, &talk.pipedrive.organization, false, ours)?;
    written.retain_changes(found);
    if !written.is_empty() {
        talk.write(Method::PATCH, talk.v2(&["organizations", &id]), &written.nested()).await?;
    }
    Ok(id)
}
