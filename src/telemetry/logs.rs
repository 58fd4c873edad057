//! Logs: JSON for machines, lines for people.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use super::TelemetryError;

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
const QUIET: &str = "actix_server=warn,actix_http=warn,rustls_platform_verifier=off";

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
    let filter = EnvFilter::try_new(format!("{QUIET},{}", options.filter))
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
        lines.with_ansi(colours).with_target(false).with_filter(filter).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed()
    })
}
