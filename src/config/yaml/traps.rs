//! Where YAML reads something else than what the writer meant: the extra word of help.

use granit_parser::ScanError;

use super::node::Scalar;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::redact;
use crate::config::source::Span;

/// `event: Task #1 Created`: from `#1` on, YAML reads a comment. Comments that people write have a space after `#`.
pub fn swallowed_comment(scalar: &Scalar, findings: &mut Findings) {
    let Some(file) = findings.sources.file(scalar.at.file) else { return };
    let end = scalar.at.end as usize;
    let line = file.line(file.position(end).line);
    let Some(rest) = file.text.get(end..line.end) else { return };
    let trimmed = rest.trim_start();
    let mut after = trimmed.chars().skip(1);
    if trimmed.len() == rest.len() || !trimmed.starts_with('#') || !after.next().is_some_and(char::is_alphanumeric) {
        return;
    }
    let start = line.end - trimmed.len();
    let at = Span::new(scalar.at.file, start..line.end);
    findings.push(
        Problem::warning(at, Code::Suspicious, "YAML reads everything from this `#` on as a comment")
            .help("if it belongs to the value, put the value in quotes; if it is a comment, put a space after `#`"),
    );
}

/// What may have been meant at the place where the parser gave up: the byte `offset` of `text`, on its line `line`.
pub fn syntax_help(text: &str, (line, offset): (usize, usize), error: &ScanError) -> Option<String> {
    condition_in_brackets(text, offset).or_else(|| help_for_line(text, line, error).map(str::to_owned))
}

/// `[ plan in ["a", "b"] ]`: a plain value ends at the inner bracket.
fn condition_in_brackets(text: &str, offset: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(offset)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let start =
        [": ", "[", ", ", "{"].iter().filter_map(|sign| Some(before.rfind(sign)? + sign.len())).max()?.max(line);
    let begun = before.get(start..)?.trim_start();
    if !after.starts_with('[') || !(begun.ends_with(" in ") || begun.ends_with('(')) {
        return None;
    }
    let mut depth = begun.matches('(').count();
    let end = after.find(|c: char| {
        match c {
            '[' | '(' | '{' => depth += 1,
            ']' | ')' | '}' if depth == 0 => return true,
            ']' | ')' | '}' => depth -= 1,
            _ => {}
        }
        c == '\n' || c == ',' && depth == 0
    });
    let condition = [begun, after.get(..end.unwrap_or(after.len()))?.trim_end()].concat();
    let shown = if redact::looks_secret(&condition) { "…".to_owned() } else { condition.replace('\'', "''") };
    Some(format!("put the condition in single quotes: '{shown}'"))
}

fn help_for_line(text: &str, line: usize, error: &ScanError) -> Option<&'static str> {
    let written = text.lines().nth(line.saturating_sub(1))?;
    let previous = line.checked_sub(2).and_then(|line| text.lines().nth(line)).unwrap_or_default();
    [written, previous].into_iter().find_map(value_help).or_else(|| {
        if written.contains('\t') {
            return Some("YAML is indented with spaces, never with tabs");
        }
        let info = error.info();
        (info.contains("mapping values") || written.matches(": ").count() > 1)
            .then_some("a value that contains `: ` must be in quotes; check the indentation, too")
    })
}

fn value_help(line: &str) -> Option<&'static str> {
    let value = line.split_once(": ").or_else(|| line.split_once("- ")).map(|(_, value)| value.trim_start())?;
    let value = value.trim_start_matches(['[', ' ', '-']);
    match value.chars().next()? {
        '!' => Some("YAML reads `!` as a tag; put the whole condition in single quotes: '!(…)'"),
        '"' if has_text_after_quote(value, '"') => Some(
            "YAML ends the value at the second quote; put the whole condition in single quotes: '\"free\" == account.plan'",
        ),
        '\'' if has_text_after_quote(value, '\'') => {
            Some("YAML ends the value at the second quote; put the whole value in quotes")
        }
        '@' | '`' => Some("a value can't begin with `@` or a backtick; put it in quotes"),
        '*' | '&' => Some("YAML reads `*` and `&` as alias and anchor; put the value in quotes"),
        '%' => Some("a value can't begin with `%`; put it in quotes"),
        '{' if value.starts_with("{{") || value.starts_with("{%") => {
            Some("YAML reads `{` as a mapping; put templates and conditions that begin with it in quotes")
        }
        _ => None,
    }
}

fn has_text_after_quote(value: &str, quote: char) -> bool {
    value.get(1..).and_then(|rest| rest.split_once(quote)).is_some_and(|(_, after)| {
        !matches!(after.trim_start().chars().next(), None | Some(',' | ']' | '}' | '#' | ':'))
    })
}
