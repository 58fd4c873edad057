//! Routes and teams, as declared.

use std::sync::Arc;

use crate::qualify::expr::Expr;

/// The name of a team, as configured.
pub type TeamName = Arc<str>;

/// A group of reps who share leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub name: TeamName,
    /// The reps' e-mail addresses, in the order of their turns.
    pub reps: Vec<Arc<str>>,
    pub assign: Assign,
}

/// How a team shares its leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assign {
    /// In turn; whoever waited longest is next.
    RoundRobin,
}

/// One rule: the first whose condition is true decides.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: Arc<str>,
    /// `None`: always.
    pub when: Option<Expr>,
    pub to: RouteTarget,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    Team(TeamName),
    /// One rep, by e-mail address.
    Rep(Arc<str>),
    /// No rep: the product itself follows up.
    SelfServe,
}
