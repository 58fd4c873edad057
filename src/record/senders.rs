//! Which sources a subject's events came from: what its figures rest on.

use smallvec::SmallVec;

use crate::event::{SourceName, Trust};

/// The sources of a subject's events, by name, each with how far it was believed at best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders(SmallVec<[(SourceName, Trust); 1]>);

/// How many sources of one subject are named. A configuration has few; those that left it stay with the subject.
pub const MAX_SENDERS: usize = 32;

impl Senders {
    /// Notes an event of `source`.
    pub fn note(&mut self, source: &SourceName, trust: Trust) {
        match self.0.binary_search_by(|(known, _)| known.cmp(source)) {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = trust.max(*known);
                }
            }
            Err(at) if self.0.len() < MAX_SENDERS => self.0.insert(at, (source.clone(), trust)),
            Err(_) => {}
        }
    }

    /// Each source, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceName, Trust)> {
        self.0.iter().map(|(source, trust)| (source, *trust))
    }

    /// Takes in those of an id that turned out to be the same user.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(source, trust)| self.note(source, trust));
    }

    /// About how many bytes they take in memory, beyond their own size.
    pub(super) fn bytes(&self) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<(SourceName, Trust)>() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_once_with_the_best_that_it_was_believed() {
        let mut senders = Senders::default();
        for (name, trust) in
            [("web", Trust::Public), ("api", Trust::Server), ("web", Trust::Server), ("web", Trust::Public)]
        {
            senders.note(&SourceName::new(name), trust);
        }
        let all: Vec<_> = senders.iter().map(|(source, trust)| (source.as_str(), trust)).collect();
        assert_eq!(all, [("api", Trust::Server), ("web", Trust::Server)]);
        (0..100).for_each(|n| senders.note(&SourceName::new(&format!("s{n}")), Trust::Public));
        assert_eq!(senders.iter().count(), MAX_SENDERS);
    }
}
