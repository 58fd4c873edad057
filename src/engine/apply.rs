//! One job applied to the state of its record: counting, finding the account, deciding. Pure but for the state that it
//! changes: no I/O, and the time is an argument.

use std::sync::Arc;

use super::job::{AccountPart, Actor, Job, Task};
use super::setup::Setup;
use crate::cdp::{Call, Event};
use crate::counters::plan::is_use;
use crate::identity::account::{Found, account_of, current_account, named_account};
use crate::identity::{RecordKey, RecordKind, SubjectKind};
use crate::lead::LeadEvent;
use crate::lead::build::lead_event;
use crate::qualify::{Decision, View, decide, evaluate};
use crate::store::Note;
use crate::subject::people::Profile;
use crate::subject::{Subject, standing};
use crate::time::Millis;

/// What follows from a job once it is committed.
#[derive(Default)]
pub(super) struct Effect {
    /// Set when the message was applied now: what to remember with it.
    pub note: Option<Note>,
    /// Lead events to store and to route.
    pub leads: Vec<LeadEvent>,
    /// The history to hand over to this user, when the record was merged away.
    pub handover: Option<(Arc<str>, Box<Subject>)>,
    /// The next step.
    pub next: Option<(RecordKey, Task)>,
}

/// Where the state is, when and under which configuration.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub setup: &'a Setup,
    pub now: Millis,
}

impl<'m> Moment<'m> {
    /// Applies `job` to `state`. With a note, the message was applied before: only the next step remains to be done.
    pub fn apply(self, job: &Job, state: &mut Arc<Subject>, seen: Option<Note>) -> Effect {
        match &job.task {
            Task::User(event) => match seen {
                None => self.user(&job.key, event, state),
                Some(note) => self.user_again(&job.key, event, state, note),
            },
            Task::Account(part) => self.account(&job.key, part, state, seen.is_some()),
            Task::Evaluate { event, account } => self.evaluate_user(&job.key, event.as_deref(), account, state),
            Task::Link { to, event } => self.link(&job.key, to, event, state),
            Task::Absorb { id, at, history } => self.absorb(&job.key, (id, *at), history, state),
            Task::Reconsider => self.reconsider(&job.key, state),
            Task::Lend { user } => {
                let account = (Arc::clone(&job.key.id), Arc::clone(state));
                Effect { next: Some(evaluation(user, None, account)), ..Effect::default() }
            }
            Task::Rename { from, to } => {
                let state = Arc::make_mut(state);
                state.ledger.rename_user(&self.setup.plan, from, to.as_deref());
                state.rename_member(from, to.as_deref());
                Effect::default()
            }
            Task::Evict | Task::Read(_) => Effect::default(),
        }
    }

    fn user(self, key: &RecordKey, event: &Arc<Event>, shared: &mut Arc<Subject>) -> Effect {
        let state = Arc::make_mut(shared);
        self.learn_user(key, event, state);
        state.ledger.apply(&self.setup.plan, SubjectKind::User, event, Some(&key.id), self.now);
        state.see(event.timestamp);
        let (account, note) = self.account_and_note(event, state);
        let around = Around { event: Some(event), account_pending: account.is_some(), ..Around::default() };
        let decided = self.decide(SubjectKind::User, &key.id, shared, around);
        let next = self.next_step(key, event, shared, account, decided.deferred);
        Effect { note: Some(note), leads: decided.leads, next, ..Effect::default() }
    }

    /// A retry of a message that was applied before. Its account's part may still be missing, when the first try was cut off
    /// in between.
    fn user_again(self, key: &RecordKey, event: &Arc<Event>, state: &mut Arc<Subject>, note: Note) -> Effect {
        let remembered = state.user.accounts.get(usize::from(note.0)).cloned();
        let account = remembered.or_else(|| named_account(&self.setup.config.accounts, event));
        let next = self.next_step(key, event, state, account, true);
        Effect { next, ..Effect::default() }
    }

    fn learn_user(self, key: &RecordKey, event: &Event, state: &mut Subject) {
        if event.user_id.as_deref() == Some(&*key.id) && !state.user.known {
            state.user.known = true;
            state.dirty.ties = true;
        }
        match event.call {
            Call::Identify => state.traits.learn(&event.traits, event.timestamp),
            Call::Group => {
                if let Some(group) = &event.group_id {
                    state.dirty.ties |= state.user.join(group, event.timestamp);
                }
            }
            _ if !event.context_traits.is_empty() => state.traits.learn(&event.context_traits, event.timestamp),
            _ => {}
        }
    }

