//! A box with rounded corners around painted lines.

use super::paint::{Paint, Tone, columns, fit};

/// One line of spans, each with its meaning.
#[derive(Clone, Debug, Default)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    pub fn new() -> Self {
        Self::default()
    }

    /// The line with `text` after it.
    pub fn with(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// The line filled with blanks up to `width` columns.
    pub fn to(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.columns());
        self.with(Tone::Plain, " ".repeat(missing))
    }

    /// How many columns it takes.
    pub fn columns(&self) -> usize {
        self.0.iter().map(|(_, text)| columns(text)).sum()
    }

    /// Painted, and cut to `width` columns.
    pub fn render(&self, paint: Paint, width: usize) -> String {
        let mut left = width;
        let mut out = String::new();
        for (tone, text) in &self.0 {
            let text = fit(text, left);
            left -= columns(&text).min(left);
            out.push_str(&paint.tone(*tone, text));
            if left == 0 {
                break;
            }
        }
        out
    }
}

/// A box of `width` columns: `left` and `right` stand in its upper edge.
pub struct Frame {
    pub tone: Tone,
    pub left: Line,
    pub right: Line,
    pub lines: Vec<Line>,
}

impl Frame {
    pub fn render(&self, paint: Paint, width: usize) -> String {
        let inner = width.saturating_sub(4);
        let edge = |text: String| paint.tone(self.tone, text);
        let mut out = self.head(paint, width);
        for line in &self.lines {
            let text = line.render(paint, inner);
            let padding = inner.saturating_sub(line.columns());
            out.push_str(&format!("{} {text}{} {}\n", edge("│".into()), " ".repeat(padding), edge("│".into())));
        }
        out.push_str(&edge(format!("╰{}╯", "─".repeat(width.saturating_sub(2)))));
        out.push('\n');
        out
    }

    fn head(&self, paint: Paint, width: usize) -> String {
        let edge = |text: String| paint.tone(self.tone, text);
        let right = self.right.columns();
        // `╭─ left ─── right ─╮`: the corners, their dashes, and a blank on either side of each text.
        let edges = if right == 0 { 5 } else { right + 8 };
        let room = width.saturating_sub(edges + 1);
        let rule = width.saturating_sub(edges + self.left.columns().min(room));
        let mut out = format!("{} {} {}", edge("╭─".into()), self.left.render(paint, room), edge("─".repeat(rule)));
        if right > 0 {
            out.push_str(&format!(" {} {}", self.right.render(paint, right), edge("─".into())));
        }
        out.push_str(&edge("╮".into()));
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(right: &str) -> Frame {
        let right = if right.is_empty() { Line::new() } else { Line::new().with(Tone::Dim, right) };
        let lines = vec![Line::new().with(Tone::Strong, "Acme").with(Tone::Plain, " of Graz"), Line::new()];
        Frame { tone: Tone::Good, left: Line::new().with(Tone::Strong, "Tier 1"), right, lines }
    }

    #[test]
    fn every_line_is_as_wide_as_the_frame() {
        for right in ["", "12 ms"] {
            let text = frame(right).render(Paint::plain(), 30);
            assert!(text.lines().all(|line| columns(line) == 30), "{text}");
        }
        insta::assert_snapshot!(frame("12 ms").render(Paint::plain(), 30), @r"
        ╭─ Tier 1 ─────────── 12 ms ─╮
        │ Acme of Graz               │
        │                            │
        ╰────────────────────────────╯
        ");
    }
}
