//! Words that people write by habit from other languages, and what is meant here.

use std::borrow::Cow;

use super::super::ExprError;
use super::Found;
use super::lex::{Token, TokenKind};

/// A word between two operands that stands for an operator, fixed in place. `None`: it is none.
pub(super) fn operator_word(token: &mut Token<'_>) -> Option<Found> {
    let word = token.text.clone();
    let meant = match word.to_ascii_lowercase().as_str() {
        "and" => "&&",
        "or" => "||",
        "is" | "equals" | "eq" => "==",
        "gt" => ">",
        "ge" | "gte" => ">=",
        "lt" => "<",
        "le" | "lte" => "<=",
        "mod" => "%",
        "in" => "in",
        _ => return None,
    };
    token.text = Cow::Borrowed(meant);
    token.kind = TokenKind::Sign;
    (word != meant).then(|| {
        let error = ExprError::new(token.span.clone(), format!("`{word}` is not an operator"));
        Found::fixed(error.help(format!("write `{meant}`")))
    })
}

/// What to write instead of a word that stands between two operands where an operator must.
pub(super) fn help_for_infix(word: &str) -> Option<String> {
    let help = match word.to_ascii_lowercase().as_str() {
        "contains" | "includes" | "like" | "ilike" => {
            "write `x.contains(\"…\")`, or `x.containsAny([\"…\"])` for any case"
        }
        "startswith" => "write `x.startsWith(\"…\")`",
        "endswith" => "write `x.endsWith(\"…\")`",
        "matches" => "write `x.matches(\"…\")`",
        "between" => "write `x >= 1 && x <= 9`",
        "not" => "write `!(x in [\"…\"])`",
        _ => return None,
    };
    Some(help.to_owned())
}

/// A word in the place of an operand that stands for a literal, fixed in place.
pub(super) fn literal_word(token: &mut Token<'_>) -> Option<Found> {
    let meant = match token.text.as_ref() {
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        "Null" | "NULL" | "None" | "nil" | "undefined" => "null",
        _ => return None,
    };
    let error = ExprError::new(token.span.clone(), format!("`{}` is not a value", token.text));
    token.text = Cow::Borrowed(meant);
    Some(Found::fixed(error.help(format!("write `{meant}`"))))
}

/// `not` before an operand. It can't be fixed in place: `not a > 1` negates the comparison, `!a > 1` would negate `a`.
pub(super) fn negation_word(token: &Token<'_>) -> Option<Found> {
    token.text.eq_ignore_ascii_case("not").then(|| {
        let error = ExprError::new(token.span.clone(), format!("`{}` is not an operator", token.text));
        error.help("write `!(…)`").into()
    })
}

/// Words that CEL keeps for itself.
pub fn kept_words() -> impl Iterator<Item = &'static str> {
    "as break const continue else for function if import let loop package namespace return var void while".split(' ')
}

/// What to write instead of a word that CEL keeps for itself.
pub(super) fn help_for_kept_word(word: &str) -> Option<String> {
    match word {
        "if" | "else" => Some("write `condition ? one : other`".to_owned()),
        "for" | "while" | "loop" => Some("write `list.exists(x, …)` or `list.all(x, …)`".to_owned()),
        _ => None,
    }
}
