//! Reps who are away: as the configuration says it, and as it is said while the server runs.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get, post};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::owners::rep;
use super::reading::{ReadParams, settled};
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::record::roster::MAX_ABSENCES;
use crate::record::{Absence, Roster, RosterChange, SaidBy, Unread, Why};
use crate::routing::{Availability, Routes};
use crate::time::{Millis, begins};

/// The longest reason, in bytes.
const MAX_REASON: usize = 200;
/// What the file says of the past is told for so long, in milliseconds.
const TOLD_FOR: i64 = 7 * Millis::DAY;

/// A time at which a rep is given no leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AbsenceItem {
    /// The rep's e-mail address.
    pub rep: String,
    /// `absent`; `paused` when it has no end; `left` when they are gone for good.
    pub why: Why,
    /// From when on, RFC 3339; `null`: since ever.
    pub from: Option<String>,
    /// Until when, RFC 3339; `null`: until they are said to be back.
    pub until: Option<String>,
    /// Who says so: `file`, `hand` or `calendar`.
    pub by: String,
    /// Why, in the words of whoever said so. Leads and destinations are not told.
    pub reason: Option<String>,
    /// Whether it is now.
    pub now: bool,
}

/// Who is away, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AbsenceList {
    /// By rep, then in the order in which they begin.
    pub absences: Vec<AbsenceItem>,
    /// Calendars that can't be read; what they said holds on.
    pub unread_calendars: Vec<UnreadCalendar>,
}

/// A rep's calendar that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnreadCalendar {
    /// The rep's e-mail address.
    pub rep: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why not.
    pub error: String,
}

/// When a rep is away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsenceRequest {
    /// A moment, RFC 3339, or a date, whose day begins where the rep is; by default now. What begins at the same moment is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A moment, or the last day as a date; by default until they are said to be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why; at most 200 bytes. Leads and destinations are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a rep is back from.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BackParams {
    /// Only what begins at this moment, RFC 3339, or on this date; by default all that is or comes.
    pub from: Option<String>,
}

/// Lists who is away, and when.
#[utoipa::path(
    operation_id = "list_absences", tag = "reps", params(ReadParams), responses((status = 200, body = AbsenceList)),
)]
#[get("/absences")]
pub async fn list(state: Data<AppState>, params: Query<ReadParams>) -> Result<Json<AbsenceList>, ApiError> {
    let roster = settled(&state, params.consistency).await?.engine.roster().await?;
    Ok(Json(told(&state, &roster, None)))
}

/// Lists when a rep is away.
#[utoipa::path(
    operation_id = "show_absences",
    tag = "reps",
    params(("rep" = String, Path, description = "the rep's e-mail address"), ReadParams),
    responses((status = 200, body = AbsenceList)),
)]
#[get("/reps/{rep}/absences")]
pub async fn show(
    state: Data<AppState>,
    name: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<AbsenceList>, ApiError> {
    let name = rep(&state, &name)?;
    let roster = settled(&state, params.consistency).await?.engine.roster().await?;
    Ok(Json(told(&state, &roster, Some(&name))))
}

/// Says that a rep is away: they are given no leads, and those that wait for their team count with it at once. What they have stays theirs.
#[utoipa::path(
    operation_id = "add_absence",
    tag = "reps",
    params(("rep" = String, Path, description = "the rep's e-mail address")),
    request_body = AbsenceRequest,
    responses((status = 200, body = AbsenceList), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/reps/{rep}/absences")]
pub async fn add(
    state: Data<AppState>,
    name: Path<String>,
    request: Json<AbsenceRequest>,
) -> Result<Json<AbsenceList>, ApiError> {
    let name = rep(&state, &name)?;
    let absence = absence(request.into_inner(), &zone(&state, &name), state.clock.now())?;
    let engine = &settled(&state, None).await?.engine;
    let by_hand = engine.roster().await?.of(&name).iter().filter(|known| known.by == SaidBy::Hand).count();
    if by_hand >= MAX_ABSENCES {
        return Err(invalid(format!("{name} has {by_hand} absences, which is as many as are kept; remove some first")));
    }
    change(&state, RosterChange::Away { rep: name.as_str().into(), absence }, &name).await
}

/// Says that a rep is back: what was said by hand of this time and of what comes holds no longer, and leads that wait for their team are
/// given to them. What the configuration or their calendar says holds on.
#[utoipa::path(
    operation_id = "end_absences",
    tag = "reps",
    params(("rep" = String, Path, description = "the rep's e-mail address"), BackParams),
    responses((status = 200, body = AbsenceList), (status = 400, body = ErrorBody<'static>)),
)]
#[delete("/reps/{rep}/absences")]
pub async fn back(
    state: Data<AppState>,
    name: Path<String>,
    params: Query<BackParams>,
) -> Result<Json<AbsenceList>, ApiError> {
    let name = rep(&state, &name)?;
    let from = params.from.as_deref().map(|text| moment(text, &zone(&state, &name), First)).transpose()?;
    change(&state, RosterChange::Back { rep: name.as_str().into(), from }, &name).await
}

async fn change(state: &AppState, change: RosterChange, rep: &str) -> Result<Json<AbsenceList>, ApiError> {
    let engine = &state.backend()?.engine;
    engine.change_roster([change]).await?;
    tracing::info!("it was said when a rep is away");
    Ok(Json(told(state, &*engine.roster().await?, Some(rep))))
}

fn zone(state: &AppState, rep: &str) -> TimeZone {
    let rules = &state.config.load().rules;
    let theirs = rules.reps.get(rep).map(|availability| availability.zone.clone());
    theirs.or_else(|| rules.time_zone.clone()).unwrap_or(TimeZone::UTC)
}

fn absence(request: AbsenceRequest, zone: &TimeZone, now: Millis) -> Result<Absence, ApiError> {
    let from = request.from.map_or(Ok(now), |text| moment(&text, zone, First))?;
    let until = request.until.map(|text| moment(&text, zone, Last)).transpose()?;
    if until.is_some_and(|until| until <= from) {
        return Err(invalid("`until` is before `from`".to_owned()));
    }
    if until.is_some_and(|until| until <= now) {
        return Err(invalid("`until` is over already".to_owned()));
    }
    if request.reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        return Err(invalid(format!("`reason` is longer than {MAX_REASON} bytes")));
    }
    let reason = request.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).map(Into::into);
    Ok(Absence { from, until, by: SaidBy::Hand, reason })
}

