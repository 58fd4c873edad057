//! Templates: compiled and tried once, to see whether they can be and whether they name what exists.

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind};
use regex::Regex;

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::crm::template::{TemplateError, check_template, template_warning};

/// What a sentence may use: the fields of a lead.
const LEAD: &str = "id revision definition definition_version config_version tier rank subject user account contact people reasons joined joined_count outcome usage \
    first_seen last_seen timestamps";

/// What is wrong with a value that may be secret is not told word by word.
const IN_VARIABLE: &str = "what the variable holds can't stand here";

/// Reports what is wrong with the template of a webhook's body.
pub fn body(text: &Scalar, findings: &mut Findings) {
    unescaped(text, findings);
    let (error, problem): (_, fn(_, _, String) -> Problem) = match check_template(&text.text) {
        Err(error) => (error, |at, code, message| Problem::error(at, code, message)),
        Ok(()) => match template_warning(&text.text) {
            Some(error) => (error, |at, code, message| {
                Problem::warning(at, code, message).help("a lead may lack it: write `… is defined` or `| default(…)`")
            }),
            None => return,
        },
    };
    let place = place(&text.text, &error);
    let message = if text.is_substituted(&place) { String::from(IN_VARIABLE) } else { text.redact(&error.message) };
    findings.push(problem(text.locate(&findings.sources, place), Code::Template, message));
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

/// Reports what is wrong with the template of a sentence.
pub fn sentence(text: &Scalar, findings: &mut Findings) {
    let mut environment = Environment::new();
    environment.set_debug(true);
    let template = match environment.template_from_str(&text.text) {
        Ok(template) => template,
        Err(error) => return unreadable(text, &error, findings),
    };
    let known = || LEAD.split(' ');
    let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    unknown
        .retain(|name| known().all(|field| field != name) && environment.globals().all(|(global, _)| global != name));
    unknown.sort();
    for name in &unknown {
        let found = text.text.find(name.as_str()).map_or(0..0, |at| at..at + name.len());
        let name = if text.is_substituted(&found) { "…" } else { name.as_str() };
        let at = text.locate(&findings.sources, found);
        let help = did_you_mean(name, known(), || format!("a lead has {}", one_of(known())));
        findings.push(Problem::warning(at, Code::Template, format!("a lead has nothing called `{name}`")).help(help));
    }
}

fn unreadable(text: &Scalar, error: &minijinja::Error, findings: &mut Findings) {
    let whole = 0..text.text.trim_end().len();
    let place = error.range().filter(|range| !range.is_empty()).unwrap_or(whole);
    let detail = match error.detail() {
        _ if text.is_substituted(&place) => IN_VARIABLE.to_owned(),
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    let message = format!("the template can't be read: {}", text.redact(&detail));
    let problem = Problem::error(text.locate(&findings.sources, place), Code::Template, message);
    findings.push(match error.kind() {
        ErrorKind::SyntaxError => problem.help("a value is written `{{ account.name }}`, a condition `{% if … %}`"),
        _ => problem,
    });
}
