//! A lead's way to its owner: from its subject, by way of a team when a turn is to be taken, back to its subject, and from there
//! to every destination. News of one lead goes this way strictly one after the other.

use std::sync::Arc;

use serde_json::Number;

use super::happened::{happening, tell_history};
use super::message::{AssignOutcome, Assigned, Became, Claim, Judged, Made};
use super::promising::{let_go, promise};
use super::unclear::{self, clear};
use super::{Applying, Body, LeadWrite};
use crate::ids::{DefinitionName, RecordKey, SourceName};
use crate::lead::{Lead, LeadEvent, LeadEventType, joiner};
use crate::record::{
    AccountOwner, DomainAsk, Happening, Held, LeadWaits, LetGo, NO_NEEDS, News, OpenWith, Owners, Routing, Standing,
    Subject, Unassigned, Unclear, Waits,
};
use crate::routing::{Decision, LeadFacts, NotClear, decide_if_clear, domain_of, keep};

/// How much news of a subject's leads for one definition waits for an owner. More of it only replaces the last.
const MAX_QUEUE: usize = 16;

/// News of a lead was decided: stores the lead, and sends the news on its way when nothing is before it.
pub(super) fn begin(
    subject: &mut Subject,
    definition: &DefinitionName,
    mut event: LeadEvent,
    applying: &mut Applying<'_>,
) {
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    tell_history(standing, &mut event, happening);
    if event.kind == LeadEventType::Qualified && !standing.shadow && standing.lead_id == event.lead.id {
        standing.asks_source = bounded_by(&event.lead, applying).is_some();
    }
    if standing.is_stored() {
        store(subject, &event.lead, applying);
    }
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    if event.kind.is_end() && standing.open_with.as_ref().is_some_and(|open| *open.lead == *event.lead.id) {
        close_lead(standing, applying);
    }
    if standing.shadow || standing.hold.as_ref().is_some_and(|hold| hold.discarded) {
        // The lead is counted only, or was let go; nobody wants to hear of it.
        return;
    }
    // A lead event is plain data, which can't fail.
    let json = serde_json::to_string(&event).unwrap_or_default();
    let is_first = |event: &LeadEvent| first_of(standing).is_some_and(|first| first.lead.id == event.lead.id);
    if let Some(waits) = standing.waits.as_ref().filter(|_| is_first(&event)) {
        // What it is worth by now decides where it stands among those that wait.
        let (tier, rank) = worth(&event.lead);
        applying.send(RecordKey::wait(&waits.team, &event.lead.id), Body::Worth { tier, rank });
    }
    if standing.queue.len() >= MAX_QUEUE {
        standing.queue.pop();
    }
    standing.queue.push(json.into());
    if standing.queue.len() == 1 {
        next(subject, definition, applying);
    }
}

/// Tells the team that a lead which it gave is open no longer.
pub(super) fn close_lead(standing: &mut Standing, applying: &mut Applying<'_>) {
    if let Some(OpenWith { team, rep, .. }) = standing.open_with.take() {
        applying.send(RecordKey::team(&team), Body::Closed { rep });
    }
}

/// Notes that a team has given a lead to a rep, unless it is over by now.
pub(super) fn open_lead(standing: &mut Standing, event: &LeadEvent, routing: &Routing, applying: &mut Applying<'_>) {
    let (Some(team), Some(rep)) = (&routing.team, &routing.owner) else { return };
    // Of each definition a subject has one.
    close_lead(standing, applying);
    let lead = event.lead.id.as_str().into();
    standing.open_with = Some(OpenWith { lead, team: team.as_str().into(), rep: rep.as_str().into() });
    if standing.lead_id != event.lead.id || !standing.is_open() {
        close_lead(standing, applying);
    }
}

