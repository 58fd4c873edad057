//! Connections: one Redis or a cluster behind one face, bounded waiting, and what an error means to the caller.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    Cmd, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, RedisResult,
    ServerErrorKind, TlsCertificates, Value,
};

use super::health::Health;
use super::script::{Call, Script};
use super::settings::RedisSettings;
use super::{Core, decode};
use crate::config::Durability;
use crate::identity::PartitionId;
use crate::store::StoreError;

/// How many connections carry commits that wait for replicas; see [`Links::fenced`].
const FENCED: u16 = 8;

/// How often the cluster client may follow a slot that moved, or try a node again, within the time of one call.
const CLUSTER_RETRIES: u32 = 4;

/// A connection shared by any number of callers; it reconnects by itself.
#[derive(Clone)]
pub(super) enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    pub async fn cmd(&self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(link) => cmd.query_async(&mut link.clone()).await,
            Self::Cluster(link) => cmd.query_async(&mut link.clone()).await,
        }
    }

    /// Sends several commands at once; all their keys must live in one slot.
    pub async fn pipe(&self, pipe: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(link) => pipe.query_async(&mut link.clone()).await,
            Self::Cluster(link) => pipe.query_async(&mut link.clone()).await,
        }
    }

    /// Asks every master; each answer comes with the node's address.
    pub async fn masters(&self, cmd: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        match self {
            Self::Single(link) => Ok(vec![("redis".to_owned(), cmd.query_async(&mut link.clone()).await?)]),
            Self::Cluster(link) => {
                let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answer = link.clone().route_command(cmd.clone(), everywhere).await?.extract_error()?;
                let Value::Map(answers) = answer else { return Ok(Vec::new()) };
                Ok(answers.into_iter().filter_map(|(node, value)| Some((decode::text(node)?, value))).collect())
            }
        }
    }

    async fn eval(&self, script: &Script, call: &Call) -> RedisResult<Value> {
        match self.cmd(&script.by_hash(call)).await {
            Err(error) if is_unknown_script(&error) => self.cmd(&script.whole(call)).await,
            answer => answer,
        }
    }

    async fn eval_and_wait(&self, script: &Script, call: &Call, replicas: u8, wait: Duration) -> RedisResult<Value> {
        let run = async |cmd: Cmd| {
            let mut pipe = redis::pipe();
            pipe.add_command(cmd).cmd("WAIT").arg(replicas).arg(u64::try_from(wait.as_millis()).unwrap_or(1));
            self.pipe(&pipe).await
        };
        let answers = match run(script.by_hash(call)).await {
            Err(error) if is_unknown_script(&error) => run(script.whole(call)).await?,
            answers => answers?,
        };
        let mut answers = answers.into_iter();
        let answer = answers.next().unwrap_or_default();
        match answers.next().map(decode::count) {
            Some(reached) if reached >= u64::from(replicas) => Ok(answer),
            // Fails closed: it may have happened on the master, but not where it has to. A repetition finds what it left
            // behind, and waits again.
            reached => Err(RedisError::from((
                ErrorKind::Extension,
                "too few replicas have the commit",
                format!("{} of {replicas}", reached.unwrap_or(0)),
            ))),
        }
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// All connections of a store.
pub(super) struct Links {
    general: ArcSwap<Link>,
    /// Connections that commits share out among themselves when they wait for replicas. WAIT holds up whatever comes behind
    /// it on its connection, so it must not go over the one that everything else uses; and it waits for the last write *of its
    /// connection*, so it has to go over the same connection as its commit, directly behind it, as one pipeline.
    fenced: ArcSwap<Vec<Link>>,
}

impl Links {
    pub async fn connect(settings: &RedisSettings, health: &Arc<Health>) -> Result<Self, StoreError> {
        let (general, fenced) = Self::make(settings, health).await?;
        Ok(Self { general: ArcSwap::from_pointee(general), fenced: ArcSwap::from_pointee(fenced) })
    }

    /// Puts new connections in the place of those that hang, or that lead to a Redis which is no master any more.
    pub async fn renew(&self, settings: &RedisSettings, health: &Arc<Health>) -> Result<(), StoreError> {
        let (general, fenced) = Self::make(settings, health).await?;
        self.general.store(Arc::new(general));
        self.fenced.store(Arc::new(fenced));
        Ok(())
    }

    async fn make(settings: &RedisSettings, health: &Arc<Health>) -> Result<(Link, Vec<Link>), StoreError> {
        let epoch = health.next_epoch();
        let general = connect(settings, health, epoch).await?;
        let mut fenced = Vec::new();
        if matches!(settings.durability, Durability::Replicas(_)) {
            for _ in 0..FENCED {
                fenced.push(connect(settings, health, epoch).await?);
            }
        }
        Ok((general, fenced))
    }

    pub fn general(&self) -> Arc<Link> {
        self.general.load_full()
    }

    /// The connection for commits of `partition`.
    fn fenced(&self, partition: PartitionId) -> Option<Link> {
        self.fenced.load().get(usize::from(partition.0 % FENCED)).cloned()
    }
}

impl Core {
    /// Runs a script, of whose effects nothing is promised.
    pub async fn eval(&self, script: &Script, call: &Call) -> Result<Value, StoreError> {
        let link = self.links.general();
        self.bounded(link.eval(script, call)).await
    }

    /// Runs a script; its effects are as durable as demanded when it is done.
    pub async fn eval_durably(
        &self,
        partition: PartitionId,
        script: &Script,
        call: &Call,
    ) -> Result<Value, StoreError> {
        let Durability::Replicas(replicas) = self.settings.durability else { return self.eval(script, call).await };
        let Some(link) = self.links.fenced(partition) else { return self.eval(script, call).await };
        // Less than the whole time, so that a slow replica is told from a Redis that does not answer.
        let wait = self.settings.response_timeout.mul_f32(0.75);
        self.bounded(link.eval_and_wait(script, call, replicas, wait)).await
    }

    pub async fn cmd(&self, cmd: &Cmd) -> Result<Value, StoreError> {
        let link = self.links.general();
        self.bounded(link.cmd(cmd)).await
    }

    pub async fn pipe(&self, pipe: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let link = self.links.general();
        self.bounded(link.pipe(pipe)).await
    }

    pub async fn masters(&self, cmd: &Cmd) -> Result<Vec<(String, Value)>, StoreError> {
        let link = self.links.general();
        self.bounded(link.masters(cmd)).await
    }

    /// Waits for `work`, but not for ever, and not at all while Redis is known to be away.
    async fn bounded<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, StoreError> {
        self.health.up().await?;
        match tokio::time::timeout(self.settings.response_timeout, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.health.heard(&error, self.settings.cluster);
                Err(store_error(&error))
            }
            Err(_) => {
                self.health.suspect();
                Err(no_answer(self.settings.response_timeout))
            }
        }
    }
}

