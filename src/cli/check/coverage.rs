//! `handraiser check --coverage`: what the territories and the teams cover, and what they don't.

use std::fmt::Write as _;

use serde::Serialize;

use crate::apply::Rules;
use crate::cli::paint::Paint;
use crate::cli::table::{Cell, Table};
use crate::expr::country::Country;
use crate::routing::coverage::{TeamHours, hours};
use crate::routing::territory::{Covered, NeverWins, Row, Territories};
use crate::routing::{RouteTarget, RouteTo};
use crate::time::Millis;

/// So many names are told before `and 12 more`.
const MAX_NAMES: usize = 3;

/// What is covered.
#[derive(Debug, Serialize)]
pub struct Coverage {
    /// By countries that territories name.
    countries: Vec<CountriesReport>,
    /// Who gets what no territory takes: the routes behind the territories, in order.
    otherwise: Vec<String>,
    never_win: Vec<NeverWinsReport>,
    hours: Vec<TeamHours>,
}

/// Countries of which the same is to be said.
#[derive(Debug, Serialize)]
struct CountriesReport {
    /// Their codes; none for all others.
    countries: Vec<&'static str>,
    /// The territories that may take their leads, in the order in which they are tried.
    territories: Vec<String>,
    /// A lead that none of them takes; `null` where there is none.
    gap: Option<String>,
    /// False where the table is too large to be looked at as a whole.
    whole: bool,
    #[serde(skip)]
    names: Vec<&'static str>,
}

/// A territory that never wins.
#[derive(Debug, Serialize)]
struct NeverWinsReport {
    territory: String,
    place: String,
    /// The places of the territories that take its leads.
    by: Vec<String>,
}

/// Looks at what `rules` cover at `now`.
pub fn coverage(rules: &Rules, now: Millis) -> Coverage {
    let table = rules.territories.as_deref();
    let behind = rules.routes.iter().skip_while(|route| !matches!(route.to, RouteTo::Territories)).skip(1);
    let otherwise = behind.filter_map(|route| match &route.to {
        RouteTo::Target(to) => Some(match &route.when {
            Some(when) => format!("route `{}` ({}) → {}", route.name, when.source(), named(to)),
            None => format!("route `{}` → {}", route.name, named(to)),
        }),
        RouteTo::Territories | RouteTo::AccountOwner { .. } | RouteTo::DomainOwner { .. } | RouteTo::Named(_) => None,
    });
    Coverage {
        countries: table.map_or_else(Vec::new, |table| table.by_country(now)).iter().map(countries).collect(),
        otherwise: otherwise.collect(),
        never_win: table.map_or_else(Vec::new, Territories::never_win).iter().map(never_wins).collect(),
        hours: hours(&rules.teams, now),
    }
}

fn named(to: &RouteTarget) -> &str {
    match to {
        RouteTarget::Team(team) => team,
        RouteTarget::Rep(rep) => rep,
        RouteTarget::SelfServe => "self_serve",
    }
}

fn countries(covered: &Covered<'_>) -> CountriesReport {
    let territory = |row: &&Row| format!("{} → {}", row.name, named(&row.to));
    CountriesReport {
        countries: covered.countries.iter().map(|country| country.code()).collect(),
        territories: covered.rows.iter().map(territory).collect(),
        gap: covered.gap.clone(),
        whole: covered.whole,
        names: covered.countries.iter().copied().map(Country::name).collect(),
    }
}

fn never_wins(never: &NeverWins<'_>) -> NeverWinsReport {
    NeverWinsReport {
        territory: never.row.name.to_string(),
        place: never.row.place.to_string(),
        by: never.by.iter().map(|row| row.place.to_string()).collect(),
    }
}

