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
const WAITING: usize = 16;

/// A record as it is cached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) version: u64,
    /// When it was written last.
    pub(super) touched: Millis,
    /// The fields in the order of their names, each as name and value, in one piece, as they are stored.
    base: Arc<[u8]>,
    /// What was written since, the oldest first.
    later: Vec<Arc<Change>>,
}

/// What a write changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    set: FieldList,
    unset: Vec<Box<str>>,
}

impl Change {
    fn bytes(&self) -> usize {
        self.set.bytes() + 20 * (1 + self.set.len() + self.unset.len())
    }
}

impl Packed {
    /// A record as it was stored.
    pub(super) const fn stored(version: u64, touched: Millis, base: Arc<[u8]>) -> Self {
        Self { version, touched, base, later: Vec::new() }
    }

    /// What a write makes of `base`; `None` when the bytes of `base` can't be read.
    pub(super) fn changed(base: Option<&Self>, write: Write, now: Millis) -> Option<Self> {
        let Write { version, set, unset, .. } = write;
        let change = Arc::new(Change { set, unset });
        let Some(before) = base else {
            let first = Self { version, touched: now, base: Arc::default(), later: vec![change] };
            return Some(Self { base: first.fields()?, later: Vec::new(), ..first });
        };
        let mut later = Vec::with_capacity(before.later.len() + 1);
        later.extend_from_slice(&before.later);
        later.push(change);
        let changed = Self { version, touched: now, base: Arc::clone(&before.base), later };
        if changed.later.len() < WAITING {
            return Some(changed);
        }
        Some(Self { base: changed.fields()?, later: Vec::new(), ..changed })
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.base.len() + self.later.iter().map(|change| change.bytes()).sum::<usize>()
    }

    /// The fields as they are stored; `None` when the bytes can't be read.
    pub(super) fn fields(&self) -> Option<Arc<[u8]>> {
        if self.later.is_empty() {
            return Some(Arc::clone(&self.base));
        }
        let added: usize = self.later.iter().map(|change| change.bytes()).sum();
        let mut fields = Vec::with_capacity(self.base.len() + added);
        merge(&self.base, &latest(&self.later), &mut fields)?;
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
fn latest(all: &[Arc<Change>]) -> Vec<(&[u8], Option<&[u8]>)> {
    let each = all.iter().flat_map(|change| {
        let unset = change.unset.iter().map(|name| (name.as_bytes(), None));
        unset.chain(change.set.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))))
    });
    let mut changes: Vec<_> = each.collect();
    // Stable, and the last of a name counts: what is set wins over what is unset by the same write.
    changes.sort_by_key(|(name, _)| *name);
    changes.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            *earlier = *later;
        }
        same
    });
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
