//! Payload templates: minijinja over the lead event, whose output must be JSON. Pure.
//!
//! `{{ … }}` writes its value as JSON, quotes and escapes included, so that nothing in a lead can break out of the document:
//! `{"title": {{ lead.summary }}}`. Text is put together inside the braces: `{{ "PQL: " ~ lead.subject.name }}`.
//!
//! A name that a lead event doesn't have is an error, found when the configuration is checked: so are counters and signals that
//! aren't declared. Which traits, figures and signals a lead has depends on the lead: a missing one is `null`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

use super::sample::{self, Known};
use crate::ids::SubjectKind;
use crate::lead::LeadEvent;

/// Steps that a template may take; a large one takes thousands.
const FUEL: u64 = 200_000;

/// Fields that a lead has only where they say something; to templates they are `null` otherwise.
const MAY_BE_ABSENT: [&str; 11] = [
    "rank",
    "joined",
    "joined_count",
    "outcome",
    "outcome_reason",
    "points",
    "withheld_from",
    "truncated",
    "shadow",
    "hold",
    "accept_url",
];
/// The same below `timestamps`.
const OF_ENDED_LEADS: [&str; 2] = ["lapsed", "ended"];

/// The largest body that a template may make.
const MAX_OUTPUT: usize = 1024 * 1024;

/// A template can't be used, or failed on a lead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// Makes the body of a request.
///
/// # Errors
/// When the template fails on this lead, or what it made is not JSON.
pub fn render(source: &str, event: &LeadEvent) -> Result<Vec<u8>, TemplateError> {
    render_over(source, context(event, |values| Value::from_object(Lenient { values, any: None })))
}

/// The value of a field. A template that is one `{{ … }}` and nothing else gives what it names, as a number, a list or `null`; any other
/// gives text.
///
/// # Errors
/// When the template fails on this lead.
pub fn value(source: &str, event: &LeadEvent) -> Result<Json, TemplateError> {
    value_over(source, context(event, |values| Value::from_object(Lenient { values, any: None })))
}

fn value_over(source: &str, context: Value) -> Result<Json, TemplateError> {
    let env = Over::Field.environment();
    let alone = source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    match alone.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
        Some(inner) => {
            let found = env.compile_expression(inner).and_then(|expression| expression.eval(context));
            let found = found.map_err(|error| explain(source, &error))?;
            Ok(if found.is_undefined() { Json::Null } else { serde_json::to_value(&found).unwrap_or(Json::Null) })
        }
        None => {
            let mut text = Bounded(Vec::new());
            let template = env.template_from_str(source);
            let rendered = template.and_then(|template| template.render_captured_to(context, &mut text).map(drop));
            rendered.map_err(|error| explain(source, &error))?;
            Ok(Json::from(String::from_utf8_lossy(&text.0).into_owned()))
        }
    }
}

/// What a template is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The lead event, for the body of a request: JSON.
    Event,
    /// The lead event, for the value of a field.
    Field,
    /// The lead, for a sentence about such a subject.
    Lead(SubjectKind),
}

impl Over {
    /// Samples of what it is over, in each of which something else may be missing.
    fn samples(self, known: &Known) -> Vec<LeadEvent> {
        let (account, user) = (known.fill(sample::full()), known.fill(sample::of_user()));
        match self {
            Self::Event | Self::Field => vec![account, user],
            Self::Lead(SubjectKind::Account) => vec![account],
            Self::Lead(SubjectKind::User) => vec![user],
        }
    }

    fn environment(self) -> Environment<'static> {
        match self {
            Self::Event => environment(AutoEscape::Json),
            Self::Field | Self::Lead(_) => environment(AutoEscape::None),
        }
    }

    /// All that it may name, with a value for each; what is `null` may be anything.
    pub fn names(self, known: &Known) -> Json {
        let [account, user] = [sample::full(), sample::of_user()].map(|event| known.fill(event));
        let mut event = serde_json::to_value(&account).unwrap_or(Json::Null);
        let mut lead = event.get("lead").cloned().unwrap_or(Json::Null);
        if let (Some(fields), Ok(user)) = (lead.as_object_mut(), serde_json::to_value(&user.lead.user)) {
            fields.insert("user".to_owned(), user);
            for absent in MAY_BE_ABSENT {
                fields.entry(absent).or_insert(Json::Null);
            }
            for moment in OF_ENDED_LEADS {
                fields
                    .get_mut("timestamps")
                    .and_then(Json::as_object_mut)
                    .map(|all| all.entry(moment).or_insert(Json::Null));
            }
        }
        match self {
            Self::Lead(_) => lead,
            Self::Event | Self::Field => {
                event.as_object_mut().map(|fields| fields.insert("lead".to_owned(), lead));
                event
            }
        }
    }
}

