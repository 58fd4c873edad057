//! Definitions, conditions, tiers, explanations. Pure.
//!
//! [`definition`] says what qualifies, [`expr`] evaluates conditions over the facts of [`facts`] and [`view`], and [`mod@decide`]
//! tells the edge from the level.

pub mod decide;
pub mod definition;
pub mod expr;
pub mod facts;
pub mod view;

pub use decide::{Decision, Outcome, decide, evaluate};
pub use definition::{Condition, Definition, DefinitionName, Tier};
pub use view::View;
