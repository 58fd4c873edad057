//! The text of the configuration's files, and places in it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A stretch of bytes in one of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which file: its position in [`Sources`].
    pub file: u16,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes `range` of file number `file`.
    pub fn new(file: u16, range: Range<usize>) -> Self {
        let clip = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: clip(range.start), end: clip(range.end.max(range.start)) }
    }

    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Line and column, both from 1; columns count characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// One file that was read.
#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
    pub text: Arc<str>,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl File {
    fn new(path: PathBuf, text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { path, text: Arc::from(text), lines: std::iter::once(0).chain(starts).collect() }
    }

    /// Where `offset` is; offsets beyond the end are at the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = floor_char(&self.text, offset);
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        // A place within the line's break is behind its last character.
        let Range { start, end } = self.line(line);
        let column = self.text.get(start..offset.min(end)).map_or(0, |before| before.chars().count()) + 1;
        Position { line, column }
    }

    /// The bytes of line `line` (from 1), without its line break.
    pub fn line(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(start..end).unwrap_or_default();
        start..start + text.trim_end_matches('\r').len()
    }
}

/// The greatest character boundary of `text` that is not beyond `offset`.
pub(super) fn floor_char(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Every file that was read, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// Adds a file and returns its number.
    pub fn add(&mut self, path: &Path, text: &str) -> u16 {
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX);
        self.files.push(File::new(path.to_owned(), text));
        number
    }

    pub fn file(&self, number: u16) -> Option<&File> {
        self.files.get(usize::from(number))
    }

    pub fn iter(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The text that `span` covers.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file).and_then(|file| file.text.get(span.range())).unwrap_or_default()
    }

    /// `path:line`, for messages that point at a second place.
    pub fn name_place(&self, span: Span) -> String {
        self.file(span.file).map_or_else(String::new, |file| {
            format!("{}:{}", file.path.display(), file.position(span.start as usize).line)
        })
    }
}

pub(super) type Reader<'a> = dyn Fn(&Path) -> io::Result<String> + 'a;

/// What to say when a file can't be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "it doesn't exist".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    format!("can't read `{}`: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_within_a_line_s_break_is_behind_its_last_character() {
        let text = "ünï: 1\r\r\r\nb";
        let file = File::new(PathBuf::new(), text);
        assert_eq!(text.get(file.line(1)), Some("ünï: 1"));
        for offset in text.find('\r').expect("there is one")..=text.find('\n').expect("there is one") {
            assert_eq!(file.position(offset), Position { line: 1, column: 7 });
        }
        assert_eq!(file.position(text.len() - 1), Position { line: 2, column: 1 });
        assert_eq!(file.position(text.len() + 9), Position { line: 2, column: 2 });
    }
}
