//! From a row as it is written to one that can be tried.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::columns::{FIELDS, names};
use super::written::WrittenRow;
use crate::config::compile::needs::known_skill;
use crate::config::compile::routing::{Teams, target_of};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::config::suggest::{did_you_mean, fold, one_of};
use crate::record::Needs;
use crate::routing::Reps;
use crate::routing::reps::language;
use crate::routing::territory::{Cell, Dimension, Kind, Regions, Row};
use crate::time::Millis;

/// What rows are read with.
pub struct Context<'c> {
    pub dimensions: &'c [Dimension],
    pub regions: &'c Regions,
    pub teams: &'c Teams,
    pub zone: &'c TimeZone,
    pub reps: &'c Reps,
    /// The names, folded, of rows that others inherit from.
    pub parents: &'c BTreeSet<String>,
}

/// The row; `None` when something is wrong, which is reported, or when it only stands above others.
pub fn row(written: &WrittenRow, context: &Context<'_>, findings: &mut Findings) -> Option<Row> {
    let mut fine = unknown_names(written, context, findings);
    let country_at = context.dimensions.iter().position(|one| one.kind == Kind::Country);
    let mut read = |at: usize, country: Option<&Cell>| {
        let dimension = context.dimensions.get(at)?;
        let (text, span) = written.get(&dimension.name)?;
        let cell = Cell::read(dimension.kind, text, context.regions, country).map_err(|wrong| {
            let message = format!("`{}`: `{text}` is {}", dimension.name, wrong.message);
            findings.push(Problem::error(span, Code::BadValue, message).help(wrong.help));
            fine = false;
        });
        cell.ok()
    };
    // The country first: what state is meant may hang on it.
    let country = country_at.and_then(|at| read(at, None));
    let cells: Vec<Cell> = (0..context.dimensions.len())
        .map(|at| {
            let cell = if Some(at) == country_at { country.clone() } else { read(at, country.as_ref()) };
            cell.unwrap_or_else(Cell::any)
        })
        .collect();
    let to = match written.get("to") {
        Some((text, span)) => {
            let to = target_of(text, context.teams);
            if to.is_none() {
                unknown_target(text, span, context.teams, findings);
            }
            to?
        }
        None => {
            // Rows that others inherit from need nobody.
            nobody(written, context, findings);
            return None;
        }
    };
    let priority = number(written, "priority", findings);
    let from = day(written, "effective_from", context.zone, findings);
    let until = day(written, "effective_until", context.zone, findings);
    let needs = needs(written, context, findings);
    let name = written.get("name").map_or_else(|| shown(&cells), |(name, _)| name.to_owned());
    let row = Row {
        name: Arc::from(name),
        place: Arc::clone(&written.place),
        cells,
        priority: priority?,
        effective: (from?, until?),
        to,
        needs: needs?,
    };
    fine.then_some(row)
}

/// A row that says nobody who gets its leads: a mistake, but for one that others inherit from. Spreadsheets have headings, too.
fn nobody(written: &WrittenRow, context: &Context<'_>, findings: &mut Findings) {
    let add = "add a team, a rep's e-mail address, or `self_serve`, in the column `to`";
    match written.get("name") {
        None => {
            let message = "this territory has nobody who gets its leads";
            findings.push(Problem::error(written.at, Code::MissingField, message).help(add));
        }
        Some((name, _)) if !context.parents.contains(&fold(name)) => {
            let message = format!("nobody gets the leads of `{name}`, and no territory names it as its `parent`");
            let help = format!("{add}; a row that is only a heading may go");
            findings.push(Problem::warning(written.at, Code::MissingField, message).help(help));
        }
        Some(_) => {}
    }
}

/// What people would call a territory without a name: `DE, 200+`.
fn shown(cells: &[Cell]) -> String {
    let asked: Vec<String> = cells.iter().filter(|cell| !cell.is_any()).map(ToString::to_string).collect();
    if asked.is_empty() { "everybody else".to_owned() } else { asked.join(", ") }
}

fn unknown_names(written: &WrittenRow, context: &Context<'_>, findings: &mut Findings) -> bool {
    let mut fine = true;
    for (name, (_, span)) in &written.cells {
        if FIELDS.contains(&&**name) || context.dimensions.iter().any(|one| one.name == *name) {
            continue;
        }
        let known = names([]);
        let message = format!("unknown dimension `{name}`");
        let help = did_you_mean(name, known.iter().copied(), || {
            format!(
                "say where a lead says it, under `reads: {{ {name}: account.{name} }}`; or is it one of {}?",
                one_of(known.iter().copied())
            )
        });
        findings.push(Problem::error(*span, Code::UnknownName, message).help(help));
        fine = false;
    }
    fine
}

fn unknown_target(text: &str, span: Span, teams: &Teams, findings: &mut Findings) {
    let known = || teams.names.iter().map(|name| &**name).chain(["self_serve"]);
    let help =
        did_you_mean(text, known(), || format!("there is {}; a rep is named by e-mail address", one_of(known())));
    findings.push(Problem::error(span, Code::UnknownName, format!("unknown team `{text}`")).help(help));
}

/// What whoever gets its leads has to know.
fn needs(written: &WrittenRow, context: &Context<'_>, findings: &mut Findings) -> Option<Needs> {
    let mut needs = Needs::default();
    let mut fine = true;
    if let Some((text, span)) = written.get("needs") {
        for skill in text.split([';', '|', ',']).map(str::trim).filter(|skill| !skill.is_empty()) {
            fine &= known_skill((skill, skill, span), context.reps, findings);
            needs.skills.push(Arc::from(skill));
        }
    }
    if let Some((text, span)) = written.get("speaks") {
        needs.language = language(text);
        if needs.language.is_none() {
            let problem = Problem::error(span, Code::BadValue, format!("`speaks`: `{text}` is no language"));
            findings.push(problem.help("write one, as `reps` do: `de`, `pt-BR`"));
            fine = false;
        }
    }
    fine.then_some(needs)
}

fn number(written: &WrittenRow, name: &str, findings: &mut Findings) -> Option<i64> {
    let Some((text, span)) = written.get(name) else { return Some(0) };
    let number = text.parse().ok();
    if number.is_none() {
        let problem = Problem::error(span, Code::BadValue, format!("`{name}`: `{text}` is no whole number"));
        findings.push(problem.help("the greater one wins; without one it is 0"));
    }
    number
}

/// The beginning of a day. `Some(None)` when none is written.
#[expect(clippy::option_option, reason = "the outer one is whether it can be used")]
fn day(written: &WrittenRow, name: &str, zone: &TimeZone, findings: &mut Findings) -> Option<Option<Millis>> {
    let Some((text, span)) = written.get(name) else { return Some(None) };
    let at = text.parse::<Date>().ok().and_then(|date| date.to_zoned(zone.clone()).ok());
    match at {
        Some(at) => Some(Some(Millis(at.timestamp().as_millisecond()))),
        None => {
            let problem = Problem::error(span, Code::BadValue, format!("`{name}`: `{text}` is no date"));
            findings.push(
                problem.help("write it as in `2027-01-31`; a territory holds from the one until before the other"),
            );
            None
        }
    }
}
