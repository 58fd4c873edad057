//! Files that a configuration names and that are no configuration: certificates. They belong to its version, and a change of
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
pub struct Attached(Vec<(Span, PathBuf, String)>);

impl Attached {
    /// Reads everything that `shape` names; reports what can't be read.
    pub fn read(shape: &ConfigShape, reader: &Reader<'_>, findings: &mut Findings) -> Self {
        let destinations = shape.destinations.get().into_iter().flat_map(|Named(all)| all);
        let webhooks = destinations.filter_map(|(_, shape)| shape.as_ref()?.webhook.get());
        let mut attached = Self::default();
        for named in webhooks.filter_map(|webhook| webhook.ca.get()) {
            let path = beside(named, findings);
            match reader(&path) {
                Ok(text) => attached.0.push((named.at, path, text)),
                Err(error) => {
                    let message = named.redact(&unreadable(&path, &error));
                    let problem = Problem::error(named.at, Code::Unreadable, message);
                    findings.push(problem.help("paths are relative to the file that names them"));
                }
            }
        }
        attached
    }

    /// The file that is named here; `None` when it could not be read.
    pub fn text(&self, named: &Scalar) -> Option<&str> {
        self.0.iter().find(|(at, ..)| *at == named.at).map(|(.., text)| text.as_str())
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(.., text)| text.as_str())
    }

    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().map(|(_, path, _)| path)
    }
}

fn beside(named: &Scalar, findings: &Findings) -> PathBuf {
    let file = findings.sources.file(named.at.file).and_then(|file| file.path.parent());
    file.unwrap_or_else(|| Path::new("")).join(named.text.trim())
}
