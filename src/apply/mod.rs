//! One message on one record → effects. Pure: no I/O, no clock, no dice. The server, the simulator and the tests run this very
//! code, and applying the same log twice gives the same result.
//!
//! There is one file for each thing that happens; [`apply`] is the match that dispatches. A message touches the record that it is
//! sent to and nothing else; whatever follows elsewhere is another message.

mod absorbing;
mod accepting;
mod account;
mod asking;
mod deciding;
mod delivering;
mod ending;
pub mod explain;
mod filling;
mod following;
mod forgetting;
mod happened;
mod holding;
mod joining;
mod looking;
mod merging;
pub mod message;
mod news;
mod noting;
mod owning;
mod owning_domains;
mod pausing;
mod promising;
mod reassigning;
mod refreshing;
mod relooking;
mod rerouting;
pub mod roster;
mod routing;
pub mod rules;
mod seeing;
mod starting;
mod telling;
mod timers;
mod unclear;
mod user;
mod waiting;

use std::sync::Arc;

pub use filling::{Fill, Held, NOTHING_HELD};
pub use holding::HeldUp;
pub use message::{Attempt, Body, LogItem, Message};
pub use rules::Rules;

use crate::event::{Call, Event};
use crate::ids::{DefinitionName, RecordKey, RecordKind, Shards, SourceName, SubjectKind};
use crate::lead::build::Origin;
use crate::qualify::Definition;
use crate::record::{Delivery, Lack, MergeOutcome, Record, Roster, Subject};
use crate::routing::{Present, Routes};
use crate::time::Millis;

/// Under which configuration and when something is applied.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The configuration in force.
    pub rules: &'a Rules,
    /// The place in the log that it follows from.
    pub origin: Origin,
    /// When the message came into the log.
    pub now: Millis,
    /// The owner's clock, for what is to be done later and for nothing else.
    pub clock: Millis,
    /// What the hashes of distinct values begin with: the same for all of a store.
    pub seed: u64,
    /// Whether what happens is kept for the archive.
    pub archived: bool,
    /// Which definitions nobody is decided about by for now.
    pub held: &'a Held,
    /// Who is away, as the shard of the record knows.
    pub roster: &'a Roster,
    /// How many shards there are.
    pub shards: Shards,
    /// Whether [`look_ahead`] is called before a record is stored: when something changes by itself need be asked only then, once for
    /// all that happened to it.
    pub puts_off: bool,
}

/// What follows from a message beside the change of its record.
#[derive(Debug, Default)]
pub struct Effects {
    /// Messages to other records, in order.
    pub messages: Vec<Message>,
    /// Leads of the record to store.
    pub leads: Vec<LeadWrite>,
    /// Definitions that the record has just qualified for, and whether each is a shadow.
    pub qualified: Vec<(DefinitionName, bool)>,
    /// Whether all leads of the record are deleted, before any are stored.
    pub forget_leads: bool,
    /// Destinations whose deliveries are forgotten of every lead that is stored for the record, beyond those that it knows of.
    pub forget_deliveries: Vec<Arc<str>>,
    /// Users whom the stored leads of the record may name no longer.
    pub scrub_leads: Vec<Arc<str>>,
    /// What became of calls that say that two ids are one user, each with the source that sent it.
    pub merges: Vec<(SourceName, MergeOutcome)>,
    /// Destinations that don't get news of a lead, since their `when` isn't true of it.
    pub withheld: Vec<Arc<str>>,
    /// Teams whose leads were not taken on in time.
    pub overdue: Vec<Arc<str>>,
    /// A lead that did not go on its way, because its source makes too many.
    pub held_up: Option<HeldUp>,
    /// The source whose event is the first that is known of the record's subject.
    pub newcomer_of: Option<SourceName>,
    /// Sources of events that were counted already, under another id of their user.
    pub duplicates: Vec<SourceName>,
    /// What an operator should hear of.
    pub notices: Vec<Notice>,
    /// What the archive keeps of it, of the message's record.
    pub past: Vec<Past>,
    /// Blocks up to this number are in the archive.
    pub blocks_passed: Option<u64>,
}

/// What the archive keeps of what happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// An event was applied to it.
    Counted {
        /// Of an account: the user whose event it was.
        by: Option<Arc<str>>,
        /// The event.
        event: Arc<Event>,
    },
    /// Whoever was `from` was `to` all along.
    Same {
        /// The id that went.
        from: Arc<str>,
        /// The id that took its place.
        to: Arc<str>,
    },
    /// It was forgotten on request: nothing of what was before may be told.
    Gone,
}

