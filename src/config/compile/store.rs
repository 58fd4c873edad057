//! `store`.

use std::path::PathBuf;
use std::time::Duration;

use super::names::bounded;
use super::settings::count_within;
use super::sources::both;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Field;
use crate::config::shape::{HistoryShape, LimitsShape, RedisShape, StoreShape};
use crate::config::yaml::Scalar;
use crate::config::{EngineOptions, HistoryOptions, HistoryPlace};
use crate::history::BucketAt;
use crate::ids::Shards;
use crate::secret::Secret;
use crate::store::{Durability, StoreKind, StoreSettings};

/// Where the embedded store lies when nothing else is said.
const DEFAULT_PATH: &str = "data/handraiser.db";
/// Where the past is kept when nothing else is said.
const DEFAULT_HISTORY: &str = "data/history";
/// From a day to a hundred years.
const KEEP_S: std::ops::RangeInclusive<u64> = 86_400..=100 * 365 * 86_400;
const DEFAULT_REMEMBER: Duration = Duration::from_secs(48 * 3_600);
const DEFAULT_CACHE_BYTES: u64 = 512_000_000;
/// Below it, an owner would write out a record as soon as it has read it.
const CACHE_BYTES: std::ops::RangeInclusive<u64> = 16_000_000..=1 << 44;
const DEFAULT_BACKLOG_ENTRIES: u64 = 20_000;

/// The store's settings.
pub fn store(shape: &StoreShape, findings: &mut Findings) -> Option<StoreSettings> {
    let kind = kind(shape, findings);
    let shards = shape.shards.get().map_or_else(Shards::default, |count| {
        let value = count_within(count, 1..=1_024, "shards", findings);
        u16::try_from(value).ok().and_then(Shards::new).unwrap_or_default()
    });
    let rejected_log =
        shape.rejected_log.get().map_or(1_000, |count| count_within(count, 0..=1_000_000, "rejected_log", findings));
    Some(StoreSettings { kind: kind?, shards, rejected_log })
}

/// What the engine needs to know.
pub fn engine(shape: &StoreShape, limits: &LimitsShape, findings: &mut Findings) -> EngineOptions {
    let memory = shape.cache.get().map_or(DEFAULT_CACHE_BYTES, |at| {
        bounded(at.value.0, CACHE_BYTES, at.scalar.at, "`cache` (in bytes)", findings)
    });
    let backlog = limits.backlog.get().map_or(DEFAULT_BACKLOG_ENTRIES, |at| {
        bounded(at.value.0, 100..=10_000_000, at.scalar.at, "`backlog`", findings)
    });
    EngineOptions {
        remember: remember(shape, findings),
        memory_bytes: usize::try_from(memory).unwrap_or(usize::MAX),
        max_backlog_entries: backlog,
    }
}

/// Where the past is kept.
pub fn history(shape: Option<&HistoryShape>, findings: &mut Findings) -> Option<HistoryOptions> {
    let shape = shape?;
    let place = history_place(shape, findings)?;
    let keep = shape.keep.get().map(|at| {
        let seconds = bounded(at.value.0.as_secs(), KEEP_S, at.scalar.at, "`keep` (in seconds)", findings);
        Duration::from_secs(seconds)
    });
    Some(HistoryOptions { place, keep })
}

fn history_place(shape: &HistoryShape, findings: &mut Findings) -> Option<HistoryPlace> {
    let Some(to) = shape.to.get() else {
        for (name, field) in [("region", &shape.region), ("endpoint", &shape.endpoint)] {
            if let Some(field) = field.get() {
                let message = format!("`{name}` is of a bucket, and the archive is in a directory");
                let problem = Problem::error(field.at, Code::BadValue, message);
                findings.push(problem.help("name the bucket with `to: s3://<bucket>/<prefix>`"));
            }
        }
        let path = shape.path.get().map_or(DEFAULT_HISTORY, |path| path.text.trim());
        return Some(HistoryPlace::Directory(PathBuf::from(path)));
    };
    if let Some(path) = shape.path.get() {
        let problem =
            Problem::error(path.at, Code::BadValue, "the archive is in a directory or in a bucket, not in both");
        findings.push(problem.help("remove `path` or `to`"));
    }
    let Some(at) = BucketAt::parse(to.text.trim()) else {
        let message = format!("`{}` names no bucket", to.shown);
        let problem = Problem::error(to.at, Code::BadValue, message);
        findings.push(problem.help("write `s3://<bucket>/<prefix>`, or name a directory with `path`"));
        return None;
    };
    let text = |field: &Field<Scalar>| field.get().map(|scalar| scalar.text.trim().to_owned());
    if let Some(endpoint) = shape.endpoint.get()
        && !["https://", "http://"].iter().any(|scheme| endpoint.text.trim().starts_with(scheme))
    {
        let problem = Problem::error(endpoint.at, Code::BadValue, format!("`{}` is no address", endpoint.shown));
        findings.push(problem.help("write it with `https://`"));
    }
    Some(HistoryPlace::Bucket(BucketAt { endpoint: text(&shape.endpoint), region: text(&shape.region), ..at }))
}

