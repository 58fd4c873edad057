//! Which values in the tree are secret.

use std::sync::LazyLock;

use regex::Regex;

use super::node::{Kind, Node, Scalar};
use crate::config::findings::Findings;
use crate::config::redact;

/// Keys whose values are never shown, wherever they stand. Wide, because a typing error in a key must not show the value.
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(secret|passw|token|write[_-]?key|api[_-]?key|authoriz|credential|private|cookie|^headers$)")
        .expect("the pattern is well-formed")
});

impl Findings {
    /// The scalar as it may be shown in a message.
    pub fn shown<'a>(&self, scalar: &'a Scalar) -> &'a str {
        if self.hides(scalar.at) { "•••" } else { scalar.shown.trim() }
    }
}

/// Marks everything in the tree that no excerpt may show.
pub fn mark(node: &Node, findings: &mut Findings) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                if KEY.is_match(&entry.key.text) { hide(&entry.value, findings) } else { mark(&entry.value, findings) }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| mark(item, findings)),
        Kind::Null | Kind::Scalar(_) => {}
    }
}

/// No excerpt may show any value in `node`; the name of a variable is no secret.
fn hide(node: &Node, findings: &mut Findings) {
    if let Some((_, at)) = &node.tag {
        findings.hide_span(*at);
    }
    match &node.kind {
        Kind::Map(entries) => entries.iter().for_each(|entry| hide(&entry.value, findings)),
        Kind::List(items) => items.iter().for_each(|item| hide(item, findings)),
        Kind::Scalar(scalar) if !is_variable(scalar) => findings.hide_span(scalar.at),
        Kind::Null | Kind::Scalar(_) => {}
    }
}

/// As [`hide`], for the value of a field that a section with the fields `known` doesn't have: only where it may be a secret.
pub fn hide_stray(node: &Node, known: &[&str], findings: &mut Findings) {
    if known.iter().any(|name| KEY.is_match(name)) || redact::looks_secret(findings.sources.slice(node.at)) {
        hide(node, findings);
    }
}

fn is_variable(scalar: &Scalar) -> bool {
    let shown = &scalar.shown;
    shown.starts_with("${") && shown.ends_with('}') && shown.matches('}').count() == 1 && !shown.contains(":-")
}
