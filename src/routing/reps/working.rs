//! Working time: the hours that a rep works, without holidays and absences.

use super::{MAX_STEPS, Presence};
use crate::time::Millis;

impl Presence<'_> {
    /// When so many milliseconds of their working time have passed since `from`; `None` when nobody knows that they ever will.
    pub fn worked(self, from: Millis, ms: i64) -> Option<Millis> {
        let (mut at, mut left) = (from, ms);
        for _ in 0..MAX_STEPS {
            let is_off = || self.availability.and_then(|availability| availability.is_off(at));
            if let Some(refusal) = self.is_away(at).or_else(is_off) {
                at = refusal.until.filter(|until| *until > at)?;
                continue;
            }
            let stretch = self.works_until(at).map(|until| until.since(at)).filter(|stretch| *stretch < left);
            let Some(stretch) = stretch else { return Some(at.plus(left)) };
            left -= stretch;
            at = at.plus(stretch);
        }
        None
    }

    /// Until when they work who do at `at`; `None`: without an end.
    fn works_until(self, at: Millis) -> Option<Millis> {
        let said = self.absences.iter().map(|absence| absence.from).filter(|from| *from > at).min();
        let known = self.availability.and_then(|known| {
            let absent = known.absent.iter().map(|(from, _)| *from).filter(|from| *from > at).min();
            let left = known.left.filter(|left| *left > at);
            let closes = known.hours.as_ref().and_then(|hours| hours.open_until(&known.zone, at));
            [absent, left, closes].into_iter().flatten().min()
        });
        [said, known].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::routing::{Availability, Hours};

    fn at(text: &str) -> Millis {
        Millis::parse(text).expect("a moment")
    }

    fn berlin() -> Availability {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let holidays = ["2026-12-25".parse().expect("a day")];
        let hours = Hours::new("Mo-Fr 09:00-12:00,13:00-17:00", &holidays).expect("hours");
        let absent = vec![(at("2026-12-01T23:00:00Z"), at("2026-12-02T23:00:00Z"))];
        Availability { hours: Some(hours), absent, ..Availability::new(zone) }
    }

    #[test]
    fn an_hour_of_work_is_an_hour_at_work() {
        let hour = Millis::HOUR;
        let worked = |from: &str, ms| berlin().alone().worked(at(from), ms).expect("they work").rfc3339();
        assert_eq!(worked("2026-11-30T08:00:00Z", hour), "2026-11-30T09:00:00.000Z");
        assert_eq!(worked("2026-11-30T10:30:00Z", hour), "2026-11-30T12:30:00.000Z", "over lunch");
        assert_eq!(worked("2026-11-30T15:30:00Z", hour), "2026-12-01T08:30:00.000Z", "overnight");
        assert_eq!(worked("2026-12-01T15:30:00Z", hour), "2026-12-03T08:30:00.000Z", "over an absence");
        assert_eq!(worked("2026-12-04T16:00:00Z", 8 * hour), "2026-12-08T09:00:00.000Z", "over a weekend");
        assert_eq!(worked("2026-12-24T15:00:00Z", 2 * hour), "2026-12-28T09:00:00.000Z", "over a holiday");
    }

    #[test]
    fn who_never_works_again_has_no_such_time() {
        let leaves = Availability { left: Some(at("2026-11-30T09:00:00Z")), ..berlin() };
        assert_eq!(leaves.alone().worked(at("2026-11-30T08:30:00Z"), Millis::HOUR), None);
        assert_eq!(leaves.alone().worked(at("2026-11-30T08:30:00Z"), Millis::MINUTE), Some(at("2026-11-30T08:31:00Z")));
        let always = Availability::new(TimeZone::UTC);
        assert_eq!(always.alone().worked(at("2026-11-28T08:00:00Z"), Millis::HOUR), Some(at("2026-11-28T09:00:00Z")));
    }
}
