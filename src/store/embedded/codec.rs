//! The bytes of records and of the journal: lengths as variable-length integers, texts as they are.

use std::cmp::Ordering;

use crate::store::{Fields, Record, Write};
use crate::time::Millis;

/// Appends `n` in seven bits a byte, the lowest first.
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

/// A record as it is cached and stored: its fields in the order of their names, each as name and value, in one piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) version: u64,
    /// When it was written last.
    pub(super) touched: Millis,
    pub(super) fields: Box<[u8]>,
}

impl Packed {
    /// What `write` makes of `base`; `None` when the bytes of `base` can't be read.
    pub(super) fn changed(base: Option<&Self>, write: &Write, now: Millis) -> Option<Self> {
        let before = base.map_or(&[][..], |base| &base.fields);
        let mut fields = Vec::with_capacity(before.len() + added_bytes(write));
        merge(before, &changes(write), &mut fields)?;
        let version = base.map_or(0, |base| base.version) + 1;
        Some(Self { version, touched: now, fields: fields.into_boxed_slice() })
    }

    /// The record as the store's callers see it; `None` when the bytes can't be read.
    pub(super) fn unpack(&self) -> Option<Record> {
        let mut bytes = Bytes(&self.fields);
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            fields.push((Box::from(bytes.text()?), Box::from(bytes.text()?)));
        }
        Some(Record { version: self.version, fields: Fields::from_iter(fields) })
    }
}

fn added_bytes(write: &Write) -> usize {
    write.set.iter().map(|(name, value)| name.len() + value.len() + 20).sum()
}

/// The changes of `write` in the order of their names, one for each name; `None` removes.
fn changes(write: &Write) -> Vec<(&[u8], Option<&[u8]>)> {
    let unset = write.unset.iter().map(|name| (name.as_bytes(), None));
    let set = write.set.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
    let mut changes: Vec<_> = unset.chain(set).collect();
    // Stable, and the last of a name counts: what is set wins over what is unset.
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
                (prop::collection::vec(("[a-e]{0,2}", "\\PC{0,5}"), 0..5), prop::collection::vec("[a-e]{0,2}", 0..4)), 0..10)
        ) {
            let (mut model, mut packed) = (Fields::new(), None::<Packed>);
            for (at, (set, unset)) in steps.into_iter().enumerate() {
                let set = set.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
                let unset = unset.into_iter().map(Into::into).collect();
                let write = Write { key: RecordKey::user("u"), expected: at as u64, set, unset };
                write.unset.iter().for_each(|name| { model.remove(name); });
                model.extend(write.set.clone());
                packed = Packed::changed(packed.as_ref(), &write, Millis(7));
                let record = packed.as_ref().and_then(Packed::unpack);
                prop_assert_eq!(record, Some(Record { version: at as u64 + 1, fields: model.clone() }));
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let packed = Packed { version: 1, touched: Millis(0), fields: bytes.into() };
            let _ = packed.unpack();
            let write = Write { key: RecordKey::user("u"), expected: 1, set: vec![("a".into(), "b".into())], unset: vec![] };
            let _ = Packed::changed(Some(&packed), &write, Millis(0));
        }
    }
}
