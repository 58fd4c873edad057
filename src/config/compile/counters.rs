//! `counters`.

use std::sync::Arc;

use super::condition::condition;
use super::from::KnownSources;
use super::names::{condition_name, unique};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::path::property_path;
use crate::config::read::{Field, Many, Named};
use crate::config::scalar::unit_seconds;
use crate::config::shape::{CounterShape, SubjectWord};
use crate::config::suggest::closest;
use crate::config::yaml::Scalar;
use crate::counters::steps::MAX_STEPS;
use crate::counters::{Aggregate, Counter, EventMatch, Label, Window};
use crate::expr::Scope;
use crate::expr::reading::{MAX_DAYS, MAX_MINUTES};
use crate::ids::SubjectKind;
use crate::time::Millis;

/// Every counter that can be used, and the names of those that can't.
#[derive(Debug, Default)]
pub struct Counters {
    /// `CounterId(n)` is the n-th.
    pub compiled: Vec<Counter>,
    pub broken: Vec<Arc<str>>,
}

/// Compiles the counters.
pub fn counters(shape: Option<&Named<CounterShape>>, sources: &KnownSources<'_>, findings: &mut Findings) -> Counters {
    let mut counters = Counters::default();
    let Some(Named(declared)) = shape else { return counters };
    unique(declared.iter().map(|(name, _)| name), "counter", findings);
    // A filter sees the event at hand: what was counted before would make figures depend on the order of arrival.
    let why = "a filter sees one event, and no figures: compare the counter in a condition of a definition";
    let unreadable = declared.iter().map(|(name, _)| (name.text.clone(), why)).collect();
    let filters = Scope { event: true, unreadable, ..Scope::default() };
    for (name, shape) in declared {
        let named = condition_name(name, "counter", findings);
        if let Some(was) = shape.as_ref().and_then(|shape| shape.was.get())
            && declared.iter().any(|(other, _)| other.text == was.text)
        {
            let message = format!("there still is a counter `{}`", was.shown);
            findings.push(
                Problem::error(was.at, Code::BadValue, message).help("`was` names what this one was called before"),
            );
        }
        match shape.as_ref().and_then(|shape| counter(name, shape, &filters, sources, findings)).filter(|_| named) {
            Some(counter) => counters.compiled.push(counter),
            None => counters.broken.push(name.text.clone()),
        }
    }
    if let Some((name, _)) = declared.get(usize::from(u16::MAX)) {
        findings.push(Problem::error(name.at, Code::BadValue, "more counters than 65,535").help("remove some"));
    }
    counters
}

/// Whom something is about.
pub const fn subject(word: SubjectWord) -> SubjectKind {
    match word {
        SubjectWord::User => SubjectKind::User,
        SubjectWord::Account => SubjectKind::Account,
    }
}

fn counter(
    name: &Scalar,
    shape: &CounterShape,
    filters: &Scope,
    sources: &KnownSources<'_>,
    findings: &mut Findings,
) -> Option<Counter> {
    let place = if shape.at.start == shape.at.end { name.at } else { shape.at };
    let of = shape.of.require("of", CounterShape::WHAT, place, findings).map(|at| subject(at.value));
    let events = events(name, shape, findings);
    let filter = match &shape.r#where {
        Field::Set(text) => condition(text, filters, &[], findings).map(Some),
        Field::Absent => Some(None),
        Field::Broken => None,
    };
    let from = sources.named(&shape.from, findings);
    let aggregate = aggregate(shape, findings);
    let window = match shape.within.get() {
        Some(text) => window(text, findings),
        None if shape.within.is_absent() => Some(Window::Lifetime),
        None => None,
    };
    let (aggregate, window) = (aggregate?, window?);
    check_window(shape, &aggregate, window, findings);
    Some(Counter {
        name: name.text.clone(),
        of: of?,
        events: events?,
        was: shape.was.get().map(|was| was.text.clone()),
        filter: filter?,
        from,
        aggregate,
        window,
        label: shape.label.get().and_then(|Many(phrases)| label(phrases, findings)),
    })
}

fn label(phrases: &[Scalar], findings: &mut Findings) -> Option<Label> {
    let text = |phrase: &Scalar| Box::from(phrase.text.trim());
    match phrases {
        [] => None,
        [both] => Some(Label { one: text(both), several: text(both) }),
        [one, several] => Some(Label { one: text(one), several: text(several) }),
        [_, _, further, ..] => {
            let problem = Problem::error(further.at, Code::BadValue, "`label` has two forms: for one, and for several");
            findings.push(problem.help("write for example [person invited, people invited]"));
            None
        }
    }
}