    fn account_and_note(self, event: &Event, state: &mut Subject) -> (Option<Arc<str>>, Note) {
        let before = state.user.accounts.len();
        let found = account_of(&self.setup.config.accounts, event, Some(state));
        let answer = match found {
            None => (None, Note::NONE),
            Some(Found::InEvent(account)) => {
                state.user.account_index(&account);
                (Some(account), Note::NONE)
            }
            Some(Found::InUser(account)) => match state.user.account_index(&account) {
                Some(index) => (Some(account), Note(index)),
                // Too many accounts to remember which one: better not counted for it than counted twice on a retry.
                None => (None, Note::NONE),
            },
        };
        state.dirty.ties |= state.user.accounts.len() > before;
        answer
    }

    fn next_step(
        self,
        key: &RecordKey,
        event: &Arc<Event>,
        state: &Arc<Subject>,
        account: Option<Arc<str>>,
        evaluate_user: bool,
    ) -> Option<(RecordKey, Task)> {
        let account = account?;
        let actor = Actor {
            id: Arc::clone(&key.id),
            profile: Profile::of(state),
            state: self.setup.accounts_read_users.then(|| Arc::clone(state)),
        };
        let part = AccountPart { event: Arc::clone(event), actor: Some(actor), evaluate_user };
        Some((RecordKey { kind: RecordKind::Account, id: account }, Task::Account(part)))
    }

    fn account(self, key: &RecordKey, part: &AccountPart, shared: &mut Arc<Subject>, again: bool) -> Effect {
        let event = &part.event;
        let mut effect = Effect::default();
        if again {
            self.count_for_who_it_was(part, shared);
        } else {
            let state = Arc::make_mut(shared);
            self.count_account(part, state);
            effect.note = Some(Note::NONE);
            let user = part.actor.as_ref().and_then(|a| a.state.as_ref().map(|state| (&*a.id, &**state)));
            let around = Around { other: user, event: Some(event), account_pending: false };
            effect.leads = self.decide(SubjectKind::Account, &key.id, shared, around).leads;
        }
        effect.next = part
            .actor
            .as_ref()
            .filter(|_| part.evaluate_user)
            .map(|actor| evaluation(&actor.id, Some(Arc::clone(event)), (Arc::clone(&key.id), Arc::clone(shared))));
        effect
    }

    /// The event may have been counted here for an id that was merged away before its own part was counted there, so that
    /// the history that was merged knows nothing of this account.
    fn count_for_who_it_was(self, part: &AccountPart, shared: &mut Arc<Subject>) {
        let (before, Some(actor)) = (user_key_of(&part.event).id, &part.actor) else { return };
        if before != actor.id {
            let state = Arc::make_mut(shared);
            state.ledger.rename_user(&self.setup.plan, &before, Some(&actor.id));
            state.rename_member(&before, Some(&actor.id));
        }
    }

    fn count_account(self, part: &AccountPart, state: &mut Subject) {
        let event = &part.event;
        if event.call == Call::Group {
            state.traits.learn(&event.traits, event.timestamp);
        }
        let user = part.actor.as_ref().map(|actor| &*actor.id);
        state.ledger.apply(&self.setup.plan, SubjectKind::Account, event, user, self.now);
        state.see(event.timestamp);
        if let Some(actor) = &part.actor {
            state.meet(&actor.id, &actor.profile, event.timestamp, is_use(event.call));
        }
    }

    fn evaluate_user(
        self,
        key: &RecordKey,
        event: Option<&Event>,
        account: &(Arc<str>, Arc<Subject>),
        shared: &mut Arc<Subject>,
    ) -> Effect {
        let around = Around { other: Some((&account.0, &account.1)), event, account_pending: false };
        let decided = self.decide(SubjectKind::User, &key.id, shared, around);
        Effect { leads: decided.leads, ..Effect::default() }
    }

