//! The records of one lead: its organization, its person, and itself, in the leads inbox or as the deal that it became.

use reqwest::Method;
use serde_json::Value;

use super::fields::{Catalogue, Kind, catalogue, fact, says};
use super::talk::{Talk, Values, id, number};
use super::{organizations, persons, users};
use crate::crm::retry::Failure;
use crate::crm::told::{FACTS, facts, may_take, nobody, reachable, title};
use crate::lead::LeadEvent;
use crate::record::seen::OWNER;
use crate::time::Millis;

/// What is remembered of a lead: its id there.
const MADE: &str = "lead";
/// How many of those that a search finds are looked at.
const MOST_LOOKED_AT: usize = 5;

/// Where a lead stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Lead(String),
    Deal(String),
}

/// The ids of the records of a lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub organization: Option<String>,
    pub person: Option<String>,
    pub home: Option<Home>,
    owner: Option<u64>,
}

/// Writes them, each after those that it is tied to. Without a home where people closed the lead.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent) -> Result<Written, Failure> {
    let reached = reachable(event);
    if reached.is_none() && event.lead.account.is_none() {
        return Err(nobody());
    }
    let owner = match event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) {
        Some(email) => users::owner(talk, email).await?,
        None => None,
    };
    let mut written = Written { owner, ..Written::default() };
    if let Some((person, email)) = reached {
        let _turn = talk.session.turn(&format!("person {}", email.to_lowercase())).await;
        let found = persons::find(talk, email).await?;
        written.organization = organizations::organization(talk, event, found.as_ref(), owner).await?;
        let beside = (written.organization.as_deref(), owner);
        written.person = Some(persons::person(talk, event, (person, email), found.as_ref(), beside).await?);
    } else {
        written.organization = organizations::organization(talk, event, None, owner).await?;
    }
    written.home = lead(talk, event, &written).await?;
    Ok(written)
}

/// The lead. `None` where people closed it, or where it is over before it came.
async fn lead(talk: &mut Talk<'_, '_>, event: &LeadEvent, others: &Written) -> Result<Option<Home>, Failure> {
    let fields = catalogue(talk, Kind::Lead).await?;
    let [key, ..] = &FACTS;
    let (code, lead) = (fields.ours(key), &*event.lead.id);
    let known = talk.session.recall(MADE).map(str::to_owned);
    let found = match &known {
        Some(known) => talk.record(talk.v1(&["leads", known])).await?,
        None => find(talk, event, (code, lead), others).await?,
    };
    let is_archived = |found: &Value| found.get("is_archived") == Some(&Value::Bool(true));
    match found {
        Some(found) if !is_archived(&found) => change(talk, event, &fields, &found, others).await.map(Some),
        None if known.is_none() => {
            let is_end = event.kind.is_end();
            // Nobody wants to hear of the end of what they don't have.
            if is_end { Ok(None) } else { create(talk, event, &fields, others).await.map(Some) }
        }
        // It was archived or deleted, and that makes a lead of which there is a deal now.
        _ => match deal(talk, code, lead).await? {
            Some(deal) if !is_archived(&deal) => change_deal(talk, event, &fields, &deal).await.map(Some),
            _ => Ok(None),
        },
    }
}

/// The lead that holds our id.
async fn find(
    talk: &Talk<'_, '_>,
    event: &LeadEvent,
    (code, lead): (&str, &str),
    others: &Written,
) -> Result<Option<Value>, Failure> {
    for item in talk.search("leads", "custom_fields", lead).await?.iter().take(MOST_LOOKED_AT) {
        let found = talk.record(talk.v1(&["leads", &id(item).unwrap_or_default()])).await?;
        if let Some(found) = found.filter(|found| says(found, code, lead)) {
            return Ok(Some(found));
        }
    }
    if !talk.session.may_be_there {
        return Ok(None);
    }
    // A search may not know it yet.
    let mut url = talk.v1(&["leads"]);
    let of = match (&others.person, &others.organization) {
        (Some(person), _) => ("person_id", person.as_str()),
        (None, Some(organization)) => ("organization_id", organization.as_str()),
        (None, None) => return Ok(None),
    };
    // Made after the event; before it only by another's clock.
    let since = Millis::parse(&event.occurred_at).unwrap_or_default().plus(-Millis::DAY).rfc3339();
    url.query_pairs_mut().extend_pairs([of, ("updated_since", &since), ("limit", "500")]);
    let Value::Array(all) = talk.read(url).await? else { return Ok(None) };
    Ok(all.into_iter().find(|found| says(found, code, lead)))
}

