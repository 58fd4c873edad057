//! A subject with everything around it, at the moment at which something is decided about it.

use std::sync::Arc;

use super::Applying;
use crate::event::Event;
use crate::ids::SubjectKind;
use crate::qualify::{View, Who};
use crate::record::{Projection, Subject};
use crate::time::Millis;

/// What is known besides the subject itself.
pub(super) struct Known<'a> {
    /// The user as they are seen; `None`: as their record says.
    pub user: Option<Who<'a>>,
    /// The account of a user.
    pub account: Who<'a>,
    /// The event at hand.
    pub event: Option<&'a Event>,
    /// The moment.
    pub now: Millis,
}

/// The subject with that around it.
pub(super) fn view<'v>(subject: &'v Subject, of: SubjectKind, known: &Known<'v>, applying: &Applying<'v>) -> View<'v> {
    let own = Who::Record(&applying.key.id, subject);
    let (user, account) = match of {
        SubjectKind::User => (known.user.unwrap_or(own), known.account),
        SubjectKind::Account => (Who::Nobody, own),
    };
    View {
        plan: &applying.rules.plan,
        now: known.now,
        user,
        account,
        event: known.event,
        member_events: None,
        intent: None,
        fit: None,
    }
}

/// An account as it stands at `at`, with all its traits: a user's lead names them.
pub(super) fn project(account: &Subject, at: Millis, applying: &Applying<'_>) -> Arc<Projection> {
    let asks = |name: &str| applying.rules.asks_who_said(SubjectKind::Account, name);
    let all = (&applying.rules.plan, |_: &str| true, asks);
    Arc::new(Projection::of(account, &applying.key.id, SubjectKind::Account, all, at))
}
