//! Makes connections: from URLs to clients.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::{Client, ErrorKind, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisResult, TlsCertificates};

use super::errors::{no_answer, store_error};
use super::health::Health;
use super::link::Link;
use super::settings::RedisSettings;
use crate::store::StoreError;

/// How often the cluster client may follow a slot that moved, or try a node again, within the time of one call.
const CLUSTER_RETRIES: u32 = 4;

/// A connection that many callers share.
pub(super) async fn connect(settings: &RedisSettings, health: &Arc<Health>, epoch: u64) -> Result<Link, StoreError> {
    let connecting = async {
        if settings.cluster { cluster(settings, health, epoch).await } else { single(settings, health, epoch) }
    };
    // Twice: a cluster is asked for its slots once it is connected.
    match tokio::time::timeout(settings.connect_timeout * 2 + settings.response_timeout, connecting).await {
        Ok(link) => link,
        Err(_) => Err(no_answer(settings.connect_timeout)),
    }
}

/// The client of a single Redis.
pub(super) fn client(settings: &RedisSettings) -> Result<Client, StoreError> {
    let targets = targets(settings)?;
    make_client(targets).map_err(|error| store_error(&error))
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

fn make_client(targets: Vec<Target>) -> RedisResult<Client> {
    prepare_tls(&targets);
    let certificates = certificates(&targets);
    let Some(target) = targets.into_iter().next() else {
        return Err((ErrorKind::InvalidClientConfig, "no url").into());
    };
    let info = target.url.into_connection_info()?;
    // RESP3: the connection learns by itself that it broke, and reconnects before anybody asks.
    let resp3 = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(resp3);
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

fn single(settings: &RedisSettings, health: &Arc<Health>, epoch: u64) -> Result<Link, StoreError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(settings.connect_timeout))
        .set_response_timeout(Some(settings.response_timeout))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_millis(100))
        .set_pipeline_buffer_size(1024)
        .set_push_sender(on_push(health, epoch, false));
    let manager = ConnectionManager::new_lazy_with_config(client(settings)?, config);
    manager.map(Link::Single).map_err(|error| store_error(&error))
}

async fn cluster(settings: &RedisSettings, health: &Arc<Health>, epoch: u64) -> Result<Link, StoreError> {
    let targets = targets(settings)?;
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
    let connecting = async { builder.build()?.get_async_connection().await };
    connecting.await.map(Link::Cluster).map_err(|error: redis::RedisError| store_error(&error))
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
