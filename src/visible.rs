//! Text that strangers chose, as a terminal or a page of a log may show it. What an event says reaches an operator's screen: a name
//! could move the cursor, write a line that nobody wrote, or turn the rest of its line around.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal would obey `c`, or show what stands behind it in another order or on another line.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Marks of direction; embeddings, overrides and their end; isolates and the deprecated ones beside them.
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
        )
}

/// `text` with everything unsafe written out (`\n`, `\u{202e}`); a line break, too, so that one value is one line.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a `String` can't fail.
        let _ = if is_unsafe(c) { write!(out, "{}", c.escape_default()) } else { out.write_char(c) };
    }
    Cow::Owned(out)
}

/// JSON with everything unsafe written as JSON writes it (`\u009b`): the same to a program, and harmless on a terminal. Line breaks stand
/// between values alone, and stay.
pub fn json_escaped(json: &str) -> Cow<'_, str> {
    let is_odd = |c: char| is_unsafe(c) && c != '\n';
    if !json.contains(is_odd) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        // Writing to a `String` can't fail. All of them have four digits at the most.
        let _ = if is_odd(c) { write!(out, "\\u{:04x}", u32::from(c)) } else { out.write_char(c) };
    }
    Cow::Owned(out)
}

/// `text` with `\u{FFFD}` in place of everything unsafe but tabs: every character stays one character, so that columns stay right.
pub fn masked(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) && c != '\t' { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(escaped("Acme\u{1b}[2J\n✓"), r"Acme\u{1b}[2J\n✓");
        assert_eq!(escaped("a\u{202e}b\u{9b}31m\u{2066}\u{200f}"), r"a\u{202e}b\u{9b}31m\u{2066}\u{200f}");
        assert_eq!(escaped("\t\r\u{7f}\u{2028}"), r"\t\r\u{7f}\u{2028}");
        for fine in ["", "Ünï 日本語 👩\u{200d}🚀 – “Acme”", "back\\slash"] {
            assert!(matches!(escaped(fine), Cow::Borrowed(text) if text == fine));
        }
    }

    #[test]
    fn json_stays_what_it_is_and_becomes_harmless() {
        let json = "{\n  \"a\": \"é\u{9b}1A\u{202e}\u{7f}\u{2028}\"\n}\n";
        assert_eq!(json_escaped(json), "{\n  \"a\": \"é\\u009b1A\\u202e\\u007f\\u2028\"\n}\n");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(read(&json_escaped(json)), read(json));
        assert!(matches!(json_escaped("{}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn columns_stay_right() {
        assert_eq!(masked("a\tb\u{1b}\u{202e}c"), "a\tb\u{FFFD}\u{FFFD}c");
    }
}
