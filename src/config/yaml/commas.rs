//! Conditions that YAML has split: within `[…]` and `{…}` it ends a plain value at a comma, also where the comma stands within
//! brackets or quotes that are part of the value.

use super::node::{Entry, Kind, Node, Scalar};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::redact;
use crate::config::source::Span;
use crate::expr::is_cut_off;

/// Reports each condition among `items` that was split; `None` when one was.
pub fn split_in_list(items: &[Node], findings: &mut Findings) -> Option<()> {
    let mut fine = Some(());
    let mut rest = items;
    while let Some((first, further)) = rest.split_first() {
        rest = further;
        let Some(next) = further.first().filter(|next| is_cut(first, next.at, findings)) else { continue };
        let end = further.iter().position(|piece| plain(piece).is_none_or(|piece| closes(&piece.text))).unwrap_or(0);
        report(Span { end: further.get(end).unwrap_or(next).at.end, ..first.at }, findings);
        rest = further.get(end + 1..).unwrap_or_default();
        fine = None;
    }
    fine
}

/// Reports each value among `entries` that was split, so that its rest became a key without a value. Answers which entries hold
/// such values and rests.
pub fn split_in_braces(entries: &[Entry], findings: &mut Findings) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, pair) in entries.windows(2).enumerate() {
        let [first, rest] = pair else { continue };
        let Some(one) = plain(&first.value) else { continue };
        let no_field = rest.key.text.contains(['<', '>', '=', '!', '(', ')', '"', '&', '|']);
        let whole = Span { end: rest.key.at.end, ..first.value.at };
        let secret = findings.hides(one.at) || redact::looks_secret(findings.sources.slice(whole));
        if !matches!(rest.value.kind, Kind::Null) || !no_field || secret {
            continue;
        }
        if is_cut(&first.value, rest.key.at, findings) {
            report(whole, findings);
        } else {
            let message = format!("YAML ends the value at the comma before `{}`", rest.key.shown);
            let help =
                format!("write two conditions as a list: `{}: [{}, {}]`", first.key.shown, one.shown, rest.key.shown);
            findings.push(Problem::error(rest.key.at, Code::Syntax, message).help(help));
        }
        found.extend([at, at + 1]);
    }
    found
}

fn report(whole: Span, findings: &mut Findings) {
    let written = findings.sources.slice(whole).replace('\'', "''");
    let problem = Problem::error(whole, Code::Syntax, "YAML splits this condition at its comma");
    findings.push(problem.help(format!("put it in single quotes: '{written}'")));
}

/// Whether more of `first` stands at `next`, behind a comma.
fn is_cut(first: &Node, next: Span, findings: &Findings) -> bool {
    let between = Span { start: first.at.end, end: next.start, ..first.at };
    plain(first).is_some_and(|first| is_cut_off(&first.text)) && findings.sources.slice(between).contains(',')
}

fn plain(node: &Node) -> Option<&Scalar> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.is_plain() => Some(scalar),
        _ => None,
    }
}

/// Whether `text` ends what another piece began.
fn closes(text: &str) -> bool {
    let count = |sign: char| text.chars().filter(|c| *c == sign).count();
    count(')') > count('(') || count(']') > count('[') || count('"') % 2 == 1 || count('\'') % 2 == 1
}
