//! Takes leads in, one after the other in any order, and keeps of each what is needed.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::Number;

use super::counts::LeftOut;
use super::line::Line;
use super::play::{Decided, Wants, play};
use super::promise::{Taken, is_late};
use super::report::Report;
use super::unknown::unknown;
use super::whose::Whose;
use crate::lead::{Lead, LeadEvent, LeadEventType, SCHEMA};
use crate::routing::{Decision, Routes};
use crate::time::Millis;

/// What is kept of a lead.
struct Entry {
    revision: u32,
    line: Line,
    at: Millis,
    rank: Option<f32>,
    after: Decided,
    before: Before,
    taken: Taken,
}

/// Who got it so far.
enum Before {
    /// As the lead says.
    Said(Whose),
    /// As another configuration would have decided.
    Decided(Decided),
}

/// Leads on paper.
pub struct Paper<'r> {
    by: Routes<'r>,
    against: Option<Routes<'r>>,
    period: (Option<Millis>, Option<Millis>),
    entries: HashMap<String, Entry>,
    left_out: LeftOut,
}

impl<'r> Paper<'r> {
    /// Leads that qualified from the one moment until before the other, routed by `by`, and compared with who got them, or with what
    /// `against` would have made of them.
    pub fn new(by: Routes<'r>, against: Option<Routes<'r>>, period: (Option<Millis>, Option<Millis>)) -> Self {
        Self { by, against, period, entries: HashMap::new(), left_out: LeftOut::default() }
    }

    /// Takes a lead in. Of several news of one lead the first counts, since that found its owner.
    ///
    /// # Errors
    /// When it says no moment at which it qualified.
    pub fn take(&mut self, lead: Lead) -> Result<(), NoMoment> {
        let qualified = &lead.timestamps.qualified;
        let at = Millis::parse(qualified).ok_or_else(|| NoMoment(qualified.clone()))?;
        let (from, until) = self.period;
        if from.is_some_and(|from| at < from) || until.is_some_and(|until| until <= at) {
            self.left_out.elsewhen += 1;
        } else if lead.shadow {
            self.left_out.shadows += 1;
        } else if lead.hold.is_some() {
            self.left_out.held += 1;
        } else if self.entries.get(&lead.id).is_none_or(|known| lead.revision < known.revision) {
            let entry = self.entry(lead, at);
            self.entries.insert(entry.line.lead.clone(), entry);
        }
        Ok(())
    }

    fn entry(&self, lead: Lead, at: Millis) -> Entry {
        let (recorded, taken) = (Whose::of(lead.routing.as_ref()), Taken::of(&lead));
        let mut line = Line::new(&lead, at);
        #[expect(clippy::cast_possible_truncation, reason = "beyond its bounds it is infinite, which is in order too")]
        let rank = lead.rank.as_ref().and_then(Number::as_f64).map(|rank| rank as f32);
        let event = as_it_qualified(lead);
        let before = match self.against {
            Some(by) => Before::Decided(Decided::of(by, &event, at)),
            None => Before::Said(recorded),
        };
        let after = Decided::of(self.by, &event, at);
        let decided = match &after {
            Decided::Now(Decision::Settled(routing)) => routing.route.as_deref(),
            Decided::Now(Decision::Turn(pending)) => Some(&*pending.route),
            Decided::ByAccount(_) => None,
        };
        line.unknown = unknown(self.by, &event, decided, at);
        Entry { revision: event.lead.revision, line, at, rank, after, before, taken }
    }

    /// What becomes of them all. Weeks begin on Mondays in `zone`.
    pub fn report(self, zone: &TimeZone) -> Report {
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        entries.sort_by(|one, other| (one.at, &one.line.lead).cmp(&(other.at, &other.line.lead)));
        let mut report = Report::new(self.left_out, entries.iter().filter(|entry| entry.revision > 1).count());
        let (mut lines, mut wants) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        let latest = entries.last().map_or(Millis(0), |entry| entry.at);
        let (mut said, mut decided, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            taken.push(entry.taken);
            wants.push((entry.at, entry.rank, entry.after));
            match entry.before {
                Before::Said(whose) => said.push((whose, entry.at)),
                Before::Decided(decision) => decided.push((entry.at, entry.rank, decision)),
            }
            lines.push(entry.line);
        }
        if let Some(by) = self.against {
            let given = play(by, in_order(&lines, decided)).into_iter();
            said = given.map(|given| (Whose::of(Some(&given.routing)), given.at)).collect();
        }
        let given = play(self.by, in_order(&lines, wants));
        for (((mut line, given), before), taken) in lines.into_iter().zip(given).zip(said).zip(taken) {
            let is_late = is_late(self.by, &given.routing, (line.tier, taken), (given.at, latest));
            if let (Some(team), Some(is_late)) = (&given.routing.team, is_late) {
                report.promised(team, is_late);
            }
            line.conclude(before.0, &given.routing, given.waited);
            report.add(line, (before.1, given.at), &given.routing.passed_over, zone);
        }
        report
    }
}

/// What each lead wants of its team.
fn in_order(lines: &[Line], decided: Vec<(Millis, Option<f32>, Decided)>) -> impl Iterator<Item = Wants<'_>> {
    let wants = lines.iter().zip(decided);
    wants.map(|(line, (at, rank, decided))| Wants { lead: &line.lead, at, tier: line.tier, rank, decided })
}

/// A lead that says no moment at which it qualified.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no moment at which a lead qualified; `timestamps.qualified` is one as in `2026-11-30T09:00:00Z`")]
pub struct NoMoment(String);

/// The lead without what came of it later.
fn as_it_qualified(mut lead: Lead) -> LeadEvent {
    (lead.routing, lead.waits) = (None, None);
    lead.withheld_from.clear();
    (lead.outcome, lead.outcome_reason) = (None, None);
    (lead.timestamps.routed, lead.timestamps.lapsed, lead.timestamps.ended) = (None, None, None);
    (lead.joined, lead.joined_count) = (Vec::new(), 0);
    LeadEvent {
        schema: SCHEMA.to_owned(),
        id: String::new(),
        kind: LeadEventType::Qualified,
        occurred_at: lead.timestamps.qualified.clone(),
        lead,
    }
}
