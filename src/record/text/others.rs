//! The lines of what is neither a user nor an account.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Lines, timed, write_time};
use crate::record::{
    Absence, Archived, ConfigVersions, Delivery, DestinationHistory, Domain, Given, Hold, LeadClass, Place, Reroutes,
    Roster, SaidBy, SourceLeads, TeamTurns, Unread, Wait, Walk,
};
use crate::time::{Millis, read_day, write_day};

impl TeamTurns {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name.split_once(':') {
            None if name == "turns" => self.turns = value.parse().ok()?,
            None if name == "opens" => drop(self.waits.insert(LeadClass::default(), Millis::parse(value)?)),
            None if name == "waits" => {
                let (opens, asked) = value.split_once(' ')?;
                self.waits.insert(serde_json::from_str(asked).ok()?, Millis::parse(opens)?);
            }
            Some(("turn", rep)) => {
                let mut words = value.split(' ');
                let (behind, turn, at) = (words.next()?, words.next()?, words.next()?);
                let (behind, turn, at) = (behind.parse().ok()?, turn.parse().ok()?, Millis::parse(at)?);
                let mut place = Place { behind, turn, at, away: false, given: Given::default() };
                for word in words {
                    match word.split_once('=') {
                        Some(("given", given)) => {
                            let Given { open, tiers, .. } = place.given;
                            place.given = Given { open, tiers, ..read_given(given)? };
                        }
                        Some((tier, given)) if tier.starts_with("tier") => {
                            let number: usize = tier.strip_prefix("tier")?.parse().ok()?;
                            let (today, week) = given.split_once(',')?;
                            let known = place.given.tiers.get_mut(number.checked_sub(1)?)?;
                            *known = (today.parse().ok()?, week.parse().ok()?);
                        }
                        Some(("open", open)) => place.given.open = open.parse().ok()?,
                        _ => place.away |= word == "away",
                    }
                }
                self.reps.insert(Arc::from(rep), place);
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if *self == Self::default() {
            return;
        }
        lines.number("turns", self.turns);
        for (asked, opens) in &self.waits {
            if *asked == LeadClass::default() {
                lines.time("opens", *opens);
            } else {
                let asked = serde_json::to_string(asked).unwrap_or_default();
                lines.put(&["waits"], |out| timed(*opens, &asked, out));
            }
        }
        for (rep, Place { behind, turn, at, away, given }) in &self.reps {
            lines.put(&["turn:", rep], |out| {
                let _ = write!(out, "{behind} {turn} ");
                at.write_rfc3339(out);
                out.push_str(if *away { " away" } else { "" });
                if given.open > 0 {
                    let _ = write!(out, " open={}", given.open);
                }
                if (Given { open: 0, ..*given }) != Given::default() {
                    out.push_str(" given=");
                    write_day(given.day, out);
                    let _ = write!(out, ",{},{}", given.today, given.week);
                }
                for (number, (today, week)) in (1..).zip(given.tiers).filter(|(_, counts)| *counts != (0, 0)) {
                    let _ = write!(out, " tier{number}={today},{week}");
                }
            });
        }
    }
}

/// A day, how many leads on it, and how many in its week: `2026-11-30,3,11`.
fn read_given(text: &str) -> Option<Given> {
    let mut parts = text.split(',');
    let day = read_day(parts.next()?)?;
    Some(Given { day, today: parts.next()?.parse().ok()?, week: parts.next()?.parse().ok()?, ..Given::default() })
}

impl DestinationHistory {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "delivered" => self.delivered = value.parse().ok()?,
            "done" => self.done.push_back(serde_json::from_str(value).ok()?),
            "asked" => self.asked = Some(serde_json::from_str(value).ok()?),
            "paused" => self.pause = Some(serde_json::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if self.delivered > 0 {
            lines.number("delivered", self.delivered);
        }
        self.pause.iter().for_each(|pause| lines.json(&["paused"], pause));
        self.asked.iter().for_each(|asked| lines.json(&["asked"], asked));
        self.done.iter().for_each(|done| lines.json(&["done"], done));
    }
}

impl Delivery {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "subject" => self.subject = Some(value.parse().ok()?),
            "due" => self.due = Millis::parse(value)?,
            "died" => self.died = Millis::parse(value)?,
            "pending" => self.pending.push_back(serde_json::from_str(value).ok()?),
            "dead" => self.dead.push(serde_json::from_str(value).ok()?),
            "newest" => self.newest = Some(serde_json::from_str(value).ok()?),
            "took" => self.took = Some(Millis::parse(value)?),
            "seen" => self.seen = Some(serde_json::from_str(value).ok()?),
            "tried" => self.tried.push_back(serde_json::from_str(value).ok()?),
            _ => drop(self.remembered.insert(name.strip_prefix("there:")?.into(), value.into())),
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        for (name, value) in &self.remembered {
            lines.put(&["there:", name], |out| out.push_str(value));
        }
        if self.is_over() && self.remembered.is_empty() {
            return;
        }
        if let Some(subject) = &self.subject {
            lines.put(&["subject"], |out| out.push_str(&subject.to_string()));
        }
        if let Some(took) = self.took {
            lines.time("took", took);
        }
        self.seen.iter().for_each(|seen| lines.json(&["seen"], seen));
        if self.is_over() {
            return;
        }
        lines.time("due", self.due);
        lines.time("died", self.died);
        self.pending.iter().for_each(|news| lines.json(&["pending"], news));
        self.dead.iter().for_each(|news| lines.json(&["dead"], news));
        self.newest.iter().for_each(|newest| lines.json(&["newest"], newest));
        self.tried.iter().for_each(|tried| lines.json(&["tried"], tried));
    }
}