/// For how many milliseconds subjects stay of which nothing is heard; `None`: for good.
pub fn idle_subjects(shape: &StoreShape) -> Option<i64> {
    shape.idle_subjects.get().map(|at| i64::try_from(at.value.0.as_millis()).unwrap_or(i64::MAX))
}

fn remember(shape: &StoreShape, findings: &mut Findings) -> Duration {
    let Some(at) = shape.remember.get() else { return DEFAULT_REMEMBER };
    let bounds = 60..=90 * 86_400;
    let seconds = bounded(at.value.0.as_secs(), bounds, at.scalar.at, "`remember` (in seconds)", findings);
    if seconds < 4 * 3_600 {
        let message = "senders retry for longer than this: Segment for 4 hours";
        let problem = Problem::warning(at.scalar.at, Code::Suspicious, message);
        findings.push(problem.help("an event that is repeated later counts again; remember for at least `4h`"));
    }
    Duration::from_secs(seconds)
}

fn kind(shape: &StoreShape, findings: &mut Findings) -> Option<StoreKind> {
    let given = [!shape.embedded.is_absent(), !shape.redis.is_absent(), !shape.memory.is_absent()];
    if given.iter().filter(|given| **given).count() > 1 {
        let problem = Problem::error(shape.at, Code::BadValue, "there can be only one store");
        findings.push(problem.help("keep one of `embedded`, `redis` and `memory`"));
        return None;
    }
    match given {
        [_, true, _] => redis(shape.redis.get()?, findings),
        [_, _, true] => Some(StoreKind::Memory),
        _ => {
            let path = shape.embedded.get().and_then(|embedded| embedded.path.get());
            Some(StoreKind::Embedded { path: PathBuf::from(path.map_or(DEFAULT_PATH, |path| path.text.trim())) })
        }
    }
}

fn redis(shape: &RedisShape, findings: &mut Findings) -> Option<StoreKind> {
    let urls: Vec<&Scalar> = both(&shape.url, &shape.urls).collect();
    if shape.url.is_absent() && shape.urls.is_absent() {
        shape.url.require("url", RedisShape::WHAT, shape.at, findings);
    }
    let fine = urls.iter().filter(|url| is_redis_url(url, findings)).count() == urls.len();
    let cluster = shape.cluster.get().is_some_and(|flag| flag.value.0);
    if !cluster && urls.len() > 1 {
        let at = urls.get(1).map_or(shape.at, |url| url.at);
        let problem = Problem::error(at, Code::BadValue, "several URLs, but no cluster");
        findings.push(problem.help("add `cluster: true`, or keep one URL"));
    }
    let durability = match shape.durability.get() {
        Some(text) => durability(text, findings)?,
        None => Durability::Redis,
    };
    let urls: Vec<Secret> = urls.iter().map(|url| Secret::new(url.text.trim())).collect();
    (fine && !urls.is_empty()).then_some(StoreKind::Redis { urls, cluster, durability })
}

fn is_redis_url(text: &Scalar, findings: &mut Findings) -> bool {
    let known = ["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];
    let fine = url::Url::parse(text.text.trim()).is_ok_and(|url| known.contains(&url.scheme()));
    if !fine {
        let problem = Problem::error(text.at, Code::BadValue, "not the URL of a Redis server");
        findings.push(problem.help("write `redis://host:6379/0`, or `rediss://…` for TLS"));
    }
    fine
}

fn durability(text: &Scalar, findings: &mut Findings) -> Option<Durability> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let found = match words.as_slice() {
        ["redis"] => Some(Durability::Redis),
        ["fsync"] => Some(Durability::Fsync),
        ["replicas", count] => count.parse().ok().filter(|count| *count > 0).map(Durability::Replicas),
        _ => None,
    };
    if found.is_none() {
        let message = format!("`{}` is no durability", findings.shown(text));
        let help = "write `redis`, `fsync` or `replicas 1`";
        findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
    }
    found
}