/// The deal that a lead became: it has the lead's fields.
async fn deal(talk: &Talk<'_, '_>, code: &str, lead: &str) -> Result<Option<Value>, Failure> {
    for item in talk.search("deals", "custom_fields", lead).await?.iter().take(MOST_LOOKED_AT) {
        let found = talk.record(talk.v2(&["deals", &id(item).unwrap_or_default()])).await?;
        if let Some(found) = found.filter(|found| says(found, code, lead)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What is said of the lead, by the codes of our fields. What there is nothing to say of any more is emptied, but not in a new record.
fn ours(fields: &Catalogue, event: &LeadEvent, is_new: bool) -> Values {
    let said = facts(event).into_iter().filter(|(_, text)| !is_new || !text.is_empty());
    let value = |of: &_, text: &str| if text.is_empty() { Value::Null } else { fact(of, text) };
    said.map(|(of, text)| (fields.ours(&of).to_owned(), value(&of, &text))).collect()
}

async fn create(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    fields: &Catalogue,
    others: &Written,
) -> Result<Home, Failure> {
    let mut written = fields.written(event, &talk.pipedrive.lead, true, ours(fields, event, true))?;
    let mut base = vec![("title", Value::from(title(event)))];
    base.extend(others.person.as_ref().map(|id| ("person_id", number(id))));
    base.extend(others.organization.as_ref().map(|id| ("organization_id", number(id))));
    base.extend(others.owner.map(|owner| ("owner_id", owner.into())));
    for (name, value) in base {
        written.plain.entry(name).or_insert(value);
    }
    let made = talk.write(Method::POST, talk.v1(&["leads"]), &written.flat()).await?;
    let id = id(&made).unwrap_or_default();
    talk.session.remember(MADE, &id);
    note_owner(talk, &made, others.owner);
    Ok(Home::Lead(id))
}

async fn change(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    fields: &Catalogue,
    found: &Value,
    others: &Written,
) -> Result<Home, Failure> {
    let id = id(found).unwrap_or_default();
    let mut written = fields.written(event, &talk.pipedrive.lead, false, ours(fields, event, false))?;
    let stands = found.get("owner_id").and_then(Value::as_u64);
    let last = talk.session.recall(OWNER).and_then(|last| last.parse().ok());
    if let Some(wanted) = others.owner.filter(|wanted| may_take(stands.as_ref(), last.as_ref(), wanted)) {
        written.plain.insert("owner_id".to_owned(), wanted.into());
    }
    written.retain_changes(found);
    let took = written.plain.contains_key("owner_id");
    if !written.is_empty() {
        talk.write(Method::PATCH, talk.v1(&["leads", &id]), &written.flat()).await?;
    }
    talk.session.remember(MADE, &id);
    if took || stands == others.owner {
        note_owner(talk, &Value::Null, others.owner);
    }
    Ok(Home::Lead(id))
}

/// Remembers whose it is by us: Pipedrive gives a lead that nobody is named for to the token's user.
fn note_owner(talk: &mut Talk<'_, '_>, made: &Value, wanted: Option<u64>) {
    if let Some(owner) = made.get("owner_id").and_then(Value::as_u64).or(wanted) {
        talk.session.remember(OWNER, &owner.to_string());
    }
}

/// A deal is people's own: nothing is written but our fields.
async fn change_deal(
    talk: &Talk<'_, '_>,
    event: &LeadEvent,
    fields: &Catalogue,
    found: &Value,
) -> Result<Home, Failure> {
    let id = id(found).unwrap_or_default();
    let mut written = super::fields::Written { custom: ours(fields, event, false), ..Default::default() };
    written.retain_changes(found);
    if !written.is_empty() {
        talk.write(Method::PATCH, talk.v2(&["deals", &id]), &written.nested()).await?;
    }
    Ok(Home::Deal(id))
}
