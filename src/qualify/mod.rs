//! Definitions, conditions, tiers, explanations. Pure.

pub mod definition;
pub mod expr;

pub use definition::{Condition, Definition, DefinitionName, Tier};
