//! From the tree to the shape that a section has: types checked, every mistake reported, nothing given up early.
//!
//! A section is declared once, with [`section!`](crate::config::read::section): its fields' names, types and documentation
//! make the reader, the JSON Schema and the reference in `docs/configuration.md`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::source::Span;
use super::suggest::{all_of, did_you_mean, one_of, spelled_now};
use super::yaml::{self, Kind, Node, Scalar};

/// What can be read from a node. `None` when it can't be; that was reported.
pub trait Read: Sized {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self>;
}

/// One field of a section.
#[derive(Clone, Debug, Default)]
pub enum Field<T> {
    #[default]
    Absent,
    /// There, but unusable; that was reported.
    Broken,
    Set(T),
}

impl<T> Field<T> {
    pub const fn get(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value; reports its absence as a mistake of the section `what` at `at`.
    pub fn require<'a>(&'a self, name: &str, what: &str, at: Span, findings: &mut Findings) -> Option<&'a T> {
        if self.is_absent() {
            let problem = Problem::error(at, Code::MissingField, format!("`{name}` is missing from {what}"));
            findings.push(problem.help(format!("add `{name}: …`")));
        }
        self.get()
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// A mapping's entries while a section takes its fields out of them.
pub struct Fields<'a> {
    entries: Vec<(&'a Scalar, &'a Node)>,
    /// Those that can't be read, which was reported.
    broken: Vec<&'a str>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which must be a mapping; nothing at all is an empty one.
    pub fn of(node: &'a Node, what: &str, names: &[&str], findings: &mut Findings) -> Option<Self> {
        refuse_tag(node, findings)?;
        match &node.kind {
            Kind::Map(entries) => {
                let split = yaml::split_in_braces(entries, findings);
                let (broken, whole) = entries.iter().enumerate().partition::<Vec<_>, _>(|(at, _)| split.contains(at));
                Some(Self {
                    entries: whole.into_iter().map(|(_, entry)| (&entry.key, &entry.value)).collect(),
                    broken: broken.into_iter().map(|(_, entry)| &*entry.key.text).collect(),
                    known: Vec::new(),
                })
            }
            Kind::Null => Some(Self { entries: Vec::new(), broken: Vec::new(), known: Vec::new() }),
            Kind::Scalar(_) | Kind::List(_) => {
                let problem = mismatch(node, &format!("a mapping with the fields of {what}"));
                let names = names.iter().map(|name| name.trim_start_matches("r#"));
                findings.push(problem.help(format!("it has {}", all_of(names))));
                None
            }
        }
    }

    /// Takes the field `name` out.
    pub fn take<T: Read>(&mut self, name: &'static str, findings: &mut Findings) -> Field<T> {
        let name = name.trim_start_matches("r#");
        self.known.push(name);
        if self.broken.contains(&name) {
            return Field::Broken;
        }
        let Some(at) = self.entries.iter().position(|(key, _)| &*key.text == name) else {
            let meant = self.entries.iter().any(|(key, _)| is_called(&key.text, name));
            return if meant { Field::Broken } else { Field::Absent };
        };
        let (key, node) = self.entries.remove(at);
        if matches!(node.kind, Kind::Null) && node.tag.is_none() {
            let problem = Problem::warning(key.at, Code::Suspicious, format!("`{name}` has no value"));
            findings.push(problem.help("give it one, or remove the line"));
            return Field::Absent;
        }
        T::read(node, findings).map_or(Field::Broken, Field::Set)
    }

    /// Reports whatever is left.
    pub fn finish(self, what: &str, findings: &mut Findings) {
        for (key, node) in &self.entries {
            // What is written below a misspelt name may be a secret, where this section holds one.
            yaml::hide_stray(node, &self.known, findings);
            let message = format!("unknown field `{}` in {what}", key.text);
            let known = self.known.iter().copied();
            let now = spelled_now(&key.text).filter(|_| what == "this counter");
            let help = match (now, known.clone().find(|name| is_called(&key.text, name))) {
                (Some(now), _) => now.to_owned(),
                (None, Some(name)) => format!("did you mean `{name}`?"),
                (None, None) => did_you_mean(&key.text, known.clone(), || format!("there is {}", one_of(known))),
            };
            findings.push(Problem::error(key.at, Code::UnknownField, message).help(help));
        }
    }
}

