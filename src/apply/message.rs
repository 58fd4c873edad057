//! What stands in a shard's log: messages to records, and the form in which the log keeps them.

mod attempt;
mod made;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, AttemptOutcome};
pub use made::{Became, Follows, Made, ReadBack};

use super::filling::Fill;
use crate::event::{Event, Rejected};
use crate::ids::{DefinitionName, RecordKey, SourceName};
use crate::record::delivery::Done;
use crate::record::outcomes::Told;
use crate::record::{
    AccountOwner, DomainAsk, Held, Joiner, LeadClass, LeadHold, MergeNote, Needs, News, OpenLead, Pause, Profile,
    Projection, RosterChange, Routing, Seen, Stride, Tie, TookForce, Unassigned, Waits,
};
use crate::time::Millis;

/// One thing in a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LogItem {
    /// For a record.
    Message(Message),
    /// Whoever applies the log commits up to here at once: somebody waits to read what was written before.
    Barrier,
    /// Events that could not be used, for the log of them.
    Reject(Vec<Rejected>),
    /// For the archive of the shard: nothing that this user or account did may be told any more.
    Erase(RecordKey),
}

/// A message to a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The record.
    pub to: RecordKey,
    /// When it was sent: by the clock of the server that took the request, or the time of the message that it follows from.
    pub at: Millis,
    /// How often it was sent on because its record was merged into another.
    pub hops: u8,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// To a user, or for a group call without a user to an account: something happened.
    Event(Arc<Event>),
    /// User → account: an event of one of its people.
    AccountEvent(Box<AccountEvent>),
    /// User → account: a decision about the user wants to know how the account stands. The user as of `at`.
    Ask {
        /// Who asks.
        user: Box<Projection>,
        /// When the question arose.
        at: Millis,
        /// See [`Answer::quiet`].
        quiet: Option<Millis>,
    },
    /// User → account: what is true of one of its members.
    Member {
        /// The user.
        user: Arc<str>,
        /// Who they are.
        profile: Profile,
        /// What is true of them.
        told: Told,
        /// Whether they were never asked for that before: it tells how they stood, and nothing that happened.
        quiet: bool,
    },
    /// Account → user: how it stands.
    Answer(Box<Answer>),
    /// User → id that turned out to be theirs: hand over what you have to `to`.
    Link {
        /// The user.
        to: Arc<str>,
        /// Who said so, and when.
        tie: Tie,
    },
    /// Merged id → user: take what I had.
    Absorb {
        /// The merged id.
        from: Arc<str>,
        /// Who said that it is the user's, and when.
        tie: Tie,
        /// Its record's text.
        history: Arc<str>,
    },
    /// To a merged id, from an operator: you are not the user's whom you were merged into.
    Unlink {
        /// The name under which metrics count it.
        by: SourceName,
    },
    /// User → merged id: I am forgotten, and you are nobody's.
    Disowned {
        /// The user.
        user: Arc<str>,
    },
    /// Merged id → user: I am my own again.
    Untied {
        /// The id.
        id: Arc<str>,
    },
    /// User → account: whoever was `from` was `to` all along; without `to`, they are forgotten.
    Rename {
        /// The id that goes.
        from: Arc<str>,
        /// The id that takes its place.
        to: Option<Arc<str>>,
    },
    /// Subject → team: a lead wants a rep.
    Assign(Box<Unassigned>),
    /// Team → subject: who gets the lead, or that it waits.
    Assigned(Box<Assigned>),
    /// Subject → account: whose are your leads? One wants to be routed.
    AskOwner(Box<Held>),
    /// Account → subject: theirs; `None`: your lead decides.
    AccountOwner {
        /// The lead.
        lead: Box<Held>,
        /// Who owns the account's leads.
        owner: Option<AccountOwner>,
    },
    /// Subject → domain: whose are your leads? One wants to be routed.
    AskDomain(Box<DomainAsk>),
    /// Domain → subject: theirs; `None`: your lead decides.
    DomainOwner {
        /// The lead, and who owns those of its account.
        asked: Box<DomainAsk>,
        /// Who owns the leads of the domain.
        owner: Option<AccountOwner>,
    },
    /// Subject → account, or domain: this became of a lead that asked.
    Owned {
        /// The lead.
        lead: Arc<str>,
        /// Whose it is.
        owner: Option<Arc<str>>,
        /// Whether somebody said so, so that it holds for the account as well.
        by_hand: bool,
    },
    /// Account, or domain → subject: is your lead still on its way?
    StillDeciding {
        /// The lead.
        lead: Box<Held>,
        /// Who asks.
        by: RecordKey,
    },
    /// To an account, from an operator: its leads are theirs from now on, whatever the routes say; `None`: whatever these say.
    Pin {
        /// The rep's e-mail address.
        owner: Option<Arc<str>>,
    },
    /// Team → one of its records of leads that wait: this one does.
    Wait(Box<Unassigned>),
    /// Subject → team: what became of this rep's lead gives them the turn back.
    Credit {
        /// The rep's e-mail address.
        rep: Arc<str>,
    },
    /// Subject → team: a lead that it gave to this rep is open no longer.
    Closed {
        /// The rep's e-mail address.
        rep: Arc<str>,
    },
    /// Subject → lead that waits for a team: it is worth this by now.
    Worth {
        /// Its tier.
        tier: u8,
        /// Its rank.
        rank: Option<f32>,
    },
    /// To a team: so many of the leads of a class that wait for it were asked to ask again.
    Called {
        /// What they ask.
        class: Box<LeadClass>,
        /// They; when there are none, nobody of it waits.
        leads: u32,
    },
    /// Subject → account: a lead wants to be the account's, or part of the one that it has.
    Claim(Box<Claim>),
    /// Account → subject: the lead is the account's. Subject of the account's lead → subject: it is part of that.
    Claimed(Box<Claimed>),
    /// Account → subject of its lead: somebody qualified who becomes part of it.
    Join(Box<Join>),
    /// To a subject, from a delivery or an operator: people made this of its lead.
    Became(Box<Became>),
    /// Subject → account: people made this of a lead, or of what is part of it.
    Follows(Box<Follows>),
    /// Account → subject of the lead: the same, with the account as it stands.
    Followed(Box<Follows>, Arc<Projection>),
    /// Subject → source: a lead wants to be on its way.
    Admit(Box<Held>),
    /// Source → hold: a lead is held.
    Hold(Box<Held>),
    /// Source, or hold → subject: the lead is held, may go on its way, or is let go.
    Judged(Box<Judged>),
    /// Hold → source: the lead is held no longer.
    Unheld,
    /// To a hold, from an operator: the lead may go on its way, or is let go.
    Release {
        /// Whether it is let go.
        discard: bool,
    },
    /// To a source, from a server: it sent an event within this hour.
    Heard,
    /// Subject → source: what came of its saying that a known id is another user.
    Noted(Box<MergeNote>),
    /// To the record of configurations, from a server: this one took force.
    TookForce(Box<TookForce>),
    /// To the record of configurations, from its owner: of the leads that go where new routes say, these were looked at.
    Reroutes {
        /// Those that may have to, and their subjects.
        leads: Vec<(RecordKey, Arc<str>)>,
        /// Leads that changed before this moment have not been looked at; `None`: all have.
        before: Option<Millis>,
    },
    /// Subject → an id that was merged into it and that a lead was made for: the lead's new state.
    StoreLead {
        /// The lead's id.
        id: Arc<str>,
        /// Its definition.
        definition: DefinitionName,
        /// The whole lead.
        json: Arc<str>,
    },
    /// Subject → delivery: news to be sent.
    Deliver {
        /// The lead's subject.
        subject: RecordKey,
        /// The news.
        news: Box<News>,
    },
    /// To a delivery, from whoever sent its first news: what came of it.
    Attempted(Box<Attempt>),
    /// To a delivery: try again what was given up.
    Replay,
    /// Destination → delivery: this is what people made of the lead there.
    Seen {
        /// What was seen.
        seen: Box<Seen>,
        /// When it was asked for.
        at: Millis,
    },
    /// To a destination, from its owner's server: it was asked what people made of the leads there.
    ReadBack(Box<ReadBack>),
    /// To a destination: what people made of the leads there is to be asked for soon.
    Nudge,
    /// To a destination, from an operator, or from a delivery that it refused: nothing is sent to it for now.
    Pause(Box<Pause>),
    /// To a destination, from an operator: what waits may be sent.
    Resume,
    /// Delivery → destination: it took this.
    Done(Box<Done>),
    /// Subject → deliveries, destinations, subjects of leads that it is part of: this user may be named no longer.
    Scrub {
        /// The user.
        user: Arc<str>,
    },
    /// To a shard's archive: blocks up to this number are in segments.
    Archived {
        /// The number.
        last: u64,
    },
    /// To a shard's archive: from the next commit on these series are counted in the shard.
    Adopt {
        /// They.
        series: BTreeSet<Box<str>>,
        /// How many commits the shard has had.
        commits: u64,
    },
    /// To a shard's archive: this is counted by now in series that lacked it.
    Filled {
        /// The commit before it.
        after: u64,
        /// Its last commit.
        to: u64,
        /// The series.
        series: Vec<Box<str>>,
    },
    /// To a subject: this was counted for it before some of its counters were there.
    Fill(Box<Fill>),
    /// To a subject: definitions may say something of you that they did not when you were decided about last.
    LookAgain,
    /// To a shard's walk: so many of its users and accounts were told to look again.
    Strode(Box<Stride>),
    /// To a shard's walk, from an operator: everybody is to look again for these definitions; for all where none are named.
    WalkAgain {
        /// Their names.
        definitions: BTreeSet<Box<str>>,
    },
    /// To the roster of a shard, from an operator or a calendar by way of the first one: a rep is away, or back.
    Roster(Box<RosterChange>),
    /// Forget all that you know.
    Forget,
    /// To a subject, a team, or a lead that waits for one: something has become due by time alone.
    Wake {
        /// Whether the clock can be trusted so far that what was idle for long may leave.
        may_expire: bool,
    },
}

