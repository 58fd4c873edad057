//! Makes the lead record from what is known at the moment of the decision.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::{
    AccountPart, Axis, Lead, LeadEvent, LeadEventType, Person, Reason, SCHEMA, Subject as SubjectPart, Timestamps,
    UserPart,
};
use super::summary;
use crate::counters::ledger::Figure;
use crate::counters::{CounterId, Plan};
use crate::identity::SubjectKind;
use crate::qualify::decide::with_flags;
use crate::qualify::expr::Expr;
use crate::qualify::{Definition, View};
use crate::subject::{Standing, Subject, people};

/// How many of an account's people a lead names.
pub const PEOPLE: usize = 10;

/// The id of a lead: the same subject qualifying for the same definition for the n-th time always has the same one.
#[must_use]
pub fn lead_id(definition: &str, of: SubjectKind, id: &str, times: u32) -> String {
    stable_id("lead", &[definition, of.as_str(), id, &times.to_string()])
}

/// The id of one event in a lead's life: its idempotency key.
#[must_use]
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

/// The lead event for a decision that `standing` already records.
#[must_use]
pub fn lead_event(definition: &Definition, kind: LeadEventType, standing: &Standing, view: &View<'_>) -> LeadEvent {
    let mut lead = lead(definition, standing, view);
    lead.summary = summary::summary(definition, &lead, view);
    LeadEvent {
        schema: SCHEMA.to_owned(),
        id: lead_event_id(&standing.lead_id, standing.revision),
        kind,
        occurred_at: view.now.rfc3339(),
        lead,
    }
}

fn lead(definition: &Definition, standing: &Standing, view: &View<'_>) -> Lead {
    let (id, subject) = match definition.of {
        SubjectKind::User => view.user,
        SubjectKind::Account => view.account,
    }
    .map_or((String::new(), None), |(id, subject)| (id.to_owned(), Some(subject)));
    let people = people_of(definition, view);
    Lead {
        id: standing.lead_id.clone(),
        revision: standing.revision,
        definition: definition.name.to_string(),
        definition_version: definition.version.to_string(),
        tier: standing.tier,
        subject: SubjectPart { kind: definition.of, id, name: subject.and_then(|s| s.traits.name()) },
        user: view.user.filter(|_| definition.of == SubjectKind::User).map(|(id, user)| user_part(id, user)),
        account: view.account.map(|(id, account)| account_part(id, account)),
        contact: contact(definition, view, &people),
        people,
        summary: String::new(),
        reasons: reasons(definition, view),
        usage: usage(view.plan, definition.of, view),
        first_seen: subject.and_then(|s| s.first_seen).map(crate::time::Millis::rfc3339),
        last_seen: subject.and_then(|s| s.last_seen).map(crate::time::Millis::rfc3339),
        routing: None,
        timestamps: Timestamps {
            event: view.event.map_or(view.now, |event| event.timestamp).rfc3339(),
            received: view.event.map_or(view.now, |event| event.received_at).rfc3339(),
            qualified: standing.qualified_at.rfc3339(),
            routed: None,
        },
    }
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

fn people_of(definition: &Definition, view: &View<'_>) -> Vec<Person> {
    match (definition.of, view.account) {
        (SubjectKind::Account, Some((_, account))) => people::most_active(&account.members, PEOPLE),
        _ => Vec::new(),
    }
}

/// Whom to talk to: the user who qualified; of an account, the most active person whose e-mail address is known.
fn contact(definition: &Definition, view: &View<'_>, people: &[Person]) -> Option<Person> {
    if definition.of == SubjectKind::Account {
        return people.iter().find(|person| person.email.is_some()).or_else(|| people.first()).cloned();
    }
    let (id, user) = view.user?;
    let text = |name| user.traits.text(name).map(str::to_owned);
    Some(Person {
        user_id: id.to_owned(),
        email: text("email"),
        name: user.traits.name(),
        title: text("title"),
        events: user.ledger.daily.get(crate::counters::plan::ANY).map_or(0, |any| any.value.count(i32::MIN)),
        last_seen: user.last_seen.map(crate::time::Millis::rfc3339),
    })
}

/// Every condition of a definition with what is observed now: intent, fit, then tiers.
#[must_use]
pub fn reasons(definition: &Definition, view: &View<'_>) -> Vec<Reason> {
    let view = with_flags(definition, view);
    let intent = definition.intent.iter().map(|condition| (Axis::Intent, &condition.expr));
    let fit = definition.fit.iter().map(|condition| (Axis::Fit, &condition.expr));
    let tiers = definition.tiers.iter().map(|tier| (Axis::Tier, &tier.when));
    let told = intent.chain(fit).chain(tiers.filter(|(_, expr)| expr.constant().is_none()));
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
#[must_use]
pub fn usage(plan: &Plan, of: SubjectKind, view: &View<'_>) -> BTreeMap<String, Value> {
    let of_kind = plan.counters.iter().enumerate().filter(|(_, counter)| counter.of == of);
    of_kind.map(|(index, counter)| (counter.name.to_string(), figure_json(view, index))).collect()
}

fn figure_json(view: &View<'_>, index: usize) -> Value {
    let id = CounterId(u16::try_from(index).unwrap_or(u16::MAX));
    match view.figure(id) {
        Figure::Number(number) => number_json(number),
        Figure::Moment(at) => json!(at.rfc3339()),
        Figure::Never => Value::Null,
    }
}

/// A whole number without a fraction: `53`, not `53.0`.
#[must_use]
pub fn number_json(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        let whole = number as i64;
        json!(whole)
    } else {
        json!(number)
    }
}
