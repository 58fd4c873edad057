//! The records of one lead: its company, its contact, and itself.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Object;
use super::answers::{existing, failure, silent};
use super::properties;
use super::status::{STATUS, by_status};
use super::talk::{Page, Record, Talk, Values, as_text, record};
use crate::crm::mapping::{Field, Fields, values};
use crate::crm::retry::{Failure, Verdict};
use crate::crm::told::{self, LEAD, domain, may_take, names, nobody, reachable, shortened, title};
use crate::lead::{LeadEvent, Person};
use crate::record::seen::{OWNER as LAST_OWNER, STOOD};

/// By which companies are found.
const ACCOUNT: &str = told::ACCOUNT.name;
/// The longest name of a record, in characters.
const LONGEST_NAME: usize = 250;
/// For how long an owner's id is known. That there is none is known for less: somebody may be mending it.
const KNOWN: Duration = Duration::from_hours(1);
const UNKNOWN: Duration = Duration::from_mins(5);

/// The kinds of ties, as HubSpot numbers them.
const CONTACT_TO_COMPANY: u32 = 279;
const LEAD_TO_CONTACT: u32 = 578;
const LEAD_TO_COMPANY: u32 = 610;
const DEAL_TO_CONTACT: u32 = 3;
const DEAL_TO_COMPANY: u32 = 341;

/// The ids of the records of a lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub company: Option<String>,
    pub contact: Option<String>,
    /// A lead's or a deal's.
    pub lead: Option<String>,
    pub owner: Option<String>,
}

/// Writes them, each after those that it is tied to.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent) -> Result<Written, Failure> {
    let person = reachable(event);
    if person.is_none() && talk.hubspot.object == Object::Lead {
        let error = "nobody of this lead has an e-mail address, and a lead in HubSpot needs a contact; `object: deal` or \
                     `object: none` would do with the company";
        return Err(Failure::here(Verdict::Refused, error.to_owned(), "no contact"));
    }
    let owner = match event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) {
        Some(email) => owner(talk, email).await?,
        None => None,
    };
    let mut written = Written { owner, ..Written::default() };
    written.company = company(talk, event, person.is_none(), written.owner.as_deref()).await?;
    if let Some((person, email)) = person {
        written.contact = Some(contact(talk, event, (person, email), &written).await?);
    }
    if written.company.is_none() && written.contact.is_none() {
        return Err(nobody());
    }
    written.lead = match talk.hubspot.object.path() {
        Some(object) => lead(talk, event, object, &written).await?,
        None => None,
    };
    Ok(written)
}

/// The id of the owner with an address; `None` where HubSpot knows nobody active by it.
pub(super) async fn owner(talk: &mut Talk<'_, '_>, email: &str) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Owners {
        #[serde(default)]
        results: Vec<Owner>,
    }
    #[derive(Deserialize)]
    struct Owner {
        id: String,
        #[serde(default)]
        archived: bool,
    }
    let name = format!("owner:{}", email.to_lowercase());
    if let Some(known) = talk.session.looked_up(&name) {
        return Ok(Some(known).filter(|id| !id.is_empty()));
    }
    let mut url = talk.url("owners", &[]);
    url.query_pairs_mut().extend_pairs([("email", email), ("limit", "10"), ("archived", "false")]);
    let answer = talk.tell(Method::GET, url, None).await?;
    let owners: Owners = answer.json().ok_or_else(|| silent(&answer))?;
    let found = owners.results.into_iter().find(|owner| !owner.archived).map(|owner| owner.id);
    let hold = if found.is_some() { KNOWN } else { UNKNOWN };
    talk.session.learn(&name, found.clone().unwrap_or_default(), hold);
    if found.is_none() {
        tracing::warn!("a lead goes to HubSpot without its owner: no active user there has the rep's e-mail address");
    }
    Ok(found)
}

/// What of ours and of the operator's is written: `once` only where the record is made.
fn written(event: &LeadEvent, fields: &Fields, is_new: bool, ours: Values) -> Result<Values, Failure> {
    let mapped = |fields: &[Field]| values(fields, event).map(as_text);
    let mut all = ours;
    if is_new {
        all.retain(|_, value| !value.is_empty());
        all.extend(mapped(&fields.once)?);
    }
    all.extend(mapped(&fields.always)?);
    Ok(all)
}

fn named<const N: usize>(values: [(&str, Option<&str>); N]) -> Values {
    let given = values.into_iter().filter_map(|(name, value)| Some((name, value.map(str::trim)?)));
    let given = given.filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), shortened(value, LONGEST_NAME))).collect()
}

