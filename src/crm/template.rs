//! Payload templates: minijinja over the lead event, whose output must be JSON. Pure.
//!
//! `{{ … }}` writes its value as JSON, quotes and escapes included, so that nothing in a lead can break out of the document:
//! `{"title": {{ lead.summary }}}`. Text is put together inside the braces: `{{ "PQL: " ~ lead.subject.name }}`.
//!
//! A name that a lead event doesn't have is an error, found when the configuration is checked. Traits and counters are the
//! exception, since which of them a lead has depends on the lead: a missing one is `null`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

use super::sample;
use crate::lead::LeadEvent;

/// Steps that a template may take; a large one takes thousands.
const FUEL: u64 = 200_000;

/// The largest body that a template may make.
const MAX_OUTPUT: usize = 1024 * 1024;

/// What a template can name.
const NAMES: [&str; 5] = ["schema", "id", "type", "occurred_at", "lead"];

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

/// Checks a template when the configuration is loaded: its syntax, its names, and that it makes JSON of a sample lead.
///
/// # Errors
/// What is wrong and where.
pub fn check_template(source: &str) -> Result<(), TemplateError> {
    let env = environment();
    let template = env.template_from_str(source).map_err(|error| explain(source, &error))?;
    let mut unknown: Vec<_> = template.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !NAMES.contains(&name.as_str()) && env.globals().all(|(global, _)| global != name));
    unknown.sort();
    if let Some(name) = unknown.first() {
        let message =
            format!("unknown name `{name}`; a lead event has {}", NAMES.map(|name| format!("`{name}`")).join(", "));
        return Err(at(source, find_word(source, name), message));
    }
    // A template may be made for the leads of accounts or for those of users; it has to work for one of them.
    let (event, tried) = match try_on(source, &sample::full(), "sample") {
        Ok(()) => (sample::full(), Ok(())),
        Err(error) => (sample::of_user(), try_on(source, &sample::of_user(), "sample").map_err(|_| error)),
    };
    tried?;
    try_on(source, &sample::hostile(event), sample::HOSTILE).map_err(|error| {
        let message = format!("on a lead whose texts hold quotes and control characters, {}", error.message);
        TemplateError { message, ..error }
    })
}

/// What a template does on a lead that lacks all that a lead may lack, if that is an error: worth a warning, since such a lead
/// would become a dead letter. `None` when it is fine.
pub fn template_warning(source: &str) -> Option<TemplateError> {
    let samples = [sample::full(), sample::of_user(), sample::minimal()];
    samples.iter().find_map(|event| try_on(source, event, "sample").err())
}

/// Renders with every trait and counter that the template may name; those that the event lacks are `other`.
fn try_on(source: &str, event: &LeadEvent, other: &str) -> Result<(), TemplateError> {
    let any = Some(Value::from(other));
    render_over(source, context(event, |values| Value::from_object(Lenient { values, any: any.clone() }))).map(drop)
}

fn render_over(source: &str, context: Value) -> Result<Vec<u8>, TemplateError> {
    let env = environment();
    let template = env.template_from_str(source).map_err(|error| explain(source, &error))?;
    let mut body = Bounded(Vec::new());
    let rendered = template.render_captured_to(context, &mut body).map(drop);
    rendered.map_err(|error| explain(source, &error))?;
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body.0) {
        Ok(_) => Ok(body.0),
        Err(error) => Err(not_json(source, &body.0, &error)),
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Json);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // Keeps the place of an error; without it there are only lines.
    env.set_debug(true);
    env
}

/// The lead event, with its open-ended maps turned into what `lenient` makes of them.
fn context(event: &LeadEvent, lenient: impl Fn(BTreeMap<String, Json>) -> Value) -> Value {
    let lead = &event.lead;
    let mut fields = members(serde_json::to_value(lead).unwrap_or(Json::Null));
    fields.insert("usage".to_owned(), lenient(lead.usage.clone()));
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
    let mut whole = members(serde_json::to_value(event).unwrap_or(Json::Null));
    whole.insert("lead".to_owned(), Value::from(fields));
    Value::from(whole)
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

/// Where `word` stands alone in `source` for the first time.
fn find_word(source: &str, word: &str) -> Option<Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let alone = |at: &usize| {
        let (before, after) = (source.get(..*at), source.get(at + word.len()..));
        !before.is_some_and(|text| text.ends_with(part))
            && !after.is_some_and(|text| text.starts_with(|c| c != '.' && part(c)))
    };
    source.match_indices(word).map(|(at, _)| at).find(alone).map(|start| start..start + word.len())
}

#[cfg(test)]
mod tests;
