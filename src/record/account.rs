//! Which account an event belongs to.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Subject;
use super::email::work_domain;
use crate::event::{Call, Event};

/// One place where the account of an event may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountKey {
    /// `context.groupId`.
    ContextGroupId,
    /// The `groupId` of a group call.
    GroupId,
    /// A path in the event, such as `context.traits.company.id` (see `Event::context_traits`), `traits.company.id` or
    /// `properties.workspace_id`: its root and the steps below.
    Path(PathRoot, Vec<Box<str>>),
    /// The account of the user's last group call.
    LastGroup,
    /// The company part of the user's work e-mail address; never a free-mail domain.
    EmailDomain,
}

/// Where in an event the path of an [`AccountKey::Path`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRoot {
    /// `properties` of a track, page or screen call.
    Properties,
    /// `traits` of an identify call; those of a group call are the account's own and name no other.
    Traits,
    /// `context.traits` of a call other than identify (see `Event::context_traits`).
    ContextTraits,
}

/// Where an account was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In the event itself, or in the user's group calls as of the event's time.
    Surely(Arc<str>),
    /// In the user's e-mail address alone, while a group call that is on its way may yet say otherwise.
    Perhaps(Arc<str>),
    /// Nowhere yet; what the user says of themself later may tell.
    NotYet,
    /// Nowhere, and nothing that comes later can tell.
    Nowhere,
}

/// The account of `event`: the first of `keys` that finds one. `user` is the user as known after the event.
pub fn account_of(keys: &[AccountKey], event: &Event, user: &Subject) -> Found {
    let mut grouped = false;
    for key in keys {
        let found = match key {
            AccountKey::LastGroup => {
                grouped = true;
                user.ties.memberships.at(event.timestamp).map(|account| Found::Surely(Arc::clone(account)))
            }
            AccountKey::EmailDomain => of_email(user).map(|domain| {
                let sure = !grouped || user.ties.settled || !user.ties.memberships.is_empty();
                if sure { Found::Surely(domain) } else { Found::Perhaps(domain) }
            }),
            key => in_event(key, event).map(Found::Surely),
        };
        if let Some(found) = found {
            return found;
        }
    }
    let may_come = keys.iter().any(|key| matches!(key, AccountKey::LastGroup | AccountKey::EmailDomain));
    if may_come { Found::NotYet } else { Found::Nowhere }
}

/// The account of a user when there is no event to tell: the first of `keys` that finds one in what is known of the user, or
/// else the one that became known last.
pub fn current_account(keys: &[AccountKey], user: &Subject) -> Option<Arc<str>> {
    let found = keys.iter().find_map(|key| match key {
        AccountKey::LastGroup => user.ties.memberships.last().cloned(),
        AccountKey::EmailDomain => of_email(user),
        AccountKey::ContextGroupId | AccountKey::GroupId | AccountKey::Path(..) => None,
    });
    found.or_else(|| user.ties.accounts.last().map(|(account, _)| Arc::clone(account)))
}

fn in_event(key: &AccountKey, event: &Event) -> Option<Arc<str>> {
    match key {
        AccountKey::ContextGroupId => event.context_group_id.as_deref().map(Arc::from),
        AccountKey::GroupId if event.call == Call::Group => event.group_id.as_deref().map(Arc::from),
        AccountKey::Path(root, steps) => at_path(root_of(*root, event)?, steps),
        AccountKey::GroupId | AccountKey::LastGroup | AccountKey::EmailDomain => None,
    }
}

fn of_email(user: &Subject) -> Option<Arc<str>> {
    work_domain(user.traits.text("email")?).map(Arc::from)
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

fn at_path(map: &Map<String, Value>, steps: &[Box<str>]) -> Option<Arc<str>> {
    let (first, rest) = steps.split_first()?;
    let start = map.get(&**first)?;
    let found = rest.iter().try_fold(start, |value, step| value.get(&**step))?;
    match found {
        Value::String(id) => Some(id.trim()).filter(|id| !id.is_empty()).map(Arc::from),
        Value::Number(id) => Some(Arc::from(id.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
