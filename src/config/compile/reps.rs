//! `reps`.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::names::check_address;
use super::names::unique;
use super::settings;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Many, Named};
use crate::config::scalar::Count;
use crate::config::shape::{CapsShape, RepShape, TierCapsShape};
use crate::config::yaml::Scalar;
use crate::expr::country::Country;
use crate::record::Given;
use crate::routing::reps::{Caps, Hours, Knows, TierCap, country_holidays, language};
use crate::routing::{Availability, Reps, Team};
use crate::time::{Millis, begins};

/// Longer ago than every event.
const ALWAYS: Millis = Millis(i64::MIN);
const ALL_DAY: &str = "24/7";
const DATE_HELP: &str = "write it as in `2026-12-24`";

/// Compiles when reps may be given leads, and tells the teams.
pub fn reps(shape: Option<&Named<RepShape>>, zone: &TimeZone, teams: &mut [Team], findings: &mut Findings) -> Reps {
    let mut reps = Reps::default();
    let Some(Named(declared)) = shape else { return reps };
    unique(declared.iter().map(|(name, _)| name), "rep", findings);
    for (name, shape) in declared {
        check_address(name, findings);
        if let Some(availability) = shape.as_ref().and_then(|shape| availability(shape, zone, findings)) {
            reps.insert(name.text.trim(), availability);
        }
    }
    for rep in teams.iter_mut().flat_map(|team| &mut team.reps) {
        rep.availability = reps.get(&rep.name).map(Arc::clone);
    }
    reps
}

fn availability(shape: &RepShape, zone: &TimeZone, findings: &mut Findings) -> Option<Availability> {
    let zone = match shape.time_zone.get() {
        Some(named) => settings::time_zone(Some(named), findings)?,
        None => zone.clone(),
    };
    let mut absent: Vec<_> = texts(shape.absent.get()).filter_map(|text| absence(text, &zone, findings)).collect();
    absent.sort_unstable();
    let left = shape.left.get().map_or(Some(None), |text| left(text, &zone, findings));
    let hours = hours(shape, findings);
    let caps = shape.caps.get().map_or_else(Caps::default, |caps| self::caps(caps, findings));
    Some(Availability {
        left: left?,
        paused: shape.paused.get().is_some_and(|at| at.value.0),
        absent,
        hours: hours?,
        caps,
        knows: knows(shape, findings),
        zone,
    })
}

fn texts(many: Option<&Many<Scalar>>) -> impl Iterator<Item = &Scalar> {
    many.into_iter().flat_map(|Many(all)| all)
}

/// When they work; `Some(None)` where nothing is said.
#[expect(clippy::option_option, reason = "the outer one is whether it can be used")]
fn hours(shape: &RepShape, findings: &mut Findings) -> Option<Option<Hours>> {
    let holidays: Vec<Date> = texts(shape.holidays.get()).flat_map(|text| holidays(text, findings)).collect();
    let Some(text) = shape.hours.get() else {
        // Nothing but holidays: any other day is as good as the next.
        return Some((!holidays.is_empty()).then(|| Hours::new(ALL_DAY, &holidays).ok()).flatten());
    };
    match Hours::new(text.text.trim(), &holidays) {
        Ok(hours) => Some(Some(hours)),
        Err(unusable) => {
            let message = format!("`{}` are no opening hours: {unusable}", findings.shown(text));
            let problem = Problem::error(text.at, Code::BadValue, message);
            findings.push(problem.help("write them as in `Mo-Fr 09:00-12:30,13:30-17:00; Sa 10:00-12:00`"));
            None
        }
    }
}

/// The days that a word in `holidays` means.
fn holidays(text: &Scalar, findings: &mut Findings) -> Vec<Date> {
    let word = text.text.trim();
    if let Ok(date) = word.parse::<Date>() {
        return vec![date];
    }
    let known = Country::read(word).map(|country| (country.name(), country_holidays(country.code())));
    let (message, help) = match known {
        Some((_, Some(days))) => return days,
        Some((name, None)) => {
            (format!("the public holidays of {name} are not known here"), "write their dates instead")
        }
        None => {
            let message = format!("`{}` is neither a country nor a date", findings.shown(text));
            (message, "write a country, as in `DE`, or a date, as in `2026-12-24`")
        }
    };
    findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
    Vec::new()
}

