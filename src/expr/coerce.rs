//! What senders write, as the types that were declared.
//!
//! CDPs carry whatever a form or an enrichment tool wrote: head counts as `"51-200"`, flags as `"yes"`, times as epoch
//! seconds. A declared type says what is meant, and here is the one place that knows how to read it.

use std::borrow::Cow;

use super::band::Band;
use super::number::{amount, exact_number};
use super::value::{Type, Value};
use crate::time::Millis;

/// Brings `value` to `ty`; unknown when it can't be read as such. A value of type [`Type::Any`] stays what it is.
pub(super) fn coerce<'a>(value: Value<'a>, ty: &'a Type) -> Value<'a> {
    match (ty, value) {
        (_, Value::Unknown) => Value::Unknown,
        (Type::Any, value) => value,
        (Type::Number, value) => to_number(&value).map_or(Value::Unknown, Value::Number),
        (Type::Text, value) => to_text(value),
        (Type::Time, value) => to_time(&value).map_or(Value::Unknown, Value::Time),
        (Type::Band, value) => to_band(&value),
        (Type::Money, value) => to_money(&value).map_or(Value::Unknown, Value::Number),
        (Type::Word(words), value) => match to_text(value) {
            Value::Text(text) => words.read(&text).map_or(Value::Unknown, Value::text),
            _ => Value::Unknown,
        },
        (Type::Bool, value) => to_bool(&value).map_or(Value::Unknown, Value::Bool),
        (Type::List(_), list @ (Value::List(_) | Value::Json(serde_json::Value::Array(_)))) => list,
        (Type::List(_), Value::Json(_)) => Value::Unknown,
        // One value where a list is declared is a list of one.
        (Type::List(_), single) => Value::List(vec![single]),
    }
}

impl Type {
    /// Whether a value of a trait can be read as this.
    pub fn reads(&self, value: &serde_json::Value) -> bool {
        coerce(Value::from_json(value), self) != Value::Unknown
    }
}

fn to_number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number).filter(|number| !number.is_nan()),
        Value::Text(text) => exact_number(text),
        _ => None,
    }
}

fn to_money(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Text(text) => amount(text),
        other => to_number(other),
    }
}

/// A band whose number is known is that number.
fn to_band(value: &Value<'_>) -> Value<'static> {
    let band = match value {
        Value::Text(text) => Band::read(text),
        other => to_number(other).map(Band::exactly),
    };
    band.map_or(Value::Unknown, |band| band.number().map_or(Value::Band(band), Value::Number))
}

fn to_text(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(_) => value,
        Value::Number(number) => Value::Text(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Value::text(if flag { "true" } else { "false" }),
        _ => Value::Unknown,
    }
}

pub(super) fn to_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) if *number == 1.0 => Some(true),
        Value::Number(number) if *number == 0.0 => Some(false),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn to_time(value: &Value<'_>) -> Option<Millis> {
    match value {
        Value::Time(time) => Some(*time),
        Value::Number(number) => time_from_epoch(*number),
        Value::Text(text) => time_from_text(text),
        _ => None,
    }
}

/// Numbers below this are seconds (up to the year 5138), others milliseconds (from the year 1973).
const FIRST_MILLISECONDS: f64 = 1e11;

/// A moment given as seconds or milliseconds since 1970.
fn time_from_epoch(number: f64) -> Option<Millis> {
    let ms = if number.abs() < FIRST_MILLISECONDS { number * 1_000.0 } else { number };
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the line before")]
    let millis = || Millis(ms.round() as i64);
    (ms.abs() <= 253_402_300_799_000.0).then(millis)
}

/// A moment as ISO 8601 (`2026-11-21T09:30:00Z`, with an offset, without a zone: UTC), a date (its beginning in UTC), or
/// digits: seconds or milliseconds since 1970.
pub(super) fn time_from_text(text: &str) -> Option<Millis> {
    let text = text.trim();
    if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return time_from_epoch(text.parse().ok()?);
    }
    if !text.contains('-') {
        return None;
    }
    if let Some(time) = Millis::parse(text) {
        return Some(time);
    }
    let local = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(Millis(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}
