//! What a configuration means to those who apply messages.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::counters::{Counter, Plan, Reads};
use crate::expr::{Aspect, Expr, Formula, Members, Signal, Slot, SortKey, TraitRule, Type, reached};
use crate::ids::names::canonical_trait;
use crate::ids::{DefinitionName, SourceName, SubjectKind};
use crate::lead::accept::AcceptLinks;
use crate::qualify::{Definition, Endings};
use crate::record::traits::MAX_TRAITS_BYTES;
use crate::record::{AccountKey, Credentials, LeadQuota, NOBODY_AWAY, Sayings};
use crate::routing::territory::Territories;
use crate::routing::{Reps, Route, RouteTo, Routes, Team};
use crate::time::Millis;

/// A configuration, prepared for applying messages. Immutable; made once for each configuration.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself, and any of them may be so")]
pub struct Rules {
    /// What tells these rules from others.
    pub version: Arc<str>,
    /// The same with what goes with them: every server of a store should have the same.
    pub settings: Arc<str>,
    /// A hash of where leads go: routes, territories, and which teams there are.
    pub routing: Arc<str>,
    /// Which counters there are, and what touches them.
    pub plan: Plan,
    /// Whether a definition of users reads counters of the account.
    pub users_read_account_counters: bool,
    /// Whether a definition of users reads anything else of the account.
    pub users_read_account_traits: bool,
    /// Whether a definition of users reads when the account's first or last event was.
    pub users_read_account_times: bool,
    /// Whether a definition of users reads, by way of the account, what is true of its members.
    pub users_read_members: bool,
    /// Whether a route asks whose the leads of an account are.
    pub asks_account_owner: bool,
    /// For how long at the least, in milliseconds, a route that asks lets an owner of an account count; `None`: for good.
    pub account_owner_counts: Option<i64>,
    /// The same of a company's domain.
    pub domain_owner_counts: Option<i64>,
    /// For how long at most, in milliseconds, a route lets an owner of a company's domain count; `None`: none asks.
    pub domain_owner_lasts: Option<i64>,
    /// Signals of which something remembers since when they are true, or how often they became so.
    pub noted: Vec<NotedSignal>,
    /// Since when each definition says what it says, where that is known.
    since: BTreeMap<DefinitionName, Millis>,
    /// What accounts are told of their members.
    pub members: AskedOfMembers,
    read_traits: HashSet<(SubjectKind, Box<str>)>,
    /// Of the traits that conditions read, those that not every value can be read as.
    typed_traits: Vec<(SubjectKind, Box<str>, Type)>,
    /// Traits of which conditions ask more than the value that stands.
    said_traits: HashSet<(SubjectKind, Box<str>)>,
    parts: RulesParts,
}

/// What [`Rules`] are made of, and can be asked for.
#[derive(Clone, Debug, Default)]
pub struct RulesParts {
    /// `CounterId(n)` is the n-th.
    pub counters: Vec<Counter>,
    /// The time zone of calendar days; UTC by default.
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// Where the account of an event is found, tried in order.
    pub accounts: Vec<AccountKey>,
    /// What has a name of its own, in the order in which it is written.
    pub signals: Vec<Arc<Signal>>,
    /// What makes a subject a lead, in the order in which it is written.
    pub definitions: Vec<Definition>,
    /// What becomes of leads.
    pub endings: Endings,
    /// For how many milliseconds everything else of an account becomes part of its lead; `None`: everything is a lead of its own.
    pub one_per_account: Option<i64>,
    /// The teams that routes name.
    pub teams: Vec<Team>,
    /// When reps may be given leads.
    pub reps: Reps,
    /// The table that routes lead to, if there is one.
    pub territories: Option<Arc<Territories>>,
    /// In order; the first match wins.
    pub routes: Vec<Route>,
    /// How owners accept their leads by a link, where they do.
    pub accept_links: Option<AcceptLinks>,
    /// The names of the destinations; each lead goes to all of them.
    pub destinations: Vec<Arc<str>>,
    /// Which destinations are asked what people made of the leads there, and every how many milliseconds.
    pub read_back: BTreeMap<Arc<str>, i64>,
    /// What tells the credentials of each destination from others.
    pub credentials: BTreeMap<Arc<str>, Credentials>,
    /// Which leads a destination gets, where not all of them.
    pub destination_filters: BTreeMap<Arc<str>, Expr>,
    /// Which sources are believed on a trait, by canonical name.
    pub trait_rules: BTreeMap<(SubjectKind, Box<str>), Arc<TraitRule>>,
    /// The sources.
    pub sources: Vec<SourceName>,
    /// How many leads of each source go on their way, and are held.
    pub lead_quotas: BTreeMap<SourceName, LeadQuota>,
    /// Ids that many people share; they never merge.
    pub shared_ids: HashSet<Box<str>>,
    /// Subjects of which nothing was heard for so many milliseconds leave.
    pub idle_subjects: Option<i64>,
    /// Which version of the configuration it is; leads name it.
    pub config_version: Arc<str>,
    /// A hash of what else servers of one store must have alike.
    pub beside: Arc<str>,
    /// Whether there is an archive.
    pub archived: bool,
    /// How many bytes the traits of one subject may take; by default [`MAX_TRAITS_BYTES`].
    pub traits_bytes: Option<usize>,
}

