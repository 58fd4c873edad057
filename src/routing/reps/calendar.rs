//! When a rep is away, as their calendar says it (iCalendar, RFC 5545): what they are out of office for, with what recurs.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use calcard::common::timezone::Tz;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarFrequency, ICalendarParameterName,
    ICalendarParameterValue, ICalendarParticipationStatus, ICalendarProperty, ICalendarStatus, ICalendarTransparency,
    ICalendarValue,
};
use calcard::{Entry, Parser};
use jiff::tz::TimeZone;

use crate::record::roster::MAX_ABSENCES;
use crate::time::Millis;

/// What lies further ahead is told when it is nearer, in milliseconds.
const AHEAD: i64 = 180 * Millis::DAY;
/// So many events that somebody is away for are looked at.
const MAX_EVENTS: usize = 500;
/// How often an event may recur; a day of twelve years has less.
const MAX_RECURRENCES: usize = 5_000;
/// How many dates are reckoned for all events of a calendar together.
const MAX_DATES: usize = 50_000;
/// How many zones a calendar may describe, in so many lines each: they are read again for each event.
const MAX_ZONES: usize = 32;
const MAX_ZONE_ENTRIES: usize = 32;
/// Of what a title speaks by which somebody is away. Whole words, in any case of letters.
const AWAY: [&str; 24] = [
    "out of office",
    "out-of-office",
    "ooo",
    "vacation",
    "holiday",
    "holidays",
    "pto",
    "time off",
    "day off",
    "annual leave",
    "parental leave",
    "maternity leave",
    "paternity leave",
    "sick leave",
    "on leave",
    "sick",
    "urlaub",
    "elternzeit",
    "krank",
    "abwesend",
    "vacances",
    "congé",
    "vacaciones",
    "ferie",
];

/// What is no calendar.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no iCalendar file: it has no `BEGIN:VCALENDAR`")]
pub struct NoCalendar;

/// When `rep` is away from `now` on, by their calendar, where days without a zone are those of `zone`: in order, none reaching into another.
///
/// # Errors
/// When the text is no calendar. An event that can't be read is left out.
pub fn read(text: &str, rep: &str, zone: &TimeZone, now: Millis) -> Result<Vec<(Millis, Millis)>, NoCalendar> {
    let mut parser = Parser::new(text);
    let (mut away, mut found, mut left) = (Vec::new(), false, MAX_DATES);
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                found = true;
                away.extend(events(calendar, rep, zone, now, &mut left));
            }
            Entry::Eof => break,
            _ if found => break,
            _ => return Err(NoCalendar),
        }
    }
    if found { Ok(joined(away)) } else { Err(NoCalendar) }
}

fn events(calendar: ICalendar, rep: &str, zone: &TimeZone, now: Millis, left: &mut usize) -> Vec<(Millis, Millis)> {
    let floating = zone.iana_name().and_then(|name| Tz::from_str(name).ok()).unwrap_or_default();
    // What changes one day of an event that recurs has the same id.
    let (mut series, mut zones): (BTreeMap<String, Vec<ICalendarComponent>>, _) = (BTreeMap::new(), Vec::new());
    for (number, event) in calendar.components.into_iter().enumerate() {
        if event.component_type == ICalendarComponentType::VEvent {
            let id = event.uid().map_or_else(|| number.to_string(), str::to_owned);
            series.entry(id).or_default().push(event);
        } else if event.component_type == ICalendarComponentType::VTimezone
            && zones.len() < MAX_ZONES
            && event.entries.len() <= MAX_ZONE_ENTRIES
        {
            zones.push(event);
        }
    }
    let is_away = |event: &ICalendarComponent| is_theirs(event, rep) && is_away(event);
    series.retain(|_, events| events.iter().any(is_away));
    let mut away = Vec::new();
    for events in series.into_values().take(MAX_EVENTS) {
        // Nobody is away every minute, and reckoning that would take long.
        let events: Vec<_> = events.into_iter().filter(|event| !is_hectic(event)).collect();
        let counts: Vec<bool> = events.iter().map(is_away).collect();
        let series = ICalendar { components: [events, zones.clone()].concat() };
        let dates = series.expand_dates(floating, MAX_RECURRENCES.min(*left)).events;
        *left = left.saturating_sub(dates.len());
        for event in dates {
            let counts = usize::try_from(event.comp_id).ok().and_then(|number| counts.get(number)).copied();
            let Some(event) = event.try_into_date_time().filter(|_| counts == Some(true)) else { continue };
            let (from, until) = (Millis(event.start.timestamp_millis()), Millis(event.end.timestamp_millis()));
            if from < until && until > now && from < now.plus(AHEAD) {
                away.push((from, until));
            }
        }
    }
    away
}

