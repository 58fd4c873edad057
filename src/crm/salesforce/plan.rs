//! What is to be written, given what stands there: records that are written all or not at all. Pure.
//!
//! - What people made or changed is theirs: a field is written where it is empty, or still holds what was last written here. Only fields
//!   that are mapped under `always` are written whoever changed them.
//! - What holds the value already is not written: whatever automation hangs on a change, nothing wakes it for nothing.
//! - New records are made by upsert on our own ids, so that a request that is sent twice ends in one record.

use serde_json::{Value, json};

use super::org::{ACCOUNT_ID, LEAD_ID, Matching, Salesforce, USER_ID, key};
use super::person::{Who, company, description, domain, headline, who};
use super::read::{Found, Row, text};
use crate::crm::mapping::{Fields, values};
use crate::crm::retry::Failure;
use crate::lead::LeadEvent;
use crate::record::Remembered;
use crate::record::seen::OWNER;

/// Under which name it is remembered which record is the lead's.
pub const RECORD: &str = "record";
/// The same of its task.
pub const TASK: &str = "task";

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The requests, in order.
    pub nodes: Vec<Value>,
    /// What is remembered once they were taken.
    pub remember: Vec<(String, String)>,
}

/// A record on its way.
struct Record<'p> {
    object: &'static str,
    reference: &'static str,
    /// As it stands; `None` where it is to be made.
    row: Option<&'p Row>,
    /// The field of our own id, and the id.
    ours: Option<(&'static str, String)>,
    /// Ours as long as nobody changes them.
    base: Row,
    fields: &'p Fields,
}

struct Planner<'p> {
    org: &'p Salesforce,
    event: &'p LeadEvent,
    found: &'p Found,
    remembered: &'p Remembered,
    plan: Plan,
}

/// Makes the plan of a lead event.
///
/// # Errors
/// When a template fails on this lead.
pub fn plan(org: &Salesforce, event: &LeadEvent, found: &Found, remembered: &Remembered) -> Result<Plan, Failure> {
    let mut planner = Planner { org, event, found, remembered, plan: Plan::default() };
    planner.lead()?;
    Ok(planner.plan)
}

