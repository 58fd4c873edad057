//! The records of one lead: its company, its person, and itself.

use serde_json::{Value, json};

use super::attributes::{COMPANIES, OWNER, PEOPLE, catalogue, of_lead, retain_changes, written};
use super::members;
use super::talk::{Talk, Values, id, reference, value};
use crate::crm::retry::{Failure, Verdict};
use crate::crm::told::{ACCOUNT, LEAD, domain, may_take, names, nobody, reachable, shortened, title};
use crate::lead::{LeadEvent, Person};
use crate::record::seen::OWNER as LAST_OWNER;

/// The longest name, in characters.
const LONGEST_NAME: usize = 250;
/// By which people are found.
const EMAIL: &str = "email_addresses";
/// The status of a new deal, as workspaces have it unless they change it.
const STAGE: (&str, &str) = ("stage", "Lead");

/// What is remembered of a lead: the record.
const MADE: &str = "record";

/// The ids of the records of a lead, and of its owner.
#[derive(Clone, Debug, Default)]
struct Others {
    company: Option<String>,
    person: Option<String>,
    owner: Option<String>,
}

/// Writes them, each after those that it is tied to; returns the lead. `None` where people deleted it, or where it is over before it came.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent) -> Result<Option<String>, Failure> {
    let reached = reachable(event);
    if reached.is_none() && event.lead.account.is_none() {
        return Err(nobody());
    }
    let mut others = Others::default();
    if let Some(email) = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) {
        others.owner = members::owner(talk, email).await?;
    }
    others.company = company(talk, event).await?;
    if let Some(reached) = reached {
        others.person = Some(person(talk, event, reached, others.company.as_deref()).await?);
    }
    lead(talk, event, &others).await
}

/// The company of the lead's account: ours, or one of the same domain that nobody has given an account yet, or a new one.
async fn company(talk: &mut Talk<'_, '_>, event: &LeadEvent) -> Result<Option<String>, Failure> {
    let Some(account) = &event.lead.account else { return Ok(None) };
    catalogue(talk, COMPANIES).await?;
    let ours = json!([&*account.id]);
    if let Some(found) = talk.find(COMPANIES, ACCOUNT.name, &account.id).await? {
        return change(talk, event, COMPANIES, &found, Values::new()).await.map(Some);
    }
    let domain = domain(event);
    let of_domain = match &domain {
        Some(domain) => talk.find(COMPANIES, "domains", domain).await?,
        None => None,
    };
    if let Some(found) = of_domain.as_ref().filter(|found| value(found, ACCOUNT.name).is_none()) {
        let ours = Values::from_iter([(ACCOUNT.name.to_owned(), ours)]);
        return change(talk, event, COMPANIES, found, ours).await.map(Some);
    }
    let name = account.name.as_deref().map_or(&*account.id, str::trim);
    let mut values = Values::from_iter([("name".to_owned(), json!([shortened(name, LONGEST_NAME)]))]);
    // A domain belongs to one company, and there another account's has it.
    if let Some(domain) = domain.filter(|_| of_domain.is_none()) {
        values.insert("domains".to_owned(), json!([domain]));
    }
    values.extend(written(talk, event, COMPANIES, true)?);
    values.insert(ACCOUNT.name.to_owned(), ours);
    talk.assert(COMPANIES, ACCOUNT.name, &values).await.map(Some)
}

/// The person with an address, tied to the company unless they are tied to another.
async fn person(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    (person, email): (&Person, &str),
    company: Option<&str>,
) -> Result<String, Failure> {
    let tie = company.map(|id| ("company".to_owned(), reference(COMPANIES, id)));
    if let Some(found) = talk.find(PEOPLE, EMAIL, email).await? {
        let tie = tie.filter(|_| value(&found, "company").is_none());
        return change(talk, event, PEOPLE, &found, tie.into_iter().collect()).await;
    }
    let mut values = Values::from_iter(tie);
    if let Some(name) = person.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        let (first, last) = names(Some(name));
        let name = json!({ "first_name": first.unwrap_or_default(), "last_name": last.unwrap_or_default(), "full_name": name });
        values.insert("name".to_owned(), json!([name]));
    }
    values.extend(person.title.as_ref().map(|title| ("job_title".to_owned(), json!([title]))));
    values.extend(written(talk, event, PEOPLE, true)?);
    values.insert(EMAIL.to_owned(), json!([email]));
    talk.assert(PEOPLE, EMAIL, &values).await
}

