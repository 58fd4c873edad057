//! What people made of leads in Attio: by the status and the owner of their records.
//!
//! | the status                         | what it means              |
//! |------------------------------------|----------------------------|
//! | none, `Lead`, `New`                | new                        |
//! | `In Progress`                      | working                    |
//! | `Won 🎉`, `Won`                    | won                        |
//! | `Lost`                             | lost                       |
//! | any other                          | accepted: somebody changed it |
//!
//! What an operator says of a status wins. Attio can be asked for records whose status changed since a time, and for nothing else of that kind: so
//! all records of leads are read once an hour, for owners that people changed, and those are told of whose status or owner is younger than
//! the last time. Where people's progress is no status but a choice, all are read each time. How far a reading came is remembered in memory
//! alone: another server begins anew.

use reqwest::Method;
use serde_json::{Value, json};

use super::attributes::{Attribute, Catalogue, OWNER, there};
use super::members;
use super::talk::{Talk, value};
use crate::crm::adapter::ReadBack;
use crate::crm::owners::Users;
use crate::crm::retry::Failure;
use crate::crm::stages::{Stages, seen};
use crate::crm::told::LEAD;
use crate::record::{Seen, SeenOwner, Stage};
use crate::time::Millis;

/// How many records are asked for at once, and how many times in one call.
const PAGE: usize = 200;
const MOST_PAGES: usize = 5;
/// So much later than it happened a change may be known, and so far may the clocks be apart.
const LATE: i64 = 2 * 60 * 1_000;
/// For how long a reading that was broken off is gone on with.
const HOLDS: std::time::Duration = std::time::Duration::from_hours(1);
/// Under which name it is remembered how far one came.
const CAME: &str = "read back";
/// That all records were read is known under this name, and for so long.
const ALL: &str = "all read back";
const ALL_EVERY: std::time::Duration = std::time::Duration::from_hours(1);

/// What changed since then.
pub(super) async fn read(talk: &mut Talk<'_, '_>, since: Millis) -> Result<ReadBack, Failure> {
    let object = talk.attio.object.to_string();
    let attributes = match talk.session.known(&object).and_then(|text| serde_json::from_str(&text).ok()) {
        Some(known) => Catalogue(known),
        None => there(talk, &object).await?,
    };
    let by_status = status(&attributes).filter(|status| status.kind == "status").map(|status| status.slug.clone());
    let mut came = Came::of(talk, since, by_status.is_some());
    let until = came.began.plus(-LATE).max(since);
    // Without the attribute no lead was ever brought over.
    if attributes.find(LEAD).is_none() {
        return Ok(ReadBack { leads: Vec::new(), until, is_all: true });
    }
    let mut names = Names {
        status: status(&attributes).map(|one| one.slug.clone()),
        members: members::known(talk).await?,
        are_new: false,
    };
    let mut leads = Vec::new();
    for _ in 0..MOST_PAGES {
        let records = page(talk, &object, &came, by_status.as_deref()).await?;
        for record in &records {
            leads.extend(news(talk, &mut names, record, came.younger_than()).await?);
        }
        if records.len() < PAGE {
            talk.session.unlearn(CAME);
            if came.all {
                talk.session.learn(ALL, "", ALL_EVERY);
            }
            return Ok(ReadBack { leads, until, is_all: true });
        }
        came.go_on(&records);
    }
    talk.session.learn(CAME, came.text(), HOLDS);
    Ok(ReadBack { leads, until: since, is_all: false })
}

/// How far a reading came that takes several calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Came {
    /// When it began, and what it asks for.
    began: Millis,
    since: Millis,
    /// Up to the records that were made at that time, and over so many of those.
    made: Millis,
    over: usize,
    /// Whether it is of all records, not only of those whose status has changed.
    all: bool,
}

