//! Where findings are gathered, placed, and stripped of everything secret.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::redact;
use super::source::{Sources, Span};
use crate::visible::masked;

/// More errors than this, or more warnings, help nobody.
const MOST: usize = 500;

/// A finding before it is placed.
#[derive(Clone, Debug)]
pub struct Problem {
    severity: Severity,
    code: Code,
    at: Option<Span>,
    message: String,
    help: Option<String>,
}

impl Problem {
    pub fn error(at: Span, code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, at: Some(at), message: message.into(), help: None }
    }

    pub fn warning(at: Span, code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, code, message) }
    }

    /// How to fix it.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Everything found so far, and the files that it was found in.
#[derive(Debug, Default)]
pub struct Findings {
    pub sources: Sources,
    diagnostics: Vec<Diagnostic>,
    /// Stretches of the files that no excerpt may show.
    secret: Vec<Span>,
    /// Files of which no tree could be made, so that only their lines can tell what is secret.
    unparsed: Vec<u16>,
}

impl Findings {
    /// Adds a finding. The same finding at the same place is kept once: aliases and merges lead there more than once.
    pub fn push(&mut self, problem: Problem) {
        // Counted apart: an error that is dropped behind so many warnings would make a wrong configuration pass for a right one.
        if self.diagnostics.iter().filter(|one| one.severity == problem.severity).count() >= MOST {
            return;
        }
        let diagnostic = self.place(problem);
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Adds a finding about the file `path` as a whole.
    pub fn push_whole(&mut self, severity: Severity, code: Code, path: &str, message: String, help: Option<String>) {
        self.diagnostics.push(Diagnostic::of_file(severity, code, path.to_owned(), message, help));
    }

    /// No excerpt may show this.
    pub fn hide_span(&mut self, at: Span) {
        self.secret.push(at);
    }

    /// What no excerpt may show.
    pub fn secret(&self) -> &[Span] {
        &self.secret
    }

    /// Whether no excerpt may show this.
    pub fn hides(&self, at: Span) -> bool {
        self.secret.contains(&at)
    }

    /// Nothing is known of the structure of file number `file`.
    pub fn unparsed(&mut self, file: u16) {
        self.unparsed.push(file);
    }

    /// Drops everything found in file number `file`.
    pub fn forget(&mut self, file: u16) {
        let path = self.sources.file(file).map(|file| file.path.display().to_string());
        self.diagnostics.retain(|one| Some(&one.file) != path.as_ref());
    }

    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Everything found, by file and place.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.seal();
        let order: Vec<String> = self.sources.iter().map(|file| file.path.display().to_string()).collect();
        let rank = |one: &Diagnostic| order.iter().position(|path| *path == one.file);
        self.diagnostics.sort_by_key(|one| (rank(one), one.line, one.column));
        self.diagnostics
    }

    /// Adds the excerpts, once everything secret is known.
    fn seal(&mut self) {
        for one in self.diagnostics.iter_mut().filter(|one| one.line > 0) {
            let file = self.sources.iter().position(|file| file.path.display().to_string() == one.file);
            let Some(number) = file.and_then(|at| u16::try_from(at).ok()) else { continue };
            let Some(file) = self.sources.file(number) else { continue };
            let guess = self.unparsed.contains(&number);
            one.excerpt = Some(redact::line(file, number, one.line, &self.secret, guess));
        }
    }

    fn place(&self, problem: Problem) -> Diagnostic {
        let Problem { severity, code, at, message, help } = problem;
        let (message, help) = (masked(&message), help.map(|help| masked(&help)));
        let found = at.and_then(|at| Some((at, self.sources.file(at.file)?)));
        let Some((at, file)) = found else {
            return Diagnostic::of_file(severity, code, String::new(), message, help);
        };
        let start = file.position(at.start as usize);
        let line = file.line(start.line);
        let end = (at.end as usize).clamp(at.start as usize, line.end.max(at.start as usize));
        let length = file.text.get(at.start as usize..end).map_or(1, |text| text.trim_end().chars().count()).max(1);
        let whole = Diagnostic::of_file(severity, code, file.path.display().to_string(), message, help);
        Diagnostic { line: start.line, column: start.column, length, ..whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_warnings_hides_an_error() {
        let mut findings = Findings::default();
        for number in 0..=MOST {
            findings.push(Problem::warning(Span::default(), Code::Suspicious, format!("warning {number}")));
        }
        findings.push(Problem::error(Span::default(), Code::BadValue, "an error"));
        assert!(findings.has_errors());
        assert_eq!(findings.finish().len(), MOST + 1);
    }
}
