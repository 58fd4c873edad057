#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn set(values: impl IntoIterator<Item = (u64, Bucket)>) -> Distinct {
    let mut set = Distinct::default();
    for (value, bucket) in values {
        set.add(value, bucket);
    }
    set
}

/// `count` different values of one bucket; `salt` makes them others.
fn burst(salt: &str, count: usize, bucket: Bucket) -> impl Iterator<Item = (u64, Bucket)> + use<> {
    let salt = salt.to_owned();
    (0..count).map(move |n| (hash(&format!("{salt}/{n}"), 0), bucket))
}

fn error(set: &Distinct, oldest: Bucket, truth: usize) -> f64 {
    (set.count(oldest) as f64 - truth as f64) / truth as f64
}

#[test]
fn exact_up_to_its_bound() {
    let mut set = set(burst("a", EXACT, 0));
    for (value, bucket) in burst("a", EXACT / 2, 3) {
        set.add(value, bucket);
    }
    assert!(set.is_exact(Bucket::MIN));
    assert_eq!((set.count(Bucket::MIN), set.count(1)), (EXACT as u64, EXACT as u64 / 2));
    set.add(hash("one more", 0), 3);
    assert!(!set.is_exact(Bucket::MIN));
}

#[test]
fn the_error_is_what_is_said() {
    let (mut squares, mut bias, trials) = (0.0, 0.0, 50_usize);
    for trial in 0..trials {
        let truth = 8_000 + trial * 317;
        let error = error(&set(burst(&trial.to_string(), truth, 0)), 0, truth);
        squares += error * error;
        bias += error;
    }
    let rms = (squares / trials as f64).sqrt();
    assert!(rms < 0.0625, "rms error {rms}");
    assert!((bias / trials as f64).abs() < 0.02, "bias {bias}");
}

#[test]
fn windows_see_the_newest_bucket_of_each_value() {
    let mut set = set([(1, 10), (1, 5), (2, 5)]);
    assert_eq!((set.count(6), set.count(5)), (1, 2));
    assert!(set.rename(2, 1));
    assert_eq!(set.count(5), 1);
    assert!(set.remove(1) && !set.remove(1));
    assert_eq!(set.count(Bucket::MIN), 0);
}

/// The campaign of one day may bring twenty thousand people: thirty days later the count is what it always was.
#[test]
fn a_burst_costs_exactness_only_while_it_is_in_the_window() {
    const WINDOW: Bucket = 30;
    let mut set = Distinct::default();
    for day in 0..80 {
        let oldest = day - WINDOW + 1;
        let people = if day == 20 { 20_000 } else { 10 };
        for (value, bucket) in burst(&day.to_string(), people, day) {
            set.add(value, bucket);
        }
        set.cut(oldest);
        let days = usize::try_from(day.min(WINDOW - 1) + 1).unwrap_or_default();
        let truth = if (20..20 + WINDOW).contains(&day) { (days - 1) * 10 + 20_000 } else { days * 10 };
        if truth < EXACT {
            assert_eq!((set.count(oldest), set.is_exact(oldest)), (truth as u64, true), "day {day}");
        } else {
            assert!(error(&set, oldest, truth).abs() < 0.2, "day {day}: {}", set.count(oldest));
        }
        assert_eq!(set.count(day), if people == 10 { 10 } else { set.count(oldest.max(day)) }, "today alone");
    }
}

/// Nothing happens for a long time after the burst, so that nothing is cut: the window has left it all the same.
#[test]
fn a_window_behind_a_burst_is_exact_without_being_cut() {
    let mut set = set(burst("burst", 50_000, 1).chain(burst("after", 300, 2)));
    assert_eq!((set.count(2), set.is_exact(2), set.is_exact(1)), (300, true, false));
    set.cut(2);
    assert_eq!(set, super::tests::set(burst("after", 300, 2)));
}

