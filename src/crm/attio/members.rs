//! Whose a record is: members of the workspace, by e-mail address.

use reqwest::Method;
use serde_json::Value;

use super::talk::Talk;
use crate::crm::owners::Users;
use crate::crm::retry::Failure;

/// The id of the active member with an address; `None` where there is none.
pub(super) async fn owner(talk: &mut Talk<'_, '_>, email: &str) -> Result<Option<String>, Failure> {
    match Users::looked_up(email, talk.session) {
        Some(known) => Ok(known),
        None => Ok(all(talk).await?.owner(email, "Attio", talk.session)),
    }
}

/// All members, as they were looked up lately, or just now.
pub(super) async fn known(talk: &Talk<'_, '_>) -> Result<Users<String>, Failure> {
    match Users::known(talk.session) {
        Some(known) => Ok(known),
        None => all(talk).await,
    }
}

/// All members, asked for anew.
pub(super) async fn all(talk: &Talk<'_, '_>) -> Result<Users<String>, Failure> {
    let said = talk.hear(Method::GET, talk.url(&["workspace_members"]), None).await?;
    let member = |member: &Value| {
        let id = member.pointer("/id/workspace_member_id")?.as_str()?.to_owned();
        let is_active = member.get("access_level").is_some_and(|level| *level != "suspended");
        Some((member.get("email_address")?.as_str()?.to_owned(), id, is_active))
    };
    Ok(Users::learned(said.as_array().into_iter().flatten().filter_map(member), talk.session))
}
