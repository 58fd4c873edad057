//! Is this Redis fit for us? What makes it unusable is refused; what could lose data is said.

use std::collections::BTreeMap;

use redis::ErrorKind;

use super::decode;
use super::errors::store_error;
use super::link::Link;
use super::links::Links;
use crate::store::{Durability, StoreError};

/// What one master says about itself: `INFO`, and its configuration if we may read that.
struct Node {
    name: String,
    info: BTreeMap<String, String>,
    config: Option<BTreeMap<String, String>>,
}

/// Looks at every master. Answers what an operator should know.
///
/// # Errors
/// When one of them can't be reached, is not fit, or not as durable as demanded.
pub(super) async fn inspect(links: &Links, durability: Durability) -> Result<Vec<String>, StoreError> {
    let single = matches!(*links.general(), Link::Single(_));
    let mut warnings = Vec::new();
    let nodes = nodes(links).await?;
    for node in &nodes {
        node.check(single)?;
        node.check_durability(durability)?;
        node.warn(durability, &mut warnings);
    }
    if nodes.iter().any(Node::may_hold_half_a_commit) {
        rewrite_logs(links).await;
    }
    Ok(warnings)
}

/// Has masters write their append-only files anew.
///
/// A Redis that is killed while it writes a commit leaves half of it at the end of its append-only file. When it starts, it leaves
/// that half away, but cuts the file off behind the commit's beginning (`MULTI`) instead of before it (seen with 7.0.15); at the
/// start after that, the half would be taken for a part of what was written next, and happen after all. A file that is written
/// anew has no such half in it, so that is asked for once, each time Redis was started.
async fn rewrite_logs(links: &Links) {
    if let Err(error) = links.general().masters(&redis::cmd("BGREWRITEAOF")).await {
        // Fails open: some operators forbid the command, and another server may have asked for it just now.
        tracing::debug!(%error, "redis did not begin to write its append-only file anew");
    }
}

async fn nodes(links: &Links) -> Result<Vec<Node>, StoreError> {
    let link = links.general();
    let infos = link.masters(&redis::cmd("INFO")).await.map_err(|error| store_error(&error))?;
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg(&["appendonly", "appendfsync", "save"]);
    let configs: Option<BTreeMap<_, _>> = match link.masters(&get).await {
        Ok(configs) => Some(configs.into_iter().map(|(name, value)| (name, decode::pairs(value).collect())).collect()),
        Err(error) if error.kind() == ErrorKind::Io => return Err(store_error(&error)),
        // Managed Redis often forbids CONFIG.
        Err(_) => None,
    };
    let node = |(name, info)| {
        let config = configs.as_ref().and_then(|configs| configs.get(&name)).cloned();
        Node { info: parse_info(&decode::text(info).unwrap_or_default()), config, name }
    };
    Ok(infos.into_iter().map(node).collect())
}

fn parse_info(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.into(), value.trim().into()))
        .collect()
}

impl Node {
    fn says(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }

    fn configured(&self, name: &str) -> Option<&str> {
        self.config.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether its append-only file is the one that it found when it was started; see [`rewrite_logs`].
    fn may_hold_half_a_commit(&self) -> bool {
        let is_zero = |name: &str| self.says(name) == "0";
        self.says("aof_enabled") == "1"
            && ["aof_rewrites", "aof_rewrite_in_progress", "aof_rewrite_scheduled"].into_iter().all(is_zero)
    }

    fn check(&self, single: bool) -> Result<(), StoreError> {
        let name = &self.name;
        let version = self.says("redis_version");
        if version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major < 7) {
            return Err(StoreError::Unusable(format!("{name} is Redis {version}; Handraiser needs Redis 7 or later")));
        }
        if single && self.says("cluster_enabled") == "1" {
            return Err(StoreError::Unusable(format!("{name} is a node of a cluster; set `cluster: true`")));
        }
        if self.says("loading") == "1" {
            return Err(StoreError::Unavailable(format!("{name} is still loading its data")));
        }
        if self.says("role") == "slave" {
            return Err(StoreError::Unavailable(format!("{name} is a replica; the url must lead to the master")));
        }
        Ok(())
    }

    fn check_durability(&self, durability: Durability) -> Result<(), StoreError> {
        if durability != Durability::Fsync {
            return Ok(());
        }
        let name = &self.name;
        match (self.configured("appendonly"), self.configured("appendfsync")) {
            (Some("yes"), Some("always")) => Ok(()),
            (Some(appendonly), fsync) => Err(StoreError::Unusable(format!(
                "`durability: fsync` needs `appendonly yes` and `appendfsync always`, but {name} has `appendonly {appendonly}` and \
                 `appendfsync {}`; change redis.conf, or the durability",
                fsync.unwrap_or("?")
            ))),
            // Fails closed: what can't be verified is not promised.
            (None, _) => Err(StoreError::Unusable(format!(
                "`durability: fsync` can't be verified, since {name} forbids CONFIG GET; allow it, or choose another durability"
            ))),
        }
    }

