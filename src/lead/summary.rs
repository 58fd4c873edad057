//! The sentence that starts the conversation: what the subject did, in words that a rep can send.

use super::record::Lead;
use crate::counters::{Aggregate, Counter, EventMatch, Figure, Window};
use crate::expr::{Expr, Period, Reading, Slot, Span, number_json};
use crate::ids::{CounterId, SubjectKind};
use crate::qualify::{Definition, View};

/// The sentence of a lead: the definition's own template, or one made from the counters that its intent reads.
pub fn summary(definition: &Definition, lead: &Lead, view: &View<'_>) -> String {
    let written = definition.sentence.as_deref().and_then(|template| render(template, lead));
    written.unwrap_or_else(|| made(definition, lead, view))
}

/// `None` when the template fails on this lead: a sentence that is made is better than none, and `check` has warned.
fn render(template: &str, lead: &Lead) -> Option<String> {
    let mut env = minijinja::Environment::new();
    env.set_fuel(Some(50_000));
    let context = minijinja::Value::from(minijinja::value::Serde(lead));
    env.render_str(template, context).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn made(definition: &Definition, lead: &Lead, view: &View<'_>) -> String {
    let who = who(lead);
    let facts: Vec<String> = figures(definition, view).into_iter().map(|(_, text)| text).collect();
    let people = people_phrase(lead);
    match (facts.is_empty(), people) {
        (true, _) => format!("{who} matches “{}”.", definition.name),
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

/// The counters that the intent reads, each once, as phrases with their figures.
fn figures(definition: &Definition, view: &View<'_>) -> Vec<((CounterId, Reading), String)> {
    let mut told: Vec<((CounterId, Reading), String)> = Vec::new();
    for slot in definition.intent.iter().flat_map(Expr::slots) {
        if let Slot::Counter(id, reading) = slot
            && !told.iter().any(|(known, _)| *known == (*id, *reading))
            && let Some((counter, _)) = view.plan.counter(*id)
            && let Some(text) = phrase(counter, *reading, &view.figure(*id, *reading))
        {
            told.push(((*id, *reading), text));
        }
    }
    told
}

/// `None` for what would say nothing: a zero, what is compared with a moment, figures of many periods.
fn phrase(counter: &Counter, reading: Reading, figure: &Figure) -> Option<String> {
    match figure {
        Figure::Number(0.0) | Figure::Never | Figure::List(_) => None,
        Figure::Number(number) => {
            let label = label(counter, *number == 1.0);
            Some(format!("{} {label}{}", number_json(*number), stretch(reading, counter.window)?))
        }
        Figure::Value(value) => {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(format!("{} {value}{}", label(counter, true), stretch(reading, counter.window)?))
        }
        Figure::Moment(at) => {
            let label = label(counter, true);
            let which = if reading == Reading::FirstAt { "first" } else { "last" };
            Some(format!("{which} {label} on {}", at.rfc3339().get(..10).unwrap_or_default()))
        }
    }
}

fn label(counter: &Counter, one: bool) -> String {
    match &counter.label {
        Some(label) if one => label.one.to_string(),
        Some(label) => label.several.to_string(),
        None => made_label(counter, one),
    }
}

/// Words for what a counter counts, when the configuration gives none: `× Task Created`, `active people`, …
fn made_label(counter: &Counter, one: bool) -> String {
    let names: Vec<&str> = counter.events.iter().map(event_words).collect();
    let names = names.join(" or ");
    match &counter.aggregate {
        Aggregate::Count => format!("× {names}"),
        Aggregate::Sum(path) => format!("{} in {names}", last(path)),
        Aggregate::DistinctProperty(path) => format!("different {} in {names}", last(path)),
        Aggregate::Min(path) => format!("as the least {} in {names}", last(path)),
        Aggregate::Max(path) => format!("as the greatest {} in {names}", last(path)),
        Aggregate::First(path) => format!("first {} in {names}:", last(path)),
        Aggregate::Last(path) => format!("last {} in {names}:", last(path)),
        Aggregate::Busiest(path) => format!("× {names} with the same {}", last(path)),
        Aggregate::Steps(steps, _) => format!("× {}", steps.join(", then ")),
        Aggregate::DistinctEvents => "different events".to_owned(),
        Aggregate::DistinctUsers => if one { "active person" } else { "active people" }.to_owned(),
        Aggregate::Days => if one { "active day" } else { "active days" }.to_owned(),
    }
}

/// The last step of a path.
fn last(path: &[Box<str>]) -> &str {
    path.last().map_or("", |step| step)
}

fn event_words(event: &EventMatch) -> &str {
    match event {
        EventMatch::Any => "any activity",
        EventMatch::Track(name) | EventMatch::Page(Some(name)) | EventMatch::Screen(Some(name)) => name,
        EventMatch::Page(None) => "page views",
        EventMatch::Screen(None) => "screen views",
    }
}

/// Words for the stretch of time that a figure is of; `None` where there are none that a rep would say.
fn stretch(reading: Reading, window: Window) -> Option<String> {
    Some(match (reading, window) {
        (Reading::Own, Window::Lifetime) => String::new(),
        (Reading::Own, Window::Days(days)) => back(Span::Days(days)),
        (Reading::Own, Window::Minutes(minutes)) => back(Span::Minutes(minutes)),
        (Reading::Within(span), _) => back(span),
        (Reading::Between(from, to), _) => format!(" from {} to {} ago", length(from), length(to)),
        (Reading::This(Period::Day), _) => " today".to_owned(),
        (Reading::Previous(Period::Day), _) => " yesterday".to_owned(),
        (Reading::This(period), _) => format!(" this {}", period.name()),
        (Reading::Previous(period), _) => format!(" in the {} before", period.name()),
        (
            Reading::Per(..)
            | Reading::Decayed(_)
            | Reading::During { .. }
            | Reading::FirstAt
            | Reading::LastAt
            | Reading::Reached,
            _,
        ) => return None,
    })
}

fn back(span: Span) -> String {
    match span {
        Span::Days(1) => " today".to_owned(),
        Span::Minutes(60) => " in the last hour".to_owned(),
        span => format!(" in the last {}", length(span)),
    }
}

fn length(span: Span) -> String {
    match span {
        Span::Days(1) => "1 day".to_owned(),
        Span::Days(days) => format!("{days} days"),
        Span::Minutes(60) => "1 hour".to_owned(),
        Span::Minutes(minutes) if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        Span::Minutes(minutes) => format!("{minutes} minutes"),
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
