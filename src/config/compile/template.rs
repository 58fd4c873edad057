//! Templates: compiled once to see whether they can be, and whether they name what exists.

use minijinja::{Environment, ErrorKind};

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;

/// What a sentence may use: the fields of a lead.
pub const LEAD: &[&str] = &[
    "id",
    "revision",
    "definition",
    "definition_version",
    "tier",
    "subject",
    "account",
    "contact",
    "people",
    "summary",
    "reasons",
    "usage",
    "first_seen",
    "last_seen",
    "routing",
    "timestamps",
];

/// What a body may use: the fields of a lead event.
pub const EVENT: &[&str] = &["schema", "id", "type", "occurred_at", "lead"];

/// Reports what is wrong with a template that may use the variables `known`.
pub fn check(text: &Scalar, known: &[&str], findings: &mut Findings) {
    let environment = Environment::new();
    let template = match environment.template_from_str(&text.text) {
        Ok(template) => template,
        Err(error) => {
            let line = error.line().unwrap_or(1);
            let start = text.text.lines().take(line - 1).map(|line| line.len() + 1).sum::<usize>();
            let length = text.text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
            let at = text.locate(&findings.sources, start..start + length);
            let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let message = format!("the template can't be read: {}", text.redact(&detail));
            let problem = Problem::error(at, Code::Template, message);
            findings.push(match error.kind() {
                ErrorKind::SyntaxError => {
                    problem.help("templates are written in minijinja: `{{ account.name }}`, `{% if … %}`")
                }
                _ => problem,
            });
            return;
        }
    };
    let mut unknown: Vec<String> =
        template.undeclared_variables(false).into_iter().filter(|name| !known.contains(&name.as_str())).collect();
    unknown.sort();
    for name in unknown.iter().filter(|name| environment.globals().all(|(global, _)| global != name.as_str())) {
        let at =
            text.text.find(name.as_str()).map_or(text.at, |at| text.locate(&findings.sources, at..at + name.len()));
        let help = did_you_mean(name, known.iter().copied(), || format!("there is {}", one_of(known.iter().copied())));
        findings.push(Problem::warning(at, Code::Template, format!("nothing is called `{name}` here")).help(help));
    }
}
