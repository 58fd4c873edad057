//! What a message about a lead looks like. Pure.
//!
//! Strangers write what stands in a lead: `&`, `<` and `>` are escaped everywhere, so that nobody mentions a channel or makes a link
//! (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).

use serde_json::{Value, json};

use super::METADATA;
use crate::crm::said::{ACCEPT, REJECT};
use crate::lead::{Lead, LeadEvent, LeadEventType};
use crate::record::Ending;

/// Slack takes 3,000 characters in a block; a message that is read has fewer.
const MOST_CHARACTERS: usize = 2_000;
/// How much is said of why.
const MOST_REASONS: usize = 8;
/// How much of a name is shown.
const MOST_OF_A_NAME: usize = 150;

/// Text as Slack shows it, and nothing else.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    cut(&text, MOST_CHARACTERS)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A name on a line of its own kind, without what would format it.
fn name(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() || "*_~`".contains(c) { ' ' } else { c }).collect();
    escape(&cut(plain.trim(), MOST_OF_A_NAME))
}

/// The owner as the message names them: mentioned where they are a member.
pub fn owner(event: &LeadEvent, member: Option<&str>) -> String {
    let routing = event.lead.routing.as_ref();
    match (member, routing.and_then(|routing| routing.owner.as_deref())) {
        (Some(id), _) => format!("<@{id}>"),
        (None, Some(address)) => name(address),
        (None, None) => "nobody".to_owned(),
    }
}

/// The metadata by which a message is found again.
pub fn metadata(event: &LeadEvent) -> Value {
    json!({ "event_type": METADATA, "event_payload": { "lead": event.lead.id, "event": event.id } })
}

/// The message of a lead as it stands.
pub fn message(event: &LeadEvent, said: &str, owner: &str, buttons: bool) -> Value {
    let lead = &event.lead;
    let head = format!("{} *{}* · {}", sign(event), name(who(lead)), name(&lead.definition));
    let mut blocks = vec![section(&head), section(said)];
    if !lead.because.is_empty() {
        let reasons: Vec<String> =
            lead.because.iter().take(MOST_REASONS).map(|reason| format!("• {}", escape(reason))).collect();
        blocks.push(section(&reasons.join("\n")));
    }
    blocks.push(json!({ "type": "context", "elements": [mrkdwn(&context(lead, owner))] }));
    let is_to_be_taken_on = lead.progress.is_none() && lead.outcome.is_none() && !event.kind.is_end();
    let is_owned = lead.routing.as_ref().is_some_and(|routing| routing.owner.is_some());
    if buttons && is_to_be_taken_on && is_owned {
        blocks.push(actions(lead));
    }
    json!({
        // What a notification shows, and whoever can't see blocks.
        "text": format!("{} {} · {said}", plain_sign(event), name(who(lead))),
        "blocks": blocks,
        "metadata": metadata(event),
        "unfurl_links": false,
    })
}

/// The buttons by which a lead is taken on or turned down.
fn actions(lead: &Lead) -> Value {
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let button = |action: &str, text: &str, style: &str| json!({ "type": "button", "action_id": action, "style": style, "text": plain(text), "value": lead.id });
    let mut reject = button(REJECT, "Reject", "danger");
    if let Some(fields) = reject.as_object_mut() {
        let text = "Nobody will follow up on it.";
        let confirm = json!({ "title": plain("Turn this lead down?"), "text": plain(text), "confirm": plain("Reject"), "deny": plain("Keep it") });
        fields.insert("confirm".to_owned(), confirm);
    }
    json!({ "type": "actions", "elements": [button(ACCEPT, "Accept", "primary"), reject] })
}

/// What has changed, for the thread.
pub fn change(event: &LeadEvent, said: &str) -> String {
    match event.kind {
        LeadEventType::TierChanged => format!("Tier {} now. {said}", event.lead.tier),
        _ => said.to_owned(),
    }
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(cut(text, MOST_CHARACTERS).as_ref()) })
}

/// Text of ours with names in it. `verbatim`: what looks like an address or a channel in a name that a stranger chose becomes no link.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// Who a lead is about.
fn who(lead: &Lead) -> &str {
    lead.subject.name.as_deref().unwrap_or(&lead.subject.id)
}

fn plain_sign(event: &LeadEvent) -> String {
    match (event.lead.outcome, event.kind) {
        (Some(Ending::Won), _) => "Won:".to_owned(),
        (Some(Ending::Lost), _) => "Lost:".to_owned(),
        (Some(Ending::Rejected), _) => "Rejected:".to_owned(),
        (None, LeadEventType::Lapsed) => "Lapsed:".to_owned(),
        (None, _) => format!("Tier {}:", event.lead.tier),
    }
}

fn sign(event: &LeadEvent) -> String {
    match (event.lead.outcome, event.kind) {
        (Some(Ending::Won), _) => ":trophy: Won".to_owned(),
        (Some(Ending::Lost), _) => ":no_entry_sign: Lost".to_owned(),
        (Some(Ending::Rejected), _) => ":no_entry_sign: Rejected".to_owned(),
        (None, LeadEventType::Lapsed) => ":hourglass: Lapsed".to_owned(),
        (None, _) if event.lead.progress.is_some() => format!(":white_check_mark: Tier {}", event.lead.tier),
        (None, _) => format!(":raising_hand: Tier {}", event.lead.tier),
    }
}

/// Who follows up, and with whom.
fn context(lead: &Lead, owner: &str) -> String {
    let mut parts = vec![format!("Owner: {owner}")];
    if let Some(contact) = &lead.contact {
        let known = [&contact.name, &contact.title, &contact.email];
        let words: Vec<String> = known.into_iter().flatten().map(|text| name(text)).collect();
        let words = if words.is_empty() { name(&contact.user_id) } else { words.join(", ") };
        parts.push(format!("Contact: {words}"));
    }
    if let Some(account) = &lead.account {
        parts.push(format!("Account: {}", name(account.name.as_deref().unwrap_or(&account.id))));
    }
    parts.join("  |  ")
}
