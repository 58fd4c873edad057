//! Secrets from the configuration: compared and signed with, never shown.

use std::fmt;
use std::sync::Arc;

/// A secret from the configuration. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A secret as configured; an empty one lets nobody in.
    pub fn new(value: &str) -> Self {
        Self(Arc::from(value))
    }

    /// The secret itself; only for comparing and signing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
