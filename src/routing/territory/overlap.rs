//! Rows of one rank that may meet one lead: whoever gets it would be an accident.

use std::collections::BTreeMap;

use super::{Cell, Row, Territories};

/// Two rows that one lead may meet, none of which is more specific; by their places in [`Territories::rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The one that stands first.
    pub first: usize,
    /// The other one.
    pub second: usize,
}

impl Territories {
    /// All such pairs, at most `limit`.
    pub fn overlaps(&self, limit: usize) -> Vec<Overlap> {
        let mut by_rank: BTreeMap<(i64, Vec<u32>), Vec<usize>> = BTreeMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            by_rank.entry(row.rank()).or_default().push(at);
        }
        let pairs = by_rank.values().flat_map(|group| self.pairs(group)).filter(|(first, second)| {
            let (Some(first), Some(second)) = (self.rows.get(*first), self.rows.get(*second)) else { return false };
            meet(first, second)
        });
        pairs.take(limit).map(|(first, second)| Overlap { first, second }).collect()
    }

    /// Pairs of rows that are worth a look: those that name a country, or a domain, have none with rows that name another.
    fn pairs<'g>(&self, group: &'g [usize]) -> impl Iterator<Item = (usize, usize)> + 'g {
        let mut shelves: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for at in group {
            let cells = self.rows.get(*at).map(|row| &row.cells);
            for shelf in cells.map_or_else(Vec::new, |cells| shelves_of(cells)) {
                shelves.entry(shelf).or_default().push(*at);
            }
        }
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for rows in shelves.values() {
            let later = |at: usize| rows.get(at + 1..).unwrap_or_default();
            pairs.extend(
                rows.iter().enumerate().flat_map(|(at, one)| later(at).iter().map(move |other| (*one, *other))),
            );
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs.into_iter()
    }
}

fn shelves_of(cells: &[Cell]) -> Vec<String> {
    if let Some(domains) = cells.iter().find_map(Cell::domains) {
        // Domains below one another have the last two labels in common.
        let end = |domain: &str| domain.rsplitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        return domains.iter().map(|domain| end(domain)).collect();
    }
    match cells.iter().find_map(Cell::countries) {
        Some(countries) => countries.iter().map(|country| country.code().to_owned()).collect(),
        None => vec![String::new()],
    }
}

fn meet(one: &Row, other: &Row) -> bool {
    let ends_before = |one: &Row, other: &Row| match (one.effective.1, other.effective.0) {
        (Some(until), Some(from)) => until <= from,
        _ => false,
    };
    let apart = ends_before(one, other) || ends_before(other, one);
    !apart && one.cells.iter().zip(&other.cells).all(|(one, other)| one.meets(other))
}
