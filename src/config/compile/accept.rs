//! `accept`: what a change may lose.

use std::collections::BTreeSet;

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{List, Named};
use crate::config::shape::ConfigShape;
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;

/// The words of `accept`: sections, and names in them.
pub fn accept(words: Option<&List<Scalar>>, shape: &ConfigShape, findings: &mut Findings) -> BTreeSet<Box<str>> {
    let words = words.into_iter().flat_map(|List(words)| words);
    words.map(|word| check(word, shape, findings)).collect()
}

fn check(word: &Scalar, shape: &ConfigShape, findings: &mut Findings) -> Box<str> {
    let text = word.text.trim();
    let (section, name) = text.split_once('.').unwrap_or((text, ""));
    let sections = || ConfigShape::FIELDS.iter().copied();
    if !sections().any(|known| known == section) {
        let message = format!("`accept` knows no section `{}`", findings.shown(word));
        let help = did_you_mean(section, sections(), || {
            format!("write {}", one_of(["counters.<name>", "sources.<name>", "destinations.<name>"]))
        });
        findings.push(Problem::error(word.at, Code::UnknownName, message).help(help));
    }
    // What is there can't be lost; left in the file, the word would let it be lost another day.
    let is_there = match section {
        "sources" => shape.sources.get().is_some_and(|Named(all)| all.iter().any(|(key, _)| &*key.text == name)),
        "destinations" => {
            shape.destinations.get().is_some_and(|Named(all)| all.iter().any(|(key, _)| &*key.text == name))
        }
        _ => false,
    };
    if is_there {
        let message = format!("`accept` lets `{text}` be lost, which is there");
        findings.push(Problem::warning(word.at, Code::Suspicious, message).help("take the word out of `accept`"));
    }
    text.into()
}
