//! Makes the lead record from what is known at the moment of the decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Number, Value, json};

use super::record::{
    AccountPart, Axis, Lead, LeadEvent, LeadEventType, LeadSource, Person, PointsGiven, Reason, SCHEMA,
    Subject as SubjectPart, Timestamps, UserPart,
};
use super::{people, summary, words};
use crate::counters::{Counter, Figure, Plan};
use crate::expr::{Expr, Meaning, Points, Reading, Signal, Slot, number_json, value_json};
use crate::ids::{CounterId, Position, ShardId, SubjectKind};
use crate::qualify::decide::with_flags;
use crate::qualify::{Definition, View, Who};
use crate::record::{LeadWaits, Projection, Standing, Subject};
use crate::time::Millis;

/// How many of an account's people a lead names.
pub const PEOPLE: usize = 10;

/// What makes an id of a lead unlike any other: the place in a log that its edge follows from, and when that came there. The
/// same log gives the same ids again; a place that is used a second time, behind a backup that was restored, has another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose log it is.
    pub shard: ShardId,
    /// The entry.
    pub position: Position,
    /// The message within the entry.
    pub index: u32,
    /// When the message came there.
    pub at: Millis,
}

/// The id of the lead of an edge.
pub fn lead_id(definition: &str, of: SubjectKind, id: &str, times: u32, origin: Origin) -> String {
    let Origin { shard, position, index, at } = origin;
    stable_id("lead", &[definition, of.as_str(), id, &format!("{times} {shard} {position} {index} {}", at.0)])
}

/// What the lead waits for, before anybody gets it.
fn waits(standing: &Standing) -> Option<LeadWaits> {
    let unclear = standing.unclear.as_deref().filter(|unclear| *unclear.lead == *standing.lead_id);
    standing.waits.as_ref().map(LeadWaits::from).or_else(|| unclear.map(LeadWaits::from))
}

/// The id of one event in a lead's life: its idempotency key.
pub fn lead_event_id(lead_id: &str, revision: u32) -> String {
    stable_id("evt", &[lead_id, &revision.to_string()])
}

fn stable_id(prefix: &str, parts: &[&str]) -> String {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    format!("{prefix}_{:032x}", hasher.digest128())
}

