//! Plain tables: aligned columns under a quiet heading, cut to the terminal's width.

use super::paint::{Paint, Tone, columns, fit};

/// A piece of text with its meaning.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into().replace(['\n', '\r', '\t'], " "), tone: Tone::Plain }
    }

    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { tone, ..Self::new(text) }
    }
}

/// Rows under headings. The last column takes what is left of the line, and is cut first.
#[derive(Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

const GAP: usize = 2;

/// No column is cut below this.
const LEAST: usize = 8;

impl Table {
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as lines, each ended.
    pub fn render(&self, paint: Paint) -> String {
        let widths = self.widths(paint.width);
        let headings: Vec<Cell> = self.headings.iter().map(|text| Cell::toned(*text, Tone::Dim)).collect();
        std::iter::once(&headings).chain(&self.rows).map(|row| line(row, &widths, paint)).collect()
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let natural = |index: usize, heading: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| columns(&cell.text));
            cells.max().unwrap_or(0).max(columns(heading))
        };
        let mut widths: Vec<usize> = self.headings.iter().enumerate().map(|(i, h)| natural(i, h)).collect();
        if let Some(limit) = limit {
            shrink(&mut widths, limit);
        }
        widths
    }
}

/// Takes from the last column first, then from the widest.
fn shrink(widths: &mut [usize], limit: usize) {
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let mut excess = total(widths).saturating_sub(limit);
    if let Some(last) = widths.last_mut() {
        let give = excess.min(last.saturating_sub(LEAST * 3));
        *last -= give;
        excess -= give;
    }
    while excess > 0 {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > LEAST) else { return };
        *widest -= 1;
        excess -= 1;
    }
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let mut out = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let text = fit(&cell.text, *width);
        let padding = width + GAP - columns(&text).min(*width);
        out.push_str(&paint.tone(cell.tone, &text));
        out.push_str(&" ".repeat(padding));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["LEAD", "WHY"]);
        table.row(vec![Cell::new("ld_1"), Cell::new("17 people at Acme created 132 tasks this month")]);
        table.row(vec![Cell::new("ld_22"), Cell::toned("two\nlines", Tone::Good)]);
        table
    }

    #[test]
    fn columns_are_aligned() {
        insta::assert_snapshot!(table().render(Paint::plain()), @r"
        LEAD   WHY
        ld_1   17 people at Acme created 132 tasks this month
        ld_22  two lines
        ");
    }

    #[test]
    fn the_last_column_is_cut_to_the_width() {
        let lines = table().render(Paint { colour: false, width: Some(40) });
        assert!(lines.lines().all(|line| columns(line) <= 40), "{lines}");
        assert!(lines.contains("17 people at Acme created 132 ta…"), "{lines}");
    }
}
