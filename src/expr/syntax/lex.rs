//! Tokens, with the bytes that each was written in. What people type for want of knowing better (`=`, `&`, `≥`, `1_000`,
//! curly quotes) becomes the token that was meant, and is reported.

use std::ops::Range;

use super::super::ExprError;
use super::super::length::duration_from_text;
use super::{Errors, quoted};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name, or a word such as `in`: what it is depends on where it stands.
    Name,
    Number(f64),
    /// A length of time in milliseconds.
    Duration(f64),
    Text(String),
    Sign(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Range<usize>,
}

const UNITS: &str = "a length of time is written as `30d` or `1h30m`; the units are `w`, `d`, `h`, `m`, `s`, `ms`";

/// Signs as they are written, longest first, and as they were meant.
const SIGNS: &[(&str, &str)] = &[
    ("===", "=="),
    ("!==", "!="),
    ("&&", "&&"),
    ("||", "||"),
    ("==", "=="),
    ("!=", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
    ("×", "*"),
    ("÷", "/"),
    ("–", "-"),
    ("−", "-"),
    ("—", "-"),
    ("&", "&&"),
    ("|", "||"),
    ("=", "=="),
    ("<", "<"),
    (">", ">"),
    ("!", "!"),
    ("-", "-"),
    ("+", "+"),
    ("*", "*"),
    ("/", "/"),
    ("%", "%"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    ("{", "{"),
    ("}", "}"),
    (".", "."),
    (",", ","),
    ("?", "?"),
    (":", ":"),
];

/// The tokens of `source`; what can't be read is reported.
pub(super) fn lex(source: &str, errors: &mut Errors) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), errors };
    while let Some(first) = lexer.rest().chars().next() {
        lexer.step(first);
    }
    lexer.tokens
}

struct Lexer<'s, 'e> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    errors: &'e mut Errors,
}

impl<'s> Lexer<'s, '_> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        self.tokens.push(Token { kind, span: self.at..self.at + length });
        self.at += length;
    }

    fn step(&mut self, first: char) {
        let rest = self.rest();
        if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if first == '#' || rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some((text, length)) = quoted::read(rest, self.at, self.errors) {
            self.push(TokenKind::Text(text), length);
        } else if first.is_alphabetic() || first == '_' {
            self.push(TokenKind::Name, length_of(rest, is_name_part));
        } else if first.is_ascii_digit() || (first == '.' && self.decimal_may_start(rest)) {
            self.number(rest);
        } else {
            self.sign(rest, first);
        }
    }

    /// `.5` begins a number, unless a name or a bracket stands right before the dot.
    fn decimal_may_start(&self, rest: &str) -> bool {
        let after_operand = self.tokens.last().is_some_and(|token| {
            token.span.end == self.at && !matches!(token.kind, TokenKind::Sign(sign) if sign != ")" && sign != "]")
        });
        !after_operand && rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn number(&mut self, rest: &str) {
        let digits = number_length(rest);
        let length = digits + length_of(rest.get(digits..).unwrap_or_default(), is_name_part);
        let text = rest.get(..length).unwrap_or_default();
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        #[expect(clippy::cast_precision_loss, reason = "bounded to 10^15 when it was read")]
        let kind = match (number, duration_from_text(text)) {
            (Some(number), _) => TokenKind::Number(number),
            (None, Some(ms)) => TokenKind::Duration(ms as f64),
            (None, None) => self.misspelt(text, digits),
        };
        self.push(kind, length);
    }

    /// Reports what only begins like a number, and returns what was meant.
    fn misspelt(&mut self, text: &str, digits: usize) -> TokenKind {
        let (number, tail) = text.split_at_checked(digits).unwrap_or((text, ""));
        let meant = match tail {
            "k" | "K" => format!("{number}000"),
            "u" | "U" => number.to_owned(),
            _ if tail.starts_with('_') => text.replace('_', ""),
            _ => text.to_lowercase(),
        };
        let kind = match (meant.parse(), duration_from_text(&meant)) {
            (Ok(number), _) => Some(TokenKind::Number(number)).filter(|_| f64::is_finite(number)),
            #[expect(clippy::cast_precision_loss, reason = "bounded to 10^15 when it was read")]
            (Err(_), Some(ms)) => Some(TokenKind::Duration(ms as f64)),
            (Err(_), None) => None,
        };
        let help = match &kind {
            Some(_) => Some(format!("write `{meant}`")),
            None => tail.starts_with(char::is_alphabetic).then(|| UNITS.to_owned()),
        };
        let message =
            if tail.is_empty() { "is too large for a number" } else { "is neither a number nor a length of time" };
        let error = ExprError::new(self.at..self.at + text.len(), format!("`{text}` {message}"));
        self.errors.push(error.maybe_help(help), kind.unwrap_or(TokenKind::Number(0.0)))
    }

    fn sign(&mut self, rest: &str, first: char) {
        let Some((written, meant)) = SIGNS.iter().find(|(written, _)| rest.starts_with(written)) else {
            return self.stray(rest, first);
        };
        if written != meant {
            let error = ExprError::new(self.at..self.at + written.len(), format!("`{written}` is not an operator"));
            self.errors.push(error.help(format!("write `{meant}`")), ());
        }
        self.push(TokenKind::Sign(meant), written.len());
    }

    /// A character that means nothing here, or a name in backticks.
    fn stray(&mut self, rest: &str, first: char) {
        let name = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        let length = name.map_or(first.len_utf8(), |name| name.len() + 2);
        let help = match (name, first) {
            (Some(name), _) => Some(format!("write it as a key: `user[\"{name}\"]`")),
            (None, ';') => Some("a condition is one expression; join several with `&&`".to_owned()),
            (None, '$' | '@') => Some("names consist of letters, digits and `_`".to_owned()),
            (None, _) => None,
        };
        let message = match name {
            Some(_) => "names can't stand in backticks".to_owned(),
            None => format!("`{}` can't stand here", first.escape_debug()),
        };
        let error = ExprError::new(self.at..self.at + length, message);
        self.errors.fatal(error.maybe_help(help));
        self.at += length;
    }
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes at the start of `text` are such characters.
fn length_of(text: &str, such: fn(char) -> bool) -> usize {
    text.find(|c: char| !such(c)).unwrap_or(text.len())
}

/// How many bytes of `rest` are a number.
fn number_length(rest: &str) -> usize {
    let digits = |from: usize| length_of(rest.get(from..).unwrap_or_default(), |c| c.is_ascii_digit());
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
