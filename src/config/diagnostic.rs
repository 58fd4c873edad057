//! What is wrong with a configuration, where, and how to fix it; for people and for programs.

use std::fmt::Write as _;

use owo_colors::{OwoColorize, Style};
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration can't be used.
    Error,
    /// Legal, but surely not what was meant.
    Warning,
}

/// What kind of mistake it is; stable, for programs that read the JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A file can't be read.
    Unreadable,
    /// There is nothing in it.
    Empty,
    /// Not YAML.
    Syntax,
    /// `${NAME}` names a variable that is not set.
    MissingVariable,
    /// A key that doesn't exist here.
    UnknownField,
    /// A key that must be there.
    MissingField,
    /// Text where a list is expected, and the like.
    WrongType,
    /// Of the right type, but not a possible value.
    BadValue,
    /// The same name twice.
    Duplicate,
    /// A name that nothing declares.
    UnknownName,
    /// A condition that can't be compiled.
    Condition,
    /// A template that can't be compiled.
    Template,
    /// Declared and never used.
    Unused,
    /// Can never be reached or never be true.
    Unreachable,
    /// Works, but is not safe.
    Insecure,
    /// Legal, but surely not what was meant.
    Suspicious,
    /// Takes effect only after a restart.
    NeedsRestart,
    /// Taking it over would lose something that nobody may have meant to lose.
    WouldLose,
}

/// One finding, complete in itself: it can be shown without the files at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Diagnostic {
    /// Whether the configuration can be used all the same.
    pub severity: Severity,
    /// The kind of mistake, for programs.
    pub code: Code,
    /// The file as it was named on the command line or in `include`.
    pub file: String,
    /// From 1; 0 when the finding is about the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 when the finding is about the file as a whole.
    pub column: usize,
    /// How many characters of the line it is about.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
    /// The line, with everything secret made unreadable.
    pub excerpt: Option<String>,
}

impl Diagnostic {
    /// A finding about a file as a whole.
    pub fn of_file(severity: Severity, code: Code, file: String, message: String, help: Option<String>) -> Self {
        Self { severity, code, file, line: 0, column: 0, length: 0, message, help, excerpt: None }
    }

    /// Whether the configuration can't be used because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding with its place, line and caret, as compilers show them. Ends with a line break.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint::new(self.severity, colour);
        let mut out = String::new();
        let word = if self.is_error() { "error" } else { "warning" };
        let _ = writeln!(out, "{}{}", word.style(paint.severity), format_args!(": {}", self.message).style(paint.bold));
        let gutter = self.line.to_string().len();
        self.render_place(&mut out, &paint, gutter);
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{:gutter$} {} {help}", "", "= help:".style(paint.frame));
        }
        out
    }

    fn render_place(&self, out: &mut String, paint: &Paint, gutter: usize) {
        if self.line == 0 {
            let _ = writeln!(out, "{:gutter$}{} {}", "", "-->".style(paint.frame), self.file);
            return;
        }
        let bar = "|".style(paint.frame).to_string();
        let place = format!("{}:{}:{}", self.file, self.line, self.column);
        let _ = writeln!(out, "{:gutter$}{} {place}", "", "-->".style(paint.frame));
        let Some(excerpt) = &self.excerpt else { return };
        let pad: String = excerpt.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let carets = "^".repeat(self.length.max(1));
        let _ = writeln!(out, "{:gutter$} {bar}", "");
        let _ = writeln!(out, "{} {bar} {excerpt}", self.line.style(paint.frame));
        let _ = writeln!(out, "{:gutter$} {bar} {pad}{}", "", carets.style(paint.severity));
    }
}

struct Paint {
    severity: Style,
    bold: Style,
    frame: Style,
}

impl Paint {
    fn new(severity: Severity, colour: bool) -> Self {
        if !colour {
            return Self { severity: Style::new(), bold: Style::new(), frame: Style::new() };
        }
        let hue = match severity {
            Severity::Error => Style::new().red().bold(),
            Severity::Warning => Style::new().yellow().bold(),
        };
        Self { severity: hue, bold: Style::new().bold(), frame: Style::new().blue().bold() }
    }
}

/// All findings, one after the other, with a line of totals.
pub fn render_all(diagnostics: &[Diagnostic], colour: bool) -> String {
    let mut out = diagnostics.iter().map(|one| one.render(colour) + "\n").collect::<String>();
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    let totals = [(errors, "error"), (diagnostics.len() - errors, "warning")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| plural(*count, word))
        .collect::<Vec<_>>();
    if !totals.is_empty() {
        let _ = writeln!(out, "{}", totals.join(", "));
    }
    out
}

/// `1 source`, `2 sources`.
pub fn plural(count: usize, word: &str) -> String {
    match word.strip_suffix('y') {
        _ if count == 1 => format!("1 {word}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {word}s"),
    }
}
