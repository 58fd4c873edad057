//! The calendars of reps: read every so often by the one server that has the first roster. What they say is a message to that, so that all
//! servers decide by the same, also while a calendar can't be read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{StreamExt as _, stream};
use reqwest::Method;
use tokio::time::{Instant, MissedTickBehavior};

use crate::apply::roster::FIRST;
use crate::config::{Calendars, Feed, FeedAt};
use crate::crm::client::Connections;
use crate::crm::exchange::Request;
use crate::crm::room::Rooms;
use crate::engine::EngineError;
use crate::http::{AppState, Backend};
use crate::record::{Roster, RosterChange, SaidBy};
use crate::routing::reps::calendar;
use crate::time::Millis;

/// How often it is looked whether it is time, and whether files have changed.
const LOOK: Duration = Duration::from_secs(2);
/// How long a calendar may take to come.
const TIMEOUT: Duration = Duration::from_secs(20);
/// And how large it may be, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// How many are read at once.
const AT_ONCE: usize = 4;

/// How long reading one may take once it is there; the others' calendars don't wait for longer.
const DEADLINE: Duration = Duration::from_secs(10);
static READING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What is known of the last time.
struct Last {
    version: Arc<str>,
    at: Instant,
    files: Vec<Option<SystemTime>>,
}

/// Reads calendars for as long as the server runs.
pub(super) async fn follow(app: AppState) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Last> = None;
    loop {
        ticks.tick().await;
        let Some(backend) = app.backend.get().filter(|backend| backend.engine.owns(FIRST)) else {
            last = None;
            continue;
        };
        let config = app.config.load_full();
        let files: Vec<_> = config.calendars.feeds.iter().map(modified).collect();
        let is_fresh = |last: &Last| {
            last.version == config.version && last.files == files && last.at.elapsed() < config.calendars.every
        };
        if last.as_ref().is_some_and(is_fresh) {
            continue;
        }
        match read_all(&config.calendars, backend, app.clock.now()).await {
            Ok(()) => last = Some(Last { version: Arc::clone(&config.version), at: Instant::now(), files }),
            // What was read is not said: it is read again.
            Err(error) => tracing::warn!(%error, "what reps' calendars say can't be kept"),
        }
    }
}

fn modified(feed: &Feed) -> Option<SystemTime> {
    let FeedAt::File(path) = &feed.at else { return None };
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}

async fn read_all(calendars: &Calendars, backend: &Backend, now: Millis) -> Result<(), EngineError> {
    let roster = backend.engine.roster().await?;
    let connections = Connections::new(&calendars.allow_addresses, None).map_err(|error| error.to_string());
    let read = stream::iter(calendars.feeds.clone()).map(move |feed| {
        let connections = connections.clone();
        async move { (Arc::clone(&feed.rep), read(&feed, connections, now).await) }
    });
    let read: Vec<_> = read.buffer_unordered(AT_ONCE).collect().await;
    let changes = changes(&roster, read.into_iter().collect(), now);
    if changes.is_empty() {
        return Ok(());
    }
    if changes.iter().any(|change| matches!(change, RosterChange::Unread { .. })) {
        tracing::warn!("a rep's calendar can't be read, so that what it said holds on: see `handraiser absences`");
    }
    backend.engine.change_roster(changes).await
}

type Read = Result<Vec<(Millis, Millis)>, String>;

async fn read(feed: &Feed, connections: Result<Connections, String>, now: Millis) -> Read {
    let text = match &feed.at {
        FeedAt::File(path) => from_file(path).await?,
        FeedAt::Url(url) => {
            let request = Request::new(Method::GET, url.clone());
            // Only a few are read at once, whose size is bounded, and which no destination has to wait for.
            let room = Rooms::default().begin();
            let answer = connections?.send(request, TIMEOUT, MAX_BYTES, &room).await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status != 200 {
                return Err(format!("it answers with status {}", answer.status));
            }
            answer.body
        }
    };
    if text.len() >= MAX_BYTES {
        return Err(format!("it is larger than {} MB", MAX_BYTES >> 20));
    }
    let (zone, rep) = (feed.zone.clone(), Arc::clone(&feed.rep));
    // Of a large calendar everything is in memory while it is read: one at a time.
    let _turn = READING.lock().await;
    let read = tokio::task::spawn_blocking(move || calendar::read(&String::from_utf8_lossy(&text), &rep, &zone, now));
    let read = tokio::time::timeout(DEADLINE, read);
    let read = read.await.map_err(|_| format!("reading it takes longer than {} s", DEADLINE.as_secs()))?;
    let ours = |_| "reading it panicked, which is our own fault".to_owned();
    read.map_err(ours)?.map_err(|error| error.to_string())
}