/// The names that a template asks for, such as `lead.account.name`, as far as they are written out: `x.email` within a loop over `x` is
/// none.
///
/// # Errors
/// When it can't be read.
pub fn names_in(source: &str, over: Over) -> Result<Vec<String>, TemplateError> {
    let env = over.environment();
    let template = env.template_from_str(source).map_err(|error| explain(source, &error))?;
    let is_global = |name: &String| env.globals().any(|(global, _)| global == name);
    let mut names: Vec<String> =
        template.undeclared_variables(true).into_iter().filter(|name| !is_global(name)).collect();
    names.sort();
    Ok(names)
}

/// Tries a template when the configuration is loaded: its syntax, that it works, and that a body is JSON, on sample leads.
///
/// # Errors
/// What is wrong and where.
pub fn check_template(source: &str, over: Over, known: &Known) -> Result<(), TemplateError> {
    // A template may be made for the leads of accounts or for those of users; it has to work for one of them.
    let samples = over.samples(known);
    let outcomes: Vec<_> = samples.iter().map(|event| try_on(source, over, event, "sample")).collect();
    let works = outcomes.iter().position(Result::is_ok);
    let Some(event) = works.and_then(|at| samples.into_iter().nth(at)) else {
        return outcomes.into_iter().next().unwrap_or(Ok(()));
    };
    try_on(source, over, &sample::hostile(event), sample::HOSTILE).map_err(|error| {
        let message = format!("on a lead whose texts hold quotes and control characters, {}", error.message);
        TemplateError { message, ..error }
    })
}

/// What a template of a body does on a lead that lacks all that a lead may lack, if that is an error: worth a warning, since such a
/// lead would become a dead letter. `None` when it is fine.
pub fn template_warning(source: &str, known: &Known) -> Option<TemplateError> {
    let minimal = known.fill(sample::minimal());
    let samples = || Over::Event.samples(known).into_iter().chain([minimal.clone()]);
    let on_some = samples().find_map(|event| try_on(source, Over::Event, &event, "sample").err());
    // As a lead is rendered of whose traits none is known.
    let without_traits = || samples().find_map(|event| render(source, &sample::without_traits(event)).err());
    on_some.or_else(without_traits)
}

/// Renders with every trait that the template may name; those that the event lacks are `other`.
fn try_on(source: &str, over: Over, event: &LeadEvent, other: &str) -> Result<(), TemplateError> {
    let any = Some(Value::from(other));
    let lenient = |values| Value::from_object(Lenient { values, any: any.clone() });
    match over {
        Over::Event => render_over(source, context(event, lenient)).map(drop),
        Over::Field => value_over(source, context(event, lenient)).map(drop),
        Over::Lead(_) => {
            let env = over.environment();
            let template = env.template_from_str(source).map_err(|error| explain(source, &error))?;
            let lead = Value::from(fields(event, lenient));
            template.render(lead).map(drop).map_err(|error| explain(source, &error))
        }
    }
}

fn render_over(source: &str, context: Value) -> Result<Vec<u8>, TemplateError> {
    let env = Over::Event.environment();
    let template = env.template_from_str(source).map_err(|error| explain(source, &error))?;
    let mut body = Bounded(Vec::new());
    let rendered = template.render_captured_to(context, &mut body).map(drop);
    rendered.map_err(|error| explain(source, &error))?;
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body.0) {
        Ok(_) => Ok(body.0),
        Err(error) => Err(not_json(source, &body.0, &error)),
    }
}

fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(move |_| escape.clone());
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // Keeps the place of an error; without it there are only lines.
    env.set_debug(true);
    env
}

