//! YAML as a tree that remembers where everything stands.
//!
//! Built on the parser's events rather than on serde, because serde stops at the first mistake and forgets positions inside
//! scalars. [`parse()`] gives a [`Node`]; every [`Scalar`] can say which bytes of the file any part of its text came from.

mod commas;
mod mask;
mod node;
mod parse;
mod place;
mod secrets;
mod traps;
mod variables;

pub use commas::{split_in_braces, split_in_list};
pub use node::{Kind, Node, Scalar};
pub use parse::parse;
pub use secrets::hide_stray;
pub use variables::Lookup;

#[cfg(test)]
mod tests;
