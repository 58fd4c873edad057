//! Jobs: the steps that events are cut into. A job belongs to one record and is done by the worker of its partition.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::ticket::Ticket;
use crate::cdp::Event;
use crate::identity::RecordKey;
use crate::subject::Subject;
use crate::subject::people::Profile;
use crate::time::Millis;

/// One step.
pub(super) struct Job {
    /// The record that it is about; it may move along when that record was merged away.
    pub key: RecordKey,
    pub task: Task,
    pub ticket: Ticket,
    /// How often it was sent on because of merges.
    pub hops: u8,
}

pub(super) enum Task {
    /// The user's part of an event: count it, find the account, decide about the user.
    User(Arc<Event>),
    /// The account's part.
    Account(AccountPart),
    /// Decide about a user with the account's state at hand, after an event of theirs or, without one, after a merge.
    Evaluate { event: Option<Arc<Event>>, account: (Arc<str>, Arc<Subject>) },
    /// Tie the record's id to the user `to`; the event's own part follows.
    Link { to: Arc<str>, event: Arc<Event> },
    /// Take in the history of `id`, which was linked to this user at `at`.
    Absorb { id: Arc<str>, at: Millis, history: Box<Subject> },
    /// Decide about a user for whom things have changed without an event; if it takes their account's state, [`Task::Lend`] it.
    Reconsider,
    /// Hand this account's state to a decision about `user`; nothing changes here.
    Lend { user: Arc<str> },
    /// Within this account, `from` was `to` all along, or is forgotten.
    Rename { from: Arc<str>, to: Option<Arc<str>> },
    /// Drop what is cached of the record.
    Evict,
    /// Hand out the state as the worker sees it.
    Read(oneshot::Sender<Subject>),
}

/// The account's part of an event.
pub(super) struct AccountPart {
    pub event: Arc<Event>,
    pub actor: Option<Actor>,
    /// Whether a decision about the user waits for the account's state.
    pub evaluate_user: bool,
}

/// The user who did an event, as the account's part needs to know them.
pub(super) struct Actor {
    pub id: Arc<str>,
    pub profile: Profile,
    /// The whole state, where definitions of accounts read users.
    pub state: Option<Arc<Subject>>,
}
