//! Files that a configuration names and that are no configuration: certificates, keys, tables. They belong to its version, and a change of
//! them is a change of it.

use std::path::{Path, PathBuf};

use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::read::Named;
use super::shape::ConfigShape;
use super::source::{Reader, Span, unreadable};
use super::yaml::Scalar;

/// The files that could be read, each by where it is named.
#[derive(Debug, Default)]
pub struct Attached {
    files: Vec<(Span, PathBuf, String)>,
    /// Tables, by their numbers among the configuration's files: what is wrong with them is told by their lines.
    tables: Vec<(Span, u16)>,
}

impl Attached {
    /// Reads everything that `shape` names; reports what can't be read.
    pub fn read(shape: &ConfigShape, reader: &Reader<'_>, findings: &mut Findings) -> Self {
        let destinations = shape.destinations.get().into_iter().flat_map(|Named(all)| all);
        let mut attached = Self::default();
        let named = destinations.filter_map(|(_, shape)| shape.as_ref()).flat_map(|shape| {
            let key = shape.salesforce.get().and_then(|salesforce| salesforce.jwt.get()?.key.get());
            shape.ca.get().into_iter().chain(key)
        });
        for named in named {
            let (path, text) = read(named, reader, findings);
            attached.files.extend(text.map(|text| (named.at, path, text)));
        }
        if let Some(named) = shape.territories.get().and_then(|territories| territories.from.get()) {
            let (path, text) = read(named, reader, findings);
            if let Some(text) = text {
                let number = findings.sources.add(&path, text.strip_prefix('\u{feff}').unwrap_or(&text));
                attached.tables.push((named.at, number));
            }
        }
        attached
    }

    /// The number of the table that is named here; `None` when it could not be read.
    pub fn number(&self, named: &Scalar) -> Option<u16> {
        self.tables.iter().find(|(at, _)| *at == named.at).map(|(_, number)| *number)
    }

    /// The file that is named here; `None` when it could not be read.
    pub fn text(&self, named: &Scalar) -> Option<&str> {
        self.files.iter().find(|(at, ..)| *at == named.at).map(|(.., text)| text.as_str())
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(.., text)| text.as_str())
    }

    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(|(_, path, _)| path)
    }
}

fn read(named: &Scalar, reader: &Reader<'_>, findings: &mut Findings) -> (PathBuf, Option<String>) {
    let path = beside(named, findings);
    let text = reader(&path).map_err(|error| {
        let message = named.redact(&unreadable(&path, &error));
        let problem = Problem::error(named.at, Code::Unreadable, message);
        findings.push(problem.help("paths are relative to the file that names them"));
    });
    (path, text.ok())
}

fn beside(named: &Scalar, findings: &Findings) -> PathBuf {
    let file = findings.sources.file(named.at.file).and_then(|file| file.path.parent());
    file.unwrap_or_else(|| Path::new("")).join(named.text.trim())
}