/// Sends the first news that waits on its way: by its account where that has one lead, by its source, or to find an owner.
fn next(subject: &mut Subject, definition: &DefinitionName, applying: &mut Applying<'_>) {
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    // Fails open: news that can't be read must not keep back what follows it.
    let event = loop {
        let Some(json) = standing.queue.first() else { return };
        match serde_json::from_str::<LeadEvent>(json) {
            Ok(event) => break event,
            Err(_) => drop(standing.queue.remove(0)),
        }
    };
    let claims = standing.claims.clone().filter(|_| standing.lead_id == event.lead.id);
    if let Some(account) = claims.filter(|_| event.kind == LeadEventType::Qualified) {
        let (subject, definition) = (applying.key.clone(), Arc::clone(definition));
        let (lead, id, joiner) = (event.lead.id.as_str().into(), event.id.as_str().into(), joiner(&event));
        let claim = Claim { subject, definition, lead, event: id, joiner, over: None };
        return applying.send(RecordKey::account(&account), Body::Claim(Box::new(claim)));
    }
    admit(subject, definition, event, applying);
}

/// Lets news go on to its source when that may make only so many leads, else to find an owner.
fn admit(subject: &mut Subject, definition: &DefinitionName, event: LeadEvent, applying: &mut Applying<'_>) {
    let source = bounded_by(&event.lead, applying);
    match source.filter(|_| event.kind == LeadEventType::Qualified) {
        Some(source) => {
            let (lead, event) = (event.lead.id.into(), event.id.into());
            let wants = Held { subject: applying.key.clone(), definition: Arc::clone(definition), lead, event };
            applying.send(RecordKey::source(source.as_str()), Body::Admit(Box::new(wants)));
        }
        None => {
            if event.kind == LeadEventType::Qualified {
                let standing = subject.standings.get_mut(definition);
                standing.filter(|one| one.lead_id == event.lead.id).into_iter().for_each(|one| one.asks_source = false);
                store(subject, &event.lead, applying);
            }
            find_owner(subject, definition, event, applying);
        }
    }
}

/// The account has let the lead of the first news that waits be one of its own.
pub(super) fn claimed(
    subject: &mut Subject,
    definition: &DefinitionName,
    event: LeadEvent,
    applying: &mut Applying<'_>,
) {
    admit(subject, definition, event, applying);
}

/// Drops all news of a lead, the first that waits among it, and goes on with the next.
pub(super) fn drop_lead(subject: &mut Subject, definition: &DefinitionName, lead: &str, applying: &mut Applying<'_>) {
    let of_lead = |json: &str| serde_json::from_str(json).is_ok_and(|other: LeadEvent| other.lead.id == *lead);
    if let Some(standing) = subject.standings.get_mut(definition) {
        standing.queue.retain(|json| !of_lead(json));
    }
    next(subject, definition, applying);
}

/// The source whose quota a lead is counted against: none when it rests on any source that has no quota.
fn bounded_by(lead: &Lead, applying: &Applying<'_>) -> Option<SourceName> {
    let mut sources = lead.sources.iter().map(|source| SourceName::new(&source.name));
    let last = lead.source.as_deref().map(SourceName::new);
    let source = last.or_else(|| sources.clone().next())?;
    let quotas = &applying.rules.lead_quotas;
    (quotas.contains_key(&source) && sources.all(|source| quotas.contains_key(&source))).then_some(source)
}

/// The first news that waits.
pub(super) fn first(subject: &Subject, definition: &DefinitionName) -> Option<LeadEvent> {
    first_of(subject.standings.get(definition)?)
}

/// The same of a standing.
pub(super) fn first_of(standing: &Standing) -> Option<LeadEvent> {
    serde_json::from_str(standing.queue.first()?).ok()
}

