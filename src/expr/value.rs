//! What an expression reads and what it yields.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::band::Band;
use super::reading::Reading;
use super::vocabulary::Vocabulary;
use super::{Aspect, Members, Signal};
/// Whose trait it is: that of the user or the account of the subject and the event at hand.
pub use crate::ids::SubjectKind as TraitOf;
use crate::ids::{CounterId, SourceName};
use crate::time::Millis;

/// The types that the checker knows. `Any` is the type of an event property that nobody declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false; a trait may also say `yes`, `no`, 1 or 0.
    Bool,
    /// All numbers are `f64`: `50` and `50.0` are the same.
    Number,
    /// Text; a trait that is a number or a flag reads as text.
    Text,
    /// A moment, to the millisecond; a trait may say it in ISO 8601 or as a number since the epoch.
    Time,
    /// A number of which perhaps only the bounds are known, such as `51-200`.
    Band,
    /// An amount of money; it reads as a number, whatever the currency.
    Money,
    /// One of certain texts, in any spelling.
    Word(Vocabulary),
    /// A list whose elements have this type; a single value reads as a list of one.
    List(Box<Type>),
    /// Known only once the value is there.
    Any,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::Text => f.write_str("text"),
            Self::Time => f.write_str("time"),
            Self::Band => f.write_str("band"),
            Self::Money => f.write_str("money"),
            Self::Word(Vocabulary::Country) => f.write_str("country"),
            Self::Word(Vocabulary::Choice(_)) => f.write_str("choice"),
            Self::List(of) if **of == Self::Any => f.write_str("list"),
            Self::List(of) => write!(f, "list of {of}"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// A resolved name: what an expression asks its [`Facts`] for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A counter of the subject that it was declared for, and how it is read.
    Counter(CounterId, Reading),
    /// `user.<path>` or `account.<path>`: a trait, its first step in canonical form (see `ids::names`), and the type
    /// that was declared for it.
    Trait {
        /// Whose trait it is.
        of: TraitOf,
        /// The trait's canonical name, and the steps below it.
        path: Arc<[Box<str>]>,
        /// The declared type, which the value is read as.
        ty: Type,
        /// Which of several sources is believed, and for how long.
        rule: Option<Arc<TraitRule>>,
    },
    /// `account.employees.at`, `account.employees.source`: about a trait.
    About {
        /// Whose trait it is.
        of: TraitOf,
        /// The trait's canonical name.
        name: Box<str>,
        /// See [`Self::Trait`].
        rule: Option<Arc<TraitRule>>,
        /// What is asked.
        what: AboutTrait,
    },
    /// `user.id` or `account.id`.
    Id(TraitOf),
    /// `user.first_seen`, `account.last_seen`, …
    FirstSeen(TraitOf),
    /// `user.last_seen`, `account.last_seen`.
    LastSeen(TraitOf),
    /// `event.name`, `event.type`, `event.source`, `event.time` (one step), `event.properties.<path>`, `event.traits.<path>`.
    /// Within a counter's filter, `properties.<path>` is short for `event.properties.<path>`.
    Event(Arc<[Box<str>]>),
    /// `lead.tier`, `lead.definition`, `lead.of`, … (routes and templates only).
    Lead(Arc<[Box<str>]>),
    /// `intent`: all intent conditions of the definition are true.
    Intent,
    /// `fit`: all fit conditions of the definition are true.
    Fit,
    /// `now`.
    Now,
    /// A signal, or what is remembered of it.
    Signal(Arc<Signal>, Aspect),
    /// What is asked of the members of an account.
    Members(Arc<Members>),
    /// `m.events`, of a member: how many of their events were counted for the account.
    MemberEvents,
}

impl Slot {
    /// The signal that it reads.
    pub fn signal(&self) -> Option<&Signal> {
        match self {
            Self::Signal(signal, _) => Some(signal),
            _ => None,
        }
    }

    /// The canonical name of the trait that it reads.
    pub fn trait_name(&self) -> Option<&str> {
        match self {
            Self::Trait { path, .. } => path.first().map(AsRef::as_ref),
            Self::About { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// What can be asked about a trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AboutTrait {
    /// When its value was said.
    At,
    /// Which source said it.
    Source,
}

/// Which source is believed on a trait, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraitRule {
    /// The sources that are heard, the first one that has a value first; none at all: every source, and the newest value stands.
    pub sources: Box<[SourceName]>,
    /// How many milliseconds a value holds after it was said.
    pub stale: Option<i64>,
}

impl TraitRule {
    /// Whether a value is kept for each of the sources.
    pub const fn keeps_sources(&self) -> bool {
        self.sources.len() > 1
    }

    /// How early `source` is believed; sources that are not named come last.
    pub fn rank(&self, source: &str) -> usize {
        self.sources.iter().position(|known| known.as_str() == source).unwrap_or(self.sources.len())
    }
}

/// So much of a text is seen: patterns and words cost by its length, and whoever sends it chooses that.
pub const MAX_TEXT_BYTES: usize = 2 * 1_024;

/// A value while an expression is evaluated. Borrowed wherever possible.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known: neither true nor false.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number; a length of time is one in milliseconds.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A moment.
    Time(Millis),
    /// A number of which only the bounds are known.
    Band(Band),
    /// A list that was written in the expression, or a single value where a list is declared.
    List(Vec<Value<'a>>),
    /// A JSON object or array from an event or a trait.
    Json(&'a serde_json::Value),
}

impl<'a> Value<'a> {
    /// A text that is borrowed.
    pub const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A JSON value without copying: `null` is unknown, objects and arrays stay JSON; of a text, the first [`MAX_TEXT_BYTES`].
    pub fn from_json(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Unknown,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => number.as_f64().map_or(Self::Unknown, Self::Number),
            serde_json::Value::String(text) => {
                Self::text(text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default())
            }
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Self::Json(json),
        }
    }

    /// What stands at `path` below a JSON object; unknown when a step is missing. For those who implement [`Facts`].
    pub fn at_path(object: &'a serde_json::Map<String, serde_json::Value>, path: &[Box<str>]) -> Self {
        let Some((first, rest)) = path.split_first() else { return Self::Unknown };
        let mut found = object.get(first.as_ref());
        for step in rest {
            found = found.and_then(|json| json.get(step.as_ref()));
        }
        found.map_or(Self::Unknown, Self::from_json)
    }
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(json: &'a serde_json::Value) -> Self {
        Self::from_json(json)
    }
}

/// How a value may change though nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Not before this moment.
    pub at: Millis,
    /// Which way it goes, then and later.
    pub way: Way,
}

/// Which way a value may go by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// It never becomes more, as a count of what leaves a window.
    Down,
    /// It never becomes less.
    Up,
    /// It may become anything.
    Any,
}

/// What an expression is evaluated over.
pub trait Facts {
    /// The value of a name; [`Value::Unknown`] when it is absent.
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a>;

    /// Whether something that reads as unknown may turn out to be known: then what is asked of it, even whether it is known, is
    /// unknown, and an outcome that is known all the same holds whatever the pending facts turn out to be.
    fn is_pending(&self) -> bool {
        false
    }

    /// When and how the value of a name may change by time alone, after what [`Slot::Now`] reads; `None` when it stays. Early is
    /// fine, late is not. `now` itself is not asked for.
    fn next_change(&self, _slot: &Slot) -> Option<Drift> {
        None
    }
}

impl<T: Facts + ?Sized> Facts for &T {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        (**self).read(slot)
    }

    fn is_pending(&self) -> bool {
        (**self).is_pending()
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        (**self).next_change(slot)
    }
}
