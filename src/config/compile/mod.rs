//! From the shape of the file to the domain's own types, with every name resolved and every condition compiled.

mod accept;
mod accept_links;
mod by_itself;
mod calendars;
mod condition;
mod counters;
mod definitions;
mod destinations;
mod from;
mod nameable;
mod names;
mod needs;
mod outcomes;
mod reps;
mod rests_on;
mod routing;
mod scopes;
mod settings;
mod signals;
mod sla;
mod sources;
mod store;
mod template;
mod territories;
pub mod traits;
mod wanted;

use std::sync::Arc;

use super::attached::Attached;
use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::lint;
use super::shape::{ConfigShape, LimitsShape, StoreShape};
use super::{Config, EngineOptions};
use crate::apply::Rules;
use crate::apply::rules::{RulesParts, hash_of};
use crate::cdp::{Source, WantedProperties};
use crate::crm::Destination;
use crate::record::outcomes::MAX_CONDITIONS;
use crate::record::traits::MAX_TRAITS_BYTES;

/// Compiles everything. What is wrong is reported; `None` when the outcome can't be used.
pub fn compile(shape: &ConfigShape, version: &str, attached: &Attached, findings: &mut Findings) -> Option<Config> {
    let time_zone = settings::time_zone(shape.time_zone.get(), findings);
    let server = settings::server(shape.server.get(), findings);
    let absent = StoreShape::default();
    let store_shape = shape.store.get().unwrap_or(&absent);
    let store = store::store(store_shape, findings);
    let absent = LimitsShape::default();
    let limits = shape.server.get().and_then(|server| server.limits.get()).unwrap_or(&absent);
    let history = store::history(shape.history.get(), findings);
    let engine = store::engine(store_shape, limits, findings);
    let accept = accept::accept(shape.accept.get(), shape, findings);
    let accounts = settings::accounts(shape.accounts.get(), findings);
    let known_sources = from::KnownSources::new(shape.sources.get());
    let traits = traits::traits(shape.traits.get(), &known_sources, findings);
    let sources = sources::sources(shape.sources.get(), findings);
    traits::warn_of_order(shape.traits.get(), &traits, &sources, findings);
    let counters = counters::counters(shape.counters.get(), &known_sources, findings);
    let mut scopes = scopes::Scopes::new(&counters, &traits, shape.definitions.get());
    let signals = signals::signals(shape.signals.get(), &counters, &mut scopes, findings);
    scopes.nameable = nameable::nameable(&counters, &traits, &signals, &scopes.broken);
    let never = definitions::Never::new(shape.never.get(), &scopes, findings);
    let known = (&traits, &known_sources);
    let definitions = definitions::definitions(shape.definitions.get(), &never, &counters, &scopes, known, findings);
    let endings = outcomes::endings(shape.outcomes.get(), &counters, &scopes, findings);
    rests_on::check_endings(shape, &endings, (&definitions, &sources), (&counters, &traits), findings);
    let one_per_account = outcomes::one_per_account(shape.leads.get(), findings);
    let mut teams = routing::teams(shape.teams.get(), &scopes, findings);
    let routes = routing::routes(shape.routes.get(), &teams, &scopes, findings);
    let zone = time_zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
    let reps = reps::reps(shape.reps.get(), &zone, &mut teams.compiled, findings);
    needs::check(shape.routes.get(), &routes, (&teams.compiled, &reps), findings);
    needs::check_teams(shape.teams.get(), (&teams.compiled, &reps), findings);
    let calendars = calendars::calendars(shape, &reps, &zone, findings);
    let territories = territories::territories(shape, (&teams, &reps, &scopes), &zone, attached, findings);
    territories::check_routes(shape, findings);
    let destination_filters = destinations::filters(shape.destinations.get(), &scopes, findings);
    let destinations = destinations::destinations(shape.destinations.get(), attached, &scopes.nameable, findings);
    lint::lint(
        shape,
        &lint::Compiled {
            counters: &counters.compiled,
            signals: &signals,
            definitions: &definitions,
            endings: &endings,
            territories: territories.as_deref(),
            teams: &teams.compiled,
            routes: &routes,
        },
        findings,
    );
    if findings.has_errors() {
        return None;
    }
    let wanted_properties = match history {
        // What is asked for later must be there.
        Some(_) => WantedProperties::All,
        None => wanted::wanted(&accounts, &counters.compiled, &signals, (&definitions, &endings)),
    };
    let rules = Rules::new(RulesParts {
        counters: counters.compiled,
        trait_rules: traits.rules,
        time_zone,
        accounts,
        signals,
        definitions,
        endings,
        one_per_account,
        teams: teams.compiled,
        reps,
        territories,
        routes,
        accept_links: accept_links::accept_links(shape.leads.get(), findings),
        destination_filters,
        read_back: destinations.iter().filter_map(every).collect(),
        credentials: destinations.iter().map(|one| (Arc::clone(&one.name), one.credentials())).collect(),
        destinations: destinations.iter().map(|destination| Arc::clone(&destination.name)).collect(),
        sources: sources.iter().map(|source| source.name.clone()).collect(),
        lead_quotas: sources.iter().filter_map(|one| Some((one.name.clone(), one.quotas.leads?))).collect(),
        shared_ids: settings::shared_ids(shape.shared_ids.get()),
        idle_subjects: store::idle_subjects(store_shape),
        config_version: Arc::from(version),
        beside: beside(&engine, &sources, &destinations),
        archived: history.is_some(),
        traits_bytes: Some(settings::size(&limits.traits, MAX_TRAITS_BYTES, "traits", findings)),
    });
    members(&rules, shape, findings)?;
    Some(Config {
        version: Arc::from(version),
        server: server?,
        store: store?,
        engine,
        history,
        sources,
        rules: Arc::new(rules),
        destinations,
        re_route: settings::re_route(shape.leads.get()),
        calendars,
        wanted_properties,
        accept,
        written: Arc::default(),
    })
}

/// A hash of what servers of one store must have alike beside the rules. Secrets are not part of it: while they rotate, they differ.
fn beside(engine: &EngineOptions, sources: &[Source], destinations: &[Destination]) -> Arc<str> {
    hash_of(&format!("{:?} {sources:?} {destinations:?}", engine.remember))
}

/// Of each member an account keeps so much and no more.
fn members(rules: &Rules, shape: &ConfigShape, findings: &mut Findings) -> Option<()> {
    let what = match (rules.members.conditions.len() > MAX_CONDITIONS, rules.members.keys.len() > MAX_CONDITIONS) {
        (true, _) => "conditions on members",
        (false, true) => "keys that members are sorted by",
        (false, false) => return Some(()),
    };
    let message = format!("more than {MAX_CONDITIONS} different {what}");
    findings.push(Problem::error(shape.at, Code::BadValue, message).help("write those that say the same alike"));
    None
}

/// How often a destination is asked what people made of the leads there, if it is.
fn every(destination: &Destination) -> Option<(Arc<str>, i64)> {
    let every = i64::try_from(destination.read_back?.as_millis()).unwrap_or(i64::MAX);
    Some((Arc::clone(&destination.name), every))
}