/// It was decided whether the first news that waits may go on its way.
pub(super) fn judged(subject: &mut Subject, judged: &Judged, applying: &mut Applying<'_>) {
    let Judged { definition, event: id, lead, hold } = judged;
    let event = first(subject, definition).filter(|event| *event.id == **id);
    let (Some(mut event), Some(standing)) = (event, subject.standings.get_mut(definition)) else {
        // The subject was forgotten meanwhile, or became another one who has a lead of their own.
        if let Some(hold) = hold.as_ref().filter(|hold| !hold.discarded) {
            applying.send(RecordKey::hold(&hold.source, lead), Body::Forget);
        }
        return;
    };
    event.lead.hold.clone_from(hold);
    let mut was_stored = true;
    if standing.lead_id == event.lead.id {
        was_stored = !std::mem::take(&mut standing.asks_source);
        standing.hold.clone_from(hold);
    }
    let is_dropped = !was_stored && hold.as_ref().is_some_and(|hold| hold.because == Some(LetGo::Full));
    let is_over = hold.as_ref().is_some_and(|hold| hold.discarded);
    if !is_over && let Some(waits) = standing.queue.first_mut() {
        *waits = serde_json::to_string(&event).unwrap_or_default().into();
    }
    if let Some(hold) = hold {
        let (at, what) = (applying.now.rfc3339(), if hold.discarded { "discarded" } else { "held" }.to_owned());
        let because = match hold.because {
            None => "",
            Some(LetGo::Full) => ", of which as many are held as may be",
            Some(LetGo::Expired) => ", and nobody released it in time",
        };
        let held = Happening { at, what, owner: None, note: Some(format!("source {}{because}", hold.source)) };
        tell_history(standing, &mut event, |_| held);
    }
    if !is_dropped {
        store(subject, &event.lead, applying);
    }
    if is_over {
        drop_lead(subject, definition, lead, applying);
    } else if hold.is_none() {
        find_owner(subject, definition, event, applying);
    }
}

/// Asks the account whose its leads are, where routes want to know; else decides at once.
fn find_owner(subject: &mut Subject, definition: &DefinitionName, event: LeadEvent, applying: &mut Applying<'_>) {
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    if event.kind.is_end() || event.kind == LeadEventType::Assigned {
        // Nobody has to follow up on it, or whoever has to is what it says.
        let routing = standing.routing.clone().unwrap_or_default();
        return settle(subject, definition, event, routing, applying);
    }
    let existing = standing.routing.as_ref().filter(|_| event.kind != LeadEventType::Qualified);
    if let Some(existing) = existing {
        if let Some(kept) = keep(applying.routes(), existing, applying.now) {
            return settle(subject, definition, event, kept, applying);
        }
        if existing.owner.is_some() && existing.route.is_some() {
            // Whoever has it has left. The news goes out as it is, and the lead to somebody else, as soon as somebody is there.
            let (routing, lead) = (existing.clone(), standing.lead_id.as_str().into());
            settle(subject, definition, event, routing, applying);
            let became = Became { lead, made: Made::Rerouted { untouched: false } };
            return applying.send(applying.key.clone(), Body::Became(Box::new(became)));
        }
    }
    let account = event.lead.account.as_ref().filter(|_| applying.rules.asks_account_owner);
    match account {
        Some(account) => {
            let account: Arc<str> = account.id.as_str().into();
            standing.asks = Some(Arc::clone(&account));
            let lead = held(definition, &event, applying);
            applying.send(RecordKey::account(&account), Body::AskOwner(Box::new(lead)));
        }
        None => ask_domain(subject, definition, event, None, applying),
    }
}

/// Asks the company's domain as well, where routes want to know; else decides.
fn ask_domain(
    subject: &mut Subject,
    definition: &DefinitionName,
    event: LeadEvent,
    account: Option<&AccountOwner>,
    applying: &mut Applying<'_>,
) {
    let domain = domain_of(applying.routes(), &event, applying.now);
    let standing = subject.standings.get_mut(definition);
    if let (Some(domain), Some(standing)) = (domain, standing) {
        let domain: Arc<str> = domain.into();
        standing.asks_domain = Some(Arc::clone(&domain));
        let asked = DomainAsk { lead: held(definition, &event, applying), owner: account.cloned() };
        return applying.send(RecordKey::domain(&domain), Body::AskDomain(Box::new(asked)));
    }
    route(subject, definition, event, Owners { account, domain: None }, applying);
}

