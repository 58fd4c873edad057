//! Commits: from a [`Commit`] to the arguments of `lua/commit.lua`, and from its answer to a result.

use std::time::Duration;

use redis::Value;

use super::keys::{VERSION, escape};
use super::records::{Generations, message_id};
use super::script::{self, Call};
use super::{Core, decode};
use crate::config::Durability;
use crate::identity::RecordKind;
use crate::store::{
    Commit, CommitError, DONE_KEPT, Entry, LeadRow, Note, Outcome, Settle, StoreOptions, Write, duration_ms,
};

/// A call takes no more commits when it has so many arguments: Redis does nothing else meanwhile.
const CALL_ARGS: usize = 40_000;

impl Core {
    /// Does commits; on a cluster, no more than one.
    pub async fn commit(&self, commits: &[Commit]) -> Vec<Result<(), CommitError>> {
        let encoder = Encoder {
            options: &self.options,
            idle_once: self.idle_once,
            fence: matches!(self.settings.durability, Durability::Replicas(_)),
        };
        let mut outcomes = Vec::with_capacity(commits.len());
        while let Some(first) = commits.get(outcomes.len()) {
            let mut call = Call::empty();
            let mut taken = Vec::new();
            for commit in commits.iter().skip(outcomes.len()) {
                self.tick(commit.now);
                encoder.add(&mut call, self.keys.base(commit.partition), commit);
                taken.push(commit);
                if call.len() >= CALL_ARGS {
                    break;
                }
            }
            match self.eval_durably(first.partition, &script::COMMIT, &call).await {
                Ok(answer) => {
                    let mut answers = decode::list(answer).into_iter();
                    let answers = taken.iter().map(|commit| verdict(answers.next().unwrap_or_default(), commit));
                    outcomes.extend(answers);
                }
                // What comes behind it would fail as well, after as long a wait.
                Err(error) => outcomes.resize_with(commits.len(), || Err(error.clone().into())),
            }
        }
        outcomes
    }
}

/// Reads the answer of `lua/commit.lua` for one commit.
fn verdict(answer: Value, commit: &Commit) -> Result<(), CommitError> {
    if answer == Value::Int(0) {
        return Ok(());
    }
    let unknown = || decode::unexpected("a commit");
    let mut answer = decode::list(answer).into_iter();
    let kind = answer.next().and_then(decode::text).ok_or_else(unknown)?;
    let mut positions = || answer.next().and_then(decode::int).and_then(|at| usize::try_from(at).ok());
    match kind.as_str() {
        "seen" => {
            let pairs = std::iter::from_fn(|| Some((positions()?, note(positions()?))));
            Err(CommitError::Seen(pairs.collect()))
        }
        "conflict" => {
            let moved = std::iter::from_fn(positions).filter_map(|at| commit.writes.get(at)).map(|w| w.key.clone());
            Err(CommitError::Conflict(moved.collect()))
        }
        "lease" => Err(CommitError::LeaseLost(answer.next().and_then(decode::text).unwrap_or_default())),
        _ => Err(unknown().into()),
    }
}

/// A note as it was remembered.
pub(super) fn note(number: usize) -> Note {
    u8::try_from(number).map_or(Note::NONE, Note)
}

/// Writes the arguments of `lua/commit.lua`.
struct Encoder<'a> {
    options: &'a StoreOptions,
    idle_once: bool,
    /// See `lua/commit.lua`.
    fence: bool,
}

impl Encoder<'_> {
    fn add(&self, call: &mut Call, base: String, commit: &Commit) {
        let generations = Generations::new(self.options.remember, commit.now);
        call.key(base);
        call.show(arguments(commit)).show(commit.now.0).arg(if self.fence { "1" } else { "0" });
        call.show(generations.oldest()).show(generations.newest()).show(generations.current());
        call.show(generations.keep_seconds());
        call.show(commit.remember.len()).show(commit.settle.len()).show(commit.writes.len());
        call.show(commit.leads.len()).show(commit.enqueue.len());
        for (message, note) in &commit.remember {
            call.arg(&message_id(*message)).show(note.0);
        }
        for settle in &commit.settle {
            add_settle(call, settle);
        }
        for write in &commit.writes {
            self.add_write(call, write);
        }
        for lead in &commit.leads {
            add_lead(call, lead);
        }
        for entry in &commit.enqueue {
            add_entry(call, entry);
        }
    }

    fn add_write(&self, call: &mut Call, write: &Write) {
        call.show(&write.key).show(write.expected).show(self.idle(write.key.kind));
        call.show(write.unset.len()).show(2 * write.set.len() + 2);
        for field in &write.unset {
            call.arg(&escape(field));
        }
        call.arg(VERSION).show(write.version);
        for (field, value) in write.set.iter() {
            call.arg(&escape(field)).arg(value);
        }
    }

    /// What to do about a record's expiry: milliseconds from now, 0 for nothing, -1 to take an expiry off.
    fn idle(&self, kind: RecordKind) -> i64 {
        match (kind, self.options.idle_subjects) {
            // A team is no subject: nobody may forget whose turn it is.
            (RecordKind::Team, _) => 0,
            (_, Some(idle)) => duration_ms(idle.max(Duration::from_millis(1))),
            (_, None) if self.idle_once => -1,
            (_, None) => 0,
        }
    }
}