/// An event of one of an account's people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountEvent {
    /// The event.
    pub event: Arc<Event>,
    /// The user's id.
    pub user: Arc<str>,
    /// Who they are.
    pub profile: Profile,
    /// The user as of the event, when a decision about them waits for the account.
    pub asking: Option<Box<Projection>>,
    /// What is true of the user, where conditions on members ask.
    pub told: Told,
    /// Whether the event waited until its account was known; see [`Answer::waited`].
    pub waited: bool,
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The account; shared, since it may be told to many.
    pub account: Arc<Projection>,
    /// The user as they stood when they asked; `None` when the account has changed and nobody asked.
    pub user: Option<Box<Projection>>,
    /// The event that the question arose from.
    pub event: Option<Arc<Event>>,
    /// When the question arose, or the account changed.
    pub at: Millis,
    /// Who qualifies by it is noted and made no lead, for definitions that appeared since this moment: it is about how things stood
    /// before the event at hand, or before anything happened at all.
    pub quiet: Option<Millis>,
    /// Whether the event waited until its account was known: everything else was decided when it came.
    pub waited: bool,
}

impl Body {
    /// Whether a decision about a subject may follow.
    pub(super) const fn may_decide(&self) -> bool {
        matches!(
            self,
            Self::Event(_)
                | Self::AccountEvent(_)
                | Self::Member { .. }
                | Self::Absorb { .. }
                | Self::Wake { .. }
                | Self::LookAgain
        )
    }
}