fn events(name: &Scalar, shape: &CounterShape, findings: &mut Findings) -> Option<Vec<EventMatch>> {
    if let Field::Set(Many(steps)) = &shape.steps {
        let mut events: Vec<EventMatch> = Vec::new();
        for step in steps.iter().map(|step| EventMatch::Track(Arc::from(step.text.trim()))) {
            if !events.contains(&step) {
                events.push(step);
            }
        }
        return Some(events);
    }
    if shape.event.is_absent() && shape.page.is_absent() && shape.screen.is_absent() {
        let message = format!("`{}` doesn't say what it counts", name.shown);
        let help = "add `event: <name of a track event>`, `event: any`, `page: …` or `screen: …`";
        findings.push(Problem::error(name.at, Code::MissingField, message).help(help));
        return None;
    }
    let broken = [&shape.event, &shape.page, &shape.screen].iter().any(|field| matches!(field, Field::Broken));
    let named = |field: &Field<Many<Scalar>>, make: fn(Option<Arc<str>>) -> EventMatch| -> Vec<EventMatch> {
        let names = field.get().into_iter().flat_map(|Many(names)| names);
        names.map(|name| make(Some(name.text.trim()).filter(|name| *name != "any").map(Arc::from))).collect()
    };
    let mut events = named(&shape.event, |name| name.map_or(EventMatch::Any, EventMatch::Track));
    events.extend(named(&shape.page, EventMatch::Page));
    events.extend(named(&shape.screen, EventMatch::Screen));
    if events.len() > 1 && events.contains(&EventMatch::Any) {
        let problem =
            Problem::warning(name.at, Code::Suspicious, "`any` counts everything: the other names add nothing");
        findings.push(problem.help("keep only `event: any`, or remove it"));
    }
    for name in shape.event.get().into_iter().flat_map(|Many(names)| names) {
        calls_are_no_events(name, findings);
    }
    (!broken && !events.is_empty()).then_some(events)
}

/// `event: group`: most likely the call of that name was meant, not a track event.
fn calls_are_no_events(name: &Scalar, findings: &mut Findings) {
    let help = match name.text.trim() {
        "group" | "identify" | "alias" => "such calls can't be counted; they tell traits, which conditions read",
        "page" => "to count page calls, write `page: any`",
        "screen" => "to count screen calls, write `screen: any`",
        "track" => "to count every event, write `event: any`",
        _ => return,
    };
    let message = format!("this counts track events that are named `{0}`, not {0} calls", name.shown);
    findings.push(Problem::warning(name.at, Code::Suspicious, message).help(help));
}

/// Makes an aggregate of a property.
type OfProperty = fn(Arc<[Box<str>]>) -> Aggregate;

fn aggregate(shape: &CounterShape, findings: &mut Findings) -> Option<Aggregate> {
    let mut given: Vec<(&str, Option<Aggregate>)> = Vec::new();
    if !shape.distinct.is_absent() {
        given.push(("distinct", shape.distinct.get().and_then(|text| distinct(text, findings))));
    }
    let of_properties: [(&str, &Field<Scalar>, OfProperty); 6] = [
        ("sum", &shape.sum, Aggregate::Sum),
        ("min", &shape.min, Aggregate::Min),
        ("max", &shape.max, Aggregate::Max),
        ("first", &shape.first, Aggregate::First),
        ("last", &shape.last, Aggregate::Last),
        ("by", &shape.by, Aggregate::Busiest),
    ];
    for (name, field, make) in of_properties {
        if !field.is_absent() {
            given.push((name, field.get().and_then(|text| property(text, findings)).map(make)));
        }
    }
    if !shape.steps.is_absent() {
        given.push(("steps", steps(shape, findings)));
    } else if let Some(within) = shape.r#in.get() {
        let problem = Problem::error(within.at, Code::BadValue, "`in` is the time that a run through `steps` may take");
        findings.push(problem.help("add `steps: [ … ]`, or write `within` for the stretch of time to look back"));
    }
    if let [(first, _), (second, _), ..] = given.as_slice() {
        let message = format!("a counter has one figure: `{first}` and `{second}` don't go together");
        findings.push(Problem::error(shape.at, Code::BadValue, message).help("make two counters of it"));
        return None;
    }
    given.pop().map_or(Some(Aggregate::Count), |(_, aggregate)| aggregate)
}