impl Planner<'_> {
    fn lead(&mut self) -> Result<(), Failure> {
        let record = self.remembered.get(RECORD).map(AsRef::as_ref);
        let mine = self.found.lead.as_ref().filter(|lead| text(lead, LEAD_ID).is_some());
        let is_converted = mine.is_some_and(|lead| lead.get("IsConverted") == Some(&Value::Bool(true)));
        if is_converted {
            // The contact may have gone since: then people closed it.
            return if self.found.contact.is_some() { self.contact() } else { Ok(()) };
        }
        let to_contact = match (mine, record, self.org.matching) {
            (Some(_), ..) | (None, Some("Lead"), _) | (None, None, Matching::Lead) => false,
            (None, Some(_), _) | (None, None, Matching::ContactOnly) => true,
            (None, None, Matching::ContactOnAccountElseLead) => self.found.account.is_some(),
        };
        let there = if to_contact { self.found.contact.as_ref().or(self.found.task.as_ref()) } else { mine };
        let is_end = self.event.kind.is_end();
        if there.is_none() && (record.is_some() || is_end) {
            // It was there and people deleted it, or it never was: nobody wants to hear of the end of what they don't have.
            return Ok(());
        }
        if to_contact { self.contact() } else { self.lead_itself() }
    }

    fn lead_itself(&mut self) -> Result<(), Failure> {
        let who = who(self.event).unwrap_or_else(|| Who { last: company(self.event), ..Who::default() });
        let mut base = person(&who);
        base.insert("Company".to_owned(), company(self.event).into());
        base.insert("Description".to_owned(), self.description());
        self.owned(&mut base);
        let row = self.found.lead.as_ref();
        let is_adopted = row.is_some_and(|row| text(row, LEAD_ID).is_none());
        let ours = Some((LEAD_ID, key(&self.event.lead.id)));
        let id = self.write(&Record { object: "Lead", reference: "lead", row, ours, base, fields: &self.org.lead })?;
        self.keep(RECORD, "Lead");
        // A lead that people made has its owner; the one whom ours went to hears of it by a task.
        if is_adopted || self.found.task.is_some() { self.task(Some(&id), None) } else { Ok(()) }
    }

    fn contact(&mut self) -> Result<(), Failure> {
        let account = self.account()?;
        let contact = match who(self.event) {
            Some(who) => {
                let mut base = person(&who);
                if let Some(account) = &account {
                    base.insert("AccountId".to_owned(), account.as_str().into());
                }
                self.owned(&mut base);
                let (row, ours) = (self.found.contact.as_ref(), Some((USER_ID, key(&who.id))));
                let fields = &self.org.contact;
                Some(self.write(&Record { object: "Contact", reference: "contact", row, ours, base, fields })?)
            }
            None => None,
        };
        self.keep(RECORD, "Contact");
        self.task(contact.as_deref(), account.as_deref())
    }

    /// The account that the contact belongs to, where there is one or one is to be made.
    fn account(&mut self) -> Result<Option<String>, Failure> {
        let row = self.found.account.as_ref();
        let ours = self.event.lead.account.as_ref().map(|account| (ACCOUNT_ID, key(&account.id)));
        if row.is_none() && ours.is_none() {
            return Ok(None);
        }
        let mut base = Row::from_iter([("Name".to_owned(), company(self.event).into())]);
        base.extend(domain(self.event).map(|domain| ("Website".to_owned(), domain.into())));
        self.owned(&mut base);
        let fields = &self.org.account;
        self.write(&Record { object: "Account", reference: "account", row, ours, base, fields }).map(Some)
    }

    fn task(&mut self, who: Option<&str>, what: Option<&str>) -> Result<(), Failure> {
        let row = self.found.task.as_ref();
        if !self.org.task || (row.is_none() && self.remembered.contains_key(TASK)) {
            return Ok(());
        }
        let mut base = Row::from_iter([("Subject".to_owned(), headline(self.event).into())]);
        base.insert("Description".to_owned(), self.description());
        self.owned(&mut base);
        if row.is_none() {
            let day = self.event.occurred_at.get(..10).unwrap_or_default();
            base.insert("ActivityDate".to_owned(), day.into());
            base.extend(who.map(|who| ("WhoId".to_owned(), who.into())));
            base.extend(what.map(|what| ("WhatId".to_owned(), what.into())));
        }
        let ours = Some((LEAD_ID, key(&self.event.lead.id)));
        self.write(&Record { object: "Task", reference: "task", row, ours, base, fields: &Fields::default() })?;
        self.keep(TASK, "made");
        Ok(())
    }

    fn description(&self) -> Value {
        description(self.event, self.found.stranger.as_deref()).into()
    }

    fn owned(&self, base: &mut Row) {
        base.extend(self.found.owner.as_ref().map(|owner| ("OwnerId".to_owned(), owner.as_str().into())));
    }

    /// Adds the request of a record, where anything is to be written; returns its id, or the reference to it.
    fn write(&mut self, record: &Record<'_>) -> Result<String, Failure> {
        let always = values(&record.fields.always, self.event)?;
        let mut body = Row::new();
        for (name, value) in &record.base {
            let mapped = always.keys().any(|mapped| mapped.eq_ignore_ascii_case(name));
            if !mapped && self.may_write(record, name, value) {
                body.insert(name.clone(), value.clone());
            }
        }
        let is_new = |name: &str, value: &Value| record.row.is_none_or(|row| !same(field(row, name), value));
        body.extend(always.into_iter().filter(|(name, value)| is_new(name, value)));
        let path = match (record.row, &record.ours) {
            (Some(row), ours) => {
                if let Some((field, key)) = ours.as_ref().filter(|(field, _)| text(row, field).is_none()) {
                    body.insert((*field).to_owned(), key.as_str().into());
                }
                text(row, "Id").unwrap_or_default().to_owned()
            }
            (None, Some((field, key))) => {
                for (name, value) in values(&record.fields.once, self.event)? {
                    body.insert(name, value);
                }
                format!("{field}/{key}")
            }
            (None, None) => return Ok(String::new()),
        };
        if !body.is_empty() {
            let url = self.org.path(&format!("sobjects/{}/{path}", record.object));
            self.plan.nodes.push(json!({
                "method": "PATCH", "url": url, "referenceId": record.reference, "body": body,
                // Else the org's assignment rules give the record to whom they like.
                "httpHeaders": { "Sforce-Auto-Assign": "FALSE" },
            }));
        }
        Ok(if record.row.is_some() { path } else { format!("@{{{}.id}}", record.reference) })
    }

    /// Whether one of our own fields is to be written; what stands there afterwards by our doing is remembered.
    fn may_write(&mut self, record: &Record<'_>, name: &str, value: &Value) -> bool {
        let Some(row) = record.row else {
            self.wrote(record.object, name, value);
            return true;
        };
        let stands = field(row, name);
        if same(stands, value) {
            self.wrote(record.object, name, value);
            return false;
        }
        let last = self.remembered.get(format!("{}.{name}", record.object).as_str());
        let stood = mark(stands);
        let is_ours = last.is_some_and(|last| last.split(' ').any(|one| *one == *stood)) || stands.is_null();
        if is_ours {
            self.wrote(record.object, name, value);
        }
        is_ours
    }

    fn wrote(&mut self, object: &str, name: &str, value: &Value) {
        self.keep(&format!("{object}.{name}"), &mark(value));
        // Contacts and accounts have owners of their own; the lead's is that of its task, which is written last.
        if let Some(owner) = value.as_str().filter(|_| name == "OwnerId" && matches!(object, "Lead" | "Task")) {
            self.keep(OWNER, owner);
        }
    }

    fn keep(&mut self, name: &str, text: &str) {
        self.plan.remember.push((name.to_owned(), text.to_owned()));
    }
}

fn person(who: &Who) -> Row {
    let mut base = Row::from_iter([("LastName".to_owned(), who.last.as_str().into())]);
    for (name, value) in [("FirstName", &who.first), ("Email", &who.email), ("Title", &who.title)] {
        base.extend(value.as_ref().map(|value| (name.to_owned(), value.as_str().into())));
    }
    base
}

/// Salesforce writes names of fields as they were declared, and people write them as they like.
fn field<'r>(row: &'r Row, name: &str) -> &'r Value {
    let found = row
        .get(name)
        .or_else(|| row.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.unwrap_or(&Value::Null)
}

/// Whether two values say the same: numbers come back as decimals, lines with other ends.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits(),
        _ => plain(one) == plain(other),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.replace("\r\n", "\n").trim().to_owned())
}

impl Plan {
    /// What is remembered where nobody knows whether the requests were taken: of each field both what it said before and what it may say by
    /// now, since either is ours.
    pub fn in_doubt(self, remembered: &Remembered) -> Vec<(String, String)> {
        let both = |(name, new): (String, String)| {
            let old = remembered.get(name.as_str()).map(AsRef::as_ref).unwrap_or_default();
            let old = old.split(' ').rfind(|one| !one.is_empty() && *one != new);
            let both = old.map_or_else(|| new.clone(), |old| format!("{old} {new}"));
            (name, both)
        };
        self.remember.into_iter().filter(|(name, _)| name.contains('.')).map(both).collect()
    }
}

/// A value in a few letters, to see whether it is still there.
fn mark(value: &Value) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(plain(value).as_bytes()))
}