/// The moments from which and until when somebody is away.
fn absence(text: &Scalar, zone: &TimeZone, findings: &mut Findings) -> Option<(Millis, Millis)> {
    let (first, last) = text.text.split_once("..").unwrap_or((&text.text, &text.text));
    let dates = first.trim().parse::<Date>().ok().zip(last.trim().parse::<Date>().ok());
    let until = dates.and_then(|(_, last)| begins(last.tomorrow().ok()?, zone));
    match dates.and_then(|(first, _)| begins(first, zone)).zip(until) {
        Some((from, until)) if from < until => Some((from, until)),
        Some(_) => {
            let message = format!("`{}` ends before it begins", findings.shown(text));
            findings.push(Problem::error(text.at, Code::BadValue, message).help("the first day stands first"));
            None
        }
        None => {
            let message = format!("`{}` is no date, and no stretch of days", findings.shown(text));
            let help = "write it as in `2026-12-24` or `2026-12-24..2027-01-02`; the last day is one of them";
            findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
            None
        }
    }
}

#[expect(clippy::option_option, reason = "the outer one is whether it can be used")]
fn left(text: &Scalar, zone: &TimeZone, findings: &mut Findings) -> Option<Option<Millis>> {
    match text.text.trim() {
        "true" => Some(Some(ALWAYS)),
        "false" => Some(None),
        date => {
            let left = date.parse::<Date>().ok().and_then(|date| begins(date, zone));
            if left.is_none() {
                let message = format!("`{}` is neither `true` nor a date", findings.shown(text));
                findings.push(Problem::error(text.at, Code::BadValue, message).help(DATE_HELP));
            }
            left.map(Some)
        }
    }
}

fn caps(shape: &CapsShape, findings: &mut Findings) -> Caps {
    let tiers = shape.tiers.get().into_iter().flat_map(|Named(all)| all);
    let tiers = tiers.filter_map(|(name, shape)| tier_cap(name, shape.as_ref()?, findings)).collect();
    let mut cap = |count: Option<&At<Count>>| cap(count, findings);
    Caps { day: cap(shape.day.get()), week: cap(shape.week.get()), open: cap(shape.open.get()), tiers }
}

fn cap(count: Option<&At<Count>>, findings: &mut Findings) -> Option<u32> {
    let count = count?;
    let cap = u32::try_from(count.value.0).ok().filter(|cap| *cap > 0);
    if cap.is_none() {
        let problem = Problem::error(count.scalar.at, Code::BadValue, "a cap is 1 or more");
        findings.push(problem.help("whoever should get nothing for now is `paused: true`"));
    }
    cap
}

fn tier_cap(name: &Scalar, shape: &TierCapsShape, findings: &mut Findings) -> Option<TierCap> {
    let tier = name.text.trim().parse::<u8>().ok().filter(|tier| (1..=Given::TIERS).contains(&usize::from(*tier)));
    if tier.is_none() {
        let message = format!("`{}` is no tier that can be counted", findings.shown(name));
        let help = format!("tiers are numbered from 1 to {}: `tiers: {{ 1: {{ day: 3 }} }}`", Given::TIERS);
        findings.push(Problem::error(name.at, Code::BadValue, message).help(help));
    }
    let (day, week) = (cap(shape.day.get(), findings), cap(shape.week.get(), findings));
    Some(TierCap { tier: tier?, day, week })
}

/// What a rep knows.
fn knows(shape: &RepShape, findings: &mut Findings) -> Knows {
    let skills = texts(shape.skills.get()).map(|skill| skill.text.trim().into()).collect();
    let spoken = texts(shape.languages.get()).filter_map(|text| {
        let tag = language(&text.text);
        if tag.is_none() {
            let message = format!("`{}` is no language", findings.shown(text));
            let help = "write its tag, as in `de` or `pt-BR`";
            findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
        }
        tag
    });
    Knows { skills, languages: spoken.collect() }
}
