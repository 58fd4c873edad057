//! What the server says about itself: structured logs, metrics, and traces where they are configured.
//!
//! Never in any of them: secrets, e-mail addresses, IP addresses, bodies.

mod logs;
pub mod metrics;
mod traces;

pub use logs::{LogFormat, LogOptions};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Keeps telemetry flowing; flushes traces when it is shut down.
pub struct Telemetry {
    traces: Option<traces::Traces>,
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter can't be read: the filter, and why not.
    #[error("the log filter `{0}` can't be read: write a level (`debug`) or directives (`handraiser=debug,info`): {1}")]
    Filter(String, String),
    /// Traces can't be set up: the endpoint, and why not.
    #[error("traces can't be sent to `{0}`: {1}")]
    Traces(String, String),
    /// Telemetry is set up already in this process.
    #[error("telemetry was set up twice in one process")]
    Twice,
}

/// Sets up logs and, when `otlp_endpoint` names a collector, traces. Call it from within the runtime that is to send them.
///
/// # Errors
/// When the filter or the endpoint can't be used, or on a second call in one process.
pub fn init(options: &LogOptions, otlp_endpoint: Option<&str>) -> Result<Telemetry, TelemetryError> {
    let traces = otlp_endpoint.map(traces::Traces::start).transpose()?;
    tracing_subscriber::registry()
        .with(traces.as_ref().map(traces::Traces::layer))
        .with(logs::layer(options)?)
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what is still held back. Blocks for a few seconds at most.
    pub fn shutdown(self) {
        if let Some(traces) = self.traces {
            traces.shutdown();
        }
    }
}
