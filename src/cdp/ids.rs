//! Ids in JSON: strings, trimmed, or numbers, written as strings; and texts, which are read leniently.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::lenient::{self, Lenient};

/// What a program writes where it meant to write an id and had none. Taken as ids, they would melt strangers into one.
const PLACEHOLDERS: [&str; 4] = ["null", "undefined", "NaN", "[object Object]"];

/// Longer than this is no id; ids become keys of the store.
const LONGEST: usize = 1_024;

/// An id field; absent, `null`, blank and placeholder values are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IdField(pub Option<Box<str>>);

impl IdField {
    /// The id in an address; `None` where there is none.
    pub fn from_text(text: &str) -> Option<Self> {
        IdVisitor.visit_str::<serde::de::value::Error>(text).ok().flatten().map(|id| Self(Some(id)))
    }
}

impl<'de> Deserialize<'de> for IdField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor).map(Self)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Option<Box<str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(E::custom(format_args!("longer than {LONGEST} bytes, which no id is")));
        }
        Ok((!text.is_empty() && !PLACEHOLDERS.contains(&text)).then(|| text.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // Beyond 2^53 neighbouring numbers read alike, and two users would become one.
        if number.abs() >= 9_007_199_254_740_992.0 {
            return Err(E::custom("a number this large loses digits, send it as a string"));
        }
        Ok(Some(number.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A text such as an event's name: trimmed, never empty; a value of another kind counts as none, never as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TextField(pub Option<Box<str>>);

impl<'de> Deserialize<'de> for TextField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::read(deserializer).map(Self)
    }
}

impl Lenient for Box<str> {
    const WHAT: &str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| text.into())
    }

    fn from_unsigned(number: u64) -> Option<Self> {
        Some(number.to_string().into())
    }

    fn from_signed(number: i64) -> Option<Self> {
        Some(number.to_string().into())
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<String>, String> {
        serde_json::from_str::<IdField>(json).map(|id| id.0.map(String::from)).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_strings_and_numbers() {
        for (json, expected) in [
            (r#""u1""#, Some("u1")),
            (r#""  u 1\n ""#, Some("u 1")),
            (r#""Ø\u00d8""#, Some("ØØ")),
            ("42", Some("42")),
            ("-7", Some("-7")),
            ("42.0", Some("42")),
            ("1.5", Some("1.5")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("0", Some("0")),
            ("null", None),
            (r#""""#, None),
            (r#""  ""#, None),
            (r#""undefined""#, None),
            (r#""null""#, None),
            (r#""[object Object]""#, None),
        ] {
            assert_eq!(read(json), Ok(expected.map(str::to_owned)), "{json}");
        }
    }

    #[test]
    fn refuses_what_is_no_id() {
        for (json, expected) in [
            ("{}", "invalid type: map, expected a string or a number"),
            ("[1]", "invalid type: sequence, expected a string or a number"),
            ("true", "invalid type: boolean `true`, expected a string or a number"),
            ("18446744073709551616", "a number this large loses digits, send it as a string"),
            (&format!("{:?}", "x".repeat(1_025)), "longer than 1024 bytes, which no id is"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }
}
