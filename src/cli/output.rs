//! What every command does in the same way: print, and fail.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::paint::Paint;
use crate::config::diagnostic::{self, Diagnostic};
use crate::config::{self, Config, Loaded};
use crate::visible::json_escaped;

/// Why a command failed, in words for the person who called it.
#[derive(Debug)]
pub struct CommandError {
    /// Why.
    pub message: String,
    /// What the program exits with.
    pub code: u8,
}

impl CommandError {
    /// The exit code of what failed.
    pub const FAILED: u8 = 1;
    /// The exit code where a change of the configuration would lose something.
    pub const WOULD_LOSE: u8 = 3;

    pub fn message(text: impl Into<String>) -> Self {
        Self { message: text.into(), code: Self::FAILED }
    }
}

impl<E: std::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self::message(error.to_string())
    }
}

/// Writes to standard output. A reader who has gone away (`| head`) is no failure.
pub fn show(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

pub fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    show(&format!("{}\n", json_escaped(&serde_json::to_string_pretty(value)?)))
}

pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, CommandError> {
    serde_json::from_value(value).map_err(|error| {
        CommandError::message(format!("the server's answer can't be read ({error}); is it of this version?"))
    })
}

/// What is wrong with a configuration, in full.
pub fn findings(all: &[Diagnostic]) -> CommandError {
    let colour = Paint::stderr().colour;
    CommandError::message(format!(
        "the configuration can't be used\n\n{}",
        diagnostic::render_all(all, colour).trim_end()
    ))
}

/// The configuration in a file, as a server would read it.
pub fn load(file: &Path) -> Result<Config, CommandError> {
    let Loaded { config, .. } = config::load(file, &config::process_env).map_err(|all| findings(&all))?;
    Ok(config)
}