/// Whether the field `name` is called `word` in other products.
fn is_called(word: &str, name: &str) -> bool {
    const NAMES: &[(&str, &[&str])] = &[
        ("within", &["window", "period", "timeframe", "timespan", "interval", "last", "since", "during", "lookback"]),
        ("where", &["filter", "filters", "if", "condition", "only", "when"]),
        ("of", &["for", "per", "entity", "subject", "scope", "level", "kind"]),
        ("event", &["track", "action", "events"]),
        ("distinct", &["unique", "uniques", "count_distinct", "cardinality"]),
        ("sum", &["total", "amount", "value"]),
        ("intent", &["conditions", "condition", "rules", "rule", "criteria", "if", "usage", "behavior", "behaviour"]),
        ("fit", &["profile", "firmographics", "demographics", "icp"]),
        ("when", &["if", "condition", "match"]),
        ("tiers", &["tier", "levels", "grades", "scores"]),
        ("cooldown", &["every", "throttle", "debounce", "snooze", "interval"]),
        ("sentence", &["message", "text", "template", "note"]),
        ("to", &["assign", "owner", "team", "target", "then"]),
        ("reps", &["members", "users", "people", "owners"]),
    ];
    let word = word.to_lowercase().replace(['-', ' '], "_");
    NAMES.iter().any(|(field, words)| *field == name && words.contains(&&*word))
}

/// Gives a type a schema that stands wherever the type is used.
macro_rules! inline_schema {
    ($type:ident $(<$parameter:ident>)?, $name:expr, |$generator:ident| $schema:expr) => {
        impl$(<$parameter: schemars::JsonSchema>)? schemars::JsonSchema for $type$(<$parameter>)? {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}
pub(crate) use inline_schema;

/// Declares a section of the configuration. The text after `=` completes "unknown field `x` in …".
macro_rules! section {
    ($(#[$meta:meta])* $name:ident = $what:literal { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $crate::config::read::Field<$type>,)*
            /// Where it stands.
            #[schemars(skip)]
            #[allow(dead_code, reason = "not every section is pointed at as a whole")]
            pub at: $crate::config::source::Span,
        }

        impl $name {
            /// What it is called in messages.
            #[allow(dead_code, reason = "not every section has required fields")]
            pub const WHAT: &str = $what;
            /// The names of its fields.
            #[allow(dead_code, reason = "only those of the whole configuration are asked for")]
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl $crate::config::read::Read for $name {
            fn read(node: &$crate::config::yaml::Node, findings: &mut $crate::config::findings::Findings) -> Option<Self> {
                #[allow(unused_mut, reason = "a section may have no fields")]
                let mut fields = $crate::config::read::Fields::of(node, $what, Self::FIELDS, findings)?;
                let section = Self { $($field: fields.take(stringify!($field), findings),)* at: node.at };
                fields.finish($what, findings);
                Some(section)
            }
        }
    };
}
pub(crate) use section;

/// Reads a node that holds others, by `take`, which returns `None` for what is of another kind. Nothing at all holds nothing.
fn read_holder<T>(
    node: &Node,
    [expected, help]: [&str; 2],
    findings: &mut Findings,
    take: impl FnOnce(&Kind, &mut Findings) -> Option<Vec<T>>,
) -> Option<Vec<T>> {
    refuse_tag(node, findings)?;
    if matches!(node.kind, Kind::Null) {
        return Some(Vec::new());
    }
    let taken = take(&node.kind, findings);
    if taken.is_none() {
        findings.push(mismatch(node, expected).help(help));
    }
    taken
}

/// A list.
#[derive(Clone, Debug, Default)]
pub struct List<T>(pub Vec<T>);

impl<T: Read> Read for List<T> {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let words = ["a list", "begin each item with `- `, or write [a, b]"];
        let items = read_holder(node, words, findings, |kind, findings| match kind {
            Kind::List(items) => Some(items.iter().filter_map(|item| T::read(item, findings)).collect()),
            _ => None,
        });
        items.map(Self)
    }
}

inline_schema!(List<T>, format!("list_of_{}", T::schema_name()), |generator| {
    let items = generator.subschema_for::<T>();
    json_schema!({ "type": "array", "items": items })
});

/// One, or a list of them.
#[derive(Clone, Debug, Default)]
pub struct Many<T>(pub Vec<T>);

impl<T: Read> Read for Many<T> {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => List::read(node, findings).map(|List(items)| Self(items)),
            _ => T::read(node, findings).map(|one| Self(vec![one])),
        }
    }
}

