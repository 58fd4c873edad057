//! Leads that are out go where new routes say, where the configuration has it so: how far that has come. One pass over all leads follows each
//! change, and another one whenever a further server comes to it, since what that one owns was decided about by the routes of before until
//! then. A lead that is where it belongs stays, so that another pass changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Other servers, too, come to a change within seconds.
const SETTLES: i64 = 10 * Millis::SECOND;
/// Whoever comes to it later than this doesn't move leads any more.
const FOLLOWS: i64 = Millis::HOUR;
/// Between two parts of a pass.
const PAUSE: i64 = 50;

/// Which leads go where new routes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReRoute {
    /// Those that their owners have not taken on.
    Untouched,
    /// All that are open.
    All,
}

/// One pass over all leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Which leads go where the routes say.
    pub which: ReRoute,
    /// Until when servers that come to these routes begin it anew.
    pub until: Millis,
    /// When to go on; `None`: it is done.
    pub next: Option<Millis>,
    /// Leads that changed before this moment have not been looked at; `None`: none has.
    pub before: Option<Millis>,
    /// How many were told to go where the routes say.
    pub told: u64,
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reroutes {
    /// A hash of the routes and territories that have force.
    pub routing: Option<Arc<str>>,
    /// What follows from their last change.
    pub pass: Option<Pass>,
}

impl Reroutes {
    /// On a server these routes have taken force, and these leads are to go where they say.
    pub fn took_force(&mut self, routing: &Arc<str>, which: Option<ReRoute>, at: Millis) {
        let is_new = self.routing.as_ref().is_some_and(|known| known != routing);
        let until = self.pass.as_ref().map(|pass| pass.until).filter(|until| !is_new && at < *until);
        let begins = is_new || until.is_some();
        self.routing = Some(Arc::clone(routing));
        if !begins {
            return;
        }
        let begin = |which| Pass {
            which,
            until: until.unwrap_or(at.plus(FOLLOWS)),
            next: Some(at.plus(SETTLES)),
            before: None,
            told: 0,
        };
        self.pass = which.map(begin);
    }

    /// A part of the pass is done, which told so many leads; the next one is of leads that changed `before`.
    pub fn went_on(&mut self, told: usize, before: Option<Millis>, now: Millis) {
        let Some(pass) = &mut self.pass else { return };
        pass.told += told as u64;
        (pass.next, pass.before) = (before.map(|_| now.plus(PAUSE)), before);
    }

    /// When to go on.
    pub fn next(&self) -> Option<Millis> {
        self.pass.as_ref()?.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(reroutes: &Reroutes) -> Option<i64> {
        reroutes.next().map(|at| at.0)
    }

    #[test]
    fn a_pass_follows_a_change_and_each_server_that_comes_to_it() {
        let (mut reroutes, [a, b]) = (Reroutes::default(), ["a", "b"].map(Arc::from));
        let all = Some(ReRoute::All);
        reroutes.took_force(&a, all, Millis(0));
        assert_eq!(next(&reroutes), None, "nothing was routed before");
        reroutes.took_force(&a, all, Millis(1));
        assert_eq!(next(&reroutes), None, "nothing has changed");
        reroutes.took_force(&b, all, Millis(100));
        assert_eq!(next(&reroutes), Some(100 + SETTLES));
        reroutes.went_on(3, Some(Millis(50)), Millis(20_000));
        assert_eq!(next(&reroutes), Some(20_000 + PAUSE));
        reroutes.went_on(1, None, Millis(20_100));
        assert_eq!((next(&reroutes), reroutes.pass.as_ref().map(|pass| pass.told)), (None, Some(4)));
        reroutes.took_force(&b, all, Millis(30_000));
        assert_eq!(next(&reroutes), Some(30_000 + SETTLES), "a second server");
        assert_eq!(reroutes.pass.as_ref().map(|pass| pass.before), Some(None), "from the beginning");
        reroutes.went_on(0, None, Millis(50_000));
        reroutes.took_force(&b, all, Millis(100 + FOLLOWS));
        assert_eq!(next(&reroutes), None, "a start much later");
        reroutes.took_force(&a, None, Millis(2 * FOLLOWS));
        assert_eq!(reroutes.pass, None, "never, says the file");
    }
}
