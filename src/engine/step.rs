//! A step: one job in a round, what is known of it, and what kind of job it is.

use super::apply::Effect;
use super::job::{AccountPart, Job, Task};
use super::{EngineError, MAX_HOPS};
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{Note, StoreError};
use crate::subject::Subject;

/// How often a step is tried again because other processes changed its records, before its request fails (and is retried by
/// its sender).
const MAX_TRIES: u32 = 64;

/// A job in a round, and what became of it.
pub(super) struct Step {
    pub job: Job,
    pub partition: PartitionId,
    /// What its record remembers of it, if it is a kind of job that is done once for each message.
    pub message: Option<MessageHash>,
    /// Set when the message is known to be applied already.
    pub seen: Option<Note>,
    /// How often it was refused.
    pub tries: u32,
    /// What its message was applied with, if that is not durable before this round is.
    pub note: Option<Note>,
    /// The step of this round that it follows from.
    pub forerunner: Option<usize>,
    /// The user who holds its record's history now: it belongs there.
    pub moved: Option<RecordKey>,
    pub effect: Effect,
}

impl Step {
    pub fn new(partition: PartitionId, job: Job) -> Self {
        let message = message_of(&job);
        Self {
            job,
            partition,
            message,
            seen: None,
            tries: 0,
            note: None,
            forerunner: None,
            moved: None,
            effect: Effect::default(),
        }
    }

    pub fn fail(self, error: StoreError) {
        self.job.ticket.fail(EngineError::Store(error));
    }

    /// A refused step as it was before the round; fails its request when it was refused too often.
    pub fn again(self) -> Option<Self> {
        if self.tries >= MAX_TRIES {
            let why = "other processes changed the same records again and again".to_owned();
            self.fail(StoreError::Unavailable(why));
            return None;
        }
        let Self { job, partition, message, seen, tries, .. } = self;
        Some(Self { seen, tries: tries + 1, message, ..Self::new(partition, job) })
    }
}

/// Whether a history went along with the record that took it in, when that was merged away in turn.
pub(super) fn is_absorbed(job: &Job, state: &Subject) -> bool {
    matches!(&job.task, Task::Absorb { id, at, .. } if state.user.has_absorbed(id, *at))
}

/// Whether a step must see what other processes wrote though it may write nothing itself.
pub(super) const fn wants_what_is_stored(task: &Task) -> bool {
    matches!(task, Task::Evict | Task::Read(_) | Task::Lend { .. } | Task::Rename { .. })
}

/// Whether a step carries the state of its forerunner's record, to decide by.
pub(super) const fn rests_on_state(task: &Task) -> bool {
    match task {
        Task::Evaluate { .. } => true,
        Task::Account(AccountPart { actor: Some(actor), .. }) => actor.state.is_some(),
        _ => false,
    }
}

/// Whether a job belongs to whoever holds the history, rather than to the record that it names.
pub(super) const fn follows_merges(job: &Job) -> bool {
    let kind = matches!(
        job.task,
        Task::User(_) | Task::Evaluate { .. } | Task::Absorb { .. } | Task::Reconsider | Task::Read(_)
    );
    kind && job.hops < MAX_HOPS
}

/// The message that a job applies, as its record remembers it, if it is the kind of job that is applied once per message.
fn message_of(job: &Job) -> Option<MessageHash> {
    let message = match &job.task {
        Task::User(event) => event.message,
        Task::Account(part) => part.event.message,
        _ => return None,
    };
    Some(message.within(&job.key))
}

/// Each event is counted in its request's receipt once: at the user's part, or at the account's when there is no user.
pub(super) const fn counts_for_request(job: &Job) -> bool {
    match &job.task {
        Task::User(_) => true,
        Task::Account(part) => part.actor.is_none(),
        _ => false,
    }
}