/// A lead as it is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadWrite {
    /// The lead's id.
    pub id: String,
    /// The definition that the subject qualified for.
    pub definition: String,
    /// The whole lead.
    pub json: String,
}

/// Something that an operator should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A public source said that a known user is another one.
    MergeRefused,
    /// So many ids were merged into one user that it may be one that many people share.
    ManyAliases,
    /// Traits of a subject left to make room for others.
    TraitsDropped,
    /// A value of a trait can't be read as what the trait was declared.
    TraitUnreadable,
    /// An event was not counted for an account, since none became known in time or too many waited.
    AccountNeverKnown,
}

impl Notice {
    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MergeRefused => "merge_refused",
            Self::ManyAliases => "many_aliases",
            Self::TraitsDropped => "traits_dropped",
            Self::TraitUnreadable => "trait_unreadable",
            Self::AccountNeverKnown => "account_never_known",
        }
    }

    /// What it means, for the log.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::MergeRefused => {
                "a public source said that a known user is another one; that takes a source whose `trust` is `server`"
            }
            Self::ManyAliases => {
                "very many ids were merged into one user; an id that people share belongs into `shared_ids`"
            }
            Self::TraitsDropped => "a subject has more traits than are kept; those that nothing reads were left out",
            Self::TraitUnreadable => {
                "a trait that a condition reads has a value that can't be read as its type; `explain` shows it as it came"
            }
            Self::AccountNeverKnown => "events were not counted for an account, since none became known within a day",
        }
    }
}

/// A message that is being applied, and what has followed so far.
struct Applying<'a> {
    /// The record that it was sent to.
    key: &'a RecordKey,
    rules: &'a Rules,
    origin: Origin,
    now: Millis,
    clock: Millis,
    seed: u64,
    archived: bool,
    held: &'a Held,
    roster: &'a Roster,
    shards: Shards,
    puts_off: bool,
    effects: Effects,
}

impl<'a> Applying<'a> {
    fn new(key: &'a RecordKey, context: &Context<'a>) -> Self {
        let Context { rules, origin, now, clock, seed, archived, held, roster, shards, puts_off } = *context;
        let effects = Effects::default();
        Self { key, rules, origin, now, clock, seed, archived, held, roster, shards, puts_off, effects }
    }

    /// The definitions about one kind of subject by which is decided now.
    fn definitions(&self, of: SubjectKind) -> impl Iterator<Item = &'a Definition> + use<'a> {
        let held = self.held;
        self.rules.definitions(of).filter(move |definition| !held.definitions.contains(&definition.name))
    }

    /// What decides who gets a lead, with who is away.
    fn routes(&self) -> Routes<'a> {
        Routes { roster: self.roster, ..self.rules.routes() }
    }

    /// When something is decided, and who is away then.
    fn present(&self) -> Present<'a> {
        Present { now: self.now, roster: self.roster }
    }

    /// Whether there are others.
    fn holds(&self, of: SubjectKind) -> bool {
        !self.held.definitions.is_empty()
            && self.rules.definitions(of).any(|definition| self.held.definitions.contains(&definition.name))
    }
}

impl Applying<'_> {
    /// Notes whether an event is the first of its subject.
    fn meet(&mut self, subject: &Subject, event: &Event) {
        if subject.first_seen.is_none() && subject.traits.is_empty() {
            self.effects.newcomer_of = Some(event.source.clone());
        }
    }

    /// Keeps something for the archive.
    fn keep(&mut self, past: impl FnOnce() -> Past) {
        if self.archived {
            self.effects.past.push(past());
        }
    }

    fn send(&mut self, to: RecordKey, body: Body) {
        self.effects.messages.push(Message { to, at: self.now, hops: 0, body });
    }
}

/// How often a message follows merges before it is applied where it stands. Longer chains are rings, which have no end.
pub(crate) const MAX_HOPS: u8 = 32;

/// Asks what was put off: when something about a record changes by itself.
pub fn look_ahead(record: &mut Record, key: &RecordKey, context: &Context<'_>) {
    if let Record::Subject(subject) = record {
        deciding::look_ahead(subject, &Applying::new(key, context));
    }
}