impl SourceLeads {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "leads" => {
                let (hour, counts) = value.split_once(' ')?;
                let mut counts = counts.split(' ');
                let (leads, held) = (counts.next()?.parse().ok()?, counts.next()?.parse().ok()?);
                let (hour, dropped) =
                    (Millis::parse(hour)?, counts.next().map_or(Some(0), |count| count.parse().ok())?);
                (self.hour, self.leads, self.held, self.dropped) = (hour, leads, held, dropped);
            }
            "waiting" => self.waiting = value.parse().ok()?,
            "heard" => self.heard = Some(Millis::parse(value)?),
            "merge" => self.merges.0.push_back(serde_json::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        let SourceLeads { hour, leads, held, dropped, .. } = *self;
        if (hour, leads, held, dropped) != Default::default() {
            lines.put(&["leads"], |out| timed(hour, &format!("{leads} {held} {dropped}"), out));
        }
        if self.waiting > 0 {
            lines.number("waiting", self.waiting.into());
        }
        if let Some(heard) = self.heard {
            lines.time("heard", heard);
        }
        self.merges.0.iter().for_each(|note| lines.json(&["merge"], note));
    }
}

impl ConfigVersions {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "version" => self.versions.push_back(serde_json::from_str(value).ok()?),
            "reroutes" => self.reroutes = serde_json::from_str(value).ok()?,
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        self.versions.iter().for_each(|version| lines.json(&["version"], version));
        if self.reroutes != Reroutes::default() {
            lines.json(&["reroutes"], &self.reroutes);
        }
    }
}

impl Hold {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        let (since, held) = value.split_once(' ').filter(|_| name == "held")?;
        self.0 = Some((Millis::parse(since)?, serde_json::from_str(held).ok()?));
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if let Some((since, held)) = &self.0 {
            lines.put(&["held"], |out| timed(*since, &serde_json::to_string(held).unwrap_or_default(), out));
        }
    }
}

impl Wait {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        self.0 = Some(serde_json::from_str(value).ok().filter(|_| name == "waits")?);
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if let Some(assign) = &self.0 {
            lines.json(&["waits"], assign);
        }
    }
}

impl Domain {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "owner" => self.ownership = serde_json::from_str(value).ok()?,
            "leaves" => self.leaves = Some(Millis::parse(value)?),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if self.is_empty() {
            return;
        }
        lines.json(&["owner"], &self.ownership);
        if let Some(leaves) = self.leaves {
            lines.time("leaves", leaves);
        }
    }
}

impl Roster {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        if let Some(rep) = name.strip_prefix("unread:") {
            let (since, error) = value.split_once(' ')?;
            self.put_unread(rep, Unread { since: Millis::parse(since)?, error: error.into() });
            return Some(());
        }
        let rep = name.strip_prefix("away:")?;
        let mut words = value.splitn(4, ' ');
        let (from, until, by) = (words.next()?, words.next()?, words.next()?);
        let until = if until == "-" { None } else { Some(Millis::parse(until)?) };
        let by = [SaidBy::Hand, SaidBy::Calendar].into_iter().find(|known| known.as_str() == by)?;
        self.put(rep, Absence { from: Millis::parse(from)?, until, by, reason: words.next().map(Into::into) });
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        for (rep, unread) in self.unread() {
            lines.put(&["unread:", rep], |out| timed(unread.since, &unread.error, out));
        }
        let all = self.all().flat_map(|(rep, absences)| absences.iter().map(move |absence| (rep, absence)));
        for (rep, Absence { from, until, by, reason }) in all {
            lines.put(&["away:", rep], |out| {
                from.write_rfc3339(out);
                out.push(' ');
                write_time(*until, out);
                out.push(' ');
                out.push_str(by.as_str());
                if let Some(reason) = reason {
                    out.push(' ');
                    out.push_str(reason);
                }
            });
        }
    }
}

impl Archived {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name.split_once(':') {
            None if name == "blocks" => self.blocks = value.parse().ok()?,
            None if name == "noted" => self.noted = true,
            Some(("series", key)) => drop(self.series.insert(key.into(), serde_json::from_str(value).ok()?)),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if self.blocks > 0 {
            lines.number("blocks", self.blocks);
        }
        if self.noted {
            lines.number("noted", 1);
        }
        for (key, past) in &self.series {
            lines.json(&["series:", key], past);
        }
    }
}

impl Walk {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "through" => self.through = serde_json::from_str(value).ok()?,
            "now" => self.now = Some(serde_json::from_str(value).ok()?),
            "last" => self.last = Some(serde_json::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if *self == Self::default() {
            return;
        }
        lines.json(&["through"], &self.through);
        self.now.iter().for_each(|walking| lines.json(&["now"], walking));
        self.last.iter().for_each(|walked| lines.json(&["last"], walked));
    }
}
