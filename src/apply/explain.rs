//! The explanation of a subject: the same evaluation that decides leads, shown whole.

use super::Rules;
use crate::ids::SubjectKind;
use crate::lead::build::{points, rank, reasons, signals_of, usage};
use crate::lead::words::{facts, in_one_sentence, missing};
use crate::lead::{DefinitionExplanation, HeldBack, HeldBackBy, Subject as SubjectPart, SubjectExplanation};
use crate::qualify::decide::{cooldown_ends, with_flags};
use crate::qualify::{Definition, Evaluation, View, Who, evaluate};
use crate::record::{Quiet, Standing, Subject};
use crate::time::Millis;

/// Where a subject stands on every definition of its kind, with observed values. `account` is that of a user; `merged_into` the id
/// that is explained in place of the one that was asked for.
pub fn explain(
    rules: &Rules,
    of: SubjectKind,
    (id, subject): (&str, &Subject),
    account: Option<(&str, &Subject)>,
    merged_into: Option<String>,
    now: Millis,
) -> SubjectExplanation {
    let own = Who::Record(id, subject);
    let (user, account) = match of {
        SubjectKind::User => (own, account.map_or(Who::Nobody, |(id, account)| Who::Record(id, account))),
        SubjectKind::Account => (Who::Nobody, own),
    };
    let view =
        View { plan: &rules.plan, now, user, account, event: None, member_events: None, intent: None, fit: None };
    SubjectExplanation {
        config_version: rules.config_version.to_string(),
        subject: SubjectPart { kind: of, id: id.to_owned(), name: subject.traits.name() },
        merged_into,
        accounts: accounts_latest_first(subject),
        traits: subject.traits.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        first_seen: subject.first_seen.map(Millis::rfc3339),
        last_seen: subject.last_seen.map(Millis::rfc3339),
        counters: usage(&rules.plan, of, &view),
        signals: signals_of(of, &rules.signals, &view),
        points: points(of, &rules.signals, &view),
        definitions: rules
            .definitions(of)
            .map(|definition| {
                let is_newer =
                    rules.newer_than(of, subject.noted_until()).any(|(newer, _)| newer.name == definition.name);
                explain_one(definition, subject, (&view, is_newer))
            })
            .collect(),
    }
}

fn accounts_latest_first(subject: &Subject) -> Vec<String> {
    let current = subject.ties.memberships.last().map(ToString::to_string);
    let others = subject.ties.accounts.iter().rev().map(|(account, _)| account.to_string());
    let others = others.filter(|id| Some(id) != current.as_ref()).collect::<Vec<_>>();
    current.into_iter().chain(others).collect()
}

/// `is_newer`: whether nothing was heard of the subject since the definition appeared or changed.
fn explain_one(
    definition: &Definition,
    subject: &Subject,
    (view, is_newer): (&View<'_>, bool),
) -> DefinitionExplanation {
    let evaluation = evaluate(definition, view);
    let standing = subject.standings.get(&definition.name);
    let why = definition.why(view);
    let qualifies = evaluation.qualifies == Some(true);
    let because = if qualifies { facts(&why, definition, view) } else { Vec::new() };
    let missing = if qualifies { Vec::new() } else { missing(&why, view) };
    let cooldown_end = standing.and_then(|s| cooldown_ends(definition, s)).filter(|end| *end > view.now);
    DefinitionExplanation {
        name: definition.name.to_string(),
        of: definition.of.to_string(),
        version: definition.version.to_string(),
        waits: false,
        qualifies: evaluation.qualifies,
        intent: evaluation.intent,
        fit: evaluation.fit,
        tier: evaluation.tier,
        rank: rank(definition, view),
        conditions: reasons(definition, view),
        because: because.into_iter().map(|fact| fact.text).collect(),
        nearest_miss: in_one_sentence(&missing),
        missing,
        qualifies_at: if qualifies { None } else { definition.qualifies_at(view).map(Millis::rfc3339) },
        qualified_at: standing.map(|s| s.qualified_at.rfc3339()),
        lead_id: standing.and_then(lead_id),
        outcome: standing.and_then(|s| s.ended).map(|(ending, _)| ending),
        cooldown_until: cooldown_end.map(Millis::rfc3339),
        held_back: (evaluation.qualifies == Some(true))
            .then(|| held_back(definition, evaluation, standing, (view, is_newer)))
            .flatten(),
    }
}

/// The lead that somebody is, or is part of.
fn lead_id(standing: &Standing) -> Option<String> {
    match &standing.joined {
        Some(open) => Some(open.lead.to_string()),
        None => Some(standing.lead_id.clone()).filter(|id| !id.is_empty() && standing.is_stored()),
    }
}

/// What holds back the lead of somebody who qualifies.
fn held_back(
    definition: &Definition,
    evaluation: Evaluation,
    standing: Option<&Standing>,
    (view, is_newer): (&View<'_>, bool),
) -> Option<HeldBack> {
    let by = |by: HeldBackBy| Some(HeldBack { by, until: None, what: None });
    let of = |by: HeldBackBy, what: &str| Some(HeldBack { by, until: None, what: Some(what.to_owned()) });
    if evaluation.never == Some(true) {
        let view = with_flags(definition, &view.of(definition));
        let condition = definition.never.iter().find(|condition| condition.test(&view) == Some(true));
        return Some(HeldBack {
            by: HeldBackBy::Never,
            until: None,
            what: condition.map(|condition| condition.source().to_owned()),
        });
    }
    let is_open = standing.filter(|standing| standing.lapsed_at.is_none());
    match (is_open, standing) {
        (Some(Standing { quiet: Some(Quiet::Start), .. }), _) => by(HeldBackBy::QuietStart),
        (Some(Standing { quiet: Some(Quiet::OldEvent), .. }), _) => by(HeldBackBy::OldEvent),
        (Some(Standing { shadow: true, .. }), _) => by(HeldBackBy::Shadow),
        (Some(Standing { hold: Some(hold), .. }), _) => {
            let by = hold.because.map_or(HeldBackBy::Held, HeldBackBy::from);
            let until = hold.because.and_then(|_| cooldown_ends(definition, standing?)).map(Millis::rfc3339);
            Some(HeldBack { by, until, what: Some(hold.source.clone()) })
        }
        (Some(Standing { ended: Some((ending, _)), .. }), _) => of(HeldBackBy::Ended, ending.as_str()),
        (Some(Standing { joined: Some(open), .. }), _) => of(HeldBackBy::Joined, &open.lead),
        (Some(Standing { claims: Some(account), .. }), _) => of(HeldBackBy::Asking, account),
        (Some(_), _) => None,
        (None, _) if is_newer => by(HeldBackBy::Unheard),
        (None, _) if definition.each.is_some() => {
            let counter = definition.each.and_then(|id| view.plan.counters.get(usize::from(id.0)));
            Some(HeldBack { by: HeldBackBy::Each, until: None, what: counter.map(|counter| counter.name.to_string()) })
        }
        (None, Some(standing)) => {
            let until = cooldown_ends(definition, standing).map(Millis::rfc3339);
            Some(HeldBack { by: HeldBackBy::Cooldown, until, what: None })
        }
        (None, None) => None,
    }
}
