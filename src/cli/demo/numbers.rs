//! The demo's accounting.

use std::time::Duration;

use serde_json::Value;

use crate::cli::paint::Paint;
use crate::cli::words;

/// What was sent and what came of it.
#[derive(Default)]
pub struct Numbers {
    past: usize,
    past_took: Duration,
    /// How long each of today's calls took to be answered.
    acks: Vec<Duration>,
    /// From sending the event that made the difference to the CRM having the lead; first attempts only.
    delays: Vec<Duration>,
    /// The same for those that had to be tried again.
    retried: Vec<Duration>,
}

impl Numbers {
    pub fn past(&mut self, events: usize, took: Duration) {
        (self.past, self.past_took) = (events, took);
    }

    pub fn live(&mut self, took: Duration) {
        self.acks.push(took);
    }

    pub fn delivered(&mut self, delay: Duration, attempt: u32) {
        if attempt > 1 { &mut self.retried } else { &mut self.delays }.push(delay);
    }

    pub fn leads(&self) -> usize {
        self.delays.len() + self.retried.len()
    }

    /// How fast the past went in.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand events")]
    pub fn rate(&self) -> String {
        let seconds = self.past_took.as_secs_f64();
        format!("in {}: {:.0} events/s, durable", span(self.past_took), self.past as f64 / seconds)
    }

    /// The table; what the server counted comes from its own report of its sources.
    pub fn render(&self, sources: &Value, paint: Paint) -> String {
        let total = |field: &str| -> u64 {
            let sources = sources["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
            sources.iter().filter_map(|source| source[field].as_u64()).sum()
        };
        let duplicates = total("duplicates");
        let mut out = String::new();
        let mut row = |what: &str, value: String, note: String| {
            let value = paint.strong(format!("{value:>9}"));
            out.push_str(&format!("   {what:<28}{value}  {}\n", paint.dim(note)));
        };
        row("events counted", (total("accepted") - duplicates).to_string(), String::new());
        row("duplicates recognised", duplicates.to_string(), String::new());
        row("events rejected", total("rejected").to_string(), "handraiser rejected".to_owned());
        row("requests refused", total("unauthorised").to_string(), "wrong signature".to_owned());
        row("leads delivered", self.leads().to_string(), format!("{} after a retry", self.retried.len()));
        row(
            "an event, acknowledged",
            span(middle(&self.acks)),
            format!("median of {}; on disk by then", self.acks.len()),
        );
        row("event → CRM", span(middle(&self.delays)), format!("median; slowest {}", span(slowest(&self.delays))));
        if !self.retried.is_empty() {
            row("event → CRM, after a retry", span(slowest(&self.retried)), String::new());
        }
        out
    }
}

/// A duration in the unit that suits it.
pub fn span(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    if ms < 10.0 {
        format!("{} ms", words::round((ms * 10.0).round() / 10.0))
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    }
}

fn middle(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn slowest(durations: &[Duration]) -> Duration {
    durations.iter().max().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_the_unit_that_suits() {
        let of = |micros| span(Duration::from_micros(micros));
        assert_eq!((of(1_240), of(48_300), of(1_250_000)), ("1.2 ms".into(), "48 ms".into(), "1.2 s".into()));
    }
}
