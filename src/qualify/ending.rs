//! What became of a lead: they bought, or they won't. Each is an event of a counter, or a condition that becomes true, after the lead was
//! made; whichever comes first ends it, once.

use super::view::View;
use crate::expr::{Expr, Facts as _, Reading, Slot, Value, any_of, reached};
use crate::ids::{CounterId, SubjectKind};
use crate::record::{Ending, Standing};
use crate::time::Millis;

/// What ends leads.
#[derive(Clone, Debug, Default)]
pub struct Endings {
    /// They bought.
    pub won: Ends,
    /// They won't.
    pub lost: Ends,
}

/// What ends leads in one way; any of it does. What is about an account ends the leads of its people as well.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// An event of one of these counters.
    pub events: Vec<(SubjectKind, CounterId)>,
    /// That one of these becomes true.
    pub conditions: Vec<(SubjectKind, Expr)>,
}

/// How a lead stands with what ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// What has ended it.
    pub ending: Option<Ending>,
    /// What is true and says nothing, since it was true when the lead was made.
    pub before: Vec<Ending>,
    /// Whether it stays so, whatever is still unknown turns out to be.
    pub is_sure: bool,
}

fn is_told(of: SubjectKind, about: SubjectKind) -> bool {
    of == about || of == SubjectKind::User
}

impl Ends {
    fn conditions(&self, of: SubjectKind) -> impl Iterator<Item = &Expr> {
        self.conditions.iter().filter(move |(about, _)| is_told(of, *about)).map(|(_, condition)| condition)
    }

    fn is_true(&self, of: SubjectKind, view: &View<'_>) -> Option<bool> {
        any_of(self.conditions(of).map(|condition| condition.test(view)))
    }

    /// Whether an event of one of the counters happened after `since`, by the events' own time.
    fn happened(&self, of: SubjectKind, since: Millis, view: &View<'_>) -> Option<bool> {
        let those = self.events.iter().filter(|(about, _)| is_told(of, *about));
        any_of(those.map(|(_, id)| match view.read(&Slot::Counter(*id, Reading::LastAt)) {
            Value::Time(at) => Some(at > since),
            _ if view.is_pending() => None,
            _ => Some(false),
        }))
    }

    /// Every name that it reads of itself, with whom it is about.
    fn slots(&self) -> impl Iterator<Item = (SubjectKind, Slot)> {
        let events = self.events.iter().map(|(about, id)| (*about, Slot::Counter(*id, Reading::LastAt)));
        let conditions = self.conditions.iter().flat_map(|(about, condition)| {
            reached(condition.slots()).into_iter().map(move |slot| (*about, slot.clone()))
        });
        events.chain(conditions)
    }
}

impl Endings {
    fn all(&self) -> [(Ending, &Ends); 2] {
        [(Ending::Won, &self.won), (Ending::Lost, &self.lost)]
    }

