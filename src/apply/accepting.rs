//! Whether the owner of a lead takes it on in time: a reminder, then somebody else of the team, then whoever is named for that. The clock
//! stops when they accept it, when it is over, and when somebody gives it away by hand.

use std::sync::Arc;

use super::message::{AssignOutcome, Assigned, Became, Made};
use super::promising::{ask, drop_promise, is_due, let_go, promise, rule};
use super::waiting::ASK_AGAIN;
use super::{Applying, Body, following};
use crate::expr::duration_text;
use crate::ids::{DefinitionName, RecordKey};
use crate::record::happening::note as note_happening;
use crate::record::{Happening, Routing, Sla, Standing, Subject};
use crate::routing::SlaRule;

/// Does what has become due.
pub(super) fn look(subject: &mut Subject, applying: &mut Applying<'_>) {
    let now = applying.now;
    let is_ripe = |standing: &Standing| standing.sla.as_ref().and_then(|sla| sla.next()).is_some_and(|at| at <= now);
    let ripe = subject.standings.iter().filter(|(_, standing)| is_ripe(standing));
    for definition in ripe.map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
        let Some(standing) = subject.standings.get_mut(&definition) else { continue };
        let rule = standing.sla.as_ref().and_then(|sla| rule(&sla.team, applying));
        let Some(rule) = rule.filter(|_| is_due(standing)) else {
            drop_promise(standing, applying);
            continue;
        };
        let (lead, tier): (Arc<str>, _) = (standing.lead_id.as_str().into(), standing.tier);
        let needs = standing.needs.clone();
        let Some(sla) = &mut standing.sla else { continue };
        if let Some(waits) = &mut sla.waits {
            // Whoever it waits for did not come in time.
            waits.until = Some(now.plus(ASK_AGAIN));
            applying.send(RecordKey::wait(&waits.team, &lead), Body::Wake { may_expire: false });
            continue;
        }
        sla.remind = None;
        if sla.due > now {
            following::became(subject, &Became { lead, made: Made::Reminded }, applying);
            continue;
        }
        applying.effects.overdue.push(Arc::clone(&sla.team));
        if u32::try_from(sla.had.len()).is_ok_and(|had| had <= rule.reassign) {
            let late = sla.had.last().map_or("", |rep| rep);
            let because = format!("{late} has not accepted it in time");
            ask(sla, (definition, lead, tier), (because, needs.as_deref()), applying);
        } else {
            #[expect(clippy::cast_precision_loss, reason = "it is shown in two units")]
            let within = duration_text(rule.accept(tier) as f64);
            let why = match &*sla.had {
                [late] => format!("{late} did not accept it within {within} of working time"),
                many => {
                    let many = many.len();
                    format!("none of {many} reps accepted it, the last not within {within} of working time")
                }
            };
            expire(subject, &definition, (rule, &why), applying);
        }
    }
}

/// Nobody else of the team has it, or may: whoever is named for that does, else it stays where it is.
fn expire(
    subject: &mut Subject,
    definition: &DefinitionName,
    (rule, why): (&SlaRule, &str),
    applying: &mut Applying<'_>,
) {
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    let Some(sla) = &mut standing.sla else { return };
    let Some(then) = rule.then.as_ref().filter(|then| !sla.had.contains(then)) else {
        if standing.accepted_at.is_some() {
            return drop_promise(standing, applying);
        }
        // Until somebody takes it on it is known as overdue.
        (sla.spent, sla.taken, sla.remind) = (true, false, None);
        return;
    };
    let reason = format!("{why}, so {then} has it");
    let routing = Routing { owner: Some(then.to_string()), reason, ..Routing::default() };
    let lead = standing.lead_id.as_str().into();
    following::became(subject, &Became { lead, made: Made::Passed { routing } }, applying);
}

/// The team has said who else gets the lead; returns whether it was asked that.
pub(super) fn answered(subject: &mut Subject, assigned: &Assigned, applying: &mut Applying<'_>) -> bool {
    let Assigned { definition, event: question, outcome, .. } = assigned;
    let Some(standing) = subject.standings.get_mut(definition) else { return false };
    let lead = standing.lead_id.as_str().into();
    let Some(sla) = standing.sla.as_mut().filter(|sla| sla.asks.as_ref() == Some(question)) else { return false };
    let routing = match outcome {
        AssignOutcome::Settled(routing) => routing,
        AssignOutcome::Waits(waits) => {
            // It stays whose it is until somebody else is there, and may be accepted by them meanwhile.
            let (at, note) = (applying.now.rfc3339(), Some(waits.reason.clone()));
            note_happening(&mut standing.history, Happening { at, what: "waits".to_owned(), owner: None, note });
            sla.waits = Some(waits.clone());
            return true;
        }
    };
    (sla.asks, sla.waits) = (None, None);
    match (&routing.owner, rule(&sla.team, applying)) {
        (Some(_), _) => {
            let made = Made::Passed { routing: routing.clone() };
            if is_due(standing) {
                following::became(subject, &Became { lead, made }, applying);
            } else {
                let_go(routing, applying);
            }
        }
        (None, Some(rule)) if rule.then.is_some() => expire(subject, definition, (rule, &routing.reason), applying),
        // It was taken on, and stays so.
        (None, _) if standing.accepted_at.is_some() => standing.sla = None,
        // Nobody else is there: it stays whose it is, and is asked for anew after as long.
        (None, Some(_)) => {
            let (had, tier) = (sla.had.clone(), standing.tier);
            let same = standing.routing.clone().unwrap_or_default();
            standing.sla = promise(&same, tier, &had, applying).map(|sla| Box::new(Sla { had, remind: None, ..*sla }));
        }
        (None, None) => standing.sla = None,
    }
    true
}
