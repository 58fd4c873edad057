//! Traits: those that are always known, and those that are declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::from::KnownSources;
use crate::cdp::Source;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, Many, Named};
use crate::config::shape::{DeclaredTraitShape, TraitShape, TraitWord, TraitsShape};
use crate::config::yaml::Scalar;
use crate::event::{SourceName, Trust};
use crate::expr::{TraitRule, Type, Vocabulary};
use crate::ids::SubjectKind;
use crate::ids::names::canonical_trait;

/// Declared traits by canonical name.
#[derive(Debug)]
pub struct Traits {
    pub user: BTreeMap<Box<str>, Type>,
    pub account: BTreeMap<Box<str>, Type>,
    /// Of those on which not every source is believed for good: which are, and how long.
    pub rules: BTreeMap<(SubjectKind, Box<str>), Arc<TraitRule>>,
}

impl Traits {
    /// The sources that are heard on a trait; none at all: every source.
    pub fn heard_on(&self, of: SubjectKind, name: &str) -> &[SourceName] {
        self.rules.get(&(of, Box::from(name))).map_or(&[], |rule| &rule.sources)
    }
}

/// The traits of users that are always known: the reserved ones of the Segment spec, then those that products of all kinds send.
const USER: &[(TraitWord, &str)] = {
    use TraitWord::{Bool, Country, Number, Text, Time};
    &[
        (
            Text,
            "avatar description email first_name gender last_name name phone title username \
            website city department job_title locale plan role timezone",
        ),
        (Country, "country"),
        (Number, "age"),
        (Bool, "is_admin"),
        (Time, "birthday created_at trial_ends_at trial_started_at"),
    ]
};

/// The same of accounts.
const ACCOUNT: &[(TraitWord, &str)] = {
    use TraitWord::{Band, Bool, Country, List, Money, Number, Text, Time};
    &[
        (
            Text,
            "avatar description email industry name phone plan website city domain state \
            status",
        ),
        (Country, "country"),
        (Band, "employees annual_revenue"),
        (Money, "arr mrr total_billed"),
        (Number, "seats"),
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
        rules: BTreeMap::new(),
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
        let ty = shape.map_or(Type::Any, |shape| declared_type(name, shape, findings));
        let rule = shape.map(|shape| rule(shape, sources, findings)).unwrap_or_default();
        if rule != TraitRule::default() {
            traits.rules.insert((of, canonical.clone().into()), Arc::new(rule));
        }
        let types = if of == SubjectKind::User { &mut traits.user } else { &mut traits.account };
        types.insert(canonical.into(), ty);
    }
}

/// Warns where a public source is named before a server, since it stands behind it all the same.
pub fn warn_of_order(shape: Option<&TraitsShape>, traits: &Traits, sources: &[Source], findings: &mut Findings) {
    let trust = |name: &SourceName| sources.iter().find(|source| source.name == *name).map(|source| source.trust);
    for (of, declared) in
        shape.into_iter().flat_map(|shape| [(SubjectKind::User, &shape.user), (SubjectKind::Account, &shape.account)])
    {
        for (name, _) in declared.get().into_iter().flat_map(|Named(traits)| traits) {
            let named = traits.heard_on(of, &canonical_trait(&name.text));
            let public = named.iter().position(|source| trust(source) == Some(Trust::Public));
            let server = named.iter().rposition(|source| trust(source) == Some(Trust::Server));
            let (Some(public), Some(server)) = (public, server) else { continue };
            if let (true, Some(first), Some(last)) = (public < server, named.get(public), named.get(server)) {
                let message = format!("`{first}` is public: what `{last}` says of `{}` stands before it", name.shown);
                let help = format!("name `{first}` last, or give it `trust: server`");
                findings.push(Problem::warning(name.at, Code::Suspicious, message).help(help));
            }
        }
    }
}

fn rule(shape: &DeclaredTraitShape, sources: &KnownSources<'_>, findings: &mut Findings) -> TraitRule {
    let stale = shape.stale.get().filter(|stale| stale.value.0.as_millis() > 0);
    TraitRule {
        sources: sources.ranked(&shape.from, findings).into(),
        stale: stale.map(|stale| i64::try_from(stale.value.0.as_millis()).unwrap_or(i64::MAX)),
    }
}

fn declared_type(name: &Scalar, shape: &DeclaredTraitShape, findings: &mut Findings) -> Type {
    let word = shape.r#type.get();
    let choices: Vec<Box<str>> = shape
        .of
        .get()
        .into_iter()
        .flat_map(|Many(choices)| choices)
        .map(|choice| choice.text.trim())
        .filter(|choice| !choice.is_empty())
        .map(Box::from)
        .collect();
    match word.map(|word| word.value) {
        Some(TraitWord::Choice) if choices.is_empty() => {
            let message = format!("`{}` has no choices", name.shown);
            let problem = Problem::error(word.map_or(name.at, |word| word.scalar.at), Code::MissingField, message);
            findings.push(problem.help("add `of: [legal, finance, other]`"));
            Type::Text
        }
        Some(TraitWord::Choice) => Type::Word(Vocabulary::Choice(choices.into())),
        word => {
            if !choices.is_empty() {
                let message = format!("`of` goes with `type: choice`, and `{}` is none", name.shown);
                findings.push(Problem::error(name.at, Code::BadValue, message).help("write `type: choice`"));
            }
            word.map_or(Type::Any, type_of)
        }
    }
}

/// The type that a word stands for.
fn type_of(word: TraitWord) -> Type {
    match word {
        TraitWord::Money => Type::Money,
        TraitWord::Band => Type::Band,
        TraitWord::Country => Type::Word(Vocabulary::Country),
        // Which choices there are stands beside it.
        TraitWord::Choice => Type::Text,
        TraitWord::Text => Type::Text,
        TraitWord::Number => Type::Number,
        TraitWord::Bool => Type::Bool,
        TraitWord::Time => Type::Time,
        TraitWord::List => Type::List(Box::new(Type::Text)),
    }
}
