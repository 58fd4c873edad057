//! What a table covers: which territories take a country's leads and which of them no territory takes, and territories that never win.
//!
//! Both are one question: is there a lead that meets none of these rows? It is answered by samples that stand for all leads (see
//! [`Cell::samples`]), dimension by dimension, where samples that the same rows take are tried once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cell, Dimension, Fact, Kind, Row, Territories};
use crate::expr::country::Country;
use crate::expr::country::subdivision::Subdivision;
use crate::time::Millis;

/// No question is worth more looks at a cell than this.
const MAX_LOOKS: usize = 5_000_000;

/// What becomes of the leads of some countries that are no named accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Covered<'t> {
    /// The countries; none for all that no territory names.
    pub countries: Vec<Country>,
    /// The territories that may take them, in the order in which they are tried.
    pub rows: Vec<&'t Row>,
    /// A lead that none of them takes, in words: `employees 199`.
    pub gap: Option<String>,
    /// Whether everything was looked at; a very large table may have a gap that isn't found.
    pub whole: bool,
}

/// A territory that takes no lead that is known well enough, since others take all of them before it.
#[derive(Clone, Debug, PartialEq)]
pub struct NeverWins<'t> {
    /// The territory.
    pub row: &'t Row,
    /// The others.
    pub by: Vec<&'t Row>,
}

impl Territories {
    /// Who takes the leads of each country that a territory names, at `now`; countries of which the same is to be said stand together.
    pub fn by_country(&self, now: Millis) -> Vec<Covered<'_>> {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.is_effective(now) && !self.is_named(row)).collect();
        let named: BTreeSet<Country> =
            rows.iter().flat_map(|row| row.cells.iter()).filter_map(Cell::countries).flatten().collect();
        let mut same: BTreeMap<(bool, Vec<&str>, Option<String>), Covered<'_>> = BTreeMap::new();
        for country in named.into_iter().map(Some).chain([None]) {
            let mut taking: Vec<&Row> = rows.iter().copied().filter(|row| may_be_from(row, country)).collect();
            // What comes behind a row that takes all of the country gets nothing of it.
            if let Some(last) = taking.iter().position(|row| self.asks_for_country_alone(row)) {
                taking.truncate(last + 1);
            }
            let (gap, whole) = self.gap(&taking, country);
            let key = (country.is_none(), taking.iter().map(|row| &*row.place).collect(), gap.clone());
            let covered = Covered { countries: Vec::new(), rows: taking, gap, whole };
            same.entry(key).or_insert(covered).countries.extend(country);
        }
        let mut all: Vec<Covered<'_>> = same.into_values().collect();
        // Those with a gap come first, and all others last.
        all.sort_by_key(|one| {
            (one.countries.is_empty(), one.gap.is_none(), one.countries.first().map(|one| one.name()))
        });
        all
    }

    /// Territories that never win.
    pub fn never_win(&self) -> Vec<NeverWins<'_>> {
        let before = |at: usize| self.rows.get(..at).unwrap_or_default();
        let all = self.rows.iter().enumerate().filter_map(|(at, row)| {
            let by: Vec<&Row> =
                before(at).iter().filter(|other| lasts_as_long(other, row) && meets(other, row)).collect();
            (!by.is_empty() && self.takes_all(&by, row)).then(|| NeverWins { row, by: self.needed(by, row) })
        });
        all.collect()
    }

    /// Those of the others without which some lead would be left to `row`.
    fn needed<'t>(&self, mut by: Vec<&'t Row>, row: &Row) -> Vec<&'t Row> {
        for at in (0..by.len()).rev() {
            let mut fewer = by.clone();
            fewer.remove(at);
            if self.takes_all(&fewer, row) {
                by = fewer;
            }
        }
        by
    }

    /// Whether every lead that `row` might take is taken by one of the others.
    fn takes_all(&self, others: &[&Row], row: &Row) -> bool {
        let asked = row.cells.iter().find_map(Cell::countries);
        let anywhere = || {
            let named: BTreeSet<Country> =
                others.iter().flat_map(|row| &row.cells).filter_map(Cell::countries).flatten().collect();
            named.into_iter().map(Some).chain([None]).collect()
        };
        let countries: Vec<Option<Country>> = asked.map_or_else(anywhere, |all| all.into_iter().map(Some).collect());
        countries.into_iter().filter(|country| may_be_from(row, *country)).all(|country| {
            let from_there: Vec<&Row> = others.iter().copied().filter(|row| may_be_from(row, country)).collect();
            let mut search = Search { dimensions: &self.dimensions, within: Some(row), country, looks: 0 };
            search.uncovered(&from_there, 0, &mut Vec::new()).is_none() && search.looks < MAX_LOOKS
        })
    }

    /// Whether it is about named accounts.
    fn is_named(&self, row: &Row) -> bool {
        let mut cells = self.dimensions.iter().zip(&row.cells);
        cells.any(|(dimension, cell)| dimension.kind == Kind::Domain && !cell.is_any())
    }

    fn asks_for_country_alone(&self, row: &Row) -> bool {
        let is_geographic = |dimension: &Dimension| matches!(dimension.kind, Kind::Country | Kind::Region);
        self.dimensions.iter().zip(&row.cells).all(|(dimension, cell)| cell.is_any() || is_geographic(dimension))
    }

    fn gap(&self, rows: &[&Row], country: Option<Country>) -> (Option<String>, bool) {
        let mut search = Search { dimensions: &self.dimensions, within: None, country, looks: 0 };
        let gap = search
            .uncovered(rows, 0, &mut Vec::new())
            .map(|sample| if sample.is_empty() { "everybody".to_owned() } else { sample.join(", ") });
        (gap, search.looks < MAX_LOOKS)
    }
}

