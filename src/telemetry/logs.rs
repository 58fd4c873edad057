//! Logs: JSON for machines, lines for people.

use std::fmt::{self as text, Debug};
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use super::TelemetryError;
use crate::visible::escaped;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// `pretty` on a terminal, else `json`.
    #[default]
    Auto,
    /// One JSON object a line, for machines.
    Json,
    /// Lines for people, coloured on a terminal.
    Pretty,
}

/// Libraries that speak where we do already.
const QUIET: &str = "actix_server=warn,rustls_platform_verifier=off";

/// The directives before those of the operator. The HTTP library calls it an error when a stranger sends nonsense: that is for
/// those who look for something.
fn quiet(filter: &str) -> String {
    let looks = |one: &str| matches!(one.trim().to_ascii_lowercase().as_str(), "debug" | "trace");
    let http = if filter.split(',').any(looks) { "debug" } else { "off" };
    format!("{QUIET},actix_http={http}")
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// How the lines look.
    pub format: LogFormat,
    /// A level, or directives as `tracing_subscriber::EnvFilter` reads them.
    pub filter: String,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".to_owned() }
    }
}

pub(super) type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// The layer that writes log lines to standard error.
pub(super) fn layer<S>(options: &LogOptions) -> Result<BoxedLayer<S>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let filter = EnvFilter::try_new(format!("{},{}", quiet(&options.filter), options.filter))
        .map_err(|error| TelemetryError::Filter(options.filter.clone(), error.to_string()))?;
    let terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr);
    let pretty = match options.format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    Ok(if pretty {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let fields = debug_fn(write_field).delimited(" ");
        lines.with_ansi(colours).with_target(false).fmt_fields(fields).with_filter(filter).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed()
    })
}

/// A field as people read it. Values may be a stranger's (an id, a receiver's answer), and terminals obey what they are told. JSON
/// lines need none of this: they go to programs.
fn write_field(out: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> text::Result {
    let value = format!("{value:?}");
    let value = escaped(&value);
    if field.name() == "message" { write!(out, "{value}") } else { write!(out, "{}={value}", field.name()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_for_people_hold_nothing_that_a_terminal_obeys() {
        let kept = Kept::default();
        let writer = kept.clone();
        let fields = debug_fn(write_field).delimited(" ");
        let layer = fmt::layer().with_ansi(false).fmt_fields(fields).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let hostile = "a\u{1b}[2Jb\u{202e}c\nINFO serving";
            let span = tracing::info_span!("request", who = %hostile);
            span.in_scope(|| tracing::warn!(subject = %hostile, id = hostile, n = 3, "told by {hostile}"));
        });
        let text = String::from_utf8(kept.0.lock().expect("nobody panics").clone()).expect("it is text");
        let line = text.strip_suffix('\n').expect("it is a line");
        assert!(!line.contains(crate::visible::is_unsafe), "{line:?}");
        let told = r"told by a\u{1b}[2Jb\u{202e}c\nINFO serving subject=a\u{1b}[2J";
        assert!(line.contains(told) && line.contains("n=3"), "{line}");
    }
}