fn held(definition: &DefinitionName, event: &LeadEvent, applying: &Applying<'_>) -> Held {
    let (lead, event) = (event.lead.id.as_str().into(), event.id.as_str().into());
    Held { subject: applying.key.clone(), definition: Arc::clone(definition), lead, event }
}

/// The account has said whose its leads are.
pub(super) fn owner_known(
    subject: &mut Subject,
    lead: &Held,
    owner: Option<&AccountOwner>,
    applying: &mut Applying<'_>,
) {
    // Otherwise the subject was forgotten meanwhile, and the account will ask.
    let event = first(subject, &lead.definition).filter(|event| *event.id == *lead.event);
    let asks = |standing: &Standing| standing.asks.is_some() && standing.waits.is_none();
    if let Some(event) = event.filter(|_| subject.standings.get(&lead.definition).is_some_and(asks)) {
        ask_domain(subject, &lead.definition, event, owner, applying);
    }
}

/// The company's domain has said whose its leads are.
pub(super) fn domain_owner_known(
    subject: &mut Subject,
    asked: &DomainAsk,
    domain: Option<&AccountOwner>,
    applying: &mut Applying<'_>,
) {
    let DomainAsk { lead, owner } = asked;
    // Otherwise the subject was forgotten meanwhile, and the domain will ask.
    let event = first(subject, &lead.definition).filter(|event| *event.id == *lead.event);
    let asks = |standing: &Standing| standing.asks_domain.is_some() && standing.waits.is_none();
    if let Some(event) = event.filter(|_| subject.standings.get(&lead.definition).is_some_and(asks)) {
        route(subject, &lead.definition, event, Owners { account: owner.as_ref(), domain }, applying);
    }
}

/// Decides who gets the first news that waits, or that more has to be known for that.
pub(super) fn route(
    subject: &mut Subject,
    definition: &DefinitionName,
    event: LeadEvent,
    owners: Owners<'_>,
    applying: &mut Applying<'_>,
) {
    let now = applying.now;
    let waited = subject.standings.get(definition).and_then(|standing| standing.unclear.as_deref());
    let may_wait = event.kind == LeadEventType::Qualified && waited.is_none_or(|unclear| now < unclear.until);
    match decide_if_clear(applying.routes(), &event, owners, now, may_wait) {
        Ok(Decision::Settled(routing)) => settle(subject, definition, event, routing, applying),
        Ok(Decision::Turn(pending)) => {
            let to = RecordKey::team(&pending.team);
            let lead = held(definition, &event, applying);
            let may_wait = event.kind == LeadEventType::Qualified;
            let wants = Unassigned { may_wait, ..Unassigned::new(lead, pending, worth(&event.lead), now) };
            if let Some(standing) = subject.standings.get_mut(definition) {
                clear(standing, applying);
            }
            applying.send(to, Body::Assign(Box::new(wants)));
        }
        Err(NotClear { wait, reason }) => {
            let (lead, until) = (Arc::from(event.lead.id.as_str()), now.plus(wait));
            let (owner, domain_owner) = (owners.account.cloned(), owners.domain.cloned());
            let unclear = Unclear { lead, since: now, until, next: now, reason, owner, domain_owner };
            wait_to_be_known(subject, definition, event, unclear, applying);
        }
    }
}

/// Too little is known of the first news that waits.
fn wait_to_be_known(
    subject: &mut Subject,
    definition: &DefinitionName,
    mut event: LeadEvent,
    unclear: Unclear,
    applying: &mut Applying<'_>,
) {
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    let lead = held(definition, &event, applying);
    if unclear::wait(standing, lead, worth(&event.lead), unclear, applying) {
        let unclear = standing.unclear.as_deref();
        let (at, note) = (applying.now.rfc3339(), unclear.map(|unclear| unclear.reason.clone()));
        event.lead.waits = unclear.map(LeadWaits::from);
        tell_history(standing, &mut event, |_| Happening { at, what: "waits".to_owned(), owner: None, note });
        store(subject, &event.lead, applying);
    }
}

