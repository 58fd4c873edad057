//! What the record of a shard's archive says: how far the past is in segments, and which of it is not counted yet.
//!
//! A series of a counter's own is known by its key with what it means (`counters::plan::meaning`). One that is new lacks all that was committed before; one
//! that a server with another configuration did not count lacks what was committed meanwhile. What is lacking is a stretch of commits,
//! and is filled from the archive once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The record of a shard's archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Blocks up to this number are in segments.
    pub blocks: u64,
    /// Whether what is counted was ever noted.
    pub noted: bool,
    /// What is, or was, counted in the shard, by key.
    pub series: BTreeMap<Box<str>, SeriesPast>,
}

/// What is known of one series in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesPast {
    /// Commits that are not counted in it: behind the first number, up to the second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<(u64, u64)>,
    /// The last commit that was counted in it, while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<u64>,
}

impl SeriesPast {
    /// Whether everything is counted in it that the archive has, and goes on to be.
    pub fn is_whole(&self) -> bool {
        self.lacks.is_empty() && self.off.is_none()
    }
}

/// A stretch of commits, and the series that lack it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The commit before it.
    pub after: u64,
    /// Its last one.
    pub to: u64,
    /// By key.
    pub series: Vec<Box<str>>,
}

impl Archived {
    /// The shard has had so many commits; from the next one on these series are counted in it, and no others.
    pub fn adopt(&mut self, counted: &BTreeSet<Box<str>>, commits: u64) {
        let first = !std::mem::replace(&mut self.noted, true);
        for (key, past) in &mut self.series {
            if !counted.contains(key) {
                past.off.get_or_insert(commits);
            }
        }
        for key in counted {
            let Some(past) = self.series.get_mut(key) else {
                // What was counted before the archive was first asked is not in it, or was counted by whatever counts now.
                let lacks = if first || commits == 0 { Vec::new() } else { vec![(0, commits)] };
                self.series.insert(key.clone(), SeriesPast { lacks, off: None });
                continue;
            };
            if let Some(off) = past.off.take().filter(|off| *off < commits) {
                past.lacks.push((off, commits));
            }
        }
    }

    /// Whether [`Self::adopt`] would change nothing.
    pub fn counts(&self, counted: &BTreeSet<Box<str>>) -> bool {
        let on = self.series.iter().filter(|(_, past)| past.off.is_none()).map(|(key, _)| key);
        self.noted && on.eq(counted)
    }

    /// The earliest stretch that series lack which are counted.
    pub fn next_lack(&self) -> Option<Lack> {
        let lacking = || {
            let on = self.series.iter().filter(|(_, past)| past.off.is_none());
            on.flat_map(|(key, past)| past.lacks.iter().map(move |lack| (key, *lack)))
        };
        let after = lacking().map(|(_, (after, _))| after).min()?;
        let here = || lacking().filter(|(_, (from, _))| *from == after);
        let ends = here().map(|(_, (_, to))| to);
        let begins = lacking().map(|(_, (from, _))| from).filter(|from| *from > after);
        let to = ends.chain(begins).min()?;
        Some(Lack { after, to, series: here().map(|(key, _)| key.clone()).collect() })
    }

    /// Whether all these series lack a stretch.
    pub fn lacks(&self, lack: &Lack) -> bool {
        let is_lacking = |key: &str| {
            let lacks = self.series.get(key).filter(|past| past.off.is_none()).map(|past| &past.lacks);
            lacks.is_some_and(|lacks| lacks.iter().any(|(after, to)| *after == lack.after && *to >= lack.to))
        };
        lack.series.iter().all(|key| is_lacking(key))
    }

    /// They lack it no longer.
    pub fn filled(&mut self, lack: &Lack) {
        for key in &lack.series {
            let Some(past) = self.series.get_mut(key) else { continue };
            for (after, to) in &mut past.lacks {
                if *after == lack.after && *to >= lack.to {
                    *after = lack.to;
                }
            }
            past.lacks.retain(|(after, to)| after < to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(series: &str) -> BTreeSet<Box<str>> {
        series.split(' ').map(Box::from).collect()
    }

    fn fill_all(archived: &mut Archived) -> Vec<(u64, u64, String)> {
        let mut filled = Vec::new();
        while let Some(lack) = archived.next_lack() {
            assert!(archived.lacks(&lack) && lack.after < lack.to);
            // Half of it at a time.
            let lack = Lack { to: lack.after + (lack.to - lack.after).div_ceil(2), ..lack };
            archived.filled(&lack);
            filled.push((lack.after, lack.to, lack.series.join(" ")));
        }
        filled
    }

    #[test]
    fn what_was_there_before_the_archive_lacks_nothing() {
        let mut archived = Archived::default();
        archived.adopt(&counted("a1 b2"), 900);
        assert_eq!(archived.next_lack(), None);
        assert!(archived.counts(&counted("a1 b2")));
        assert!(!archived.counts(&counted("a1")) && !archived.counts(&counted("a1 b3")));
    }

    #[test]
    fn a_new_one_lacks_all_that_was_before_it_and_is_filled_once() {
        let mut archived = Archived::default();
        archived.adopt(&counted("a1"), 0);
        archived.adopt(&counted("a1 b2"), 4);
        archived.adopt(&counted("a7 b2"), 6);
        assert_eq!(
            fill_all(&mut archived),
            [
                (0, 2, "a7 b2".into()),
                (2, 3, "a7 b2".into()),
                (3, 4, "a7 b2".into()),
                (4, 5, "a7".into()),
                (5, 6, "a7".into())
            ]
        );
        assert!(archived.series.values().all(|past| past.lacks.is_empty()));
        archived.adopt(&counted("a7 b2"), 9);
        assert_eq!(archived.next_lack(), None);
    }

    #[test]
    fn one_that_was_not_counted_for_a_while_lacks_that_while() {
        let mut archived = Archived::default();
        let (with, without) = (counted("a1 b2"), counted("a1"));
        archived.adopt(&with, 0);
        archived.adopt(&without, 10);
        archived.adopt(&without, 15);
        assert_eq!(archived.next_lack(), None, "nobody asks for it");
        archived.adopt(&with, 20);
        assert_eq!(archived.next_lack(), Some(Lack { after: 10, to: 20, series: vec!["b2".into()] }));
        archived.adopt(&without, 22);
        archived.adopt(&with, 25);
        let stretches: Vec<_> = fill_all(&mut archived).into_iter().map(|(after, to, _)| (after, to)).collect();
        assert_eq!(stretches.first().map(|one| one.0), Some(10));
        assert_eq!(stretches.iter().map(|(after, to)| to - after).sum::<u64>(), 13);
    }
}
