//! Which leads would not be taken on in time on paper: people take as long as they took, by the promise of the team that has the lead on paper.

use crate::lead::Lead;
use crate::record::Routing;
use crate::routing::Routes;
use crate::time::Millis;

/// How long it took until somebody took a lead on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many milliseconds after it was routed.
    After(i64),
    /// Nobody has.
    Never,
    /// It was over before, or doesn't say when it was routed.
    Unknown,
}

impl Taken {
    pub(super) fn of(lead: &Lead) -> Self {
        let times = &lead.timestamps;
        let moment = |text: &Option<String>| text.as_deref().and_then(Millis::parse);
        match (moment(&times.routed), moment(&times.accepted)) {
            (Some(routed), Some(accepted)) => Self::After(accepted.since(routed).max(0)),
            (Some(_), None) if lead.outcome.is_none() && times.lapsed.is_none() => Self::Never,
            _ => Self::Unknown,
        }
    }
}

/// Whether a lead that is somebody's at `from` is taken on too late, where that is promised and known; `latest` is until when anything is.
pub(super) fn is_late(
    by: Routes<'_>,
    routing: &Routing,
    (tier, taken): (u8, Taken),
    (from, latest): (Millis, Millis),
) -> Option<bool> {
    let (team, owner) = routing.team.as_deref().zip(routing.owner.as_deref())?;
    let rule = by.teams.iter().find(|known| *known.name == *team)?.sla.as_ref()?;
    let (due, _) = rule.due(tier, by.presence(owner), from);
    match taken {
        Taken::After(ms) => Some(from.plus(ms) > due),
        Taken::Never if due < latest => Some(true),
        Taken::Never | Taken::Unknown => None,
    }
}
