//! A configuration as it is kept: its files without secrets, and what they say whatever the order, the spelling and the comments.

use super::findings::Findings;
use super::redact;
use super::yaml::{Kind, Node};
use crate::apply::Rules;
use crate::counters::plan::Planned;
use crate::record::versions::MASK;
use crate::record::{Meaning, Written, WrittenFile};

/// What says nothing of its own: how files are put together, and what may be lost once.
const SAY_NOTHING: [&str; 2] = ["include", "accept"];

/// Adds what a file says.
pub fn read(tree: &Node, meaning: &mut Meaning, findings: &Findings) {
    let Kind::Map(sections) = &tree.kind else { return };
    for section in sections.iter().filter(|section| !SAY_NOTHING.contains(&&*section.key.text)) {
        let names = meaning.sections.entry(section.key.text.to_string()).or_default();
        match &section.value.kind {
            Kind::Map(entries) => {
                let named = entries.iter().map(|entry| (entry.key.text.to_string(), said(&entry.value, findings)));
                names.extend(named);
            }
            Kind::List(items) if items.iter().any(|item| name(item).is_some()) => {
                let named = items.iter().map(|item| (name(item).unwrap_or_default().to_owned(), said(item, findings)));
                names.extend(named);
            }
            _ => drop(names.insert(String::new(), said(&section.value, findings))),
        }
    }
}

/// The configuration as it is kept.
pub fn written(findings: &Findings, meaning: Meaning, rules: &Rules) -> Written {
    // What comes from the counts that are kept of every event name anyway is lost by no declaration.
    let own = |planned: &Planned| planned.daily.is_none().then(|| format!("{:08x}", planned.fingerprint));
    let plan = &rules.plan;
    let counters = plan.counters.iter().zip(&plan.planned);
    let figures = counters.filter_map(|(counter, planned)| Some((counter.name.to_string(), own(planned)?))).collect();
    let decides = rules.definitions.iter().map(|one| (one.name.to_string(), one.version.to_string())).collect();
    let file = |(number, file): (u16, &super::source::File)| WrittenFile {
        path: file.path.display().to_string(),
        text: redact::file(file, number, findings.secret()),
    };
    Written {
        files: (0..).zip(findings.sources.iter()).map(file).collect(),
        meaning: Meaning { figures, decides, ..meaning },
    }
}

/// The `name` in a list's item.
fn name(item: &Node) -> Option<&str> {
    let Kind::Map(entries) = &item.kind else { return None };
    let entry = entries.iter().find(|entry| &*entry.key.text == "name")?;
    match &entry.value.kind {
        Kind::Scalar(scalar) => Some(scalar.shown.trim()),
        _ => None,
    }
}

/// A hash of what stands below a node.
fn said(node: &Node, findings: &Findings) -> String {
    let mut text = String::new();
    canonical(node, findings, &mut text);
    format!("{:012x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 16)
}

/// Writes what stands below a node in one way only, and no secret: not even a hash of one is kept.
fn canonical(node: &Node, findings: &Findings, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push('~'),
        Kind::Scalar(scalar) if findings.hides(scalar.at) => out.push_str(MASK),
        Kind::Scalar(scalar) => out.push_str(&format!("{:?}", scalar.shown.trim())),
        Kind::List(items) => {
            for item in items {
                out.push('-');
                canonical(item, findings, out);
            }
            out.push(';');
        }
        Kind::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.key.text.cmp(&b.key.text));
            for entry in sorted {
                out.push_str(&format!("{:?}:", entry.key.shown));
                canonical(&entry.value, findings, out);
            }
            out.push(';');
        }
    }
}