async fn from_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("can't read `{}`: {error}", path.display());
    let size = tokio::fs::metadata(path).await.map_err(told)?.len();
    if size >= MAX_BYTES as u64 {
        return Err(format!("it is larger than {} MB", MAX_BYTES >> 20));
    }
    tokio::fs::read(path).await.map_err(told)
}

/// What is new in what was read.
fn changes(roster: &Roster, read: BTreeMap<Arc<str>, Read>, now: Millis) -> Vec<RosterChange> {
    let is_read = |rep: &str| read.keys().any(|known| known.eq_ignore_ascii_case(rep));
    let unread = |rep: &str| roster.unread().find(|(known, _)| known.eq_ignore_ascii_case(rep)).map(|(_, one)| one);
    let said = |rep: &str| -> Vec<(Millis, Millis)> {
        let theirs = roster.of(rep).iter().filter(|absence| absence.by == SaidBy::Calendar);
        theirs.filter_map(|absence| Some((absence.from, absence.until?))).filter(|(_, until)| *until > now).collect()
    };
    // Whose calendar is named no longer is away by it no longer.
    let by_calendar = roster.all().filter(|(_, all)| all.iter().any(|one| one.by == SaidBy::Calendar));
    let named = by_calendar.map(|(rep, _)| rep).chain(roster.unread().map(|(rep, _)| rep));
    let gone: std::collections::BTreeSet<&str> = named.filter(|rep| !is_read(rep)).collect();
    let gone = gone.into_iter().map(|rep| RosterChange::Calendar { rep: rep.into(), away: Vec::new() });
    let mut changes: Vec<RosterChange> = gone.collect();
    for (rep, outcome) in read {
        match outcome {
            Ok(away) if unread(&rep).is_some() || said(&rep) != away => {
                changes.push(RosterChange::Calendar { rep, away });
            }
            Err(error) if unread(&rep).is_none_or(|known| *known.error != *error) => {
                changes.push(RosterChange::Unread { rep, error: error.into() });
            }
            _ => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(rep: &str, read: Read) -> BTreeMap<Arc<str>, Read> {
        [(Arc::from(rep), read)].into()
    }

    #[test]
    fn only_what_is_new_is_said() {
        let (mut roster, now) = (Roster::default(), Millis(100));
        let week = vec![(Millis(50), Millis(150)), (Millis(200), Millis(250))];
        let apply = |roster: &mut Roster, changes: &[RosterChange], now| {
            changes.iter().for_each(|change| roster.change(change, now));
            changes.len()
        };
        let first = changes(&roster, read_of("Ana@x.example", Ok(week.clone())), now);
        assert_eq!(apply(&mut roster, &first, now), 1);
        assert_eq!(changes(&roster, read_of("Ana@x.example", Ok(week.clone())), now), []);
        // What is over leaves the calendar's answer, and is nothing new.
        assert_eq!(changes(&roster, read_of("Ana@x.example", Ok(week[1..].to_vec())), Millis(150)), []);
        let failed = || read_of("Ana@x.example", Err("no answer".to_owned()));
        let unread = changes(&roster, failed(), now);
        assert_eq!(apply(&mut roster, &unread, now), 1);
        assert_eq!(changes(&roster, failed(), now), [], "it is said once");
        assert_eq!(roster.of("ana@x.example").len(), 2, "what it said holds on");
        let again = changes(&roster, read_of("Ana@x.example", Ok(week)), now);
        assert_eq!(apply(&mut roster, &again, now), 1, "it can be read again");
        assert_eq!(roster.unread().count(), 0);
        let gone = changes(&roster, BTreeMap::new(), now);
        assert_eq!(apply(&mut roster, &gone, now), 1);
        assert_eq!(roster, Roster::default(), "whose calendar is named no longer");
    }
}
