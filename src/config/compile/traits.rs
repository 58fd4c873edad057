//! Traits: those that are always known, and those that are declared.

use std::collections::BTreeMap;

use super::from::KnownSources;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, Named};
use crate::config::shape::{TraitShape, TraitWord, TraitsShape};
use crate::config::yaml::Scalar;
use crate::event::SourceName;
use crate::expr::Type;
use crate::ids::SubjectKind;
use crate::ids::names::canonical_trait;

/// Declared traits by canonical name.
#[derive(Debug)]
pub struct Traits {
    pub user: BTreeMap<Box<str>, Type>,
    pub account: BTreeMap<Box<str>, Type>,
    /// Of those on which only some sources are heard: which.
    pub from: BTreeMap<(SubjectKind, Box<str>), Vec<SourceName>>,
}

impl Traits {
    /// The sources that are heard on a trait; none at all: every source.
    pub fn heard_on(&self, of: SubjectKind, name: &str) -> &[SourceName] {
        self.from.get(&(of, Box::from(name))).map_or(&[], Vec::as_slice)
    }
}

/// The traits of users that are always known: the reserved ones of the Segment spec, then those that products of all kinds send.
const USER: &[(TraitWord, &str)] = {
    use TraitWord::{Bool, Number, Text, Time};
    &[
        (
            Text,
            "avatar description email first_name gender last_name name phone title username \
            website city country department job_title locale plan role timezone",
        ),
        (Number, "age"),
        (Bool, "is_admin"),
        (Time, "birthday created_at trial_ends_at trial_started_at"),
    ]
};

/// The same of accounts.
const ACCOUNT: &[(TraitWord, &str)] = {
    use TraitWord::{Bool, List, Number, Text, Time};
    &[
        (
            Text,
            "avatar description email industry name phone plan website city country domain state \
            status",
        ),
        (Number, "employees annual_revenue arr mrr seats total_billed"),
        (Bool, "is_paying"),
        (Time, "created_at trial_ends_at trial_started_at"),
        (List, "tags"),
    ]
};

/// Reserved traits that are objects: what is below them has no declared type.
const OBJECTS: [&str; 2] = ["address", "company"];

/// The traits that conditions may use without a declaration, by canonical name.
pub fn known_traits(of: SubjectKind) -> BTreeMap<Box<str>, Type> {
    let table = if of == SubjectKind::User { USER } else { ACCOUNT };
    let objects = OBJECTS.map(|name| (Box::from(name), Type::Any));
    let plain = table.iter().flat_map(|(word, names)| names.split(' ').map(|name| (Box::from(name), type_of(*word))));
    plain.chain(objects).collect()
}

/// The traits that conditions may use.
pub fn traits(shape: Option<&TraitsShape>, sources: &KnownSources<'_>, findings: &mut Findings) -> Traits {
    let mut traits = Traits {
        user: known_traits(SubjectKind::User),
        account: known_traits(SubjectKind::Account),
        from: BTreeMap::new(),
    };
    if let Some(shape) = shape {
        declare(&mut traits, SubjectKind::User, &shape.user, sources, findings);
        declare(&mut traits, SubjectKind::Account, &shape.account, sources, findings);
    }
    traits
}

fn declare(
    traits: &mut Traits,
    of: SubjectKind,
    declared: &Field<Named<TraitShape>>,
    sources: &KnownSources<'_>,
    findings: &mut Findings,
) {
    let mut own: Vec<(String, &Scalar)> = Vec::new();
    for (name, shape) in declared.get().into_iter().flat_map(|Named(traits)| traits) {
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
        own.push((canonical.clone(), name));
        let shape = shape.as_ref().map(|TraitShape(declared)| declared);
        let ty = shape.and_then(|shape| shape.r#type.get()).map_or(Type::Any, |word| type_of(word.value));
        let from = shape.map(|shape| sources.named(&shape.from, findings)).unwrap_or_default();
        if !from.is_empty() {
            traits.from.insert((of, canonical.clone().into()), from);
        }
        let types = if of == SubjectKind::User { &mut traits.user } else { &mut traits.account };
        types.insert(canonical.into(), ty);
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
