//! What people make of leads: what messages say of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Ending, OpenLead, Progress, Routing, Seen};
use crate::time::Millis;

/// What people made of a lead, as somebody says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Became {
    /// The lead.
    pub lead: Arc<str>,
    /// What they made of it.
    pub made: Made,
}

/// What people made of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Made {
    /// It is over.
    Ended {
        /// What became of it.
        ending: Ending,
        /// Why, in the words of whoever said so.
        reason: Option<Box<str>>,
    },
    /// Its owner has come so far with it.
    Came(Progress),
    /// Its owner has not taken it on yet, and soon should have.
    Reminded,
    /// Its owner has not taken it on in time: it is somebody else's.
    Passed {
        /// Whose, and why.
        routing: Routing,
    },
    /// More may be known of it by now, which it waits for.
    Again,
    /// An operator takes it from its owner: it goes to whoever of the same team has the next turn.
    Taken,
    /// An operator, or the configuration, sends it where the routes of now say.
    Rerouted {
        /// Only as long as it is open, and its owner has not taken it on.
        untouched: bool,
    },
    /// It is somebody else's now.
    Given {
        /// The rep's e-mail address.
        owner: Arc<str>,
        /// Who gave it to them: the destination where somebody did; `None`: an operator.
        at: Option<Arc<str>>,
    },
}

impl Made {
    /// It is over.
    pub fn ended(ending: Ending, reason: Option<&str>) -> Self {
        Self::Ended { ending, reason: reason.map(Into::into) }
    }

    /// An operator gives it to a rep.
    pub fn given(owner: &str) -> Self {
        Self::Given { owner: owner.into(), at: None }
    }
}

/// What people made of a lead, or of what is part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Follows {
    /// The lead.
    pub open: OpenLead,
    /// What they made of it.
    pub made: Made,
}

/// What came of asking a destination what people made of the leads there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadBack {
    /// When it was asked.
    pub at: Millis,
    /// What was seen, by the leads' ids.
    pub seen: Vec<(Arc<str>, Seen)>,
    /// From when on to ask the next time; `None` when it could not be asked.
    pub until: Option<Millis>,
    /// When to ask next.
    pub next: Millis,
    /// Why it could not be asked.
    pub error: Option<Box<str>>,
}
