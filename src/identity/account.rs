//! Which account an event belongs to.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::email::work_domain;
use crate::cdp::{Call, Event};
use crate::config::{AccountKey, PathRoot};
use crate::subject::Subject;

/// Where an account was found; a retry of the event must find the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In the event itself: a retry finds it again.
    InEvent(Arc<str>),
    /// In what is known of the user, which may change: it has to be remembered with the message.
    InUser(Arc<str>),
}

/// The account of `event`: the first of `keys` that finds one. `user` is the user as known after the event.
#[must_use]
pub fn account_of(keys: &[AccountKey], event: &Event, user: Option<&Subject>) -> Option<Found> {
    keys.iter().find_map(|key| find(key, event, user))
}

/// The account of a user when there is no event to tell: the first of `keys` that finds one in what is known of the user, or
/// else the one that became known last.
#[must_use]
pub fn current_account(keys: &[AccountKey], user: &Subject) -> Option<Arc<str>> {
    let found = keys.iter().find_map(|key| in_user(key, user));
    found.or_else(|| user.user.accounts.last().cloned())
}

/// The account that the event itself names, whatever is known of the user.
#[must_use]
pub fn named_account(keys: &[AccountKey], event: &Event) -> Option<Arc<str>> {
    match account_of(keys, event, None) {
        Some(Found::InEvent(account)) => Some(account),
        _ => None,
    }
}

fn find(key: &AccountKey, event: &Event, user: Option<&Subject>) -> Option<Found> {
    match key {
        AccountKey::ContextGroupId => event.context_group_id.as_deref().map(in_event),
        AccountKey::GroupId if event.call == Call::Group => event.group_id.as_deref().map(in_event),
        AccountKey::GroupId => None,
        AccountKey::Path(root, steps) => at_path(root_of(*root, event)?, steps).map(|id| in_event(&id)),
        AccountKey::LastGroup | AccountKey::EmailDomain => in_user(key, user?).map(Found::InUser),
    }
}

fn in_user(key: &AccountKey, user: &Subject) -> Option<Arc<str>> {
    match key {
        AccountKey::LastGroup => user.user.group().map(|(account, _)| Arc::clone(account)),
        AccountKey::EmailDomain => work_domain(user.traits.text("email")?).map(Arc::from),
        AccountKey::ContextGroupId | AccountKey::GroupId | AccountKey::Path(..) => None,
    }
}

fn in_event(id: &str) -> Found {
    Found::InEvent(Arc::from(id))
}

fn root_of(root: PathRoot, event: &Event) -> Option<&Map<String, Value>> {
    match root {
        PathRoot::Properties => Some(&event.properties),
        // A group call's traits are those of the account itself; `traits.company` speaks of a user's company.
        PathRoot::Traits if event.call == Call::Group => None,
        PathRoot::Traits => Some(&event.traits),
        PathRoot::ContextTraits => Some(&event.context_traits),
    }
}

fn at_path(map: &Map<String, Value>, steps: &[Box<str>]) -> Option<String> {
    let (first, rest) = steps.split_first()?;
    let start = map.get(&**first)?;
    let found = rest.iter().try_fold(start, |value, step| value.get(&**step))?;
    match found {
        Value::String(id) => Some(id.trim().to_owned()).filter(|id| !id.is_empty()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}
