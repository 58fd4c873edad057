//! Routes and teams, as declared.

use std::sync::Arc;

use super::reps::language;
use super::{Availability, SlaRule};
use crate::expr::{Expr, Facts, Formula, Value};
use crate::record::Needs;

/// The name of a team, as configured.
pub type TeamName = Arc<str>;

/// A group of reps who share leads.
#[derive(Clone, Debug)]
pub struct Team {
    /// Its name: routes lead to it, and its turns are kept under it.
    pub name: TeamName,
    /// Its reps, in the order of their first turns.
    pub reps: Vec<Rep>,
    /// How its leads are shared.
    pub assign: Assign,
    /// Reasons, in small letters, for which a lead that is lost gives its owner the turn back.
    pub credit: Vec<Box<str>>,
    /// For how many milliseconds a lead waits until somebody of it is there; `None`: for as long as it takes.
    pub max_wait: Option<i64>,
    /// Who gets those that wait no longer. No team leads back to itself by this.
    pub otherwise: Option<RouteTarget>,
    /// How soon its leads are taken on, where it says so.
    pub sla: Option<SlaRule>,
    /// What whoever gets a lead that a route or a territory leads here has to know, beside what that asks.
    pub needs: RouteNeeds,
}

/// Somebody who follows up on leads, as a member of a team.
#[derive(Clone, Debug)]
pub struct Rep {
    /// Their e-mail address.
    pub name: Arc<str>,
    /// How many leads they get for one of somebody with weight 1, in hundredths.
    pub weight: u32,
    /// When they may be given leads, where something is said about it; else always.
    pub availability: Option<Arc<Availability>>,
}

impl Rep {
    /// The weight 1.
    pub const WEIGHT_ONE: u32 = 100;

    /// A rep with weight 1.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), weight: Self::WEIGHT_ONE, availability: None }
    }
}

/// How a team shares its leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assign {
    /// In turn; whoever waited longest is next.
    RoundRobin,
    /// To the first of the roster who may be given one: the second gets what the first can't take.
    Order,
    /// To whoever has the fewest open leads for their weight; among equals in turn.
    LeastLoaded,
}

/// One rule: the first whose condition is true decides.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name, which stands in the reasons of its decisions.
    pub name: Arc<str>,
    /// `None`: always.
    pub when: Option<Expr>,
    /// Who gets the leads that it takes.
    pub to: RouteTo,
    /// What they have to know, where that is a team.
    pub needs: RouteNeeds,
}

impl Route {
    /// For how many milliseconds an owner of an account counts by it, where it asks and says so.
    pub const fn account_owner_lasts(&self) -> Option<i64> {
        if let RouteTo::AccountOwner { within } = &self.to { *within } else { None }
    }

    /// For how many milliseconds an owner of a domain counts by it, where it asks.
    pub const fn domain_owner_lasts(&self) -> Option<i64> {
        if let RouteTo::DomainOwner { within, .. } = &self.to { Some(*within) } else { None }
    }
}

/// What a route asks of whoever gets its leads.
#[derive(Clone, Debug, Default)]
pub struct RouteNeeds {
    /// All of these skills.
    pub skills: Vec<Arc<str>>,
    /// The language that the first of these which is known says.
    pub language: Vec<Formula>,
}

impl RouteNeeds {
    /// What it asks for a lead. A language that isn't known isn't asked for.
    pub fn of(&self, lead: &impl Facts) -> Needs {
        let known = self.language.iter().find_map(|formula| match formula.value(lead) {
            Value::Text(text) => language(&text),
            _ => None,
        });
        Needs { skills: self.skills.clone(), language: known }
    }
}

/// What a route says about the leads that it takes.
#[derive(Clone, Debug)]
pub enum RouteTo {
    /// Who gets them.
    Target(RouteTarget),
    /// Whoever the table of territories says; where it says nobody, the next route decides.
    Territories,
    /// Whoever owns the leads of the same account; where nobody does, the next route decides.
    AccountOwner {
        /// Only when they were given one within so many milliseconds.
        within: Option<i64>,
    },
    /// Whoever owns the leads of the same company, by its domain; where nobody does, the next route decides.
    DomainOwner {
        /// Only when they were given one within so many milliseconds.
        within: i64,
        /// Where a lead says its domain; the first that is known counts.
        reads: Vec<Formula>,
    },
    /// The rep whose address this comes to; where it comes to none that is known, the next route decides.
    Named(Formula),
}

/// Where a route or a territory leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// The rep of this team whose turn it is.
    Team(TeamName),
    /// One rep, by e-mail address.
    Rep(Arc<str>),
    /// No rep: the product itself follows up.
    SelfServe,
}