impl Deref for Rules {
    type Target = RulesParts;

    fn deref(&self) -> &RulesParts {
        &self.parts
    }
}

impl Rules {
    /// Prepares a configuration.
    pub fn new(parts: RulesParts) -> Self {
        let zone = parts.time_zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
        let mut plan = Plan::new(&parts.counters, &reads(&parts), zone);
        plan.keeps_meanings = parts.archived;
        let of_leads = |one| Definition::slots(one).chain(one.ranked_by()).chain(one.chosen_by());
        let decided = || parts.definitions.iter().flat_map(of_leads);
        let ends: Vec<_> = parts.endings.slots().collect();
        let ends = || ends.iter().map(|(_, slot)| slot);
        let named = || reached(parts.signals.iter().flat_map(|signal| signal.slots()));
        let noted = noted(decided().chain(named()).chain(ends()), &plan);
        let of_users = parts.definitions.iter().filter(|d| d.of == SubjectKind::User).flat_map(Definition::slots);
        let kept = noted.iter().filter(|noted| noted.signal.of == SubjectKind::User);
        let kept = kept.flat_map(|noted| reached(noted.signal.slots()));
        let of_users: Vec<&Slot> = of_users.chain(kept).chain(ends()).collect();
        let users_read_members = of_users.iter().any(|slot| matches!(slot, Slot::Members(_)));
        let (counters, traits): (Vec<_>, Vec<_>) = of_users
            .into_iter()
            .filter(|slot| is_of(slot, &plan, SubjectKind::Account))
            .partition(|slot| matches!(slot, Slot::Counter(..)));
        let users_read_account_times = traits.iter().any(|slot| matches!(slot, Slot::FirstSeen(_) | Slot::LastSeen(_)));
        let (counters, traits) = (counters.len(), traits.len());
        let routed = parts.routes.iter().filter_map(|route| route.when.as_ref()).flat_map(Expr::slots);
        let names = |route: &Route| {
            let named = match &route.to {
                RouteTo::Named(formula) => std::slice::from_ref(formula),
                RouteTo::DomainOwner { reads, .. } => reads,
                _ => &[],
            };
            let asked = named.iter().chain(&route.needs.language);
            asked.flat_map(Formula::slots).cloned().collect::<Vec<Slot>>()
        };
        let of_teams = parts.teams.iter().flat_map(|team| &team.needs.language).flat_map(Formula::slots).cloned();
        let reps: Vec<Slot> = parts.routes.iter().flat_map(names).chain(of_teams).collect();
        let all: Vec<&Slot> = decided().chain(named()).chain(ends()).chain(routed).chain(&reps).collect();
        let territories = parts.territories.iter().flat_map(|table| &table.dimensions);
        let read = all
            .iter()
            .copied()
            .chain(territories.flat_map(|dimension| dimension.reads.iter().flat_map(Formula::slots)));
        let read_traits: Vec<_> = read.filter_map(trait_of).collect();
        let said_traits = all.iter().filter(|slot| asks_who_said(slot)).filter_map(|slot| trait_of(slot)).collect();
        let typed_traits = typed(&all);
        let members = AskedOfMembers::new(&all, &parts.definitions);
        // What makes a name or finds an account is read without being named.
        let always =
            ["email", "name", "first_name", "last_name", "title"].map(|name| (SubjectKind::User, Box::from(name)));
        let always = always.into_iter().chain([(SubjectKind::Account, Box::from("name"))]);
        let asks_account_owner = parts.routes.iter().any(|route| matches!(route.to, RouteTo::AccountOwner { .. }));
        let version = version(&parts);
        Self {
            settings: Arc::from(format!("{version} {}", parts.beside).trim_end()),
            version,
            routing: routing(&parts),
            users_read_account_counters: counters > 0,
            users_read_account_traits: traits > 0,
            users_read_account_times,
            users_read_members,
            noted,
            members,
            read_traits: read_traits.into_iter().chain(always).collect(),
            typed_traits,
            said_traits,
            since: BTreeMap::new(),
            asks_account_owner,
            account_owner_counts: parts.routes.iter().filter_map(Route::account_owner_lasts).min(),
            domain_owner_counts: parts.routes.iter().filter_map(Route::domain_owner_lasts).min(),
            domain_owner_lasts: parts.routes.iter().filter_map(Route::domain_owner_lasts).max(),
            plan,
            parts,
        }
    }

