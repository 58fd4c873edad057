//! A lead as a card: who, how good, why, and who follows up.

use super::frame::{Frame, Line};
use super::paint::{Paint, Tone, columns, wrap};
use super::words;
use crate::expr::Observation;
use crate::lead::{Axis, Ending, Lead, LeadWaits, Progress, Reason};
use crate::record::Routing;

/// The card of a lead; `corner` stands in its upper right corner.
pub fn render(lead: &Lead, corner: &str, paint: Paint) -> String {
    let width = paint.width.unwrap_or(100).clamp(60, 100);
    let inner = width - 4;
    let mut lines = vec![who(lead)];
    lines.extend(wrap(&lead.summary, inner).into_iter().map(|line| Line::new().with(Tone::Plain, line)));
    lines.push(Line::new());
    lines.extend(reasons(&lead.reasons, inner));
    lines.extend(joined(lead, inner));
    lines.push(Line::new());
    lines.extend(owner(lead, inner));
    let right = if corner.is_empty() { Line::new() } else { Line::new().with(Tone::Dim, corner) };
    Frame { tone: tier_tone(lead.tier), left: title(lead), right, lines }.render(paint, width)
}

const fn tier_tone(tier: u8) -> Tone {
    match tier {
        1 => Tone::Good,
        2 => Tone::Accent,
        _ => Tone::Dim,
    }
}

fn title(lead: &Lead) -> Line {
    Line::new()
        .with(tier_tone(lead.tier), "● ")
        .with(Tone::Strong, format!("Tier {}", lead.tier))
        .with(Tone::Plain, format!(" · {}", lead.definition))
        .with(Tone::Dim, lead.rank.as_ref().map(|rank| format!(" · rank {rank}")).unwrap_or_default())
        .with(Tone::Good, state(lead).map(|state| format!(" · {state}")).unwrap_or_default())
}

/// What became of it, or how far its owner has come.
fn state(lead: &Lead) -> Option<&'static str> {
    let progress = lead.progress.map(|progress| match progress {
        Progress::Accepted => "accepted",
        Progress::Working => "being worked",
    });
    lead.outcome.map(Ending::as_str).or(progress)
}

fn who(lead: &Lead) -> Line {
    let account_name = lead.account.as_ref().and_then(|account| account.name.as_deref());
    let name = lead.subject.name.as_deref().or(account_name).unwrap_or(&lead.subject.id);
    let mut line = Line::new().with(Tone::Strong, name);
    if name != lead.subject.id {
        line = line.with(Tone::Dim, format!("  {} {}", lead.subject.kind, lead.subject.id));
    }
    line
}

/// The conditions with what was observed, in two columns.
fn reasons(reasons: &[Reason], inner: usize) -> Vec<Line> {
    // A tier that was not reached is no reason.
    let told: Vec<&Reason> =
        reasons.iter().filter(|reason| reason.axis != Axis::Tier || reason.met == Some(true)).collect();
    let widest = told.iter().map(|reason| columns(&reason.condition)).max().unwrap_or(0);
    let left = (widest + 4).min(inner * 3 / 4);
    told.into_iter().map(|reason| reason_line(reason, left)).collect()
}

/// Who became part of it, the newest first.
fn joined(lead: &Lead, inner: usize) -> Vec<Line> {
    let more = (lead.joined_count as usize).saturating_sub(lead.joined.len());
    let those = lead.joined.iter().rev().map(|joiner| {
        let who = joiner.name.as_deref().unwrap_or(&joiner.id);
        super::paint::fit(&format!("{who}: {}", joiner.definition), inner.saturating_sub(4))
    });
    let more = (more > 0).then(|| format!("and {more} before"));
    those.chain(more).map(|text| Line::new().with(Tone::Accent, "+ ").with(Tone::Plain, text)).collect()
}

fn reason_line(reason: &Reason, left: usize) -> Line {
    let (tone, sign) = match reason.met {
        Some(true) => (Tone::Good, "✓ "),
        Some(false) => (Tone::Bad, "✗ "),
        None => (Tone::Warn, "? "),
    };
    let condition = super::paint::fit(&reason.condition, left.saturating_sub(4));
    Line::new().with(tone, sign).with(Tone::Plain, condition).to(left).with(Tone::Strong, observed(reason))
}

/// What was observed: the value alone when there is one comparison, else each with its name.
pub(super) fn observed(reason: &Reason) -> String {
    match own(reason).as_slice() {
        [one] => words::value(&one.value),
        many => {
            let parts: Vec<String> =
                many.iter().map(|seen| format!("{} {}", seen.what, words::value(&seen.value))).collect();
            parts.join(", ")
        }
    }
}

/// What the condition itself compares, without the parts of signals.
pub(super) fn own(reason: &Reason) -> Vec<&Observation> {
    reason.observed.iter().filter(|seen| seen.within.is_none()).collect()
}

/// Whom a lead waits for, or what.
pub(super) fn waits_for(waits: &LeadWaits) -> String {
    match &waits.team {
        Some(team) => format!("waits for team {team}"),
        None => "waits to be known better".to_owned(),
    }
}

fn owner(lead: &Lead, inner: usize) -> Vec<Line> {
    let waits = lead.waits.as_ref().map(|waits| (waits_for(waits), &waits.reason));
    let owner = |routing: &Routing| routing.owner.clone().unwrap_or_else(|| "nobody".to_owned());
    let routed = lead.routing.as_ref().map(|routing| (owner(routing), &routing.reason));
    let Some((owner, reason)) = waits.or(routed) else {
        return vec![Line::new().with(Tone::Warn, "→ being routed")];
    };
    let head = Line::new().with(Tone::Accent, "→ ").with(Tone::Strong, owner);
    let room = inner.saturating_sub(head.columns() + 2);
    if columns(reason) <= room {
        return vec![head.with(Tone::Dim, format!("  {reason}"))];
    }
    let why = wrap(reason, inner.saturating_sub(2));
    let why = why.into_iter().map(|line| Line::new().with(Tone::Dim, format!("  {line}")));
    std::iter::once(head).chain(why).collect()
}