    /// Whether nothing ends leads.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, ends)| ends.events.is_empty() && ends.conditions.is_empty())
    }

    /// Every name that it reads, also by way of signals, with whom it is about.
    pub fn slots(&self) -> impl Iterator<Item = (SubjectKind, Slot)> {
        self.won.slots().chain(self.lost.slots())
    }

    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Expr> {
        self.won.conditions.iter().chain(&self.lost.conditions).map(|(_, condition)| condition)
    }

    /// All of it as text, to tell it from other endings; empty when nothing ends leads. `name` tells what a counter is called.
    pub fn texts<'a>(&self, name: impl Fn(CounterId) -> &'a str) -> String {
        let mut text = String::new();
        for (ending, ends) in self.all() {
            for (about, id) in &ends.events {
                text.push_str(&format!("{} {about} {}\n", ending.as_str(), name(*id)));
            }
            for (about, condition) in &ends.conditions {
                text.push_str(&format!("{} {about}: {}\n", ending.as_str(), condition.source()));
            }
        }
        text
    }

    /// What is true at the moment at which a lead about such a subject is made.
    pub fn before(&self, of: SubjectKind, view: &View<'_>) -> Vec<Ending> {
        let all = self.all().into_iter();
        all.filter(|(_, ends)| ends.is_true(of, view) == Some(true)).map(|(ending, _)| ending).collect()
    }

    /// How a lead that nothing became of yet stands.
    pub fn outlook(&self, of: SubjectKind, standing: &Standing, view: &View<'_>) -> Outlook {
        let since = standing.since.unwrap_or(standing.qualified_at);
        let mut outlook = Outlook { ending: None, before: Vec::new(), is_sure: true };
        for (ending, ends) in self.all() {
            let (is_true, was_true) = (ends.is_true(of, view), standing.before.contains(&ending));
            if was_true && is_true != Some(false) {
                outlook.before.push(ending);
            }
            let became_true = if was_true { Some(false) } else { is_true };
            let ended = any_of([became_true, ends.happened(of, since, view)].into_iter());
            outlook.is_sure &= ended.is_some() && (!was_true || is_true.is_some());
            if ended == Some(true) && outlook.ending.is_none() {
                outlook.ending = Some(ending);
            }
        }
        outlook
    }

    /// When that may change though nothing happens.
    pub fn next_change(&self, of: SubjectKind, view: &View<'_>) -> Option<Millis> {
        let conditions = self.all().into_iter().flat_map(|(_, ends)| ends.conditions(of));
        conditions.filter_map(|condition| condition.next_change(view)).min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::counters::{Plan, Reads};
    use crate::expr::{Scope, Type, compile};
    use crate::qualify::Who;
    use crate::record::Projection;

    const NOW: Millis = Millis(1_795_253_400_000);

    fn won_by(source: &str) -> Endings {
        let traits = |name: &str| Some(BTreeMap::from([(Box::from(name), Type::Text)]));
        let scope = Scope { account_traits: traits("plan"), ..Scope::default() };
        let condition = compile(source, &scope).expect("a condition");
        Endings {
            won: Ends { conditions: vec![(SubjectKind::Account, condition)], ..Ends::default() },
            ..Endings::default()
        }
    }

    /// What was true when the lead was made ends it only once it was false in between; what isn't known yet ends nothing.
    #[test]
    fn a_condition_ends_a_lead_when_it_becomes_true() {
        let endings = won_by("account.plan == \"team\"");
        let plan = Plan::new(&[], &Reads::default(), jiff::tz::TimeZone::UTC);
        let look = |of: SubjectKind, before: &[Ending], said: Option<&str>| {
            let traits = said.map(|plan| ("plan".to_owned(), plan.into())).into_iter().collect();
            let account = Projection { id: Arc::from("acme"), traits, ..Projection::default() };
            let account = if said == Some("pending") { Who::Pending } else { Who::Projection(&account) };
            let (user, event) = (Who::Nobody, None);
            let view =
                View { plan: &plan, now: NOW, user, account, event, member_events: None, intent: None, fit: None };
            let standing = Standing { before: before.to_vec(), lead_id: "lead_1".to_owned(), ..Standing::default() };
            let Outlook { ending, before, is_sure } = endings.outlook(of, &standing, &view);
            (ending, before.len(), is_sure)
        };
        for of in [SubjectKind::User, SubjectKind::Account] {
            assert_eq!(look(of, &[], Some("team")), (Some(Ending::Won), 0, true));
            assert_eq!(look(of, &[], Some("free")), (None, 0, true));
            assert_eq!(look(of, &[], None), (None, 0, false));
            assert_eq!(look(of, &[], Some("pending")), (None, 0, false));
            assert_eq!(look(of, &[Ending::Won], Some("team")), (None, 1, true), "it was so before");
            assert_eq!(look(of, &[Ending::Won], Some("free")), (None, 0, true), "and is so no longer");
            assert_eq!(look(of, &[Ending::Won], None), (None, 1, false));
        }
    }
}