/// Whether an event is the rep's own, or one that they said they come to: anybody can send an invitation, and it stands in the
/// calendar until it is declined, and after that as well.
fn is_theirs(event: &ICalendarComponent, rep: &str) -> bool {
    let of_rep = |entry: &ICalendarEntry| {
        entry.calendar_address().is_some_and(|address| address.trim().eq_ignore_ascii_case(rep.trim()))
    };
    let has_accepted = |entry: &ICalendarEntry| {
        let said = entry.parameter(&ICalendarParameterName::Partstat);
        matches!(said, Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Accepted)))
    };
    let is_organizer = event.property(&ICalendarProperty::Organizer).map(of_rep);
    let mut invited = event.properties(&ICalendarProperty::Attendee);
    // Fails closed: an invitation to another of their addresses is nobody's word that they are away.
    let nobody_is_invited = !event.has_property(&ICalendarProperty::Attendee);
    is_organizer.unwrap_or(nobody_is_invited) || invited.any(|entry| of_rep(entry) && has_accepted(entry))
}

/// Whether somebody is away for an event: they are marked as out of office, or its title says so and it isn't marked as free.
fn is_away(event: &ICalendarComponent) -> bool {
    let text = |name: &ICalendarProperty| event.property(name)?.values.first()?.as_text();
    let status = text(&ICalendarProperty::Other("X-MICROSOFT-CDO-BUSYSTATUS".to_owned()));
    let is_free = event.transparency() == Some(&ICalendarTransparency::Transparent)
        || status.is_some_and(|status| status.eq_ignore_ascii_case("FREE"));
    if event.status() == Some(&ICalendarStatus::Cancelled) {
        return false;
    }
    status.is_some_and(|status| status.eq_ignore_ascii_case("OOF"))
        || !is_free && text(&ICalendarProperty::Summary).is_some_and(speaks_of_it)
}

fn speaks_of_it(title: &str) -> bool {
    let title = title.to_lowercase();
    let is_apart = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    AWAY.iter().any(|words| {
        title.match_indices(words).any(|(at, found)| {
            let (before, behind) = (title.get(..at), title.get(at + found.len()..));
            is_apart(before.and_then(|text| text.chars().next_back()))
                && is_apart(behind.and_then(|text| text.chars().next()))
        })
    })
}

/// Whether an event recurs within a day.
fn is_hectic(event: &ICalendarComponent) -> bool {
    use ICalendarFrequency::{Hourly, Minutely, Secondly};
    let rules = event.entries.iter().flat_map(|entry| &entry.values);
    rules.into_iter().any(|value| {
        matches!(value, ICalendarValue::RecurrenceRule(rule) if matches!(rule.freq, Hourly | Minutely | Secondly))
    })
}

