//! What was said of a trait, as text.

use std::collections::BTreeMap;

use super::timed;
use crate::event::Trust;
use crate::record::{Said, Trait};
use crate::time::Millis;

pub(super) fn read_trait(value: &str, trust: Trust) -> Option<Trait> {
    let (at, json) = value.split_once(' ')?;
    Some(Trait { value: serde_json::from_str(json).ok()?, at: Millis::parse(at)?, trust })
}

/// `2026-11-21T09:30:00.000Z server {"crm":"51-200"}`
pub(super) fn write_said(Said { source, said }: &Said, out: &mut String) {
    let json = serde_json::to_string(&BTreeMap::from([(source, &said.value)])).unwrap_or_default();
    timed(said.at, &format!("{} {json}", said.trust.as_str()), out);
}

pub(super) fn read_said(value: &str) -> Option<Said> {
    let (at, rest) = value.split_once(' ')?;
    let (trust, json) = rest.split_once(' ')?;
    let (source, value) = serde_json::from_str::<BTreeMap<Box<str>, serde_json::Value>>(json).ok()?.pop_first()?;
    Some(Said { source, said: Trait { value, at: Millis::parse(at)?, trust: Trust::read(trust)? } })
}
