//! Which rows of a table a lead may meet at all: by its domain, its postal code, its country.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Cell, Fact};
use crate::expr::country::Country;

/// So much of a postal code rows are found by. Three letters tell about a thousand areas of a country apart.
const PREFIX: usize = 3;

/// The rows of a table by what they name. Every list is in the order of the rows.
#[derive(Clone, Debug, Default)]
pub struct Index {
    by_domain: BTreeMap<Box<str>, Vec<usize>>,
    /// Rows with a postal code and no domain, by how all codes of one of their ranges begin.
    by_postal: BTreeMap<Box<str>, Vec<usize>>,
    /// The same rows, by country; those that name none, for any country.
    postal: Countries,
    /// Rows with neither.
    others: Countries,
}

/// Rows by country.
#[derive(Clone, Debug, Default)]
struct Countries {
    by_country: BTreeMap<Country, Vec<usize>>,
    /// Those that name a country.
    named: Vec<usize>,
    /// Those that name none.
    any: Vec<usize>,
}

/// Rows that a lead may meet, in order.
pub struct List<'i> {
    /// Their numbers.
    pub rows: Box<dyn Iterator<Item = usize> + 'i>,
    /// Whether it can be certain that it meets one of them; else the first that it may meet says all.
    pub certain: bool,
}

impl<'i> List<'i> {
    fn of(rows: &'i [usize], certain: bool) -> Self {
        Self { rows: Box::new(rows.iter().copied()), certain }
    }
}

impl Countries {
    fn add(&mut self, at: usize, row: &[Cell]) {
        match row.iter().find_map(Cell::countries) {
            Some(countries) => {
                self.named.push(at);
                countries.into_iter().for_each(|one| self.by_country.entry(one).or_default().push(at));
            }
            None => self.any.push(at),
        }
    }

    /// Those that a lead from `country` may meet. Where that isn't known, a state may still make it certain of a row.
    fn of(&self, country: Option<Country>, has_state: bool, certain: bool) -> [List<'_>; 2] {
        let named = match country {
            Some(country) => List::of(self.by_country.get(&country).map_or(&[][..], Vec::as_slice), certain),
            None => List::of(&self.named, certain && has_state),
        };
        [List::of(&self.any, certain), named]
    }
}

impl Index {
    /// Of the cells of rows in their order.
    pub fn new<'c>(rows: impl Iterator<Item = &'c [Cell]>) -> Self {
        let mut index = Self::default();
        for (at, row) in rows.enumerate() {
            let domains = row.iter().find_map(Cell::domains);
            let postal = row.iter().find_map(|cell| cell.postal_prefixes(PREFIX));
            match (domains, postal) {
                (Some(domains), _) => {
                    domains.iter().for_each(|one| index.by_domain.entry(one.clone()).or_default().push(at));
                }
                (None, Some(prefixes)) => {
                    for prefix in prefixes {
                        index.by_postal.entry(prefix).or_default().push(at);
                    }
                    index.postal.add(at, row);
                }
                (None, None) => index.others.add(at, row),
            }
        }
        index
    }

    /// The rows that may take a lead of which this is known.
    pub fn candidates<'i>(&'i self, facts: &'i [Fact]) -> Vec<List<'i>> {
        let (mut domain, mut code, mut country, mut state) = (None, None, None, None);
        for fact in facts {
            match fact {
                Fact::Domain(known) => domain = Some(&**known),
                Fact::Postal(known) => code = Some(&**known),
                Fact::Country(known) => country = Some(*known),
                Fact::State(known) => state = Some(known),
                _ => {}
            }
        }
        let country = country.or_else(|| state.and_then(|state| state.country()));
        let above = std::iter::successors(domain, |below| below.split_once('.').map(|(_, above)| above));
        let mut lists: Vec<List<'_>> =
            above.filter_map(|one| self.by_domain.get(one)).map(|rows| List::of(rows, true)).collect();
        lists.extend(self.others.of(country, state.is_some(), true));
        match code {
            Some(code) => lists.extend(self.by_code(code)),
            None => lists.extend(self.postal.of(country, state.is_some(), false)),
        }
        lists
    }

    fn by_code<'i>(&'i self, code: &'i str) -> impl Iterator<Item = List<'i>> + 'i {
        let ends = code.char_indices().map(|(at, letter)| at + letter.len_utf8()).take(PREFIX);
        let begins = std::iter::once(0).chain(ends).filter_map(|end| code.get(..end));
        // A code that is cut off may be any that begins so.
        let short = code.chars().count() < PREFIX;
        let longer = self
            .by_postal
            .range::<str, _>((Bound::Included(code), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(code));
        let longer = longer.filter(move |(key, _)| short && key.len() > code.len()).map(|(_, rows)| rows);
        begins.filter_map(|one| self.by_postal.get(one)).chain(longer).map(|rows| List::of(rows, true))
    }
}