    /// The same rules, knowing since when definitions say what they say; of others it is not known, as if they always had.
    #[must_use]
    pub fn since(&self, since: BTreeMap<DefinitionName, Millis>) -> Self {
        Self { since, ..Self::new(self.parts.clone()) }
    }

    /// Since when the definitions say what they say, when `before` was in force until `now`.
    pub fn follow(&self, before: &Self, now: Millis) -> BTreeMap<DefinitionName, Millis> {
        let since = |definition: &Definition| {
            let same = |other: &&Definition| other.name == definition.name && other.version == definition.version;
            match before.definitions.iter().find(same) {
                Some(_) => before.since.get(&definition.name).copied(),
                None => Some(now),
            }
        };
        self.definitions.iter().filter_map(|one| Some((Arc::clone(&one.name), since(one)?))).collect()
    }

    /// The definitions about a kind of subject that say something else than they did at `at`, or were not there.
    pub fn newer_than(&self, of: SubjectKind, at: Millis) -> impl Iterator<Item = (&Definition, Millis)> {
        let since =
            move |definition: &Definition| self.since.get(&definition.name).copied().filter(|since| *since > at);
        // Most of the time there is none, and this is asked for each event.
        self.definitions(of).filter(|_| !self.since.is_empty()).filter_map(move |one| Some((one, since(one)?)))
    }

    /// What everybody is looked at for when it is new: what definitions say, and what ends leads.
    pub fn sayings(&self) -> Sayings {
        let said = |one: &Definition| {
            let (sends, shadow) = (if one.start_sends { "+send" } else { "" }, if one.shadow { "+shadow" } else { "" });
            (Box::from(&*one.name), format!("{}{sends}{shadow}", one.version).into())
        };
        let ends = self.endings.texts(|id| self.counters.get(usize::from(id.0)).map_or("", |counter| &counter.name));
        let ends = (!ends.is_empty()).then(|| {
            let hash = xxhash_rust::xxh3::xxh3_64(ends.as_bytes());
            (Box::from(""), format!("{:08x}", hash >> 32).into())
        });
        self.definitions.iter().map(said).chain(ends).collect()
    }

