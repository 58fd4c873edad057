//! What came of it: for each definition how many leads, when, in which tiers, and what differs from another configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Lead;
use crate::cli::paint::{Paint, Tone};
use crate::cli::past::Past;
use crate::cli::table::{Cell, Table};
use crate::cli::words;
use crate::ids::SubjectKind;
use crate::qualify::Definition;
use crate::time::Millis;

const WEEK: i64 = 7 * Millis::DAY;

#[derive(Debug, Serialize)]
pub struct Report {
    since: String,
    until: String,
    /// How many events were decided about, from the archive's first day on.
    events: u64,
    /// How far the archive goes back, in words.
    reach: String,
    definitions: Vec<OfDefinition>,
    /// In the order in which they would have come.
    leads: Vec<Lead>,
    /// Only by the one configuration, and only by the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    gained: Option<Vec<Lead>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<Vec<Lead>>,
}

#[derive(Debug, Serialize)]
struct OfDefinition {
    name: String,
    of: SubjectKind,
    leads: usize,
    /// On average.
    a_week: f64,
    /// The day with the most of them, and how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    busiest_day: Option<(String, usize)>,
    /// How many began in which tier.
    tiers: BTreeMap<u8, usize>,
    /// By the other configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
}

#[derive(Debug, Serialize)]
struct Against {
    leads: usize,
    /// Users or accounts that would have become a lead by the one alone.
    gained: usize,
    lost: usize,
}

/// Who became a lead, by which definition.
type Who<'a> = BTreeSet<(&'a str, SubjectKind, &'a str)>;

fn who(leads: &[Lead]) -> Who<'_> {
    leads.iter().map(|lead| (lead.definition.as_str(), lead.of, lead.id.as_str())).collect()
}

fn beside<'a>(leads: &'a [Lead], others: &Who<'_>) -> impl Iterator<Item = &'a Lead> {
    leads.iter().filter(|lead| !others.contains(&(lead.definition.as_str(), lead.of, lead.id.as_str())))
}

impl Report {
    pub fn new(
        (since, until): (Millis, Millis),
        past: &Past,
        (leads, definitions): (Vec<Lead>, &[Definition]),
        against: Option<(Vec<Lead>, Vec<Definition>)>,
    ) -> Self {
        // What the archive does not reach had no leads, and is no time without them.
        let began = past.from_day.map_or(since, |day| since.max(Millis(day * Millis::DAY)));
        let span = until.since(began).max(1);
        let (before, removed) = against.map_or((None, Vec::new()), |(leads, definitions)| (Some(leads), definitions));
        let gained: Option<Vec<Lead>> = before.as_deref().map(|before| beside(&leads, &who(before)).cloned().collect());
        let lost: Option<Vec<Lead>> = before.as_deref().map(|before| beside(before, &who(&leads)).cloned().collect());
        let mut all: Vec<(&str, SubjectKind)> = Vec::new();
        for definition in definitions.iter().chain(&removed) {
            if !all.contains(&(&*definition.name, definition.of)) {
                all.push((&*definition.name, definition.of));
            }
        }
        let of = |list: &[Lead], name: &str, of: SubjectKind| {
            list.iter().filter(|lead| lead.definition == name && lead.of == of).count()
        };
        let one = |(name, kind): (&str, SubjectKind)| {
            let own: Vec<&Lead> = leads.iter().filter(|lead| lead.definition == name && lead.of == kind).collect();
            let (mut days, mut tiers) = (BTreeMap::new(), BTreeMap::new());
            for lead in &own {
                *days.entry(lead.at.get(..10).unwrap_or_default()).or_insert(0_usize) += 1;
                *tiers.entry(lead.tier).or_insert(0_usize) += 1;
            }
            let busiest = days.iter().max_by_key(|(day, leads)| (**leads, std::cmp::Reverse(**day)));
            OfDefinition {
                name: name.to_owned(),
                of: kind,
                leads: own.len(),
                a_week: a_week(own.len(), span),
                busiest_day: busiest.map(|(day, leads)| ((*day).to_owned(), *leads)),
                tiers,
                against: before.as_deref().map(|before| Against {
                    leads: of(before, name, kind),
                    gained: of(gained.as_deref().unwrap_or_default(), name, kind),
                    lost: of(lost.as_deref().unwrap_or_default(), name, kind),
                }),
            }
        };
        let definitions = all.into_iter().map(one).collect();
        let (since, until) = (since.rfc3339(), until.rfc3339());
        Self { since, until, events: past.events, reach: past.reach(), definitions, leads, gained, lost }
    }
}

