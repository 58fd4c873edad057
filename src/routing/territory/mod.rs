//! Territories: a table of who gets whom, as ops teams keep it in a spreadsheet.
//!
//! Each row asks something of some *dimensions* (a country, a postal code, a number of employees, a domain); a blank cell asks nothing.
//! Of the rows that a lead meets, the most specific one wins: by `priority` if they say one, else by the first dimension, in a
//! declared order, of which one asks more than the other. That two rows of one rank meet one lead is refused when the table is read
//! ([`Territories::overlaps`]), so that there is always one answer.
//!
//! What is not known meets no cell that asks for it. And where a row that is more specific might still match if more were known, the
//! others don't take the lead silently: it goes on to the next route, and the reason says so (see [`Unknown`]).

mod cell;
mod cover;
mod dimension;
mod explain;
mod fact;
mod index;
mod overlap;
mod table;

pub use cell::{Cell, Regions, Wrong};
pub use cover::{Covered, NeverWins};
pub use dimension::{Dimension, Kind};
pub use explain::{Failed, Tried};
pub use fact::Fact;
pub use overlap::Overlap;
pub use table::{Choice, Row, Territories, Unknown};

#[cfg(test)]
mod tests;
