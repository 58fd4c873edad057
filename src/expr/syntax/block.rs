//! Texts that hold one condition on each line.

use std::ops::Range;

use super::lex::{Token, TokenKind, lex};
use super::{Errors, parse};

/// Where the conditions of `source` stand, one on each line. A line goes on where a bracket is open, and where the line before
/// ends, or the next one begins, with what stands between two operands. Comments belong to none.
pub fn split_conditions(source: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open = 0_usize;
    let mut before: Option<Token> = None;
    for token in lex(source, &mut Errors::default()) {
        let goes_on = open > 0
            || before.as_ref().is_some_and(|before| {
                let between = source.get(before.span.end..token.span.start).unwrap_or_default();
                !between.contains('\n') || waits(source, before) || joins(source, &token)
            });
        match found.last_mut() {
            Some(last) if goes_on => last.end = token.span.end,
            _ => found.push(token.span.clone()),
        }
        open = match token.kind {
            TokenKind::Sign("(" | "[" | "{") => open + 1,
            TokenKind::Sign(")" | "]" | "}") => open.saturating_sub(1),
            _ => open,
        };
        before = Some(token);
    }
    found
}

/// Whether a quote or a bracket of `source` is never closed: more of it must stand elsewhere.
pub fn is_cut_off(source: &str) -> bool {
    let mut errors = Errors::default();
    let mut open = 0_isize;
    for token in lex(source, &mut errors) {
        match token.kind {
            TokenKind::Sign("(" | "[") => open += 1,
            TokenKind::Sign(")" | "]") => open -= 1,
            _ => {}
        }
    }
    open > 0 || errors.lost && errors.said.iter().any(|error| error.message == super::quoted::UNCLOSED)
}

/// Whether something must follow `token`.
fn waits(source: &str, token: &Token) -> bool {
    matches!(token.kind, TokenKind::Sign("!")) || joins(source, token) || word(source, token, &["not"])
}

/// Whether something must stand before `token`.
fn joins(source: &str, token: &Token) -> bool {
    match token.kind {
        TokenKind::Sign(sign) => parse::strength(sign).is_some() || matches!(sign, "." | "," | ":"),
        _ => word(source, token, &["and", "or", "in"]),
    }
}

fn word(source: &str, token: &Token, words: &[&str]) -> bool {
    let text = source.get(token.span.clone()).unwrap_or_default();
    token.kind == TokenKind::Name && words.iter().any(|word| text.eq_ignore_ascii_case(word))
}
