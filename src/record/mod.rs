//! The state that messages change: of users, accounts, teams, destinations, and of news on its way to a destination. Pure.
//!
//! Each record has one text, which a person can read ([`text`]) and which a store keeps as it is. Nothing here knows of
//! definitions beyond their names, of routing, or of the time that it is.

pub mod account;
pub mod archived;
pub mod counted;
pub mod delivery;
pub mod domain;
pub mod email;
pub mod happening;
pub mod hold;
pub mod joining;
pub mod memberships;
pub mod merge_log;
pub mod needs;
pub mod noted;
pub mod outcomes;
pub mod owner;
pub mod pause;
pub mod people;
pub mod projection;
pub mod reroutes;
pub mod roster;
pub mod seen;
pub mod senders;
pub mod sla;
pub mod standing;
pub mod team;
#[cfg(test)]
mod tests;
pub mod text;
pub mod ties;
pub mod traits;
pub mod tried;
pub mod unclear;
pub mod versions;
pub mod wait;
pub mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;

pub use account::{AccountKey, PathRoot};
pub use archived::{Archived, Lack, SeriesPast};
pub use counted::Counted;
pub use delivery::{Asked, Delivery, DestinationHistory, News, Remembered};
pub use domain::{Domain, DomainAsk};
pub use happening::Happening;
pub use hold::{Admission, Held, Hold, LeadHold, LeadQuota, LetGo, SourceLeads};
pub use joining::{Joiner, Joiners, OpenLead};
pub use memberships::Memberships;
pub use merge_log::{MergeLog, MergeNote, MergeOutcome};
pub use needs::{LeadClass, NO_NEEDS, Needs};
pub use noted::{Noted, NotedSignals};
pub use owner::{AccountOwner, Owners, Ownership};
pub use pause::{Credentials, Pause, PausedBy};
pub use people::{Member, Profile};
pub use projection::Projection;
pub use reroutes::{ReRoute, Reroutes};
pub use roster::{Absence, NOBODY_AWAY, Roster, RosterChange, SaidBy, Unread};
pub use seen::{Progress, Seen, SeenOwner, Stage};
pub use senders::Senders;
pub use sla::Sla;
pub use standing::{Ending, OpenWith, Quiet, Routing, Standing};
pub use team::{Given, PassedOver, Place, TeamTurns, Why};
pub use ties::{MergedInto, Tie, Ties, Waiting};
pub use traits::{Said, Saying, Trait, Traits};
pub use tried::Tried;
pub use unclear::Unclear;
pub use versions::{ConfigVersion, ConfigVersions, Meaning, TookForce, Written, WrittenFile};
pub use wait::{LeadWaits, Pending, Unassigned, Wait, Waits};
pub use walk::{Sayings, Stride, Walk, Walked, Walking};

use crate::counters::Ledger;
use crate::ids::{DefinitionName, RecordKind};
use crate::time::Millis;

/// The state of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A user or an account.
    Subject(Box<Subject>),
    /// A team.
    Team(TeamTurns),
    /// A destination.
    Destination(DestinationHistory),
    /// News on its way.
    Delivery(Delivery),
    /// The leads of a source.
    Source(SourceLeads),
    /// A lead that is held.
    Hold(Hold),
    /// A lead that waits for a rep.
    Wait(Wait),
    /// The archive of a shard.
    Archived(Archived),
    /// The configurations that have taken force.
    Config(ConfigVersions),
    /// When reps are away; shared with those who decide.
    Roster(Arc<Roster>),
    /// Whose the leads of a company's domain are.
    Domain(Box<Domain>),
    /// How far a shard's users and accounts were looked at for what is new.
    Walk(Box<Walk>),
}

impl Record {
    /// A record of which nothing is known.
    pub fn empty(kind: RecordKind) -> Self {
        match kind {
            RecordKind::User | RecordKind::Account => Self::Subject(Box::default()),
            RecordKind::Team => Self::Team(TeamTurns::default()),
            RecordKind::Destination => Self::Destination(DestinationHistory::default()),
            RecordKind::Delivery => Self::Delivery(Delivery::default()),
            RecordKind::Source => Self::Source(SourceLeads::default()),
            RecordKind::Hold => Self::Hold(Hold::default()),
            RecordKind::Wait => Self::Wait(Wait::default()),
            RecordKind::Archived => Self::Archived(Archived::default()),
            RecordKind::Config => Self::Config(ConfigVersions::default()),
            RecordKind::Roster => Self::Roster(Arc::default()),
            RecordKind::Domain => Self::Domain(Box::default()),
            RecordKind::Walk => Self::Walk(Box::default()),
        }
    }

