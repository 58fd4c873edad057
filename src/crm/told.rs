//! What every CRM is told of a lead, whatever it calls that: whom to write to, whose company it is, the facts that stand on its record,
//! and the note of what happened. Pure.

use minijinja::HtmlEscape;

use crate::crm::retry::{Failure, Verdict};
use crate::lead::{LeadEvent, LeadEventType, Person, Progress};
use crate::record::email::work_domain;

/// The longest text of a fact, in characters.
const LONGEST: usize = 10_000;
/// The longest title of a record, in characters: each CRM takes 255.
const LONGEST_TITLE: usize = 250;
/// The longest part of a note, in characters.
const LONGEST_PART: usize = 5_000;
/// How many reasons stand in a note.
const REASONS: usize = 20;

/// Something that stands on the record of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name, where names are of small letters.
    pub name: &'static str,
    /// Its name, as people read it.
    pub label: &'static str,
    /// What its values are.
    pub kind: FactKind,
}

/// What the values of a fact are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// A line of text.
    Text,
    /// Several lines of it.
    Long,
    /// A number.
    Number,
    /// A moment.
    Time,
}

const fn fact(name: &'static str, label: &'static str, kind: FactKind) -> Fact {
    Fact { name, label, kind }
}

/// By which records of leads are found.
pub const LEAD: &str = "handraiser_lead_id";
/// By which companies are found.
pub const ACCOUNT: Fact = fact("handraiser_account_id", "Handraiser account", FactKind::Text);
/// What stands on the record of a lead.
pub const FACTS: [Fact; 11] = [
    fact(LEAD, "Handraiser lead", FactKind::Text),
    fact("handraiser_definition", "Product-qualified for", FactKind::Text),
    fact("handraiser_status", "Product-qualified: status", FactKind::Text),
    fact("handraiser_tier", "Product-qualified: tier", FactKind::Number),
    fact("handraiser_rank", "Product-qualified: rank", FactKind::Number),
    fact("handraiser_summary", "Product-qualified: summary", FactKind::Long),
    fact("handraiser_reasons", "Product-qualified: reasons", FactKind::Long),
    fact("handraiser_usage", "Product usage", FactKind::Long),
    fact("handraiser_owner", "Product-qualified: routed to", FactKind::Text),
    fact("handraiser_route", "Product-qualified: routed because", FactKind::Long),
    fact("handraiser_qualified_at", "Product-qualified at", FactKind::Time),
];

/// What a lead event says of each fact; empty where there is nothing to say any more.
pub fn facts(event: &LeadEvent) -> [(Fact, String); FACTS.len()] {
    let lead = &event.lead;
    let status = match event.kind {
        LeadEventType::Lapsed => "lapsed",
        LeadEventType::Won => "won",
        LeadEventType::Lost => "lost",
        LeadEventType::Rejected => "rejected",
        _ => match lead.progress {
            None => "open",
            Some(Progress::Accepted) => "accepted",
            Some(Progress::Working) => "working",
        },
    };
    let usage: Vec<String> = lead.usage.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let routing = lead.routing.as_ref();
    let said = |fact: &Fact| match fact.name {
        LEAD => lead.id.clone(),
        "handraiser_definition" => lead.definition.clone(),
        "handraiser_status" => status.to_owned(),
        "handraiser_tier" => lead.tier.to_string(),
        "handraiser_rank" => lead.rank.as_ref().map(ToString::to_string).unwrap_or_default(),
        "handraiser_summary" => lead.summary.clone(),
        "handraiser_reasons" => lead.because.join("\n"),
        "handraiser_usage" => usage.join("\n"),
        "handraiser_owner" => routing.and_then(|routing| routing.owner.clone()).unwrap_or_default(),
        "handraiser_route" => routing.map(|routing| routing.reason.clone()).unwrap_or_default(),
        _ => lead.timestamps.qualified.clone(),
    };
    FACTS.map(|fact| (fact, shortened(&said(&fact), LONGEST)))
}

/// The beginning of a text.
pub fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The title of a lead's record.
pub fn title(event: &LeadEvent) -> String {
    let name = event.lead.subject.name.as_deref().unwrap_or(&event.lead.subject.id);
    shortened(&format!("{name}: {}", event.lead.definition), LONGEST_TITLE)
}

/// Whom to write to: the lead's contact, or the most active of its people who has an address.
pub fn reachable(event: &LeadEvent) -> Option<(&Person, &str)> {
    let lead = &event.lead;
    let mut people = lead.contact.iter().chain(&lead.people);
    people.find_map(|person| Some((person, person.email.as_deref().map(str::trim).filter(|email| is_address(email))?)))
}

/// There is no record that the lead could be written to. Nothing was asked, so that it says nothing of whether the CRM is well.
pub fn nobody() -> Failure {
    let error = "nobody of this lead has an e-mail address, and it has no account: there is nothing to write it to";
    Failure::here(Verdict::Refused, error.to_owned(), "no contact")
}

/// Whether a CRM would take it for an address, as far as can be told from here. A wrong one, which any stranger may send, would keep back
/// the whole record.
pub fn is_address(text: &str) -> bool {
    // The letters of RFC 5322's `atom`, without its quoted forms.
    let good = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && local.chars().all(good) && domain.contains('.') && domain.split('.').all(label)
    })
}

