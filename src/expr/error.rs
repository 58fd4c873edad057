//! What is wrong with an expression, where, and how to fix it.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// What is wrong with an expression, where, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Bytes of the source that the message is about.
    pub span: Range<usize>,
    /// ``unknown counter `task_30d` ``
    pub message: String,
    /// ``did you mean `tasks_30d`?``
    pub help: Option<String>,
    /// The signal that has to be compiled before this can be told.
    pub waits_for: Option<Arc<str>>,
}

impl ExprError {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None, waits_for: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with help when there is any.
    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }

    /// The line of `source` in question with a caret under the place, the message and the help, for a terminal.
    pub fn render(&self, source: &str) -> String {
        let start = floor_boundary(source, self.span.start);
        let end = floor_boundary(source, self.span.end).max(start);
        let line_start = source.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = source.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let indent = source.get(line_start..start).map_or(0, |before| before.chars().count());
        let marked = source.get(start..end.min(line_start + line.len())).map_or(0, |text| text.chars().count());
        let mut out = format!("{line}\n{:indent$}{} {}", "", "^".repeat(marked.max(1)), self.message);
        if let Some(help) = &self.help {
            let _ = write!(out, "\n{:indent$}help: {help}", "");
        }
        out
    }
}

/// The last character boundary of `source` that isn't behind `at`.
fn floor_boundary(source: &str, at: usize) -> usize {
    let at = at.min(source.len());
    (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}
