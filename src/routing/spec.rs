//! Routes and teams, as declared.

use std::sync::Arc;

use crate::expr::Expr;

/// The name of a team, as configured.
pub type TeamName = Arc<str>;

/// A group of reps who share leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its name: routes lead to it, and its turns are kept under it.
    pub name: TeamName,
    /// The reps' e-mail addresses, in the order of their turns.
    pub reps: Vec<Arc<str>>,
    /// How its leads are shared.
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
    /// Its name, which stands in the reasons of its decisions.
    pub name: Arc<str>,
    /// `None`: always.
    pub when: Option<Expr>,
    /// Who gets the leads that it takes.
    pub to: RouteTarget,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// The rep of this team whose turn it is.
    Team(TeamName),
    /// One rep, by e-mail address.
    Rep(Arc<str>),
    /// No rep: the product itself follows up.
    SelfServe,
    /// Whoever the table of territories says; where it says nobody, the next route decides.
    Territories,
}
