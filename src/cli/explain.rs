//! `handraiser explain`: where a user or an account stands on every definition, condition by condition.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, load, print_json, read, show};
use super::paint::{Paint, Tone, columns};
use super::past::{self, PastArgs};
use super::subject::SubjectArgs;
use super::{card, words};
use crate::expr::Observation;
use crate::ids::SubjectKind;
use crate::lead::{Axis, DefinitionExplanation, HeldBack, HeldBackBy, PointsGiven, Reason, SubjectExplanation};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,

    /// Only this definition
    #[arg(long, value_name = "NAME")]
    definition: Option<String>,

    /// As of then, by what the archive's files have: `30d` ago, a day, or RFC 3339. No server is asked, and which leads were
    /// made is not known there
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,

    #[command(flatten)]
    past: PastArgs,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let (kind, id) = args.subject.parse()?;
    if let Some(at) = &args.at {
        return explain_past(&args, (kind, &id), at);
    }
    let client = Client::new(&args.remote)?;
    let answer = client.get(&["explain", kind.as_str(), &id], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let explanation = only(read(answer)?, kind, args.definition.as_deref())?;
    show(&render(&explanation, Clock::System.now(), Paint::stdout()))
}

/// Where somebody stood, by what the archive tells.
fn explain_past(args: &Args, (kind, id): (SubjectKind, &str), at: &str) -> Result<(), CommandError> {
    let config = load(&args.past.config)?;
    let at = past::at("--at", at, &config)?;
    let past = past::tell(&args.past.archive(&config)?, &config, at)?;
    let Some(explanation) = past.backtest.explain(kind, id) else {
        return Err(CommandError::message(format!("until {} the archive tells nothing of {kind} {id}", at.rfc3339())));
    };
    if args.remote.format == Format::Json {
        return print_json(&explanation);
    }
    let explanation = only(explanation, kind, args.definition.as_deref())?;
    let (paint, reach) = (Paint::stdout(), past.reach());
    let head = format!("as of {}, by {}; {reach}", at.rfc3339(), args.past.config.display());
    show(&format!("{}\n{}", paint.dim(head), render(&explanation, at, paint)))
}

/// Of all definitions the one that was asked for, if one was.
fn only(
    mut explanation: SubjectExplanation,
    kind: SubjectKind,
    definition: Option<&str>,
) -> Result<SubjectExplanation, CommandError> {
    if let Some(name) = definition {
        explanation.definitions.retain(|definition| definition.name == *name);
        if explanation.definitions.is_empty() {
            return Err(CommandError::message(format!("there is no definition `{name}` that is about a {kind}")));
        }
    }
    Ok(explanation)
}

