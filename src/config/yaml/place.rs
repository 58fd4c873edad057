//! From a place in a scalar's value back to the bytes of the file that it came from, for every way to write a scalar.

use std::ops::Range;

use granit_parser::ScalarStyle;

/// The bytes of `source` (the scalar as written) that the bytes `range` of `decoded` (its value) came from.
pub fn locate(style: ScalarStyle, source: &str, decoded: &str, range: Range<usize>) -> Range<usize> {
    let mut walk = Walk::new(style, source);
    let mut found: Option<Range<usize>> = None;
    for (at, value) in decoded.char_indices() {
        let from = walk.step(value);
        if at >= range.end && found.is_some() {
            break;
        }
        if at + value.len_utf8() > range.start && (at < range.end || found.is_none()) {
            let start = found.as_ref().map_or(from.start, |so_far| so_far.start);
            found = Some(start..if at < range.end { from.end } else { from.start });
        }
    }
    let end = walk.at;
    found.unwrap_or(end..end)
}

/// Walks the written form while the value's characters are told one by one.
struct Walk<'a> {
    style: ScalarStyle,
    source: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(style: ScalarStyle, source: &'a str) -> Self {
        let at = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => usize::from(source.starts_with(['\'', '"'])),
            // The span of a block scalar may begin at its header or at its text.
            ScalarStyle::Literal | ScalarStyle::Folded => {
                if source.starts_with(['|', '>']) {
                    source.find('\n').map_or(source.len(), |end| end + 1)
                } else {
                    0
                }
            }
        };
        Self { style, source, at }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// The written form of the next character of the value.
    fn step(&mut self, value: char) -> Range<usize> {
        self.skip_continuations();
        if value.is_whitespace() { self.blank(value) } else { self.solid() }
    }

    /// White space: written as it is, escaped, or part of a line break that was folded or indented.
    fn blank(&mut self, value: char) -> Range<usize> {
        let rest = self.rest();
        if self.style == ScalarStyle::DoubleQuoted && rest.starts_with('\\') {
            return self.take(escape_length(rest));
        }
        let run = rest.len() - rest.trim_start_matches(is_blank).len();
        let folded = rest.get(..run).is_some_and(|blanks| blanks.contains('\n'));
        if !folded && rest.starts_with(value) {
            return self.take(value.len_utf8());
        }
        self.at..self.at
    }

    /// Anything else: the white space before it was accounted for.
    fn solid(&mut self) -> Range<usize> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
        self.skip_continuations();
        let rest = self.rest();
        let length = match self.style {
            ScalarStyle::SingleQuoted if rest.starts_with("''") => 2,
            ScalarStyle::DoubleQuoted if rest.starts_with('\\') => escape_length(rest),
            _ => rest.chars().next().map_or(0, char::len_utf8),
        };
        self.take(length)
    }

    /// `\` at the end of a line of a double-quoted scalar stands for nothing at all.
    fn skip_continuations(&mut self) {
        while self.style == ScalarStyle::DoubleQuoted {
            let Some(after) = self.rest().strip_prefix("\\\n").or_else(|| self.rest().strip_prefix("\\\r\n")) else {
                return;
            };
            self.at = self.source.len() - after.trim_start_matches(is_blank).len();
        }
    }

    fn take(&mut self, length: usize) -> Range<usize> {
        let start = self.at;
        self.at = (start + length).min(self.source.len());
        start..self.at
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// How long the escape is that `text` begins with; two halves of a surrogate pair are one.
fn escape_length(text: &str) -> usize {
    let digits = match text.as_bytes().get(1) {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        Some(_) => return 1 + text.get(1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
        None => return 1,
    };
    let hex = |from: usize| text.get(from + 2..from + 2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let high = hex(0).is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
    if high && text.get(6..).is_some_and(|next| next.starts_with("\\u")) { 12 } else { (2 + digits).min(text.len()) }
}
