//! `territories`: from a spreadsheet, or from rows in the configuration.

mod columns;
mod rows;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::by_itself::by_itself;
use super::condition::value;
use super::routing::Teams;
use super::scopes::Scopes;
use crate::config::attached::Attached;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, List, Many, Named};
use crate::config::scalar::Lasting;
use crate::config::shape::{ConfigShape, TerritoriesShape, UnknownWord};
use crate::config::suggest::{self, did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::expr::country::Country;
use crate::expr::country::region::region;
use crate::expr::{Formula, fold};
use crate::routing::Reps;
use crate::routing::territory::{Dimension, Kind, Regions, Territories, Unknown};
use written::WrittenRow;

/// So many overlaps are told.
const MAX_OVERLAPS: usize = 20;
/// Leads wait for so long at the least and at the most.
const WAITS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
/// More rows than this are no table that anybody keeps.
const MAX_ROWS: usize = 50_000;

/// Compiles the table; `None` when there is none, or it can't be used.
pub fn territories(
    shape: &ConfigShape,
    (teams, reps, scopes): (&Teams, &Reps, &Scopes),
    zone: &jiff::tz::TimeZone,
    attached: &Attached,
    findings: &mut Findings,
) -> Option<Arc<Territories>> {
    let shape = shape.territories.get()?;
    let mut written = written::in_rows(shape);
    if let Some(named) = shape.from.get() {
        written.extend(written::in_file(shape, named, attached, findings)?);
    }
    if written.is_empty() {
        let problem = Problem::error(shape.at, Code::MissingField, "there is no row in the territories");
        findings.push(problem.help("name a CSV file, `from: territories.csv`, or write `rows`"));
        return None;
    }
    if written.len() > MAX_ROWS {
        findings.push(Problem::error(shape.at, Code::BadValue, format!("more than {MAX_ROWS} territories")));
        return None;
    }
    let regions = regions(shape.regions.get(), findings);
    let dimensions = dimensions(shape, &written, scopes, findings);
    written::inherit(&mut written, findings);
    let parents = written.iter().filter_map(|row| row.get("parent")).map(|(name, _)| suggest::fold(name)).collect();
    let context = rows::Context { dimensions: &dimensions, regions: &regions, teams, zone, reps, parents: &parents };
    let rows: Vec<_> = written.iter().filter_map(|row| rows::row(row, &context, findings)).collect();
    let unknown = match shape.unknown.get().map(|at| at.value) {
        Some(UnknownWord::BestKnown) => Unknown::BestKnown,
        Some(UnknownWord::NextRoute) | None => Unknown::NextRoute,
    };
    let wait = shape.wait.get().map(|written| wait(written, findings));
    let mut territories = Territories::new(dimensions, rows, unknown);
    territories.wait = wait;
    overlaps(&territories, &written, findings);
    Some(Arc::new(territories))
}

/// For how long leads wait to be known better, in milliseconds.
fn wait(written: &At<Lasting>, findings: &mut Findings) -> i64 {
    let wait = written.value.0;
    if !WAITS.contains(&wait) {
        let problem = Problem::error(written.scalar.at, Code::BadValue, "`wait` is out of bounds");
        findings.push(problem.help("1s to 1d, for example `10m`"));
    }
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

/// Two rows that one lead may meet: nobody knows which of them is meant.
fn overlaps(territories: &Territories, written: &[WrittenRow], findings: &mut Findings) {
    for overlap in territories.overlaps(MAX_OVERLAPS) {
        let (Some(one), Some(other)) = (territories.rows.get(overlap.first), territories.rows.get(overlap.second))
        else {
            continue;
        };
        // In the order of the file, whatever the order in which they are tried.
        let at = |place: &str| written.iter().position(|row| *row.place == *place);
        let (one, other) = if at(&one.place) <= at(&other.place) { (one, other) } else { (other, one) };
        let Some(row) = at(&other.place).and_then(|at| written.get(at)) else { continue };
        let message = format!(
            "a lead may be in `{}` ({}) and in `{}`, which are equally specific",
            one.name, one.place, other.name
        );
        let help = "narrow one of them, or give one of them a greater `priority`";
        findings.push(Problem::error(row.at, Code::Duplicate, message).help(help));
    }
}

fn regions(shape: Option<&Named<List<Scalar>>>, findings: &mut Findings) -> Regions {
    let mut regions = Regions::new();
    for (name, members) in shape.into_iter().flat_map(|Named(all)| all) {
        let Some(List(members)) = members else { continue };
        let mut countries: Vec<Country> = Vec::new();
        for member in members {
            let text = member.text.trim();
            match regions
                .get(&*fold(text))
                .cloned()
                .or_else(|| region(text))
                .or_else(|| Country::read(text).map(|one| vec![one]))
            {
                Some(found) => countries.extend(found),
                None => {
                    let message = format!("`{}` is no country, and no region", findings.shown(member));
                    let help = did_you_mean(text, Country::names(), || "write a country's name or its code".to_owned());
                    findings.push(Problem::error(member.at, Code::UnknownName, message).help(help));
                }
            }
        }
        countries.sort_unstable();
        countries.dedup();
        regions.insert(fold(&name.text).into_owned(), countries);
    }
    regions
}

/// The dimensions that rows ask something of, the most specific first.
fn dimensions(
    shape: &TerritoriesShape,
    written: &[WrittenRow],
    scopes: &Scopes,
    findings: &mut Findings,
) -> Vec<Dimension> {
    let declared = shape.reads.get().into_iter().flat_map(|Named(all)| all);
    let declared = declared.filter_map(|(name, reads)| Some((name.text.trim(), reads.as_ref()?)));
    let reads: BTreeMap<&str, Vec<Formula>> = declared
        .map(|(name, Many(all))| {
            let compiled = all.iter().filter_map(|text| value(text, &scopes.routes, &scopes.broken, findings));
            (name, compiled.collect())
        })
        .collect();
    let mut names: Vec<&str> = Kind::known().map(|(name, ..)| name).collect();
    names.extend(reads.keys().filter(|name| Kind::known().all(|(known, ..)| known != **name)));
    in_order(&mut names, shape, findings);
    let used = |name: &&str| written.iter().any(|row| row.cells.contains_key(*name));
    let dimension = |name: &str| Dimension {
        name: Arc::from(name),
        kind: Kind::of(name),
        reads: reads.get(name).cloned().unwrap_or_else(|| by_itself(name, shape.at, &scopes.routes, findings)),
    };
    names.into_iter().filter(used).map(dimension).collect()
}

/// Puts first what is declared to be more specific.
fn in_order(names: &mut [&str], shape: &TerritoriesShape, findings: &mut Findings) {
    let first: Vec<&Scalar> = shape.order.get().into_iter().flat_map(|List(all)| all).collect();
    for scalar in first.iter().filter(|scalar| !names.contains(&scalar.text.trim())) {
        let message = format!("unknown dimension `{}`", findings.shown(scalar));
        let known = || names.iter().copied();
        let help = did_you_mean(&scalar.text, known(), || format!("there is {}", one_of(known())));
        findings.push(Problem::error(scalar.at, Code::UnknownName, message).help(help));
    }
    names.sort_by_key(|name| first.iter().position(|scalar| scalar.text.trim() == *name).unwrap_or(first.len()));
}

/// Reports a table that no route leads to, and routes that lead to a table that isn't there.
pub fn check_routes(shape: &ConfigShape, findings: &mut Findings) {
    let routes = || shape.routes.get().into_iter().flat_map(|List(all)| all);
    let leads_there = |to: &Scalar| to.text.trim() == super::routing::TERRITORIES;
    let to = routes().filter_map(|route| route.to.get()).find(|to| leads_there(to));
    match (to, &shape.territories) {
        (Some(to), field) if field.is_absent() => {
            let problem = Problem::error(to.at, Code::UnknownName, "there are no territories");
            findings.push(problem.help("add `territories: { from: territories.csv }`"));
        }
        (None, field) => {
            if let Some(territories) = field.get() {
                let problem = Problem::warning(territories.at, Code::Suspicious, "no route leads to the territories");
                findings.push(problem.help("add a route: `{ name: by territory, to: territories }`"));
            }
        }
        _ => {}
    }
}
