//! What a lead event says of the people and the company, as Salesforce wants it. Pure.

use std::fmt::Write as _;

use serde_json::Value;

use crate::crm::told::is_address;
use crate::lead::{LeadEvent, LeadEventType, Person};
use crate::record::email::work_domain;

/// The longest address that Salesforce takes.
const LONGEST_ADDRESS: usize = 80;

/// Who is to be spoken to: ids, names, an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Their user id.
    pub id: String,
    /// Their address, where it may be one.
    pub email: Option<String>,
    /// All of their name but the last word.
    pub first: Option<String>,
    /// Required in Salesforce: the last word of their name, or what stands in for it.
    pub last: String,
    /// What they do.
    pub title: Option<String>,
}

/// The beginning of a text, at most so many characters, without blanks around.
pub fn fitting(text: &str, most: usize) -> String {
    text.trim().chars().take(most).collect::<String>().trim_end().to_owned()
}

fn said(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The user who qualified, or the contact of the account; `None` where nobody is known.
pub fn who(event: &LeadEvent) -> Option<Who> {
    let lead = &event.lead;
    let known = |id: &str| lead.contact.iter().chain(&lead.people).find(|person| person.user_id == id);
    if let Some(user) = &lead.user {
        let person = known(&user.id);
        let text = |name: &str| user.traits.get(name).and_then(Value::as_str).map(str::to_owned);
        let email = person.and_then(|person| person.email.clone()).or_else(|| text("email"));
        let title = person.and_then(|person| person.title.clone()).or_else(|| text("title"));
        return Some(named(&user.id, user.name.as_ref(), email.as_ref(), title.as_ref()));
    }
    let Person { user_id, email, name, title, .. } = lead.contact.as_ref()?;
    Some(named(user_id, name.as_ref(), email.as_ref(), title.as_ref()))
}

fn named(id: &str, name: Option<&String>, email: Option<&String>, title: Option<&String>) -> Who {
    let email = said(email).filter(|email| email.len() <= LONGEST_ADDRESS && is_address(email));
    let before = email.and_then(|email| email.split('@').next());
    let (first, last) = match said(name) {
        Some(name) => name.rsplit_once(char::is_whitespace).map_or((None, name), |(first, last)| (Some(first), last)),
        None => (None, before.unwrap_or(id)),
    };
    Who {
        id: id.to_owned(),
        email: email.map(str::to_owned),
        first: first.map(|first| fitting(first, 40)),
        last: fitting(last, 80),
        title: said(title).map(|title| fitting(title, 128)),
    }
}

/// The company's name, or what stands in for it: Salesforce wants one.
pub fn company(event: &LeadEvent) -> String {
    let account = event.lead.account.as_ref();
    let name = account.and_then(|account| said(account.name.as_ref())).map(str::to_owned);
    let id = || account.map(|account| account.id.clone());
    let subject = || event.lead.subject.name.clone().unwrap_or_else(|| event.lead.subject.id.clone());
    fitting(&name.or_else(|| domain(event)).or_else(id).unwrap_or_else(subject), 255)
}

/// The company's domain, by which an account that people made may be found.
pub fn domain(event: &LeadEvent) -> Option<String> {
    let account = event.lead.account.as_ref();
    let traits = |name: &str| account?.traits.get(name)?.as_str();
    let hosts = [traits("domain"), traits("website"), account.map(|account| account.id.as_str())];
    let of_host = |text: &str| {
        let bare = text.trim().split_once("://").map_or(text.trim(), |(_, rest)| rest);
        work_domain(&format!("x@{}", bare.split(['/', '?', '#', ':', '@']).next()?))
    };
    let found = hosts.into_iter().flatten().find_map(of_host);
    found.or_else(|| work_domain(&who(event)?.email?))
}

/// `Tier 1: Acme · ready for a team plan`
pub fn headline(event: &LeadEvent) -> String {
    let lead = &event.lead;
    let subject = said(lead.subject.name.as_ref()).unwrap_or(&lead.subject.id);
    let end = match event.kind {
        LeadEventType::Lapsed => "Lapsed: ".to_owned(),
        LeadEventType::Won => "Won: ".to_owned(),
        LeadEventType::Lost => "Lost: ".to_owned(),
        LeadEventType::Rejected => "Rejected: ".to_owned(),
        _ => format!("Tier {}: ", lead.tier),
    };
    fitting(&format!("{end}{subject} · {}", lead.definition), 255)
}

/// What a rep reads: the sentence, and what the lead qualified by. `stranger` is an owner whom Salesforce does not know.
pub fn description(event: &LeadEvent, stranger: Option<&str>) -> String {
    let mut text = format!("{}\n\n{}\n", headline(event), event.lead.summary);
    for because in &event.lead.because {
        let _ = write!(text, "\n• {because}");
    }
    if let Some(owner) = stranger {
        let _ = write!(text, "\n\nRouted to {owner}, who is no active user here.");
    }
    fitting(&text, 32_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::sample;

    #[test]
    fn names_are_parted_and_something_always_stands_in() {
        let who = |name: Option<&str>, email: Option<&str>| {
            let who = named("u-1", name.map(str::to_owned).as_ref(), email.map(str::to_owned).as_ref(), None);
            (who.first, who.last, who.email)
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(who(Some("Kim van Example"), None), (text("Kim van"), "Example".to_owned(), None));
        assert_eq!(who(Some(" Kim "), Some("k@acme.example")), (None, "Kim".to_owned(), text("k@acme.example")));
        assert_eq!(who(None, Some("kim@acme.example")).1, "kim");
        assert_eq!(who(Some(""), Some("no address")), (None, "u-1".to_owned(), None));
        assert_eq!(who(None, Some("a@b@c.d")).2, None);
    }

    #[test]
    fn a_company_is_known_by_its_site_its_id_or_its_people() {
        let mut event = sample::full();
        assert_eq!((company(&event).as_str(), domain(&event)), ("Acme", None), "example is no public suffix");
        let account = event.lead.account.as_mut().expect("it has one");
        account.traits.insert("website".to_owned(), "https://www.acme.co.uk/de?x".into());
        assert_eq!(domain(&event).as_deref(), Some("acme.co.uk"));
        event.lead.account = None;
        event.lead.contact.as_mut().expect("there is one").email = Some("kim@acme.com".to_owned());
        assert_eq!(company(&event), "acme.com");
        assert_eq!(company(&sample::minimal()), "u-17");
    }

    #[test]
    fn what_a_rep_reads() {
        insta::assert_snapshot!(description(&sample::full(), Some("ana@example.com")), @r"
        Tier 1: Acme · ready for a team plan

        17 people at Acme created 132 tasks this month.

        • 132 tasks created in the last 30 days
        • plan is free

        Routed to ana@example.com, who is no active user here.
        ");
    }
}
