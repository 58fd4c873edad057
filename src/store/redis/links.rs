//! All connections of a store: those that are shared, and those that are held while one waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisResult, Value};

use super::connect;
use super::health::Health;
use super::link::Link;
use super::settings::RedisSettings;
use crate::store::{Durability, StoreError};

/// How many connections carry writes that wait for replicas; see [`Links::fenced`].
const FENCED: usize = 8;

/// All connections of a store.
pub(super) struct Links {
    made: ArcSwap<Made>,
    turn: AtomicUsize,
}

/// Connections that were made together.
struct Made {
    general: Arc<Link>,
    /// Connections that writes share out among themselves when they wait for replicas. WAIT holds up whatever comes behind
    /// it on its connection, so it must not go over the one that everything else uses; and it waits for the last write *of its
    /// connection*, so it has to go over the same connection as what it waits for, directly behind it, as one pipeline.
    fenced: Vec<Link>,
    readers: Arc<Readers>,
}

impl Links {
    pub async fn connect(settings: &RedisSettings, health: &Arc<Health>) -> Result<Self, StoreError> {
        let made = Made::new(settings, health).await?;
        Ok(Self { made: ArcSwap::from_pointee(made), turn: AtomicUsize::new(0) })
    }

    /// Puts new connections in the place of those that hang, or that lead to a Redis which is no master any more.
    pub async fn renew(&self, settings: &RedisSettings, health: &Arc<Health>) -> Result<(), StoreError> {
        self.made.store(Arc::new(Made::new(settings, health).await?));
        Ok(())
    }

    pub fn general(&self) -> Arc<Link> {
        Arc::clone(&self.made.load().general)
    }

    /// Connections for reading, of which each serves one caller at a time.
    pub fn readers(&self) -> Arc<Readers> {
        Arc::clone(&self.made.load().readers)
    }

    /// A connection for writes that wait for replicas. They need not be in order: what must be, is waited for.
    pub fn fenced(&self) -> Option<Link> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.made.load().fenced.get(turn % FENCED).cloned()
    }
}

impl Made {
    async fn new(settings: &RedisSettings, health: &Arc<Health>) -> Result<Self, StoreError> {
        let epoch = health.next_epoch();
        let general = connect::connect(settings, health, epoch).await?;
        let mut fenced = Vec::new();
        if matches!(settings.durability, Durability::Replicas(_)) {
            for _ in 0..FENCED {
                fenced.push(connect::connect(settings, health, epoch).await?);
            }
        }
        let client = if settings.cluster { None } else { Some(connect::client(settings)?) };
        let readers = Readers { client, idle: Mutex::default() };
        Ok(Self { general: Arc::new(general), fenced, readers: Arc::new(readers) })
    }
}

/// Connections to a single Redis on which a caller may wait for entries: that would hold up everybody else on a shared one.
pub(super) struct Readers {
    client: Option<Client>,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Readers {
    /// Sends a command that may take as long as it likes; the caller bounds it. A connection that has failed, or whose caller
    /// did not stay for the answer, is not used again.
    pub async fn cmd(&self, cmd: &Cmd, connect_timeout: Duration) -> RedisResult<Value> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut link = match (idle, &self.client) {
            (Some(link), _) => link,
            (None, Some(client)) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(connect_timeout))
                    .set_response_timeout(None);
                client.get_multiplexed_async_connection_with_config(&config).await?
            }
            (None, None) => {
                return Err((ErrorKind::InvalidClientConfig, "a cluster has no connections to wait on").into());
            }
        };
        let answer = cmd.query_async(&mut link).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        Ok(answer)
    }
}