pub(super) fn no_answer(within: Duration) -> StoreError {
    StoreError::Unavailable(format!("redis gave no answer within {} ms", within.as_millis()))
}

/// What an error of the client or of Redis means to the caller.
pub(super) fn store_error(error: &RedisError) -> StoreError {
    use ErrorKind::{AuthenticationFailed, InvalidClientConfig, RESP3NotSupported};
    let unusable = |hint: &str| StoreError::Unusable(format!("redis: {error}; {hint}"));
    match (error.kind(), error.code()) {
        (AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => unusable("check user and password in its url"),
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => unusable("grant the user this command and all keys"),
        (InvalidClientConfig, _) => unusable("check its url"),
        (RESP3NotSupported, _) => unusable("Handraiser needs Redis 7 or later"),
        (_, Some("WRONGTYPE")) => unusable("another program uses our keys; give Handraiser a database of its own"),
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => unusable("is it a cluster? set `cluster: true`"),
        (_, Some("OOM")) => {
            StoreError::Unavailable("redis is full (maxmemory): give it more memory, or remember less".to_owned())
        }
        _ => StoreError::Unavailable(format!("redis: {error}")),
    }
}

async fn connect(settings: &RedisSettings, health: &Arc<Health>, epoch: u64) -> Result<Link, StoreError> {
    let targets = targets(settings)?;
    let connecting = async {
        if settings.cluster {
            cluster(settings, targets, health, epoch).await
        } else {
            single(settings, targets, health, epoch)
        }
    };
    // Twice: a cluster is asked for its slots once it is connected.
    match tokio::time::timeout(settings.connect_timeout * 2 + settings.response_timeout, connecting).await {
        Ok(link) => link.map_err(|error| store_error(&error)),
        Err(_) => Err(no_answer(settings.connect_timeout)),
    }
}

/// A URL, and the certificate authority that it names.
struct Target {
    url: url::Url,
    ca: Option<Vec<u8>>,
}

fn targets(settings: &RedisSettings) -> Result<Vec<Target>, StoreError> {
    if settings.urls.is_empty() || (!settings.cluster && settings.urls.len() > 1) {
        let found = settings.urls.len();
        return Err(StoreError::Unusable(format!(
            "one url names a redis, found {found}; a cluster needs `cluster: true`"
        )));
    }
    settings.urls.iter().map(|url| target(url.expose())).collect()
}

/// Reads a URL. Errors do not show it, since it may hold a password.
fn target(text: &str) -> Result<Target, StoreError> {
    let bad =
        |why: &str| StoreError::Unusable(format!("the url of redis {why}; write redis://user:password@host:6379/0"));
    let mut url = redis::parse_redis_url(text).ok_or_else(|| bad("can't be read"))?;
    let ca = url.query_pairs().find(|(name, _)| name == "ca").map(|(_, path)| path.into_owned());
    let Some(path) = ca else { return Ok(Target { url, ca: None }) };
    let rest: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| name != "ca").map(|(a, b)| (a.into(), b.into())).collect();
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    let pem = std::fs::read(&path).map_err(|error| bad(&format!("names certificates at {path}, but: {error}")))?;
    Ok(Target { url, ca: Some(pem) })
}

