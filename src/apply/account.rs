//! An account's part of its people's events, and what it tells them.

use std::sync::Arc;

use super::message::{AccountEvent, Answer};
use super::seeing::project;
use super::{Applying, Body, Past, deciding, forgetting, joining, telling, user};
use crate::counters::distinct;
use crate::counters::plan::is_use;
use crate::event::{Call, Event};
use crate::ids::{RecordKey, SubjectKind};
use crate::record::outcomes::Told;
use crate::record::{Profile, Projection, Subject};
use crate::time::Millis;

/// How long an account gathers changes before it tells those whose qualification hangs on it.
const TELL_AFTER: i64 = Millis::SECOND;

pub(super) fn event(account: &mut Subject, part: &AccountEvent, applying: &mut Applying<'_>) {
    let event = &part.event;
    tell_as_they_stood(account, applying);
    applying.keep(|| Past::Counted { by: Some(Arc::clone(&part.user)), event: Arc::clone(event) });
    count(account, event, Some(&part.user), applying);
    let (said, seen) = ((&part.profile, &*part.told.keys), (event.timestamp, is_use(event.call)));
    account.note_member(&part.user, said, seen, &applying.rules.members.orders);
    let heard = telling::hear(account, &part.user, &part.told, applying);
    deciding::decide_account(account, Some(event), applying);
    let changed = is_news(event, applying) || (heard && applying.rules.users_read_members);
    tell_later(account, changed, Some(&part.user), applying);
    if let Some(user) = &part.asking {
        account.watch(&part.user, applying.now);
        answer(account, user.clone(), Some((event, part.waited)), (applying.now, None), applying);
    }
}

/// A member tells what is true of them, where nothing happened beside it. Where that is how they stood when they were asked first, nobody
/// becomes a lead by it for whom the definition starts quietly.
pub(super) fn member(
    account: &mut Subject,
    user: &str,
    (profile, told): (&Profile, &Told),
    quiet: bool,
    applying: &mut Applying<'_>,
) {
    if !quiet {
        tell_as_they_stood(account, applying);
    }
    account.tell_of_member(user, profile, &told.keys);
    if telling::hear(account, user, told, applying) {
        if quiet {
            // Fails closed: what others did before this one told is taken for how it stood, as long as not everybody was looked at.
            deciding::decide_account_quietly(account, applying);
        }
        deciding::decide_account(account, None, applying);
        // Whoever told it is not answered, and may be looked at for what it makes of the account.
        tell_later(account, applying.rules.users_read_members, None, applying);
        account.tells_quietly |= quiet && account.tell_at.is_some();
    }
}

/// What members told of how they stood goes on before anything that happened.
fn tell_as_they_stood(account: &mut Subject, applying: &mut Applying<'_>) {
    if account.tells_quietly {
        tell(account, applying);
    }
}

/// A group call that names no user, or what another system knows of the account: nothing is counted then.
pub(super) fn own_event(account: &mut Subject, event: &Arc<Event>, applying: &mut Applying<'_>) {
    tell_as_they_stood(account, applying);
    applying.keep(|| Past::Counted { by: None, event: Arc::clone(event) });
    if event.call == Call::Traits {
        account.touched = applying.now;
        applying.meet(account, event);
        learn(account, event, applying);
    } else {
        count(account, event, None, applying);
    }
    deciding::decide_account(account, Some(event), applying);
    tell_later(account, is_news(event, applying), None, applying);
}

fn count(account: &mut Subject, event: &Event, user: Option<&str>, applying: &mut Applying<'_>) {
    account.touched = applying.now;
    account.senders.note(&event.source, event.trust);
    applying.meet(account, event);
    if event.call == Call::Group {
        learn(account, event, applying);
    }
    account.ledger.apply(&applying.rules.plan, SubjectKind::Account, event, user, (applying.now, applying.seed));
    account.see(event.timestamp);
}

