//! What people made of leads in Pipedrive: of those in the leads inbox, of those that they archived, and of the deals that leads became.
//!
//! | what stands there                                   | what it means                            |
//! |-----------------------------------------------------|------------------------------------------|
//! | a lead in the inbox                                 | new                                      |
//! | the same, with an activity that somebody planned    | accepted                                 |
//! | a lead that was archived                            | rejected                                 |
//! | a deal that is open; won; lost                      | working; won; lost, with Pipedrive's reason |
//! | an open deal that was archived                      | rejected                                 |
//!
//! What an operator says of a lead's label, or of a deal's stage, wins over what an open one means.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::fields::{Kind, custom, lookup};
use super::talk::{Talk, id, part};
use super::users;
use crate::crm::adapter::ReadBack;
use crate::crm::owners::Users;
use crate::crm::reading::Reading;
use crate::crm::retry::Failure;
use crate::crm::stages::{Stages, seen};
use crate::crm::told::FACTS;
use crate::record::{Seen, SeenOwner, Stage};
use crate::time::Millis;

/// How many records of a kind are asked for at once.
const PAGE: usize = 500;
/// How many pages of archived leads are read, the newest first: of more that were archived since the last call, the oldest stay unheard of.
const MOST_ARCHIVED: usize = 20;
/// So much later than it happened a change may be known, and so far may the clocks be apart.
const LATE: i64 = 2 * 60 * 1_000;
/// For how long the names of stages and labels are known.
const KNOWN: Duration = Duration::from_hours(1);
/// Why a lead was turned down that somebody put away.
const ARCHIVED: &str = "archived in Pipedrive";

/// What changed since then.
pub(super) async fn read(talk: &mut Talk<'_, '_>, since: Millis) -> Result<ReadBack, Failure> {
    let mut reading = Reading::new(since, talk.session.now().plus(-LATE));
    let fields = lookup(talk, Kind::Lead).await?;
    let [key, ..] = &FACTS;
    // Without the field no lead was ever brought over.
    let Some(code) = fields.own(key).map(|field| field.code.clone()) else { return Ok(reading.done()) };
    let mut names =
        Names { code, stages: names_of_stages(talk).await?, users: users::known(talk).await?, are_new: false };
    leads(talk, &mut names, since, &mut reading).await?;
    archived_leads(talk, &mut names, since, &mut reading).await?;
    // After the leads: what became a deal is one, whatever is left of the lead.
    for which in [&["deals"][..], &["deals", "archived"]] {
        deals(talk, which, &mut names, since, &mut reading).await?;
    }
    Ok(reading.done())
}

/// What ids stand for.
struct Names {
    /// The field that holds our id.
    code: String,
    /// Of labels and stages; empty where nothing was said of them.
    stages: BTreeMap<String, String>,
    users: Users<u64>,
    /// Whether the users were asked for in this call.
    are_new: bool,
}

/// The names of labels of leads, and of stages of deals, by their ids.
async fn names_of_stages(talk: &Talk<'_, '_>) -> Result<BTreeMap<String, String>, Failure> {
    const NAME: &str = "names of stages";
    if talk.pipedrive.stages.is_empty() {
        return Ok(BTreeMap::new());
    }
    if let Some(known) = talk.session.known(NAME).and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(known);
    }
    let names = all_names(talk).await?;
    talk.session.learn(NAME, serde_json::to_string(&names).unwrap_or_default(), KNOWN);
    Ok(names)
}

/// The same, asked for anew.
pub(super) async fn all_names(talk: &Talk<'_, '_>) -> Result<BTreeMap<String, String>, Failure> {
    let mut names = BTreeMap::new();
    let mut stages = talk.v2(&["stages"]);
    stages.query_pairs_mut().append_pair("limit", "500");
    for url in [talk.v1(&["leadLabels"]), stages] {
        for one in array(talk.read(url).await?) {
            names.extend(id(&one).zip(one.get("name").and_then(Value::as_str).map(str::to_owned)));
        }
    }
    Ok(names)
}

