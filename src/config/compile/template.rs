//! Templates: compiled and tried once, to see whether they can be and whether they name what exists.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::config::suggest::{closest, one_of};
use crate::config::yaml::Scalar;
use crate::crm::Known;
use crate::crm::template::{Over, TemplateError, check_template, names_in, template_warning};
use crate::ids::SubjectKind;

/// What is wrong with a value that may be secret is not told word by word.
const IN_VARIABLE: &str = "what the variable holds can't stand here";

/// Reports what is wrong with the template of a webhook's body.
pub fn body(text: &Scalar, known: &Known, findings: &mut Findings) {
    unescaped(text, findings);
    if is_wrong(text, Over::Event, known, findings) {
        return;
    }
    if let Some(error) = template_warning(&text.text, known) {
        let help = "a lead may lack it: ask first (`{% if … %}`), or write `| default(…, true)`";
        told(text, &error, Problem::warning, Some(help), findings);
    }
}

/// Reports what is wrong with the template of a field's value.
pub fn field(text: &Scalar, known: &Known, findings: &mut Findings) {
    is_wrong(text, Over::Field, known, findings);
}

/// Reports what is wrong with the template of the sentence of leads about such a subject.
pub fn sentence(text: &Scalar, of: SubjectKind, known: &Known, findings: &mut Findings) {
    is_wrong(text, Over::Lead(of), known, findings);
}

/// Reports errors; returns whether there are any.
fn is_wrong(text: &Scalar, over: Over, known: &Known, findings: &mut Findings) -> bool {
    let names = match names_in(&text.text, over) {
        Ok(names) => names,
        Err(error) => {
            let help = "a value is written `{{ lead.account.name }}`, a condition `{% if … %}`";
            let help = if matches!(over, Over::Event | Over::Field) {
                help
            } else {
                "a value is written `{{ account.name }}`, a condition `{% if … %}`"
            };
            told(text, &error, Problem::error, Some(help), findings);
            return true;
        }
    };
    let all = over.names(known);
    let mut is_wrong = false;
    for name in names {
        is_wrong |= unknown_name(text, &name, &all, over, findings);
    }
    if is_wrong {
        return true;
    }
    let outcome = check_template(&text.text, over, known);
    if let Err(error) = &outcome {
        told(text, error, Problem::error, None, findings);
    }
    outcome.is_err()
}

fn told(
    text: &Scalar,
    error: &TemplateError,
    problem: fn(Span, Code, String) -> Problem,
    help: Option<&str>,
    findings: &mut Findings,
) {
    let place = place(&text.text, error);
    let message = if text.is_substituted(&place) { String::from(IN_VARIABLE) } else { text.redact(&error.message) };
    let problem = problem(text.locate(&findings.sources, place), Code::Template, message);
    findings.push(match help {
        Some(help) => problem.help(help),
        None => problem,
    });
}

/// Reports a name that no lead has; returns whether that is an error. Traits may be sent that nobody declared: one that is nearly a
/// declared one is worth a warning.
fn unknown_name(text: &Scalar, name: &str, all: &Json, over: Over, findings: &mut Findings) -> bool {
    let mut at = all;
    let mut known: Vec<&str> = Vec::new();
    for step in name.split('.') {
        let Json::Object(fields) = at else { return false };
        match fields.get(step) {
            Some(Json::Null) => return false,
            Some(value) => at = value,
            None => return missing(text, name, (&known, step, fields), over, findings),
        }
        known.push(step);
    }
    false
}

type Missing<'a> = (&'a [&'a str], &'a str, &'a serde_json::Map<String, Json>);

fn missing(text: &Scalar, name: &str, (known, step, fields): Missing<'_>, over: Over, findings: &mut Findings) -> bool {
    let written = known.iter().copied().chain([step]).collect::<Vec<_>>().join(".");
    let there = || fields.keys().map(String::as_str);
    let meant = closest(step, there()).map(|found| known.iter().copied().chain([found]).collect::<Vec<_>>().join("."));
    let is_trait = known.contains(&"traits");
    if is_trait && (meant.is_none() || known.last() != Some(&"traits")) {
        return false;
    }
    let place = find_word(&text.text, name).map_or(0..0, |found| found.start..found.start + written.len());
    let shown = if text.is_substituted(&place) { "…" } else { &written };
    let at = text.locate(&findings.sources, place);
    let what = match (over, known.last().copied()) {
        _ if is_trait => format!("nobody declared the trait `{shown}`"),
        (_, Some("usage")) => format!("there is no counter `{step}`"),
        (_, Some("signals" | "points")) => format!("there is no signal `{step}`"),
        (Over::Event | Over::Field, _) => format!("a lead event has nothing called `{shown}`"),
        (Over::Lead(_), _) => format!("a lead has nothing called `{shown}`"),
    };
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there is {}", one_of(there())),
    };
    let problem = if is_trait { Problem::warning } else { Problem::error };
    findings.push(problem(at, Code::Template, text.redact(&what)).help(text.redact(&help)));
    !is_trait
}

/// Where a name stands in a template for the first time.
fn find_word(source: &str, word: &str) -> Option<Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let alone = |at: &usize| {
        let (before, after) = (source.get(..*at), source.get(at + word.len()..));
        !before.is_some_and(|text| text.ends_with(part))
            && !after.is_some_and(|text| text.starts_with(|c| c != '.' && part(c)))
    };
    source.match_indices(word).map(|(at, _)| at).find(alone).map(|start| start..start + word.len())
}

/// Ways to write a value as it is, whatever it holds.
static UNESCAPED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\|\s*safe\b|\{%[-+]?\s*autoescape\s+(?:false|'none'|\x22none\x22)")
        .expect("the pattern is well-formed")
});

/// Warns where a value is written without quotes and escapes: what a stranger says in a trait would become part of the document.
fn unescaped(text: &Scalar, findings: &mut Findings) {
    for found in UNESCAPED.find_iter(&text.text).filter(|found| !text.is_substituted(&found.range())) {
        let message = format!("`{}` writes values as they are, and strangers write what is in them", found.as_str());
        let problem = Problem::warning(text.locate(&findings.sources, found.range()), Code::Insecure, message);
        findings.push(problem.help("remove it: `{{ … }}` writes any value as JSON, with its quotes"));
    }
}

/// The word at the place that an error names.
fn place(text: &str, error: &TemplateError) -> Range<usize> {
    let line: usize = text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(line..).unwrap_or_default();
    let start = line + rest.char_indices().nth(error.column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    let word = text.get(start..).unwrap_or_default();
    let length = word.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(word.len());
    start..start + length.max(1)
}