/// Applies `message` to its record.
pub fn apply(record: &mut Record, message: &Message, context: &Context<'_>) -> Effects {
    let mut applying = Applying::new(&message.to, context);
    match record {
        Record::Subject(subject) => subject_message(subject, message, &mut applying),
        Record::Team(turns) => match &message.body {
            Body::Assign(assign) => waiting::assign(turns, assign, &mut applying),
            Body::Credit { rep } => waiting::credit(turns, rep, &applying),
            Body::Closed { rep } => waiting::closed(turns, rep, &applying),
            Body::Called { class, leads } => waiting::called(turns, class, *leads, &applying),
            Body::Wake { .. } => waiting::look(turns, &applying),
            _ => {}
        },
        Record::Wait(wait) => match &message.body {
            Body::Wait(assign) => wait.0 = Some(assign.clone()),
            Body::Wake { .. } => waiting::ask_again(wait, &mut applying),
            Body::Worth { tier, rank } => waiting::worth(wait, *tier, *rank, &mut applying),
            Body::Forget => wait.0 = None,
            _ => {}
        },
        Record::Delivery(delivery) => delivery_message(delivery, &message.body, &mut applying),
        Record::Source(leads) => match &message.body {
            Body::Admit(wants) => holding::admit(leads, wants, &mut applying),
            Body::Unheld => holding::unheld(leads),
            Body::Heard => leads.heard = leads.heard.max(Some(message.at)),
            Body::Noted(note) => leads.merges.note((**note).clone()),
            Body::Scrub { user } => {
                for id in leads.merges.forget(user) {
                    applying.send(RecordKey::user(&id), Body::Scrub { user: Arc::clone(user) });
                }
            }
            _ => {}
        },
        Record::Hold(hold) => match &message.body {
            Body::Hold(held) => holding::hold(hold, held, &mut applying),
            Body::Release { discard } => holding::release(hold, *discard, &mut applying),
            Body::Wake { .. } => holding::look(hold, &mut applying),
            Body::Forget => holding::forget(hold, &mut applying),
            _ => {}
        },
        Record::Archived(archived) => match &message.body {
            Body::Archived { last } => {
                archived.blocks = archived.blocks.max(*last);
                applying.effects.blocks_passed = Some(archived.blocks);
            }
            Body::Adopt { series, commits } => archived.adopt(series, *commits),
            Body::Filled { after, to, series } => {
                archived.filled(&Lack { after: *after, to: *to, series: series.clone() });
            }
            _ => {}
        },
        Record::Walk(walk) => match &message.body {
            Body::Strode(stride) => walk.stride(stride, applying.now),
            Body::WalkAgain { definitions } => walk.again(definitions),
            _ => {}
        },
        Record::Config(versions) => match &message.body {
            Body::TookForce(took) => versions.took_force((**took).clone(), message.at),
            Body::Reroutes { leads, before } => rerouting::go_on(versions, leads, *before, &mut applying),
            _ => {}
        },
        Record::Roster(roster) => {
            if let Body::Roster(change) = &message.body {
                roster::change(roster, change, &mut applying);
            }
        }
        Record::Domain(domain) => match &message.body {
            Body::AskDomain(asked) => owning_domains::ask(domain, asked, &mut applying),
            Body::Owned { lead, owner, by_hand } => {
                owning_domains::owned(domain, lead, (owner.as_ref(), *by_hand), &mut applying);
            }
            Body::Wake { may_expire } => owning_domains::look(domain, *may_expire, &mut applying),
            _ => {}
        },
        Record::Destination(history) => match &message.body {
            Body::Done(done) => {
                history.took((**done).clone());
                pausing::took(history);
            }
            Body::ReadBack(read) => asking::read_back(history, read, &mut applying),
            Body::Nudge => asking::nudge(history, &applying),
            Body::Pause(pause) => pausing::pause(history, pause, &applying),
            Body::Resume => pausing::resume(history),
            Body::Wake { .. } => {
                pausing::look(history, &applying);
                asking::look(history, &applying);
            }
            Body::Scrub { user } => history.done.retain(|done| *done.subject != **user),
            _ => {}
        },
    }
    applying.effects
}

