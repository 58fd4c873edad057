//! Types while a condition is checked.

use std::fmt;

use super::super::value::Type;
use super::super::vocabulary::Vocabulary;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Ty {
    Bool,
    Number,
    Text,
    Time,
    /// A length of time.
    Duration,
    /// A number of which only the bounds may be known.
    Band,
    /// One of certain texts.
    Word(Vocabulary),
    List(Box<Self>),
    /// Known only when the event is there.
    Any,
    Null,
    /// Something is wrong with it, and that was reported.
    Wrong,
}

impl From<&Type> for Ty {
    fn from(ty: &Type) -> Self {
        match ty {
            Type::Bool => Self::Bool,
            Type::Number | Type::Money => Self::Number,
            Type::Band => Self::Band,
            Type::Word(words) => Self::Word(words.clone()),
            Type::Text => Self::Text,
            Type::Time => Self::Time,
            Type::List(of) => Self::List(Box::new(Self::from(of.as_ref()))),
            Type::Any => Self::Any,
        }
    }
}

impl Ty {
    /// The type of what is one of two.
    pub fn either(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Wrong, _) | (_, Self::Wrong) => Some(Self::Wrong),
            (one, other) if one == other => Some(one.clone()),
            (Self::Null, ty) | (ty, Self::Null) => Some(ty.clone()),
            (Self::Any, _) | (_, Self::Any) => Some(Self::Any),
            _ => None,
        }
    }

    pub const fn may_be_text(&self) -> bool {
        matches!(self, Self::Text | Self::Word(Vocabulary::Choice(_)) | Self::Any | Self::Wrong)
    }

    /// How to make a condition of a value of this type, written as `text`.
    pub fn help_for_test(&self, text: &str) -> Option<String> {
        match self {
            Self::Number | Self::Band => Some(format!("compare it: `{text} > 0`")),
            Self::Text | Self::Word(_) => Some(format!("compare it: `{text} == \"…\"`")),
            Self::Time => Some(format!("compare it with another one: `{text} > timestamp(\"2026-01-01\")`")),
            Self::Duration => Some(format!("compare it: `{text} < 30d`")),
            Self::List(_) => Some(format!("ask for an element: `\"…\" in {text}`")),
            Self::Bool | Self::Any | Self::Null | Self::Wrong => None,
        }
    }
}

/// As part of a sentence: `a number`.
impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Time => "a time",
            Self::Band => "a band",
            Self::Word(words) => words.described(),
            Self::Duration => "a length of time",
            Self::List(_) => "a list",
            Self::Any => "any value",
            Self::Null => "null",
            Self::Wrong => "something wrong",
        })
    }
}
