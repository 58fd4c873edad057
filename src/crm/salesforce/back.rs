//! What people made of leads in Salesforce: of Leads, of the opportunities that they were converted to, of the tasks of those that are contacts.
//!
//! | what stands there                                          | what it means                                             |
//! |------------------------------------------------------------|-----------------------------------------------------------|
//! | a Lead in the org's default status, or `Open - Not Contacted` | new                                                     |
//! | `Working - Contacted`                                      | working                                                   |
//! | `Closed - Not Converted`, `Unqualified`                    | rejected, for the status                                  |
//! | any other status                                           | accepted: somebody changed it                             |
//! | a converted Lead                                           | working; won or lost as its opportunity                   |
//! | a Task, where the lead is no Lead: not started; completed or in progress; put off | new; working; accepted             |
//!
//! What an operator says of a status or a stage wins. The lead is whose its Task is, and where it has none, its
//! Lead's owner's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::org::{LEAD_ID, Matching, Salesforce};
use super::read::{Row, quoted, select, text};
use crate::crm::adapter::ReadBack;
use crate::crm::reading::Reading;
use crate::crm::retry::Failure;
use crate::crm::session::Session;
use crate::crm::stages::{Stages, seen};
use crate::record::{Seen, SeenOwner, Stage};
use crate::time::Millis;

/// How many records of a kind are asked for at once.
const PAGE: usize = 500;
/// How many leads are looked at by one request: their ids stand in its URL.
const LOOK: usize = 200;
/// So much later than it happened a change may be known, and so far may the clocks be apart.
const LATE: i64 = 2 * 60 * 1_000;
/// For how long the default status is known.
const KNOWN: Duration = Duration::from_hours(1);

/// What changed since then.
pub(super) async fn read(org: &Salesforce, since: Millis, session: &Session<'_>) -> Result<ReadBack, Failure> {
    let mut reading = Reading::new(since, session.now().plus(-LATE));
    let touched: Vec<String> = touched(org, since, session, &mut reading).await?.into_iter().collect();
    let usual = if touched.is_empty() { String::new() } else { default_status(org, session).await? };
    for some in touched.chunks(LOOK) {
        let [leads, tasks] = look(org, some, session).await?;
        for id in some {
            let of = |rows: &[Row]| rows.iter().find(|row| text(row, LEAD_ID) == Some(id)).cloned();
            if let Some(seen) = stands(of(&leads).as_ref(), of(&tasks).as_ref(), &org.stages, &usual) {
                reading.hear(id, seen);
            }
        }
    }
    Ok(reading.done())
}

/// Records of a kind, in the order in which they changed.
struct Stream {
    object: &'static str,
    /// The field that says when.
    time: &'static str,
    /// Up to which change it was read, and up to which record of those that changed in that moment.
    from: (Millis, String),
    pages: usize,
    is_open: bool,
}

impl Stream {
    fn query(&self) -> String {
        let (object, time, (from, after)) = (self.object, self.time, &self.from);
        let from = from.rfc3339();
        let later = if after.is_empty() {
            format!("{time} >= {from}")
        } else {
            format!("({time} > {from} OR ({time} = {from} AND Id > {}))", quoted(after))
        };
        let filter = format!("{LEAD_ID} != null AND {later}");
        format!("SELECT Id, {LEAD_ID}, {time} FROM {object} WHERE {filter} ORDER BY {time}, Id LIMIT {PAGE}")
    }
}

/// The ids of the leads of which anything changed.
async fn touched(
    org: &Salesforce,
    since: Millis,
    session: &Session<'_>,
    reading: &mut Reading,
) -> Result<BTreeSet<String>, Failure> {
    let stream = |object, time| Stream { object, time, from: (since, String::new()), pages: 0, is_open: true };
    let mut streams = vec![stream("Task", "SystemModstamp")];
    if org.matching != Matching::ContactOnly {
        streams.push(stream("Lead", "SystemModstamp"));
        streams.push(stream("Lead", "ConvertedOpportunity.SystemModstamp"));
    }
    let mut touched = BTreeSet::new();
    while streams.iter().any(|stream| stream.is_open) {
        let mut open: Vec<&mut Stream> = streams.iter_mut().filter(|stream| stream.is_open).collect();
        let names = ["one", "two", "three"];
        let queries: Vec<_> = names.into_iter().zip(open.iter().map(|stream| stream.query())).collect();
        let found = select(org, session, &queries).await?;
        for (stream, rows) in open.iter_mut().zip(found) {
            touched.extend(rows.iter().filter_map(|row| text(row, LEAD_ID).map(str::to_owned)));
            if let Some(last) = rows.last() {
                let at = at(last, stream.time).unwrap_or(stream.from.0);
                stream.from = (at, text(last, "Id").unwrap_or_default().to_owned());
            }
            stream.pages += 1;
            reading.expect(touched.len());
            stream.is_open = rows.len() >= PAGE && !reading.breaks_off(stream.from.0, stream.pages)?;
        }
    }
    Ok(touched)
}

