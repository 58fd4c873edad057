//! Runs through steps: A, then B, then C, all within a time. Kept are the moments of the steps, sorted, so that their order of arrival
//! doesn't matter; runs are found when they are asked for.

use super::bucket::Bucket;
use super::buckets::{Buckets, add};
use crate::time::Millis;

/// So many moments are kept of a subject. Of more, those leave that others make up for, or else the oldest; the runs that they complete
/// stay counted.
pub const MAX_MOMENTS: usize = 128;
/// So many moments are kept of histories that were merged, until the next one comes: the newest.
const MAX_MERGED: usize = 8 * MAX_MOMENTS;
/// The most steps that a counter may have.
pub const MAX_STEPS: usize = 8;

/// One event: when it was, its bucket, and which steps it may be, as bits.
pub type Moment = (Millis, Bucket, u8);

/// What the steps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Course {
    /// How many there are.
    pub steps: u8,
    /// Within how many milliseconds a run goes from the first to the last.
    pub within: i64,
}

/// What is kept of one counter of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// In order of time.
    moments: Vec<Moment>,
    /// Runs whose moments have left, by the bucket of the last one.
    runs: Buckets<u64>,
}

/// What a walk over the moments finds.
struct Found {
    /// Each run by the place of its last moment.
    ends: Vec<usize>,
    reached: u8,
}

impl Steps {
    /// What was stored.
    pub fn from_parts(mut moments: Vec<Moment>, runs: Buckets<u64>) -> Self {
        moments.sort_unstable();
        let mut steps = Self { moments, runs };
        steps.bound();
        steps
    }

    /// The moments, and the runs whose moments have left.
    pub fn parts(&self) -> (&[Moment], &Buckets<u64>) {
        (&self.moments, &self.runs)
    }

    /// Notes a moment.
    pub fn add(&mut self, moment: Moment, course: Course) {
        let at = self.moments.partition_point(|known| *known <= moment);
        self.moments.insert(at, moment);
        self.fold(course);
    }

    fn fold(&mut self, course: Course) {
        while self.moments.len() > MAX_MOMENTS {
            let end = walk(&self.moments, course).ends.first().copied().filter(|end| *end < MAX_MOMENTS / 2);
            match end.and_then(|end| self.moments.get(end).map(|(_, bucket, _)| (end, *bucket))) {
                Some((end, bucket)) => {
                    self.runs.add(bucket, 1);
                    self.moments.drain(..=end);
                }
                None => drop(self.moments.remove(self.made_up_for().unwrap_or(0))),
            }
        }
    }

    /// The first moment without which every run is what it is.
    fn made_up_for(&self) -> Option<usize> {
        let mut pairs = self.moments.iter().zip(self.moments.iter().skip(1)).enumerate();
        pairs.find_map(|(at, (one, next))| decides_nothing(one, next).map(|later| at + later))
    }

    /// How many runs ended from one bucket on and before another.
    pub fn count(&self, course: Course, from: Bucket, to: Bucket) -> u64 {
        let ends = walk(&self.moments, course).ends;
        let buckets = ends.iter().filter_map(|end| self.moments.get(*end)).map(|(_, bucket, _)| *bucket);
        let counted = buckets.filter(|bucket| (from..to).contains(bucket)).count() as u64;
        counted + self.runs.between(from, to).map(|(_, n)| n).sum::<u64>()
    }

    /// The furthest step, from 1; 0 before the first.
    pub fn reached(&self, course: Course) -> u8 {
        if self.runs.iter().next().is_some() { course.steps } else { walk(&self.moments, course).reached }
    }

    /// The first bucket from one on and before another in which there is something; the newest with `last`.
    pub fn edge(&self, from: Bucket, to: Bucket, last: bool) -> Option<Bucket> {
        let moments = self.moments.iter().map(|(_, bucket, _)| *bucket).filter(|bucket| (from..to).contains(bucket));
        let all = moments.chain(self.runs.between(from, to).map(|(bucket, _)| bucket));
        if last { all.max() } else { all.min() }
    }

    /// Cuts off runs that are older than `oldest`; moments stay, since runs may begin with them.
    pub fn cut(&mut self, oldest: Bucket, keeps_older: bool) {
        self.runs.cut(oldest, keeps_older, add);
    }

    /// Takes in the moments of another history.
    pub fn merge(&mut self, other: &Self) {
        self.moments.extend_from_slice(&other.moments);
        self.moments.sort_unstable();
        self.runs.merge(&other.runs, add);
        self.bound();
    }

    /// Bounds what several histories have together: those moments leave that others make up for, and then the oldest. Anybody may make
    /// many ids one.
    fn bound(&mut self) {
        if self.moments.len() <= MAX_MERGED {
            return;
        }
        let mut kept: Vec<Moment> = Vec::new();
        for moment in std::mem::take(&mut self.moments) {
            match kept.last_mut().map(|last| (decides_nothing(last, &moment), last)) {
                Some((Some(0), last)) => *last = moment,
                Some((Some(_), _)) => {}
                Some((None, _)) | None => kept.push(moment),
            }
        }
        kept.drain(..kept.len().saturating_sub(MAX_MERGED));
        self.moments = kept;
    }

    /// How many bytes it takes on the heap.
    pub fn bytes(&self) -> usize {
        self.moments.capacity() * size_of::<Moment>() + self.runs.bytes()
    }
}

/// Which of two moments in a row decides nothing, 0 or 1: of the same step the later one, but of the first step the earlier one, since the
/// last start counts. The only start of somebody who does the next step very often must not leave.
const fn decides_nothing((.., one): &Moment, (.., next): &Moment) -> Option<usize> {
    if *one != *next || !one.is_power_of_two() {
        return None;
    }
    Some(if *one == 1 { 0 } else { 1 })
}

