//! `handraiser absences`, `handraiser absent` and `handraiser back`: when reps are away.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{AbsenceItem, AbsenceList, AbsenceRequest, UnreadCalendar};
use crate::record::{Absence, Roster, RosterChange, SaidBy, Why};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only of this rep, by e-mail address
    rep: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
pub struct AbsentArgs {
    /// The rep's e-mail address
    rep: String,

    /// From this date on, where the rep is, or from this moment on, RFC 3339; by default from now on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// The last day, or until this moment; by default until `handraiser back`
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Why; leads and destinations are not told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
pub struct BackArgs {
    /// The rep's e-mail address
    rep: String,

    /// Only from the absence that begins on this date, or at this moment; by default from all that is said by hand
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let answer = match &args.rep {
        Some(rep) => client.get(&["reps", rep, "absences"], &[]).await?,
        None => client.get(&["absences"], &[]).await?,
    };
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    show(&render(&read(answer)?, Clock::System.now(), Paint::stdout()))
}

pub async fn absent(args: AbsentArgs) -> Result<(), CommandError> {
    let request = to_value(&AbsenceRequest { from: args.from, until: args.to, reason: args.reason })?;
    let answer = Client::new(&args.remote)?.post(&["reps", &args.rep, "absences"], &request).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    show(&render(&read(answer)?, Clock::System.now(), Paint::stdout()))
}

pub async fn back(args: BackArgs) -> Result<(), CommandError> {
    let query: Vec<_> = args.from.into_iter().map(|from| ("from", from)).collect();
    let answer = Client::new(&args.remote)?.delete(&["reps", &args.rep, "absences"], &query).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let list: AbsenceList = read(answer)?;
    let left = if list.absences.is_empty() { "" } else { "; what the configuration or a calendar says holds on:" };
    println!("{} is back{left}", args.rep.trim());
    if list.absences.is_empty() {
        return Ok(());
    }
    show(&render(&list, Clock::System.now(), Paint::stdout()))
}

/// Who is away, as a server knows it beside what its configuration says.
pub(super) async fn ask(client: &Client) -> Result<Roster, CommandError> {
    let list: AbsenceList = read(client.get(&["absences"], &[]).await?)?;
    let mut roster = Roster::default();
    for item in list.absences.into_iter().filter(|item| item.by != "file") {
        let by = if item.by == SaidBy::Hand.as_str() { SaidBy::Hand } else { SaidBy::Calendar };
        let time = |text: Option<String>| text.as_deref().and_then(Millis::parse);
        let Some(from) = time(item.from) else { continue };
        let absence = Absence { from, until: time(item.until), by, reason: None };
        roster.change(&RosterChange::Away { rep: item.rep.into(), absence }, Clock::System.now());
    }
    Ok(roster)
}

pub(super) fn render(list: &AbsenceList, now: Millis, paint: Paint) -> String {
    if list.absences.is_empty() && list.unread_calendars.is_empty() {
        return format!("{}\n", paint.dim("nobody is away"));
    }
    let mut table = Table::new(&["REP", "", "FROM", "UNTIL", "SAID BY", "WHY"]);
    for item in &list.absences {
        let at = |time: &Option<String>, none: &str| match time {
            Some(time) => {
                format!("{} ({})", time.replacen('T', " ", 1).get(..16).unwrap_or(time), words::ago(time, now))
            }
            None => none.to_owned(),
        };
        let (what, tone) = if item.now { (item.why.as_str(), Tone::Warn) } else { ("", Tone::Dim) };
        table.row(vec![
            Cell::new(&item.rep),
            Cell::toned(what, tone),
            Cell::new(at(&item.from, "")),
            Cell::new(at(&item.until, if item.why == Why::Left { "" } else { "told otherwise" })),
            Cell::toned(&item.by, Tone::Dim),
            Cell::new(item.reason.as_deref().unwrap_or_default()),
        ]);
    }
    let told = if list.absences.is_empty() { String::new() } else { table.render(paint) };
    format!("{told}{}{}\n", render_unread(list, now, paint), paint.dim("times are UTC"))
}

/// Whose calendars can't be read.
fn render_unread(list: &AbsenceList, now: Millis, paint: Paint) -> String {
    let told = list.unread_calendars.iter().map(|UnreadCalendar { rep, since, error }| {
        let text = format!("the calendar of {rep} can't be read since {}: {error}", words::ago(since, now));
        format!("{}\n", paint.tone(Tone::Bad, text))
    });
    told.collect()
}

/// Who is away now, in a line for `handraiser status`.
pub(super) fn render_now(list: &AbsenceList, now: Millis, paint: Paint) -> String {
    let mut away: Vec<&AbsenceItem> = list.absences.iter().filter(|item| item.now).collect();
    away.dedup_by(|one, other| one.rep.eq_ignore_ascii_case(&other.rep));
    let unread = render_unread(list, now, paint);
    if away.is_empty() {
        return unread;
    }
    let told: Vec<_> = away.iter().take(5).map(|item| format!("{} ({})", item.rep, item.why.as_str())).collect();
    let more = if away.len() > told.len() { ", …" } else { "" };
    let text = format!("{} given no leads: {}{more}", words::count(away.len() as u64, "rep"), told.join(", "));
    format!("{}\n{unread}", paint.dim(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(rep: &str, why: Why, from: Option<&str>, until: Option<&str>, now: bool) -> AbsenceItem {
        let (from, until) = (from.map(str::to_owned), until.map(str::to_owned));
        AbsenceItem { rep: rep.to_owned(), why, from, until, by: "hand".to_owned(), reason: None, now }
    }

    #[test]
    fn who_is_away_is_told_and_until_when() {
        let now = Millis::parse("2026-11-30T12:00:00Z").expect("a time");
        let (from, until) = (Some("2026-11-29T23:00:00.000Z"), Some("2026-12-04T23:00:00.000Z"));
        let mut first = item("ana@x.example", Why::Absent, from, until, true);
        first.reason = Some("parental leave".to_owned());
        let absences = vec![
            first,
            item("ben@x.example", Why::Paused, from, None, true),
            item("cy@x.example", Why::Absent, until, Some("2026-12-05T23:00:00.000Z"), false),
        ];
        let unread = UnreadCalendar {
            rep: "cy@x.example".to_owned(),
            since: "2026-11-30T11:00:00.000Z".to_owned(),
            error: "it answers with status 404".to_owned(),
        };
        let list = AbsenceList { absences, unread_calendars: vec![unread] };
        insta::assert_snapshot!(render(&list, now, Paint::plain()), @r"
        REP                    FROM                          UNTIL                         SAID BY  WHY
        ana@x.example  absent  2026-11-29 23:00 (13 h ago)   2026-12-04 23:00 (in 4 days)  hand     parental leave
        ben@x.example  paused  2026-11-29 23:00 (13 h ago)   told otherwise                hand
        cy@x.example           2026-12-04 23:00 (in 4 days)  2026-12-05 23:00 (in 5 days)  hand
        the calendar of cy@x.example can't be read since 1 h ago: it answers with status 404
        times are UTC
        ");
        let told = "2 reps given no leads: ana@x.example (absent), ben@x.example (paused)\nthe calendar of cy@x.example can't be \
                    read since 1 h ago: it answers with status 404\n";
        assert_eq!(render_now(&list, now, Paint::plain()), told);
        assert_eq!(
            render_now(&AbsenceList { absences: Vec::new(), unread_calendars: Vec::new() }, now, Paint::plain()),
            ""
        );
    }
}