/// The leads and the tasks of these ids.
async fn look(org: &Salesforce, ids: &[String], session: &Session<'_>) -> Result<[Vec<Row>; 2], Failure> {
    let ids = ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(", ");
    let owner = "OwnerId, Owner.Type, Owner.Email";
    let deal = ["StageName", "IsWon", "IsClosed"].map(|name| format!("ConvertedOpportunity.{name}")).join(", ");
    let tasks = format!("SELECT {LEAD_ID}, Status, {owner} FROM Task WHERE {LEAD_ID} IN ({ids})");
    let leads = format!("SELECT {LEAD_ID}, Status, IsConverted, {owner}, {deal} FROM Lead WHERE {LEAD_ID} IN ({ids})");
    let mut queries = vec![("tasks", tasks)];
    if org.matching != Matching::ContactOnly {
        queries.push(("leads", leads));
    }
    let mut found = select(org, session, &queries).await?.into_iter();
    let tasks = found.next().unwrap_or_default();
    Ok([found.next().unwrap_or_default(), tasks])
}

/// The status that a Lead has when it is made; empty where no Leads are.
pub(super) async fn default_status(org: &Salesforce, session: &Session<'_>) -> Result<String, Failure> {
    const NAME: &str = "default status";
    if org.matching == Matching::ContactOnly {
        return Ok(String::new());
    }
    if let Some(known) = session.known(NAME) {
        return Ok(known);
    }
    let query = "SELECT MasterLabel FROM LeadStatus WHERE IsDefault = true LIMIT 1".to_owned();
    let mut found = select(org, session, &[("status", query)]).await?;
    let name = found.pop().and_then(|rows| text(rows.first()?, "MasterLabel").map(str::to_owned)).unwrap_or_default();
    session.learn(NAME, name.clone(), KNOWN);
    Ok(name)
}

/// All names of statuses and stages.
pub(super) async fn names(org: &Salesforce, session: &Session<'_>) -> Result<Vec<String>, Failure> {
    let of = |object: &str| format!("SELECT MasterLabel FROM {object} LIMIT 200");
    let mut queries = vec![("tasks", of("TaskStatus"))];
    if org.matching != Matching::ContactOnly {
        queries.extend([("leads", of("LeadStatus")), ("opportunities", of("OpportunityStage"))]);
    }
    let found = select(org, session, &queries).await?;
    Ok(found.iter().flatten().filter_map(|row| text(row, "MasterLabel").map(str::to_owned)).collect())
}

/// How far people have come with a lead, by its Lead, its Task, or both.
fn stands(lead: Option<&Row>, task: Option<&Row>, said: &Stages, usual: &str) -> Option<Seen> {
    let owner = task.or(lead).and_then(owner);
    let Some(row) = lead else {
        let status = text(task?, "Status")?;
        let stage = said.of(status).unwrap_or(match status.to_lowercase().as_str() {
            "in progress" | "completed" | "waiting on someone else" => Stage::Working,
            "deferred" => Stage::Accepted,
            _ => Stage::New,
        });
        return Some(seen(stage, Some(status), owner));
    };
    if row.get("IsConverted") == Some(&Value::Bool(true)) {
        return Some(converted(row.get("ConvertedOpportunity"), said, owner));
    }
    Some(seen(by_status(row, said, usual), text(row, "Status"), owner))
}

/// How far people have come with a Lead that isn't converted.
pub(super) fn by_status(lead: &Row, said: &Stages, usual: &str) -> Stage {
    let status = text(lead, "Status").unwrap_or_default();
    said.of(status).unwrap_or(match status.to_lowercase().as_str() {
        "" | "open - not contacted" | "new" => Stage::New,
        _ if status.eq_ignore_ascii_case(usual) => Stage::New,
        "working - contacted" | "working" | "contacted" => Stage::Working,
        "closed - not converted" | "unqualified" => Stage::Rejected,
        _ => Stage::Accepted,
    })
}

/// A converted lead, by its opportunity, if there is one.
fn converted(deal: Option<&Value>, said: &Stages, owner: Option<SeenOwner>) -> Seen {
    let is = |name: &str| deal.and_then(|deal| deal.get(name)) == Some(&Value::Bool(true));
    let name = deal.and_then(|deal| deal.get("StageName")?.as_str());
    let usual = match (is("IsWon"), is("IsClosed")) {
        (true, _) => Stage::Won,
        (false, true) => Stage::Lost,
        (false, false) => Stage::Working,
    };
    seen(name.and_then(|name| said.of(name)).unwrap_or(usual), name, owner)
}

/// Whose a record is; a queue is nobody.
fn owner(row: &Row) -> Option<SeenOwner> {
    let owner = row.get("Owner")?;
    if owner.get("Type")? != "User" {
        return None;
    }
    let email = owner.get("Email").and_then(Value::as_str).map(|email| email.to_lowercase().into());
    Some(SeenOwner { id: text(row, "OwnerId")?.into(), email })
}

