//! What a proven push says of a lead by itself: a button that was pressed in Slack, or a program that tells what became of a lead. Pure.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::apply::message::Made;
use crate::lead::{Ending, Progress};

/// The button by which a lead is taken on; it holds the lead's id.
pub const ACCEPT: &str = "handraiser_accept";
/// The button by which one is turned down.
pub const REJECT: &str = "handraiser_reject";
/// How much of a reason is kept, in characters.
const MOST_OF_A_REASON: usize = 500;

/// What people make of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its owner has taken it on.
    Accepted,
    /// Somebody is working it.
    Working,
    /// They bought.
    Won,
    /// They won't.
    Lost,
    /// Its owner turned it down: nobody follows up on it.
    Rejected,
}

impl Outcome {
    /// The same, as it is told to the lead's subject, with why in their words: at most 500 characters of it.
    pub fn made(self, reason: Option<&str>) -> Made {
        let reason = reason.map(|reason| reason.trim().chars().take(MOST_OF_A_REASON).collect::<String>());
        let reason = reason.as_deref().filter(|reason| !reason.is_empty());
        match self {
            Self::Accepted => Made::Came(Progress::Accepted),
            Self::Working => Made::Came(Progress::Working),
            Self::Won => Made::ended(Ending::Won, reason),
            Self::Lost => Made::ended(Ending::Lost, reason),
            Self::Rejected => Made::ended(Ending::Rejected, reason),
        }
    }
}

/// The lead, and what people made of it.
pub type Said = (String, Made);

/// What was pressed in Slack (<https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>); other things that an app
/// hears of say nothing.
pub fn in_slack(body: &[u8]) -> Vec<Said> {
    #[derive(Deserialize)]
    struct Payload {
        user: User,
        #[serde(default)]
        actions: Vec<Action>,
    }
    #[derive(Deserialize)]
    struct User {
        id: String,
        username: Option<String>,
    }
    #[derive(Deserialize)]
    struct Action {
        action_id: String,
        value: Option<String>,
    }
    let payload = form_urlencoded::parse(body).find(|(name, _)| name == "payload");
    let Some(payload) = payload.and_then(|(_, text)| serde_json::from_str::<Payload>(&text).ok()) else {
        return Vec::new();
    };
    let who = payload.user.username.unwrap_or(payload.user.id);
    let said = |action: Action| match &*action.action_id {
        ACCEPT => Some((action.value?, Made::Came(Progress::Accepted))),
        REJECT => Some((action.value?, Made::ended(Ending::Rejected, Some(&format!("turned down in Slack by {who}"))))),
        _ => None,
    };
    payload.actions.into_iter().filter_map(said).collect()
}

/// What a program tells: `{"lead": "lead_…", "outcome": "lost", "reason": "…"}`, or whose the lead is: `{"lead": …, "owner": "…"}`.
///
/// # Errors
/// When it can't be read, with what would be.
pub fn by_program(body: &[u8]) -> Result<Vec<Said>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Told {
        lead: String,
        outcome: Option<Outcome>,
        reason: Option<String>,
        owner: Option<String>,
    }
    let told: Told = serde_json::from_slice(body).map_err(|error| {
        format!("the body is no outcome such as {{\"lead\": \"lead_…\", \"outcome\": \"won\"}}: {error}")
    })?;
    let owner = told.owner.as_deref().map(str::trim).filter(|owner| owner.contains('@'));
    let outcome = told.outcome.map(|outcome| outcome.made(told.reason.as_deref()));
    // Whose it is comes first: what has become of it is theirs.
    let made: Vec<Made> = owner.map(Made::given).into_iter().chain(outcome).collect();
    if made.is_empty() {
        return Err("it says neither an `outcome` nor an `owner` with an e-mail address".to_owned());
    }
    Ok(made.into_iter().map(|made| (told.lead.clone(), made)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(action: &str, value: &str) -> Vec<u8> {
        let payload = format!(
            r#"{{"type":"block_actions","user":{{"id":"U7","username":"ana"}},"actions":[{{"action_id":"{action}","value":"{value}","type":"button"}}]}}"#
        );
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish().into_bytes()
    }

    #[test]
    fn buttons_accept_and_turn_down() {
        let said = |action: &str| in_slack(&pressed(action, "lead_1"));
        assert_eq!(said(ACCEPT), [("lead_1".to_owned(), Made::Came(Progress::Accepted))]);
        let rejected = Made::ended(Ending::Rejected, Some("turned down in Slack by ana"));
        assert_eq!(said(REJECT), [("lead_1".to_owned(), rejected)]);
        assert_eq!(said("other"), []);
        assert_eq!(in_slack(b"payload=%7B%7D"), []);
        assert_eq!(in_slack(b""), []);
    }

    #[test]
    fn programs_say_what_became_of_a_lead_and_whose_it_is() {
        let lead = || "lead_1".to_owned();
        assert_eq!(
            by_program(br#"{"lead":"lead_1","outcome":"lost","reason":" too small "}"#),
            Ok(vec![(lead(), Made::ended(Ending::Lost, Some("too small")))])
        );
        assert_eq!(
            by_program(br#"{"lead":"lead_1","owner":"ben@example.com","outcome":"accepted"}"#),
            Ok(vec![(lead(), Made::given("ben@example.com")), (lead(), Made::Came(Progress::Accepted))])
        );
        for wrong in
            [&b"{}"[..], b"[", br#"{"lead":"l"}"#, br#"{"lead":"l","owner":"ben"}"#, br#"{"lead":"l","outcome":"x"}"#]
        {
            assert!(by_program(wrong).is_err());
        }
    }
}
