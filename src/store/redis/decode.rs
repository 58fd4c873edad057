//! From Redis' answers to values.

use redis::Value;

use crate::store::StoreError;
use crate::time::Millis;

/// An answer that is not of the shape that our scripts and commands give.
pub(super) fn unexpected(what: &str) -> StoreError {
    StoreError::Unusable(format!("redis answered {what} in a shape that Handraiser does not know; is it compatible?"))
}

/// The elements of a list; none of anything else.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        Value::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        _ => Vec::new(),
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
    let mut flat = list(value).into_iter();
    std::iter::from_fn(move || Some((text(flat.next()?)?, text(flat.next()?)?)))
}

/// A moment in text.
pub(super) fn millis(text: &str) -> Millis {
    Millis(number(text).unwrap_or(0))
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
    fn maps_and_flat_lists_are_alike() {
        let bulk = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        let map = Value::Map(vec![(bulk("a"), bulk("1")), (bulk("b"), bulk("2"))]);
        let flat = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), bulk("2")]);
        assert_eq!(pairs(map).collect::<Vec<_>>(), pairs(flat).collect::<Vec<_>>());
    }
}