/// When it changed, by a field that may be of a record that it names.
fn at(row: &Row, field: &str) -> Option<Millis> {
    let mut steps = field.split('.');
    let first = row.get(steps.next()?)?;
    let value = steps.try_fold(first, |value, step| value.get(step))?;
    Millis::parse(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn what_stands_in_salesforce_means_how_far_people_have_come() {
        let said = Stages::new([
            ("Nurturing".to_owned(), Stage::Rejected),
            ("Negotiation".to_owned(), Stage::Accepted),
            ("Deferred".to_owned(), Stage::Rejected),
        ]);
        let lead = |status: &str| json!({ "Status": status, "IsConverted": false });
        let deal = |name: &str, won: bool, closed: bool| {
            json!({ "IsConverted": true, "Status": "Closed - Converted",
            "ConvertedOpportunity": { "StageName": name, "IsWon": won, "IsClosed": closed } })
        };
        for (record, stage, reason) in [
            (lead("Open - Not Contacted"), Stage::New, ""),
            (lead("To be called"), Stage::New, ""),
            (lead("Working - Contacted"), Stage::Working, ""),
            (lead("Something of our own"), Stage::Accepted, ""),
            (lead("Closed - Not Converted"), Stage::Rejected, "Closed - Not Converted"),
            (lead("nurturing"), Stage::Rejected, "nurturing"),
            (json!({ "IsConverted": true, "ConvertedOpportunity": null }), Stage::Working, ""),
            (deal("Prospecting", false, false), Stage::Working, ""),
            (deal("Negotiation", false, false), Stage::Accepted, ""),
            (deal("Closed Won", true, true), Stage::Won, ""),
            (deal("Closed Lost", false, true), Stage::Lost, "Closed Lost"),
        ] {
            let seen = stands(Some(&row(record.clone())), None, &said, "To be called").expect("a lead");
            assert_eq!((seen.stage, seen.reason.as_deref().unwrap_or_default()), (stage, reason), "{record}");
        }
        let of = |status: &str| stands(None, Some(&row(json!({ "Status": status }))), &said, "").map(|seen| seen.stage);
        let all = ["Not Started", "In Progress", "Completed", "Deferred"].map(of);
        assert_eq!(all, [Stage::New, Stage::Working, Stage::Working, Stage::Rejected].map(Some));
        assert_eq!(stands(None, None, &said, ""), None, "it was deleted meanwhile");
    }

    #[test]
    fn a_lead_is_whose_its_task_is_and_a_queue_is_nobody() {
        let of = |id: &str, kind: &str| json!({ "OwnerId": id, "Owner": { "Type": kind, "Email": "Ana@example.com" } });
        let whose = |lead: Value, task: Option<Value>| {
            let seen = stands(Some(&row(lead)), task.map(row).as_ref(), &Stages::default(), "").expect("a lead");
            seen.owner.map(|owner| (owner.id.to_string(), owner.email.map(|email| email.to_string())))
        };
        let ana = |id: &str| Some((id.to_owned(), Some("ana@example.com".to_owned())));
        assert_eq!(whose(of("005A", "User"), None), ana("005A"));
        assert_eq!(whose(of("005A", "User"), Some(of("005B", "User"))), ana("005B"));
        assert_eq!(whose(of("00GA", "Queue"), None), None);
    }

    #[test]
    fn a_stream_goes_on_behind_the_last_record_of_a_moment() {
        let mut stream = Stream {
            object: "Lead",
            time: "ConvertedOpportunity.SystemModstamp",
            from: (Millis(0), String::new()),
            pages: 0,
            is_open: true,
        };
        insta::assert_snapshot!(stream.query(), @"SELECT Id, handraiser_lead_id__c, ConvertedOpportunity.SystemModstamp FROM Lead WHERE handraiser_lead_id__c != null AND ConvertedOpportunity.SystemModstamp >= 1970-01-01T00:00:00.000Z ORDER BY ConvertedOpportunity.SystemModstamp, Id LIMIT 500");
        (stream.time, stream.from) = ("SystemModstamp", (Millis(1_000), "00QA".to_owned()));
        insta::assert_snapshot!(stream.query(), @"SELECT Id, handraiser_lead_id__c, SystemModstamp FROM Lead WHERE handraiser_lead_id__c != null AND (SystemModstamp > 1970-01-01T00:00:01.000Z OR (SystemModstamp = 1970-01-01T00:00:01.000Z AND Id > '00QA')) ORDER BY SystemModstamp, Id LIMIT 500");
        let found = row(json!({ "ConvertedOpportunity": { "SystemModstamp": "2026-11-30T10:00:00.000+0000" } }));
        assert_eq!(at(&found, "ConvertedOpportunity.SystemModstamp"), Millis::parse("2026-11-30T10:00:00Z"));
    }
}