impl Came {
    /// Where the last call for the same left off, or the beginning.
    fn of(talk: &Talk<'_, '_>, since: Millis, by_status: bool) -> Self {
        let left = talk.session.known(CAME).and_then(|text| Self::parse(&text)).filter(|came| came.since == since);
        let all = !by_status || talk.session.known(ALL).is_none();
        left.unwrap_or_else(|| Self { began: talk.session.now(), since, made: Millis(0), over: 0, all })
    }

    /// What changed later than this is told of: where all are read, what may have been changed since they were the last time.
    fn younger_than(self) -> Millis {
        let last = i64::try_from(ALL_EVERY.as_millis()).unwrap_or(i64::MAX);
        if self.all { self.since.plus(-last - LATE) } else { self.since }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|number| number.parse::<i64>().ok());
        let mut next = || numbers.next().flatten();
        let (began, since, made) = (Millis(next()?), Millis(next()?), Millis(next()?));
        Some(Self { began, since, made, over: usize::try_from(next()?).ok()?, all: next()? == 1 })
    }

    fn text(self) -> String {
        format!("{} {} {} {} {}", self.began.0, self.since.0, self.made.0, self.over, u8::from(self.all))
    }

    /// Behind a page. By time rather than by number: what is deleted meanwhile moves all that is behind it.
    fn go_on(&mut self, page: &[Value]) {
        let last = page.last().and_then(|record| moment(value(record, "created_at")?)).unwrap_or(self.made);
        if last > self.made {
            (self.made, self.over) = (last, 0);
        } else {
            self.over += page.len();
        }
    }
}

/// Records of leads, the oldest first.
async fn page(talk: &Talk<'_, '_>, object: &str, came: &Came, by_status: Option<&str>) -> Result<Vec<Value>, Failure> {
    let mut filters =
        vec![json!({ LEAD: { "$not_empty": true } }), json!({ "created_at": { "$gte": came.made.rfc3339() } })];
    if let Some(status) = by_status.filter(|_| !came.all) {
        filters.push(json!({ status: { "active_from": { "$gte": came.since.rfc3339() } } }));
    }
    let body = json!({
        "filter": { "$and": filters },
        "sorts": [{ "attribute": "created_at", "direction": "asc" }],
        "limit": PAGE,
        "offset": came.over,
    });
    match talk.hear(Method::POST, talk.url(&["objects", object, "records", "query"]), Some(&body)).await? {
        Value::Array(all) => Ok(all),
        _ => Ok(Vec::new()),
    }
}

/// What ids stand for.
struct Names {
    /// The attribute that says how far people have come.
    status: Option<String>,
    members: Users<String>,
    /// Whether the members were asked for in this call.
    are_new: bool,
}

/// Which attribute says how far people have come: `stage`, or else the first that is a status.
fn status(attributes: &Catalogue) -> Option<&Attribute> {
    let is_status = |kind: &str| matches!(kind, "status" | "select");
    let stage = attributes.find("stage").filter(|stage| is_status(&stage.kind));
    stage.or_else(|| attributes.0.iter().find(|one| one.kind == "status"))
}

/// A lead as it stands, if anything of that is younger than this.
async fn news(
    talk: &Talk<'_, '_>,
    names: &mut Names,
    record: &Value,
    since: Millis,
) -> Result<Option<(String, Seen)>, Failure> {
    let Some(lead) = value(record, LEAD).and_then(Value::as_str) else { return Ok(None) };
    let status = names.status.as_deref();
    let changed = [status, Some(OWNER)].into_iter().flatten();
    if !changed.filter_map(|attribute| active_from(record, attribute)).any(|at| at >= since) {
        return Ok(None);
    }
    let title = status.and_then(|status| value(record, status)?.as_str());
    let id = record.pointer(&format!("/values/{OWNER}/0")).filter(|owner| is_member(owner));
    let owner = match id.and_then(|owner| owner.get("referenced_actor_id")?.as_str()) {
        Some(id) => Some(whose(talk, names, id).await?),
        None => None,
    };
    Ok(Some((lead.to_owned(), stands(title, &talk.attio.stages, owner))))
}

