//! What becomes of one lead.

use serde::Serialize;

use super::whose::{Owner, Whose};
use crate::lead::{Lead, Routing};
use crate::time::Millis;

/// What becomes of one lead.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The lead's id.
    pub lead: String,
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// What it qualified for.
    pub definition: String,
    /// 1 is the best.
    pub tier: u8,
    /// When it qualified, RFC 3339.
    pub qualified: String,
    /// What becomes of it.
    pub change: Change,
    /// Who got it so far.
    pub before: Whose,
    /// Who gets it on paper.
    pub after: Whose,
    /// The route that decides on paper.
    pub route: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// For how many seconds it waits on paper.
    pub waited_s: i64,
    /// What the routes asked of it that is not known, where that mattered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Box<str>>,
}

/// What becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It goes to another team, from or to nobody, or by no team at all to somebody else.
    Moves,
    /// Another rep of the same team gets it: turns begin anew on paper.
    OtherRep,
    /// It stays where it is.
    Stays,
}

impl Change {
    /// As it stands in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moves => "moves",
            Self::OtherRep => "other_rep",
            Self::Stays => "stays",
        }
    }

    fn of(before: &Whose, after: &Whose) -> Self {
        match (&before.owner, &after.owner) {
            (Owner::Rep(one), Owner::Rep(other)) if one.eq_ignore_ascii_case(other) => Self::Stays,
            (Owner::Rep(_), Owner::Rep(_)) if before.team.is_some() && before.team == after.team => Self::OtherRep,
            (one, other) if one == other && one.rep().is_none() && before.team == after.team => Self::Stays,
            _ => Self::Moves,
        }
    }
}

impl Line {
    pub(super) fn new(lead: &Lead, at: Millis) -> Self {
        let nobody = Whose::of(None);
        Self {
            lead: lead.id.clone(),
            subject: format!("{}:{}", lead.subject.kind, lead.subject.id),
            definition: lead.definition.clone(),
            tier: lead.tier,
            qualified: at.rfc3339(),
            change: Change::Stays,
            before: nobody.clone(),
            after: nobody,
            route: None,
            reason: String::new(),
            waited_s: 0,
            unknown: Vec::new(),
        }
    }

    pub(super) fn conclude(&mut self, before: Whose, routing: &Routing, waited_ms: i64) {
        let after = Whose::of(Some(routing));
        self.change = Change::of(&before, &after);
        (self.before, self.after) = (before, after);
        self.route.clone_from(&routing.route);
        self.reason.clone_from(&routing.reason);
        self.waited_s = waited_ms / Millis::SECOND;
    }
}
