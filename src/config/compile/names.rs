//! Names: each one once, and of a form that can stand where it is used.

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::config::yaml::Scalar;
use crate::expr::{is_name, reserved};

/// Reports every name that comes twice; `what` is `counter`, `team`, …
pub fn unique<'a>(names: impl IntoIterator<Item = &'a Scalar>, what: &str, findings: &mut Findings) {
    let mut seen: Vec<&Scalar> = Vec::new();
    for name in names {
        match seen.iter().find(|earlier| earlier.text == name.text) {
            Some(earlier) => {
                let help = format!("the first is at {}; rename one of them", findings.sources.name_place(earlier.at));
                let message = format!("there are two {what}s named `{}`", name.shown);
                findings.push(Problem::error(name.at, Code::Duplicate, message).help(help));
            }
            None => seen.push(name),
        }
    }
}

/// Whether a name may stand in a URL and in the name of a queue; reports when it may not.
pub fn is_plain_name(name: &Scalar, what: &str, findings: &mut Findings) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.text.is_empty() && name.text.len() <= 64 && name.text.chars().all(fine) {
        return true;
    }
    let message = format!("`{}` can't be the name of a {what}", name.shown);
    let help = "use up to 64 letters (a to z), digits, `-`, `_` and `.`";
    findings.push(Problem::error(name.at, Code::BadValue, message).help(help));
    false
}

/// Reports a value that is out of bounds.
pub fn bounded(
    value: u64,
    bounds: std::ops::RangeInclusive<u64>,
    at: Span,
    what: &str,
    findings: &mut Findings,
) -> u64 {
    if !bounds.contains(&value) {
        let message = format!("{what} must be between {} and {}", bounds.start(), bounds.end());
        findings.push(Problem::error(at, Code::BadValue, message));
    }
    value.clamp(*bounds.start(), *bounds.end())
}

/// Whether conditions can read something by that name; reports when they can't. `what` is `counter`, `signal`, …
pub fn condition_name(name: &Scalar, what: &str, findings: &mut Findings) -> bool {
    if is_name(&name.text) {
        return true;
    }
    let (message, help) = if reserved().any(|word| word == &*name.text) {
        let message = format!("a {what} can't be named `{}`: the word has a meaning in conditions", name.shown);
        (
            message,
            format!(
                "choose another name, for example `{}_{}`",
                name.text,
                if what == "counter" { "count" } else { what }
            ),
        )
    } else {
        let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let better: String = name.text.chars().map(fits).collect();
        let digit = better.starts_with(|c: char| c.is_ascii_digit());
        let better = if digit { format!("n_{better}") } else { better };
        (
            format!("`{}` can't be the name of a {what}", name.shown),
            format!("conditions could not use it; try `{better}`"),
        )
    };
    findings.push(Problem::error(name.at, Code::BadValue, message).help(help));
    false
}

/// One `@` with something on both sides, and no blanks: whether mail arrives, only mail can tell.
pub fn check_address(rep: &Scalar, findings: &mut Findings) {
    let text = rep.text.trim();
    let sides = text.split_once('@');
    let fine = sides.is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && !domain.ends_with('.')
    });
    if !fine || text.contains(char::is_whitespace) {
        let message = format!("`{}` is no e-mail address", findings.shown(rep));
        findings.push(Problem::error(rep.at, Code::BadValue, message).help("reps are named by their e-mail addresses"));
    }
}