fn is_member(owner: &Value) -> bool {
    owner.get("referenced_actor_type").is_none_or(|kind| kind == "workspace-member")
}

/// Who a member is; one who isn't known may be new.
async fn whose(talk: &Talk<'_, '_>, names: &mut Names, id: &str) -> Result<SeenOwner, Failure> {
    let id = id.to_owned();
    if !names.are_new && names.members.email(&id).is_none() {
        names.members = members::all(talk).await?;
        names.are_new = true;
    }
    Ok(SeenOwner { email: names.members.email(&id).map(Into::into), id: id.into() })
}

/// How far people have come with a lead in a status.
fn stands(title: Option<&str>, said: &Stages, owner: Option<SeenOwner>) -> Seen {
    let Some(title) = title else { return seen(Stage::New, None, owner) };
    if let Some(stage) = said.of(title) {
        return seen(stage, Some(title), owner);
    }
    // Workspaces have them with pictures, and without.
    let plain: String = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
    let stage = match plain.trim().to_lowercase().as_str() {
        "lead" | "new" => Stage::New,
        "in progress" => Stage::Working,
        "won" => Stage::Won,
        "lost" => Stage::Lost,
        _ => Stage::Accepted,
    };
    seen(stage, None, owner)
}

/// Since when the value of an attribute stands.
fn active_from(record: &Value, attribute: &str) -> Option<Millis> {
    moment(record.get("values")?.get(attribute)?.get(0)?.get("active_from")?)
}

fn moment(value: &Value) -> Option<Millis> {
    Millis::parse(value.as_str()?)
}

/// The titles of the statuses that there are.
pub(super) async fn titles(talk: &Talk<'_, '_>, attributes: &Catalogue) -> Result<Vec<String>, Failure> {
    let Some(Attribute { slug, kind, .. }) = status(attributes) else { return Ok(Vec::new()) };
    let of = if kind == "status" { "statuses" } else { "options" };
    let said = talk.hear(Method::GET, talk.url(&["objects", &talk.attio.object, "attributes", slug, of]), None).await?;
    let titles = said.as_array().into_iter().flatten().filter_map(|one| one.get("title")?.as_str());
    Ok(titles.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_means_how_far_people_have_come() {
        let said = Stages::new([("Qualified".to_owned(), Stage::Working), ("Junk".to_owned(), Stage::Rejected)]);
        let of = |title: Option<&str>| {
            let seen = stands(title, &said, None);
            (seen.stage, seen.reason.map(String::from).unwrap_or_default())
        };
        for (title, stage, reason) in [
            (None, Stage::New, ""),
            (Some("Lead"), Stage::New, ""),
            (Some("In Progress"), Stage::Working, ""),
            (Some("Won 🎉"), Stage::Won, ""),
            (Some("Lost"), Stage::Lost, ""),
            (Some("Contract sent"), Stage::Accepted, ""),
            (Some("qualified"), Stage::Working, ""),
            (Some("Junk"), Stage::Rejected, "Junk"),
        ] {
            assert_eq!(of(title), (stage, reason.to_owned()), "{title:?}");
        }
    }

    #[test]
    fn a_reading_goes_on_where_it_left_off() {
        let mut came = Came { began: Millis(9_000), since: Millis(5_000), made: Millis(1_000), over: 0, all: true };
        let record = |at: &str| json!({ "values": { "created_at": [{ "value": at }] } });
        came.go_on(&[record("1970-01-01T00:00:01.000000000Z"), record("1970-01-01T00:00:01.000000000Z")]);
        assert_eq!((came.made, came.over), (Millis(1_000), 2), "two of one moment");
        came.go_on(&[record("1970-01-01T00:00:02.000000000Z")]);
        assert_eq!((came.made, came.over), (Millis(2_000), 0));
        assert_eq!(Came::parse(&came.text()), Some(came));
        assert_eq!(Came::parse("7 x"), None);
    }
}