#[test]
fn very_many_values_take_little_room() {
    for (values, most) in [(10_000, 2_300), (100_000, 3_100)] {
        let set = set((0..90).flat_map(|day| burst(&day.to_string(), values / 90, day)));
        let kept = set.parts().0.len();
        assert!(kept < most, "{kept} of {values}");
        for window in [1, 30, 90] {
            let off = error(&set, 90 - window, values / 90 * usize::try_from(window).expect("small"));
            assert!(off.abs() < 0.2, "{off} of {values} within {window}");
        }
    }
}

/// Values whose hashes spread as those of real ones do, seen again and again, over some buckets.
fn sightings() -> impl Strategy<Value = Vec<(u64, Bucket)>> {
    (1_u64..4_000, 1_i32..12, any::<u64>()).prop_map(|(values, buckets, seed)| {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let many = values + values / 3;
        (0..many)
            .map(|_| {
                let value = hash(&format!("{seed}/{}", next() % values), 0);
                (value, Bucket::try_from(next() % u64::from(buckets.unsigned_abs())).expect("small"))
            })
            .collect()
    })
}

/// What the module's documentation says is kept, found the slow way.
fn said(sightings: &[(u64, Bucket)]) -> Distinct {
    let mut newest = BTreeMap::new();
    for (value, bucket) in sightings {
        let known = newest.entry(*value).or_insert(*bucket);
        *known = (*bucket).max(*known);
    }
    let level_at = |bucket: Bucket| {
        let holds = |level| newest.iter().filter(|(v, b)| level_of(**v) >= level && **b >= bucket).count();
        (0..64).find(|level| holds(*level) <= room(*level)).unwrap_or(64)
    };
    let buckets: Vec<Bucket> = newest.values().copied().collect();
    let (first, last) = (buckets.iter().min().copied().unwrap_or(0), buckets.iter().max().copied().unwrap_or(0));
    let levels: Vec<(Bucket, usize)> = (first..=last).map(|bucket| (bucket, level_at(bucket))).collect();
    let until = |level: usize| levels.iter().rev().find(|(_, at)| *at > level).map(|(bucket, _)| *bucket);
    let halved_until: Vec<Bucket> = (0..64).map_while(until).collect();
    let kept = |value: u64, bucket: Bucket| levels.iter().any(|(b, level)| *b == bucket && level_of(value) >= *level);
    let entries = newest.iter().map(|(v, b)| (*v, *b)).filter(|(v, b)| kept(*v, *b)).collect();
    Distinct { entries, halved_until }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_kept_hangs_on_the_values_alone(sightings in sightings(), split in any::<u64>()) {
        let expected = said(&sightings);
        let forward = set(sightings.iter().copied());
        prop_assert_eq!(&forward, &expected);
        prop_assert_eq!(&set(sightings.iter().rev().copied()), &expected);
        let (left, right): (Vec<_>, Vec<_>) = sightings.iter().partition(|(value, bucket)| (value ^ split) & 4 == 0 || bucket % 3 == 0);
        let (mut left, right) = (set(left), set(right));
        left.merge(&right);
        prop_assert_eq!(&left, &expected);
        let (entries, halved) = forward.parts();
        prop_assert_eq!(&Distinct::from_parts(entries.to_vec(), halved.to_vec()), &expected);
    }
}

/// Whoever knows how values are hashed can choose those whose hashes stay to the end, each of which stands for thousands.
#[test]
fn chosen_values_count_as_others_where_the_seed_is_not_known() {
    const GUESSED: u64 = 0;
    const ZERO_BITS: usize = 10;
    let chosen: Vec<String> = (0_u64..)
        .map(|n| n.to_string())
        .filter(|value| level_of(hash(value, GUESSED)) >= ZERO_BITS)
        .take(EXACT + 1)
        .collect();
    let count = |seed| set(chosen.iter().map(|value| (hash(value, seed), 0))).count(Bucket::MIN) as f64;
    assert!(count(GUESSED) > 500_000.0, "as if the seed were known");
    for seed in [1, 77, u64::MAX] {
        assert!((count(seed) / chosen.len() as f64 - 1.0).abs() < 0.25, "{} of {}", count(seed), chosen.len());
    }
}
