//! Opening a store on Redis: what is refused, what is said, and how it is reached.

use std::time::{Duration, Instant};

use handraiser::ids::{Position, RecordKey, ShardId, Shards};
use handraiser::secret::Secret;
use handraiser::store::{
    Append, Commit, Durability, RecordWrite, RedisSettings, RedisStore, Store, StoreError, StoreOptions,
};
use handraiser::time::Clock;

use crate::redis_server::{Server, await_that};

fn options(shards: u16) -> StoreOptions {
    StoreOptions { shards: Shards::new(shards).expect("not zero"), ..StoreOptions::default() }
}

fn at(url: &str) -> RedisSettings {
    RedisSettings::new(vec![Secret::new(url)], false, Durability::Redis)
}

async fn refusal(settings: RedisSettings) -> StoreError {
    RedisStore::open(settings, options(8)).await.err().expect("it is refused")
}

/// Writes a record where nothing was applied yet.
async fn write(store: &RedisStore, key: RecordKey) {
    let shard = store.shards().of(&key);
    let record = RecordWrite { key, text: Some("n 1".into()), was_listed: None, listed: None };
    let commit = Commit { records: vec![record], ..Commit::new(shard, Position(0), Position(0), Clock::System.now()) };
    store.commit(vec![commit]).await.expect("it is up");
}

#[tokio::test]
async fn another_number_of_shards_is_refused() {
    let server = Server::start(&[]);
    RedisStore::open(at(&server.url()), options(16)).await.expect("an empty redis is taken");
    let error = refusal(at(&server.url())).await;
    insta::assert_snapshot!(error, @"the store is unusable: redis holds a store of 16 shards, and 8 are configured; set `shards: 16`, since the number is fixed when a store is created");
}

#[tokio::test]
async fn stores_with_prefixes_share_a_redis() {
    let server = Server::start(&[]);
    for (prefix, shards) in [("a", 8), ("b", 16)] {
        let settings = RedisSettings { prefix: prefix.to_owned(), ..at(&server.url()) };
        RedisStore::open(settings, options(shards)).await.expect("it is another store");
    }
}

#[tokio::test]
async fn what_hashes_begin_with_is_the_stores_own_and_the_same_for_every_server() {
    let server = Server::start(&[]);
    let seed = async |prefix: &str| {
        let settings = RedisSettings { prefix: prefix.to_owned(), ..at(&server.url()) };
        RedisStore::open(settings, options(8)).await.expect("it is up").seed()
    };
    let one = seed("a").await;
    assert!(one != 0 && seed("b").await != one);
    assert_eq!(seed("a").await, one);
}

