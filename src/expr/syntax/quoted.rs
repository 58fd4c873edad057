//! Quoted text: which bytes it covers, and whether its escapes mean anything.

use std::borrow::Cow;

use super::super::ExprError;
use super::Found;

/// A text literal at the start of some source.
pub(super) struct Quoted<'s> {
    pub length: usize,
    /// As the parser shall see it.
    pub text: Cow<'s, str>,
    pub found: Vec<Found>,
}

/// Reads a text literal when `rest`, which begins at byte `at` of the source, starts with one.
pub(super) fn read(rest: &str, at: usize) -> Option<Quoted<'_>> {
    if let Some(curly) = read_curly(rest, at) {
        return Some(curly);
    }
    let prefix = rest.find(['"', '\'']).filter(|length| *length <= 2)?;
    let raw = match rest.get(..prefix)? {
        "" => false,
        "r" | "R" => true,
        "b" | "B" | "br" | "bR" | "Br" | "BR" => return Some(refuse_bytes(rest, at, prefix)),
        _ => return None,
    };
    let quote = quote_at(rest.get(prefix..)?)?;
    let body = rest.get(prefix + quote.len()..)?;
    let mut found = Vec::new();
    let Some(end) = find_end(body, quote, raw) else {
        return Some(unclosed(rest, at, prefix + quote.len()));
    };
    let content = body.get(..end)?;
    if !raw {
        found.extend(bad_escape(content, at + prefix + quote.len(), quote).map(Found::from));
    }
    let length = prefix + quote.len() + end + quote.len();
    Some(Quoted { length, text: Cow::Borrowed(rest.get(..length)?), found })
}

/// The quotes that open `text`: three of a kind, or one.
fn quote_at(text: &str) -> Option<&'static str> {
    ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote))
}

/// Where the closing quotes stand in `body`. One line only, unless the quotes are triple.
fn find_end(body: &str, quote: &str, raw: bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && !raw {
            escaped = true;
        } else if body.get(at..).is_some_and(|tail| tail.starts_with(quote)) {
            return Some(at);
        }
        if quote.len() == 1 && matches!(c, '\n' | '\r') {
            return None;
        }
    }
    None
}

fn unclosed(rest: &str, at: usize, opening: usize) -> Quoted<'_> {
    let length = rest.find('\n').unwrap_or(rest.len()).max(opening);
    let error = ExprError::new(at..at + opening, "this quote is never closed").help("end the text with the same quote");
    Quoted { length, text: Cow::Borrowed("\"\""), found: vec![error.into()] }
}

fn refuse_bytes(rest: &str, at: usize, prefix: usize) -> Quoted<'_> {
    let length = read(rest.get(prefix..).unwrap_or_default(), at + prefix).map_or(1, |inner| inner.length);
    let error = ExprError::new(at..at + prefix + length, "conditions know no bytes").help("leave the `b` away");
    Quoted { length: prefix + length, text: Cow::Borrowed("\"\""), found: vec![error.into()] }
}

/// Text in the curly quotes that word processors make.
fn read_curly(rest: &str, at: usize) -> Option<Quoted<'_>> {
    let first = rest.chars().next()?;
    let closing: &[char] = match first {
        '“' | '”' | '„' => &['“', '”', '"'],
        '‘' | '’' | '‚' => &['‘', '’', '\''],
        _ => return None,
    };
    let body = rest.get(first.len_utf8()..)?;
    let Some((end, last)) = body.char_indices().find(|(_, c)| closing.contains(c) || *c == '\n') else {
        return Some(unclosed(rest, at, first.len_utf8()));
    };
    let length = first.len_utf8() + end + last.len_utf8();
    let error =
        ExprError::new(at..at + length, "curly quotes can't enclose text").help("write straight quotes: `\"…\"`");
    let content = body.get(..end)?.replace('\\', "\\\\").replace('"', "\\\"");
    Some(Quoted { length, text: Cow::Owned(format!("\"{content}\"")), found: vec![Found::fixed(error)] })
}

/// The first escape of `content`, which begins at byte `at`, that means nothing.
fn bad_escape(content: &str, at: usize, quote: &str) -> Option<ExprError> {
    let mut rest = content;
    while let Some(position) = rest.find('\\') {
        let offset = content.len() - rest.len() + position;
        let tail = rest.get(position + 1..)?;
        let escape = tail.chars().next()?;
        let Some(length) = escape_length(tail, escape) else {
            let span = at + offset..at + offset + 1 + escape.len_utf8();
            let message = format!("`\\{}` means nothing within quotes", escape.escape_debug());
            let help = format!(
                "write `\\\\{}`, or put an `r` before the opening quote: `r{quote}…{quote}`",
                escape.escape_debug()
            );
            return Some(ExprError::new(span, message).help(help));
        };
        rest = tail.get(length..)?;
    }
    None
}

/// How many bytes of `tail`, what follows a backslash, belong to the escape; `None` when it means nothing.
fn escape_length(tail: &str, escape: char) -> Option<usize> {
    let digits = match escape {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`' => return Some(1),
        'x' | 'X' => tail.get(1..3)?,
        'u' => tail.get(1..5)?,
        'U' => tail.get(1..9)?,
        '0'..='3' => return octal_length(tail),
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some(1 + digits.len())
}

fn octal_length(tail: &str) -> Option<usize> {
    tail.get(..3)?.bytes().all(|byte| (b'0'..=b'7').contains(&byte)).then_some(3)
}
