//! What a counter says, in words.

use super::named::date;
use crate::counters::{Aggregate, Counter, EventMatch, Figure, Window};
use crate::expr::{Period, Reading, Span, number_json};

/// What a counter says by one reading of it; `None` where there are no words for it.
pub(super) fn phrase(counter: &Counter, reading: Reading, figure: &Figure) -> Option<String> {
    match figure {
        Figure::List(_) => None,
        Figure::Never => Some(format!("no {} yet", several(counter))),
        Figure::Number(number) if reading == Reading::Reached => {
            Some(format!("step {} of {}", number_json(*number), several(counter)))
        }
        Figure::Number(0.0) => Some(format!("no {}{}", several(counter), stretch(reading, counter.window)?)),
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
            Some(format!("{which} {label} on {}", date(*at)))
        }
    }
}

/// `2 more tasks created in the last 30 days`.
pub(super) fn more(counter: &Counter, reading: Reading, number: f64) -> Option<String> {
    let label = label(counter, number == 1.0);
    let label = label.trim_start_matches("× ");
    Some(format!("{} more {label}{}", number_json(number), stretch(reading, counter.window)?))
}

/// What several of what it counts are called, without a figure before it.
pub(super) fn several(counter: &Counter) -> String {
    label(counter, false).trim_start_matches("× ").to_owned()
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
        (Reading::Decayed(_), _) => " lately".to_owned(),
        (Reading::During { from, to, .. }, _) => format!(" from {} to {}", date(from), date(to)),
        (Reading::Per(..) | Reading::FirstAt | Reading::LastAt | Reading::Reached, _) => return None,
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