#[tokio::test]
async fn nobody_there_is_said_soon() {
    let start = std::time::Instant::now();
    let error = refusal(at(&format!("redis://{}/", crate::harness::free_address()))).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[tokio::test]
async fn user_and_password_are_given_in_the_url_and_never_shown() {
    let server = Server::start(&[]);
    server.cli(&["acl", "setuser", "ops", "on", ">s3cret", "~*", "&*", "+@all"]);
    server.cli(&["acl", "setuser", "default", "off"]);
    let with = |login: &str| at(&format!("redis://{login}{}/", server.address()));
    RedisStore::open(with("ops:s3cret@"), options(8)).await.expect("the login is right");
    for login in ["", "ops:wrong-s3cret@"] {
        let error = refusal(with(login)).await;
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn the_url_names_the_database() {
    let server = Server::start(&[]);
    let store = RedisStore::open(at(&format!("{}3", server.url())), options(8)).await.expect("it opens");
    write(&store, RecordKey::user("42")).await;
    assert_eq!(server.cli(&["dbsize"]), "0");
    let key = format!("hr:{{{}}}:user:42", store.shards().of(&RecordKey::user("42")));
    assert_eq!(server.cli(&["-n", "3", "get", &key]), "n 1");
}

#[tokio::test]
async fn bad_urls_are_refused_without_being_shown() {
    for urls in
        [vec![], vec!["redis://a", "redis://b"], vec!["postgres://u:hunter2@h"], vec!["rediss://h/?ca=/no/such"]]
    {
        let urls = urls.into_iter().map(Secret::new).collect();
        let error = refusal(RedisSettings::new(urls, false, Durability::Redis)).await;
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_redis_that_could_lose_data_is_warned_of() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let store = RedisStore::open(at(&server.url()), options(8)).await.expect("it opens");
    insta::assert_debug_snapshot!(store.warnings().await, @r#"
    [
        "redis writes nothing to disk: a restart loses everything; set `appendonly yes`",
        "redis deletes data when it is full (maxmemory-policy allkeys-lru): set `maxmemory-policy noeviction`",
    ]
    "#);
    let durable = Server::durable();
    let store = RedisStore::open(at(&durable.url()), options(8)).await.expect("it opens");
    assert_eq!(store.warnings().await, Vec::<String>::new());
}

#[tokio::test]
async fn fsync_is_demanded_of_the_server() {
    let demand = |server: &Server| RedisSettings { durability: Durability::Fsync, ..at(&server.url()) };
    let server = Server::start(&["--appendonly", "yes"]);
    let error = refusal(demand(&server)).await;
    insta::assert_snapshot!(error, @"the store is unusable: `durability: fsync` needs `appendonly yes` and `appendfsync always`, but redis has `appendonly yes` and `appendfsync everysec`; change redis.conf, or the durability");
    let durable = Server::durable();
    RedisStore::open(demand(&durable), options(8)).await.expect("it is durable");
    durable.cli(&["acl", "setuser", "default", "-config"]);
    let error = refusal(demand(&durable)).await;
    insta::assert_snapshot!(error, @"the store is unusable: `durability: fsync` can't be verified, since redis forbids CONFIG GET; allow it, or choose another durability");
    RedisStore::open(at(&durable.url()), options(8)).await.expect("without the demand it opens");
}

#[tokio::test]
async fn replicas_that_nobody_waits_for_are_warned_of() {
    let master = Server::start(&["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"]);
    let to = format!("{} {}", master.address().ip(), master.address().port());
    let _replica = Server::start(&["--replicaof", &to]);
    await_that("the replica follows", || master.cli(&["info", "replication"]).contains("state=online"));
    let demand = |durability| RedisSettings { durability, ..at(&master.url()) };
    let store = RedisStore::open(demand(Durability::Fsync), options(8)).await.expect("it opens");
    insta::assert_debug_snapshot!(store.warnings().await, @r#"
    [
        "redis has 1 replicas, and nothing waits for them: when one takes over, it may lack what was acknowledged last; `durability: replicas 1` waits",
    ]
    "#);
    let store = RedisStore::open(demand(Durability::Replicas(1)), options(8)).await.expect("it opens");
    assert_eq!(store.warnings().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_can_be_tried_until_redis_is_there() {
    // So slow that a few thousand commands take a while to load; Redis says so after every thousandth.
    let mut server = Server::start(&["--appendonly", "yes", "--key-load-delay", "300"]);
    let url = server.url();
    let store = RedisStore::open(at(&url), options(8)).await.expect("an empty redis is taken");
    let entries = (0..6_000).map(|_| Append { shard: ShardId(1), payload: "event".into() });
    store.append(entries.collect()).await.expect("it is up");
    drop(store);
    server.kill();
    for _ in 0..20 {
        assert!(matches!(refusal(at(&url)).await, StoreError::Unavailable(_)));
    }
    let restarting = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    });
    let (mut refusals, start) = (Vec::new(), Instant::now());
    let store = loop {
        match RedisStore::open(at(&url), options(8)).await {
            Ok(store) => break store,
            Err(error) => refusals.push(error),
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", refusals.last());
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let server = restarting.await.expect("it starts again");
    assert!(refusals.iter().all(|error| matches!(error, StoreError::Unavailable(_))), "{refusals:?}");
    assert!(refusals.iter().any(|error| error.to_string().contains("loading")), "{refusals:?}");
    write(&store, RecordKey::user("42")).await;
    let clients = server.cli(&["client", "list", "type", "normal"]);
    assert!(clients.lines().count() <= 3, "connections were left behind: {clients}");
}

#[tokio::test]
async fn tls_is_spoken_and_checked() {
    let tls = tempfile::tempdir().expect("a directory can be made");
    certificates(tls.path());
    let file = |name: &str| tls.path().join(name).display().to_string();
    let port = crate::harness::free_address().port();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let server = Server::start(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ]);
    await_that("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let store = RedisStore::open(at(&format!("rediss://127.0.0.1:{port}/?ca={ca}")), options(8)).await;
    store.expect("the certificate is trusted").ping().await.expect("it answers");
    let error = refusal(at(&format!("rediss://127.0.0.1:{port}/"))).await;
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    drop(server);
}

/// A certificate authority and a certificate for 127.0.0.1.
fn certificates(directory: &std::path::Path) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem && \
        openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out cert.csr && \
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > ext && \
        openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem";
    let done = std::process::Command::new("sh").args(["-c", script]).current_dir(directory).output();
    let done = done.expect("`sh` can be run");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "openssl failed; install it: apt-get update && apt-get install -y openssl\n{errors}"
    );
}
