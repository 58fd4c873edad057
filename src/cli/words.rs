//! Small phrases for people: times and values.

use serde_json::Value;

use crate::time::Millis;

/// An RFC 3339 moment as a person says it: `just now`, `5 min ago`, `in 3 h`, `12 Oct 2026`.
pub fn ago(rfc3339: &str, now: Millis) -> String {
    let Ok(at) = rfc3339.parse::<jiff::Timestamp>() else { return rfc3339.to_owned() };
    let ms = now.since(Millis(at.as_millisecond()));
    let span = match ms.abs() {
        ms if ms < 10_000 => return if ms == 0 { "now".to_owned() } else { "just now".to_owned() },
        ms if ms < Millis::MINUTE => format!("{} s", ms / Millis::SECOND),
        ms if ms < Millis::HOUR => format!("{} min", ms / Millis::MINUTE),
        ms if ms < 2 * Millis::DAY => format!("{} h", ms / Millis::HOUR),
        ms if ms < 14 * Millis::DAY => format!("{} days", ms / Millis::DAY),
        _ => return at.strftime("%-d %b %Y").to_string(),
    };
    if ms < 0 { format!("in {span}") } else { format!("{span} ago") }
}

/// A duration in milliseconds: `850 ms`, `12 s`, `3 min`, `2 h`, `5 days`.
pub fn span(ms: i64) -> String {
    match ms {
        ms if ms < Millis::SECOND => format!("{ms} ms"),
        ms if ms < Millis::MINUTE => format!("{} s", ms / Millis::SECOND),
        ms if ms < Millis::HOUR => format!("{} min", ms / Millis::MINUTE),
        ms if ms < 2 * Millis::DAY => format!("{} h", ms / Millis::HOUR),
        ms => format!("{} days", ms / Millis::DAY),
    }
}

/// A number of bytes: `850 bytes`, `12 kB`, `3.5 MB`, `2.1 GB`.
pub fn bytes(bytes: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few digits of it are shown")]
    let of = |unit: usize| round((bytes as f64 / unit as f64 * 10.0).round() / 10.0);
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", of(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", of(1_000_000)),
        _ => format!("{} GB", of(1_000_000_000)),
    }
}

/// A JSON value without the noise: text without quotes, whole numbers without a point, `unknown` for null.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) => round(float),
            None => number.to_string(),
        },
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// At most two decimals, and none where there are none.
pub fn round(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 lead`, `2 leads`.
pub fn count(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n if one.ends_with('y') => format!("{n} {}ies", one.trim_end_matches('y')),
        n => format!("{n} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_as_people_say_them() {
        let now = Millis(1_795_000_000_000);
        let at = |ms: i64| ago(&now.plus(-ms).rfc3339(), now);
        assert_eq!(at(3_000), "just now");
        assert_eq!(at(45_000), "45 s ago");
        assert_eq!(at(5 * Millis::MINUTE), "5 min ago");
        assert_eq!(at(-3 * Millis::HOUR), "in 3 h");
        assert_eq!(at(3 * Millis::DAY), "3 days ago");
        assert_eq!(at(40 * Millis::DAY), "9 Oct 2026");
        assert_eq!(ago("soon", now), "soon");
    }

    #[test]
    fn values_without_noise() {
        assert_eq!(value(&json!(48.0)), "48");
        assert_eq!(value(&json!(2.5)), "2.5");
        assert_eq!(value(&json!("free")), "free");
        assert_eq!(value(&json!(["a", 1])), "a, 1");
        assert_eq!(value(&json!(null)), "unknown");
    }

    #[test]
    fn plurals() {
        assert_eq!(
            (count(1, "lead"), count(2, "lead"), count(3, "delivery")),
            ("1 lead".into(), "2 leads".into(), "3 deliveries".into())
        );
    }
}
