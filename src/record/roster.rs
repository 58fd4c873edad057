//! When reps are away, as was said while the server runs: by people, and by their calendars. Each shard has the same of it, so that whoever
//! decides about a lead knows it at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Nobody is away.
pub static NOBODY_AWAY: Roster = Roster { away: BTreeMap::new(), unread: BTreeMap::new() };
/// What is over for so long is told no more, in milliseconds.
const TOLD_FOR: i64 = 7 * Millis::DAY;
/// So many absences are kept of one rep, the next ones: a hundred by each who says so.
pub const MAX_ABSENCES: usize = 100;

/// Who is away, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// By address in small letters, in the order in which they begin.
    away: BTreeMap<Box<str>, Vec<Absence>>,
    /// Whose calendar can't be read: what it said holds on.
    unread: BTreeMap<Box<str>, Unread>,
}

/// A calendar that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Since when.
    pub since: Millis,
    /// Why not.
    pub error: Box<str>,
}

/// A time at which a rep is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// From this moment on.
    pub from: Millis,
    /// Until before this one; `None`: until they are said to be back.
    pub until: Option<Millis>,
    /// Who says so.
    pub by: SaidBy,
    /// Why, in the words of whoever said so. It stays here.
    pub reason: Option<Box<str>>,
}

/// Who says that a rep is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaidBy {
    /// Somebody, by hand.
    Hand,
    /// Their calendar.
    Calendar,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterChange {
    /// A rep is away.
    Away {
        /// Their address.
        rep: Arc<str>,
        /// When.
        absence: Absence,
    },
    /// A rep is back: what was said by hand of this time, and of what comes, holds no longer.
    Back {
        /// Their address.
        rep: Arc<str>,
        /// Only what begins at this moment.
        from: Option<Millis>,
    },
    /// A rep's calendar says this; nothing else that it said holds.
    Calendar {
        /// Their address.
        rep: Arc<str>,
        /// When they are away.
        away: Vec<(Millis, Millis)>,
    },
    /// A rep's calendar can't be read; what it said holds on.
    Unread {
        /// Their address.
        rep: Arc<str>,
        /// Why not.
        error: Box<str>,
    },
}

impl RosterChange {
    /// Whom it is about.
    pub const fn rep(&self) -> &Arc<str> {
        match self {
            Self::Away { rep, .. } | Self::Back { rep, .. } | Self::Calendar { rep, .. } | Self::Unread { rep, .. } => {
                rep
            }
        }
    }
}

impl SaidBy {
    /// `hand` or `calendar`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Calendar => "calendar",
        }
    }
}

impl Absence {
    /// Whether it is at `now`.
    pub fn holds(&self, now: Millis) -> bool {
        self.from <= now && !self.is_over(now)
    }

