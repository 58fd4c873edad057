//! From Redis' answers to values.

use bytes::Bytes;
use redis::Value;

use crate::store::StoreError;

/// An answer that is not of the shape that our scripts and commands give.
pub(super) fn unexpected(what: &str) -> StoreError {
    StoreError::Unusable(format!("redis answered {what} in a shape that Handraiser does not know; is it compatible?"))
}

/// Whether a script refused since a slot is being moved (`lua/settled.lua`).
pub(super) fn is_moving(answer: &Value) -> bool {
    matches!(answer, Value::Array(parts) if matches!(parts.as_slice(), [Value::BulkString(word)] if word == b"moving"))
}

/// The elements of a list; none of anything else.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        Value::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        _ => Vec::new(),
    }
}

/// Keys and values of a map; of a flat list, taken in turns.
pub(super) fn map(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Map(pairs) => pairs,
        other => {
            let mut flat = list(other).into_iter();
            std::iter::from_fn(move || Some((flat.next()?, flat.next()?))).collect()
        }
    }
}

/// Bytes as they are.
pub(super) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        other => text(other).map(|text| text.into_bytes().into()),
    }
}

/// A text; what is not UTF-8 in it is replaced.
pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => {
            Some(String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
        }
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// A whole number, given as such, as a score or as text.
pub(super) fn int(value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        other => number(&text(other)?),
    }
}

/// A whole number in text; scores may have an exponent.
#[expect(clippy::cast_possible_truncation, reason = "scores are whole milliseconds, and `as` saturates")]
pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
}

/// A count.
pub(super) fn count(value: Value) -> u64 {
    int(value).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

/// Fields and values, from a map or from a flat list.
pub(super) fn pairs(value: Value) -> impl Iterator<Item = (String, String)> {
    map(value).into_iter().map_while(|(key, value)| Some((text(key)?, text(value)?)))
}

/// Members with their scores: RESP3 gives them as pairs.
pub(super) fn scored(answer: Value) -> impl Iterator<Item = (String, i64)> {
    list(answer).into_iter().filter_map(|pair| {
        let mut pair = list(pair).into_iter();
        Some((text(pair.next()?)?, int(pair.next()?)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_integers_text_and_scores() {
        assert_eq!(int(Value::Int(7)), Some(7));
        assert_eq!(int(Value::BulkString(b"1763766000000".to_vec())), Some(1_763_766_000_000));
        assert_eq!(int(Value::Double(1_763_766_000_000.0)), Some(1_763_766_000_000));
        assert_eq!(number("9.2233720368547758e+18"), Some(i64::MAX));
        assert_eq!(number("soon"), None);
        assert_eq!(int(Value::Nil), None);
    }

    #[test]
    fn a_slot_that_moves_is_told_from_a_shard_that_moved() {
        let words =
            |words: &[&str]| Value::Array(words.iter().map(|w| Value::BulkString(w.as_bytes().to_vec())).collect());
        assert!(is_moving(&words(&["moving"])));
        assert!(!is_moving(&words(&["moved", "0"])));
        assert!(!is_moving(&Value::BulkString(b"moving".to_vec())));
    }

    #[test]
    fn maps_and_flat_lists_are_alike() {
        let bulk = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        let map = Value::Map(vec![(bulk("a"), bulk("1")), (bulk("b"), bulk("2"))]);
        let flat = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), bulk("2")]);
        assert_eq!(pairs(map).collect::<Vec<_>>(), pairs(flat).collect::<Vec<_>>());
    }
}
