//! The configurations that have taken force, the latest last: one record of a store, so that all its servers tell the same.
//!
//! Values of environment variables and secrets are in none of it: files are kept as they are written, `${NAME}` as a name and
//! secrets that stand in them as [`MASK`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reroutes::{ReRoute, Reroutes};
use crate::ids::{RecordKey, RecordKind};
use crate::time::Millis;

/// How many versions are kept, the latest.
pub const MAX_VERSIONS: usize = 100;
/// How many bytes of files are kept of all versions; the latest is kept in any case.
pub const MAX_BYTES: usize = 2 << 20;
/// What stands in place of a secret.
pub const MASK: &str = "•••";

/// A configuration as its author wrote it, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The files, the first being the one that includes the others.
    pub files: Vec<WrittenFile>,
    /// What they say, whatever the order, the spelling and the comments.
    pub meaning: Meaning,
}

/// A file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WrittenFile {
    /// As it was named on the command line or in `include`.
    pub path: String,
    /// What is in it, without secrets.
    pub text: String,
}

/// What a configuration says, so that two can be told apart by their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Meaning {
    /// By section (`counters`) and name in it (`tasks`): a hash of what is said there. What has no name stands under `""`.
    pub sections: BTreeMap<String, BTreeMap<String, String>>,
    /// By the name of a counter that keeps figures of its own: a hash of what they are figures of.
    pub figures: BTreeMap<String, String>,
    /// By the name of a definition: a hash of what decides who qualifies, with the counters and signals that it reads.
    #[serde(default)]
    pub decides: BTreeMap<String, String>,
}

impl Meaning {
    /// The names in a section.
    pub fn names(&self, section: &str) -> impl Iterator<Item = &str> {
        self.sections.get(section).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Whether a section has this name in it.
    pub fn has(&self, section: &str, name: &str) -> bool {
        self.sections.get(section).is_some_and(|names| names.contains_key(name))
    }
}

/// A configuration that took force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// Its number, from 1.
    pub number: u64,
    /// The beginning of a hash over all files: what leads name.
    pub hash: Arc<str>,
    /// When it took force.
    pub at: Millis,
    /// The server on which it did first.
    pub server: Box<str>,
    /// The configuration.
    pub written: Written,
}

/// That a configuration took force on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TookForce {
    /// The beginning of a hash over all files.
    pub hash: Arc<str>,
    /// The server.
    pub server: Box<str>,
    /// The configuration.
    pub written: Written,
    /// A hash of its routes and territories.
    pub routing: Arc<str>,
    /// Which leads go where they say, where they are others than before.
    pub re_route: Option<ReRoute>,
}

/// The versions, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigVersions {
    /// They.
    pub versions: VecDeque<ConfigVersion>,
    /// Whether leads are sent where they say.
    pub reroutes: Reroutes,
}

impl ConfigVersions {
    /// The record that they are kept in.
    pub fn key() -> RecordKey {
        RecordKey::new(RecordKind::Config, "versions")
    }

    /// The version that took force last.
    pub fn latest(&self) -> Option<&ConfigVersion> {
        self.versions.back()
    }

    /// The version of this number or hash (the latest that has it), or the latest where nothing is asked for.
    pub fn find(&self, which: Option<&str>) -> Option<&ConfigVersion> {
        let Some(which) = which else { return self.latest() };
        let number = which.parse().ok();
        self.versions.iter().rev().find(|one| Some(one.number) == number || *one.hash == *which)
    }

    /// The version before this one.
    pub fn before(&self, number: u64) -> Option<&ConfigVersion> {
        self.versions.iter().rev().find(|one| one.number < number)
    }

    /// Since when each definition says what it says in `meaning`, which takes force at `now`; none where no version is known: then nobody
    /// was there before it.
    pub fn definitions_since(&self, meaning: &Meaning, now: Millis) -> BTreeMap<Arc<str>, Millis> {
        const SECTION: &str = "definitions";
        let said = |meaning: &Meaning, name: &str| {
            let written = meaning.sections.get(SECTION)?.get(name)?;
            Some(meaning.decides.get(name).unwrap_or(written).clone())
        };
        let names = meaning.names(SECTION).filter(|_| !self.versions.is_empty());
        let since = |name: &str| {
            let own = said(meaning, name);
            let same = self.versions.iter().rev().take_while(|one| said(&one.written.meaning, name) == own);
            same.last().map_or(now, |one| one.at)
        };
        names.map(|name| (Arc::from(name), since(name))).collect()
    }

