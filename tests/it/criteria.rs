//! What the product must be able to say, played: one case for each requirement in `fixtures/criteria/`, with its definition, what
//! happens, and the leads that come of it. `docs/criteria.md` is made from the same files.
//!
//! A case has a line with its number and phrase, a line that says what it shows, a configuration, and a play:
//!
//! ```text
//! 0d u{n}@acme Message Sent x49 {"size":"{n}"}     calls: `group`, `identify`, `page NAME`, or the name of an event; how often
//! 1d => acme: the team is in, tier 2               the leads' news since the last look, time passing until then
//! 1d => nothing
//! 1d ?? account acme: tasks > 50 is false          what `explain` says
//! 1d ?? account acme: rank 12                      the rank, as `explain` says
//! 1d ?? account acme: contact kim                  whom the newest lead says to talk to
//! 3h backend/u@acme Seat Paid                      of another source than `app`; `h` and `m` for hours and minutes
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use handraiser::event::{Call, Event, SourceName};
use handraiser::ids::RecordKey;
use handraiser::lead::{LeadEvent, LeadEventType};
use handraiser::time::Millis;
use serde_json::Value;

use crate::desk::{Desk, START};
use crate::documents::is_current;

/// The requirements: how many there are of each kind.
const REQUIREMENTS: [(char, usize); 4] = [('U', 38), ('F', 16), ('S', 9), ('R', 8)];

struct Case {
    id: String,
    phrase: String,
    shows: String,
    /// Whether what happens at one time may happen in any order.
    any_order: bool,
    config: String,
    play: Vec<Line>,
}

/// One line of a play.
pub struct Line {
    /// Since the start, in milliseconds.
    at: i64,
    what: What,
}

enum What {
    Call(String),
    Expect(Option<String>),
    Explain { key: RecordKey, condition: String },
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/criteria")
}

fn cases() -> Vec<Case> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut cases: Vec<Case> = files
        .filter(|path| path.file_stem().is_some_and(|name| name != "elsewhere"))
        .map(|path| case(&std::fs::read_to_string(path).unwrap()))
        .collect();
    let place = |case: &Case| {
        let (kind, number) = case.id.split_at(1);
        (REQUIREMENTS.iter().position(|(known, _)| kind.starts_with(*known)), number.parse::<usize>().unwrap())
    };
    cases.sort_by_key(place);
    cases
}

fn case(text: &str) -> Case {
    let mut parts = text.splitn(3, "---\n");
    let (head, config, play) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let mut lines = head.lines();
    let (id, phrase) = lines.next().unwrap().split_once(' ').unwrap();
    let shows = lines.next().unwrap().to_owned();
    let any_order = lines.next().is_none();
    let play = play.lines().map(line).collect();
    Case { id: id.to_owned(), phrase: phrase.to_owned(), shows, any_order, config: config.to_owned(), play }
}

/// Reads a line of a play.
pub fn line(text: &str) -> Line {
    let (at, rest) = text.split_once(' ').unwrap();
    let (number, unit) = at.split_at(at.len() - 1);
    let unit = match unit {
        "d" => Millis::DAY,
        "h" => Millis::HOUR,
        _ => Millis::MINUTE,
    };
    let at = number.parse::<i64>().unwrap() * unit;
    let what = if let Some(news) = rest.strip_prefix("=> ") {
        What::Expect(Some(news.to_owned()).filter(|news| news != "nothing"))
    } else if let Some(question) = rest.strip_prefix("?? ") {
        let (subject, condition) = question.split_once(": ").unwrap();
        What::Explain { key: subject.replace(' ', ":").parse().unwrap(), condition: condition.to_owned() }
    } else {
        What::Call(rest.to_owned())
    };
    Line { at, what }
}

