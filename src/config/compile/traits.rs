//! Traits: those that are always known, and those that are declared.

use std::collections::BTreeMap;

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Field, Named};
use crate::config::shape::{TraitWord, TraitsShape};
use crate::config::yaml::Scalar;
use crate::expr::Type;
use crate::ids::names::canonical_trait;

/// Declared traits by canonical name.
#[derive(Debug)]
pub struct Traits {
    pub user: BTreeMap<Box<str>, Type>,
    pub account: BTreeMap<Box<str>, Type>,
}

/// Users: the reserved traits of the Segment spec, then those that products of all kinds send.
pub const USER: &[(&str, TraitWord)] = {
    use TraitWord::{Bool, Number, Text, Time};
    &[
        ("age", Number),
        ("avatar", Text),
        ("birthday", Time),
        ("created_at", Time),
        ("description", Text),
        ("email", Text),
        ("first_name", Text),
        ("gender", Text),
        ("last_name", Text),
        ("name", Text),
        ("phone", Text),
        ("title", Text),
        ("username", Text),
        ("website", Text),
        ("city", Text),
        ("country", Text),
        ("department", Text),
        ("is_admin", Bool),
        ("job_title", Text),
        ("locale", Text),
        ("plan", Text),
        ("role", Text),
        ("timezone", Text),
        ("trial_ends_at", Time),
        ("trial_started_at", Time),
    ]
};

/// Accounts: likewise.
pub const ACCOUNT: &[(&str, TraitWord)] = {
    use TraitWord::{Bool, List, Number, Text, Time};
    &[
        ("avatar", Text),
        ("created_at", Time),
        ("description", Text),
        ("email", Text),
        ("employees", Number),
        ("industry", Text),
        ("name", Text),
        ("phone", Text),
        ("plan", Text),
        ("website", Text),
        ("annual_revenue", Number),
        ("arr", Number),
        ("city", Text),
        ("country", Text),
        ("domain", Text),
        ("is_paying", Bool),
        ("mrr", Number),
        ("seats", Number),
        ("state", Text),
        ("status", Text),
        ("tags", List),
        ("total_billed", Number),
        ("trial_ends_at", Time),
        ("trial_started_at", Time),
    ]
};

/// Reserved traits that are objects: what is below them has no declared type.
pub const OBJECTS: &[&str] = &["address", "company"];

/// The traits that conditions may use.
pub fn traits(shape: Option<&TraitsShape>, findings: &mut Findings) -> Traits {
    let mut traits = Traits { user: predeclared(USER), account: predeclared(ACCOUNT) };
    if let Some(shape) = shape {
        declare(&mut traits.user, &shape.user, findings);
        declare(&mut traits.account, &shape.account, findings);
    }
    traits
}

fn predeclared(table: &[(&str, TraitWord)]) -> BTreeMap<Box<str>, Type> {
    let objects = OBJECTS.iter().map(|name| (Box::from(*name), Type::Any));
    table.iter().map(|(name, word)| (Box::from(*name), type_of(*word))).chain(objects).collect()
}

fn declare(into: &mut BTreeMap<Box<str>, Type>, declared: &Field<Named<At<TraitWord>>>, findings: &mut Findings) {
    let mut own: Vec<(String, &Scalar)> = Vec::new();
    for (name, word) in declared.get().into_iter().flat_map(|Named(traits)| traits) {
        let canonical = canonical_trait(&name.text).into_owned();
        if canonical.is_empty() {
            let message = format!("`{}` can't be the name of a trait", name.shown);
            findings.push(Problem::error(name.at, Code::BadValue, message).help("use letters and digits"));
            continue;
        }
        if let Some((_, earlier)) = own.iter().find(|(known, _)| *known == canonical) {
            let message = format!("`{}` and `{}` are the same trait, `{canonical}`", earlier.shown, name.shown);
            findings.push(Problem::error(name.at, Code::Duplicate, message).help("remove one of them"));
            continue;
        }
        let ty = word.as_ref().map_or(Type::Any, |word| type_of(word.value));
        own.push((canonical.clone(), name));
        into.insert(canonical.into(), ty);
    }
}

/// The type that a word stands for.
fn type_of(word: TraitWord) -> Type {
    match word {
        TraitWord::Text => Type::Text,
        TraitWord::Number => Type::Number,
        TraitWord::Bool => Type::Bool,
        TraitWord::Time => Type::Time,
        TraitWord::List => Type::List(Box::new(Type::Text)),
    }
}