/// The lead event, with its open-ended maps turned into what `lenient` makes of them.
fn context(event: &LeadEvent, lenient: impl Fn(BTreeMap<String, Json>) -> Value) -> Value {
    let mut whole = members(serde_json::to_value(event).unwrap_or(Json::Null));
    whole.insert("lead".to_owned(), Value::from(fields(event, lenient)));
    Value::from(whole)
}

/// The same of the lead alone.
fn fields(event: &LeadEvent, lenient: impl Fn(BTreeMap<String, Json>) -> Value) -> BTreeMap<String, Value> {
    let lead = &event.lead;
    let mut fields = members(serde_json::to_value(lead).unwrap_or(Json::Null));
    // Names that are not declared are found before; these are those that the lead at hand lacks.
    let missing_is_null = |values| Value::from_object(Lenient { values, any: None });
    fields.insert("usage".to_owned(), missing_is_null(lead.usage.clone()));
    fields.insert("signals".to_owned(), missing_is_null(lead.signals.clone()));
    let points =
        lead.points.iter().map(|(name, given)| (name.clone(), serde_json::to_value(given).unwrap_or(Json::Null)));
    fields.insert("points".to_owned(), missing_is_null(points.collect()));
    for absent in MAY_BE_ABSENT {
        fields.entry(absent.to_owned()).or_insert_with(|| Value::from(()));
    }
    let mut moments = members(serde_json::to_value(&lead.timestamps).unwrap_or(Json::Null));
    for moment in OF_ENDED_LEADS {
        moments.entry(moment.to_owned()).or_insert_with(|| Value::from(()));
    }
    fields.insert("timestamps".to_owned(), Value::from(moments));
    let mut part = |name: &str, whole: Json, traits: &BTreeMap<String, Json>| {
        let mut parts = members(whole);
        parts.insert("traits".to_owned(), lenient(traits.clone()));
        fields.insert(name.to_owned(), Value::from(parts));
    };
    if let Some(account) = &lead.account {
        part("account", serde_json::to_value(account).unwrap_or(Json::Null), &account.traits);
    }
    if let Some(user) = &lead.user {
        part("user", serde_json::to_value(user).unwrap_or(Json::Null), &user.traits);
    }
    fields
}

fn members(json: Json) -> BTreeMap<String, Value> {
    match json {
        Json::Object(members) => members.into_iter().map(|(name, value)| (name, Value::from(Serde(value)))).collect(),
        _ => BTreeMap::new(),
    }
}

/// A map in which whatever is missing is `null`, or `any`.
#[derive(Debug)]
struct Lenient {
    values: BTreeMap<String, Json>,
    any: Option<Value>,
}

impl Object for Lenient {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let missing = || self.any.clone().unwrap_or_else(|| Value::from(()));
        Some(self.values.get(name).map_or_else(missing, |value| Value::from(Serde(value))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.values.keys().map(|name| Value::from(name.as_str()))))
    }
}

/// Takes [`MAX_OUTPUT`] bytes and no more.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn explain(source: &str, error: &Error) -> TemplateError {
    let detail = error.detail().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::UndefinedError => format!("{detail}; `docs/lead.schema.json` lists what a lead event holds"),
        ErrorKind::OutOfFuel => "the template takes too many steps; shorten its loops".to_owned(),
        ErrorKind::WriteFailure => "the body would be larger than 1 MiB".to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    };
    let line = error.line().map(|line| line_start(source, line));
    at(source, error.range().or_else(|| line.map(|start| start..start)), message)
}

fn not_json(source: &str, body: &[u8], error: &serde_json::Error) -> TemplateError {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let near: String = line.chars().skip(error.column().saturating_sub(20)).take(40).collect();
    let message = format!(
        "the template makes no valid JSON: {error}, near `{near}`; `{{{{ … }}}}` writes its own quotes, so put none around it"
    );
    // The place in the output says little about the place in the template; quotes around braces are the usual mistake.
    at(source, source.find("\"{{").map(|start| start..start), message)
}

fn at(source: &str, range: Option<Range<usize>>, message: String) -> TemplateError {
    let start = range.map_or(0, |range| range.start);
    let before = source.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    TemplateError { line, column, message }
}

fn line_start(source: &str, line: usize) -> usize {
    source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

#[cfg(test)]
mod tests;
