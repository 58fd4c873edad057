//! The outcome for people.

use std::fmt::Write as _;

use super::Told;
use crate::cli::paint::{Paint, Tone};
use crate::cli::table::{Cell, Table};
use crate::cli::words;
use crate::routing::paper::{Change, Count, Counts, Group, Line};
use crate::time::Millis;
use crate::visible::escaped;

/// No more tiers have a column of their own.
const MAX_TIERS: usize = 4;

/// The whole of it; of `all` leads that change their owner, those that are listed are in `told`.
pub(super) fn render(told: &Told<'_>, all: usize, paint: Paint) -> String {
    let mut out = String::new();
    head(&mut out, told, paint);
    if told.report.leads == 0 {
        return out;
    }
    out.push('\n');
    out.push_str(&groups(told, paint));
    waits(&mut out, told, paint);
    late(&mut out, told, paint);
    passed_over(&mut out, told, paint);
    let title = "NOT KNOWN of leads, where a route or a territory asked for it";
    counts(&mut out, title, &told.unknown, paint);
    let title = "DEFINITIONS that leads are of, and the configuration does not have";
    counts(&mut out, title, &told.unknown_definitions, paint);
    changes(&mut out, told, all, paint);
    out
}

fn head(out: &mut String, told: &Told<'_>, paint: Paint) {
    let report = told.report;
    let day = |moment: &str| moment.get(..10).unwrap_or(moment).to_owned();
    let when = match &told.since {
        Some(since) => format!("qualified from {} to {}", day(since), day(&told.until)),
        None => format!("qualified before {}", day(&told.until)),
    };
    let _ = writeln!(out, "{}", paint.strong(format!("{} {when}", words::count(report.leads as u64, "lead"))));
    if report.leads > 0 {
        let _ = writeln!(
            out,
            "  by the new configuration: {} as before, {} elsewhere, {} to another rep of the same team",
            report.stay, report.moved, report.other_rep
        );
    }
    let notes = [
        (
            report.left_out.elsewhen,
            "qualified at another time and is left out",
            "qualified at another time and are left out",
        ),
        (report.left_out.shadows, "is a shadow's and is left out", "are a shadow's and are left out"),
        (report.left_out.held, "is held and is left out", "are held and are left out"),
        (
            report.changed_since,
            "has changed since it qualified: it is routed by what is known of it now",
            "have changed since they qualified: they are routed by what is known of them now",
        ),
    ];
    for (leads, one, many) in notes.into_iter().filter(|(leads, ..)| *leads > 0) {
        let _ = writeln!(out, "  {}", paint.dim(format!("{leads} {}", if leads == 1 { one } else { many })));
    }
}

/// `30 → 20`, with what changes in sight.
fn arrow((before, after): (usize, usize)) -> Cell {
    match (before, after) {
        (0, 0) => Cell::new(""),
        (before, after) if before == after => Cell::toned(before.to_string(), Tone::Dim),
        (before, after) => Cell::new(format!("{before} → {after}")),
    }
}

fn change((before, after): (usize, usize)) -> Cell {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => Cell::new(""),
        std::cmp::Ordering::Greater => Cell::toned(format!("+{}", after - before), Tone::Good),
        std::cmp::Ordering::Less => Cell::toned(format!("−{}", before - after), Tone::Warn),
    }
}

const TIERS: [&str; MAX_TIERS] = ["TIER 1", "TIER 2", "TIER 3", "TIER 4"];

