//! Tokens, with the bytes that each was written in. What people type for want of knowing better (`=`, `&`, `≥`, curly
//! quotes) becomes the token that was meant, and is reported.

use std::borrow::Cow;
use std::ops::Range;

use super::super::ExprError;
use super::Found;
use super::quoted;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Number,
    Quoted,
    Sign,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub kind: TokenKind,
    /// As the parser shall see it.
    pub text: Cow<'s, str>,
    /// Where it was written.
    pub span: Range<usize>,
}

impl Token<'_> {
    pub fn is(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }
}

/// Signs of the language, longest first.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "-", "+", "*", "/", "%", "(", ")", "[", "]", "{", "}", ".", ",",
    "?", ":",
];

/// What is written for want of the right sign, longest first, and what was meant.
const WRONG_SIGNS: &[(&str, &str)] = &[
    ("===", "=="),
    ("!==", "!="),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("&", "&&"),
    ("|", "||"),
    ("=", "=="),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
    ("×", "*"),
    ("÷", "/"),
    ("–", "-"),
    ("−", "-"),
    ("—", "-"),
];

/// The tokens of `source`, and what can't be read.
pub(super) fn lex(source: &str) -> (Vec<Token<'_>>, Vec<Found>) {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), found: Vec::new() };
    while lexer.at < source.len() {
        lexer.step();
    }
    (lexer.tokens, lexer.found)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token<'s>>,
    found: Vec<Found>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(literal) = quoted::read(rest, self.at) {
            self.quoted(literal);
        } else if first.is_alphabetic() || first == '_' {
            self.word(rest);
        } else if first == '`' {
            self.backticks(rest);
        } else if first.is_ascii_digit() || (first == '.' && self.decimal_may_start(rest)) {
            self.number(rest);
        } else {
            self.sign(rest, first);
        }
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        let text = self.rest().get(..length).unwrap_or_default();
        self.push_as(kind, length, Cow::Borrowed(text));
    }

    fn push_as(&mut self, kind: TokenKind, length: usize, text: Cow<'s, str>) {
        self.tokens.push(Token { kind, text, span: self.at..self.at + length });
        self.at += length;
    }

    fn quoted(&mut self, literal: quoted::Quoted<'s>) {
        self.found.extend(literal.found);
        self.push_as(TokenKind::Quoted, literal.length, literal.text);
    }

    /// `.5` begins a number, unless a name or a bracket stands right before the dot.
    fn decimal_may_start(&self, rest: &str) -> bool {
        let after_operand = self.tokens.last().is_some_and(|token| {
            token.span.end == self.at && (token.kind != TokenKind::Sign || token.is(")") || token.is("]"))
        });
        !after_operand && rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn word(&mut self, rest: &'s str) {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        if !word.is_ascii() {
            let error = ExprError::new(self.at..self.at + length, format!("`{word}` is no name"));
            let help = format!("put text in quotes; write a trait of that name as `user[\"{word}\"]`");
            self.found.push(error.help(help).into());
        }
        self.push(TokenKind::Name, length);
    }

    /// A name in backticks.
    fn backticks(&mut self, rest: &'s str) {
        let name = rest.get(1..).and_then(|rest| rest.split_once('`')).map_or("", |(name, _)| name);
        let length = if name.is_empty() { 1 } else { name.len() + 2 };
        let error = ExprError::new(self.at..self.at + length, "names can't stand in backticks");
        let key = if name.is_empty() { "the name" } else { name };
        self.found.push(error.help(format!("write it as a key: `user[\"{key}\"]`")).into());
        self.push(TokenKind::Name, length);
    }

    fn number(&mut self, rest: &'s str) {
        let length = number_length(rest);
        let text = rest.get(..length).unwrap_or_default();
        let tail = rest.get(length..).unwrap_or_default();
        let tail = tail.get(..tail.find(|c: char| !is_name_part(c)).unwrap_or(tail.len())).unwrap_or_default();
        let span = self.at..self.at + length + tail.len();
        if !tail.is_empty() {
            let error = ExprError::new(span, format!("`{text}{tail}` is neither a number nor a name"));
            self.found.push(error.maybe_help(help_for_number(text, tail)).into());
        } else if !text.starts_with("0x") && !text.contains(['.', 'e', 'E']) && text.parse::<i64>().is_err() {
            self.found.push(ExprError::new(span, format!("the number `{text}` is too large")).into());
        }
        self.push(TokenKind::Number, length + tail.len());
    }

    fn sign(&mut self, rest: &'s str, first: char) {
        let right = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let wrong = WRONG_SIGNS.iter().find(|(wrong, _)| rest.starts_with(wrong));
        match (right, wrong) {
            (Some(right), Some((wrong, _))) if right.len() >= wrong.len() => self.push(TokenKind::Sign, right.len()),
            (_, Some((wrong, meant))) => {
                let error = ExprError::new(self.at..self.at + wrong.len(), format!("`{wrong}` is not an operator"));
                self.found.push(Found::fixed(error.help(format!("write `{meant}`"))));
                self.push_as(TokenKind::Sign, wrong.len(), Cow::Borrowed(meant));
            }
            (Some(right), None) => self.push(TokenKind::Sign, right.len()),
            (None, None) => {
                let span = self.at..self.at + first.len_utf8();
                let error = ExprError::new(span, format!("`{}` can't stand here", first.escape_debug()));
                self.found.push(error.maybe_help(help_for_character(first)).into());
                self.at += first.len_utf8();
            }
        }
    }
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How many bytes of `rest` are a number.
fn number_length(rest: &str) -> usize {
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len())
    };
    if let Some(hex) = rest.strip_prefix("0x") {
        return 2 + hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
    }
    let mut length = digits(0);
    if rest.get(length..).is_some_and(|tail| tail.starts_with('.')) && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    let exponent = rest.get(length..).unwrap_or_default();
    if let Some(tail) = exponent.strip_prefix(['e', 'E']) {
        let sign = usize::from(tail.starts_with(['+', '-']));
        if digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    length
}

fn help_for_number(text: &str, tail: &str) -> Option<String> {
    match tail {
        "d" | "h" | "m" | "s" | "ms" | "w" => Some(format!("for a length of time, write `duration(\"{text}{tail}\")`")),
        _ if tail.starts_with('_') => Some("write numbers without separators".to_owned()),
        "k" | "K" => Some(format!("write `{text}000`")),
        "u" | "U" => Some(format!("write `{text}`")),
        _ => None,
    }
}

fn help_for_character(c: char) -> Option<String> {
    match c {
        ';' => Some("a condition is one expression; join several with `&&`".to_owned()),
        '$' | '@' | '#' => Some("names consist of letters, digits and `_`".to_owned()),
        _ => None,
    }
}
