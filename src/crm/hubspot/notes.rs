//! A note of each event of a lead's life, on its contact, its company and itself.
//!
//! HubSpot would take a note twice. So its id is remembered as soon as it is there; and where an answer may have been lost, the notes of
//! the same moment are looked through for one that names the event.

use reqwest::Method;

use super::answers::failure;
use super::records::Written;
use super::talk::{Record, Talk, Values, record};
use crate::crm::exchange::Response;
use crate::crm::retry::Failure;
use crate::crm::told::{is_noted, note};
use crate::lead::LeadEvent;
use crate::time::Millis;

/// The kinds of ties, as HubSpot numbers them.
const NOTE_TO_CONTACT: u32 = 202;
const NOTE_TO_COMPANY: u32 = 190;
/// How many notes are looked through, the newest of them: as many as are read at once.
const LOOKED_THROUGH: usize = 100;
/// What is remembered of a lead: the event of the last note, and its id.
const LAST_NOTE: &str = "note";

/// Writes the note of an event, once.
pub(super) async fn write(talk: &mut Talk<'_, '_>, event: &LeadEvent, written: &Written) -> Result<(), Failure> {
    if !is_noted(event) {
        return Ok(());
    }
    // Whatever the note is tied to as it is made, it can be found by.
    let anchor = match (&written.contact, &written.company) {
        (Some(contact), _) => ("contacts", contact.as_str()),
        (None, Some(company)) => ("companies", company.as_str()),
        (None, None) => return Ok(()),
    };
    let remembered = talk.session.recall(LAST_NOTE).and_then(|note| note.strip_prefix(&format!("{} ", event.id)));
    let id = match remembered {
        Some(id) => id.to_owned(),
        None => {
            let found = if talk.session.may_be_there { find(talk, event, anchor).await? } else { None };
            let id = match found {
                Some(id) => id,
                None => make(talk, event, written).await?,
            };
            talk.session.remember(LAST_NOTE, &format!("{} {id}", event.id));
            id
        }
    };
    match (&written.lead, talk.hubspot.object.path()) {
        (Some(lead), Some(object)) => talk.tie(("notes", &id), (object, lead)).await,
        _ => Ok(()),
    }
}

async fn make(talk: &Talk<'_, '_>, event: &LeadEvent, written: &Written) -> Result<String, Failure> {
    let mut values = Values::from([
        ("hs_timestamp".to_owned(), event.occurred_at.clone()),
        ("hs_note_body".to_owned(), note(event)),
    ]);
    values.extend(written.owner.clone().map(|owner| ("hubspot_owner_id".to_owned(), owner)));
    let ties = [(&written.contact, NOTE_TO_CONTACT), (&written.company, NOTE_TO_COMPANY)];
    let ties: Vec<_> = ties.into_iter().filter_map(|(id, kind)| Some((id.as_deref()?, kind))).collect();
    let answer: Response = talk.create("notes", &values, &ties).await?;
    if answer.is_success() { Ok(record(&answer)?.id) } else { Err(failure(&answer, talk.session.now())) }
}

/// The note of an event, if there is one.
async fn find(talk: &Talk<'_, '_>, event: &LeadEvent, anchor: (&str, &str)) -> Result<Option<String>, Failure> {
    let (object, id) = anchor;
    let mut url = talk.url("objects", &[object, id]);
    url.query_pairs_mut().append_pair("associations", "notes");
    let mut ids = record(&talk.tell(Method::GET, url, None).await?)?.tied("notes");
    ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap_or(0)));
    ids.dedup();
    ids.truncate(LOOKED_THROUGH);
    if ids.is_empty() {
        return Ok(None);
    }
    // Bodies may be long: only those of the same moment are read.
    let moment = Millis::parse(&event.occurred_at);
    let of_it = |note: &Record| note.value("hs_timestamp").and_then(Millis::parse) == moment;
    let notes = talk.read("notes", &ids, &["hs_timestamp"]).await?;
    let ids: Vec<String> = notes.into_iter().filter(of_it).map(|note| note.id).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let notes = talk.read("notes", &ids, &["hs_note_body"]).await?;
    let names_it = |note: &Record| note.value("hs_note_body").is_some_and(|body| body.contains(&event.id));
    Ok(notes.into_iter().find(names_it).map(|note| note.id))
}
