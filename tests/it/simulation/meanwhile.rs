//! What comes while a commit is under way is applied meanwhile, and committed as soon as that one has ended.

use std::time::Duration;

use handraiser::apply::Rules;
use handraiser::apply::rules::RulesParts;
use handraiser::time::Millis;

use super::cluster::{Cluster, Setting};
use super::{GOOD_DAY, paused};
use crate::faulty_store::FaultPlan;
use crate::harness::events::blank;

const EVENTS: u64 = 300;
const APART: Duration = Duration::from_millis(10);
/// By far more than counting waits for its commit otherwise.
const A_COMMIT: Duration = Duration::from_millis(200);

#[test]
fn a_commit_follows_the_one_before_it_at_once() {
    let slow = FaultPlan { commits_take: A_COMMIT, ..FaultPlan::NONE };
    let setting = Setting { appliers: 2, servers: 1, faults: slow, ..GOOD_DAY };
    let played = paused(async {
        let rules = Rules::new(RulesParts::default()).into();
        let mut cluster = Cluster::new(&setting, 1, rules, Millis(1_795_000_000_000));
        for number in 0..EVENTS {
            let mut event = blank(&format!("m{number}"), cluster.clock.now());
            event.user_id = Some(format!("user-{}", number % 20).into());
            cluster.send(&mut vec![event]).await;
            tokio::time::sleep(APART).await;
        }
        let commits = cluster.commits(0);
        if commits.len() < 10 {
            return Err(format!("{} commits, which is too few to tell", commits.len()));
        }
        let pauses = commits.windows(2).map(|pair| pair[1].0 - pair[0].1);
        let long: Vec<_> = pauses.filter(|pause| *pause > APART).collect();
        // There are some while the server begins.
        if long.len() < 4 { Ok(()) } else { Err(format!("the server waited between commits: {long:?}")) }
    });
    assert_eq!(played, Ok(()));
}
