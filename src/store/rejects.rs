//! The bound on the log of rejected events: one noisy source must not push out what others need to see.

use std::collections::BTreeMap;

use super::Rejected;

/// How many entries each source may have, so that all together are at most `bound`: whoever has the most gives way.
pub(super) fn share(mut counts: Vec<usize>, bound: usize) -> usize {
    counts.sort_unstable();
    let (mut left, mut sources) = (bound, counts.len());
    for count in counts {
        let share = left / sources.max(1);
        if count > share {
            return share;
        }
        left -= count;
        sources -= 1;
    }
    bound
}

/// Of `rejected`, the oldest first, the newest `bound`: of each source its share.
pub(super) fn keep(rejected: Vec<Rejected>, bound: usize) -> Vec<Rejected> {
    if rejected.len() <= bound {
        return rejected;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for one in &rejected {
        *counts.entry(one.source.clone()).or_default() += 1;
    }
    let share = share(counts.values().copied().collect(), bound);
    rejected
        .into_iter()
        .filter(|one| {
            let Some(left) = counts.get_mut(&one.source) else { return false };
            // How many of the source are newer.
            *left -= 1;
            *left < share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    #[test]
    fn whoever_has_the_most_gives_way() {
        for (counts, bound, expected) in [
            (vec![], 10, 10),
            (vec![4], 10, 10),
            (vec![40], 10, 10),
            (vec![900, 3, 2], 10, 5),
            (vec![900, 900, 2], 10, 4),
            (vec![5, 5, 5], 2, 0),
        ] {
            assert_eq!(share(counts.clone(), bound), expected, "{counts:?}");
        }
    }

    #[test]
    fn the_newest_of_each_source_stay_in_their_order() {
        let one = |(source, index): (&str, usize)| Rejected {
            at: Millis(0),
            source: source.to_owned(),
            index,
            code: String::new(),
            message: String::new(),
            message_id: None,
            excerpt: String::new(),
        };
        let noisy = (0..20).map(|index| ("noisy", index));
        let log: Vec<_> = [("quiet", 100)].into_iter().chain(noisy).chain([("quiet", 101)]).map(one).collect();
        let kept: Vec<_> = keep(log.clone(), 5).iter().map(|one| one.index).collect();
        assert_eq!(kept, [100, 17, 18, 19, 101]);
        assert_eq!(keep(log.clone(), 22), log);
    }
}