fn certificates(targets: &[Target]) -> Option<TlsCertificates> {
    let root_cert = targets.iter().find_map(|target| target.ca.clone())?;
    Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
}

/// rustls must be told which cryptography to use; whoever comes first in the process decides.
fn prepare_tls(targets: &[Target]) {
    if targets.iter().any(|target| target.url.scheme().ends_with('s')) {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

fn single(settings: &RedisSettings, targets: Vec<Target>, health: &Arc<Health>, epoch: u64) -> RedisResult<Link> {
    prepare_tls(&targets);
    let certificates = certificates(&targets);
    let Some(target) = targets.into_iter().next() else {
        return Err((ErrorKind::InvalidClientConfig, "no url").into());
    };
    let info = target.url.into_connection_info()?;
    // RESP3: the connection learns by itself that it broke, and reconnects before anybody asks.
    let resp3 = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(resp3);
    let client = match certificates {
        Some(certificates) => redis::Client::build_with_tls(info, certificates)?,
        None => redis::Client::open(info)?,
    };
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(settings.connect_timeout))
        .set_response_timeout(Some(settings.response_timeout))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_millis(100))
        .set_pipeline_buffer_size(1024)
        .set_push_sender(on_push(health, epoch, false));
    Ok(Link::Single(ConnectionManager::new_lazy_with_config(client, config)?))
}

async fn cluster(
    settings: &RedisSettings,
    targets: Vec<Target>,
    health: &Arc<Health>,
    epoch: u64,
) -> RedisResult<Link> {
    prepare_tls(&targets);
    let certificates = certificates(&targets);
    let urls = targets.into_iter().map(|target| target.url);
    let mut builder = ClusterClient::builder(urls)
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(settings.connect_timeout)
        .response_timeout(settings.response_timeout)
        .overall_response_timeout(Some(settings.response_timeout))
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(20)
        .max_retry_wait(500)
        .push_sender(on_push(health, epoch, true));
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    Ok(Link::Cluster(builder.build()?.get_async_connection().await?))
}

/// What is done with messages that come unasked: a broken connection is looked into at once.
fn on_push(health: &Arc<Health>, epoch: u64, cluster: bool) -> impl redis::aio::AsyncPushSender {
    let health = Arc::downgrade(health);
    move |push: PushInfo| {
        if let (PushKind::Disconnection, Some(health)) = (push.kind, health.upgrade()) {
            health.disconnected(epoch, cluster);
        }
        Ok::<(), redis::aio::SendError>(())
    }
}
