//! How two configurations differ: first what they say, section by section, then their text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::losses::{Stock, losses};
use crate::record::{Meaning, Written, WrittenFile};
use crate::time::Millis;

/// How many unchanged lines stand around a change.
const CONTEXT_LINES: usize = 3;

/// What changed from one configuration to the next, to be read by a person; empty when nothing did.
pub fn diff(from: &Written, to: &Written, names: (&str, &str)) -> String {
    let mut out = said(&from.meaning, &to.meaning);
    let paths: BTreeSet<&str> = from.files.iter().chain(&to.files).map(|file| &*file.path).collect();
    let text = |files: &[WrittenFile], path: &str| {
        files.iter().find(|file| file.path == path).map(|file| file.text.clone()).unwrap_or_default()
    };
    for path in paths {
        let (old, new) = (text(&from.files, path), text(&to.files, path));
        let lines = similar::TextDiff::from_lines(&old, &new);
        let headings = (format!("{path} ({})", names.0), format!("{path} ({})", names.1));
        let unified = lines.unified_diff().context_radius(CONTEXT_LINES).header(&headings.0, &headings.1).to_string();
        if !unified.is_empty() {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{gap}{unified}");
        }
    }
    out
}

/// The names that came, went, or say something else, one line for each.
fn said(from: &Meaning, to: &Meaning) -> String {
    let mut out = String::new();
    let lost = losses(from, to, &Stock::default(), Millis(0));
    let sections: BTreeSet<&String> = from.sections.keys().chain(to.sections.keys()).collect();
    for section in sections {
        let names: BTreeSet<&str> = from.names(section).chain(to.names(section)).collect();
        for name in names {
            let of = |meaning: &Meaning| meaning.sections.get(section).and_then(|names| names.get(name)).cloned();
            let mark = match (of(from), of(to)) {
                (None, _) => "+ new",
                (_, None) => "- gone",
                (before, after) if before == after => continue,
                _ => "~ changed",
            };
            let what = if name.is_empty() { section.clone() } else { format!("{section}.{name}") };
            let why =
                lost.iter().find(|loss| loss.what == what).map(|loss| format!("; {}", loss.why)).unwrap_or_default();
            let _ = writeln!(out, "{mark:9}  {what}{why}");
        }
    }
    out
}