fn learn(account: &mut Subject, event: &Event, applying: &mut Applying<'_>) {
    user::hear(account, SubjectKind::Account, event, &event.traits, applying);
    user::keep_traits(account, SubjectKind::Account, applying);
}

/// Whether an event changes what people's definitions read of the account.
fn is_news(event: &Event, applying: &Applying<'_>) -> bool {
    let rules = applying.rules;
    (rules.users_read_account_counters && is_use(event.call))
        || (rules.users_read_account_traits && matches!(event.call, Call::Group | Call::Traits))
        || rules.users_read_account_times
}

/// Sees to it that people whose qualification hangs on this account are looked at again, but for whoever did what changed it: they are
/// answered.
fn tell_later(account: &mut Subject, changed: bool, actor: Option<&str>, applying: &Applying<'_>) {
    if changed && account.tell_at.is_none() && account.watchers.keys().any(|user| Some(&**user) != actor) {
        account.tell_at = Some(applying.clock.plus(TELL_AFTER));
    }
}

pub(super) fn ask(
    account: &mut Subject,
    user: &Projection,
    at: Millis,
    quiet: Option<Millis>,
    applying: &mut Applying<'_>,
) {
    tell_as_they_stood(account, applying);
    account.watch(&user.id, applying.now);
    answer(account, Box::new(user.clone()), None, (at, quiet), applying);
}

fn answer(
    account: &Subject,
    user: Box<Projection>,
    event: Option<(&Arc<Event>, bool)>,
    (at, quiet): (Millis, Option<Millis>),
    applying: &mut Applying<'_>,
) {
    let to = RecordKey::user(&user.id);
    let account = project(account, at, applying);
    let (event, waited) = event.map_or((None, false), |(event, waited)| (Some(Arc::clone(event)), waited));
    applying.send(to, Body::Answer(Box::new(Answer { account, user: Some(user), event, at, quiet, waited })));
}

/// Tells everybody whose qualification hangs on this account how it stands.
pub(super) fn tell(account: &mut Subject, applying: &mut Applying<'_>) {
    account.tell_at = None;
    // Whatever they become by it they were before, whenever their definitions appeared.
    let quiet = std::mem::take(&mut account.tells_quietly).then_some(Millis(i64::MIN));
    tell_all(account, quiet, applying);
}

/// Tells them how it stood before what is at hand, for definitions that appeared since `before`.
pub(super) fn tell_as_it_stood(account: &Subject, before: Millis, applying: &mut Applying<'_>) {
    tell_all(account, Some(before), applying);
}

fn tell_all(account: &Subject, quiet: Option<Millis>, applying: &mut Applying<'_>) {
    let at = applying.now;
    let stands = project(account, at, applying);
    for user in account.watchers.keys() {
        let answer = Answer { account: Arc::clone(&stands), user: None, event: None, at, quiet, waited: false };
        applying.send(RecordKey::user(user), Body::Answer(Box::new(answer)));
    }
}

/// Whoever was `from` was `to` all along; without `to`, they are forgotten.
pub(super) fn rename(account: &mut Subject, from: &Arc<str>, to: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    account.ledger.rename_user(&applying.rules.plan, from, to.map(|to| &**to), applying.seed);
    account.rename_member(from, to.map(|to| &**to));
    if let Some(outcomes) = &mut account.outcomes {
        let hash = |id: &str| distinct::hash(id, applying.seed);
        outcomes.rename(hash(from), to.map(|to| hash(to)));
    }
    joining::rename(account, from, to, applying);
    let watched = account.watchers.remove(from);
    match to {
        Some(to) => {
            applying.keep(|| Past::Same { from: Arc::clone(from), to: Arc::clone(to) });
            watched.into_iter().for_each(|at| account.watch(to, at));
        }
        None => {
            forgetting::scrub(account, from, applying);
        }
    }
    // Two people who are one now, or one who is none, may be too few.
    deciding::decide_account(account, None, applying);
}
