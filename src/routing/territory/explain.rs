//! Which rows were tried, and what would have been needed for another.

use serde::Serialize;

use super::{Fact, Kind, Row, Territories};
use crate::expr::Facts;
use crate::routing::RouteTarget;
use crate::time::Millis;

/// So many rows that nearly matched are told.
const MAX_NEAR: usize = 3;

/// A row that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried<'t> {
    /// The row.
    pub row: &'t Row,
    /// What of it failed, or isn't known; nothing for one that matches.
    pub failed: Vec<Failed>,
}

/// Why a cell did not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The dimension.
    pub dimension: String,
    /// What the cell asks for.
    pub wants: String,
    /// What is known of the lead.
    pub found: String,
    /// Whether that is nothing, or not enough.
    pub unknown: bool,
}

impl Territories {
    /// Every row that is in force, in the order in which they are tried.
    pub fn tried(&self, lead: &dyn Facts, now: Millis) -> Vec<Tried<'_>> {
        let facts = Fact::all(&self.dimensions, lead);
        let rows = self.rows.iter().filter(|row| row.is_effective(now));
        rows.map(|row| Tried { row, failed: self.failed(row, &facts) }).collect()
    }

    fn failed(&self, row: &Row, facts: &[Fact]) -> Vec<Failed> {
        let cells = self.dimensions.iter().zip(&row.cells).zip(facts);
        let failed = cells.filter_map(|((dimension, cell), fact)| {
            let holds = cell.holds(fact);
            (holds != Some(true)).then(|| Failed {
                dimension: dimension.name.to_string(),
                wants: cell.to_string(),
                found: fact.to_string(),
                unknown: holds.is_none(),
            })
        });
        failed.collect()
    }

    /// Rows before the one that matched, of which one thing was missing, as sentences: `employees is 180; 200+ would have gone to
    /// enterprise (territories.csv:14)`. That a lead is of no named account is not among them.
    pub fn near(&self, lead: &dyn Facts, now: Millis) -> Vec<String> {
        let tried = self.tried(lead, now);
        let taken_by = tried.iter().find(|tried| tried.failed.is_empty()).map(|tried| &tried.row.to);
        let before = tried.iter().take_while(|tried| !tried.failed.is_empty()).filter(|tried| tried.is_near());
        // What would have gone to the same is no other way.
        let before = before.filter(|tried| Some(&tried.row.to) != taken_by);
        let near = before.filter_map(|tried| {
            let Failed { dimension, wants, found, .. } = tried.failed.first()?;
            let Row { to, place, .. } = tried.row;
            Some(format!("{dimension} is {found}; {wants} would have gone to {} ({place})", named(to)))
        });
        near.take(MAX_NEAR).collect()
    }
}

impl Tried<'_> {
    /// Whether one thing was missing, and not that it is a named account.
    pub fn is_near(&self) -> bool {
        matches!(self.failed.as_slice(), [one] if Kind::of(&one.dimension) != Kind::Domain)
    }
}

fn named(to: &RouteTarget) -> &str {
    match to {
        RouteTarget::Team(team) => team,
        RouteTarget::Rep(rep) => rep,
        RouteTarget::SelfServe => "nobody",
    }
}
