//! The checked condition, lowered: names resolved, constants folded in, common shapes with a form of their own.
//!
//! [`Test`]s are true, false or unknown; [`Term`]s yield values. Every test that compares something carries a [`Leaf`], what
//! an explanation says of it; the hot path never looks there.

use std::fmt;

use regex::Regex;

use super::band::Band;
use super::syntax::{Arithmetic, Comparison};
use super::value::{Slot, Type, Value};
use crate::ids::CounterId;
use crate::time::Millis;

/// What is true, false or unknown.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Constant(Option<bool>),
    And(Box<[Self]>),
    Or(Box<[Self]>),
    Not(Box<Self>),
    If(Box<(Self, Self, Self)>),
    /// The commonest shape of all: a number compared with a constant.
    Number {
        read: Read,
        than: Comparison,
        threshold: f64,
        leaf: Box<Leaf>,
    },
    /// The second commonest: a text that is, or isn't, a constant.
    TextIs {
        read: Read,
        negated: bool,
        text: Box<str>,
        leaf: Box<Leaf>,
    },
    Compare {
        left: Term,
        than: Comparison,
        right: Term,
        by: By,
        leaf: Box<Leaf>,
    },
    /// `x in [1, 2]` over constants.
    Among {
        item: Term,
        set: Set,
        leaf: Box<Leaf>,
    },
    /// `x in list`, for any list.
    In {
        item: Term,
        list: Term,
        leaf: Box<Leaf>,
    },
    /// `has(x)`, `x != null` and, negated, `x == null`: never unknown.
    Known {
        of: Term,
        negated: bool,
        leaf: Box<Leaf>,
    },
    /// A value that is true or false by itself.
    Flag {
        of: Term,
        leaf: Box<Leaf>,
    },
    Text {
        of: Term,
        check: TextCheck,
        leaf: Box<Leaf>,
    },
    Quantified {
        list: Term,
        how: Quantifier,
        body: Box<Self>,
        leaf: Box<Leaf>,
    },
}

/// By which rule two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Both sides are numbers, as declared or by nature.
    Number,
    /// Both are times.
    Time,
    /// At least one side is whatever an event brought: see `compare`.
    Nature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

/// A test of one text.
#[derive(Clone, Debug)]
pub(super) enum TextCheck {
    Contains(Term),
    StartsWith(Term),
    EndsWith(Term),
    /// Any of these within the text, in any case.
    ContainsAny(Box<[Box<str>]>),
    /// Any of these as a word of the text, in any case.
    ContainsWord(Box<[Box<str>]>),
    Matches(Regex),
}

/// What yields a value.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Constant(Constant),
    Read(Read),
    /// The element at hand within `exists` or `all`.
    Item,
    /// A key of a JSON object.
    Field(Box<(Self, Box<str>)>),
    /// An element of a list.
    At(Box<(Self, usize)>),
    Test(Box<Test>),
    Calculate(Box<(Self, Calculation, Self)>),
    Negate(Box<Self>),
    If(Box<(Test, Self, Self)>),
    /// One end of a band.
    Bound(Box<Self>, Bound),
    Size(Box<Self>),
    Change(Box<Self>, TextChange),
    List(Box<[Self]>),
    /// A counter between two moments that are known only now.
    During(Box<During>),
    /// Of a list of numbers.
    Figure(Box<Self>, ListFigure),
    /// How many elements meet a condition: all that do, or the most in a row.
    Count {
        list: Box<Self>,
        body: Box<Test>,
        in_a_row: bool,
    },
}

/// `tasks.during(from, to)`.
#[derive(Clone, Debug)]
pub(super) struct During {
    pub counter: CounterId,
    /// Whether hours are told apart, and not only days.
    pub hours: bool,
    pub ty: Type,
    pub from: Term,
    pub to: Term,
}

/// One number made of a list of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListFigure {
    Average,
    Least,
    Greatest,
    Sum,
}

/// A name to be read, and the type that its value is brought to.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub slot: Slot,
    pub ty: Type,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Unknown,
    /// Numbers, and lengths of time in milliseconds.
    Number(f64),
    Text(Box<str>),
    Time(Millis),
    Band(Band),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calculation {
    /// Of numbers and lengths of time.
    Numbers(Arithmetic),
    /// A time and a length of time: a time.
    Shift { back: bool },
    /// The length of time from the right one to the left one.
    Between,
    /// Two texts become one.
    Join,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextChange {
    Lower,
    Upper,
    Trim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Min,
    Max,
}

/// Constants to look a value up in.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub numbers: Box<[f64]>,
    /// Sorted.
    pub texts: Box<[Box<str>]>,
}

/// What an explanation says of a comparison.
#[derive(Clone)]
pub(super) struct Leaf {
    /// What was looked at, as written.
    pub what: Box<str>,
    pub operator: &'static str,
    /// Whether the values are lengths of time, to be written as such.
    pub duration: bool,
    /// The threshold for people, where it isn't simply the value of the right side.
    pub threshold: Option<serde_json::Value>,
}

/// How a comparison was written is no part of what it says.
impl fmt::Debug for Leaf {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Test {
    /// See [`super::Expr::normal`].
    pub fn normal(&self) -> String {
        let joined = |terms: &[Self], by: &str| {
            let mut terms: Vec<String> = terms.iter().map(Self::normal).collect();
            terms.sort_unstable();
            terms.dedup();
            format!("({})", terms.join(by))
        };
        match self {
            Self::And(terms) => joined(terms, " && "),
            Self::Or(terms) => joined(terms, " || "),
            Self::Not(term) => format!("!{}", term.normal()),
            other => format!("{other:?}"),
        }
    }
}

impl Constant {
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Unknown => Value::Unknown,
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::text(text),
            Self::Time(time) => Value::Time(*time),
            Self::Band(band) => Value::Band(*band),
        }
    }
}