/// The explanation as text.
pub(super) fn render(explanation: &SubjectExplanation, now: Millis, paint: Paint) -> String {
    let mut out = String::new();
    head(&mut out, explanation, now, paint);
    for definition in &explanation.definitions {
        out.push('\n');
        render_definition(&mut out, definition, now, paint);
    }
    if explanation.definitions.is_empty() {
        line(&mut out, &paint.dim(format!("\nNo definition is about a {}.", explanation.subject.kind)));
    }
    figures(&mut out, ("signals", &explanation.signals), now, paint);
    points(&mut out, explanation, paint);
    figures(&mut out, ("counters", &explanation.counters), now, paint);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn head(out: &mut String, explanation: &SubjectExplanation, now: Millis, paint: Paint) {
    let subject = &explanation.subject;
    let name = subject.name.as_deref().unwrap_or(&subject.id);
    line(out, &format!("{}  {}", paint.strong(name), paint.dim(format!("{} {}", subject.kind, subject.id))));
    if let Some(target) = &explanation.merged_into {
        line(out, &paint.tone(Tone::Warn, format!("merged into {} {target}, whose history this is", subject.kind)));
    }
    let mut facts = Vec::new();
    facts.extend(explanation.first_seen.as_deref().map(|at| format!("first seen {}", words::ago(at, now))));
    facts.extend(explanation.last_seen.as_deref().map(|at| format!("last seen {}", words::ago(at, now))));
    if !explanation.accounts.is_empty() {
        facts.push(format!("accounts {}", explanation.accounts.join(", ")));
    }
    let traits = explanation.traits.iter().filter(|(name, _)| *name != "name");
    facts.extend(traits.map(|(name, value)| format!("{name} {}", words::value(value))));
    for text in super::paint::wrap_list(&facts, " · ", paint.width.unwrap_or(120)) {
        line(out, &paint.dim(text));
    }
}

fn render_definition(out: &mut String, definition: &DefinitionExplanation, now: Millis, paint: Paint) {
    let name = paint.strong(&definition.name);
    line(out, &format!("{} {name}  {}", paint.mark(definition.qualifies), verdict(definition, paint)));
    let width = definition.conditions.iter().map(|reason| columns(&reason.condition)).max().unwrap_or(0).min(60);
    for axis in [Axis::Intent, Axis::Fit, Axis::When, Axis::Tier] {
        let conditions: Vec<&Reason> = definition.conditions.iter().filter(|reason| reason.axis == axis).collect();
        if conditions.is_empty() {
            continue;
        }
        line(out, &format!("  {}", paint.dim(axis_name(axis))));
        for reason in conditions {
            condition(out, reason, width, paint);
        }
    }
    lacks(out, definition, now, paint);
    if let Some(by) = &definition.held_back {
        line(out, &format!("  {}", paint.tone(Tone::Warn, held_back(by))));
    }
    if let Some(text) = history(definition, now) {
        line(out, &format!("  {}", paint.dim(text)));
    }
}

/// What is missing, and when somebody comes to qualify by themselves.
fn lacks(out: &mut String, definition: &DefinitionExplanation, now: Millis, paint: Paint) {
    if let [first, others @ ..] = definition.missing.as_slice() {
        line(out, &format!("  {} {}", paint.dim("missing"), paint.tone(Tone::Accent, &first.text)));
        for other in others {
            line(out, &format!("      {} {}", paint.dim("and"), paint.tone(Tone::Accent, &other.text)));
        }
    }
    if let Some(at) = &definition.qualifies_at {
        line(
            out,
            &format!("  {}", paint.dim(format!("qualifies {} if nothing happens until then", words::ago(at, now)))),
        );
    }
}

fn verdict(definition: &DefinitionExplanation, paint: Paint) -> String {
    if definition.waits {
        return paint.tone(Tone::Warn, "waits for figures that are being filled from the archive");
    }
    let rank = definition.rank.as_ref().map(|rank| format!(", rank {rank}")).unwrap_or_default();
    match (definition.qualifies, definition.tier) {
        (Some(true), Some(tier)) => paint.tone(Tone::Good, format!("qualifies, tier {tier}{rank}")),
        (Some(true), None) => paint.tone(Tone::Good, "qualifies"),
        (Some(false), _) => paint.tone(Tone::Bad, "does not qualify"),
        (None, _) => paint.tone(Tone::Warn, "not known yet"),
    }
}

const fn axis_name(axis: Axis) -> &'static str {
    match axis {
        Axis::Intent => "intent",
        Axis::Fit => "fit",
        Axis::When => "when",
        Axis::Tier => "tiers",
    }
}

fn condition(out: &mut String, reason: &Reason, width: usize, paint: Paint) {
    let padding = " ".repeat(width.saturating_sub(columns(&reason.condition)));
    let standing = standing(reason);
    let mut text = format!("    {} {}{padding}  {standing}", paint.mark(reason.met), reason.condition);
    if let Some(progress) = reason.progress.filter(|_| reason.axis == Axis::Intent && reason.met != Some(true)) {
        let gap = " ".repeat(14_usize.saturating_sub(columns(&standing)));
        let percent = words::round((progress * 100.0).floor());
        let _ = write!(text, "{gap}  {} {}", paint.bar(progress, 20), paint.dim(format!("{percent} %")));
    }
    line(out, &text);
    for part in reason.observed.iter().filter(|part| part.within.is_some()) {
        let threshold =
            if part.threshold.is_null() { String::new() } else { format!(" {}", words::value(&part.threshold)) };
        let written = format!("{} {}{threshold}", part.what, part.operator);
        let seen =
            format!("{}  {}", paint.mark(part.met), paint.dim(format!("{written}: {}", words::value(&part.value))));
        line(out, &format!("      {seen}"));
    }
}

/// `48 of 51` where a figure grows towards a threshold, else what was observed.
fn standing(reason: &Reason) -> String {
    match card::own(reason).as_slice() {
        [one] if reason.met != Some(true) => target(one)
            .map_or_else(|| card::observed(reason), |target| format!("{} of {target}", words::value(&one.value))),
        _ => card::observed(reason),
    }
}

/// The least value that would do. Only counting upwards has one: `> 50` is 51 for whole numbers.
fn target(observation: &Observation) -> Option<String> {
    let threshold = observation.threshold.as_f64()?;
    observation.value.as_f64()?;
    match observation.operator.as_str() {
        ">=" => Some(words::round(threshold)),
        ">" if threshold.fract() == 0.0 => Some(words::round(threshold + 1.0)),
        ">" => Some(format!("more than {}", words::round(threshold))),
        _ => None,
    }
}

