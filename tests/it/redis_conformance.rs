//! The conformance suite on one Redis and on a cluster. All laws share the servers; each has a prefix of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use handraiser::secret::Secret;
use handraiser::store::{Durability, RedisSettings, RedisStore, StoreOptions};

use crate::redis_server::{Cluster, Server, Shared};
use crate::store_conformance::{Opened, conformance};

static SERVER: LazyLock<(Server, Shared)> = LazyLock::new(|| {
    let server = Server::start(&["--appendonly", "yes"]);
    let shared = Shared::tie([&server]);
    (server, shared)
});

static CLUSTER: LazyLock<(Cluster, Shared)> = LazyLock::new(|| {
    let cluster = Cluster::start(Duration::from_secs(5));
    let shared = Shared::tie(cluster.nodes());
    (cluster, shared)
});

/// A prefix that nobody else uses.
fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn open(urls: Vec<String>, cluster: bool, options: StoreOptions) -> Opened {
    let urls = urls.iter().map(|url| Secret::new(url)).collect();
    let mut settings = RedisSettings::new(urls, cluster, Durability::Redis);
    settings.prefix = prefix();
    // Many tests at once on few cores.
    settings.response_timeout = Duration::from_secs(20);
    let store = RedisStore::open(settings, options).await.expect("the store opens");
    Opened { store: Arc::new(store), guard: Box::new(()) }
}

pub(crate) async fn single(options: StoreOptions) -> Opened {
    open(vec![SERVER.0.url()], false, options).await
}

pub(crate) async fn clustered(options: StoreOptions) -> Opened {
    open(CLUSTER.0.urls(), true, options).await
}

conformance!(one_redis, crate::redis_conformance::single);
conformance!(redis_cluster, crate::redis_conformance::clustered);
