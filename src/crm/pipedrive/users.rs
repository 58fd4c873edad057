//! Whose a record is: users of Pipedrive, by e-mail address.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::talk::Talk;
use crate::crm::retry::Failure;

/// For how long users are known. That there is none of an address is known for less: somebody may be mending it.
const KNOWN: Duration = Duration::from_hours(1);
const UNKNOWN: Duration = Duration::from_mins(5);

/// By address in small letters: the id, and whether they are active.
pub(super) type Users = BTreeMap<String, (u64, bool)>;

/// The id of the active user with an address; `None` where there is none.
pub(super) async fn owner(talk: &mut Talk<'_, '_>, email: &str) -> Result<Option<u64>, Failure> {
    let email = email.trim().to_lowercase();
    let active = |users: &Users| users.get(&email).filter(|(_, active)| *active).map(|(id, _)| *id);
    let unknown = format!("no user {email}");
    let known: Option<Users> = talk.looked_up("users").and_then(|text| serde_json::from_str(&text).ok());
    if let Some(known) = known {
        let found = active(&known);
        if found.is_some() || talk.session.known(&unknown).is_some() {
            return Ok(found);
        }
    }
    let found = active(&all(talk).await?);
    if found.is_none() {
        talk.session.learn(&unknown, "", UNKNOWN);
        tracing::warn!("a lead goes to Pipedrive without its owner: no active user there has the rep's e-mail address");
    }
    Ok(found)
}

/// All users, asked for anew.
pub(super) async fn all(talk: &Talk<'_, '_>) -> Result<Users, Failure> {
    #[derive(Deserialize)]
    struct User {
        id: u64,
        #[serde(default)]
        email: String,
        #[serde(default)]
        active_flag: bool,
        #[serde(default)]
        is_deleted: bool,
    }
    let said = talk.read(talk.v1(&["users"])).await?;
    let users = Vec::<User>::deserialize(said)
        .map_err(|error| Failure::unanswered(format!("the users can't be read: {error}"), "users"))?;
    let mut all = Users::new();
    for User { id, email, active_flag, is_deleted } in users {
        let active = active_flag && !is_deleted;
        let known = all.entry(email.to_lowercase()).or_insert((id, active));
        // An address may have been used again.
        if active && !known.1 {
            *known = (id, active);
        }
    }
    talk.session.learn("users", serde_json::to_string(&all).unwrap_or_default(), KNOWN);
    Ok(all)
}