/// How many arguments a commit has behind the one that says so.
fn arguments(commit: &Commit) -> usize {
    let writes: usize = commit.writes.iter().map(|write| 7 + write.unset.len() + 2 * write.set.len()).sum();
    11 + 2 * commit.remember.len()
        + 7 * commit.settle.len()
        + writes
        + 5 * commit.leads.len()
        + 9 * commit.enqueue.len()
}

fn add_settle(call: &mut Call, settle: &Settle) {
    call.arg(settle.queue.as_str()).arg(&settle.id).show(settle.lease);
    match &settle.outcome {
        Outcome::Done { keep } => call.arg("done").show(if *keep { DONE_KEPT } else { 0 }).arg("").arg(""),
        Outcome::Retry { due, attempts, error } => call.arg("retry").show(due.0).show(attempts).arg(error),
        Outcome::Dead { attempts, error } => call.arg("dead").arg("").show(attempts).arg(error),
    };
}

fn add_lead(call: &mut Call, lead: &LeadRow) {
    call.arg(&lead.id).show(&lead.subject).arg(&lead.definition).show(lead.updated.0).arg(&lead.json);
}

fn add_entry(call: &mut Call, entry: &Entry) {
    call.arg(entry.queue.as_str()).arg(&entry.id);
    add_optional(call, entry.lane.as_deref());
    call.arg(&entry.subject).show(entry.due.0).show(entry.created.0).show(entry.attempts);
    add_optional(call, entry.last_error.as_deref());
    call.arg(&entry.payload);
}

fn add_optional(call: &mut Call, text: Option<&str>) {
    match text {
        Some(text) => call.arg2("=", text),
        None => call.arg(""),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdp::MessageHash;
    use crate::identity::RecordKey;
    use crate::store::FieldList;

    fn commit() -> Commit {
        let write = |key| Write { key, expected: 3, version: 4, set: FieldList::default(), unset: vec![] };
        Commit {
            writes: vec![write(RecordKey::user("a")), write(RecordKey::user("b"))],
            remember: vec![(MessageHash(1), Note::NONE)],
            ..Commit::default()
        }
    }

    fn answer(parts: &[&str]) -> Value {
        Value::Array(parts.iter().map(|part| Value::BulkString(part.as_bytes().to_vec())).collect())
    }

    #[test]
    fn answers_are_read() {
        let commit = commit();
        let judge = |parts: &[&str]| verdict(answer(parts), &commit).unwrap_err();
        assert!(verdict(Value::Int(0), &commit).is_ok());
        assert!(matches!(judge(&["seen", "0", "2"]), CommitError::Seen(found) if found == [(0, Note(2))]));
        assert!(matches!(judge(&["conflict", "1"]), CommitError::Conflict(keys) if keys == [RecordKey::user("b")]));
        assert!(matches!(judge(&["lease", "x"]), CommitError::LeaseLost(id) if id == "x"));
        assert!(matches!(judge(&["what"]), CommitError::Store(_)));
        assert!(matches!(verdict(Value::Okay, &commit), Err(CommitError::Store(_))));
    }

    #[test]
    fn teams_never_expire() {
        let idle = Some(Duration::from_secs(60));
        let options = StoreOptions { idle_subjects: idle, ..StoreOptions::default() };
        let encoder = Encoder { options: &options, idle_once: true, fence: false };
        assert_eq!(encoder.idle(RecordKind::Team), 0);
        assert_eq!(encoder.idle(RecordKind::User), 60_000);
        let options = StoreOptions::default();
        let encoder = Encoder { options: &options, idle_once: true, fence: false };
        assert_eq!(encoder.idle(RecordKind::Account), -1);
    }
}
