//! What becomes of leads: won, lost, or rejected. Seen whenever something is decided about a subject, before anything else is, so that what makes
//! a lead's conditions false in the same moment is no lapse.

use super::message::{Follows, Made};
use super::news::tell;
use super::promising::drop_promise;
use super::seeing::{Known, view};
use super::{Applying, Body};
use crate::ids::{RecordKey, SubjectKind};
use crate::lead::LeadEventType;
use crate::qualify::{Definition, View};
use crate::record::{Ending, Standing, Subject};

/// Whether the subject has a lead that something may become of.
pub(super) fn may_end(subject: &Subject, applying: &Applying<'_>) -> bool {
    !applying.rules.endings.is_empty() && subject.standings.values().any(Standing::may_end)
}

/// Whether something may have become of a user's lead, depending on how their account stands.
pub(super) fn ends_with_account(standing: &Standing, view: &View<'_>, applying: &Applying<'_>) -> bool {
    let endings = &applying.rules.endings;
    if endings.is_empty() || !standing.may_end() {
        return false;
    }
    let outlook = endings.outlook(SubjectKind::User, standing, view);
    !outlook.is_sure || outlook.ending.is_some() || outlook.before != standing.before
}

/// Sees what became of the subject's leads.
pub(super) fn end_all(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &mut Applying<'_>) {
    if !may_end(subject, applying) {
        return;
    }
    let seen = view(subject, of, known, applying);
    let looked_at: Vec<_> = applying
        .definitions(of)
        .filter_map(|definition| {
            let standing = subject.standings.get(&definition.name).filter(|standing| standing.may_end())?;
            Some((definition, applying.rules.endings.outlook(of, standing, &seen.of(definition))))
        })
        .collect();
    for (definition, outlook) in looked_at {
        if let Some(standing) = subject.standings.get_mut(&definition.name) {
            standing.before = outlook.before;
        }
        if let Some(ending) = outlook.ending {
            end(subject, definition, (ending, None), known, applying);
        }
    }
}

/// Something became of a subject's lead.
pub(super) fn end(
    subject: &mut Subject,
    definition: &Definition,
    (ending, reason): (Ending, Option<&str>),
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) {
    let Some(standing) = subject.standings.get_mut(&definition.name) else { return };
    standing.ended = Some((ending, known.now));
    drop_promise(standing, applying);
    standing.ended_because = reason.map(Into::into);
    if let Some(open) = standing.joined.as_deref().cloned() {
        // It is what became of the account's lead.
        let to = RecordKey::account(&open.account);
        let made = Made::Ended { ending, reason: reason.map(Into::into) };
        return applying.send(to, Body::Follows(Box::new(Follows { open, made })));
    }
    if let (Ending::Lost | Ending::Rejected, Some(reason), Some(routing)) = (ending, reason, &standing.routing)
        && let (Some(team), Some(owner)) = (&routing.team, &routing.owner)
        && credits(team, reason, applying)
    {
        applying.send(RecordKey::team(team), Body::Credit { rep: owner.as_str().into() });
    }
    standing.revision += 1;
    let kind = match ending {
        Ending::Won => LeadEventType::Won,
        Ending::Lost => LeadEventType::Lost,
        Ending::Rejected => LeadEventType::Rejected,
    };
    tell(subject, definition, kind, known, applying);
}

/// Whether a team gives the turn of a lead back that was lost for this reason.
fn credits(team: &str, reason: &str, applying: &Applying<'_>) -> bool {
    let reason = reason.trim().to_lowercase();
    let team = applying.rules.teams.iter().find(|known| *known.name == *team);
    team.is_some_and(|team| team.credit.iter().any(|listed| **listed == *reason))
}