fn groups(told: &Told<'_>, paint: Paint) -> String {
    let tiers = told.report.lines.iter().map(|line| usize::from(line.tier)).max().unwrap_or(1).min(MAX_TIERS);
    let mut headings = vec!["WHO", "BEFORE", "AFTER", ""];
    headings.extend(TIERS.iter().take(tiers));
    headings.push("BUSIEST WEEK");
    let mut table = Table::new(&headings);
    let mut row = |name: Cell, counts: &Counts, busiest: Cell| {
        let all = counts.all();
        let mut cells = vec![name, Cell::new(all.0.to_string()), Cell::new(all.1.to_string()), change(all)];
        let of = |tier: usize| {
            let tier = u8::try_from(tier).unwrap_or(u8::MAX);
            let leads = |side: &std::collections::BTreeMap<u8, usize>| side.get(&tier).copied().unwrap_or_default();
            arrow((leads(&counts.before), leads(&counts.after)))
        };
        cells.extend((1..=tiers).map(of));
        cells.push(busiest);
        table.row(cells);
    };
    for Group { team, all, owners } in &told.groups {
        let indent = match team {
            Some(team) => {
                row(Cell::toned(format!("team {team}"), Tone::Strong), all, Cell::new(""));
                "  "
            }
            None => "",
        };
        for owner in owners {
            let name = format!("{indent}{}", owner.owner);
            row(Cell::new(name), &owner.leads, arrow(owner.busiest_week));
        }
    }
    table.render(paint)
}

fn waits(out: &mut String, told: &Told<'_>, paint: Paint) {
    if told.waits.is_empty() {
        return;
    }
    let mut table = Table::new(&["WAITED", "LEADS", "MEDIAN", "LONGEST"]);
    for waited in &told.waits {
        let team = waited.team.as_deref().map_or_else(|| "by no team".to_owned(), |team| format!("team {team}"));
        let span = |seconds: i64| Cell::new(words::span(seconds * Millis::SECOND));
        table.row(vec![
            Cell::new(team),
            Cell::new(waited.leads.to_string()),
            span(waited.median_s),
            span(waited.longest_s),
        ]);
    }
    let _ = write!(out, "\n{}", table.render(paint));
}

fn late(out: &mut String, told: &Told<'_>, paint: Paint) {
    if told.late.is_empty() {
        return;
    }
    let mut table = Table::new(&["TAKEN ON TOO LATE", "LEADS", "OF"]);
    for one in &told.late {
        let tone = if one.late == 0 { Tone::Dim } else { Tone::Warn };
        table.row(vec![
            Cell::new(format!("team {}", one.team)),
            Cell::toned(one.late.to_string(), tone),
            Cell::new(one.leads.to_string()),
        ]);
    }
    let _ = write!(out, "\n{}", table.render(paint));
}

fn passed_over(out: &mut String, told: &Told<'_>, paint: Paint) {
    if told.passed_over.is_empty() {
        return;
    }
    let mut table = Table::new(&["PASSED OVER", "LEADS", "WHY"]);
    for one in &told.passed_over {
        table.row(vec![Cell::new(&one.rep), Cell::new(one.leads.to_string()), Cell::new(one.reason.replace('_', " "))]);
    }
    let _ = write!(out, "\n{}", table.render(paint));
}

fn counts(out: &mut String, title: &str, counts: &[Count], paint: Paint) {
    if counts.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint.dim(title));
    for Count { what, leads } in counts {
        let _ = writeln!(out, "{}  {}", escaped(what), words::count(*leads as u64, "lead"));
    }
}

fn changes(out: &mut String, told: &Told<'_>, all: usize, paint: Paint) {
    if told.changes.is_empty() {
        return;
    }
    let mut table = Table::new(&["QUALIFIED", "TIER", "SUBJECT", "FROM", "TO", "WHY"]);
    for line in &told.changes {
        let Line { qualified, tier, subject, before, after, reason, .. } = line;
        let tone = if line.change == Change::OtherRep { Tone::Dim } else { Tone::Plain };
        let minute = qualified.get(..16).unwrap_or(qualified).replace('T', " ");
        table.row(vec![
            Cell::toned(minute, Tone::Dim),
            Cell::toned(tier.to_string(), Tone::Accent),
            Cell::new(escaped(subject)),
            Cell::toned(before.to_string(), tone),
            Cell::toned(after.to_string(), tone),
            Cell::toned(escaped(reason), Tone::Dim),
        ]);
    }
    let _ = write!(out, "\n{}", table.render(paint));
    let listed = told.changes.len();
    if listed < all {
        let more = format!("the first {listed} of {all} that change their owner; --all lists them all\n");
        out.push_str(&paint.dim(more));
    }
}