/// First and last name.
pub fn names(name: Option<&str>) -> (Option<&str>, Option<&str>) {
    match name.map(|name| name.trim().rsplit_once(' ').ok_or(name)) {
        Some(Ok((first, last))) => (Some(first), Some(last)),
        Some(Err(only)) => (Some(only), None),
        None => (None, None),
    }
}

/// The domain of the lead's account: as somebody told it, or its id where it is one, or that of a work address.
pub fn domain(event: &LeadEvent) -> Option<String> {
    let account = event.lead.account.as_ref()?;
    let told = ["domain", "website"].iter().find_map(|name| account.traits.get(*name)?.as_str()).map(host);
    let told = told.or_else(|| account.id.contains('.').then(|| host(&account.id)));
    let told = told.and_then(|host| work_domain(&format!("_@{host}")));
    told.or_else(|| work_domain(event.lead.contact.as_ref()?.email.as_deref()?))
}

/// `acme.com` of `https://www.acme.com/about`
fn host(text: &str) -> &str {
    let rest = text.trim().split_once("://").map_or(text.trim(), |(_, rest)| rest);
    rest.split(['/', '?', '#', ':']).next().unwrap_or_default()
}

/// Whether `wanted` is to become the owner of a record in place of the one there is now: who was written `last` may be replaced, and
/// nobody where nobody was written. Whoever was given it by people keeps it.
pub fn may_take<T: PartialEq + ?Sized>(now: Option<&T>, last: Option<&T>, wanted: &T) -> bool {
    now == last && now != Some(wanted)
}

/// What an event is, in a few words.
pub fn happening(event: &LeadEvent) -> String {
    match event.kind {
        LeadEventType::Qualified => format!("Product-qualified, tier {}", event.lead.tier),
        LeadEventType::TierChanged => format!("Tier {} now", event.lead.tier),
        LeadEventType::Assigned => "The lead was given to another owner".to_owned(),
        LeadEventType::Accepted => "Accepted".to_owned(),
        LeadEventType::Working => "Is being worked".to_owned(),
        LeadEventType::Reminded => "Nobody has accepted the lead yet".to_owned(),
        LeadEventType::Joined => "Somebody else became part of this lead".to_owned(),
        LeadEventType::Lapsed => "Is not product-qualified any more".to_owned(),
        LeadEventType::Won => "Won".to_owned(),
        LeadEventType::Lost => "Lost".to_owned(),
        LeadEventType::Rejected => "Rejected".to_owned(),
    }
}

/// Whether a note is written of an event. How far the owner has come with a lead is for those who share it; in a CRM it says nothing that
/// the owner has not just done there, or would look for in the notes.
pub const fn is_noted(event: &LeadEvent) -> bool {
    !matches!(event.kind, LeadEventType::Accepted | LeadEventType::Working)
}

/// The note of an event, in HTML. It names the event, so that it is found again.
pub fn note(event: &LeadEvent) -> String {
    let lead = &event.lead;
    let escaped = |text: &str| HtmlEscape(&shortened(text, LONGEST_PART)).to_string();
    let reasons = lead.because.iter().take(REASONS).map(|reason| format!("<li>{}</li>", escaped(reason)));
    let reasons: String = reasons.collect();
    let reasons = if reasons.is_empty() { reasons } else { format!("<ul>{reasons}</ul>") };
    let routed = lead.routing.as_ref().map(|routing| format!("<p>{}</p>", escaped(&routing.reason)));
    format!(
        "<p><strong>{}: {}</strong></p><p>{}</p>{reasons}{}<p>Handraiser, {}</p>",
        escaped(&happening(event)),
        escaped(&lead.definition),
        escaped(&lead.summary),
        routed.unwrap_or_default(),
        escaped(&event.id),
    )
}

/// The same as plain text.
pub fn note_text(event: &LeadEvent) -> String {
    let lead = &event.lead;
    let mut parts = vec![shortened(&lead.summary, LONGEST_PART)];
    parts.extend(lead.because.iter().take(REASONS).map(|reason| format!("- {}", shortened(reason, LONGEST_PART))));
    parts.extend(lead.routing.as_ref().map(|routing| shortened(&routing.reason, LONGEST_PART)));
    parts.push(format!("Handraiser, {}", event.id));
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_is_written_over_the_last_one_of_ours_alone() {
        for (now, last, may) in [
            (None, None, true),
            (Some("1"), Some("1"), true),
            // Given to somebody, or freed, by a person.
            (Some("2"), Some("1"), false),
            (None, Some("1"), false),
            (Some("2"), None, false),
            // Is so already.
            (Some("9"), Some("9"), false),
        ] {
            assert_eq!(may_take(now, last, "9"), may, "{now:?} {last:?}");
        }
    }

    #[test]
    fn names_and_domains_are_read_as_people_write_them() {
        assert_eq!(names(Some("Ana Maria Pop")), (Some("Ana Maria"), Some("Pop")));
        assert_eq!(names(Some("Ana")), (Some("Ana"), None));
        assert_eq!(host("https://www.acme.com:443/about"), "www.acme.com");
        let mut event = crate::crm::sample::full();
        assert_eq!(domain(&event), None, "there is no such domain");
        let mut with = |name: &str, value: &str| {
            let account = event.lead.account.as_mut().expect("it has one");
            account.traits.insert(name.to_owned(), json!(value));
            domain(&event)
        };
        assert_eq!(with("website", "https://www.acme.co.uk/about").as_deref(), Some("acme.co.uk"));
        assert_eq!(with("domain", "gmail.com"), None);
    }
}
