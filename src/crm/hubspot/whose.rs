//! Whose a record in HubSpot is, and moments as HubSpot tells them.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;

use super::answers::{failure, silent};
use super::talk::Talk;
use crate::crm::retry::Failure;
use crate::record::SeenOwner;
use crate::time::Millis;

/// For how long owners are known.
const KNOWN: Duration = Duration::from_hours(1);

/// Who an owner is; a queue, or one who is gone, is nobody that can be known.
pub(super) async fn whose(talk: &Talk<'_, '_>, id: &str) -> Result<Option<SeenOwner>, Failure> {
    #[derive(Deserialize)]
    struct Owner {
        #[serde(default)]
        email: String,
        #[serde(default, rename = "type")]
        kind: String,
    }
    let name = format!("owner {id}");
    let email = match talk.session.known(&name) {
        Some(known) => known,
        None => {
            let answer = talk.ask(Method::GET, talk.url("owners", &[id]), None).await?;
            let owner: Option<Owner> = match answer.status {
                404 => None,
                200..=299 => Some(answer.json().ok_or_else(|| silent(&answer))?),
                _ => return Err(failure(&answer, talk.session.now())),
            };
            let email = owner.map_or_else(String::new, |owner| match owner.kind.as_str() {
                "QUEUE" => QUEUE.to_owned(),
                _ => owner.email.to_lowercase(),
            });
            talk.session.learn(&name, email.clone(), KNOWN);
            email
        }
    };
    let is_known = !email.is_empty();
    let owner = SeenOwner { id: id.into(), email: is_known.then(|| email.as_str().into()) };
    Ok((email != QUEUE).then_some(owner))
}

/// What is remembered of an owner who is a queue.
const QUEUE: &str = "a queue";

/// A moment, as HubSpot tells it: as text, or in milliseconds.
pub(super) fn moment(text: &str) -> Option<Millis> {
    Millis::parse(text).or_else(|| text.parse().ok().map(Millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_two_forms() {
        assert_eq!(moment("2026-11-21T09:30:00.000Z"), Millis::parse("2026-11-21T09:30:00Z"));
        assert_eq!(moment("1795262400000"), Some(Millis(1_795_262_400_000)));
    }
}
