//! Hides `${NAME}` from the YAML parser.
//!
//! In a flow mapping (`{ write_key: ${KEY} }`) YAML ends a plain value at the brace, though everybody means the variable. So
//! the parser is given other characters of the same length in their place: every byte offset stays right.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Two bytes, as long as `${`; a currency sign of the N'Ko script.
const OPEN: &str = "\u{07FE}";
/// One byte, as long as `}`. Allowed anywhere in a plain value but at its beginning.
const CLOSE: &str = "`";

static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?::-[^}`\r\n]*)?)\}").expect("the pattern is well-formed")
});

static MASKED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("\u{07FE}([A-Za-z_][A-Za-z0-9_]*(?::-[^}`\r\n]*)?)`").expect("the pattern is well-formed")
});

/// `text` with every variable hidden.
pub fn mask(text: &str) -> Cow<'_, str> {
    WRITTEN.replace_all(text, |found: &Captures<'_>| format!("{OPEN}{}{CLOSE}", inner(found)))
}

/// The variables of a value shown again.
pub fn unmask(text: &str) -> Cow<'_, str> {
    if !text.contains(OPEN) {
        return Cow::Borrowed(text);
    }
    MASKED.replace_all(text, |found: &Captures<'_>| format!("${{{}}}", inner(found)))
}

fn inner<'a>(found: &'a Captures<'_>) -> &'a str {
    found.get(1).map_or("", |inner| inner.as_str())
}

#[cfg(test)]
mod tests {
    use super::{mask, unmask};

    #[test]
    fn a_mask_keeps_every_offset_and_can_be_taken_off() {
        for text in ["a: ${B}", "{ a: ${B:-c d} }", "x ${1} ${ y $${Z}", "no variables", "${A}${B}"] {
            let masked = mask(text);
            assert_eq!(masked.len(), text.len(), "{text}");
            assert_eq!(unmask(&masked), text);
        }
        assert!(!mask("{ a: ${B} }").contains("${"));
    }
}