    /// What decides who gets a lead, as the configuration says it.
    pub fn routes(&self) -> Routes<'_> {
        Routes {
            routes: &self.routes,
            teams: &self.teams,
            reps: &self.reps,
            territories: self.territories.as_deref(),
            roster: &NOBODY_AWAY,
        }
    }

    /// The definitions about one kind of subject.
    pub fn definitions(&self, of: SubjectKind) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(move |definition| definition.of == of)
    }

    /// What `source` is heard to say of `traits`.
    pub fn heard<'t>(
        &self,
        of: SubjectKind,
        source: &SourceName,
        traits: &'t Map<String, Value>,
    ) -> Cow<'t, Map<String, Value>> {
        let is_heard = |name: &str| {
            let rule = self.trait_rule(of, &canonical_trait(name));
            rule.is_none_or(|rule| rule.sources.is_empty() || rule.sources.contains(source))
        };
        if self.trait_rules.is_empty() || traits.keys().all(|name| is_heard(name)) {
            return Cow::Borrowed(traits);
        }
        let heard = traits.iter().filter(|(name, _)| is_heard(name));
        Cow::Owned(heard.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Which sources are believed on a trait; `None` where there is nothing to heed.
    pub fn trait_rule(&self, of: SubjectKind, name: &str) -> Option<&TraitRule> {
        if self.trait_rules.is_empty() {
            return None;
        }
        self.trait_rules.get(&(of, Box::from(name))).map(AsRef::as_ref)
    }

    /// Whether a value among `said` can't be read as what conditions expect of its trait.
    pub fn is_unreadable(&self, of: SubjectKind, said: &Map<String, Value>) -> bool {
        if self.typed_traits.is_empty() {
            return false;
        }
        said.iter().any(|(name, value)| {
            let name = canonical_trait(name);
            let typed = self.typed_traits.iter().find(|(whose, known, _)| *whose == of && **known == *name);
            typed.is_some_and(|(.., ty)| !value.is_null() && !ty.reads(value))
        })
    }

    /// Whether conditions ask more of a trait than the value that stands: who said it, or when.
    pub fn asks_who_said(&self, of: SubjectKind, name: &str) -> bool {
        !self.said_traits.is_empty() && self.said_traits.contains(&(of, Box::from(name)))
    }

    /// How many bytes the traits of one subject may take.
    pub fn traits_bytes(&self) -> usize {
        self.traits_bytes.unwrap_or(MAX_TRAITS_BYTES)
    }

    /// Whether something reads this trait, so that it is kept whatever else there is.
    pub fn reads_trait(&self, of: SubjectKind, name: &str) -> bool {
        // Few are read at all, and this is asked only where there are too many.
        self.read_traits.iter().any(|(whose, read)| *whose == of && **read == *name)
    }
}

/// Who reads which counter, and how: definitions, and whoever tells of signals.
fn reads(parts: &RulesParts) -> Reads {
    let mut reads = Reads::default();
    for definition in &parts.definitions {
        definition.slots().chain(definition.ranked_by()).for_each(|slot| reads.note(definition.of, slot));
        definition.chosen_by().for_each(|slot| reads.note(SubjectKind::User, slot));
    }
    let of_users = parts.definitions.iter().any(|definition| definition.of == SubjectKind::User);
    for (about, slot) in parts.endings.slots() {
        reads.note(about, &slot);
        if of_users {
            // What is about an account ends the leads of its people, too.
            reads.note(SubjectKind::User, &slot);
        }
    }
    for signal in &parts.signals {
        for slot in reached(signal.slots()) {
            reads.note(signal.of, slot);
            if of_users {
                // The lead of a user tells the signals of their account.
                reads.note(SubjectKind::User, slot);
            }
        }
    }
    reads
}

/// What accounts are told of their members: what conditions ask of them, and what they are sorted by.
#[derive(Clone, Debug, Default)]
pub struct AskedOfMembers {
    /// The conditions, each once.
    pub conditions: Vec<Arc<Members>>,
    /// What is told for the orders in which somebody wants them, each once.
    pub keys: Vec<SortKey>,
    /// The orders in which somebody wants them.
    pub orders: Vec<Arc<[SortKey]>>,
    /// Whether any of it asks how many of their events were counted for the account.
    pub counts_events: bool,
}

impl AskedOfMembers {
    fn new(slots: &[&Slot], definitions: &[Definition]) -> Self {
        let asked = slots.iter().filter_map(|slot| match slot {
            Slot::Members(members) => Some((members.fingerprint, Arc::clone(members))),
            _ => None,
        });
        let orders = definitions.iter().map(|one| Arc::clone(&one.contact)).filter(|keys| !keys.is_empty());
        let orders: Vec<_> = orders.collect();
        let keys = orders.iter().flat_map(|keys| keys.iter()).filter_map(|key| Some((key.fingerprint()?, key.clone())));
        Self {
            conditions: asked.collect::<BTreeMap<_, _>>().into_values().collect(),
            keys: keys.collect::<BTreeMap<_, _>>().into_values().collect(),
            counts_events: slots.contains(&&Slot::MemberEvents),
            orders,
        }
    }