    /// Where it stands in the agenda: the list, and when it is due there. `of` is the destination of a delivery, the
    /// source of a hold, or the team that a lead waits for; `idle` is how long a subject is kept of which nothing is heard.
    pub fn agenda(&self, of: Option<&str>, idle: Option<i64>) -> Option<(AgendaList, Millis)> {
        match self {
            Self::Subject(subject) => subject.agenda(idle),
            Self::Delivery(delivery) => delivery.agenda(of.unwrap_or_default()),
            Self::Hold(hold) => hold.agenda(of.unwrap_or_default()),
            Self::Wait(wait) => wait.agenda(of.unwrap_or_default()),
            Self::Team(team) => team.opens().map(|at| (AgendaList::Teams, at)),
            Self::Destination(history) => history.agenda(),
            Self::Domain(domain) => domain.wakes_at().map(|at| (AgendaList::Wakes, at)),
            Self::Config(versions) => versions.reroutes.next().map(|at| (AgendaList::Reroute, at)),
            Self::Source(_) | Self::Archived(_) | Self::Roster(_) | Self::Walk(_) => None,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Subject(subject) => subject.bytes(),
            Self::Team(team) => 64 + 152 * team.reps.len() + 192 * team.waits.len(),
            Self::Destination(history) => 64 + history.done.iter().map(|done| 160 + done.id.len()).sum::<usize>(),
            Self::Delivery(delivery) => delivery.bytes(),
            Self::Source(source) => 64 + source.merges.bytes(),
            Self::Archived(archived) => 64 + archived.series.keys().map(|key| 128 + key.len()).sum::<usize>(),
            Self::Hold(_) => 256,
            Self::Wait(wait) => wait.bytes(),
            Self::Config(versions) => 64 + versions.bytes(),
            Self::Roster(roster) => roster.bytes(),
            Self::Domain(domain) => domain.ownership.bytes(),
            Self::Walk(walk) => walk.bytes(),
        }
    }
}

/// A list of the agenda, as the store names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgendaList {
    /// Subjects that something becomes due for, soon.
    Timers,
    /// Subjects that a definition may decide otherwise about by time alone, and domains, by when: in days, or in years.
    Wakes,
    /// Deliveries to a destination, by when they may be tried.
    Deliver(Arc<str>),
    /// Deliveries to a destination that were given up, by when.
    Dead(Arc<str>),
    /// Leads that are held because of a source, by since when.
    Held(Arc<str>),
    /// Teams that leads wait for, by when somebody of them is there.
    Teams,
    /// Destinations that are asked what people made of the leads there, by when.
    ReadBack,
    /// The record of configurations, while leads are sent where a new one says, by when to go on.
    Reroute,
    /// Destinations that nothing is sent to for now, by since when.
    Paused,
    /// Leads of a class that wait for a rep of a team, in the order in which they are given one: see [`Unassigned::place`].
    Wait(Arc<str>, Arc<str>),
}

impl AgendaList {
    const DELIVER: &str = "deliver:";
    const DEAD: &str = "dead:";
    const HELD: &str = "held:";
    const WAIT: &str = "wait:";

    /// The name in stores: `timers`, `wakes`, `deliver:crm`, `dead:crm`, `held:web`, `teams`, `read_back`, `reroute`, `paused`, `wait:enterprise/any`.
    pub fn name(&self) -> String {
        match self {
            Self::Timers => "timers".to_owned(),
            Self::Wakes => "wakes".to_owned(),
            Self::Deliver(destination) => format!("{}{destination}", Self::DELIVER),
            Self::Dead(destination) => format!("{}{destination}", Self::DEAD),
            Self::Held(source) => format!("{}{source}", Self::HELD),
            Self::Teams => "teams".to_owned(),
            Self::ReadBack => "read_back".to_owned(),
            Self::Reroute => "reroute".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::Wait(team, class) => format!("{}{team}/{class}", Self::WAIT),
        }
    }

    /// Reads what [`Self::name`] wrote.
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "timers" => return Some(Self::Timers),
            "wakes" => return Some(Self::Wakes),
            "teams" => return Some(Self::Teams),
            "read_back" => return Some(Self::ReadBack),
            "reroute" => return Some(Self::Reroute),
            "paused" => return Some(Self::Paused),
            _ => {}
        }
        let of = |prefix| name.strip_prefix(prefix).map(Arc::from);
        of(Self::DELIVER)
            .map(Self::Deliver)
            .or_else(|| of(Self::DEAD).map(Self::Dead))
            .or_else(|| of(Self::HELD).map(Self::Held))
            .or_else(|| {
                let (team, class) = name.strip_prefix(Self::WAIT)?.rsplit_once('/')?;
                Some(Self::Wait(Arc::from(team), Arc::from(class)))
            })
    }
}

