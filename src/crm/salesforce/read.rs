//! What stands in Salesforce before something is written: our own records, those that people made of the same, and the owner.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use super::login::call;
use super::org::{ACCOUNT_ID, LEAD_ID, Matching, Salesforce, USER_ID, key};
use super::person::{Who, domain, who};
use super::refusal::{self, refusals};
use crate::crm::exchange::Request;
use crate::crm::mapping::Fields;
use crate::crm::retry::Failure;
use crate::crm::session::Session;
use crate::lead::LeadEvent;

/// A record's fields.
pub type Row = Map<String, Value>;

/// How long the user of an address is remembered, and that there is none.
const OWNER_HOLDS: Duration = Duration::from_hours(1);
const NOBODY_HOLDS: Duration = Duration::from_mins(5);

/// What is read of leads, contacts, accounts and tasks besides what is mapped.
pub const OF_LEAD: [&str; 11] = [
    "OwnerId",
    "Status",
    "FirstName",
    "LastName",
    "Company",
    "Email",
    "Title",
    "Description",
    "IsConverted",
    "ConvertedContactId",
    LEAD_ID,
];
/// The same of contacts.
pub const OF_CONTACT: [&str; 7] = ["OwnerId", "FirstName", "LastName", "Email", "Title", "AccountId", USER_ID];
/// The same of accounts.
pub const OF_ACCOUNT: [&str; 4] = ["OwnerId", "Name", "Website", ACCOUNT_ID];
/// The same of tasks.
pub const OF_TASK: [&str; 4] = ["OwnerId", "Subject", "Description", LEAD_ID];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The lead that is ours, or one of the same person that is nobody's.
    pub lead: Option<Row>,
    /// The contact.
    pub contact: Option<Row>,
    /// The account: ours, the contact's, or the only one of the domain.
    pub account: Option<Row>,
    /// The task.
    pub task: Option<Row>,
    /// The user who is to own the record.
    pub owner: Option<String>,
    /// Their address, where there is no active user of it.
    pub stranger: Option<String>,
}

/// A field of a row as text.
pub fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// A text in a query.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\\' | '\'' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "'"
}

/// Asks for everything at once.
///
/// # Errors
/// When it can't be read.
pub async fn read(org: &Salesforce, event: &LeadEvent, session: &Session<'_>) -> Result<Found, Failure> {
    let who = who(event);
    let owner = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref());
    let known = owner.and_then(|owner| session.known(&memo(owner)));
    let mut queries = vec![("lead", leads(org, event, who.as_ref())), ("task", tasks(event))];
    queries.extend(contacts(org, who.as_ref()).map(|query| ("contact", query)));
    queries.extend(accounts(org, event).map(|query| ("account", query)));
    queries.extend(owner.filter(|_| known.is_none()).map(|owner| ("owner", users(owner))));
    let mut rows = select(org, session, &queries).await?;
    let mut take =
        |name: &str| queries.iter().position(|(of, _)| *of == name).and_then(|at| rows.get_mut(at)).map(std::mem::take);
    let lead = ours(take("lead").unwrap_or_default(), LEAD_ID, &key(&event.lead.id));
    let mut contact = who.as_ref().and_then(|who| ours(take("contact").unwrap_or_default(), USER_ID, &key(&who.id)));
    let accounts = take("account").unwrap_or_default();
    if let Some(id) = lead.as_ref().and_then(|lead| text(lead, "ConvertedContactId")) {
        contact = select(org, session, &[("contact", contact_by(org, &format!("Id = {}", quoted(id))))])
            .await?
            .pop()
            .and_then(|mut rows| rows.pop());
    }
    let account = the_account(accounts, event, contact.as_ref());
    let task = take("task").unwrap_or_default().pop();
    let user = match (owner, known) {
        (Some(owner), None) => {
            let user = take("owner").unwrap_or_default().first().and_then(|row| text(row, "Id").map(str::to_owned));
            session.learn(
                &memo(owner),
                user.clone().unwrap_or_default(),
                if user.is_some() { OWNER_HOLDS } else { NOBODY_HOLDS },
            );
            user
        }
        (_, known) => known.filter(|user| !user.is_empty()),
    };
    let stranger = owner.filter(|_| user.is_none()).map(str::to_owned);
    Ok(Found { lead, contact, account, task, owner: user, stranger })
}

/// The user of an address turned out not to be one any more.
pub fn unlearn_owner(event: &LeadEvent, session: &Session<'_>) {
    if let Some(owner) = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) {
        session.unlearn(&memo(owner));
    }
}

fn memo(owner: &str) -> String {
    format!("owner:{owner}")
}

/// The row that is ours, and else the first that is nobody's or whoever's.
fn ours(rows: Vec<Row>, field: &str, key: &str) -> Option<Row> {
    let at = rows.iter().position(|row| text(row, field) == Some(key)).unwrap_or(0);
    rows.into_iter().nth(at)
}