/// Leads in the inbox, in the order in which they were changed.
async fn leads(
    talk: &mut Talk<'_, '_>,
    names: &mut Names,
    since: Millis,
    reading: &mut Reading,
) -> Result<(), Failure> {
    let (mut from, mut start) = (since, 0);
    for pages in 1.. {
        let mut url = talk.v1(&["leads"]);
        let pairs = [("updated_since", from.rfc3339()), ("sort", "update_time ASC".to_owned())];
        url.query_pairs_mut().extend_pairs(pairs);
        let all = page(talk, url, start).await?;
        hear(talk, names, &all, reading).await?;
        let last = all.last().and_then(changed).unwrap_or(from);
        if all.len() < PAGE || reading.breaks_off(last, pages)? {
            break;
        }
        // By time rather than by number: what is changed meanwhile moves to the end, and all that is behind it forward.
        (from, start) = if last > from { (last, 0) } else { (from, start + all.len()) };
    }
    Ok(())
}

/// Archived leads, from the newest change back: they can't be asked for by time.
async fn archived_leads(
    talk: &mut Talk<'_, '_>,
    names: &mut Names,
    since: Millis,
    reading: &mut Reading,
) -> Result<(), Failure> {
    for pages in 0..MOST_ARCHIVED {
        let mut url = talk.v1(&["leads", "archived"]);
        url.query_pairs_mut().append_pair("sort", "update_time DESC");
        let mut all = page(talk, url, pages * PAGE).await?;
        let is_last = all.len() < PAGE;
        let before = all.len();
        all.retain(|lead| changed(lead).is_some_and(|at| at >= since));
        hear(talk, names, &all, reading).await?;
        if is_last || all.len() < before {
            return Ok(());
        }
    }
    tracing::warn!("Pipedrive: so many leads were archived at once that the first of them stay unheard of");
    Ok(())
}

/// Deals that leads became, in the order in which they were changed.
async fn deals(
    talk: &mut Talk<'_, '_>,
    which: &[&str],
    names: &mut Names,
    since: Millis,
    reading: &mut Reading,
) -> Result<(), Failure> {
    let mut cursor: Option<String> = None;
    for pages in 1.. {
        let mut url = talk.v2(which);
        let pairs = [
            ("updated_since", &*since.rfc3339()),
            ("sort_by", "update_time"),
            ("sort_direction", "asc"),
            ("custom_fields", &names.code),
            ("limit", &PAGE.to_string()),
        ];
        url.query_pairs_mut().extend_pairs(pairs);
        if let Some(cursor) = &cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let said = talk.hear(Method::GET, url, None).await?;
        cursor = said.pointer("/additional_data/next_cursor").and_then(Value::as_str).map(str::to_owned);
        let all = array(part(said, "data"));
        hear(talk, names, &all, reading).await?;
        let last = all.last().and_then(changed).unwrap_or(since);
        if cursor.is_none() || reading.breaks_off(last, pages)? {
            break;
        }
    }
    Ok(())
}

async fn page(talk: &Talk<'_, '_>, mut url: Url, start: usize) -> Result<Vec<Value>, Failure> {
    let pairs = [("start", start.to_string()), ("limit", PAGE.to_string())];
    url.query_pairs_mut().extend_pairs(pairs);
    talk.read(url).await.map(array)
}

/// Those of the records that are ours, as they stand.
async fn hear(
    talk: &mut Talk<'_, '_>,
    names: &mut Names,
    records: &[Value],
    reading: &mut Reading,
) -> Result<(), Failure> {
    for record in records {
        let Some(lead) = custom(record, &names.code).and_then(Value::as_str).map(|lead| lead.trim().to_owned()) else {
            continue;
        };
        let owner = match record.get("owner_id").and_then(Value::as_u64) {
            Some(owner) => Some(whose(talk, names, owner).await?),
            None => None,
        };
        reading.hear(&lead, stands(record, &talk.pipedrive.stages, &names.stages, owner));
    }
    Ok(())
}