/// The lead event for a decision that `standing` already records, about `subject`.
pub fn lead_event(
    definition: &Definition,
    kind: LeadEventType,
    standing: &Standing,
    (id, subject): (&str, &Subject),
    (view, signals, config_version): (&View<'_>, &[Arc<Signal>], &str),
) -> LeadEvent {
    let people = match definition.of {
        SubjectKind::Account => people::most_active(&subject.members, PEOPLE),
        SubjectKind::User => Vec::new(),
    };
    let lead = Lead {
        id: standing.lead_id.clone(),
        revision: standing.revision,
        definition: definition.name.to_string(),
        goal: definition.goal.as_ref().map(ToString::to_string),
        definition_version: definition.version.to_string(),
        config_version: config_version.to_owned(),
        tier: standing.tier,
        rank: rank(definition, view),
        subject: SubjectPart { kind: definition.of, id: id.to_owned(), name: subject.traits.name() },
        user: (definition.of == SubjectKind::User).then(|| user_part(id, subject)),
        account: match definition.of {
            SubjectKind::Account => Some(account_part(id, subject)),
            SubjectKind::User => account_of(view.account),
        },
        contact: match definition.of {
            SubjectKind::Account => people::contact(subject, &people, &definition.contact),
            SubjectKind::User => Some(person(id, subject)),
        },
        people,
        summary: String::new(),
        because: Vec::new(),
        reasons: reasons(definition, view),
        joined: standing.joiners.iter().flat_map(|joiners| joiners.latest.iter().cloned()).collect(),
        joined_count: standing.joiners.as_ref().map_or(0, |joiners| joiners.count),
        history: standing.history.clone(),
        progress: standing.progress(),
        outcome: standing.ended.map(|(ending, _)| ending),
        outcome_reason: standing.ended_because.as_deref().map(str::to_owned),
        usage: used(definition, view),
        signals: signals_of(definition.of, signals, view),
        points: points(definition.of, signals, view),
        sources: subject.senders.iter().map(|(name, trust)| LeadSource { name: name.to_string(), trust }).collect(),
        withheld_from: Vec::new(),
        truncated: Vec::new(),
        first_seen: subject.first_seen.map(Millis::rfc3339),
        last_seen: subject.last_seen.map(Millis::rfc3339),
        routing: standing.routing.clone().filter(|_| kind != LeadEventType::Qualified),
        source: view.event.map(|event| event.source.to_string()),
        shadow: standing.shadow,
        hold: standing.hold.clone(),
        waits: waits(standing),
        accept_url: None,
        timestamps: Timestamps {
            event: view.event.map_or(view.now, |event| event.timestamp).rfc3339(),
            received: view.event.map_or(view.now, |event| event.received_at).rfc3339(),
            qualified: standing.qualified_at.rfc3339(),
            routed: None,
            lapsed: standing.lapsed_at.map(Millis::rfc3339),
            accept_by: standing.sla.as_ref().map(|sla| sla.due.rfc3339()),
            accepted: standing.accepted_at.map(Millis::rfc3339),
            worked: standing.worked_at.map(Millis::rfc3339),
            ended: standing.ended.map(|(_, at)| at.rfc3339()),
        },
    };
    let why = definition.why(view);
    let holds = why.met && kind != LeadEventType::Lapsed;
    let facts = if holds { words::facts(&why, definition, view) } else { Vec::new() };
    let because = facts.iter().map(|fact| fact.text.clone()).collect();
    let lead = Lead { because, ..lead };
    let summary = summary::summary(definition, kind, &lead, &facts);
    LeadEvent {
        schema: SCHEMA.to_owned(),
        id: lead_event_id(&standing.lead_id, standing.revision),
        kind,
        occurred_at: view.now.rfc3339(),
        lead: Lead { summary, ..lead }.fitted(|of, name| reads(definition, of, name)),
    }
}

/// Whether a definition reads a trait.
fn reads(definition: &Definition, of: &str, name: &str) -> bool {
    definition.slots().any(|slot| match slot {
        Slot::Trait { of: whose, path, .. } => {
            whose.as_str() == of && path.first().is_some_and(|first| **first == *name)
        }
        _ => false,
    })
}

fn user_part(id: &str, user: &Subject) -> UserPart {
    UserPart { id: id.to_owned(), name: user.traits.name(), traits: traits_of(user) }
}

fn account_part(id: &str, account: &Subject) -> AccountPart {
    AccountPart { id: id.to_owned(), name: account.traits.name(), traits: traits_of(account) }
}

fn traits_of(subject: &Subject) -> BTreeMap<String, Value> {
    subject.traits.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// The account of a user who qualified.
fn account_of(account: Who<'_>) -> Option<AccountPart> {
    match account {
        Who::Record(id, account) => Some(account_part(id, account)),
        Who::Projection(Projection { id, name, traits, .. }) => Some(AccountPart {
            id: id.to_string(),
            name: name.clone(),
            traits: traits.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }),
        Who::Nobody | Who::Pending => None,
    }
}

/// The user who qualified, as whom to talk to.
fn person(id: &str, user: &Subject) -> Person {
    let text = |name| user.traits.text(name).map(str::to_owned);
    Person {
        user_id: id.to_owned(),
        email: text("email"),
        name: user.traits.name(),
        title: text("title"),
        events: user.ledger.uses(),
        last_seen: user.last_seen.map(Millis::rfc3339),
    }
}

/// Every condition of a definition with what is observed now: intent, fit, when, then tiers.
pub fn reasons(definition: &Definition, view: &View<'_>) -> Vec<Reason> {
    let view = with_flags(definition, &view.of(definition));
    let intent = definition.intent.iter().map(|condition| (Axis::Intent, condition));
    let fit = definition.fit.iter().map(|condition| (Axis::Fit, condition));
    let tiers = definition.tiers.iter().map(|tier| (Axis::Tier, &tier.when));
    let when = Some((Axis::When, &definition.when)).filter(|_| !definition.is_by_default());
    let told = intent.chain(fit).chain(when).chain(tiers.filter(|(_, expr)| expr.constant().is_none()));
    told.map(|(axis, expr)| reason(axis, expr, &view)).collect()
}

fn reason(axis: Axis, expr: &Expr, view: &View<'_>) -> Reason {
    let explanation = expr.explain(view);
    Reason {
        axis,
        condition: expr.source().to_owned(),
        met: explanation.met,
        observed: explanation.observed,
        progress: explanation.progress,
    }
}

/// Every counter of a kind of subject as it stands, by name.
pub fn usage(plan: &Plan, of: SubjectKind, view: &View<'_>) -> BTreeMap<String, Value> {
    let of_kind = plan.counters.iter().enumerate().filter(|(_, counter)| counter.of == of);
    let id = |index| CounterId(u16::try_from(index).unwrap_or(u16::MAX));
    let figure =
        |(index, counter): (usize, &Counter)| (counter.name.to_string(), figure_json(view, id(index), Reading::Own));
    of_kind.map(figure).collect()
}

/// Every counter of the subject, and every other figure that the definition reads, by name as written.
fn used(definition: &Definition, view: &View<'_>) -> BTreeMap<String, Value> {
    let mut used = usage(view.plan, definition.of, view);
    let anchored = definition.conditions().chain(&definition.never).flat_map(|condition| condition.reads(view));
    for slot in definition.slots().chain(definition.ranked_by()).cloned().chain(anchored) {
        if let Slot::Counter(id, reading) = slot
            && let Some(counter) = view.plan.counters.get(usize::from(id.0))
            && (definition.of == SubjectKind::User || counter.of == definition.of)
            && ![Reading::ANCHORED, Reading::ANCHORED_HOURS].contains(&reading)
        {
            used.entry(words::written(&slot, view.plan)).or_insert_with(|| figure_json(view, id, reading));
        }
    }
    used
}

/// The signals that a lead about such a subject tells: its own, and of a user those of their account as well.
fn told(of: SubjectKind, signals: &[Arc<Signal>]) -> impl Iterator<Item = &Arc<Signal>> {
    signals.iter().filter(move |signal| of == SubjectKind::User || signal.of == of)
}

/// Signals as they stand, by name.
pub fn signals_of(of: SubjectKind, signals: &[Arc<Signal>], view: &View<'_>) -> BTreeMap<String, Value> {
    told(of, signals).map(|signal| (signal.name.to_string(), value_json(&signal.value(view)))).collect()
}

/// What the leads of a definition are ranked by, as it is now.
pub fn rank(definition: &Definition, view: &View<'_>) -> Option<Number> {
    let view = with_flags(definition, &view.of(definition));
    definition.rank.as_ref().and_then(|rank| rank.number(&view)).and_then(number)
}

fn number(number: f64) -> Option<Number> {
    number_json(number).as_number().cloned()
}

/// What scores are made of, by signal.
pub fn points(of: SubjectKind, signals: &[Arc<Signal>], view: &View<'_>) -> BTreeMap<String, Vec<PointsGiven>> {
    let given = |line: &Points| {
        let (times, points) = line.given(view).filter(|(_, points)| *points != 0.0)?;
        Some(PointsGiven { label: line.name().to_owned(), times: number(times)?, points: number(points)? })
    };
    let scores = told(of, signals).filter_map(|signal| match &signal.meaning {
        Meaning::Points(lines) => Some((signal.name.to_string(), lines.iter().filter_map(given).collect())),
        _ => None,
    });
    scores.collect()
}

fn figure_json(view: &View<'_>, id: CounterId, reading: Reading) -> Value {
    match view.figure(id, reading) {
        Figure::Number(number) => number_json(number),
        Figure::Moment(at) => json!(at.rfc3339()),
        Figure::Value(value) => value,
        Figure::List(numbers) => numbers.into_iter().map(number_json).collect(),
        Figure::Never => Value::Null,
    }
}
