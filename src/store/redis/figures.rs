//! Sizes for the operator. Counting the records of a large store would hold up Redis, so they are estimated from a sample of
//! random keys; a small store is counted.

use redis::Value;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};

use super::decode;
use super::errors::store_error;
use super::keys::OUTBOX;
use super::link::Link;
use super::shared::Core;
use crate::store::StoreError;

/// How many keys are looked at. A share is off by about a twentieth of itself then.
const SAMPLE: u64 = 400;

/// What was found in a sample of keys.
#[derive(Default)]
struct Sample {
    keys: u64,
    records: u64,
    /// What the records among them take.
    bytes: u64,
}

impl Core {
    pub async fn figures(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let keys: u64 = self.masters(&redis::cmd("DBSIZE")).await?.into_iter().map(|(_, n)| decode::count(n)).sum();
        let mut memory = redis::cmd("INFO");
        let infos = self.masters(memory.arg("memory")).await?;
        let bytes = infos.into_iter().filter_map(|(_, info)| used_memory(&decode::text(info)?)).sum();
        let mut figures = vec![("keys".to_owned(), keys), ("bytes".to_owned(), bytes)];
        let sample = self.sample(keys).await?;
        if self.settings.cluster {
            let outboxes = self.ask_shards(|pipe, shard| {
                pipe.cmd("XLEN").arg(self.keys.of(shard, OUTBOX));
            });
            figures.push(("messages_under_way".to_owned(), outboxes.await?.into_iter().map(decode::count).sum()));
        }
        figures.push(("records".to_owned(), share(keys, sample.records, sample.keys)));
        figures.extend(sample.bytes.checked_div(sample.records).map(|each| ("bytes_per_record".to_owned(), each)));
        Ok(figures)
    }

    async fn sample(&self, keys: u64) -> Result<Sample, StoreError> {
        let names = if keys <= 2 * SAMPLE { self.all_keys().await? } else { self.random_keys().await? };
        let mut sample = Sample { keys: names.len() as u64, ..Sample::default() };
        for name in names.iter().filter(|name| self.keys.is_record(name)) {
            sample.records += 1;
            // Managed Redis may forbid it; then the figure is missing.
            let mut cmd = redis::cmd("MEMORY");
            let usage = self.cmd(cmd.arg("USAGE").arg(name).arg("SAMPLES").arg(0)).await;
            sample.bytes += usage.map_or(0, decode::count);
        }
        Ok(sample)
    }

    async fn random_keys(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        while (names.len() as u64) < SAMPLE {
            let found = self.masters(&redis::cmd("RANDOMKEY")).await?;
            let before = names.len();
            names.extend(found.into_iter().filter_map(|(_, name)| decode::text(name)));
            if names.len() == before {
                break;
            }
        }
        Ok(names)
    }

    async fn all_keys(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for (node, _) in self.masters(&redis::cmd("PING")).await? {
            let mut cursor = "0".to_owned();
            loop {
                let mut page = decode::list(self.scan(&node, &cursor).await?).into_iter();
                cursor = page.next().and_then(decode::text).unwrap_or_default();
                names.extend(decode::list(page.next().unwrap_or_default()).into_iter().filter_map(decode::text));
                if cursor == "0" || cursor.is_empty() {
                    break;
                }
            }
        }
        Ok(names)
    }

    async fn scan(&self, node: &str, cursor: &str) -> Result<Value, StoreError> {
        let scan = redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(1_000).take();
        let Link::Cluster(link) = &*self.links.general() else { return self.cmd(&scan).await };
        let at = node.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let Some((host, port)) = at else { return Err(decode::unexpected("the address of a node")) };
        let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
        link.clone().route_command(scan, route).await.map_err(|error| store_error(&error))
    }
}

fn used_memory(info: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).and_then(|bytes| bytes.trim().parse().ok())
}

/// `part` of `whole`, of `all`.
fn share(all: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(all) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}
