//! What another id hands over becomes part of its user: the last step of a merge.

use std::sync::Arc;

use super::{Applying, Body, Notice, Past, user, waiting};
use crate::ids::{RecordKey, RecordKind, SubjectKind};
use crate::record::{Record, Subject, Tie};

/// So many ids of one user are worth a word: people share what they all sign in with.
const MANY_ALIASES: usize = 100;

/// Takes in the history of an id that turned out to be this user.
pub(super) fn absorb(user: &mut Subject, from: &Arc<str>, tie: &Tie, history: &str, applying: &mut Applying<'_>) {
    if user.forgotten.is_some_and(|forgotten| tie.at <= forgotten) {
        // Its user was forgotten while it was on its way: it goes as well.
        applying.send(RecordKey::user(from), Body::Forget);
        return;
    }
    let (Record::Subject(history), _) = Record::read(RecordKind::User, history) else { return };
    applying.keep(|| Past::Same { from: Arc::clone(from), to: Arc::clone(&applying.key.id) });
    let accounts = history.ties.accounts.clone();
    user.touched = applying.now;
    let before = user.ties.aliases.len();
    for mut standing in user.merge(from, tie, *history) {
        waiting::drop_merged(user, &mut standing, applying);
    }
    user.traits.settle_all(|name| applying.rules.trait_rule(SubjectKind::User, name));
    if *from == applying.key.id {
        user.ties.aliases.remove(from);
    }
    user.ledger.rename_user(&applying.rules.plan, from, Some(&applying.key.id), applying.seed);
    if before < MANY_ALIASES && user.ties.aliases.len() >= MANY_ALIASES {
        applying.effects.notices.push(Notice::ManyAliases);
    }
    for (account, _) in accounts {
        let (from, to) = (Arc::clone(from), Some(Arc::clone(&applying.key.id)));
        applying.send(RecordKey::account(&account), Body::Rename { from, to });
    }
    user::keep_traits(user, SubjectKind::User, applying);
    // Its accounts knew the merged id; they hear of the user again.
    user.told = None;
    user::settle_waiting(user, applying);
    user::reconsider(user, applying);
}
