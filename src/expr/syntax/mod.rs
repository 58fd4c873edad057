//! From source to syntax tree: a lexer, and a parser that climbs over the strength of operators.
//!
//! Slips such as `and` for `&&` are read as what was meant, and reported, so that one pass reports the slip *and* whatever is
//! wrong further on. The bounds keep the recursion of the parser, and of all who walk its tree, shallow.

mod ast;
mod block;
mod lex;
mod parse;
mod quoted;
mod slips;

pub(super) use ast::{Arithmetic, Comparison, Kind, Literal, Node, Operator};
pub use block::{is_cut_off, split_conditions};

use super::ExprError;

/// Bytes of source.
pub(super) const MAX_SOURCE: usize = 2_048;
/// How deep brackets may be nested.
pub(super) const MAX_DEPTH: usize = 16;
/// Operators of any kind in one condition.
pub(super) const MAX_OPERATORS: usize = 128;
/// `?` in one condition: each opens a level of its own.
pub(super) const MAX_CHOICES: usize = 16;
/// Names after dots, calls of methods and indexes in one chain: `a.b.c[0].d()` has four.
pub(super) const MAX_STEPS: usize = 16;

/// Parses `source`.
///
/// The tree comes without errors, or with slips that were understood, so that checking can go on and report what else is
/// wrong; without a tree there is at least one error.
pub(super) fn parse(source: &str) -> (Option<Node>, Vec<ExprError>) {
    if source.len() > MAX_SOURCE {
        let message = format!("the condition is longer than {MAX_SOURCE} bytes");
        let help = "split it: a definition takes a list of conditions, and all of them must be true";
        let start = source.floor_char_boundary(MAX_SOURCE);
        return (None, vec![ExprError::new(start..source.len(), message).help(help)]);
    }
    let mut errors = Errors::default();
    let tokens = lex::lex(source, &mut errors);
    // Guesses about the order of tokens mean little while some are missing.
    let tree = if errors.lost { None } else { parse::parse(source, tokens, &mut errors) };
    (tree, errors.said)
}

/// What is wrong with a text, and whether the rest of it can't be understood for that.
#[derive(Debug, Default)]
struct Errors {
    said: Vec<ExprError>,
    lost: bool,
}

impl Errors {
    /// Reports a slip, and goes on with what was `meant`.
    fn push<T>(&mut self, error: ExprError, meant: T) -> T {
        self.said.push(error);
        meant
    }

    fn fatal(&mut self, error: ExprError) {
        self.said.push(error);
        self.lost = true;
    }
}