/// Everything known of a user or an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// What calls have said about it.
    pub traits: Traits,
    /// What was counted for it.
    pub ledger: Ledger,
    /// Which sources its events came from.
    pub senders: Senders,
    /// Times of the first and the last event, by the events' own time.
    pub first_seen: Option<Millis>,
    /// The time of the last event; see `first_seen`.
    pub last_seen: Option<Millis>,
    /// When the last message changed it.
    pub touched: Millis,
    /// That it was looked at for new definitions though nothing was heard of it.
    pub looked: Option<Box<Looked>>,
    /// Where it stands with each definition that it ever qualified for.
    pub standings: BTreeMap<DefinitionName, Standing>,
    /// What is remembered of its signals.
    pub noted: NotedSignals,
    /// Its leads by their ids, at most [`MAX_LEADS`].
    pub leads: BTreeMap<Box<str>, KnownLead>,
    /// Destinations that were sent news of its leads; some of them may be configured no longer.
    pub sent_to: BTreeSet<Arc<str>>,
    /// Users only: ties to other ids and to accounts. Boxed, since accounts have none.
    pub ties: Box<Ties>,
    /// Accounts only: its most active people by their ids, at most [`people::MAX_MEMBERS`].
    pub members: BTreeMap<CompactString, Member>,
    /// Accounts only: the lead that others become part of, where there is one lead for each account.
    pub open_lead: Option<Box<OpenLead>>,
    /// Accounts only: whose its leads are, where routes ask.
    pub ownership: Option<Box<Ownership>>,
    /// Accounts only: what is true of their members, where conditions ask.
    pub outcomes: Option<Box<outcomes::Outcomes>>,
    /// Users only: a hash of what they were asked when they told their accounts last of what is true of them, and one of what they told.
    pub told: Option<(u64, u64)>,
    /// Accounts only: users whose qualification hangs on this account, by when they last asked; at most [`MAX_WATCHERS`].
    pub watchers: BTreeMap<Arc<str>, Millis>,
    /// Accounts only: when the watchers are told that something changed.
    pub tell_at: Option<Millis>,
    /// Accounts only: whether that is how members stood when they were asked first.
    pub tells_quietly: bool,
    /// When a definition may decide otherwise about it though nothing happens.
    pub wakes_at: Option<Millis>,
    /// That is as of before: it is yet to be asked as of this moment. Never so in a store.
    pub put_off: Option<Millis>,
    /// When it was forgotten on request. It stays so for a day, so that what was on its way to it is dropped.
    pub forgotten: Option<Millis>,
}

/// That a subject was looked at for new definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// When.
    pub at: Millis,
    /// Those that could not tell then, since their figures were being filled: who qualifies already is noted when they can.
    pub unnoted: BTreeSet<DefinitionName>,
}

/// A lead that a subject has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownLead {
    /// When it was made.
    pub since: Millis,
    /// The user that it was made for, when that one was merged into this.
    pub home: Option<Arc<str>>,
}

/// How many leads of a subject are remembered, the newest, so that forgetting it reaches their deliveries.
pub const MAX_LEADS: usize = 200;
/// How many users an account tells of its changes.
pub const MAX_WATCHERS: usize = 500;
/// How long a forgotten subject stays marked as such.
pub const FORGOTTEN_FOR: i64 = Millis::DAY;

impl Subject {
    /// Notes that something happened at `at`.
    pub fn see(&mut self, at: Millis) {
        self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
        self.last_seen = Some(self.last_seen.map_or(at, |last| last.max(at)));
    }

    /// What appeared up to then was noted.
    pub fn noted_until(&self) -> Millis {
        self.looked.as_ref().map_or(self.touched, |looked| looked.at.max(self.touched))
    }

    /// Whether it holds anything beyond its ties.
    pub fn has_history(&self) -> bool {
        self.first_seen.is_some() || !self.traits.is_empty() || !self.ties.aliases.is_empty()
    }

    /// Takes in the history of an id that turned out to be the same user, as `tie` says. Returns where the other stood with definitions
    /// that this one has a standing with as well: of these there is no lead any more.
    pub fn merge(&mut self, id: &Arc<str>, tie: &Tie, other: Self) -> Vec<Standing> {
        let mut dropped = Vec::new();
        self.ledger.merge(&other.ledger);
        self.traits.merge(&other.traits);
        self.senders.merge(&other.senders);
        if let Some(looked) = other.looked.filter(|looked| !looked.unnoted.is_empty()) {
            self.looked.get_or_insert_default().unnoted.extend(looked.unnoted);
        }
        for at in [other.first_seen, other.last_seen].into_iter().flatten() {
            self.see(at);
        }
        self.noted.merge(&other.noted);
        for (definition, theirs) in other.standings {
            match self.standings.get(&definition) {
                // What is part of the other's lead is the lead itself now.
                Some(mine) if mine.joined.as_ref().is_some_and(|open| *open.lead == *theirs.lead_id) => {
                    self.standings.insert(definition, theirs);
                }
                Some(_) => dropped.push(theirs),
                None => drop(self.standings.insert(definition, theirs)),
            }
        }
        for (lead, KnownLead { since, home }) in other.leads {
            self.remember_lead(&lead, since, Some(home.unwrap_or_else(|| Arc::clone(id))));
        }
        self.sent_to.extend(other.sent_to);
        self.ties.merge(id, tie, *other.ties);
        dropped
    }