/// A lead's tier and rank.
fn worth(lead: &Lead) -> (u8, Option<f32>) {
    #[expect(clippy::cast_possible_truncation, reason = "beyond its bounds it is infinite, which is in order too")]
    let rank = |rank: f64| rank as f32;
    (lead.tier, lead.rank.as_ref().and_then(Number::as_f64).map(rank))
}

/// A team has answered.
pub(super) fn assigned(subject: &mut Subject, assigned: &Assigned, applying: &mut Applying<'_>) {
    let Assigned { definition, lead, event: id, needs, outcome } = assigned;
    let event = first(subject, definition).filter(|event| *event.id == **id);
    match (event, outcome) {
        (Some(event), AssignOutcome::Settled(routing)) => {
            if let Some(standing) = subject.standings.get_mut(definition) {
                open_lead(standing, &event, routing, applying);
                standing.needs = (*needs != NO_NEEDS).then(|| Box::new(needs.clone()));
            }
            settle(subject, definition, event, routing.clone(), applying);
        }
        (Some(event), AssignOutcome::Waits(waits)) => wait(subject, definition, event, waits, applying),
        // The subject was forgotten meanwhile, or became another one who has a lead of their own.
        (None, AssignOutcome::Waits(waits)) => applying.send(RecordKey::wait(&waits.team, lead), Body::Forget),
        (None, AssignOutcome::Settled(routing)) => let_go(routing, applying),
    }
}

/// The team says that the first news that waits has to wait for somebody of it.
fn wait(
    subject: &mut Subject,
    definition: &DefinitionName,
    mut event: LeadEvent,
    waits: &Waits,
    applying: &mut Applying<'_>,
) {
    event.lead.waits = Some(LeadWaits::from(waits));
    if let Some(standing) = subject.standings.get_mut(definition) {
        if standing.waits.as_ref().is_none_or(|known| known.team != waits.team) {
            let (at, note) = (applying.now.rfc3339(), Some(waits.reason.clone()));
            tell_history(standing, &mut event, |_| Happening { at, what: "waits".to_owned(), owner: None, note });
        }
        standing.waits = Some(waits.clone());
    }
    store(subject, &event.lead, applying);
}