    /// A configuration took force at `at`. On a server that comes to what the others have it is no news.
    pub fn took_force(&mut self, took: TookForce, at: Millis) {
        self.reroutes.took_force(&took.routing, took.re_route, at);
        let TookForce { hash, server, written, .. } = took;
        if self.latest().is_some_and(|latest| latest.hash == hash) {
            return;
        }
        let number = self.latest().map_or(0, |latest| latest.number) + 1;
        self.versions.push_back(ConfigVersion { number, hash, at, server, written });
        while self.versions.len() > 1 && (self.versions.len() > MAX_VERSIONS || self.bytes() > MAX_BYTES) {
            self.versions.pop_front();
        }
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.versions.iter().map(ConfigVersion::bytes).sum()
    }
}

impl ConfigVersion {
    fn bytes(&self) -> usize {
        let Meaning { sections, figures, decides } = &self.written.meaning;
        let names =
            sections.values().chain([figures, decides]).flatten().map(|(name, hash)| name.len() + hash.len() + 16);
        let files = self.written.files.iter().map(|file| file.path.len() + file.text.len());
        128 + names.sum::<usize>() + files.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(hash: &str, text: &str) -> TookForce {
        let files = vec![WrittenFile { path: "handraiser.yaml".to_owned(), text: text.to_owned() }];
        TookForce {
            hash: Arc::from(hash),
            server: "a".into(),
            written: Written { files, meaning: Meaning::default() },
            routing: Arc::from(""),
            re_route: None,
        }
    }

    #[test]
    fn a_definition_is_as_old_as_what_it_says() {
        let meaning = |definitions: &[(&str, &str)]| {
            let said = definitions.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()));
            Meaning { sections: [("definitions".to_owned(), said.collect())].into(), ..Meaning::default() }
        };
        let mut versions = ConfigVersions::default();
        let now = meaning(&[("old", "1"), ("loosened", "2"), ("new", "1"), ("back", "1")]);
        assert!(versions.definitions_since(&now, Millis(9)).is_empty(), "a store that is new has nobody who qualifies");
        for (at, said) in [
            (1, meaning(&[("old", "1"), ("loosened", "1"), ("back", "1")])),
            (2, meaning(&[("old", "1"), ("loosened", "1")])),
            (3, meaning(&[("old", "1"), ("loosened", "2"), ("back", "1")])),
        ] {
            let mut took = took(&at.to_string(), "");
            took.written.meaning = said;
            versions.took_force(took, Millis(at));
        }
        let since = versions.definitions_since(&now, Millis(9));
        let since: Vec<_> = since.iter().map(|(name, at)| (&**name, at.0)).collect();
        assert_eq!(since, [("back", 3), ("loosened", 3), ("new", 9), ("old", 1)]);
    }

    fn numbers(versions: &ConfigVersions) -> Vec<u64> {
        versions.versions.iter().map(|one| one.number).collect()
    }

    #[test]
    fn each_change_is_a_version_and_the_second_server_is_no_news() {
        let mut versions = ConfigVersions::default();
        for (hash, at) in [("aaa", 1), ("aaa", 2), ("bbb", 3), ("bbb", 4), ("aaa", 5)] {
            versions.took_force(took(hash, ""), Millis(at));
        }
        assert_eq!(numbers(&versions), [1, 2, 3]);
        assert_eq!(versions.find(Some("aaa")).map(|one| one.number), Some(3), "the latest of this hash");
        assert_eq!(versions.find(Some("2")).map(|one| one.at), Some(Millis(3)), "when it took force first");
        assert_eq!(versions.find(None).map(|one| one.number), Some(3));
        assert_eq!(versions.find(Some("9")), None);
        assert_eq!(versions.before(3).map(|one| one.number), Some(2));
        assert_eq!(versions.before(1), None);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let mut versions = ConfigVersions::default();
        for n in 0..250 {
            versions.took_force(took(&format!("h{n}"), "a"), Millis(n));
        }
        assert_eq!((versions.versions.len(), numbers(&versions)[0]), (MAX_VERSIONS, 151));
        let large = "x".repeat(MAX_BYTES / 2);
        for n in 0..3 {
            versions.took_force(took(&format!("large {n}"), &large), Millis(n));
        }
        assert_eq!(numbers(&versions), [253], "two of them are too much");
        versions.took_force(took("huge", &large.repeat(4)), Millis(9));
        assert_eq!(numbers(&versions), [254], "the latest is kept in any case");
    }
}