    /// Remembers that `lead` is about this subject, since when, and for whom it was made. Of too many the oldest leaves, but those that its
    /// standings name.
    pub fn remember_lead(&mut self, lead: &str, since: Millis, home: Option<Arc<str>>) {
        if self.leads.len() >= MAX_LEADS && !self.leads.contains_key(lead) {
            let current: BTreeSet<&str> = self.standings.values().map(|standing| &*standing.lead_id).collect();
            let oldest = self.leads.iter().min_by_key(|(lead, known)| (current.contains(&***lead), known.since));
            if let Some(oldest) = oldest.map(|(lead, _)| lead.clone()) {
                self.leads.remove(&oldest);
            }
        }
        self.leads.insert(lead.into(), KnownLead { since, home });
    }

    /// Remembers that `user` wants to know what changes here.
    pub fn watch(&mut self, user: &Arc<str>, at: Millis) {
        if self.watchers.len() >= MAX_WATCHERS && !self.watchers.contains_key(user) {
            let oldest = self.watchers.iter().min_by_key(|(_, at)| **at).map(|(user, _)| Arc::clone(user));
            if let Some(oldest) = oldest {
                self.watchers.remove(&oldest);
            }
        }
        self.watchers.insert(Arc::clone(user), at);
    }

    /// Where it stands in the agenda: in the list of what is due first.
    fn agenda(&self, idle: Option<i64>) -> Option<(AgendaList, Millis)> {
        debug_assert!(self.put_off.is_none(), "`apply::look_ahead` comes first");
        // A lead may wait for long, as a date may be far away.
        let check = self.ownership.as_ref().and_then(|ownership| ownership.check_at);
        let wakes = [self.wakes_at, self.waits_until(), check].into_iter().flatten().min();
        let soon = self.due(idle);
        match wakes.filter(|at| soon.is_none_or(|soon| *at <= soon)) {
            Some(at) => Some((AgendaList::Wakes, at)),
            None => soon.map(|at| (AgendaList::Timers, at)),
        }
    }

    /// When the first of its leads has waited for a rep for as long as it may, or for its owner to take it on.
    fn waits_until(&self) -> Option<Millis> {
        let waits = |standing: &Standing| standing.waits.as_ref().and_then(|waits| waits.until);
        let accepts = |standing: &Standing| standing.sla.as_ref().and_then(|sla| sla.next());
        let looks = |standing: &Standing| standing.unclear.as_ref().map(|unclear| unclear.next);
        self.standings
            .values()
            .flat_map(|standing| [waits(standing), accepts(standing), looks(standing)])
            .flatten()
            .min()
    }

    /// When something becomes due for it whatever the definitions say.
    fn due(&self, idle: Option<i64>) -> Option<Millis> {
        let forgotten = self.forgotten.map(|at| at.plus(FORGOTTEN_FOR));
        let waiting = self.ties.waiting.iter().map(|waiting| waiting.until).min();
        let idle = idle.map(|idle| self.touched.plus(idle));
        [forgotten, waiting, self.tell_at, idle].into_iter().flatten().min()
    }

    fn bytes(&self) -> usize {
        let texts = |profile: &Profile| profile.iter().map(|(_, text)| text.len() + 16).sum::<usize>();
        let members =
            self.members.iter().map(|(id, member)| 160 + id.len() + texts(&member.profile) + 16 * member.keys.len());
        let standings = self.standings.iter().map(|(name, standing)| 64 + name.len() + standing.bytes());
        size_of::<Self>()
            + self.traits.bytes()
            + self.ledger.bytes()
            + self.senders.bytes()
            + members.sum::<usize>()
            + standings.sum::<usize>()
            + self.leads.len() * 128
            + self.sent_to.iter().map(|name| 32 + name.len()).sum::<usize>()
            + self.looked.as_ref().map_or(0, |looked| 64 + 64 * looked.unnoted.len())
            + self.open_lead.as_ref().map_or(0, |_| 256)
            + self.ownership.as_ref().map_or(0, |ownership| ownership.bytes())
            + self.watchers.keys().map(|user| 64 + user.len()).sum::<usize>()
            + self.noted.bytes()
            + self.outcomes.as_ref().map_or(0, |outcomes| outcomes.bytes())
            + self.ties.bytes()
    }
}
