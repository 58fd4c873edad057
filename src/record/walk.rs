//! How far the users and accounts of a shard were looked at for what is new in the configuration. A definition that appears, or comes to
//! say something else, may be true of somebody who does nothing, or become so by time alone: so everybody is looked at, once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// What definitions say, by name: hashes. What ends leads stands under no name.
pub type Sayings = BTreeMap<Box<str>, Box<str>>;

/// The record of a shard's walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// What everybody was looked at for.
    pub through: Sayings,
    /// The walk that is under way.
    pub now: Option<Walking>,
    /// The last one that came to its end.
    pub last: Option<Walked>,
}

/// A walk that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walking {
    /// What everybody is looked at for.
    pub wanted: Sayings,
    /// Where it goes on, as the store says; empty: at the beginning.
    pub after: Box<str>,
    /// How many users and accounts were looked at.
    pub seen: u64,
    /// When it began.
    pub began: Millis,
}

/// A walk that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// When.
    pub at: Millis,
    /// How many users and accounts were looked at.
    pub seen: u64,
}

/// A stretch of a walk: those between two places were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stride {
    /// What they were looked at for.
    pub wanted: Sayings,
    /// Where it began.
    pub from: Box<str>,
    /// Where it ended; `None`: there is nobody behind it.
    pub to: Option<Box<str>>,
    /// How many users and accounts there were.
    pub seen: u64,
}

impl Walk {
    /// Whether somebody has to be looked at for what is `wanted`.
    pub fn is_open(&self, wanted: &Sayings) -> bool {
        wanted.iter().any(|saying| self.through.get(saying.0) != Some(saying.1))
    }

    /// Where a walk for what is `wanted` goes on.
    pub fn goes_on(&self, wanted: &Sayings) -> &str {
        self.now.as_ref().filter(|walking| walking.wanted == *wanted).map_or("", |walking| &walking.after)
    }

    /// Notes a stretch that begins where the walk stands.
    pub fn stride(&mut self, stride: &Stride, at: Millis) {
        if !self.is_open(&stride.wanted) {
            // What is wanted no longer is looked for anew when it comes back.
            (self.through, self.now) = (stride.wanted.clone(), None);
            return;
        }
        if self.goes_on(&stride.wanted) != &*stride.from {
            return;
        }
        let begin = || Walking { wanted: stride.wanted.clone(), after: "".into(), seen: 0, began: at };
        let mut walking = self.now.take().filter(|now| now.wanted == stride.wanted).unwrap_or_else(begin);
        walking.seen += stride.seen;
        match &stride.to {
            Some(to) => self.now = Some(Walking { after: to.clone(), ..walking }),
            None => (self.through, self.last) = (walking.wanted, Some(Walked { at, seen: walking.seen })),
        }
    }

    /// Everybody is to be looked at again for these, or for all where none are named.
    pub fn again(&mut self, definitions: &BTreeSet<Box<str>>) {
        self.through.retain(|name, _| !definitions.is_empty() && !definitions.contains(name));
        self.now = None;
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let said = |sayings: &Sayings| sayings.iter().map(|(name, hash)| 64 + name.len() + hash.len()).sum::<usize>();
        64 + said(&self.through) + self.now.as_ref().map_or(0, |walking| 64 + said(&walking.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(all: &str) -> Sayings {
        all.split(' ').map(|one| one.split_at(1)).map(|(name, hash)| (name.into(), hash.into())).collect()
    }

    fn stride(all: &str, from: &str, to: Option<&str>) -> Stride {
        Stride { wanted: wanted(all), from: from.into(), to: to.map(Into::into), seen: 10 }
    }

    #[test]
    fn a_walk_goes_on_where_it_stands_and_ends_once() {
        let mut walk = Walk::default();
        assert!(walk.is_open(&wanted("a1 b1")));
        walk.stride(&stride("a1 b1", "", Some("m")), Millis(5));
        walk.stride(&stride("a1 b1", "", Some("m")), Millis(6));
        assert_eq!((walk.goes_on(&wanted("a1 b1")), walk.goes_on(&wanted("a1 b2"))), ("m", ""));
        assert_eq!(walk.now.as_ref().map(|now| (now.seen, now.began)), Some((10, Millis(5))), "the second is no news");
        walk.stride(&stride("a1 b1", "m", None), Millis(7));
        assert_eq!(walk.last, Some(Walked { at: Millis(7), seen: 20 }));
        assert!(!walk.is_open(&wanted("a1 b1")) && !walk.is_open(&wanted("a1")));
        assert!(walk.is_open(&wanted("a1 b2")) && walk.is_open(&wanted("a1 c1")));
    }

    #[test]
    fn what_changes_on_the_way_is_looked_for_from_the_beginning() {
        let mut walk = Walk::default();
        walk.stride(&stride("a1", "", Some("m")), Millis(5));
        walk.stride(&stride("a2", "", Some("g")), Millis(6));
        assert_eq!(walk.now, Some(Walking { wanted: wanted("a2"), after: "g".into(), seen: 10, began: Millis(6) }));
        walk.stride(&stride("a1", "m", None), Millis(7));
        assert!(walk.is_open(&wanted("a1")), "nobody was looked at for that");
    }

    #[test]
    fn what_comes_back_is_looked_for_again() {
        let mut walk = Walk { through: wanted("a1 b1"), ..Walk::default() };
        walk.stride(&stride("a1", "", None), Millis(5));
        assert_eq!((&walk.through, walk.last), (&wanted("a1"), None), "nobody had to be looked at");
        assert!(walk.is_open(&wanted("a1 b1")));
        walk.again(&BTreeSet::from(["b".into()]));
        assert!(!walk.is_open(&wanted("a1")));
        walk.again(&BTreeSet::new());
        assert!(walk.is_open(&wanted("a1")));
    }
}
