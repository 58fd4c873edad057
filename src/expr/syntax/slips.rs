//! Words that people write by habit from other languages, and what is meant here.

/// The operator that a word between two operands stands for.
pub(super) fn operator(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => "&&",
        "or" => "||",
        "is" | "equals" | "eq" => "==",
        "ne" => "!=",
        "gt" => ">",
        "ge" | "gte" => ">=",
        "lt" => "<",
        "le" | "lte" => "<=",
        "mod" => "%",
        "in" => "in",
        _ => return None,
    })
}

/// What to write instead of a word between two operands that stands for a method; `left` is the first one.
pub(super) fn help_for_method(word: &str, left: &str) -> Option<String> {
    let help = match word.to_ascii_lowercase().as_str() {
        "contains" | "includes" | "like" | "ilike" => {
            format!("write `{left}.contains(\"…\")`, or `{left}.containsAny([\"…\"])` for any case")
        }
        "startswith" => format!("write `{left}.startsWith(\"…\")`"),
        "endswith" => format!("write `{left}.endsWith(\"…\")`"),
        "matches" => format!("write `{left}.matches(\"…\")`"),
        "between" => format!("write `{left} >= 1 && {left} <= 9`"),
        "within" => format!("write `{left}.within(30d)`"),
        _ => return None,
    };
    Some(help)
}

/// The literal that a word in the place of an operand stands for.
pub(super) fn literal(word: &str) -> Option<&'static str> {
    Some(match word {
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        "Null" | "NULL" | "None" | "nil" | "undefined" => "null",
        _ => return None,
    })
}

/// What to write instead of two operands in a row, the first or second of which is such a word.
pub(super) fn help_for_neighbours(before: &str, word: &str) -> String {
    let help = match (before, word) {
        ("if" | "else" | "when" | "then", _) | (_, "if" | "then" | "else") => "write `condition ? one : other`",
        ("for" | "while" | "any" | "every", _) => "write `list.exists(x, …)` or `list.all(x, …)`",
        (number, "ms" | "s" | "m" | "h" | "d" | "w") if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            return format!("write `{number}{word}`");
        }
        (number, unit) if number.bytes().all(|byte| byte.is_ascii_digit()) && length_of_time(unit).is_some() => {
            return format!("write `{number}{}`", length_of_time(unit).unwrap_or_default());
        }
        _ => "join conditions with `&&` or `||`",
    };
    help.to_owned()
}

fn length_of_time(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().trim_end_matches('s') {
        "second" | "sec" => "s",
        "minute" | "min" => "m",
        "hour" | "hr" => "h",
        "day" => "d",
        "week" => "w",
        _ => return None,
    })
}