/// A lead that wants to be its account's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The lead's subject, which is answered.
    pub subject: RecordKey,
    /// The definition.
    pub definition: DefinitionName,
    /// The lead.
    pub lead: Arc<str>,
    /// The event of the lead's life that waits.
    pub event: Arc<str>,
    /// What another lead says of it.
    pub joiner: Joiner,
    /// A lead that the account took for its own, and that is over.
    pub over: Option<Arc<str>>,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// The definition.
    pub definition: DefinitionName,
    /// The event of the lead's life that waits.
    pub event: Arc<str>,
    /// The lead that it becomes part of; `None`: it is one of its own.
    pub joined: Option<OpenLead>,
}

/// Somebody who becomes part of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// The lead.
    pub open: OpenLead,
    /// Who.
    pub claim: Claim,
    /// The account as it stands.
    pub account: Arc<Projection>,
}

/// Who gets a lead, or that it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// The definition.
    pub definition: DefinitionName,
    /// The lead.
    pub lead: Arc<str>,
    /// The event of the lead's life.
    pub event: Arc<str>,
    /// What it asks of whoever gets it.
    pub needs: Needs,
    /// The decision, or that there is none yet.
    pub outcome: AssignOutcome,
}

/// What a team says of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AssignOutcome {
    /// It is decided who gets it.
    Settled(Routing),
    /// It waits.
    Waits(Waits),
}

/// Whether a lead may go on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The definition.
    pub definition: DefinitionName,
    /// The event of the lead's life.
    pub event: Arc<str>,
    /// The lead.
    pub lead: Arc<str>,
    /// What holds it; `None` when it may go.
    pub hold: Option<LeadHold>,
}

/// The form of what follows, before each item.
const FORM: u8 = 1;
/// The form and the length of an item.
const HEAD: usize = 5;

/// Why an item of a log can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer program wrote it.
    #[error("it has form {0}, and this version reads form {FORM}: upgrade this server")]
    Form(u8),
    /// It is not what was written.
    #[error("it can't be read: {0}")]
    Damaged(String),
}

impl LogItem {
    /// Appends the item to an entry.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&[FORM, 0, 0, 0, 0]);
        // Writing plain data to memory does not fail.
        if rmp_serde::encode::write(into, self).is_err() {
            into.truncate(start);
            return;
        }
        let length = u32::try_from(into.len() - start - HEAD).unwrap_or(u32::MAX);
        if let Some(place) = into.get_mut(start + 1..start + HEAD) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Reads the items of an entry. One that can't be read doesn't spoil those behind it, unless it is the length that is damaged.
    pub fn decode(payload: &[u8]) -> impl Iterator<Item = Result<Self, Unreadable>> + '_ {
        let mut rest = payload;
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_first_chunk::<HEAD>().or_else(|| {
                let cut = !std::mem::take(&mut rest).is_empty();
                cut.then_some((&[FORM, 0xff, 0xff, 0xff, 0xff], &[][..]))
            })?;
            let [form, length @ ..] = *head;
            let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            let Some((body, further)) = behind.split_at_checked(length) else {
                rest = &[];
                return Some(Err(Unreadable::Damaged("the entry ends in the middle of it".to_owned())));
            };
            rest = further;
            if form != FORM {
                return Some(Err(Unreadable::Form(form)));
            }
            Some(rmp_serde::from_slice(body).map_err(|error| Unreadable::Damaged(error.to_string())))
        })
    }
}

#[cfg(test)]
mod tests;
