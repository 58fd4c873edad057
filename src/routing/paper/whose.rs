//! Where a lead ended up.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::lead::Routing;

/// Who got a lead, and of which team.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Whose {
    /// The team that shared it out.
    pub team: Option<Arc<str>>,
    /// Who got it.
    pub owner: Owner,
}

/// Who got a lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A rep, by e-mail address.
    Rep(Arc<str>),
    /// The product itself follows up.
    SelfServe,
    /// Nobody, since nobody was there.
    Nobody,
    /// Nobody, since no route took it.
    NoRoute,
    /// It has not been routed.
    NotRouted,
}

impl Whose {
    /// Where a decision leads.
    pub fn of(routing: Option<&Routing>) -> Self {
        let Some(routing) = routing else { return Self { team: None, owner: Owner::NotRouted } };
        let owner = match (&routing.owner, &routing.route) {
            (Some(rep), _) => Owner::Rep(Arc::from(&**rep)),
            (None, None) => Owner::NoRoute,
            // The one sentence that tells both apart: a team of which nobody is there may pass its leads on to a rep who is away.
            (None, Some(_)) if routing.reason.ends_with("nobody owns it") => Owner::Nobody,
            (None, Some(_)) => Owner::SelfServe,
        };
        Self { team: routing.team.as_deref().map(Arc::from), owner }
    }
}

impl Owner {
    /// The rep.
    pub fn rep(&self) -> Option<&str> {
        if let Self::Rep(rep) = self { Some(rep) } else { None }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rep(rep) => rep,
            Self::SelfServe => "self-serve",
            Self::Nobody => "nobody was there",
            Self::NoRoute => "no route",
            Self::NotRouted => "not routed",
        })
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.team {
            Some(team) => write!(f, "{} ({team})", self.owner),
            None => self.owner.fmt(f),
        }
    }
}