inline_schema!(Many<T>, format!("one_or_many_{}", T::schema_name()), |generator| {
    let items = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [items, { "type": "array", "items": items }] })
});

/// A mapping from names to things, in the order in which it is written. A thing that can't be read keeps its name, so that
/// what refers to it is not reported as well.
#[derive(Clone, Debug)]
pub struct Named<T>(pub Vec<(Scalar, Option<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        Self::read_keyed(node, ["a mapping from names", "give each one a name: `name: …`"], findings)
    }
}

impl<T: Read> Named<T> {
    /// Reads a mapping; `words` say what it should be, and how to write it.
    pub fn read_keyed(node: &Node, words: [&str; 2], findings: &mut Findings) -> Option<Self> {
        let entries = read_holder(node, words, findings, |kind, findings| match kind {
            Kind::Map(entries) => {
                Some(entries.iter().map(|entry| (entry.key.clone(), T::read(&entry.value, findings))).collect())
            }
            _ => None,
        });
        entries.map(Self)
    }
}

inline_schema!(Named<T>, format!("named_{}", T::schema_name()), |generator| {
    let values = generator.subschema_for::<T>();
    json_schema!({ "type": "object", "additionalProperties": values })
});

/// Text as it stands.
impl Read for Scalar {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        refuse_tag(node, findings)?;
        match &node.kind {
            Kind::Scalar(scalar) if scalar.broken => None,
            Kind::Scalar(scalar) if scalar.text.trim().is_empty() => {
                let message = if scalar.has_variables() {
                    format!("`{}` is set, but empty", scalar.shown)
                } else {
                    String::from("empty text where a value is expected")
                };
                findings.push(Problem::error(scalar.at, Code::BadValue, message).help("give it a value"));
                None
            }
            Kind::Scalar(scalar) => Some(scalar.clone()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => {
                findings.push(mismatch(node, "a single value"));
                None
            }
        }
    }
}

inline_schema!(Scalar, "text", |_generator| json_schema!({ "title": "text", "type": "string" }));

/// A value of a particular form, and the text that it was written as.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub value: T,
    pub scalar: Scalar,
}

/// What a scalar can be read as.
pub trait FromScalar: Sized {
    /// The value, or what is wrong: the message completes "`text` is …", the help says how to write it.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

/// Why a scalar can't be read.
#[derive(Debug)]
pub struct Wrong {
    pub message: String,
    pub help: String,
}

impl Wrong {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl<T: FromScalar> Read for At<T> {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = Scalar::read(node, findings)?;
        match T::from_text(scalar.text.trim()) {
            Ok(value) => Some(Self { value, scalar }),
            Err(wrong) => {
                let message = format!("`{}` is {}", findings.shown(&scalar), scalar.redact(&wrong.message));
                findings.push(Problem::error(scalar.at, Code::BadValue, message).help(wrong.help));
                None
            }
        }
    }
}

inline_schema!(At<T>, T::schema_name(), |generator| T::json_schema(generator));

/// Reports `!something`: a condition that was not quoted, or a tag, of which there are none here.
fn refuse_tag(node: &Node, findings: &mut Findings) -> Option<()> {
    let Some((tag, at)) = &node.tag else { return Some(()) };
    if tag.starts_with("!!") {
        return Some(());
    }
    let (tag, rest) = match &node.kind {
        Kind::Scalar(scalar) if findings.shown(scalar) != scalar.shown.trim() => ("!…", "…"),
        Kind::Scalar(scalar) => (tag.as_str(), &*scalar.shown),
        _ => (tag.as_str(), ""),
    };
    let message = format!("YAML reads `{tag}` as a tag, not as part of the value");
    let whole = [tag, rest].join(" ").trim().replace('\'', "''");
    findings.push(
        Problem::error(*at, Code::Syntax, message).help(format!("put the whole value in single quotes: '{whole}'")),
    );
    None
}

/// ``expected …, found …``
pub fn mismatch(node: &Node, expected: &str) -> Problem {
    let problem = Problem::error(node.at, Code::WrongType, format!("expected {expected}, found {}", node.describe()));
    match &node.kind {
        Kind::Scalar(scalar) if scalar.is_plain() && scalar.shown.contains(':') => {
            problem.help("YAML needs a space after the `:` of a key")
        }
        _ => problem,
    }
}
