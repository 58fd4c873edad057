//! Log lines that strangers cause: one in ten minutes of each kind, with how many it stands for, so that nobody fills the disk or
//! hides something among them.

use crate::time::Millis;

/// How long a line of one kind stands for those like it.
const EVERY_MS: u64 = 10 * 60_000;

/// When a line of one kind was last written. There must be one for each kind, and a bounded number of kinds.
#[derive(Debug, Default)]
pub struct Seldom {
    last: Option<Millis>,
    held_back: u64,
}

impl Seldom {
    /// Whether to write a line now; then with the number of those that were held back since the last one.
    pub fn due(&mut self, now: Millis) -> Option<u64> {
        if self.last.is_some_and(|last| now.0.abs_diff(last.0) < EVERY_MS) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_stands_for_ten_minutes() {
        let mut seldom = Seldom::default();
        let at = |minutes: i64| Millis(1_795_000_000_000 + minutes * 60_000);
        let due: Vec<_> = [0, 1, 9, 10, 11, 25].map(|minutes| seldom.due(at(minutes))).into();
        assert_eq!(due, [Some(0), None, None, Some(2), None, Some(1)]);
        assert_eq!(seldom.due(at(-600)), Some(0), "a clock that was set back does not silence it");
    }
}
