//! Whose a record is: users of Pipedrive, by e-mail address.

use serde::Deserialize;

use super::talk::Talk;
use crate::crm::owners::Users;
use crate::crm::retry::Failure;

/// The id of the active user with an address; `None` where there is none.
pub(super) async fn owner(talk: &mut Talk<'_, '_>, email: &str) -> Result<Option<u64>, Failure> {
    match Users::looked_up(email, talk.session) {
        Some(known) => Ok(known),
        None => Ok(all(talk).await?.owner(email, "Pipedrive", talk.session)),
    }
}

/// All users, as they were looked up lately, or just now.
pub(super) async fn known(talk: &Talk<'_, '_>) -> Result<Users<u64>, Failure> {
    match Users::known(talk.session) {
        Some(known) => Ok(known),
        None => all(talk).await,
    }
}

/// All users, asked for anew.
pub(super) async fn all(talk: &Talk<'_, '_>) -> Result<Users<u64>, Failure> {
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
    let users = users.into_iter().map(|user| (user.email, user.id, user.active_flag && !user.is_deleted));
    Ok(Users::learned(users, talk.session))
}