fn subject_message(subject: &mut Box<Subject>, message: &Message, applying: &mut Applying<'_>) {
    if matches!(&message.body, Body::Event(event) if event.call == Call::Delete) {
        // It came as an event, so that one that is sent again is recognised by its id.
        let message = Message { to: message.to.clone(), body: Body::Forget, ..*message };
        return subject_message(subject, &message, applying);
    }
    if merging::forward(subject, message, applying) || forgetting::send_back(subject, message, applying) {
        return;
    }
    if message.body.may_decide() {
        starting::note(subject, applying);
    }
    if matches!(message.body, Body::Wake { .. } | Body::Fill(_)) {
        deciding::look_ahead(subject, applying);
    }
    match &message.body {
        Body::Event(event) if message.to.kind == RecordKind::User => user::event(subject, event, applying),
        Body::Event(event) => account::own_event(subject, event, applying),
        Body::AccountEvent(event) => account::event(subject, event, applying),
        Body::Ask { user, at, quiet } => account::ask(subject, user, *at, *quiet, applying),
        Body::Member { user, profile, told, quiet } => {
            account::member(subject, user, (profile, told), *quiet, applying);
        }
        Body::Answer(answer) => deciding::answer(subject, answer, applying),
        Body::Link { to, tie } => merging::link(subject, to, tie, applying),
        Body::Absorb { from, tie, history } => absorbing::absorb(subject, from, tie, history, applying),
        Body::Unlink { by } => merging::unlink(subject, by, applying),
        Body::Untied { id } => drop(subject.ties.aliases.remove(id)),
        // It was another's, or is its own already.
        Body::Disowned { .. } => {}
        Body::Rename { from, to } => account::rename(subject, from, to.as_ref(), applying),
        Body::Claim(claim) => joining::claim(subject, claim, applying),
        Body::Claimed(claimed) => joining::claimed(subject, claimed, applying),
        Body::Join(join) => joining::join(subject, join, applying),
        Body::Became(became) => following::became(subject, became, applying),
        Body::Follows(follows) => following::pass_on(subject, follows, applying),
        Body::Followed(follows, account) => following::followed(subject, follows, account, applying),
        Body::Scrub { user } => forgetting::scrub(subject, user, applying),
        Body::Assigned(assigned) if accepting::answered(subject, assigned, applying) => {}
        Body::Assigned(assigned) => routing::assigned(subject, assigned, applying),
        Body::AskOwner(lead) => owning::ask(subject, lead, applying),
        Body::AccountOwner { lead, owner } => routing::owner_known(subject, lead, owner.as_ref(), applying),
        Body::Owned { lead, owner, by_hand } => owning::owned(subject, lead, (owner.as_ref(), *by_hand), applying),
        Body::DomainOwner { asked, owner } => routing::domain_owner_known(subject, asked, owner.as_ref(), applying),
        Body::StillDeciding { lead, by } => owning::still_deciding(subject, lead, by, applying),
        Body::Pin { owner } => owning::pin(subject, owner.as_ref(), applying),
        Body::Judged(judged) => routing::judged(subject, judged, applying),
        Body::StoreLead { id, definition, json } => applying.effects.leads.push(LeadWrite {
            id: id.to_string(),
            definition: definition.to_string(),
            json: json.to_string(),
        }),
        Body::Fill(fill) => filling::fill(subject, fill, applying),
        Body::LookAgain => looking::look(subject, applying),
        Body::Forget => forgetting::forget(subject, applying),
        Body::Wake { may_expire } => timers::wake(subject, *may_expire, applying),
        // Meant for other kinds of records.
        Body::Assign(_)
        | Body::Wait(_)
        | Body::Worth { .. }
        | Body::Called { .. }
        | Body::Credit { .. }
        | Body::Closed { .. }
        | Body::AskDomain(_)
        | Body::Admit(_)
        | Body::Hold(_)
        | Body::Unheld
        | Body::Release { .. }
        | Body::Heard
        | Body::Noted(_)
        | Body::TookForce(_)
        | Body::Reroutes { .. }
        | Body::Roster(_)
        | Body::Deliver { .. }
        | Body::Attempted(_)
        | Body::Replay
        | Body::Seen { .. }
        | Body::ReadBack(_)
        | Body::Nudge
        | Body::Pause(_)
        | Body::Resume
        | Body::Done(_)
        | Body::Archived { .. }
        | Body::Adopt { .. }
        | Body::Filled { .. }
        | Body::Strode(_)
        | Body::WalkAgain { .. } => {}
    }
}

fn delivery_message(delivery: &mut Delivery, body: &Body, applying: &mut Applying<'_>) {
    match body {
        Body::Deliver { subject, news } => delivering::deliver(delivery, subject, news, applying),
        Body::Attempted(attempt) => delivering::attempted(delivery, attempt, applying),
        Body::Replay => delivering::replay(delivery, applying),
        Body::Seen { seen, at } => delivering::seen(delivery, seen, *at, applying),
        Body::Scrub { user } => delivering::scrub(delivery, user),
        Body::Forget => *delivery = Delivery::default(),
        _ => {}
    }
}