/// The company of the lead's account: ours, or one of the same domain that nobody has given an account yet, or a new one.
async fn company(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    holds_lead: bool,
    owner: Option<&str>,
) -> Result<Option<String>, Failure> {
    let Some(account) = &event.lead.account else { return Ok(None) };
    let holds_lead = holds_lead && talk.hubspot.object == Object::None;
    let ours = if holds_lead { properties::of(event) } else { Values::new() };
    let domain = domain(event);
    let found = match talk.find("companies", (ACCOUNT, &account.id), &[ACCOUNT, OWNER, STATUS]).await? {
        Some(found) => Some(found),
        None => match &domain {
            Some(domain) => unclaimed(talk, domain).await?,
            None => None,
        },
    };
    let id = &*account.id;
    if let Some(found) = found {
        let mut values = written(event, &talk.hubspot.company, false, ours)?;
        if found.value(ACCOUNT) != Some(id) {
            values.insert(ACCOUNT.to_owned(), id.to_owned());
        }
        if holds_lead {
            note_status(talk, &found);
            take_over(talk, &found, owner, &mut values);
        }
        talk.change("companies", &found.id, &values).await?;
        note_owner(talk, &found, owner, &values);
        return Ok(Some(found.id));
    }
    let name = account.name.as_deref().unwrap_or(id);
    let mut values = named([(ACCOUNT, Some(id)), ("name", Some(name)), ("domain", domain.as_deref()), (OWNER, owner)]);
    values.insert(ACCOUNT.to_owned(), id.to_owned());
    values.extend(written(event, &talk.hubspot.company, true, ours)?);
    let made = talk.upsert("companies", ACCOUNT, id, &values).await?;
    if holds_lead {
        note_status(talk, &Record::default());
    }
    if let Some(owner) = owner.filter(|_| holds_lead) {
        talk.session.remember(LAST_OWNER, owner);
    }
    Ok(Some(made))
}

/// The oldest company of a domain that has no account of ours.
async fn unclaimed(talk: &Talk<'_, '_>, domain: &str) -> Result<Option<Record>, Failure> {
    let filters = json!([
        { "propertyName": "domain", "operator": "EQ", "value": domain },
        { "propertyName": ACCOUNT, "operator": "NOT_HAS_PROPERTY" },
    ]);
    let body = json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": [{ "propertyName": "createdate", "direction": "ASCENDING" }],
        "properties": [OWNER, STATUS],
        "limit": 1,
    });
    let answer = talk.tell(Method::POST, talk.url("objects", &["companies", "search"]), Some(&body)).await?;
    let page: Page = answer.json().ok_or_else(|| silent(&answer))?;
    Ok(page.results.into_iter().next())
}

/// The contact with a person's address, tied to the company.
async fn contact(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    (person, email): (&Person, &str),
    others: &Written,
) -> Result<String, Failure> {
    let holds_lead = talk.hubspot.object == Object::None;
    let ours = if holds_lead { properties::of(event) } else { Values::new() };
    let owner = others.owner.as_deref();
    let found = talk.find("contacts", ("email", email), &[OWNER, STATUS]).await?;
    let found = match found {
        Some(found) => found,
        None => {
            let (first, last) = names(person.name.as_deref());
            let mut values = named([
                ("email", Some(email)),
                ("firstname", first),
                ("lastname", last),
                ("jobtitle", person.title.as_deref()),
                (OWNER, owner),
            ]);
            values.extend(written(event, &talk.hubspot.contact, true, ours.clone())?);
            let ties: Vec<_> = others.company.as_deref().map(|id| (id, CONTACT_TO_COMPANY)).into_iter().collect();
            let answer = talk.create("contacts", &values, &ties).await?;
            match existing(&answer) {
                // Somebody was quicker, or it is a second address of theirs.
                Some(id) if holds_lead => {
                    let there = talk.read("contacts", std::slice::from_ref(&id), &[OWNER, STATUS]).await?.pop();
                    there.unwrap_or_else(|| Record { id, ..Record::default() })
                }
                Some(id) => Record { id, ..Record::default() },
                None if answer.is_success() => {
                    let made = record(&answer)?;
                    if holds_lead {
                        note_status(talk, &made);
                    }
                    if let Some(owner) = owner.filter(|_| holds_lead) {
                        talk.session.remember(LAST_OWNER, owner);
                    }
                    return Ok(made.id);
                }
                None => return Err(failure(&answer, talk.session.now())),
            }
        }
    };
    let mut values = written(event, &talk.hubspot.contact, false, ours)?;
    if holds_lead {
        note_status(talk, &found);
        take_over(talk, &found, owner, &mut values);
    }
    talk.change("contacts", &found.id, &values).await?;
    note_owner(talk, &found, owner, &values);
    if let Some(company) = &others.company {
        let tie = format!("{}-{company}", found.id);
        if talk.session.recall(TIED) != Some(&tie) {
            talk.tie(("contacts", &found.id), ("companies", company)).await?;
            talk.session.remember(TIED, &tie);
        }
    }
    Ok(found.id)
}

