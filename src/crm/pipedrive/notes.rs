//! A note of each event of a lead's life, on the lead, its person and its organization.
//!
//! Pipedrive would take a note twice. So it is remembered which was written last; and where an answer may have been lost, the newest notes
//! of the lead are looked through for one that names the event.

use reqwest::Method;
use serde_json::Value;

use super::records::{Home, Written};
use super::talk::{Talk, Values, number};
use crate::crm::retry::Failure;
use crate::crm::told::{is_noted, note};
use crate::lead::LeadEvent;

/// What is remembered of a lead: the event of the last note.
const LAST_NOTE: &str = "note";

/// Writes the note of an event, once.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent, written: &Written) -> Result<(), Failure> {
    if !is_noted(event) || talk.session.recall(LAST_NOTE) == Some(&event.id) {
        return Ok(());
    }
    let (field, id) = match &written.home {
        Some(Home::Lead(id)) => ("lead_id", id),
        Some(Home::Deal(id)) => ("deal_id", id),
        None => return Ok(()),
    };
    if !(talk.session.may_be_there && is_there(talk, event, (field, id)).await?) {
        let mut values =
            Values::from_iter([("content".to_owned(), note(event).into()), (field.to_owned(), number(id))]);
        values.extend(written.person.as_ref().map(|id| ("person_id".to_owned(), number(id))));
        values.extend(written.organization.as_ref().map(|id| ("org_id".to_owned(), number(id))));
        talk.write(Method::POST, talk.v1(&["notes"]), &values).await?;
    }
    talk.session.remember(LAST_NOTE, &event.id);
    Ok(())
}

/// Whether there is one that names the event.
async fn is_there(talk: &Talk<'_, '_>, event: &LeadEvent, of: (&str, &str)) -> Result<bool, Failure> {
    let mut url = talk.v1(&["notes"]);
    url.query_pairs_mut().extend_pairs([of, ("sort", "add_time DESC"), ("limit", "100")]);
    let Value::Array(all) = talk.read(url).await? else { return Ok(false) };
    Ok(all.iter().any(|note| note.get("content").and_then(Value::as_str).is_some_and(|text| text.contains(&event.id))))
}
