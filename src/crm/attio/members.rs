//! Whose a record is: members of the workspace, by e-mail address.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::talk::Talk;
use crate::crm::retry::Failure;

/// For how long members are known. That there is none of an address is known for less: somebody may be mending it.
const KNOWN: Duration = Duration::from_hours(1);
const UNKNOWN: Duration = Duration::from_mins(5);

/// By address in small letters: the id, and whether they are active.
pub(super) type Members = BTreeMap<String, (String, bool)>;

/// The id of the active member with an address; `None` where there is none.
pub(super) async fn owner(talk: &mut Talk<'_, '_>, email: &str) -> Result<Option<String>, Failure> {
    let email = email.trim().to_lowercase();
    let active = |members: &Members| members.get(&email).filter(|(_, active)| *active).map(|(id, _)| id.clone());
    let unknown = format!("no member {email}");
    let known: Option<Members> = talk.looked_up("members").and_then(|text| serde_json::from_str(&text).ok());
    if let Some(known) = known {
        let found = active(&known);
        if found.is_some() || talk.session.known(&unknown).is_some() {
            return Ok(found);
        }
    }
    let found = active(&all(talk).await?);
    if found.is_none() {
        talk.session.learn(&unknown, "", UNKNOWN);
        tracing::warn!("a lead goes to Attio without its owner: no active member there has the rep's e-mail address");
    }
    Ok(found)
}

/// All members, asked for anew.
pub(super) async fn all(talk: &Talk<'_, '_>) -> Result<Members, Failure> {
    let said = talk.hear(Method::GET, talk.url(&["workspace_members"]), None).await?;
    let member = |member: &Value| {
        let id = member.pointer("/id/workspace_member_id")?.as_str()?.to_owned();
        let active = member.get("access_level").is_some_and(|level| *level != "suspended");
        Some((member.get("email_address")?.as_str()?.to_lowercase(), (id, active)))
    };
    let all: Members = said.as_array().into_iter().flatten().filter_map(member).collect();
    talk.session.learn("members", serde_json::to_string(&all).unwrap_or_default(), KNOWN);
    Ok(all)
}
