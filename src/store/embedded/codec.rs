//! The bytes of records and of the journal: lengths as variable-length integers, texts as they are.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::store::{FieldList, Fields, Record, Write};
use crate::time::Millis;

/// Appends `n` in seven bits a byte, the lowest first.
#[expect(clippy::cast_possible_truncation, reason = "the lowest byte is what is meant")]
pub(super) fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a moment or another number that may be negative.
pub(super) fn put_signed(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(&n.to_le_bytes());
}

/// Appends bytes, preceded by how many they are.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; `None` where the bytes are not theirs.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// How many changes of a record wait before they are worked into its fields. A record that is written often is rewritten only
/// once for so many writes.
const WAITING: usize = 32;

/// A record as it is cached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) version: u64,
    /// When it was written last.
    pub(super) touched: Millis,
    /// The fields in the order of their names, each as name and value, in one piece, as they are stored.
    base: Arc<[u8]>,
    /// What was written last, if that is not in the fields yet.
    later: Option<Arc<Change>>,
}

/// What a write changed, and what was changed before it. Shared by all versions of a record that it is a part of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    set: FieldList,
    unset: Vec<Box<str>>,
    before: Option<Arc<Self>>,
    /// How many changes there are up to here, and how much memory they take.
    count: usize,
    bytes: usize,
}

impl Change {
    fn new(set: FieldList, unset: Vec<Box<str>>, before: Option<Arc<Self>>) -> Self {
        let (count, bytes) = before.as_ref().map_or((0, 0), |before| (before.count, before.bytes));
        let own = set.bytes() + 20 * (1 + set.len() + unset.len());
        Self { set, unset, before, count: count + 1, bytes: bytes + own }
    }
}

impl Packed {
    /// A record as it was stored.
    pub(super) const fn stored(version: u64, touched: Millis, base: Arc<[u8]>) -> Self {
        Self { version, touched, base, later: None }
    }

    /// What a write makes of `base`; `None` when the bytes of `base` can't be read.
    pub(super) fn changed(base: Option<&Self>, write: Write, now: Millis) -> Option<Self> {
        let Write { version, set, unset, .. } = write;
        let change = Change::new(set, unset, base.and_then(|base| base.later.clone()));
        let wait = base.is_some() && change.count < WAITING;
        let fields = base.map_or_else(Arc::default, |base| Arc::clone(&base.base));
        let changed = Self { version, touched: now, base: fields, later: Some(Arc::new(change)) };
        if wait {
            return Some(changed);
        }
        Some(Self { base: changed.fields()?, later: None, ..changed })
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.base.len() + self.later.as_ref().map_or(0, |later| later.bytes)
    }

    /// The fields as they are stored; `None` when the bytes can't be read.
    pub(super) fn fields(&self) -> Option<Arc<[u8]>> {
        let Some(later) = &self.later else { return Some(Arc::clone(&self.base)) };
        let mut fields = Vec::with_capacity(self.bytes());
        merge(&self.base, &latest(later), &mut fields)?;
        Some(fields.into())
    }

    /// The record as the store's callers see it; `None` when the bytes can't be read.
    pub(super) fn unpack(&self) -> Option<Record> {
        let all = self.fields()?;
        let mut bytes = Bytes(&all);
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            fields.push((Box::from(bytes.text()?), Box::from(bytes.text()?)));
        }
        Some(Record { version: self.version, fields: Fields::from_iter(fields) })
    }
}

/// The changes in the order of their names, one for each name, the latest; `None` removes.
fn latest(last: &Change) -> Vec<(&[u8], Option<&[u8]>)> {
    let newest_first = std::iter::successors(Some(last), |change| change.before.as_deref());
    let each = newest_first.flat_map(|change| {
        let set = change.set.iter().rev().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
        // What is set wins over what is unset by the same write.
        set.chain(change.unset.iter().map(|name| (name.as_bytes(), None)))
    });
    let mut changes: Vec<_> = each.collect();
    // Stable, so that the newest of a name comes first, and stays.
    changes.sort_by_key(|(name, _)| *name);
    changes.dedup_by_key(|(name, _)| *name);
    changes
}

/// Walks the fields of `before` and the changes side by side, as both are in order.
fn merge(before: &[u8], changes: &[(&[u8], Option<&[u8]>)], out: &mut Vec<u8>) -> Option<()> {
    let mut before = Bytes(before);
    let mut changes = changes.iter().copied().peekable();
    while !before.is_empty() {
        let (name, value) = (before.bytes()?, before.bytes()?);
        while let Some((added, value)) = changes.next_if(|(changed, _)| *changed < name) {
            put_field(out, added, value);
        }
        match changes.next_if(|(changed, _)| changed.cmp(&name) == Ordering::Equal) {
            Some((_, changed)) => put_field(out, name, changed),
            None => put_field(out, name, Some(value)),
        }
    }
    changes.for_each(|(name, value)| put_field(out, name, value));
    Some(())
}

fn put_field(out: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    if let Some(value) = value {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::RecordKey;

    fn write(version: u64, set: FieldList, unset: Vec<Box<str>>) -> Write {
        Write { key: RecordKey::user("u"), expected: version - 1, version, set, unset }
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(n: u64, m: i64) {
            let mut out = Vec::new();
            put_number(&mut out, n);
            put_signed(&mut out, m);
            let mut bytes = Bytes(&out);
            prop_assert_eq!(bytes.number(), Some(n));
            prop_assert_eq!(bytes.signed(), Some(m));
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn changes_are_those_of_a_map(
            steps in prop::collection::vec(
                (prop::collection::vec(("[a-e]{0,2}", "\\PC{0,5}"), 0..5), prop::collection::vec("[a-e]{0,2}", 0..4)), 0..40)
        ) {
            let (mut model, mut packed) = (Fields::new(), None::<Packed>);
            for (at, (set, unset)) in steps.into_iter().enumerate() {
                let unset: Vec<Box<str>> = unset.into_iter().map(Into::into).collect();
                unset.iter().for_each(|name| { model.remove(name); });
                model.extend(set.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())));
                let write = write(at as u64 + 1, set.into_iter().collect(), unset);
                packed = Packed::changed(packed.as_ref(), write, Millis(7));
                let record = packed.as_ref().and_then(Packed::unpack);
                prop_assert_eq!(record, Some(Record { version: at as u64 + 1, fields: model.clone() }));
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let packed = Packed::stored(1, Millis(0), bytes.into());
            let _ = packed.unpack();
            let changed = Packed::changed(Some(&packed), write(2, [("a", "b")].into(), vec![]), Millis(0));
            let _ = changed.and_then(|changed| changed.unpack());
        }
    }
}
