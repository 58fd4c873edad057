//! From source to our own syntax tree: tokens, bounds and slips of the pen first, then the `cel` crate's parser.
//!
//! The parser is shown a rewritten source, the tokens joined by single spaces, in which slips such as `and` for `&&` are
//! already fixed. So one pass can report the slip *and* whatever is wrong further on, and positions are token numbers,
//! which lead back to the bytes that were written.
//!
//! The bounds stand before the parser because it has none of its own on chains: two thousand `1+1+…` overflow the stack.

mod ast;
mod convert;
mod lex;
mod quoted;
mod shape;
mod slips;

pub(super) use ast::{Arithmetic, Comparison, Kind, Literal, Node, Operator};

pub(super) use slips::kept_words;

use super::ExprError;

/// Bytes of source.
pub(super) const MAX_SOURCE: usize = 2_048;
/// How deep brackets may be nested.
pub(super) const MAX_DEPTH: usize = 16;
/// Operators of any kind in one condition.
pub(super) const MAX_OPERATORS: usize = 128;
/// `?` in one condition: each opens a level of its own.
pub(super) const MAX_CHOICES: usize = 16;
/// Dots, indexes and calls in one chain: `a.b.c[0].d()` has four.
pub(super) const MAX_STEPS: usize = 16;

/// Parses `source`.
///
/// The tree comes without errors, or with slips that were fixed, so that checking can go on and report what else is
/// wrong; without a tree there is at least one error.
pub(super) fn parse(source: &str) -> (Option<Node>, Vec<ExprError>) {
    if source.len() > MAX_SOURCE {
        let message = format!("the condition is longer than {MAX_SOURCE} bytes");
        let help = "split it: a definition takes a list of conditions, and all of them must be true";
        let start = (0..=MAX_SOURCE).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
        return (None, vec![ExprError::new(start..source.len(), message).help(help)]);
    }
    let (mut tokens, mut errors) = lex::lex(source);
    let readable = errors.iter().all(|error| error.fixed);
    if !readable {
        // Guesses about the order of tokens mean little while some are missing.
        return (None, errors.into_iter().map(|found| found.error).collect());
    }
    let shape = shape::check(&mut tokens, source.len());
    errors.extend(shape.errors);
    let readable = errors.iter().all(|error| error.fixed);
    let mut errors: Vec<ExprError> = errors.into_iter().map(|found| found.error).collect();
    if !readable {
        return (None, errors);
    }
    match convert::convert(&tokens, &shape.brackets) {
        Ok(node) => (Some(node), errors),
        // A slip was fixed the wrong way: the slip is what there is to say.
        Err(_) if !errors.is_empty() => (None, errors),
        Err(found) => {
            errors.extend(found);
            (None, errors)
        }
    }
}

/// Something wrong with the text, and whether it was fixed for the parser, so that reading can go on.
#[derive(Debug)]
struct Found {
    error: ExprError,
    fixed: bool,
}

impl Found {
    const fn fixed(error: ExprError) -> Self {
        Self { error, fixed: true }
    }
}

impl From<ExprError> for Found {
    fn from(error: ExprError) -> Self {
        Self { error, fixed: false }
    }
}