/// The events of a line of calls.
fn events(desk: &Desk, call: &str) -> Vec<Event> {
    let (call, json) =
        call.split_once(" {\"").map_or((call, String::new()), |(call, json)| (call, format!("{{\"{json}")));
    let (call, times) = match call.rsplit_once(" x").map(|(call, times)| (call, times.parse::<usize>())) {
        Some((call, Ok(times))) => (call, times),
        _ => (call, 1),
    };
    (0..times)
        .map(|n| event(desk, &call.replace("{n}", &n.to_string()), &json.replace("{n}", &n.to_string())))
        .collect()
}

fn event(desk: &Desk, call: &str, json: &str) -> Event {
    let (who, name) = call.split_once(' ').unwrap();
    let (source, who) = who.split_once('/').map_or((None, who), |(source, who)| (Some(source), who));
    let (user, account) = who.split_once('@').map_or((who, None), |(user, account)| (user, Some(account)));
    let given: Value = if json.is_empty() { Value::Null } else { serde_json::from_str(&moments(json)).unwrap() };
    let given = given.as_object().cloned().unwrap_or_default();
    let (kind, name) = match name.split_once(' ') {
        _ if name == "identify" => (Call::Identify, None),
        _ if name == "group" => (Call::Group, None),
        Some(("page", page)) => (Call::Page, Some(page)),
        _ => (Call::Track, Some(name)),
    };
    let mut event = Event { name: name.map(Into::into), ..desk.event(kind, user) };
    if let Some(source) = source {
        event.source = SourceName::new(source);
        event.trust = desk.trust(source);
    }
    match kind {
        Call::Group => Event { group_id: account.map(Into::into), traits: given, ..event },
        Call::Identify => Event { traits: given, ..event },
        _ => Event { context_group_id: account.map(Into::into), properties: given, ..event },
    }
}

/// `{14d}`: the moment so many days after the start.
fn moments(json: &str) -> String {
    let mut out = json.to_owned();
    while let Some((before, rest)) = out.split_once("\"{")
        && let Some((days, after)) = rest.split_once("d}\"")
    {
        let at = START.plus(days.parse::<i64>().unwrap() * Millis::DAY).rfc3339();
        out = format!("{before}\"{at}\"{after}");
    }
    out
}

/// `acme: the team is in, tier 2`, `…, lapsed`.
fn told(event: &LeadEvent) -> String {
    let lead = &event.lead;
    let kind = serde_json::to_value(event.kind).unwrap();
    let more = match event.kind {
        LeadEventType::Qualified if lead.tier == 1 => String::new(),
        LeadEventType::Qualified => format!(", tier {}", lead.tier),
        _ => format!(", {}", kind.as_str().unwrap().trim_start_matches("lead.").replace('_', " ")),
    };
    format!("{}: {}{more}", lead.subject.id, lead.definition)
}

/// Plays what happens under a configuration; `reversed`, what happens at one time in the other order. Returns what went otherwise.
pub async fn play(config: &str, play: &[Line], reversed: bool) -> Result<(), String> {
    let desk = Desk::documented(config);
    let (mut seen, mut now) = (0, 0);
    let mut at = 0;
    while let Some(first) = play.get(at) {
        // In steps of a day, so that whatever is due on the way is done by the time it is.
        while now < first.at {
            let step = (first.at - now).min(Millis::DAY);
            desk.pass(step).await;
            now += step;
        }
        let same = |line: &&Line| {
            line.at == first.at && std::mem::discriminant(&line.what) == std::mem::discriminant(&first.what)
        };
        let group: Vec<&Line> = play[at..].iter().take_while(same).collect();
        at += group.len();
        let mut wanted = Vec::new();
        let mut sent = Vec::new();
        for line in group {
            match &line.what {
                What::Call(call) => sent.extend(events(&desk, call)),
                What::Expect(news) => wanted.extend(news.clone()),
                What::Explain { key, condition } => explains(&desk, key, condition).await?,
            }
        }
        if !sent.is_empty() {
            if reversed {
                sent.reverse();
            }
            for event in sent {
                desk.send(vec![event]).await;
            }
            continue;
        }
        if matches!(first.what, What::Expect(_)) {
            // Of a shadow nobody is told.
            let leads = desk.leads().await;
            let made = leads.iter().filter(|lead| !lead.shadow).map(|lead| lead.revision as usize).sum();
            let taken = desk.taken(made).await;
            let mut news: Vec<String> = taken[seen..].iter().map(told).collect();
            news.sort();
            wanted.sort();
            if news != wanted {
                let days = first.at as f64 / Millis::DAY as f64;
                return Err(format!("after {days} days: {news:?}, not {wanted:?}"));
            }
            seen = made;
        }
    }
    Ok(())
}

