//! Whose a record is, where a vendor lists all its users: their ids by e-mail address, as looked up a while ago.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::adapter::Proof;
use super::session::Session;

/// For how long users are known. That there is none of an address is known for less: somebody may be mending it.
const KNOWN: Duration = Duration::from_hours(1);
const UNKNOWN: Duration = Duration::from_mins(5);
/// What is remembered of the destination: its users.
const USERS: &str = "users";

/// The users of a destination, by address in small letters: the id, and whether they are active.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Users<I>(BTreeMap<String, (I, bool)>);

impl<I: Clone + PartialEq + Serialize + DeserializeOwned> Users<I> {
    /// All that there are, asked for just now. Of several with one address an active one counts.
    pub fn learned(all: impl IntoIterator<Item = (String, I, bool)>, session: &Session<'_>) -> Self {
        let mut users = BTreeMap::new();
        for (email, id, is_active) in all {
            let known = users.entry(email.to_lowercase()).or_insert_with(|| (id.clone(), is_active));
            if is_active && !known.1 {
                *known = (id, true);
            }
        }
        let users = Self(users);
        session.learn(USERS, serde_json::to_string(&users).unwrap_or_default(), KNOWN);
        users
    }

    fn active(&self, email: &str) -> Option<I> {
        self.0.get(email).filter(|(_, is_active)| *is_active).map(|(id, _)| id.clone())
    }

    /// All that there are, as far as they were looked up lately.
    pub fn known(session: &Session<'_>) -> Option<Self> {
        session.known(USERS).and_then(|text| serde_json::from_str(&text).ok())
    }

    /// The address of a user, active or not.
    pub fn email(&self, id: &I) -> Option<&str> {
        self.0.iter().find(|(_, (known, _))| known == id).map(|(email, _)| email.as_str())
    }

    /// The id of the active user with an address, as far as it was looked up lately; else all have to be asked for.
    pub fn looked_up(email: &str, session: &mut Session<'_>) -> Option<Option<I>> {
        let email = email.trim().to_lowercase();
        let users: Self = session.looked_up(USERS).and_then(|text| serde_json::from_str(&text).ok())?;
        let found = users.active(&email);
        (found.is_some() || session.known(&unknown(&email)).is_some()).then_some(found)
    }

    /// The id of the active user with an address; that there is none is told, and remembered.
    pub fn owner(&self, email: &str, vendor: &str, session: &Session<'_>) -> Option<I> {
        let email = email.trim().to_lowercase();
        let found = self.active(&email);
        if found.is_none() {
            session.learn(&unknown(&email), "", UNKNOWN);
            tracing::warn!(
                vendor,
                "a lead goes out without its owner: no active user there has the rep's e-mail address"
            );
        }
        found
    }

    /// Whether each rep is an active one of what users are called there; `away` is what one who isn't active is.
    pub fn proof(&self, reps: &[&str], (called, away): (&str, &str), fix: &str) -> Proof {
        let told = |email: &&&str| match self.0.get(&email.to_lowercase()) {
            Some((_, true)) => None,
            Some(_) => Some(format!("{email} ({away})")),
            None => Some((**email).to_owned()),
        };
        let unknown: Vec<String> = reps.iter().filter_map(|email| told(&email)).collect();
        if unknown.is_empty() {
            return Proof::good("owners", format!("all {} reps are active {called}", reps.len()));
        }
        let found = format!("{} of {} are no active {called}: {}", unknown.len(), reps.len(), unknown.join(", "));
        Proof::bad("owners", found, fix)
    }
}

fn unknown(email: &str) -> String {
    format!("no user {email}")
}
