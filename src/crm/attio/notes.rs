//! A note of each event of a lead's life.
//!
//! Attio would take a note twice. So it is remembered which was written last; and where an answer may have been lost, the notes of the lead
//! are looked through for one that names the event.

use reqwest::Method;
use serde_json::{Value, json};

use super::talk::Talk;
use crate::crm::retry::Failure;
use crate::crm::told::{happening, is_noted, note_text, shortened};
use crate::lead::LeadEvent;

/// What is remembered of a lead: the event of the last note.
const LAST_NOTE: &str = "note";
/// Notes are read so many at once, and so many times.
const PAGE: usize = 50;
const PAGES: usize = 4;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;

/// Writes the note of an event, once.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent, lead: &str) -> Result<(), Failure> {
    if !is_noted(event) || talk.session.recall(LAST_NOTE) == Some(&event.id) {
        return Ok(());
    }
    if !(talk.session.may_be_there && is_there(talk, event, lead).await?) {
        let title = format!("{}: {}", happening(event), event.lead.definition);
        // As plain text: what strangers call themselves formats nothing.
        let body = json!({ "data": {
            "parent_object": &*talk.attio.object, "parent_record_id": lead, "title": shortened(&title, LONGEST_TITLE),
            "format": "plaintext", "content": note_text(event),
        } });
        talk.hear(Method::POST, talk.url(&["notes"]), Some(&body)).await?;
    }
    talk.session.remember(LAST_NOTE, &event.id);
    Ok(())
}

/// Whether there is one that names the event.
async fn is_there(talk: &Talk<'_, '_>, event: &LeadEvent, lead: &str) -> Result<bool, Failure> {
    for page in 0..PAGES {
        let mut url = talk.url(&["notes"]);
        url.query_pairs_mut()
            .extend_pairs([("parent_object", &*talk.attio.object), ("parent_record_id", lead)])
            .extend_pairs([("limit", PAGE.to_string()), ("offset", (page * PAGE).to_string())]);
        let Value::Array(all) = talk.hear(Method::GET, url, None).await? else { return Ok(false) };
        let names_it = |note: &Value| {
            note.get("content_plaintext").and_then(Value::as_str).is_some_and(|text| text.contains(&event.id))
        };
        if all.iter().any(names_it) {
            return Ok(true);
        }
        if all.len() < PAGE {
            break;
        }
    }
    Ok(false)
}