    fn warn(&self, durability: Durability, warnings: &mut Vec<String>) {
        let name = &self.name;
        let mut warn = |text: String| warnings.push(format!("{name} {text}"));
        if let Some(loss) = self.loss() {
            warn(loss);
        }
        let policy = self.says("maxmemory_policy");
        if self.says("maxmemory") != "0" && policy != "noeviction" && !policy.is_empty() {
            warn(format!(
                "deletes data when it is full (maxmemory-policy {policy}): set `maxmemory-policy noeviction`"
            ));
        }
        for status in ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"] {
            if self.says(status) == "err" {
                warn(format!("could not write its data to disk ({status} is err): look into its log"));
            }
        }
        let replicas: u64 = self.says("connected_slaves").parse().unwrap_or(0);
        match durability {
            Durability::Replicas(wanted) if replicas < u64::from(wanted) => warn(format!(
                "has {replicas} replicas, and each commit waits for {wanted}: nothing is accepted until they are there"
            )),
            Durability::Redis | Durability::Fsync if replicas > 0 => warn(format!(
                "has {replicas} replicas, and nothing waits for them: when one takes over, it may lack what was acknowledged \
                 last; `durability: replicas 1` waits"
            )),
            _ => {}
        }
    }

    /// What of acknowledged events could be lost.
    fn loss(&self) -> Option<String> {
        if self.says("aof_enabled") == "0" {
            return Some(match self.configured("save") {
                Some("") => "writes nothing to disk: a restart loses everything; set `appendonly yes`".to_owned(),
                _ => "writes snapshots only: a crash loses the last minutes; set `appendonly yes`".to_owned(),
            });
        }
        match self.configured("appendfsync")? {
            "always" => None,
            "no" => Some(
                "leaves it to the system when to write (appendfsync no): a power failure can lose half a minute"
                    .to_owned(),
            ),
            _ => Some(
                "writes to disk every second (appendfsync everysec): a power failure can lose the last second"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(info: &str, config: Option<&[(&str, &str)]>) -> Node {
        let config = config.map(|pairs| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect());
        Node { name: "redis".to_owned(), info: parse_info(info), config }
    }

    fn warnings(node: &Node, durability: Durability) -> Vec<String> {
        let mut warnings = Vec::new();
        node.warn(durability, &mut warnings);
        warnings
    }

    #[test]
    fn what_could_be_lost_is_said() {
        let aof = "aof_enabled:1\r\nmaxmemory:0\r\n";
        assert!(warnings(&node(aof, Some(&[("appendfsync", "always")])), Durability::Redis).is_empty());
        insta::assert_debug_snapshot!([
            warnings(&node(aof, Some(&[("appendfsync", "everysec")])), Durability::Redis),
            warnings(&node(aof, Some(&[("appendfsync", "no")])), Durability::Redis),
            warnings(&node("aof_enabled:0\r\nmaxmemory:0", Some(&[("save", "")])), Durability::Redis),
            warnings(&node("aof_enabled:0\r\nmaxmemory:0", None), Durability::Redis),
            warnings(
                &node("maxmemory:1\r\nmaxmemory_policy:allkeys-lru\r\naof_last_write_status:err", None),
                Durability::Redis
            ),
            warnings(&node("maxmemory:0\r\nconnected_slaves:1", None), Durability::Replicas(2)),
        ]);
    }

    #[test]
    fn fsync_is_proven_or_refused() {
        let judge = |config: Option<&[(&str, &str)]>| node("", config).check_durability(Durability::Fsync);
        assert!(judge(Some(&[("appendonly", "yes"), ("appendfsync", "always")])).is_ok());
        let refusals = [
            judge(Some(&[("appendonly", "yes"), ("appendfsync", "everysec")])),
            judge(Some(&[("appendonly", "no"), ("appendfsync", "always")])),
            judge(None),
        ];
        insta::assert_debug_snapshot!(refusals.map(|r| r.unwrap_err().to_string()));
    }

    #[test]
    fn what_is_not_fit_is_refused() {
        let judge = |info: &str| node(info, None).check(true);
        assert!(judge("redis_version:7.0.15\r\nrole:master\r\nloading:0\r\ncluster_enabled:0").is_ok());
        let refusals = ["redis_version:6.2.1", "cluster_enabled:1", "loading:1", "role:slave"].map(judge);
        insta::assert_debug_snapshot!(refusals.map(|r| r.unwrap_err().to_string()));
    }
}
