//! Definitions, conditions, tiers, explanations. Pure.

pub mod definition;
pub mod expr;
pub mod facts;

pub use definition::{Condition, Definition, DefinitionName, Tier};
