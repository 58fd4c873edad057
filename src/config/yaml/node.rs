//! The tree.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::ScalarStyle;

use super::place;
use super::variables::Piece;
use crate::config::source::{Sources, Span};

/// One node and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Span,
    pub kind: Kind,
    /// `!tag`, as written, and where.
    pub tag: Option<(String, Span)>,
    /// How many nodes it consists of, itself included, and how deep it goes: bounds for aliases.
    pub(super) size: usize,
    pub(super) depth: usize,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Scalar,
    pub value: Node,
}

/// A scalar: its text with variables substituted, and how to find the way back into the file.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub at: Span,
    /// The value.
    pub text: Arc<str>,
    /// The value before variables were substituted; the only form that may be shown.
    pub shown: Arc<str>,
    /// A variable in it could not be substituted (and that was reported).
    pub broken: bool,
    pub(super) style: ScalarStyle,
    pub(super) pieces: Vec<Piece>,
}

impl Scalar {
    /// A scalar that stands nowhere, for defaults.
    pub fn made(text: &str, at: Span) -> Self {
        let text: Arc<str> = Arc::from(text);
        Self { at, shown: text.clone(), text, broken: false, style: ScalarStyle::Plain, pieces: Vec::new() }
    }

    /// Whether it is written without quotes on one line or more.
    pub fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain
    }

    /// Whether it is written as a block whose lines stay lines (`|`).
    pub fn is_block(&self) -> bool {
        self.style == ScalarStyle::Literal
    }

    /// Whether any part of its text comes from the environment.
    pub fn has_variables(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Whether any of `range` of the text came out of a variable.
    pub fn is_substituted(&self, range: &Range<usize>) -> bool {
        self.pieces.iter().any(|piece| piece.text.start < range.end && range.start < piece.text.end)
    }

    /// `message` with everything that came out of a variable replaced by the variable: values may be secret.
    pub fn redact(&self, message: &str) -> String {
        let values = self
            .pieces
            .iter()
            .filter_map(|piece| Some((self.text.get(piece.text.clone())?, self.shown.get(piece.shown.clone())?)));
        values
            .filter(|(value, _)| !value.is_empty())
            .fold(message.to_owned(), |out, (value, name)| out.replace(value, name))
    }

    /// The bytes of the file that `range` of the text came from. Text that came out of a variable is placed at the
    /// variable's name.
    pub fn locate(&self, sources: &Sources, range: Range<usize>) -> Span {
        let shown = self.before_substitution(range);
        let source = sources.slice(self.at);
        let inner = place::locate(self.style, source, &self.shown, shown);
        let base = self.at.start as usize;
        Span::new(self.at.file, base + inner.start..base + inner.end)
    }

    fn before_substitution(&self, range: Range<usize>) -> Range<usize> {
        let mut shift = 0_isize;
        let (mut start, mut end) = (None, None);
        for piece in &self.pieces {
            let back = |at: usize| at.saturating_add_signed(shift);
            if start.is_none() && range.start < piece.text.end {
                start = Some(if range.start >= piece.text.start { piece.shown.start } else { back(range.start) });
            }
            if end.is_none() && range.end <= piece.text.end {
                end = Some(if range.end > piece.text.start { piece.shown.end } else { back(range.end) });
            }
            shift = piece.shown.end.cast_signed() - piece.text.end.cast_signed();
        }
        let start = start.unwrap_or_else(|| range.start.saturating_add_signed(shift));
        let end = end.unwrap_or_else(|| range.end.saturating_add_signed(shift));
        start..end.max(start)
    }
}

impl Node {
    pub(super) fn new(at: Span, kind: Kind) -> Self {
        let (size, depth) = match &kind {
            Kind::Null | Kind::Scalar(_) => (0, 0),
            Kind::List(items) => extent(items.iter()),
            Kind::Map(entries) => extent(entries.iter().map(|entry| &entry.value)),
        };
        Self { at, kind, tag: None, size: size + 1, depth: depth + 1 }
    }

    /// What it is, for messages: `a list`.
    pub const fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

fn extent<'a>(nodes: impl Iterator<Item = &'a Node>) -> (usize, usize) {
    nodes.fold((0, 0), |(size, depth), node| (size.saturating_add(node.size), depth.max(node.depth)))
}