/// Stretches in order, with those made one that touch.
fn joined(mut away: Vec<(Millis, Millis)>) -> Vec<(Millis, Millis)> {
    away.sort_unstable();
    let mut joined: Vec<(Millis, Millis)> = Vec::new();
    for (from, until) in away {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined.truncate(MAX_ABSENCES);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const REP: &str = "ana@x.example";
    const NOW: &str = "2026-11-30T12:00:00Z";

    fn calendar(events: &[&str]) -> String {
        let events = events.iter().enumerate().map(|(number, event)| {
            let uid = if event.contains("UID:") { String::new() } else { format!("UID:{number}\r\n") };
            format!("BEGIN:VEVENT\r\n{uid}{}\r\nEND:VEVENT\r\n", event.replace('\n', "\r\n"))
        });
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{}END:VCALENDAR\r\n",
            events.collect::<String>()
        )
    }

    fn away(events: &[&str]) -> Vec<String> {
        let zone = TimeZone::get("Europe/Berlin").expect("it is there");
        let read = read(&calendar(events), REP, &zone, Millis::parse(NOW).expect("a time")).expect("a calendar");
        let told = |at: &Millis| at.rfc3339().replace(":00.000Z", "");
        read.iter().map(|(from, until)| format!("{}/{}", told(from), told(until))).collect()
    }

    #[test]
    fn days_and_hours_out_of_office_are_read_where_the_rep_is() {
        let told = away(&[
            "SUMMARY:Vacation in Rome\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20270103",
            "SUMMARY:Dentist\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\nDTSTART:20261201T130000Z\nDTEND:20261201T150000Z",
            "SUMMARY:Urlaub\nDTSTART;TZID=America/New_York:20261210T090000\nDTEND;TZID=America/New_York:20261210T170000",
            "SUMMARY:OOO\nDTSTART;TZID=Tokyo Standard Time:20261211T090000\nDTEND;TZID=Tokyo Standard Time:20261211T100000",
            "SUMMARY:PTO\nDTSTART;VALUE=DATE:20261215",
        ]);
        assert_eq!(
            told,
            [
                "2026-12-01T13:00/2026-12-01T15:00",
                "2026-12-10T14:00/2026-12-10T22:00",
                "2026-12-11T00:00/2026-12-11T01:00",
                "2026-12-14T23:00/2026-12-15T23:00",
                "2026-12-23T23:00/2027-01-02T23:00",
            ]
        );
    }

    #[test]
    fn what_is_no_absence_is_left_out() {
        let told = away(&[
            "SUMMARY:Weekly\nDTSTART:20261201T130000Z\nDTEND:20261201T150000Z",
            "SUMMARY:Vacation\nTRANSP:TRANSPARENT\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261226",
            "SUMMARY:Vacation\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261226",
            "SUMMARY:Sickbay tour and vacationing\nDTSTART:20261201T130000Z\nDTEND:20261201T150000Z",
            "SUMMARY:Vacation of last year\nDTSTART;VALUE=DATE:20251224\nDTEND;VALUE=DATE:20251226",
            "SUMMARY:Vacation far away\nDTSTART;VALUE=DATE:20281224\nDTEND;VALUE=DATE:20281226",
            "SUMMARY:Vacation every second\nRRULE:FREQ=SECONDLY\nDTSTART:20261201T130000Z\nDTEND:20261201T150000Z",
            "SUMMARY:Vacation\nDTSTART:when I please",
        ]);
        assert_eq!(told, [] as [&str; 0]);
    }

    #[test]
    fn an_invitation_takes_nobody_away_who_has_not_accepted_it() {
        let mut hour = 8;
        let mut event = |people: &str| {
            hour += 1;
            format!("SUMMARY:Sick leave\n{people}DTSTART:20261201T{hour:02}0000Z\nDTEND:20261201T{hour:02}3000Z")
        };
        let ana = |said: &str| format!("ATTENDEE{said}:mailto:Ana@x.example\n");
        let by = |who: &str| format!("ORGANIZER:mailto:{who}\n");
        let theirs = [
            event(""),
            event(&by("ana@x.example")),
            event(&(by("ana@x.example") + "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ben@x.example\n")),
            event(&(by("boss@x.example") + &ana(";PARTSTAT=ACCEPTED"))),
            event(&(by("ana@x.example") + &ana(""))),
        ];
        let others = [
            event(&by("mallory@evil.example")),
            event(&(by("mallory@evil.example") + &ana(";PARTSTAT=NEEDS-ACTION"))),
            event(&(by("mallory@evil.example") + &ana(";PARTSTAT=DECLINED"))),
            event(&(by("mallory@evil.example") + &ana(""))),
            event(&(by("mallory@evil.example") + "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@x.example\n")),
        ];
        let told = away(&theirs.iter().chain(&others).map(String::as_str).collect::<Vec<_>>());
        let expected: Vec<_> = (9..14).map(|at| format!("2026-12-01T{at:02}:00/2026-12-01T{at:02}:30")).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_recurs_does_so_but_on_the_days_that_are_taken_out_or_moved() {
        let told = away(&[
            "UID:a\nSUMMARY:Day off\nRRULE:FREQ=WEEKLY;BYDAY=FR;UNTIL=20261231T000000Z\nEXDATE;VALUE=DATE:20261211\n\
             DTSTART;VALUE=DATE:20200103\nDTEND;VALUE=DATE:20200104",
            "UID:a\nSUMMARY:Day off\nRECURRENCE-ID;VALUE=DATE:20261218\nDTSTART;VALUE=DATE:20261217\nDTEND;VALUE=DATE:20261218",
        ]);
        assert_eq!(
            told,
            [
                "2026-12-03T23:00/2026-12-04T23:00",
                "2026-12-16T23:00/2026-12-17T23:00",
                "2026-12-24T23:00/2026-12-25T23:00",
            ]
        );
    }

    #[test]
    fn stretches_that_touch_are_one_and_a_page_is_no_calendar() {
        let told = away(&[
            "SUMMARY:PTO\nDTSTART;VALUE=DATE:20261215\nDTEND;VALUE=DATE:20261217",
            "SUMMARY:PTO\nDTSTART;VALUE=DATE:20261216\nDTEND;VALUE=DATE:20261218",
            "SUMMARY:PTO\nDTSTART;VALUE=DATE:20261218\nDTEND;VALUE=DATE:20261219",
        ]);
        assert_eq!(told, ["2026-12-14T23:00/2026-12-18T23:00"]);
        assert_eq!(read("<html>sign in</html>", REP, &TimeZone::UTC, Millis(0)), Err(NoCalendar));
        assert_eq!(read("", REP, &TimeZone::UTC, Millis(0)), Err(NoCalendar));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            start in "[0-9TZ]{0,16}",
            rule in "(FREQ|BYDAY|COUNT|UNTIL|INTERVAL|BYMONTHDAY|BYSETPOS)=[A-Z0-9,+-]{0,8}",
            any in "(?s).{0,60}",
        ) {
            let event = format!("SUMMARY:vacation\nDTSTART:{start}\nRRULE:FREQ=DAILY;{rule}\n{any}");
            let _ = read(&calendar(&[&event]), REP, &TimeZone::UTC, Millis::parse(NOW).expect("a time"));
        }
    }
}
