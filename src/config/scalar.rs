//! The forms that a single value can have: durations, sizes, counts, flags.

use std::time::Duration;

use schemars::json_schema;

use super::read::{FromScalar, Wrong, inline_schema};

/// Any value may come from the environment; editors must accept that.
const VARIABLE: &str = r"\$\{";

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl FromScalar for Flag {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(Wrong::new("neither `true` nor `false`", "write `true` or `false`")),
        }
    }
}

inline_schema!(
    Flag,
    "flag",
    |_generator| json_schema!({ "title": "true or false", "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": VARIABLE }] })
);

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl FromScalar for Count {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.replace('_', "")
            .parse()
            .map(Self)
            .map_err(|_| Wrong::new("not a whole number", "write digits, for example 64"))
    }
}

inline_schema!(
    Count,
    "count",
    |_generator| json_schema!({ "title": "number", "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": VARIABLE }] })
);

/// A number, perhaps negative or with a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal(pub f64);

impl FromScalar for Decimal {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let number = text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Self).ok_or_else(|| Wrong::new("not a number", "write digits, for example 30, -40 or 0.5"))
    }
}

inline_schema!(
    Decimal,
    "decimal",
    |_generator| json_schema!({ "title": "number", "anyOf": [{ "type": "number" }, { "type": "string", "pattern": VARIABLE }] })
);

/// A stretch of time: `30s`, `15m`, `24h`, `30d`, `2w`, or several of them: `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting(pub Duration);

const LASTING_HELP: &str = "write a number and a unit: `30s`, `15m`, `24h`, `30d` or `2w`";

/// Seconds in a unit.
pub fn unit_seconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    })
}

impl FromScalar for Lasting {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let mut rest = text;
        let mut total = Duration::ZERO;
        if rest == "0" {
            return Ok(Self(total));
        }
        if rest.starts_with('-') {
            return Err(Wrong::new("negative", "a length of time is `0` or more"));
        }
        while !rest.is_empty() {
            let (amount, after) = split_at(rest, |c| !c.is_ascii_digit());
            let (unit, next) = split_at(after.trim_start(), |c| !c.is_ascii_alphabetic());
            let one = match unit {
                "ms" => Some(Duration::from_millis(1)),
                "" => return Err(Wrong::new("a number without a unit", LASTING_HELP)),
                _ => unit_seconds(unit).map(Duration::from_secs),
            };
            let Some(one) = one else { return Err(Wrong::new("not a length of time", LASTING_HELP)) };
            let amount: u32 = amount.parse().map_err(|_| Wrong::new("not a length of time", LASTING_HELP))?;
            total = one.checked_mul(amount).and_then(|part| total.checked_add(part)).unwrap_or(Duration::MAX);
            rest = next.trim_start();
        }
        if total > Duration::from_secs(10 * 366 * 86_400) {
            return Err(Wrong::new("too long", "ten years are the most"));
        }
        Ok(Self(total))
    }
}

/// A length of time as it is written in a configuration (`30d`), in milliseconds; `None` where it is none.
pub fn lasting(text: &str) -> Option<i64> {
    i64::try_from(Lasting::from_text(text.trim()).ok()?.0.as_millis()).ok()
}

fn split_at(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

inline_schema!(Lasting, "duration", |_generator| json_schema!({
    "title": "duration",
    "type": "string",
    "pattern": r"^(0|(\s*\d+\s*(ms|s|m|h|d|w|sec|min|seconds?|minutes?|hours?|days?|weeks?))+|.*\$\{.*)$"
}));

/// A number of bytes: `500KB`, `32KiB`, `4MB`, `1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromScalar for Size {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (amount, unit) = split_at(text, |c| !(c.is_ascii_digit() || c == '_'));
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "kib" => 1_024,
            "m" | "mb" => 1_000_000,
            "mib" => 1_048_576,
            "g" | "gb" => 1_000_000_000,
            "gib" => 1 << 30,
            _ => return Err(Wrong::new("not a size", "write for example `500KB`, `32KiB` or `4MB`")),
        };
        let amount: Option<u64> = amount.replace('_', "").parse().ok();
        let bytes = amount.and_then(|amount| amount.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| Wrong::new("not a size", "write for example `500KB`, `32KiB` or `4MB`"))
    }
}

inline_schema!(Size, "size", |_generator| json_schema!({ "title": "size", "anyOf": [
    { "type": "integer", "minimum": 0 },
    { "type": "string", "pattern": r"^(\d+\s*([kKmMgG]([iI]?[bB])?|[bB])?|.*\$\{.*)$" },
] }));

/// Declares a value that is one of a few words.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            pub const WORDS: &[&str] = &[$($word),*];
        }

        impl $crate::config::read::FromScalar for $name {
            fn from_text(text: &str) -> Result<Self, $crate::config::read::Wrong> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => {
                        let words = || Self::WORDS.iter().copied();
                        let help = $crate::config::suggest::did_you_mean(text, words(), || {
                            format!("write {}", $crate::config::suggest::one_of(words()))
                        });
                        Err($crate::config::read::Wrong::new("not known here", help))
                    },
                }
            }
        }

        $crate::config::read::inline_schema!(
            $name,
            stringify!($name),
            |_generator| schemars::json_schema!({ "type": "string", "enum": [$($word),*] })
        );
    };
}
pub(crate) use choice;
