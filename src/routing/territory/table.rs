//! The table, and which of its rows takes a lead.

use std::cmp::Reverse;
use std::sync::Arc;

use super::index::{Index, List};
use super::{Cell, Dimension, Fact, Kind};
use crate::expr::Facts;
use crate::record::Needs;
use crate::routing::RouteTarget;
use crate::time::Millis;

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What people call the territory.
    pub name: Arc<str>,
    /// Where it is written: `territories.csv:14`.
    pub place: Arc<str>,
    /// By dimension.
    pub cells: Vec<Cell>,
    /// The greater one wins, whatever else the rows ask.
    pub priority: i64,
    /// From when, and before when it is in force.
    pub effective: (Option<Millis>, Option<Millis>),
    /// Who gets its leads.
    pub to: RouteTarget,
    /// What they have to know, where that is a team.
    pub needs: Needs,
}

impl Row {
    /// Whether it is in force.
    pub fn is_effective(&self, now: Millis) -> bool {
        self.effective.0.is_none_or(|from| from <= now) && self.effective.1.is_none_or(|until| now < until)
    }

    /// What decides between rows that a lead meets: the greater one wins.
    pub(super) fn rank(&self) -> (i64, Vec<u32>) {
        (self.priority, self.cells.iter().map(Cell::weight).collect())
    }

    /// Whether a lead meets it; unknown where that hangs on what isn't known of the lead.
    fn holds(&self, facts: &[Fact]) -> Option<bool> {
        let mut known = Some(true);
        for (cell, fact) in self.cells.iter().zip(facts) {
            match cell.holds(fact) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = None,
            }
        }
        known
    }

    /// `country Germany, employees 640`: what it asked, and found.
    pub fn because(&self, dimensions: &[Dimension], facts: &[Fact]) -> String {
        let asked = dimensions.iter().zip(&self.cells).zip(facts).filter(|((_, cell), _)| !cell.is_any());
        let all: Vec<String> = asked
            .map(|((dimension, cell), fact)| match dimension.kind {
                Kind::Region => format!("{} {cell} ({fact})", dimension.name),
                _ => format!("{} {fact}", dimension.name),
            })
            .collect();
        if all.is_empty() { "everybody else".to_owned() } else { all.join(", ") }
    }
}

/// What becomes of a lead that a more specific row might take if more were known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// The next route decides.
    #[default]
    NextRoute,
    /// The best of the rows that it meets for certain takes it.
    BestKnown,
}

/// A table of territories.
#[derive(Clone, Debug, Default)]
pub struct Territories {
    /// Its columns; the first is the most specific.
    pub dimensions: Vec<Dimension>,
    /// Its rows; the first that a lead meets takes it.
    pub rows: Vec<Row>,
    /// What becomes of leads of which too little is known.
    pub unknown: Unknown,
    /// For how many milliseconds they wait for it to be known before; `None`: not at all.
    pub wait: Option<i64>,
    index: Index,
}

/// What the table says of a lead.
#[derive(Clone, Debug)]
pub struct Choice<'t> {
    /// The row that takes it.
    pub row: Option<&'t Row>,
    /// A row before that one which might have, and what isn't known.
    pub unclear: Option<(&'t Row, String)>,
    /// What is known of the lead, by dimension.
    pub facts: Vec<Fact>,
}

impl Territories {
    /// Puts the rows into the order in which they are tried.
    pub fn new(dimensions: Vec<Dimension>, mut rows: Vec<Row>, unknown: Unknown) -> Self {
        // Rows of one rank that may meet one lead are refused; of others the order is that of the file.
        rows.sort_by_cached_key(|row| Reverse(row.rank()));
        let mut table = Self { dimensions, rows, unknown, wait: None, index: Index::default() };
        table.index = Index::new(table.rows.iter().map(|row| &*row.cells));
        table
    }

    /// Which row takes a lead at `now`.
    pub fn choose(&self, lead: &dyn Facts, now: Millis) -> Choice<'_> {
        let facts = Fact::all(&self.dimensions, lead);
        let mut row: Option<usize> = None;
        let mut unclear: Option<usize> = None;
        for List { rows, certain } in self.index.candidates(&facts) {
            // Each list is in order, so that nothing behind the best one needs to be looked at.
            for at in rows {
                if row.is_some_and(|best| best <= at) {
                    break;
                }
                let Some(tried) = self.rows.get(at).filter(|row| row.is_effective(now)) else { continue };
                match tried.holds(&facts) {
                    Some(true) => row = Some(at),
                    Some(false) => continue,
                    None => unclear = Some(unclear.map_or(at, |first| first.min(at))),
                }
                if row == Some(at) || !certain {
                    break;
                }
            }
        }
        let unclear = unclear.filter(|first| row.is_none_or(|best| *first < best));
        let found = |at: usize| self.rows.get(at);
        let unclear = unclear.and_then(found).map(|row| (row, unknown_of(row, &facts)));
        Choice { row: row.and_then(found), unclear, facts }
    }
}

/// What isn't known that a row asks for.
fn unknown_of(row: &Row, facts: &[Fact]) -> String {
    let asked = row.cells.iter().zip(facts).filter(|(cell, fact)| cell.holds(fact).is_none());
    let all: Vec<String> = asked
        .map(|(cell, fact)| match fact {
            Fact::Unknown(why) => why.clone(),
            known => format!("{known} may or may not be {cell}"),
        })
        .collect();
    all.join(", ")
}
