//! What another id hands over becomes part of its user: the last step of a merge.

use std::sync::Arc;

use super::{Body, Context, Effects, Notice, user};
use crate::ids::{RecordKey, RecordKind, SubjectKind};
use crate::record::{Record, Subject};
use crate::time::Millis;

/// So many ids of one user are worth a word: people share what they all sign in with.
const MANY_ALIASES: usize = 100;

/// Takes in the history of an id that turned out to be this user.
pub(super) fn absorb(
    user: &mut Subject,
    key: &RecordKey,
    (from, at): (&Arc<str>, Millis),
    history: &str,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    if user.forgotten.is_some_and(|forgotten| at <= forgotten) {
        // Its user was forgotten while it was on its way: it goes as well.
        effects.send(RecordKey::user(from), Body::Forget, context);
        return;
    }
    let (Record::Subject(history), _) = Record::read(RecordKind::User, history) else { return };
    let accounts = history.ties.accounts.clone();
    user.touched = context.now;
    let before = user.ties.aliases.len();
    user.merge(from, at, *history);
    if *from == key.id {
        user.ties.aliases.remove(from);
    }
    user.ledger.rename_user(&context.rules.plan, from, Some(&key.id));
    if before < MANY_ALIASES && user.ties.aliases.len() >= MANY_ALIASES {
        effects.notices.push(Notice::ManyAliases);
    }
    for account in accounts {
        let (from, to) = (Arc::clone(from), Some(Arc::clone(&key.id)));
        effects.send(RecordKey::account(&account), Body::Rename { from, to }, context);
    }
    user::keep_traits(user, SubjectKind::User, context, effects);
    user::settle_waiting(user, key, context, effects);
    user::reconsider(user, key, context, effects);
}
