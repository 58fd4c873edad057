//! The journal: what group commits changed in records and which messages they applied, in a few bytes each.
//!
//! A row of the journal is a sequence of changes. Leads and queue entries are not in it; they go to their tables in the
//! same transaction.

use super::codec::{Bytes, put_bytes, put_number, put_signed};
use super::messages::{MessageKey, message_key};
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, RecordKey, RecordKind};
use crate::store::{Commit, Note, Write};
use crate::time::Millis;

const COMMIT: u8 = 1;
const FORGET: u8 = 2;

/// One change, as it is read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Commit {
        partition: PartitionId,
        now: Millis,
        writes: Vec<Write>,
        remember: Vec<(MessageKey, Note)>,
    },
    /// The record was deleted: what the journal says of it before this is void.
    Forget(RecordKey),
}

/// Appends what `commit` changes, if it changes anything that the journal is there for.
pub(super) fn put_commit(out: &mut Vec<u8>, commit: &Commit) {
    if commit.writes.is_empty() && commit.remember.is_empty() {
        return;
    }
    out.push(COMMIT);
    put_number(out, u64::from(commit.partition.0));
    put_signed(out, commit.now.0);
    put_number(out, commit.writes.len() as u64);
    commit.writes.iter().for_each(|write| put_write(out, write));
    put_number(out, commit.remember.len() as u64);
    commit.remember.iter().for_each(|(hash, note)| put_message(out, *hash, *note));
}

pub(super) fn put_forget(out: &mut Vec<u8>, key: &RecordKey) {
    out.push(FORGET);
    put_key(out, key);
}

fn put_write(out: &mut Vec<u8>, write: &Write) {
    put_key(out, &write.key);
    put_number(out, write.expected);
    put_number(out, write.version);
    put_number(out, write.unset.len() as u64);
    write.unset.iter().for_each(|name| put_bytes(out, name.as_bytes()));
    put_number(out, write.set.len() as u64);
    for (name, value) in write.set.iter() {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

fn put_message(out: &mut Vec<u8>, hash: MessageHash, note: Note) {
    out.extend_from_slice(&message_key(hash));
    out.push(note.0);
}

fn put_key(out: &mut Vec<u8>, key: &RecordKey) {
    out.push(match key.kind {
        RecordKind::User => 0,
        RecordKind::Account => 1,
        RecordKind::Team => 2,
    });
    put_bytes(out, key.id.as_bytes());
}

/// Reads the next change of a row; `None` when the bytes are not those of a change.
pub(super) fn next(bytes: &mut Bytes<'_>) -> Option<Change> {
    match bytes.byte()? {
        COMMIT => {
            let partition = PartitionId(u16::try_from(bytes.number()?).ok()?);
            let now = Millis(bytes.signed()?);
            let writes = several(bytes, write)?;
            let remember = several(bytes, |bytes| Some((bytes.take(12)?.try_into().ok()?, Note(bytes.byte()?))))?;
            Some(Change::Commit { partition, now, writes, remember })
        }
        FORGET => Some(Change::Forget(key(bytes)?)),
        _ => None,
    }
}

fn several<'a, T>(bytes: &mut Bytes<'a>, mut one: impl FnMut(&mut Bytes<'a>) -> Option<T>) -> Option<Vec<T>> {
    let count = bytes.count()?;
    (0..count).map(|_| one(bytes)).collect()
}

fn write(bytes: &mut Bytes<'_>) -> Option<Write> {
    let (key, expected, version) = (key(bytes)?, bytes.number()?, bytes.number()?);
    let unset = several(bytes, |bytes| Some(bytes.text()?.into()))?;
    let set = several(bytes, |bytes| Some((bytes.text()?, bytes.text()?)))?.into_iter().collect();
    Some(Write { key, expected, version, set, unset })
}

fn key(bytes: &mut Bytes<'_>) -> Option<RecordKey> {
    let kind = match bytes.byte()? {
        0 => RecordKind::User,
        1 => RecordKind::Account,
        2 => RecordKind::Team,
        _ => return None,
    };
    Some(RecordKey::new(kind, bytes.text()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_back() {
        let write = Write {
            key: RecordKey::account("ünï"),
            expected: 300,
            version: u64::MAX,
            set: [("a", "x".repeat(1_000)), ("", "\0".to_owned())].into(),
            unset: vec!["gone".into()],
        };
        let commit = Commit {
            partition: PartitionId(1_000),
            now: Millis(-5),
            writes: vec![write.clone()],
            remember: vec![(MessageHash(u128::MAX - 7), Note(3))],
            ..Commit::default()
        };
        let mut out = Vec::new();
        put_commit(&mut out, &commit);
        put_forget(&mut out, &RecordKey::team("t"));
        let mut bytes = Bytes(&out);
        let remember = vec![(message_key(MessageHash(u128::MAX - 7)), Note(3))];
        let expected = Change::Commit { partition: PartitionId(1_000), now: Millis(-5), writes: vec![write], remember };
        assert_eq!(next(&mut bytes), Some(expected));
        assert_eq!(next(&mut bytes), Some(Change::Forget(RecordKey::team("t"))));
        assert!(bytes.is_empty());
        for end in 0..out.len() {
            let mut torn = Bytes(&out[..end]);
            while next(&mut torn).is_some() {}
        }
    }

    #[test]
    fn a_commit_that_changes_no_record_leaves_no_trace() {
        let mut out = Vec::new();
        put_commit(&mut out, &Commit::default());
        assert!(out.is_empty());
    }
}