fn may_be_from(row: &Row, country: Option<Country>) -> bool {
    row.cells.iter().all(|cell| match (cell.countries(), country) {
        (None, _) => true,
        (Some(all), Some(country)) => all.contains(&country),
        (Some(_), None) => false,
    })
}

/// Whether a row is in force whenever another is.
fn lasts_as_long(row: &Row, other: &Row) -> bool {
    let begins = row.effective.0.is_none_or(|from| other.effective.0.is_some_and(|other| from <= other));
    let ends = row.effective.1.is_none_or(|until| other.effective.1.is_some_and(|other| other <= until));
    begins && ends
}

fn meets(row: &Row, other: &Row) -> bool {
    row.cells.iter().zip(&other.cells).all(|(one, other)| one.meets(other))
}

/// A search for a lead that no row takes.
struct Search<'s> {
    dimensions: &'s [Dimension],
    /// Only leads that this row takes.
    within: Option<&'s Row>,
    /// Where the lead is from; `None`: from a country that nobody names.
    country: Option<Country>,
    looks: usize,
}

impl Search<'_> {
    /// A lead that no row takes by its dimensions from `at` on, in words; those before are settled.
    fn uncovered(&mut self, rows: &[&Row], at: usize, so_far: &mut Vec<String>) -> Option<Vec<String>> {
        if rows.iter().any(|row| row.cells.get(at..).unwrap_or_default().iter().all(Cell::is_any)) {
            return None;
        }
        let Some(dimension) = self.dimensions.get(at).filter(|_| !rows.is_empty()) else { return Some(so_far.clone()) };
        let is_asked = rows.iter().any(|row| row.cells.get(at).is_some_and(|cell| !cell.is_any()));
        let samples = if is_asked { self.samples(rows, at, dimension) } else { vec![Fact::other()] };
        let mut tried: BTreeSet<Vec<usize>> = BTreeSet::new();
        // What this row alone asks for so narrowly that no sample stands for it is not claimed to be taken.
        if samples.is_empty() {
            return Some(so_far.clone());
        }
        for sample in samples {
            self.looks += rows.len();
            if self.looks >= MAX_LOOKS {
                return None;
            }
            let takes =
                |row: &&Row| row.cells.get(at).is_some_and(|cell| cell.is_any() || cell.holds(&sample) == Some(true));
            let left: Vec<(usize, &Row)> = rows.iter().copied().enumerate().filter(|(_, row)| takes(row)).collect();
            // Samples that the same rows take are as good as each other.
            if !tried.insert(left.iter().map(|(one, _)| *one).collect()) {
                continue;
            }
            let rows: Vec<&Row> = left.into_iter().map(|(_, row)| row).collect();
            let known = so_far.len();
            so_far.extend(words(dimension, &sample).filter(|_| is_asked));
            if let Some(found) = self.uncovered(&rows, at + 1, so_far) {
                return Some(found);
            }
            so_far.truncate(known);
        }
        None
    }

    /// What leads may say in a dimension that some row asks about.
    fn samples(&self, rows: &[&Row], at: usize, dimension: &Dimension) -> Vec<Fact> {
        let own = self.within.and_then(|row| row.cells.get(at)).filter(|cell| !cell.is_any());
        let mut samples: Vec<Fact> = match (dimension.kind, self.country) {
            (Kind::Country | Kind::Region, country) => vec![country.map_or_else(Fact::other, Fact::Country)],
            // A country is its states, where it has any.
            (Kind::State, Some(country)) => Subdivision::of(country).map(Fact::State).collect(),
            _ => rows.iter().filter_map(|row| row.cells.get(at)).chain(own).flat_map(Cell::samples).collect(),
        };
        if matches!(dimension.kind, Kind::Text | Kind::Postal | Kind::Domain) || samples.is_empty() {
            samples.push(Fact::other());
        }
        samples.retain(|sample| own.is_none_or(|cell| cell.holds(sample) == Some(true)));
        samples
    }
}

/// A sample in words; nothing where it says nothing that isn't said elsewhere.
fn words(dimension: &Dimension, sample: &Fact) -> Option<String> {
    match dimension.kind {
        Kind::Country | Kind::Region | Kind::Domain => None,
        _ if *sample == Fact::other() => Some(format!("another {}", dimension.name)),
        _ => Some(format!("{} {sample}", dimension.name)),
    }
}