    fn link(self, key: &RecordKey, to: &Arc<str>, event: &Arc<Event>, shared: &mut Arc<Subject>) -> Effect {
        let next = Some((user_key_of(event), Task::User(Arc::clone(event))));
        if shared.user.merged_into.is_some() || *to == key.id {
            // The first link stands: an id's history belongs to one user, and is handed over once.
            return Effect { next, ..Effect::default() };
        }
        let state = Arc::make_mut(shared);
        let history = std::mem::take(state);
        state.gone = history.to_fields().into_keys().collect();
        state.user.known = history.user.known;
        // Remembered messages refer to positions in this list.
        state.user.accounts.clone_from(&history.user.accounts);
        // A history that is here already, and whose entry comes once more, must not be sent on besides.
        state.user.aliases.clone_from(&history.user.aliases);
        state.user.merged_into = Some((Arc::clone(to), self.now));
        state.dirty.ties = true;
        let handover = history.has_history().then(|| (Arc::clone(to), Box::new(history)));
        Effect { handover, next, ..Effect::default() }
    }

    fn absorb(
        self,
        key: &RecordKey,
        (id, at): (&Arc<str>, Millis),
        history: &Subject,
        shared: &mut Arc<Subject>,
    ) -> Effect {
        if shared.user.has_absorbed(id, at) || *id == key.id {
            return Effect::default();
        }
        let state = Arc::make_mut(shared);
        state.merge(id, at, history);
        state.ledger.rename_user(&self.setup.plan, id, Some(&key.id));
        Effect::default()
    }

    /// What a merge brought may lift the user over a threshold. Says the same however often it is asked: a decision that was
    /// taken is noted in the state.
    fn reconsider(self, key: &RecordKey, shared: &mut Arc<Subject>) -> Effect {
        if !shared.has_history() {
            // Forgotten meanwhile.
            return Effect::default();
        }
        let account = current_account(&self.setup.config.accounts, shared);
        let around = Around { account_pending: account.is_some(), ..Around::default() };
        let decided = self.decide(SubjectKind::User, &key.id, shared, around);
        let next = account.filter(|_| decided.deferred);
        let next = next.map(|account| (RecordKey::account(&account), Task::Lend { user: Arc::clone(&key.id) }));
        Effect { leads: decided.leads, next, ..Effect::default() }
    }

    /// Decides about the subject of `shared` for every definition of its kind, and notes in it where it stands now.
    fn decide(self, of: SubjectKind, id: &str, shared: &mut Arc<Subject>, around: Around<'_>) -> Decided {
        let mut decided = Decided::default();
        let mut taken = Vec::new();
        let view = self.view(of, id, shared, around);
        for definition in self.setup.definitions(of) {
            let outcome = evaluate(definition, &view);
            let decision = decide(definition, outcome, shared.standings.get(&definition.name), self.now);
            let settles = matches!(decision, Decision::Lapse) || !around.account_pending;
            match decision {
                Decision::Nothing => decided.deferred |= around.account_pending && outcome.qualifies.is_none(),
                decision if settles => taken.push((definition, decision)),
                _ => decided.deferred = true,
            }
        }
        for (definition, decision) in taken {
            if let Some((kind, standing)) =
                standing::take(Arc::make_mut(shared), definition, of, id, decision, self.now)
            {
                let view = self.view(of, id, shared, around);
                decided.leads.push(lead_event(definition, kind, &standing, &view));
            }
        }
        decided
    }

    fn view<'v>(self, of: SubjectKind, id: &'v str, subject: &'v Subject, around: Around<'v>) -> View<'v>
    where
        'm: 'v,
    {
        let own = Some((id, subject));
        let (user, account) = match of {
            SubjectKind::User => (own, around.other),
            SubjectKind::Account => (around.other, own),
        };
        View { plan: &self.setup.plan, now: self.now, user, account, event: around.event, intent: None, fit: None }
    }
}

/// What is known besides the subject itself.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    /// The user's account, or the user who did the event.
    other: Option<(&'a str, &'a Subject)>,
    event: Option<&'a Event>,
    /// The account's state comes in a later step: what would make a lead waits for it, so that the lead is whole.
    account_pending: bool,
}

/// The record of the user who did an event.
pub(super) fn user_key_of(event: &Event) -> RecordKey {
    RecordKey::user(event.user_id.as_deref().or(event.anonymous_id.as_deref()).unwrap_or_default())
}

/// The step that decides about `user` with their account's state.
fn evaluation(user: &str, event: Option<Arc<Event>>, account: (Arc<str>, Arc<Subject>)) -> (RecordKey, Task) {
    (RecordKey::user(user), Task::Evaluate { event, account })
}

#[derive(Default)]
struct Decided {
    leads: Vec<LeadEvent>,
    /// A decision waits for the account's state.
    deferred: bool,
}
