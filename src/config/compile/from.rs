//! `from`: the sources that it names.

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, Many, Named};
use crate::config::shape::SourceShape;
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::event::SourceName;

/// The names that `from` may give.
pub struct KnownSources<'a>(Vec<&'a str>);

impl<'a> KnownSources<'a> {
    pub fn new(sources: Option<&'a Named<SourceShape>>) -> Self {
        let sources = sources.into_iter().flat_map(|Named(sources)| sources);
        Self(sources.map(|(name, _)| &*name.text).collect())
    }

    /// The sources that a field names, each once; reports those that there are not.
    pub fn named(&self, field: &Field<Many<Scalar>>, findings: &mut Findings) -> Vec<SourceName> {
        let mut found = self.ranked(field, findings);
        found.sort_unstable();
        found
    }

    /// The same in the order in which they are named.
    pub fn ranked(&self, field: &Field<Many<Scalar>>, findings: &mut Findings) -> Vec<SourceName> {
        let mut found: Vec<SourceName> = Vec::new();
        for name in field.get().into_iter().flat_map(|Many(names)| names) {
            if self.0.contains(&name.text.trim()) {
                let source = SourceName::new(name.text.trim());
                if !found.contains(&source) {
                    found.push(source);
                }
                continue;
            }
            let known = || self.0.iter().copied();
            let message = format!("there is no source `{}`", findings.shown(name));
            let help = did_you_mean(&name.text, known(), || format!("there is {}", one_of(known())));
            findings.push(Problem::error(name.at, Code::UnknownName, message).help(help));
        }
        found
    }
}
