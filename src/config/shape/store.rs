//! `store`.

use crate::config::read::{At, Many, section};
use crate::config::scalar::{Count, Flag, Lasting, Size};
use crate::config::yaml::Scalar;

section! {
    /// Where everything durable is kept.
    StoreShape = "`store`" {
        /// A database file on this machine, owned by one server process. This is the default. Changing it needs a restart.
        embedded: EmbeddedShape,
        /// Redis 7 or later, or Redis Cluster; any number of server processes share it. Changing it needs a restart.
        redis: RedisShape,
        /// Nothing is kept beyond the process: for trying out.
        memory: MemoryShape,
        /// How many shards the store has: parts of it, each with a log of its own that one server at a time works on. 1 to
        /// 1,024. Fixed when the store is created.
        #[schemars(extend("default" = 16))]
        shards: At<Count>,
        /// How much memory the records of users and accounts that are kept at hand may take. Changing it needs a restart.
        #[schemars(extend("default" = "512MB"))]
        cache: At<Size>,
        /// How long message ids are remembered, so that a repeated event is counted once.
        #[schemars(extend("default" = "48h"))]
        remember: At<Lasting>,
        /// Users and accounts that nothing was heard of for this long may leave. By default they stay.
        #[schemars(extend("examples" = ["400d"]))]
        idle_subjects: At<Lasting>,
        /// How many rejected events are kept for inspection. When there are more, the source that has the most gives way.
        #[schemars(extend("default" = 1000))]
        rejected_log: At<Count>,
    }
}

section! {
    /// A database file on this machine.
    EmbeddedShape = "`embedded`" {
        /// The file, relative to the directory that the server is started in. Its directory is made when it is missing.
        #[schemars(extend("default" = "data/handraiser.db"))]
        path: Scalar,
    }
}

section! {
    /// Redis.
    RedisShape = "`redis`" {
        /// `redis://` or, with TLS, `rediss://`. With TLS, `?ca=/path/to/ca.pem` at its end names a file of certificates (PEM)
        /// that are trusted in place of the public ones.
        #[schemars(extend("examples" = ["redis://localhost:6379/0", "rediss://redis.internal:6380/0?ca=/etc/handraiser/ca.pem", "${REDIS_URL}"]))]
        url: Scalar,
        /// With a cluster: several of its nodes.
        urls: Many<Scalar>,
        /// Whether it is a Redis Cluster.
        #[schemars(extend("default" = false))]
        cluster: At<Flag>,
        /// What a commit must survive before it is acknowledged: `redis` (whatever Redis is configured for; the server warns
        /// at start when that can lose data), `fsync` (the server refuses to start unless Redis runs with `appendfsync
        /// always`), or `replicas 1`: each commit waits for so many replicas.
        #[schemars(extend("default" = "redis", "examples" = ["fsync", "replicas 1"]))]
        durability: Scalar,
    }
}

section! {
    /// Nothing to set: `memory: {}`.
    MemoryShape = "`memory`" {
    }
}