    fn is_over(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Roster {
    /// When a rep is away; addresses are the same in any case of letters.
    pub fn of(&self, rep: &str) -> &[Absence] {
        // In most installations nobody is.
        if self.away.is_empty() {
            return &[];
        }
        self.away.get(&*rep.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Everybody who is away at some time, with all these times.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[Absence])> {
        self.away.iter().map(|(rep, absences)| (&**rep, absences.as_slice()))
    }

    /// Everybody whose calendar can't be read.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &Unread)> {
        self.unread.iter().map(|(rep, unread)| (&**rep, unread))
    }

    /// Something changes at `now`.
    pub fn change(&mut self, change: &RosterChange, now: Millis) {
        let rep: Box<str> = change.rep().to_ascii_lowercase().into();
        let mut absences = self.away.remove(&rep).unwrap_or_default();
        match change {
            RosterChange::Away { absence, .. } => {
                absences.retain(|known| known.by != absence.by || known.from != absence.from);
                absences.push(absence.clone());
            }
            RosterChange::Back { from, .. } => absences.retain(|known| {
                known.by != SaidBy::Hand || known.is_over(now) || from.is_some_and(|from| known.from != from)
            }),
            RosterChange::Unread { error, .. } => {
                let since = self.unread.get(&rep).map_or(now, |unread| unread.since);
                self.put_unread(&rep, Unread { since, error: error.clone() });
            }
            RosterChange::Calendar { away, .. } => {
                self.unread.remove(&rep);
                absences.retain(|known| known.by != SaidBy::Calendar);
                absences.extend(away.iter().take(MAX_ABSENCES).map(|(from, until)| Absence {
                    from: *from,
                    until: Some(*until),
                    by: SaidBy::Calendar,
                    reason: None,
                }));
            }
        }
        for absence in absences {
            self.put(change.rep(), absence);
        }
        self.away.retain(|_, absences| {
            absences.retain(|known| known.until.is_none_or(|until| until.plus(TOLD_FOR) > now));
            absences.sort_by_key(|known| known.from);
            absences.truncate(2 * MAX_ABSENCES);
            !absences.is_empty()
        });
    }

    /// Adds what is known.
    pub(super) fn put(&mut self, rep: &str, absence: Absence) {
        self.away.entry(rep.to_ascii_lowercase().into()).or_default().push(absence);
    }

    /// Adds whose calendar can't be read.
    pub(super) fn put_unread(&mut self, rep: &str, unread: Unread) {
        self.unread.insert(rep.to_ascii_lowercase().into(), unread);
    }

    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let reasons = |absence: &Absence| absence.reason.as_ref().map_or(0, |reason| reason.len());
        let of =
            |absences: &Vec<Absence>| absences.iter().map(|one| size_of::<Absence>() + reasons(one)).sum::<usize>();
        let unread = self.unread.values().map(|unread| 128 + unread.error.len()).sum::<usize>();
        64 + unread + self.away.values().map(|absences| 128 + of(absences)).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(from: i64, until: Option<i64>) -> RosterChange {
        let absence = Absence { from: Millis(from), until: until.map(Millis), by: SaidBy::Hand, reason: None };
        RosterChange::Away { rep: Arc::from("Ana@x.example"), absence }
    }

    fn told(roster: &Roster) -> Vec<(i64, Option<i64>, &'static str)> {
        let told = |one: &Absence| (one.from.0, one.until.map(|until| until.0), one.by.as_str());
        roster.of("ana@X.example").iter().map(told).collect()
    }

    #[test]
    fn what_is_said_again_takes_the_place_of_what_was_said() {
        let mut roster = Roster::default();
        roster.change(&away(50, None), Millis(1));
        roster.change(&away(10, Some(20)), Millis(1));
        roster.change(&away(10, Some(30)), Millis(2));
        assert_eq!(told(&roster), [(10, Some(30), "hand"), (50, None, "hand")]);
        let calendar = |away| RosterChange::Calendar { rep: Arc::from("ana@x.example"), away };
        roster.change(&calendar(vec![(Millis(10), Millis(15)), (Millis(40), Millis(45))]), Millis(3));
        roster.change(&calendar(vec![(Millis(40), Millis(45))]), Millis(3));
        assert_eq!(told(&roster), [(10, Some(30), "hand"), (40, Some(45), "calendar"), (50, None, "hand")]);
    }

    #[test]
    fn whoever_is_back_is_away_by_their_calendar_alone() {
        let back = |from: Option<i64>| RosterChange::Back { rep: Arc::from("ana@x.example"), from: from.map(Millis) };
        let mut roster = Roster::default();
        roster.change(&away(1, Some(5)), Millis(1));
        roster.change(&away(10, None), Millis(1));
        roster.change(&away(90, Some(99)), Millis(1));
        roster.change(
            &RosterChange::Calendar { rep: "ana@x.example".into(), away: vec![(Millis(10), Millis(15))] },
            Millis(1),
        );
        let mut one = roster.clone();
        one.change(&back(Some(90)), Millis(12));
        assert_eq!(told(&one), [(1, Some(5), "hand"), (10, None, "hand"), (10, Some(15), "calendar")]);
        roster.change(&back(None), Millis(12));
        assert_eq!(told(&roster), [(1, Some(5), "hand"), (10, Some(15), "calendar")]);
        roster.change(&back(None), Millis(15 + TOLD_FOR));
        assert_eq!(roster, Roster::default(), "what is over for long is told no more");
    }
}