/// `steps: [A, B, C]` and `in: 7d`.
fn steps(shape: &CounterShape, findings: &mut Findings) -> Option<Aggregate> {
    let Many(names) = shape.steps.get()?;
    if !(2..=MAX_STEPS).contains(&names.len()) {
        let at = names.first().map_or(shape.at, |name| name.at);
        let message = format!("`steps` are 2 to {MAX_STEPS} track events, one after the other");
        findings.push(Problem::error(at, Code::BadValue, message).help("write for example [Signed Up, User Invited]"));
        return None;
    }
    if let Some(event) = [&shape.event, &shape.page, &shape.screen].into_iter().find_map(Field::get) {
        let at = event.0.first().map_or(shape.at, |name| name.at);
        let problem = Problem::error(at, Code::BadValue, "a counter with `steps` counts these alone");
        findings.push(problem.help("remove `event`, `page` and `screen`"));
        return None;
    }
    let within = shape.r#in.require("in", CounterShape::WHAT, shape.at, findings)?;
    let ms = match window(within, findings)? {
        Window::Days(days) => i64::from(days) * Millis::DAY,
        Window::Minutes(minutes) => i64::from(minutes) * Millis::MINUTE,
        Window::Lifetime => return None,
    };
    Some(Aggregate::Steps(names.iter().map(|name| Arc::from(name.text.trim())).collect(), ms))
}

fn distinct(text: &Scalar, findings: &mut Findings) -> Option<Aggregate> {
    match text.text.trim() {
        "user" | "users" => Some(Aggregate::DistinctUsers),
        "day" | "days" => Some(Aggregate::Days),
        "event" | "events" => Some(Aggregate::DistinctEvents),
        _ => property(text, findings).map(Aggregate::DistinctProperty),
    }
}

/// `properties.a.b`, as the steps below `properties`.
fn property(text: &Scalar, findings: &mut Findings) -> Option<Arc<[Box<str>]>> {
    let written = text.text.trim();
    let below = written.strip_prefix("event.").unwrap_or(written).strip_prefix("properties");
    let found = below.and_then(property_path);
    if found.is_none() {
        let message = format!("`{}` is no property of an event", findings.shown(text));
        let help = match (below, closest(written, ["user", "day", "event"])) {
            _ if matches!(written, "event.name" | "name") => "write `distinct: event`".to_owned(),
            (None, Some(user)) => format!("did you mean `{user}`?"),
            (None, None) if !written.contains(' ') && !text.has_variables() => {
                format!("did you mean `properties.{written}`?")
            }
            _ => "write `properties.amount`, or `properties[\"total amount\"]` for a name with spaces".to_owned(),
        };
        findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
    }
    found.map(Into::into)
}

/// `30d` and `2w` are calendar days; `24h` and `15m` roll.
fn window(text: &Scalar, findings: &mut Findings) -> Option<Window> {
    let written = text.text.trim();
    let split = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (amount, unit) = written.split_at(split);
    let seconds = unit_seconds(unit.trim()).filter(|seconds| *seconds >= 60);
    let (Ok(amount), Some(seconds)) = (amount.parse::<u64>(), seconds) else {
        let message = format!("`{}` is no stretch of time to look back", findings.shown(text));
        let help = "write a number and a unit: `15m`, `24h`, `30d` or `2w`";
        findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
        return None;
    };
    let total = amount.saturating_mul(seconds);
    let by_day = seconds >= 86_400;
    if total < 60 || total > if by_day { 86_400 * u64::from(MAX_DAYS) } else { 60 * u64::from(MAX_MINUTES) } {
        let message = if by_day {
            "windows reach from one minute to 400 days"
        } else {
            "windows of hours and minutes reach from one minute to 90 days; longer ones are of whole days"
        };
        let problem = Problem::error(text.at, Code::BadValue, message);
        findings.push(problem.help("for everything since the first event, leave `within` out"));
        return None;
    }
    if by_day {
        u16::try_from(total / 86_400).ok().map(Window::Days)
    } else {
        u32::try_from(total / 60).ok().map(Window::Minutes)
    }
}

fn check_window(shape: &CounterShape, aggregate: &Aggregate, window: Window, findings: &mut Findings) {
    let Some(within) = shape.within.get() else { return };
    if let (Aggregate::Days, Window::Minutes(_)) = (aggregate, window) {
        let problem = Problem::error(within.at, Code::BadValue, "days are counted over whole days");
        findings.push(problem.help("write for example `within: 7d`"));
    }
}
