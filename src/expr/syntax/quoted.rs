//! Quoted text: which bytes it covers, and what its escapes mean.

use super::super::ExprError;
use super::Errors;

/// Said of a quote that opens a text which the line doesn't end.
pub(super) const UNCLOSED: &str = "this quote is never closed";

/// The text at the start of `rest`, which begins at byte `at` of the source, and its length in bytes; `None` when none is there.
pub(super) fn read(rest: &str, at: usize, errors: &mut Errors) -> Option<(String, usize)> {
    if let Some(curly) = read_curly(rest, at, errors) {
        return Some(curly);
    }
    let raw = rest.starts_with(['r', 'R']);
    let quoted = rest.get(usize::from(raw)..)?;
    let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let opening = usize::from(raw) + 1;
    let body = rest.get(opening..)?;
    let Some(end) = find_end(body, quote, raw) else { return Some(unclosed(rest, at, opening, errors)) };
    let content = body.get(..end)?;
    let text = if raw { content.to_owned() } else { unescape(content, at + opening, quote, errors) };
    Some((text, opening + end + 1))
}

/// Where the closing quote stands in `body`, on the same line.
fn find_end(body: &str, quote: char, raw: bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '\n' | '\r' => return None,
            _ if escaped => escaped = false,
            '\\' if !raw => escaped = true,
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unclosed(rest: &str, at: usize, opening: usize, errors: &mut Errors) -> (String, usize) {
    let error = ExprError::new(at..at + opening, UNCLOSED).help("end the text with the same quote");
    errors.fatal(error);
    (String::new(), rest.find('\n').unwrap_or(rest.len()).max(opening))
}

/// Text in the curly quotes that word processors make.
fn read_curly(rest: &str, at: usize, errors: &mut Errors) -> Option<(String, usize)> {
    let first = rest.chars().next()?;
    let closing: &[char] = match first {
        '“' | '”' | '„' => &['“', '”', '"'],
        '‘' | '’' | '‚' => &['‘', '’', '\''],
        _ => return None,
    };
    let body = rest.get(first.len_utf8()..)?;
    let Some((end, last)) =
        body.char_indices().find(|(_, c)| closing.contains(c) || *c == '\n').filter(|(_, c)| *c != '\n')
    else {
        return Some(unclosed(rest, at, first.len_utf8(), errors));
    };
    let length = first.len_utf8() + end + last.len_utf8();
    let error = ExprError::new(at..at + length, "curly quotes can't enclose text");
    errors.push(error.help("write straight quotes: `\"…\"`"), ());
    Some((body.get(..end)?.to_owned(), length))
}

/// What `content`, which begins at byte `at` of the source, means.
fn unescape(content: &str, at: usize, quote: char, errors: &mut Errors) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, tail)) = rest.split_once('\\') {
        text.push_str(before);
        let (meant, length) = escape(tail).unwrap_or_else(|| {
            let start = at + content.len() - tail.len() - 1;
            let escape = tail.chars().next().unwrap_or('\\');
            let shown = escape.escape_debug();
            let error = ExprError::new(
                start..start + 1 + escape.len_utf8(),
                format!("`\\{shown}` means nothing within quotes"),
            );
            let help = format!("write `\\\\{shown}`, or put an `r` before the opening quote: `r{quote}…{quote}`");
            errors.push(error.help(help), (escape, escape.len_utf8()))
        });
        text.push(meant);
        rest = tail.get(length..).unwrap_or_default();
    }
    text + rest
}

/// The character that `tail`, what follows a backslash, stands for, and how many bytes of it belong to that.
fn escape(tail: &str) -> Option<(char, usize)> {
    let first = tail.chars().next()?;
    let (radix, digits, skipped) = match first {
        '"' | '\'' | '\\' | '?' | '`' => return Some((first, 1)),
        'n' => return Some(('\n', 1)),
        'r' => return Some(('\r', 1)),
        't' => return Some(('\t', 1)),
        'a' => return Some(('\u{7}', 1)),
        'b' => return Some(('\u{8}', 1)),
        'v' => return Some(('\u{b}', 1)),
        'f' => return Some(('\u{c}', 1)),
        'x' | 'X' => (16, tail.get(1..3)?, 1),
        'u' => (16, tail.get(1..5)?, 1),
        'U' => (16, tail.get(1..9)?, 1),
        '0'..='3' => (8, tail.get(..3)?, 0),
        _ => return None,
    };
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some((char::from_u32(u32::from_str_radix(digits, radix).ok()?)?, skipped + digits.len()))
}
