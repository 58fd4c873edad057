//! A destination that nothing is sent to for now: by an operator, or since it refuses the credentials.

use super::Applying;
use crate::record::{Credentials, DestinationHistory, Pause, PausedBy};

/// Nothing is sent to it from now on.
pub(super) fn pause(history: &mut DestinationHistory, pause: &Pause, applying: &Applying<'_>) {
    // The configuration may have changed since it was tried by these.
    if pause.by == PausedBy::Refused && differ(pause.credentials, applying) {
        return;
    }
    history.pause = Some(pause.clone().over(history.pause.take()));
}

/// An operator says that it may be sent what waits.
pub(super) fn resume(history: &mut DestinationHistory) {
    history.pause = None;
}

/// It took something: it refuses the credentials no longer. What an operator said stands.
pub(super) fn took(history: &mut DestinationHistory) {
    history.pause.take_if(|pause| pause.by == PausedBy::Refused);
}

/// Whether it has other credentials by these rules.
pub(super) fn look(history: &mut DestinationHistory, applying: &Applying<'_>) {
    history.pause.take_if(|pause| pause.by == PausedBy::Refused && differ(pause.credentials, applying));
}

/// Whether the destination of the message has other credentials in the configuration than these.
fn differ(refused: Option<Credentials>, applying: &Applying<'_>) -> bool {
    applying.rules.credentials.get(&applying.key.id).is_some_and(|now| refused.is_some_and(|refused| refused != *now))
}