/// Who a user is; one who isn't known may be new.
async fn whose(talk: &Talk<'_, '_>, names: &mut Names, id: u64) -> Result<SeenOwner, Failure> {
    if !names.are_new && names.users.email(&id).is_none() {
        names.users = users::all(talk).await?;
        names.are_new = true;
    }
    Ok(SeenOwner { id: id.to_string().into(), email: names.users.email(&id).map(Into::into) })
}

/// How far people have come with a lead or a deal.
fn stands(record: &Value, said: &Stages, names: &BTreeMap<String, String>, owner: Option<SeenOwner>) -> Seen {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    match text("status") {
        Some("won") => return seen(Stage::Won, None, owner),
        Some("lost") => return seen(Stage::Lost, text("lost_reason"), owner),
        _ => {}
    }
    if record.get("is_archived") == Some(&Value::Bool(true)) {
        return seen(Stage::Rejected, Some(ARCHIVED), owner);
    }
    let labels = record.get("label_ids").and_then(Value::as_array).into_iter().flatten();
    let ids = labels.filter_map(Value::as_str).map(str::to_owned);
    let ids = ids.chain(record.get("stage_id").and_then(Value::as_u64).map(|id| id.to_string()));
    let named = ids.filter_map(|id| names.get(&id)).filter_map(|name| Some((said.of(name)?, name)));
    if let Some((stage, name)) = named.max() {
        return seen(stage, Some(name), owner);
    }
    let is_planned = record.get("next_activity_id").is_some_and(|activity| !activity.is_null());
    let stage = match (text("status"), is_planned) {
        // Only deals have one.
        (Some(_), _) => Stage::Working,
        (None, true) => Stage::Accepted,
        (None, false) => Stage::New,
    };
    seen(stage, None, owner)
}

/// When a record was changed last.
fn changed(record: &Value) -> Option<Millis> {
    Millis::parse(record.get("update_time")?.as_str()?)
}

fn array(said: Value) -> Vec<Value> {
    match said {
        Value::Array(all) => all,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_in_pipedrive_means_how_far_people_have_come() {
        let said = Stages::new([
            ("Demo".to_owned(), Stage::Accepted),
            ("Junk".to_owned(), Stage::Rejected),
            ("Called".to_owned(), Stage::Working),
        ]);
        let names = [("4", "Demo"), ("l1", "junk"), ("l2", "Called"), ("l3", "Hot")];
        let names = names.map(|(id, name)| (id.to_owned(), name.to_owned())).into();
        let of = |record: Value| {
            let seen = stands(&record, &said, &names, None);
            (seen.stage, seen.reason.map(String::from).unwrap_or_default())
        };
        for (record, stage, reason) in [
            (json!({ "is_archived": false, "next_activity_id": null }), Stage::New, ""),
            (json!({ "next_activity_id": 7 }), Stage::Accepted, ""),
            (json!({ "label_ids": ["l3"] }), Stage::New, ""),
            (json!({ "label_ids": ["l2", "l3"], "next_activity_id": 7 }), Stage::Working, ""),
            (json!({ "label_ids": ["l1", "l2"] }), Stage::Rejected, "junk"),
            (json!({ "label_ids": ["l2"], "is_archived": true }), Stage::Rejected, ARCHIVED),
            (json!({ "status": "open", "stage_id": 3, "lost_reason": null }), Stage::Working, ""),
            (json!({ "status": "open", "stage_id": 4 }), Stage::Accepted, ""),
            (json!({ "status": "open", "stage_id": 3, "is_archived": true }), Stage::Rejected, ARCHIVED),
            (json!({ "status": "won", "stage_id": 4, "is_archived": true }), Stage::Won, ""),
            (json!({ "status": "lost", "lost_reason": "Too dear" }), Stage::Lost, "Too dear"),
            (json!({ "status": "lost", "lost_reason": null }), Stage::Lost, ""),
        ] {
            assert_eq!(of(record.clone()), (stage, reason.to_owned()), "{record}");
        }
    }
}
