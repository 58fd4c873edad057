//! What a territory may hang on.

use std::sync::Arc;

use crate::expr::Formula;

/// A column of the table: what it is called, how its cells are read, and where a lead says it.
#[derive(Clone, Debug)]
pub struct Dimension {
    /// As it stands in the configuration.
    pub name: Arc<str>,
    /// How its cells are read.
    pub kind: Kind,
    /// Where a lead says it; the first that is known counts.
    pub reads: Vec<Formula>,
}

/// How the cells of a column are read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Named accounts by their domain; that of a subdomain is the same account.
    Domain,
    /// Postal codes: whole, by prefix, or from one to another.
    Postal,
    /// States, provinces and the like, in any spelling.
    State,
    /// Countries, in any spelling.
    Country,
    /// Regions, such as DACH: lists of countries.
    Region,
    /// Numbers, and bands of numbers.
    Number,
    /// Anything else, in any case of letters.
    Text,
}

/// The dimensions that need no declaration, the most specific first, how they are read, and where a lead says them.
const KNOWN: [(&str, Kind, &[&str]); 12] = [
    ("domain", Kind::Domain, &["account.domain", "account.website", "account.id", "user.email"]),
    ("account", Kind::Text, &["account.id", "account.name"]),
    ("postal_code", Kind::Postal, &["account.postal_code", "account.zip", "user.postal_code"]),
    ("state", Kind::State, &["account.state", "user.state"]),
    ("country", Kind::Country, &["account.country", "user.country"]),
    ("region", Kind::Region, &["account.country", "user.country"]),
    ("industry", Kind::Text, &["account.industry"]),
    ("employees", Kind::Number, &["account.employees"]),
    ("revenue", Kind::Number, &["account.annual_revenue", "account.revenue"]),
    ("language", Kind::Text, &["user.language", "account.language"]),
    ("definition", Kind::Text, &["lead.definition"]),
    ("tier", Kind::Number, &["lead.tier"]),
];

impl Kind {
    /// The dimensions that need no declaration: name, kind, and where a lead says it.
    pub fn known() -> impl Iterator<Item = (&'static str, Self, &'static [&'static str])> {
        KNOWN.into_iter()
    }

    /// The kind of a dimension by its name; those that nobody knows are texts.
    pub fn of(name: &str) -> Self {
        KNOWN.iter().find(|(known, ..)| *known == name).map_or(Self::Text, |(_, kind, _)| *kind)
    }
}