fn history(definition: &DefinitionExplanation, now: Millis) -> Option<String> {
    let mut text = format!("last qualified {}", words::ago(definition.qualified_at.as_deref()?, now));
    if let Some(lead) = &definition.lead_id {
        let _ = write!(text, " as lead {lead}");
    }
    if let Some(until) = &definition.cooldown_until {
        let _ = write!(text, "; no further lead until {}", day(until));
    }
    Some(text)
}

/// Why somebody who qualifies is no lead that somebody is told of.
fn held_back(by: &HeldBack) -> String {
    let what = by.what.as_deref().unwrap_or_default();
    match by.by {
        HeldBackBy::Never => format!("held back: never while {what}"),
        HeldBackBy::Shadow => "held back: the definition is a shadow, nobody is told".to_owned(),
        HeldBackBy::Cooldown => {
            format!("held back: cooldown until {}", by.until.as_deref().map(day).unwrap_or_default())
        }
        HeldBackBy::QuietStart => "held back: quiet start, qualified when the definition appeared".to_owned(),
        HeldBackBy::Unheard => {
            "held back: nothing was heard of them since the definition appeared or changed".to_owned()
        }
        HeldBackBy::OldEvent => "held back: an event made the difference that was too old".to_owned(),
        HeldBackBy::Each => format!("held back: waits for the next event of {what}"),
        HeldBackBy::Asking => format!("held back: asks account {what} whether it has a lead already"),
        HeldBackBy::Joined => format!("part of lead {what}, which the account has already"),
        HeldBackBy::Ended => {
            format!("{what}: the lead is over, and another one takes that the conditions were false in between")
        }
        HeldBackBy::Full => format!(
            "let go: {what} made too many leads, and as many are held as may be; what they do from {} on makes another",
            by.until.as_deref().map(day).unwrap_or_default()
        ),
        HeldBackBy::Expired => format!(
            "let go: {what} made too many leads, and nobody released this one in time; what they do from {} on makes another",
            by.until.as_deref().map(day).unwrap_or_default()
        ),
        HeldBackBy::Held => format!("held back: {what} made too many leads; see `handraiser leads --held`"),
    }
}

fn day(rfc3339: &str) -> String {
    rfc3339.parse::<jiff::Timestamp>().map_or_else(|_| rfc3339.to_owned(), |at| at.strftime("%-d %b %Y").to_string())
}

/// What a subject's counters or signals say, by name.
fn figures(out: &mut String, (title, figures): (&str, &BTreeMap<String, Value>), now: Millis, paint: Paint) {
    if figures.is_empty() {
        return;
    }
    line(out, &format!("\n{}", paint.dim(title)));
    let width = figures.keys().map(|name| columns(name)).max().unwrap_or(0);
    for (name, value) in figures {
        let padding = " ".repeat(width - columns(name));
        let shown = match value.as_str() {
            Some(moment) => words::ago(moment, now),
            None => words::value(value),
        };
        line(out, &format!("  {name}{padding}  {shown}"));
    }
}

/// What made the scores what they are.
fn points(out: &mut String, explanation: &SubjectExplanation, paint: Paint) {
    for (name, given) in &explanation.points {
        line(out, &format!("\n{}", paint.dim(format!("points of {name}"))));
        for PointsGiven { label, times, points } in given {
            let times = if times.as_f64() == Some(1.0) { String::new() } else { format!("  {times} times") };
            line(out, &format!("  {:>5}  {label}{times}", points.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signals_and_scores_are_told() {
        let explanation = json!({
            "subject": { "type": "account", "id": "acme", "name": "Acme" }, "config_version": "v", "merged_into": null,
            "accounts": [], "traits": {}, "first_seen": null, "last_seen": null, "definitions": [],
            "counters": { "tasks": 51 }, "signals": { "activated": true, "engagement": 34, "size": null },
            "points": { "engagement": [
                { "label": "creates tasks", "times": 1, "points": 30 }, { "label": "exports", "times": 2, "points": 4 },
            ] },
        });
        let mut out = String::new();
        let explanation: SubjectExplanation = serde_json::from_value(explanation).expect("an explanation");
        figures(&mut out, ("signals", &explanation.signals), Millis(0), Paint::plain());
        points(&mut out, &explanation, Paint::plain());
        insta::assert_snapshot!(out.trim(), @r"
        signals
          activated   true
          engagement  34
          size        unknown

        points of engagement
             30  creates tasks
              4  exports  2 times
        ");
    }
}
