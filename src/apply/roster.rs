//! Reps who are away, as was said while the server runs. What is said comes to the roster of the first shard, which says it to those of the
//! others, in one order; so that each of them is the same, and whoever decides in a shard sees it from that place of its log on.

use std::sync::Arc;

use super::{Applying, Body};
use crate::ids::{RecordKey, ShardId};
use crate::record::{Roster, RosterChange};
use crate::routing::Team;

/// The shard whose roster hears first.
pub const FIRST: ShardId = ShardId(0);

/// Something changes.
pub(super) fn change(roster: &mut Arc<Roster>, change: &RosterChange, applying: &mut Applying<'_>) {
    Arc::make_mut(roster).change(change, applying.now);
    let shards = applying.shards;
    let shard = shards.of(applying.key);
    if shard == FIRST {
        for other in shards.all().filter(|other| *other != FIRST) {
            applying.send(RecordKey::roster(other), Body::Roster(Box::new(change.clone())));
        }
    }
    // Leads may wait for somebody who is there now, or until when nobody is.
    let has_rep = |team: &&Team| team.reps.iter().any(|rep| rep.name.eq_ignore_ascii_case(change.rep()));
    for team in applying.rules.teams.iter().filter(has_rep).map(|team| RecordKey::team(&team.name)) {
        if shards.of(&team) == shard {
            applying.send(team, Body::Wake { may_expire: false });
        }
    }
}