    /// Whether accounts are told nothing.
    pub const fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.keys.is_empty()
    }
}

/// A signal that is remembered.
#[derive(Clone, Debug)]
pub struct NotedSignal {
    /// The signal.
    pub signal: Arc<Signal>,
    /// Of a user: whether it reads the account, so that only the account's answer tells.
    pub needs_account: bool,
}

/// The signals whose `since` or `times` is read, each once and behind those that it asks for theirs.
fn noted<'s>(slots: impl Iterator<Item = &'s Slot>, plan: &Plan) -> Vec<NotedSignal> {
    let mut found: Vec<NotedSignal> = Vec::new();
    for slot in slots {
        let Slot::Signal(signal, Aspect::Since | Aspect::Times) = slot else { continue };
        if found.iter().any(|known| known.signal == *signal) {
            continue;
        }
        let slots = reached(signal.slots());
        // They read each other in no circle.
        for before in noted(slots.iter().copied(), plan) {
            if found.iter().all(|known| known.signal != before.signal) {
                found.push(before);
            }
        }
        let reads_account = slots.into_iter().any(|slot| is_of(slot, plan, SubjectKind::Account));
        let needs_account = signal.of == SubjectKind::User && reads_account;
        found.push(NotedSignal { signal: Arc::clone(signal), needs_account });
    }
    found
}

/// A hash of everything that the rules are made of.
fn version(parts: &RulesParts) -> Arc<str> {
    let RulesParts { shared_ids, .. } = parts;
    let mut shared: Vec<_> = shared_ids.iter().collect();
    shared.sort_unstable();
    // A set is written in any order; and another comment in the file makes no other rules.
    let (shared_ids, config_version, beside) = Default::default();
    let rest = RulesParts { shared_ids, config_version, beside, ..parts.clone() };
    hash_of(&format!("{rest:?} {shared:?}"))
}

/// The beginning of a hash, as it stands in figures and logs.
pub fn hash_of(text: &str) -> Arc<str> {
    Arc::from(format!("{:012x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 16))
}

/// A hash of where leads go: routes, territories, and which teams there are. Who is in a team moves no lead of it.
fn routing(parts: &RulesParts) -> Arc<str> {
    let teams: Vec<&str> = parts.teams.iter().map(|team| &*team.name).collect();
    hash_of(&format!("{:?} {:?} {teams:?}", parts.routes, parts.territories))
}

fn trait_of(slot: &Slot) -> Option<(SubjectKind, Box<str>)> {
    let (Slot::Trait { of, .. } | Slot::About { of, .. }) = slot else { return None };
    Some((*of, slot.trait_name()?.into()))
}

fn asks_who_said(slot: &Slot) -> bool {
    matches!(slot, Slot::About { .. } | Slot::Trait { rule: Some(_), .. })
}

/// The traits among `slots` that have a type that not every value can be read as.
fn typed(slots: &[&Slot]) -> Vec<(SubjectKind, Box<str>, Type)> {
    let mut typed = Vec::new();
    for slot in slots {
        let Slot::Trait { of, path, ty, .. } = slot else { continue };
        let ([name], false) = (&**path, matches!(ty, Type::Any | Type::Text | Type::List(_))) else { continue };
        let entry = (*of, name.clone(), ty.clone());
        if !typed.contains(&entry) {
            typed.push(entry);
        }
    }
    typed
}

fn is_of(slot: &Slot, plan: &Plan, whose: SubjectKind) -> bool {
    match slot {
        Slot::Counter(id, _) => plan.counters.get(usize::from(id.0)).is_some_and(|counter| counter.of == whose),
        Slot::Trait { of, .. } | Slot::About { of, .. } | Slot::Id(of) | Slot::FirstSeen(of) | Slot::LastSeen(of) => {
            *of == whose
        }
        Slot::Signal(signal, Aspect::Since | Aspect::Times) => signal.of == whose,
        _ => false,
    }
}
