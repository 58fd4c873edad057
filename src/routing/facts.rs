//! What a route may ask about a lead.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::expr::{Facts, Slot, Value};
use crate::ids::SubjectKind;
use crate::lead::LeadEvent;
use crate::time::Millis;

/// A lead event as the facts of a route's condition.
///
/// `lead.<path>` reads the lead as a CRM receives it (`lead.tier`, `lead.definition`, `lead.contact.title`,
/// `lead.usage.tasks_30d`, …), and `lead.of` is `user` or `account`. `account.<trait>` and `user.<trait>` read the traits of
/// the account and of the user who qualified. When an account qualified, the user is its contact, of whom a lead knows
/// `user.email`, `user.name` and `user.title`.
pub struct LeadFacts<'e> {
    event: &'e LeadEvent,
    /// The lead as JSON, once something reads it so.
    lead: OnceCell<Json>,
    now: Millis,
}

impl<'e> LeadFacts<'e> {
    /// The facts of `event`; `now` is what conditions read by that name.
    pub const fn new(event: &'e LeadEvent, now: Millis) -> Self {
        Self { event, lead: OnceCell::new(), now }
    }

    fn lead(&self, path: &[Box<str>]) -> Value<'_> {
        match path {
            [step] if &**step == "of" => Value::text(self.event.lead.subject.kind.as_str()),
            // A lead is plain data, so that this can't fail; if it did, everything would be unknown and no route would match.
            _ => find(self.lead.get_or_init(|| serde_json::to_value(&self.event.lead).unwrap_or(Json::Null)), path)
                .map_or(Value::Unknown, Value::from_json),
        }
    }

    fn account_trait(&self, path: &[Box<str>]) -> Value<'_> {
        let Some(account) = &self.event.lead.account else { return Value::Unknown };
        trait_of(&account.traits, account.name.as_deref(), path)
    }

    fn user_trait(&self, path: &[Box<str>]) -> Value<'_> {
        let lead = &self.event.lead;
        if let Some(user) = &lead.user {
            return trait_of(&user.traits, user.name.as_deref(), path);
        }
        let (Some(contact), [step]) = (&lead.contact, path) else { return Value::Unknown };
        let found = match &**step {
            "email" => &contact.email,
            "name" => &contact.name,
            "title" => &contact.title,
            _ => &None,
        };
        found.as_deref().map_or(Value::Unknown, Value::text)
    }

    fn id(&self, of: SubjectKind) -> Value<'_> {
        let lead = &self.event.lead;
        let id = match (of, lead.subject.kind) {
            (of, subject) if of == subject => Some(&lead.subject.id),
            (SubjectKind::User, _) => lead.contact.as_ref().map(|contact| &contact.user_id),
            (SubjectKind::Account, _) => lead.account.as_ref().map(|account| &account.id),
        };
        id.map_or(Value::Unknown, |id| Value::text(id))
    }

    /// `moment` belongs to the lead's subject; of anybody else it is unknown.
    fn seen(&self, of: SubjectKind, moment: Option<&str>) -> Value<'_> {
        if of == self.event.lead.subject.kind {
            moment.and_then(Millis::parse).map_or(Value::Unknown, Value::Time)
        } else {
            Value::Unknown
        }
    }
}

impl Facts for LeadFacts<'_> {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        match slot {
            Slot::Lead(path) => self.lead(path),
            Slot::Trait { of: SubjectKind::Account, path, .. } => self.account_trait(path),
            Slot::Trait { of: SubjectKind::User, path, .. } => self.user_trait(path),
            Slot::Id(of) => self.id(*of),
            Slot::FirstSeen(of) => self.seen(*of, self.event.lead.first_seen.as_deref()),
            Slot::LastSeen(of) => self.seen(*of, self.event.lead.last_seen.as_deref()),
            Slot::Now => Value::Time(self.now),
            Slot::Signal(signal, _) => {
                self.event.lead.signals.get(&*signal.name).map_or(Value::Unknown, Value::from_json)
            }
            // A lead qualified, but which axis did it is in its reasons; a route's scope offers neither these nor the event.
            Slot::Members(_)
            | Slot::MemberEvents
            | Slot::Counter(..)
            | Slot::About { .. }
            | Slot::Event(_)
            | Slot::Intent
            | Slot::Fit => Value::Unknown,
        }
    }
}

/// A trait among `traits`; `name` is known even where it was put together from other traits.
fn trait_of<'t>(traits: &'t BTreeMap<String, Json>, name: Option<&'t str>, path: &[Box<str>]) -> Value<'t> {
    let Some((first, rest)) = path.split_first() else { return Value::Unknown };
    match (traits.get(&**first), name) {
        (Some(value), _) => find(value, rest).map_or(Value::Unknown, Value::from_json),
        (None, Some(name)) if &**first == "name" && rest.is_empty() => Value::text(name),
        _ => Value::Unknown,
    }
}

fn find<'j>(json: &'j Json, path: &[Box<str>]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, step| json.get(&**step))
}
