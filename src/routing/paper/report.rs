//! What the leads on paper come to: who gains and loses what, who was passed over, what was not known.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::counts::{Count, Counts, Group, LateCount, LeftOut, Load, PassedOverCount, RepCounts, WaitedCount};
use super::line::{Change, Line};
use super::whose::{Owner, Whose};
use crate::record::{Given, PassedOver};
use crate::routing::reps::day_of;
use crate::time::{Millis, write_day};

/// What the leads come to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many were routed on paper.
    pub leads: usize,
    /// How many of them go where they went, to another rep of the same team, or elsewhere.
    pub stay: usize,
    /// See [`Change::OtherRep`].
    pub other_rep: usize,
    /// See [`Change::Moves`].
    pub moved: usize,
    /// Leads that are not among them.
    pub left_out: LeftOut,
    /// Of how many the server knows a later state than that in which they qualified: another tier, further traits.
    pub changed_since: usize,
    /// Each lead, in the order of time.
    #[serde(skip)]
    pub lines: Vec<Line>,
    #[serde(skip)]
    weeks: BTreeMap<(i64, Arc<str>), (usize, usize)>,
    #[serde(skip)]
    late: BTreeMap<Arc<str>, (usize, usize)>,
    #[serde(skip)]
    passed_over: BTreeMap<(String, &'static str), usize>,
}

impl Report {
    pub(super) fn new(left_out: LeftOut, changed_since: usize) -> Self {
        Self {
            leads: 0,
            stay: 0,
            other_rep: 0,
            moved: 0,
            left_out,
            changed_since,
            lines: Vec::new(),
            weeks: BTreeMap::new(),
            late: BTreeMap::new(),
            passed_over: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, line: Line, at: (Millis, Millis), passed_over: &[PassedOver], zone: &TimeZone) {
        self.leads += 1;
        *match line.change {
            Change::Stays => &mut self.stay,
            Change::OtherRep => &mut self.other_rep,
            Change::Moves => &mut self.moved,
        } += 1;
        let week = |at: Millis| Given::week_of(day_of(zone, at));
        if let Owner::Rep(rep) = &line.before.owner {
            self.weeks.entry((week(at.0), Arc::clone(rep))).or_default().0 += 1;
        }
        if let Owner::Rep(rep) = &line.after.owner {
            self.weeks.entry((week(at.1), Arc::clone(rep))).or_default().1 += 1;
        }
        for PassedOver { rep, reason, .. } in passed_over {
            *self.passed_over.entry((rep.clone(), reason.as_str())).or_default() += 1;
        }
        self.lines.push(line);
    }

    /// A team promises when its leads are taken on; whether one of them is too late.
    pub(super) fn promised(&mut self, team: &str, is_late: bool) {
        let (leads, late) = self.late.entry(Arc::from(team)).or_default();
        *leads += 1;
        *late += usize::from(is_late);
    }

    /// Of the teams that promise when their leads are taken on: of how many that is known, and how many are too late.
    pub fn late(&self) -> Vec<LateCount> {
        let count = |(team, (leads, late)): (&Arc<str>, &(usize, usize))| LateCount {
            team: Arc::clone(team),
            leads: *leads,
            late: *late,
        };
        self.late.iter().map(count).collect()
    }

    /// Who gains and loses what: by team and rep, what goes by no team last.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<Option<Arc<str>>, BTreeMap<Owner, Counts>> = BTreeMap::new();
        let mut add = |whose: &Whose, side: fn(&mut Counts) -> &mut BTreeMap<u8, usize>, tier: u8| {
            // What nobody got belongs to the team that it was meant for, if there is one.
            let counts = groups.entry(whose.team.clone()).or_default().entry(whose.owner.clone()).or_default();
            *side(counts).entry(tier).or_default() += 1;
        };
        for line in &self.lines {
            add(&line.before, |counts| &mut counts.before, line.tier);
            add(&line.after, |counts| &mut counts.after, line.tier);
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|(team, owners)| self.group(team, owners)).collect();
        groups.sort_by_key(|group| group.team.is_none());
        groups
    }

    fn group(&self, team: Option<Arc<str>>, owners: BTreeMap<Owner, Counts>) -> Group {
        let mut all = Counts::default();
        for counts in owners.values() {
            let add = |to: &mut BTreeMap<u8, usize>, from: &BTreeMap<u8, usize>| {
                from.iter().for_each(|(tier, leads)| *to.entry(*tier).or_default() += leads);
            };
            add(&mut all.before, &counts.before);
            add(&mut all.after, &counts.after);
        }
        let busiest = |owner: &Owner| {
            let of_rep = self.weeks.iter().filter(|((_, rep), _)| owner.rep() == Some(rep));
            of_rep.fold((0, 0), |most, (_, leads)| (most.0.max(leads.0), most.1.max(leads.1)))
        };
        let owners = owners.into_iter().map(|(owner, leads)| RepCounts { busiest_week: busiest(&owner), owner, leads });
        Group { team, all, owners: owners.collect() }
    }

    /// What each rep gets in each week.
    pub fn weeks(&self) -> Vec<Load> {
        let load = |((week, rep), (before, after)): (&(i64, Arc<str>), &(usize, usize))| {
            let mut monday = String::new();
            write_day(week * 7 - Given::MONDAY, &mut monday);
            Load { week: monday, rep: Arc::clone(rep), before: *before, after: *after }
        };
        self.weeks.iter().map(load).collect()
    }

    /// Who would have been next, and could not be given it, the most frequent first.
    pub fn passed_over(&self) -> Vec<PassedOverCount> {
        let count = |((rep, reason), leads): (&(String, &'static str), &usize)| PassedOverCount {
            rep: rep.clone(),
            reason,
            leads: *leads,
        };
        let mut all: Vec<PassedOverCount> = self.passed_over.iter().map(count).collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.leads));
        all
    }

    /// What the routes asked that is not known, of how many leads, the most frequent first.
    pub fn unknown(&self) -> Vec<Count> {
        counted(self.lines.iter().flat_map(|line| line.unknown.iter().map(|what| &**what)))
    }

    /// Definitions that leads are of, but for those that `is_known`.
    pub fn definitions(&self, is_known: impl Fn(&str) -> bool) -> Vec<Count> {
        counted(self.lines.iter().map(|line| &*line.definition).filter(|name| !is_known(name)))
    }

    /// How long leads wait, by the team that has them in the end.
    pub fn waits(&self) -> Vec<WaitedCount> {
        let mut by_team: BTreeMap<Option<Arc<str>>, Vec<i64>> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.waited_s > 0) {
            by_team.entry(line.after.team.clone()).or_default().push(line.waited_s);
        }
        let count = |(team, mut waited): (Option<Arc<str>>, Vec<i64>)| {
            waited.sort_unstable();
            WaitedCount {
                team,
                leads: waited.len(),
                median_s: waited.get(waited.len() / 2).copied().unwrap_or_default(),
                longest_s: waited.last().copied().unwrap_or_default(),
            }
        };
        by_team.into_iter().map(count).collect()
    }

    /// Leads that don't stay where they are: first those that go elsewhere, then those that another rep of the same team gets.
    pub fn changes(&self) -> Vec<&Line> {
        let mut changes: Vec<&Line> = self.lines.iter().filter(|line| line.change != Change::Stays).collect();
        changes.sort_by_key(|line| line.change);
        changes
    }
}

fn counted<'a>(all: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.for_each(|what| *counts.entry(what).or_default() += 1);
    let mut counts: Vec<Count> =
        counts.into_iter().map(|(what, leads)| Count { what: what.to_owned(), leads }).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.leads));
    counts
}
