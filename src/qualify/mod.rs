//! Definitions, tiers, decisions. Pure.
//!
//! [`definition`] says what qualifies, [`view`] is what its conditions are evaluated over, and [`mod@decide`] tells the edge from the level;
//! [`mod@ending`] says what became of a lead; [`agenda`] says when time alone may bring another decision, and `why` what somebody
//! qualifies by or lacks.

pub mod agenda;
pub mod decide;
pub mod definition;
pub mod ending;
pub mod view;
mod why;

pub use decide::{Decision, Evaluation, decide, evaluate};
pub use definition::{Definition, Tier};
pub use ending::{Endings, Ends};
pub use view::{View, Who};