/// Goes through the moments; of several first steps the last one counts, which leaves the most time.
fn walk(moments: &[Moment], Course { steps, within }: Course) -> Found {
    let mut began: [Option<Millis>; MAX_STEPS] = [None; MAX_STEPS];
    let mut found = Found { ends: Vec::new(), reached: 0 };
    for (place, (at, _, mask)) in moments.iter().enumerate() {
        // Backwards, so that one event is not two steps.
        for step in (0..steps.min(8)).rev().filter(|step| mask >> step & 1 == 1) {
            let before = step.checked_sub(1).map(|before| began.get(usize::from(before)).copied().flatten());
            let start = match before {
                None => Some(*at),
                Some(start) => start.filter(|start| at.since(*start) <= within),
            };
            let Some(start) = start else { continue };
            found.reached = found.reached.max(step + 1);
            if step + 1 == steps {
                found.ends.push(place);
                began = [None; MAX_STEPS];
                break;
            }
            if let Some(known) = began.get_mut(usize::from(step)) {
                *known = (*known).max(Some(start));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const COURSE: Course = Course { steps: 3, within: 10 };

    /// `A1 B3` as moments: which step, when.
    fn steps(text: &str) -> Steps {
        let mut steps = Steps::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (step, at) = word.split_at(1);
            let at: i32 = at.parse().unwrap();
            let bit = 1 << (step.as_bytes()[0] - b'A');
            steps.add((Millis(at.into()), at / 10, bit), COURSE);
        }
        steps
    }

    #[test]
    fn runs_are_found_in_any_order_of_arrival() {
        for (moments, runs, reached) in [
            ("", 0, 0),
            ("A1", 0, 1),
            ("B1 C2", 0, 0),
            ("A1 B3 C5", 1, 3),
            ("C5 B3 A1", 1, 3),
            ("A1 B3 C12", 0, 2),
            ("A1 A4 B5 C12", 1, 3),
            ("A1 B2 C3 C4", 1, 3),
            ("A1 B2 C3 A4 B5 C6", 2, 3),
            ("A1 A2 B3 C4 B5 C6", 1, 3),
            ("C1 B2 A3", 0, 1),
            ("A1 B12", 0, 1),
        ] {
            let steps = steps(moments);
            assert_eq!(
                (steps.count(COURSE, Bucket::MIN, Bucket::MAX), steps.reached(COURSE)),
                (runs, reached),
                "{moments}"
            );
        }
        let two = steps("A1 B2 C3 A14 B15 C16");
        assert_eq!((two.count(COURSE, 0, 1), two.count(COURSE, 1, 2)), (1, 1));
    }

    #[test]
    fn the_only_start_stays_however_often_the_next_step_comes() {
        let course = Course { steps: 3, within: 1_000 };
        for (first, rest) in [("A", "B"), ("AB", "B")] {
            let mut steps = Steps::default();
            let mut add = |step: u8, at: i64| steps.add((Millis(at), 0, 1 << (step - b'A')), course);
            first.bytes().zip(0..).for_each(|(step, at)| add(step, at));
            (10..210).for_each(|at| add(rest.as_bytes()[0], at));
            add(b'C', 300);
            assert_eq!((steps.count(course, Bucket::MIN, Bucket::MAX), steps.reached(course)), (1, 3));
            assert!(steps.parts().0.len() <= MAX_MOMENTS);
        }
    }

    proptest::proptest! {
        /// What leaves decides nothing, as long as there are no more turns than are kept.
        #[test]
        fn what_leaves_is_made_up_for(steps in proptest::collection::vec((0_u8..3, 1_usize..20), 0..40)) {
            let all = steps.iter().flat_map(|(step, times)| std::iter::repeat_n(1_u8 << step, *times));
            let all: Vec<Moment> = all.zip(0..).map(|(mask, at)| (Millis(at), 0, mask)).collect();
            let course = Course { steps: 3, within: 1_000 };
            let mut kept = Steps::default();
            all.iter().for_each(|moment| kept.add(*moment, course));
            let found = walk(&all, course);
            proptest::prop_assert_eq!(kept.count(course, Bucket::MIN, Bucket::MAX), found.ends.len() as u64);
            proptest::prop_assert_eq!(kept.reached(course), found.reached);
        }
    }

    #[test]
    fn of_very_many_moments_the_runs_stay_counted() {
        let mut steps = Steps::default();
        for n in 0..1_000 {
            let at = n * 100;
            for (step, bit) in [1, 2, 4].into_iter().enumerate() {
                steps.add((Millis(i64::from(at) + i64::try_from(step).unwrap()), at, bit), COURSE);
            }
        }
        assert_eq!(steps.count(COURSE, Bucket::MIN, Bucket::MAX), 1_000);
        assert!(steps.parts().0.len() <= MAX_MOMENTS);
        assert_eq!(steps.count(COURSE, 90_000, Bucket::MAX), 100);
    }

    #[test]
    fn histories_of_many_ids_together_are_bounded_and_a_run_is_found_in_them() {
        let mut all = Steps::default();
        for id in 0..1_000 {
            let moments = (0..128).map(|n| (Millis(id * 1_000 + n), 0, if n % 2 == 0 { 1 } else { 4 })).collect();
            all.merge(&Steps::from_parts(moments, Buckets::default()));
            assert!(all.moments.len() <= MAX_MERGED);
        }
        for (at, mask) in [(2_000_000, 1), (2_000_001, 2), (2_000_002, 4)] {
            all.add((Millis(at), 1, mask), COURSE);
        }
        assert!(all.moments.len() <= MAX_MOMENTS);
        assert_eq!(all.count(COURSE, 1, 2), 1);
    }
}
