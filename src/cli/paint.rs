//! How text output looks: colours where they are wanted, and the width that there is.

use std::fmt::Display;
use std::io::IsTerminal;

use owo_colors::{OwoColorize, Style};
use unicode_width::UnicodeWidthStr;

/// Whether to paint, and how wide a line may be.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub colour: bool,
    /// Columns of the terminal; `None` when the output goes elsewhere and lines may be as long as they are.
    pub width: Option<usize>,
}

/// What a piece of text means; colours follow from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Strong,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
}

impl Paint {
    /// For standard output: colours on a terminal, unless `NO_COLOR` says otherwise or `FORCE_COLOR` insists.
    pub fn stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width = terminal
            .then(|| terminal_size::terminal_size().map_or(80, |(columns, _)| usize::from(columns.0)))
            .filter(|width| *width >= 40);
        Self { colour: supports(owo_colors::Stream::Stdout), width }
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self { colour: supports(owo_colors::Stream::Stderr), width: None }
    }

    /// Without colours or limits.
    #[cfg(test)]
    pub const fn plain() -> Self {
        Self { colour: false, width: None }
    }

    /// For text that is going to be indented by so many columns.
    pub fn indented(&self, columns: usize) -> Self {
        Self { width: self.width.map(|width| width.saturating_sub(columns)), ..*self }
    }

    /// `text` in the colour of its meaning.
    pub fn tone(&self, tone: Tone, text: impl Display) -> String {
        let style = match tone {
            _ if !self.colour => return text.to_string(),
            Tone::Plain => return text.to_string(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Good => Style::new().green(),
            Tone::Warn => Style::new().yellow(),
            Tone::Bad => Style::new().red(),
            Tone::Accent => Style::new().cyan(),
        };
        text.style(style).to_string()
    }

    pub fn strong(&self, text: impl Display) -> String {
        self.tone(Tone::Strong, text)
    }

    pub fn dim(&self, text: impl Display) -> String {
        self.tone(Tone::Dim, text)
    }

    /// ✓, ✗ or ? for true, false and unknown.
    pub fn mark(&self, met: Option<bool>) -> String {
        let (tone, sign) = match met {
            Some(true) => (Tone::Good, "✓"),
            Some(false) => (Tone::Bad, "✗"),
            None => (Tone::Warn, "?"),
        };
        self.tone(tone, sign)
    }

    /// A bar of `cells` cells, filled as far as `progress` (0 to 1) says.
    pub fn bar(&self, progress: f64, cells: usize) -> String {
        let progress = progress.clamp(0.0, 1.0);
        // A bar that is not there yet never looks full.
        let filled = if progress >= 1.0 { cells } else { share(progress, cells).min(cells.saturating_sub(1)) };
        let tone = if progress >= 1.0 { Tone::Good } else { Tone::Warn };
        format!("{}{}", self.tone(tone, "█".repeat(filled)), self.dim("░".repeat(cells - filled)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few dozen cells"
)]
fn share(progress: f64, cells: usize) -> usize {
    (progress * cells as f64).round() as usize
}

fn supports(stream: owo_colors::Stream) -> bool {
    // `if_supports_color` knows the conventions (NO_COLOR, FORCE_COLOR, CI); what it does to a text tells what it found.
    "x".if_supports_color(stream, |text| text.bold()).to_string() != "x"
}

/// How many columns `text` takes; it must not be painted yet.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// `text` cut to `width` columns, with an ellipsis where something is missing.
pub fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if columns(&out) + columns(c.encode_utf8(&mut [0; 4])) + 1 > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// `text` in lines of at most `width` columns, broken between words.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if columns(line) + 1 + columns(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// `items` with `separator` between them, in lines of at most `width` columns.
pub fn wrap_list(items: &[String], separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if columns(line) + columns(separator) + columns(item) <= width => {
                line.push_str(separator);
                line.push_str(item);
            }
            _ => lines.push(fit(item, width)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_keeps_to_the_width() {
        assert_eq!(fit("Acme", 4), "Acme");
        assert_eq!(fit("Acme Inc", 5), "Acme…");
        assert_eq!(fit("日本語", 5), "日本…");
    }

    #[test]
    fn wrapping_breaks_between_words() {
        assert_eq!(wrap("17 people at Acme", 9), ["17 people", "at Acme"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
    }

    #[test]
    fn an_unfinished_bar_is_never_full() {
        assert_eq!(Paint::plain().bar(0.99, 4), "███░");
        assert_eq!(Paint::plain().bar(1.0, 4), "████");
        assert_eq!(Paint::plain().bar(0.0, 4), "░░░░");
    }
}
