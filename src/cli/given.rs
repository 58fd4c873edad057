//! A lead that a command is given: from a file, from what is said of it, or made up.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::output::CommandError;
use crate::crm::sample;
use crate::lead::LeadEvent;

/// A lead, as the command line says it.
#[derive(Debug, clap::Args)]
pub struct Lead {
    /// A lead as JSON: as `handraiser lead <id> --format json` prints it, as a webhook delivers it, or a part of one;
    /// `-` reads standard input. Without one: a lead of tier 1 for the first definition, of whose user and account nothing is
    /// known but what `--set` says
    #[arg(long, value_name = "FILE")]
    lead: Option<PathBuf>,

    /// What is to be another value in it, or all that is known of it: `account.country=DE`, `user.email=ana@acme.com`, `tier=2`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Lead {
    /// Whether anything is said of it.
    pub const fn is_given(&self) -> bool {
        self.lead.is_some() || !self.set.is_empty()
    }

    /// The lead that is asked about: what the file says over nothing, and what `--set` says over that.
    pub fn event(&self, definition: &str) -> Result<LeadEvent, CommandError> {
        let event = sample::minimal();
        let mut lead = serde_json::to_value(&event.lead)?;
        // Nothing is known of the two yet, but that they are.
        let nobody = json!({ "id": "", "name": null, "traits": {} });
        merge(&mut lead, json!({ "definition": definition, "account": nobody, "user": nobody }));
        if let Some(path) = &self.lead {
            let text = if path.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                text
            } else {
                std::fs::read_to_string(path)
                    .map_err(|error| CommandError::message(format!("can't read `{}`: {error}", path.display())))?
            };
            let said: Value = serde_json::from_str(&text)
                .map_err(|error| CommandError::message(format!("`{}` is no JSON: {error}", path.display())))?;
            let said = said.get("lead").cloned().unwrap_or(said);
            merge(&mut lead, said);
        }
        for set in &self.set {
            let (name, value) = set.split_once('=').ok_or_else(|| {
                CommandError::message(format!("`--set {set}`: write a name and a value, as in `account.country=DE`"))
            })?;
            merge(&mut lead, written(name.trim(), value.trim()));
        }
        let lead = serde_json::from_value(lead);
        lead.map(|lead| LeadEvent { lead, ..event })
            .map_err(|error| CommandError::message(format!("this is no lead: {error}")))
    }
}

/// `account.country=DE` as it stands in a lead.
fn written(name: &str, value: &str) -> Value {
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let (root, rest) = name.split_once('.').unwrap_or(("lead", name));
    let below = rest.rsplit('.').fold(value, |value, step| json!({ step: value }));
    match root {
        "account" | "user" if rest == "id" || rest == "name" => json!({ root: below }),
        "account" | "user" => json!({ root: { "traits": below } }),
        _ => below,
    }
}

/// What `said` says stands in `into`.
fn merge(into: &mut Value, said: Value) {
    match (into, said) {
        (Value::Object(into), Value::Object(said)) => {
            for (name, value) in said {
                merge(into.entry(name).or_insert_with(|| Value::Object(Map::new())), value);
            }
        }
        (into, said) => *into = said,
    }
}