/// How many a week there are of so many in a `span`, to a tenth.
fn a_week(leads: usize, span: i64) -> f64 {
    let leads = i64::try_from(leads).unwrap_or(i64::MAX);
    let tenths = leads.saturating_mul(10).saturating_mul(WEEK) / span;
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

pub fn render(report: &Report, list: bool, paint: Paint) -> String {
    let day = |at: &str| at.get(..16).unwrap_or(at).replace('T', " ");
    let mut out = format!(
        "{} to {}, by {}; {}\n\n",
        day(&report.since),
        day(&report.until),
        words::count(report.events, "event"),
        report.reach
    );
    let compares = report.definitions.iter().any(|one| one.against.is_some());
    let mut headings = vec!["DEFINITION", "OF", "LEADS", "A WEEK", "BUSIEST DAY"];
    headings.extend(if compares { &["BEFORE", "GAINED", "LOST"][..] } else { &[] });
    headings.push("TIERS");
    let mut table = Table::new(&headings);
    for one in &report.definitions {
        let busiest = one.busiest_day.as_ref().map(|(day, leads)| format!("{leads} on {day}")).unwrap_or_default();
        let tiers: Vec<String> = one.tiers.iter().map(|(tier, leads)| format!("{tier}: {leads}")).collect();
        let mut row = vec![
            Cell::toned(&one.name, Tone::Strong),
            Cell::new(one.of.to_string()),
            Cell::new(one.leads.to_string()),
            Cell::new(words::round(one.a_week)),
            Cell::new(busiest),
        ];
        if let Some(against) = &one.against {
            row.push(Cell::new(against.leads.to_string()));
            row.push(Cell::toned(
                against.gained.to_string(),
                if against.gained > 0 { Tone::Good } else { Tone::Plain },
            ));
            row.push(Cell::toned(against.lost.to_string(), if against.lost > 0 { Tone::Bad } else { Tone::Plain }));
        }
        row.push(Cell::new(tiers.join(", ")));
        table.row(row);
    }
    out.push_str(&table.render(paint));
    if list {
        out.push_str(&listed(report, paint));
    }
    out
}

/// Who they are, in the order in which they would have come.
fn listed(report: &Report, paint: Paint) -> String {
    let mut table = Table::new(&["WHEN", "", "DEFINITION", "TIER", "WHO"]);
    let mut row = |lead: &Lead, sign: &str, tone: Tone| {
        table.row(vec![
            Cell::new(lead.at.get(..19).unwrap_or(&lead.at).replace('T', " ")),
            Cell::toned(sign, tone),
            Cell::new(&lead.definition),
            Cell::new(lead.tier.to_string()),
            Cell::new(format!("{} {}", lead.of, lead.id)),
        ]);
    };
    match (&report.gained, &report.lost) {
        (Some(gained), Some(lost)) => {
            let gained = gained.iter().map(|lead| (lead, "+", Tone::Good));
            let mut all: Vec<_> = gained.chain(lost.iter().map(|lead| (lead, "-", Tone::Bad))).collect();
            all.sort_by(|(one, ..), (other, ..)| one.at.cmp(&other.at));
            all.into_iter().for_each(|(lead, sign, tone)| row(lead, sign, tone));
        }
        _ => report.leads.iter().for_each(|lead| row(lead, "", Tone::Plain)),
    }
    format!("\n{}", table.render(paint))
}
