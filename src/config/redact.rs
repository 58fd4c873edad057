//! Keeps secrets out of every line that is shown.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::source::{File, Span};
use crate::record::versions::MASK;
use crate::visible::masked;

/// `…secret…: value`, as far as the value may reach on its line.
static ON_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)((?:secret|passw|token|write[_-]?key|api[_-]?key|authoriz|credential|private|cookie)[\w-]*["']?\s*[:=]\s*)(.*)"#)
        .expect("the pattern is well-formed")
});

/// What looks made by a machine: long, of letters and digits. Names in a configuration have `_` or are short.
static RANDOM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/=.-]{12,}").expect("the pattern is well-formed"));

/// The user part of a URL, and what follows its host: either may carry a secret.
static IN_URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"://(?:([^/\s@"']+)@)?(?:\$\{[^}\s]*\}|[^/\s,}\]"'?#])*([/?#][^\s,}\]"']*)?"#)
        .expect("the pattern is well-formed")
});

/// Whether something in `text` looks like a secret.
pub fn looks_secret(text: &str) -> bool {
    ON_LINE.is_match(text) || random(text).next().is_some()
}

fn random(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mixed = |text: &str| [char::is_alphabetic, |c: char| c.is_ascii_digit()].iter().all(|kind| text.contains(kind));
    RANDOM.find_iter(text).filter(move |found| mixed(found.as_str())).map(|found| found.range())
}

/// Line `number` of `file` as it may be shown: every character of a secret is a `•`, so that columns stay right. With
/// `guess`, nothing is known of the file's structure, and what looks like a secret is taken for one.
pub fn line(file: &File, file_number: u16, number: usize, secret: &[Span], guess: bool) -> String {
    let text = file.text.get(file.line(number)).unwrap_or_default();
    let hidden = hidden(file, file_number, number, secret, if guess { 0 } else { text.len() });
    let shown = text.char_indices().map(|(at, c)| if hidden.iter().any(|range| range.contains(&at)) { '•' } else { c });
    masked(&shown.collect::<String>())
}

/// A whole file as it may be kept: [`MASK`] stands in place of each secret. Comments may quote secrets of former days: what looks
/// like one there is taken for one.
pub fn file(file: &File, file_number: u16, secret: &[Span]) -> String {
    let mut out = String::with_capacity(file.text.len());
    for number in 1..=file.text.split('\n').count() {
        let text = file.text.get(file.line(number)).unwrap_or_default();
        let hidden = hidden(file, file_number, number, secret, comment(text));
        let mut is_hidden = false;
        for (at, c) in text.char_indices() {
            let was_hidden = std::mem::replace(&mut is_hidden, hidden.iter().any(|range| range.contains(&at)));
            match (was_hidden, is_hidden) {
                (_, false) => out.push(c),
                (false, true) => out.push_str(MASK),
                (true, true) => {}
            }
        }
        out.push('\n');
    }
    out.truncate(out.trim_end_matches('\n').len());
    out + "\n"
}

/// Where the comment of a line begins; its end when it has none.
fn comment(text: &str) -> usize {
    let begins = |at: &usize| text.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
    text.match_indices('#').map(|(at, _)| at).find(begins).unwrap_or(text.len())
}

/// What is secret of line `number`, by its bytes. From `guess_from` on nothing is known of its structure.
fn hidden(file: &File, file_number: u16, number: usize, secret: &[Span], guess_from: usize) -> Vec<Range<usize>> {
    let bytes = file.line(number);
    let text = file.text.get(bytes.clone()).unwrap_or_default();
    let mut hidden: Vec<Range<usize>> = secret
        .iter()
        .filter(|span| span.file == file_number && span.range().start < bytes.end && span.range().end > bytes.start)
        .map(|span| span.range().start.saturating_sub(bytes.start)..span.range().end - bytes.start)
        .collect();
    let unknown = text.get(guess_from..).unwrap_or_default();
    let named = ON_LINE.captures_iter(unknown).filter_map(|found| found.get(2)).map(|value| value.range());
    hidden.extend(random(unknown).chain(named).map(|range| range.start + guess_from..range.end + guess_from));
    let in_urls = IN_URL.captures_iter(text).flat_map(|found| [found.get(1), found.get(2)]).flatten();
    hidden.extend(in_urls.filter(|part| part.as_str() != "/").map(|part| part.range()));
    let indent = text.len() - text.trim_start().len();
    hidden.into_iter().map(|range| range.start.max(indent)..range.end).collect()
}