async fn explains(desk: &Desk, key: &RecordKey, condition: &str) -> Result<(), String> {
    let explained = desk.explain(key).await.ok_or("nothing is known of it")?;
    let word = |met: Option<bool>| met.map_or("unknown", |met| if met { "true" } else { "false" });
    if let Some(contact) = condition.strip_prefix("contact ") {
        let leads = desk.leads().await;
        let lead = leads.iter().find(|lead| lead.subject.id == key.id.as_ref());
        let found = lead.and_then(|lead| lead.contact.as_ref()).map(|person| &*person.user_id);
        return if found == Some(contact) { Ok(()) } else { Err(format!("the contact is {found:?}, not {contact}")) };
    }
    if let Some(rank) = condition.strip_prefix("rank ") {
        let ranks: Vec<_> =
            explained.definitions.iter().filter_map(|one| Some(one.rank.as_ref()?.to_string())).collect();
        return if ranks == [rank] { Ok(()) } else { Err(format!("the ranks are {ranks:?}, not {rank}")) };
    }
    let reasons = explained.definitions.iter().flat_map(|definition| &definition.conditions);
    let said: Vec<String> = reasons.map(|reason| format!("{} is {}", reason.condition, word(reason.met))).collect();
    if said.iter().any(|said| said == condition) { Ok(()) } else { Err(format!("`{condition}` is not among {said:?}")) }
}

#[tokio::test]
async fn every_case_is_played_as_it_is_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        for reversed in [false, true].into_iter().filter(|reversed| case.any_order || !reversed) {
            if let Err(why) = play(&case.config, &case.play, reversed).await {
                let order = if reversed { ", in the other order" } else { "" };
                wrong.push(format!("{}{order}: {why}", case.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn elsewhere() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder().join("elsewhere.txt")).unwrap();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(id, why)| (id.to_owned(), why.to_owned())).collect()
}

#[test]
fn every_requirement_is_a_case_or_says_why_not() {
    let known: Vec<String> =
        cases().into_iter().map(|case| case.id).chain(elsewhere().into_iter().map(|(id, _)| id)).collect();
    let unique: BTreeSet<&String> = known.iter().collect();
    assert_eq!(unique.len(), known.len(), "each once");
    let all: BTreeSet<String> =
        REQUIREMENTS.iter().flat_map(|(kind, many)| (1..=*many).map(move |number| format!("{kind}{number}"))).collect();
    assert_eq!(unique.into_iter().cloned().collect::<BTreeSet<_>>(), all);
}

#[test]
fn the_table_of_criteria_is_current() {
    let mut page = "<!-- Made by `make docs`; don't edit. -->\n# Criteria\n\nWhat people say a product-qualified lead is, and how it is \
                    written here. Each of these is played by a test: what happens, and the leads that come of it, stand in \
                    [fixtures/criteria](../fixtures/criteria).\n"
        .to_owned();
    for Case { id, phrase, shows, config, .. } in cases() {
        let _ = write!(page, "\n## {id}: {phrase}\n\nShows: {shows}.\n\n```yaml\n{config}```\n");
    }
    page.push_str("\n## Elsewhere, or not yet\n\n| | |\n|---|---|\n");
    for (id, why) in elsewhere() {
        let _ = writeln!(page, "| {id} | {why} |");
    }
    is_current("criteria.md", &page);
}