/// Which end of a day a date means.
#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}
use Edge::{First, Last};

/// A moment, or the beginning or the end of a day.
fn moment(text: &str, zone: &TimeZone, edge: Edge) -> Result<Millis, ApiError> {
    let text = text.trim();
    let day = text.parse::<Date>().ok().filter(|_| !text.contains('T')).and_then(|date| match edge {
        First => begins(date, zone),
        Last => begins(date.tomorrow().ok()?, zone),
    });
    day.or_else(|| Millis::parse(text)).ok_or_else(|| {
        invalid(format!(
            "`{text}` is no time; write a date, as in `2026-12-24`, or a moment, as in `2026-12-24T12:00:00Z`"
        ))
    })
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

/// What is known of when reps, or one of them, are away.
fn told(state: &AppState, roster: &Roster, only: Option<&str>) -> AbsenceList {
    let (config, now) = (state.config.load(), state.clock.now());
    let by = config.rules.routes();
    let is_asked = |rep: &str| only.is_none_or(|only| only.eq_ignore_ascii_case(rep));
    let written = by.reps.all().filter(|(rep, _)| is_asked(rep));
    let mut absences: Vec<_> = written.flat_map(|(rep, availability)| in_file(rep, availability, now)).collect();
    for (rep, said) in roster.all().filter(|(rep, _)| is_asked(rep)) {
        absences.extend(said.iter().map(|absence| said_since(by, rep, absence, now)));
    }
    absences.sort_by(|one, other| (&one.rep, &one.from).cmp(&(&other.rep, &other.from)));
    let unread = roster.unread().filter(|(rep, _)| is_asked(rep));
    let unread = unread.map(|(rep, Unread { since, error })| UnreadCalendar {
        rep: as_written(by, rep),
        since: since.rfc3339(),
        error: error.to_string(),
    });
    AbsenceList { absences, unread_calendars: unread.collect() }
}

fn in_file(rep: &str, said: &Availability, now: Millis) -> Vec<AbsenceItem> {
    let item = |why, from: Option<Millis>, until: Option<Millis>| AbsenceItem {
        rep: rep.to_owned(),
        why,
        from: from.filter(|from| from.0 > i64::MIN).map(Millis::rfc3339),
        until: until.map(Millis::rfc3339),
        by: "file".to_owned(),
        reason: None,
        now: from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until),
    };
    let absent = said.absent.iter().filter(|(_, until)| until.plus(TOLD_FOR) > now);
    let left = said.left.map(|left| item(Why::Left, Some(left), None));
    let paused = said.paused.then(|| item(Why::Paused, None, None));
    let absent = absent.map(|(from, until)| item(Why::Absent, Some(*from), Some(*until)));
    left.into_iter().chain(paused).chain(absent).collect()
}

/// A rep as the configuration writes them, where it does.
fn as_written(by: Routes<'_>, rep: &str) -> String {
    let written = by.teams.iter().flat_map(|team| &team.reps).find(|known| known.name.eq_ignore_ascii_case(rep));
    written.map_or(rep, |known| &known.name).to_owned()
}

fn said_since(by: Routes<'_>, rep: &str, absence: &Absence, now: Millis) -> AbsenceItem {
    AbsenceItem {
        rep: as_written(by, rep),
        why: if absence.until.is_some() { Why::Absent } else { Why::Paused },
        from: Some(absence.from.rfc3339()),
        until: absence.until.map(Millis::rfc3339),
        by: absence.by.as_str().to_owned(),
        reason: absence.reason.as_deref().map(str::to_owned),
        now: absence.holds(now),
    }
}
