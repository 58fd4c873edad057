//! A table of the report, as Markdown that goes into `docs/performance.md` as it is; and how figures are written.

use std::fmt;
use std::time::Duration;

use crate::latency::Summary;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

/// A table without rows is not shown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [head, rows @ ..] = self.rows.as_slice() else { return Ok(()) };
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(f, "| {} |\n|---|{}", head.join(" | "), "--:|".repeat(head.len().saturating_sub(1)))?;
        rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))?;
        writeln!(f)
    }
}

/// p50, p99, p99.9, the greatest, and how many there were.
pub fn latencies(summary: &Summary) -> [String; 5] {
    let Summary { count, p50, p99, p999, max } = *summary;
    [ms(p50), ms(p99), ms(p999), ms(max), thousands(count as f64)]
}

pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

pub fn one_decimal(value: f64) -> String {
    format!("{value:.1}")
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}

pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