/// Ours, or the contact's, or the only one of the domain: of several, a guess would put people where they don't belong.
fn the_account(mut rows: Vec<Row>, event: &LeadEvent, contact: Option<&Row>) -> Option<Row> {
    let key = event.lead.account.as_ref().map(|account| key(&account.id));
    if let Some(at) = rows.iter().position(|row| key.is_some() && text(row, ACCOUNT_ID) == key.as_deref()) {
        return Some(rows.swap_remove(at));
    }
    let of_contact = contact.and_then(|contact| contact.get("Account")?.as_object().cloned());
    of_contact.or_else(|| if rows.len() == 1 { rows.pop() } else { None })
}

fn columns(own: &[&str], fields: &Fields, before: &str) -> String {
    let mapped = fields.always.iter().map(|field| &*field.name);
    let mut names: Vec<&str> = vec!["Id"];
    for name in own.iter().copied().chain(mapped) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    names.iter().map(|name| format!("{before}{name}")).collect::<Vec<_>>().join(", ")
}

fn leads(org: &Salesforce, event: &LeadEvent, who: Option<&Who>) -> String {
    let ours = format!("{LEAD_ID} = {}", quoted(&key(&event.lead.id)));
    let same = who.and_then(|who| who.email.as_ref()).map_or_else(String::new, |email| {
        format!(" OR ({LEAD_ID} = null AND IsConverted = false AND Email = {})", quoted(email))
    });
    format!("SELECT {} FROM Lead WHERE {ours}{same} ORDER BY CreatedDate LIMIT 20", columns(&OF_LEAD, &org.lead, ""))
}

fn contacts(org: &Salesforce, who: Option<&Who>) -> Option<String> {
    let who = who.filter(|_| org.matching != Matching::Lead)?;
    let same = who.email.as_ref().map_or_else(String::new, |email| format!(" OR Email = {}", quoted(email)));
    Some(contact_by(org, &format!("{USER_ID} = {}{same}", quoted(&key(&who.id)))))
}

fn contact_by(org: &Salesforce, filter: &str) -> String {
    let (own, of_account) = (columns(&OF_CONTACT, &org.contact, ""), columns(&OF_ACCOUNT, &org.account, "Account."));
    format!("SELECT {own}, {of_account} FROM Contact WHERE {filter} ORDER BY CreatedDate LIMIT 20")
}

fn accounts(org: &Salesforce, event: &LeadEvent) -> Option<String> {
    if org.matching == Matching::Lead {
        return None;
    }
    let ours = event.lead.account.as_ref().map(|account| format!("{ACCOUNT_ID} = {}", quoted(&key(&account.id))));
    let sites = domain(event).map(|domain| {
        let forms = ["", "www.", "http://", "https://", "http://www.", "https://www."];
        let all = forms.iter().flat_map(|form| [format!("{form}{domain}"), format!("{form}{domain}/")]);
        format!("Website IN ({})", all.map(|site| quoted(&site)).collect::<Vec<_>>().join(", "))
    });
    let filter = [ours, sites].into_iter().flatten().collect::<Vec<_>>().join(" OR ");
    let query = || {
        let columns = columns(&OF_ACCOUNT, &org.account, "");
        format!("SELECT {columns} FROM Account WHERE {filter} ORDER BY CreatedDate LIMIT 20")
    };
    (!filter.is_empty()).then(query)
}

fn tasks(event: &LeadEvent) -> String {
    let columns = columns(&OF_TASK, &Fields::default(), "");
    format!(
        "SELECT {columns} FROM Task WHERE {LEAD_ID} = {} ORDER BY CreatedDate LIMIT 1",
        quoted(&key(&event.lead.id))
    )
}

fn users(email: &str) -> String {
    let email = quoted(email);
    format!(
        "SELECT Id FROM User WHERE Email = {email} AND IsActive = true AND UserType = 'Standard' ORDER BY CreatedDate LIMIT 1"
    )
}

/// What queries find, in their order, by one request.
///
/// # Errors
/// When one of them can't be answered.
pub async fn select(
    org: &Salesforce,
    session: &Session<'_>,
    queries: &[(&str, String)],
) -> Result<Vec<Vec<Row>>, Failure> {
    let parts: Vec<Value> = queries
        .iter()
        .map(|(name, query)| {
            let asked = Serializer::new(String::new()).append_pair("q", query).finish();
            json!({ "method": "GET", "url": format!("{}?{asked}", org.path("query")), "referenceId": name })
        })
        .collect();
    let body = json!({ "allOrNone": false, "compositeRequest": parts });
    let answer = call(org, session, Request::new(reqwest::Method::POST, org.at("composite")).json(&body)).await?;
    let parts = answer.json::<Value>().filter(|_| answer.is_success());
    let parts = parts.as_ref().and_then(|body| body.get("compositeResponse")?.as_array());
    let Some(parts) = parts.filter(|parts| parts.len() == queries.len()) else {
        return Err(refusal::answered(&answer, session.now()));
    };
    let usage = answer.header("sforce-limit-info");
    let rows = |part: &Value| {
        let body = part.get("body");
        match body.and_then(|body| body.get("records")?.as_array()) {
            Some(records) => Ok(records.iter().filter_map(|record| record.as_object().cloned()).collect()),
            None => Err(refusal::failure(&body.map(refusals).unwrap_or_default(), usage)),
        }
    };
    parts.iter().map(rows).collect()
}
