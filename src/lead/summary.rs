//! The sentence that starts the conversation: what the subject did, in words that a rep can send.

use super::record::{Lead, LeadEventType};
use super::words::Fact;
use crate::ids::SubjectKind;
use crate::qualify::Definition;

/// So many things are said of somebody; the lead holds the others.
const MOST_FACTS: usize = 5;

/// The sentence of a lead: the definition's own template, or one made from what is true.
pub fn summary(definition: &Definition, kind: LeadEventType, lead: &Lead, facts: &[Fact]) -> String {
    let written = definition.sentence.as_deref().and_then(|template| render(template, lead));
    written.unwrap_or_else(|| match kind {
        LeadEventType::Lapsed => format!("{} no longer matches “{}”.", who(lead), lead.definition),
        LeadEventType::Won => format!("{} was won.", who(lead)),
        LeadEventType::Lost => format!("{} was lost.", who(lead)),
        LeadEventType::Rejected => format!("{} was rejected.", who(lead)),
        LeadEventType::Joined if !lead.joined.is_empty() => {
            format!("Now also {}", lead.joined.last().map_or_else(String::new, |joiner| joiner.summary.clone()))
        }
        LeadEventType::Qualified
        | LeadEventType::TierChanged
        | LeadEventType::Joined
        | LeadEventType::Assigned
        | LeadEventType::Accepted
        | LeadEventType::Working
        | LeadEventType::Reminded => made(lead, facts),
    })
}

/// `None` when the template fails on this lead: a sentence that is made is better than none, and `check` has warned.
fn render(template: &str, lead: &Lead) -> Option<String> {
    let mut env = minijinja::Environment::new();
    env.set_fuel(Some(50_000));
    let context = minijinja::Value::from(minijinja::value::Serde(lead));
    env.render_str(template, context).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn made(lead: &Lead, facts: &[Fact]) -> String {
    let who = who(lead);
    // What somebody does starts a conversation; who they are says why only where nothing else does.
    let does = facts.iter().any(|fact| fact.is_usage);
    let facts: Vec<String> =
        facts.iter().filter(|fact| fact.is_usage == does).take(MOST_FACTS).map(|fact| fact.text.clone()).collect();
    let people = people_phrase(lead);
    match (facts.is_empty(), people) {
        (true, _) => format!("{who} matches “{}”.", lead.definition),
        (false, None) => format!("{who}: {}.", join(&facts)),
        (false, Some(people)) => format!("{who}: {}. {people}", join(&facts)),
    }
}

fn who(lead: &Lead) -> String {
    let person = || lead.contact.as_ref().and_then(|c| c.name.clone().or_else(|| c.email.clone()));
    let name = lead.subject.name.clone().unwrap_or_else(|| lead.subject.id.clone());
    match (lead.subject.kind, &lead.account) {
        (SubjectKind::Account, _) => name,
        (SubjectKind::User, Some(account)) => {
            let company = account.name.as_deref().unwrap_or(&account.id);
            format!("{} at {company}", lead.subject.name.clone().or_else(person).unwrap_or(name))
        }
        (SubjectKind::User, None) => lead.subject.name.clone().or_else(person).unwrap_or(name),
    }
}

fn people_phrase(lead: &Lead) -> Option<String> {
    let names: Vec<&str> =
        lead.people.iter().filter_map(|p| p.name.as_deref().or(p.email.as_deref())).take(3).collect();
    (lead.people.len() > 1 && !names.is_empty()).then(|| format!("Most active: {}.", names.join(", ")))
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}