/// The lead or deal. `None` where somebody deleted it: then they don't want it.
async fn lead(
    talk: &mut Talk<'_, '_>,
    event: &LeadEvent,
    object: &str,
    others: &Written,
) -> Result<Option<String>, Failure> {
    let (key, owner) = (&*event.lead.id, others.owner.as_deref());
    let found = talk.find(object, (LEAD, key), &[OWNER]).await?;
    let ours = properties::of(event);
    let contact = others.contact.as_deref();
    let id = if let Some(found) = found {
        let mut values = written(event, &talk.hubspot.lead, false, ours)?;
        take_over(talk, &found, owner, &mut values);
        talk.change(object, &found.id, &values).await?;
        note_owner(talk, &found, owner, &values);
        if let Some(contact) = contact.filter(|id| talk.session.recall(LEADS_CONTACT).is_some_and(|last| last != *id)) {
            talk.tie((object, &found.id), ("contacts", contact)).await?;
        }
        found.id
    } else if talk.session.recall(MADE).is_some() {
        return Ok(None);
    } else {
        let name = title(event);
        let is_lead = talk.hubspot.object == Object::Lead;
        let mut values = if is_lead {
            named([("hs_lead_name", Some(&name)), (OWNER, owner)])
        } else {
            let stage = Some("appointmentscheduled");
            named([("dealname", Some(&name)), ("pipeline", Some("default")), ("dealstage", stage), (OWNER, owner)])
        };
        values.extend(written(event, &talk.hubspot.lead, true, ours)?);
        let kinds = if is_lead { [LEAD_TO_CONTACT, LEAD_TO_COMPANY] } else { [DEAL_TO_CONTACT, DEAL_TO_COMPANY] };
        let ties = [contact, others.company.as_deref()].into_iter().zip(kinds);
        let ties: Vec<_> = ties.filter_map(|(id, kind)| Some((id?, kind))).collect();
        let answer = talk.create(object, &values, &ties).await?;
        let made = if answer.is_success() { record(&answer) } else { Err(failure(&answer, talk.session.now())) }?;
        if let Some(owner) = owner {
            talk.session.remember(LAST_OWNER, owner);
        }
        made.id
    };
    talk.session.remember(MADE, &id);
    if let Some(contact) = contact {
        talk.session.remember(LEADS_CONTACT, contact);
    }
    Ok(Some(id))
}

/// Who a record belongs to.
pub(super) const OWNER: &str = "hubspot_owner_id";

/// What is remembered of a lead: the record, its contact, and which contact was tied to which company.
const MADE: &str = "record";
const LEADS_CONTACT: &str = "contact";
const TIED: &str = "tied";

/// Remembers how far people had come with a contact or a company when it got the lead: that was not the lead's doing.
fn note_status(talk: &mut Talk<'_, '_>, found: &Record) {
    if talk.session.recall(STOOD).is_none() {
        talk.session.remember(STOOD, by_status(found, &talk.hubspot.stages).as_str());
    }
}

/// Gives a record to its owner, unless it is a person's who took it or was given it in HubSpot.
fn take_over(talk: &Talk<'_, '_>, found: &Record, wanted: Option<&str>, values: &mut Values) {
    if let Some(wanted) = wanted.filter(|wanted| may_take(found.value(OWNER), talk.session.recall(LAST_OWNER), wanted))
    {
        values.insert(OWNER.to_owned(), wanted.to_owned());
    }
}

/// Remembers whose the record is by us.
fn note_owner(talk: &mut Talk<'_, '_>, found: &Record, wanted: Option<&str>, values: &Values) {
    if let Some(wanted) = wanted.filter(|wanted| values.contains_key(OWNER) || found.value(OWNER) == Some(wanted)) {
        talk.session.remember(LAST_OWNER, wanted);
    }
}
