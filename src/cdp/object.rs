//! Objects as senders write them, read in one pass.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

/// An object; `null` and an empty list stand for an empty one.
pub(super) struct Object<E>(pub E);

/// How an object's entries are read.
pub(super) trait Entries {
    type Value: Default;

    fn read<'de, A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error>;
}

impl<'de, E: Entries> DeserializeSeed<'de> for Object<E> {
    type Value = E::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<E::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Entries> Visitor<'de> for Object<E> {
    type Value = E::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<E::Value, A::Error> {
        self.0.read(map)
    }

    fn visit_unit<X>(self) -> Result<E::Value, X> {
        Ok(E::Value::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<E::Value, A::Error> {
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(E::Value::default()),
            Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }
}

/// What can be read from an object's entries without being told more.
pub(super) trait FromEntries: Default {
    fn from_entries<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

impl<T: FromEntries> Entries for PhantomData<T> {
    type Value = T;

    fn read<'de, A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_entries(map)
    }
}

/// Reads an object that stands for itself.
pub(super) fn read_object<E: Entries>(raw: &str, entries: E) -> Option<E::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    let read = Object(entries).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok().map(|()| read)
}
