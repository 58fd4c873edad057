//! What is true of a subject, from the history alone. Nothing is remembered but since when signals are true, which is noted whenever
//! anybody looks.

use std::collections::BTreeMap;

use handraiser::ids::SubjectKind;

use super::history::{History, V};
use super::terms::{Compared, Cond, Points, Product, Read, Says};

/// Since when a signal is true, and how often it became so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    pub since: Option<i64>,
    pub times: i64,
}

/// By the signal's place and whose it is.
pub type AllNoted = BTreeMap<(usize, String), Noted>;

/// Whoever is looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub product: &'a Product,
    pub history: &'a History,
    pub noted: &'a AllNoted,
    /// The user at hand, if it is about one.
    pub user: Option<&'a str>,
    /// The account: the subject, or that of the user.
    pub account: Option<&'a str>,
    pub now: i64,
}

impl<'a> Look<'a> {
    fn who(&self, of: SubjectKind) -> Option<&'a str> {
        match of {
            SubjectKind::User => self.user,
            SubjectKind::Account => self.account,
        }
    }

    pub fn figure(&self, read: &Read) -> V {
        let of = self.product.counters[read.counter].of;
        self.who(of).map_or(V::Unknown, |id| self.history.figure(self.product, read, id, self.now))
    }

    fn told(&self, of: SubjectKind, name: &str) -> V {
        self.who(of).map_or(V::Unknown, |id| self.history.told(of, id, name))
    }

    fn noted(&self, signal: usize) -> Option<Noted> {
        let id = self.who(self.product.signals[signal].of)?;
        self.noted.get(&(signal, id.to_owned())).copied()
    }

    /// What a signal says.
    pub fn signal(&self, at: usize) -> V {
        let signal = &self.product.signals[at];
        if self.who(signal.of).is_none() {
            return V::Unknown;
        }
        let flag = |met: Option<bool>| met.map_or(V::Unknown, V::Bool);
        match &signal.says {
            Says::Figure(read) => self.figure(read),
            Says::Is(cond) => flag(self.test(cond)),
            Says::All(conds) => flag(self.all(conds)),
            Says::Any(conds) => flag(self.any(conds)),
            Says::Points(lines) => V::Number(lines.iter().map(|line| self.given(line)).sum()),
        }
    }

    /// What is not known gives nothing.
    fn given(&self, line: &Points) -> f64 {
        if line.when.as_ref().is_some_and(|when| self.test(when) != Some(true)) {
            return 0.0;
        }
        let times = match line.each.as_ref().map(|each| self.figure(each)) {
            None => 1.0,
            Some(V::Number(times)) => times,
            Some(_) => 0.0,
        };
        let cap = line.cap.map_or(f64::INFINITY, |cap| cap as f64);
        (line.give as f64 * times).clamp(-cap, cap)
    }

    pub fn all(&self, conds: &[Cond]) -> Option<bool> {
        let met: Vec<Option<bool>> = conds.iter().map(|cond| self.test(cond)).collect();
        if met.contains(&Some(false)) { Some(false) } else { (!met.contains(&None)).then_some(true) }
    }

    pub fn any(&self, conds: &[Cond]) -> Option<bool> {
        let met: Vec<Option<bool>> = conds.iter().map(|cond| self.test(cond)).collect();
        if met.contains(&Some(true)) { Some(true) } else { (!met.contains(&None)).then_some(false) }
    }

    pub fn test(&self, cond: &Cond) -> Option<bool> {
        let moment = |value: V| if let V::At(at) = value { Some(at) } else { None };
        match cond {
            Cond::Figure(read, than, n) => compare(&self.figure(read), *than, *n as f64),
            Cond::Doc(read, n) => match self.figure(read) {
                V::Text(text) => Some(text == format!("doc {n}")),
                _ => None,
            },
            Cond::Ratio(one, n, other) => match (self.figure(one), self.figure(other)) {
                (V::Number(one), V::Number(other)) => Some(one > *n as f64 * other),
                _ => None,
            },
            Cond::Role(of, role) => match self.told(*of, "role") {
                V::Text(text) => Some(text == *role),
                _ => None,
            },
            Cond::Known(of) => Some(self.told(*of, "role") != V::Unknown),
            Cond::Ended(of, span) => moment(self.told(*of, "ends")).map(|at| self.now >= at + span.ms()),
            Cond::EndsWithin(of, span) => moment(self.told(*of, "ends")).map(|at| at - self.now < span.ms()),
            Cond::Silent(counter, span) => {
                let last = Read { counter: *counter, how: super::terms::How::LastAt };
                moment(self.figure(&last)).map(|at| self.now - at > span.ms())
            }
            Cond::Signal(at) => match self.signal(*at) {
                V::Bool(met) => Some(met),
                _ => None,
            },
            Cond::Since(at, span) => {
                let since = self.noted(*at).and_then(|noted| noted.since)?;
                Some(self.now - since >= span.ms())
            }
            Cond::Times(at, n) => {
                self.who(self.product.signals[*at].of)?;
                Some(self.noted(*at).unwrap_or_default().times >= *n)
            }
            Cond::Score(at, than, n) => compare(&self.signal(*at), *than, *n as f64),
            Cond::Exists(cond) => three(&self.members(cond)?, |met| met > 0, |unmet, all| unmet == all),
            Cond::Everybody(cond) => {
                let outcomes = self.members(cond)?;
                if outcomes.contains(&Some(false)) { Some(false) } else { (!outcomes.contains(&None)).then_some(true) }
            }
            // It counts those of whom it is true.
            Cond::Members(cond, n) => {
                let met = self.members(cond)?.into_iter().filter(|met| *met == Some(true)).count();
                Some(i64::try_from(met).unwrap_or(i64::MAX) >= *n)
            }
            Cond::All(conds) => self.all(conds),
            Cond::Any(conds) => self.any(conds),
            Cond::Not(cond) => self.test(cond).map(|met| !met),
        }
    }

    /// What is true of each member, seen without their account.
    fn members(&self, cond: &Cond) -> Option<Vec<Option<bool>>> {
        let account = self.account?;
        let members = self.history.members(account);
        let one = |user: &String| Look { user: Some(user), account: None, ..*self }.test(cond);
        Some(members.iter().map(one).collect())
    }
}

fn three(outcomes: &[Option<bool>], met: fn(usize) -> bool, unmet: fn(usize, usize) -> bool) -> Option<bool> {
    let count = |what: Option<bool>| outcomes.iter().filter(|outcome| **outcome == what).count();
    if met(count(Some(true))) {
        Some(true)
    } else if unmet(count(Some(false)), outcomes.len()) {
        Some(false)
    } else {
        None
    }
}

fn compare(value: &V, than: Compared, n: f64) -> Option<bool> {
    let V::Number(value) = value else { return None };
    Some(match than {
        Compared::Less => *value < n,
        Compared::AtLeast => *value >= n,
        Compared::Is => *value == n,
    })
}