/// Changes what of a record is ours, or mapped to be kept as it is here.
async fn change(
    talk: &Talk<'_, '_>,
    event: &LeadEvent,
    object: &str,
    found: &Value,
    mut values: Values,
) -> Result<String, Failure> {
    let id = id(found).unwrap_or_default();
    values.extend(written(talk, event, object, false)?);
    retain_changes(&mut values, found);
    talk.change(object, &id, &values).await?;
    Ok(id)
}

async fn lead(talk: &mut Talk<'_, '_>, event: &LeadEvent, others: &Others) -> Result<Option<String>, Failure> {
    let object = &*talk.attio.object;
    let attributes = catalogue(talk, object).await?;
    let owned = attributes.find(OWNER).filter(|owner| owner.kind == "actor-reference");
    let owner = others.owner.as_deref().filter(|_| owned.is_some());
    if let Some(found) = talk.find(object, LEAD, &event.lead.id).await? {
        let stands = value(&found, OWNER).and_then(Value::as_str);
        let take = owner.filter(|wanted| may_take(stands, talk.session.recall(LAST_OWNER), wanted));
        let mut values = of_lead(event);
        values.extend(take.map(|owner| (OWNER.to_owned(), actor(owner))));
        let id = change(talk, event, object, &found, values).await?;
        if let Some(owner) = take.or_else(|| owner.filter(|owner| stands == Some(*owner))) {
            talk.session.remember(LAST_OWNER, owner);
        }
        talk.session.remember(MADE, &id);
        return Ok(Some(id));
    }
    let is_end = event.kind.is_end();
    // People deleted it, or it never was there, and nobody wants to hear of the end of what they don't have.
    if talk.session.recall(MADE).is_some() || is_end {
        return Ok(None);
    }
    if owner.is_none() && owned.is_some_and(|owned| owned.is_required && !owned.is_default_value_enabled) {
        let rep = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).unwrap_or("nobody");
        let error = format!(
            "{object} need an owner, and no active member of the workspace has the rep's address ({rep}): invite them, or let `owner` be empty"
        );
        // Of this rep's leads alone: all others go through.
        return Err(Failure::here(Verdict::Failed, error, "no owner"));
    }
    let mut values = of_lead(event);
    let name = attributes.find("name").filter(|name| name.kind == "text");
    values.extend(name.map(|_| ("name".to_owned(), json!([title(event)]))));
    let stage = attributes.find(STAGE.0).filter(|stage| stage.kind == "status");
    values.extend(stage.map(|_| (STAGE.0.to_owned(), json!([STAGE.1]))));
    values.extend(owner.map(|owner| (OWNER.to_owned(), actor(owner))));
    let ties = [
        (attributes.reference(&["associated_company", "company"]), COMPANIES, &others.company),
        (attributes.reference(&["associated_people", "people", "person"]), PEOPLE, &others.person),
    ];
    for (attribute, object, id) in ties {
        values.extend(attribute.zip(id.as_deref()).map(|(name, id)| (name.to_owned(), reference(object, id))));
    }
    values.extend(written(talk, event, object, true)?);
    let id = talk.assert(object, LEAD, &values).await?;
    talk.session.remember(MADE, &id);
    if let Some(owner) = owner {
        talk.session.remember(LAST_OWNER, owner);
    }
    Ok(Some(id))
}

fn actor(id: &str) -> Value {
    json!([{ "referenced_actor_type": "workspace-member", "referenced_actor_id": id }])
}