impl Coverage {
    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let mut out = String::new();
        if !self.countries.is_empty() {
            let _ = write!(out, "\n{}", self.by_country(paint));
            if !self.otherwise.is_empty() {
                let _ = writeln!(out, "whoever falls through: {}", self.otherwise.join("; "));
            }
        }
        if !self.never_win.is_empty() {
            let mut table = Table::new(&["NEVER WINS", "WHERE", "SINCE THESE COME BEFORE AND TAKE ALL OF IT"]);
            for one in &self.never_win {
                table.row(vec![Cell::new(&one.territory), Cell::new(&one.place), Cell::new(some(&one.by, ", "))]);
            }
            let _ = write!(out, "\n{}", table.render(paint));
        }
        let _ = write!(out, "\n{}", self.by_team(paint));
        out
    }

    fn by_country(&self, paint: Paint) -> String {
        let mut table = Table::new(&["COUNTRIES", "FALLS THROUGH", "TERRITORIES"]);
        for one in &self.countries {
            let countries = if one.countries.is_empty() { "all others".to_owned() } else { some(&one.names, ", ") };
            let gap = match (&one.gap, one.whole) {
                (Some(gap), _) if one.territories.is_empty() => gap.clone(),
                (Some(gap), _) => format!("such as {gap}"),
                (None, true) => String::new(),
                (None, false) => "not looked at in whole".to_owned(),
            };
            table.row(vec![Cell::new(countries), Cell::new(gap), Cell::new(some(&one.territories, "; "))]);
        }
        table.render(paint)
    }

    fn by_team(&self, paint: Paint) -> String {
        if self.hours.is_empty() {
            return "somebody of every team is always there\n".to_owned();
        }
        let mut table = Table::new(&["TEAM", "NOBODY WORKS", "BY THE CLOCK OF", "NOR ON, IN 90 DAYS TO COME"]);
        for TeamHours { team, time_zone, nobody, days } in &self.hours {
            let nobody = nobody.as_deref().unwrap_or_default();
            let days = some(days, ", ");
            table.row(vec![Cell::new(&**team), Cell::new(nobody), Cell::new(time_zone), Cell::new(days)]);
        }
        table.render(paint)
    }
}

/// `Albania, Algeria, Angola and 104 more`.
fn some(all: &[impl AsRef<str>], between: &str) -> String {
    // One more is no longer than `and 1 more`.
    let told = if all.len() == MAX_NAMES + 1 { all.len() } else { MAX_NAMES };
    let names: Vec<&str> = all.iter().take(told).map(AsRef::as_ref).collect();
    let more = all.len().saturating_sub(told);
    let names = names.join(between);
    if more == 0 { names } else { format!("{names} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    const COMPANY: &str = "
teams:
  emea: { reps: [ gus@x.example, hana@x.example ] }
  west: { reps: [ dan@x.example ] }
  all day: { reps: [ eva@x.example ] }
reps:
  gus@x.example: { time_zone: Europe/Berlin, hours: 'Mo-Fr 09:00-12:00,13:00-17:00', holidays: DE }
  hana@x.example: { time_zone: Europe/Berlin, hours: Mo-Th 09:00-12:00, holidays: DE, absent: [2026-12-30..2027-01-10] }
  dan@x.example: { time_zone: America/Los_Angeles, hours: Mo-Fr 08:00-16:00, absent: [2026-12-14..2026-12-24] }
territories:
  rows:
    - { name: Strategic, domain: acme.example, to: eva@x.example }
    - { name: Germany, country: DE, to: emea }
    - { name: Benelux, region: Benelux, employees: 50+, to: emea, priority: 1 }
    - { name: Belgium large, country: BE, employees: 1000+, to: all day }
    - { name: California, country: US, state: CA, to: west }
routes:
  - { name: table, to: territories }
  - { name: tier 1, when: lead.tier == 1, to: all day }
  - { name: rest, to: self_serve }
";

    #[test]
    fn what_is_covered_and_what_is_not_is_told() {
        let config = load_text("test.yaml", COMPANY, &|_| None).unwrap_or_else(|all| panic!("{all:#?}")).config;
        let now = Millis::parse("2026-11-30T12:00:00Z").expect("a moment");
        let covered = coverage(&config.rules, now);
        insta::assert_snapshot!(covered.text(Paint::plain()));
        let json = serde_json::to_value(&covered).expect("plain data");
        assert_eq!(json["countries"][0]["territories"][0], "Benelux → emea");
        assert_eq!(json["never_win"][0]["by"], serde_json::json!(["row 3"]));
        assert_eq!(json["hours"][0]["nobody"], "Mo-Fr 00:00-09:00, 12:00-13:00, 17:00-24:00; Sa-Su all day");
    }
}
