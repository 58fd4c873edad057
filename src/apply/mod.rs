//! One message on one record → effects. Pure: no I/O, no clock, no dice. The server, the simulator and the tests run this very
//! code, and applying the same log twice gives the same result.
//!
//! There is one file for each thing that happens; [`apply`] is the match that dispatches. A message touches the record that it is
//! sent to and nothing else; whatever follows elsewhere is another message.

mod absorbing;
mod account;
mod deciding;
mod delivering;
pub mod explain;
mod forgetting;
mod merging;
pub mod message;
mod routing;
pub mod rules;
mod timers;
mod user;

use std::sync::Arc;

pub use message::{Attempt, Body, LogItem, Message};
pub use rules::Rules;

use crate::ids::{DefinitionName, RecordKey, RecordKind};
use crate::lead::build::Origin;
use crate::record::{Delivery, DestinationHistory, Record, Subject, TeamTurns};
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
}

/// What follows from a message beside the change of its record.
#[derive(Debug, Default)]
pub struct Effects {
    /// Messages to other records, in order.
    pub messages: Vec<Message>,
    /// Leads of the record to store.
    pub leads: Vec<LeadWrite>,
    /// Definitions that the record has just qualified for.
    pub qualified: Vec<DefinitionName>,
    /// Whether all leads of the record are deleted, before any are stored.
    pub forget_leads: bool,
    /// Users whom the stored leads of the record may name no longer.
    pub scrub_leads: Vec<Arc<str>>,
    /// What an operator should hear of.
    pub notices: Vec<Notice>,
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
    /// So many ids were merged into one user that it may be one that many people share.
    ManyAliases,
    /// Traits of a subject left to make room for others.
    TraitsDropped,
    /// An event was not counted for an account, since none became known in time or too many waited.
    AccountNeverKnown,
}

impl Notice {
    /// Every notice.
    pub const ALL: [Self; 3] = [Self::ManyAliases, Self::TraitsDropped, Self::AccountNeverKnown];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ManyAliases => "many_aliases",
            Self::TraitsDropped => "traits_dropped",
            Self::AccountNeverKnown => "account_never_known",
        }
    }

    /// What it means, for the log.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ManyAliases => {
                "very many ids were merged into one user; an id that people share belongs into `shared_ids`"
            }
            Self::TraitsDropped => "a subject has more traits than are kept; those that nothing reads were left out",
            Self::AccountNeverKnown => "events were not counted for an account, since none became known within a day",
        }
    }
}

impl Effects {
    fn send(&mut self, to: RecordKey, body: Body, context: &Context<'_>) {
        self.messages.push(Message { to, at: context.now, hops: 0, body });
    }
}

/// How often a message follows merges before it is applied where it stands. Longer chains are rings, which have no end.
const MAX_HOPS: u8 = 32;

/// Applies `message` to its record.
pub fn apply(record: &mut Record, message: &Message, context: &Context<'_>) -> Effects {
    let mut effects = Effects::default();
    match record {
        Record::Subject(subject) => subject_message(subject, message, context, &mut effects),
        Record::Team(turns) => team_message(turns, message, context, &mut effects),
        Record::Delivery(delivery) => delivery_message(delivery, message, context, &mut effects),
        Record::Destination(history) => destination_message(history, message),
    }
    effects
}

fn subject_message(subject: &mut Box<Subject>, message: &Message, context: &Context<'_>, effects: &mut Effects) {
    let key = &message.to;
    if merging::forward(subject, message, context, effects) {
        return;
    }
    match &message.body {
        Body::Event(event) if key.kind == RecordKind::User => user::event(subject, key, event, context, effects),
        Body::Event(event) => account::own_event(subject, key, event, context, effects),
        Body::AccountEvent(event) => account::event(subject, key, event, context, effects),
        Body::Ask { user, at } => account::ask(subject, key, (user, *at), context, effects),
        Body::Answer(answer) => deciding::answer(subject, key, answer, context, effects),
        Body::Link { to } => merging::link(subject, key, to, context, effects),
        Body::Absorb { from, at, history } => absorbing::absorb(subject, key, (from, *at), history, context, effects),
        Body::Rename { from, to } => account::rename(subject, from, to.as_ref(), context, effects),
        Body::Assigned(assigned) => routing::assigned(subject, key, assigned, context, effects),
        Body::StoreLead { id, definition, json } => effects.leads.push(LeadWrite {
            id: id.to_string(),
            definition: definition.to_string(),
            json: json.to_string(),
        }),
        Body::Forget => forgetting::forget(subject, key, context, effects),
        Body::Wake { may_expire } => timers::wake(subject, key, *may_expire, context, effects),
        // Meant for other kinds of records.
        Body::Assign(_)
        | Body::Deliver { .. }
        | Body::Attempted(_)
        | Body::Replay
        | Body::Done(_)
        | Body::Scrub { .. } => {}
    }
}

fn team_message(turns: &mut TeamTurns, message: &Message, context: &Context<'_>, effects: &mut Effects) {
    if let Body::Assign(assign) = &message.body {
        routing::assign(turns, assign, context, effects);
    }
}

fn delivery_message(delivery: &mut Delivery, message: &Message, context: &Context<'_>, effects: &mut Effects) {
    match &message.body {
        Body::Deliver { subject, news } => delivering::deliver(delivery, subject, news, context),
        Body::Attempted(attempt) => delivering::attempted(delivery, &message.to, attempt, context, effects),
        Body::Replay => delivering::replay(delivery, context),
        Body::Scrub { user } => delivering::scrub(delivery, user),
        Body::Forget => *delivery = Delivery::default(),
        _ => {}
    }
}

fn destination_message(history: &mut DestinationHistory, message: &Message) {
    match &message.body {
        Body::Done(done) => history.took((**done).clone()),
        Body::Scrub { user } => history.done.retain(|done| *done.subject != **user),
        _ => {}
    }
}