/// The owner of the first news that waits is known: sends it to every destination, and goes on with the next.
pub(super) fn settle(
    subject: &mut Subject,
    definition: &DefinitionName,
    mut event: LeadEvent,
    routing: Routing,
    applying: &mut Applying<'_>,
) {
    event.lead.routing = Some(routing.clone());
    event.lead.waits = None;
    if let Some(standing) = subject.standings.get_mut(definition) {
        let before = standing.routing.as_ref().and_then(|routing| routing.owner.as_deref());
        let is_new = event.kind == LeadEventType::Qualified || before != routing.owner.as_deref();
        let (at, owner) = (applying.now.rfc3339(), routing.owner.clone());
        let routed = Happening { at, what: "routed".to_owned(), owner, note: Some(routing.reason.clone()) };
        if is_new && event.kind != LeadEventType::Assigned && !event.kind.is_end() {
            tell_history(standing, &mut event, |_| routed);
        }
        if standing.lead_id == event.lead.id {
            event.lead.history.clone_from(&standing.history);
        }
    }
    if let Some(standing) = subject.standings.get_mut(definition)
        && event.kind == LeadEventType::Qualified
        && standing.lead_id == event.lead.id
        && standing.accepted_at.is_none()
        && standing.is_open()
    {
        standing.sla = promise(&routing, standing.tier, &[], applying);
        event.lead.timestamps.accept_by = standing.sla.as_ref().map(|sla| sla.due.rfc3339());
    }
    event.lead.timestamps.routed = Some(applying.now.rfc3339());
    event.lead.accept_url = accept_url(&event, &routing, applying);
    event.lead.withheld_from = withheld_from(&event, applying);
    store(subject, &event.lead, applying);
    let json: Arc<str> = serde_json::to_string(&event).unwrap_or_default().into();
    let (id, revision): (Arc<str>, _) = (event.id.as_str().into(), event.lead.revision);
    for destination in applying
        .rules
        .destinations
        .iter()
        .filter(|name| !event.lead.withheld_from.iter().any(|other| **other == ***name))
    {
        let (id, json) = (Arc::clone(&id), Arc::clone(&json));
        let news = News { id, created: applying.now, attempts: 0, last_error: None, json, revision, was_tried: false };
        let to = RecordKey::delivery(destination, &event.lead.id);
        if !subject.sent_to.contains(destination) {
            subject.sent_to.insert(Arc::clone(destination));
        }
        applying.send(to, Body::Deliver { subject: applying.key.clone(), news: Box::new(news) });
    }
    if let Some(standing) = subject.standings.get_mut(definition) {
        if let Some(account) = standing.asks.take() {
            let (lead, owner) = (event.lead.id.as_str().into(), routing.owner.as_deref().map(Into::into));
            applying.send(RecordKey::account(&account), Body::Owned { lead, owner, by_hand: false });
        }
        if let Some(domain) = standing.asks_domain.take() {
            let (lead, owner) = (event.lead.id.as_str().into(), routing.owner.as_deref().map(Into::into));
            applying.send(RecordKey::domain(&domain), Body::Owned { lead, owner, by_hand: false });
        }
        standing.routing = Some(routing);
        standing.waits = None;
        clear(standing, applying);
        if !standing.queue.is_empty() {
            standing.queue.remove(0);
        }
        if !standing.queue.is_empty() {
            next(subject, definition, applying);
        }
    }
}

/// The link by which its owner accepts it, who has not.
fn accept_url(event: &LeadEvent, routing: &Routing, applying: &Applying<'_>) -> Option<String> {
    let links =
        applying.rules.accept_links.as_ref().filter(|_| event.lead.progress.is_none() && !event.kind.is_end())?;
    Some(links.link(&event.lead.id, routing.owner.as_deref()?, applying.now))
}

/// The destinations that don't want this news. Fails closed: what isn't known to be wanted isn't sent.
fn withheld_from(event: &LeadEvent, applying: &mut Applying<'_>) -> Vec<String> {
    let rules = applying.rules;
    if rules.destination_filters.is_empty() {
        return Vec::new();
    }
    let facts = LeadFacts::new(event, applying.now);
    let filters = rules.destinations.iter().filter_map(|name| Some((name, rules.destination_filters.get(name)?)));
    let withheld: Vec<_> = filters.filter(|(_, when)| when.test(&facts) != Some(true)).map(|(name, _)| name).collect();
    applying.effects.withheld.extend(withheld.iter().map(|name| Arc::clone(name)));
    withheld.into_iter().map(ToString::to_string).collect()
}

/// Stores a lead where it was first stored: with its subject, or with the id that was merged into that.
pub(super) fn store(subject: &Subject, lead: &Lead, applying: &mut Applying<'_>) {
    let json = serde_json::to_string(lead).unwrap_or_default();
    match subject.leads.get(&*lead.id).and_then(|known| known.home.as_ref()) {
        Some(home) => {
            let (id, definition) = (Arc::from(lead.id.as_str()), Arc::from(lead.definition.as_str()));
            applying.send(RecordKey::user(home), Body::StoreLead { id, definition, json: json.into() });
        }
        None => {
            applying.effects.leads.retain(|write| write.id != lead.id);
            applying.effects.leads.push(LeadWrite { id: lead.id.clone(), definition: lead.definition.clone(), json });
        }
    }
}
