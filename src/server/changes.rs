//! Changes of the configuration, as a store remembers them: which took force, and what the next one would lose.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::apply::{Body, LogItem, Message};
use crate::config::losses::{Loss, losses};
use crate::config::watch::Judge;
use crate::config::{Config, Diagnostic};
use crate::engine::Engine;
use crate::http::{AppState, Backend, SourceBook, versions};
use crate::ids::SourceName;
use crate::record::{ConfigVersion, ConfigVersions, Meaning, TookForce};
use crate::store::{Entry, Progress, Store, StoreError};
use crate::time::{Clock, Millis};

/// How long is waited before a store that does not take the news of a configuration is told again.
const TELL_AGAIN: Duration = Duration::from_secs(1);
/// How much of a log is read at once.
const READ_BYTES: usize = 4 << 20;

/// What taking over `config` after a start would lose of what had force in this store last: a finding for each.
pub(super) async fn at_start(store: &dyn Store, config: &Config, clock: &Clock) -> Result<Vec<Diagnostic>, StoreError> {
    let mut versions = versions::versions(store).await?;
    from_log(store, &mut versions).await?;
    let Some(ConfigVersion { hash, written, .. }) = versions.latest() else { return Ok(Vec::new()) };
    if *hash == config.version {
        return Ok(Vec::new());
    }
    lost(store, &written.meaning, config, &SourceBook::default(), clock.now()).await
}

/// Adds what stands in the log and is not applied yet: nobody may work on it before a server starts.
async fn from_log(store: &dyn Store, versions: &mut ConfigVersions) -> Result<(), StoreError> {
    let key = ConfigVersions::key();
    let shard = store.shards().of(&key);
    let Some(Progress { mut position, end, .. }) = store.progress(&[shard]).await?.first().copied() else {
        return Ok(());
    };
    while position < end {
        let entries = store.read(&[(shard, position)], READ_BYTES, Duration::ZERO).await?;
        let entries: Vec<Entry> = entries.into_iter().flat_map(|(_, entries)| entries).collect();
        let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(()) };
        for item in entries.iter().flat_map(|entry| LogItem::decode(&entry.payload)).flatten() {
            if let LogItem::Message(Message { to, at, body: Body::TookForce(took), .. }) = item
                && to == key
            {
                versions.took_force(*took, at);
            }
        }
        position = last;
    }
    Ok(())
}

/// Tells what a reload would lose.
pub(super) fn judge(app: AppState) -> Judge {
    Arc::new(move |config| {
        let app = app.clone();
        Box::pin(async move {
            // At its opening the store is asked what would be lost by what is in force then.
            let Some(Backend { store, .. }) = app.backend.get() else { return Vec::new() };
            let running = app.config.load_full();
            match reload(&**store, &running, &config, &app).await {
                Ok(lost) => lost,
                // Fails closed: what can't be looked up may be lost. It is tried again soon.
                Err(error) => vec![unknown(&config, &error)],
            }
        })
    })
}

async fn reload(
    store: &dyn Store,
    running: &Config,
    config: &Config,
    app: &AppState,
) -> Result<Vec<Diagnostic>, StoreError> {
    let accepted = versions::versions(store).await?.latest().is_some_and(|latest| latest.hash == config.version);
    // What has force on another server was accepted there.
    if accepted {
        return Ok(Vec::new());
    }
    lost(store, &running.written.meaning, config, &app.sources, app.clock.now()).await
}

async fn lost(
    store: &dyn Store,
    old: &Meaning,
    config: &Config,
    book: &SourceBook,
    now: Millis,
) -> Result<Vec<Diagnostic>, StoreError> {
    let stock = versions::stock(store, old.names("sources"), book).await?;
    let losses = losses(old, &config.written.meaning, &stock, now);
    let missed = losses.iter().filter(|loss| !loss.is_accepted(&config.accept));
    Ok(missed.map(|loss| loss.finding(file_of(config))).collect())
}

fn unknown(config: &Config, error: &StoreError) -> Diagnostic {
    let (what, why) = ("sources".to_owned(), format!("nobody can tell what else would be, since {error}"));
    Loss { what, why }.finding(file_of(config))
}

fn file_of(config: &Config) -> &str {
    config.written.files.first().map_or("the configuration", |file| &file.path)
}

/// Notes in the store that the configuration in force is, before anything else happens where the store answers; else it is told again
/// until it does.
pub(super) async fn took_force(engine: &Engine, app: &AppState) {
    let config = app.config.load_full();
    if config.written.files.is_empty() {
        return;
    }
    let took = TookForce {
        hash: Arc::clone(&config.version),
        server: app.status.server().into(),
        written: (*config.written).clone(),
        routing: Arc::clone(&config.rules.routing),
        re_route: config.re_route,
    };
    if engine.took_force(took.clone()).await.is_ok() {
        return;
    }
    let (engine, app) = (engine.clone(), app.clone());
    tokio::spawn(async move {
        while !app.status.draining() && app.config.load().version == config.version {
            tokio::time::sleep(TELL_AGAIN).await;
            if engine.took_force(took.clone()).await.is_ok() {
                return;
            }
        }
    });
}

/// Tells the store once an hour which sources send.
#[derive(Default)]
pub(super) struct Heard(HashMap<SourceName, Millis>);

impl Heard {
    pub(super) async fn tell(&mut self, app: &AppState) {
        let Some(Backend { engine, .. }) = app.backend.get() else { return };
        let is_news =
            |(source, at): &(SourceName, Millis)| self.0.get(source).is_none_or(|told| at.since(*told) >= Millis::HOUR);
        let (sources, times): (Vec<_>, Vec<_>) = app.sources.heard().into_iter().filter(is_news).unzip();
        if !sources.is_empty() && engine.heard(&sources).await.is_ok() {
            self.0.extend(sources.into_iter().zip(times));
        }
    }
}
