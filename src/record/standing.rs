//! Where a subject stands with a definition: qualifying is an edge, not a level, and this is what the edge is told from.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::happening::Happening;
use super::hold::{LeadHold, LetGo};
use super::joining::{Joiners, OpenLead};
use super::needs::Needs;
use super::seen::Progress;
use super::sla::Sla;
use super::team::PassedOver;
use super::unclear::Unclear;
use super::wait::Waits;
use crate::time::Millis;

/// A subject that qualified for a definition at least once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often it qualified so far.
    pub times: u32,
    /// The id of the last lead.
    pub lead_id: String,
    /// The last lead's revision: 1, and one more with each further event of its life.
    pub revision: u32,
    /// The last lead's tier.
    pub tier: u8,
    /// When its tier moved last, if it ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_at: Option<Millis>,
    /// When the last lead was made; the cooldown counts from here.
    pub qualified_at: Millis,
    /// When the event happened that made it. What happens later may be what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// The last further edge, if any, that became part of it; the cooldown counts from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Millis>,
    /// Since when the definition was false after the last lead, so that it can become true again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed_at: Option<Millis>,
    /// What was true already when the lead was made, and has been since: it says nothing of what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Ending>,
    /// What became of the last lead, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Ending, Millis)>,
    /// Why that became of it, as whoever said so put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<Box<str>>,
    /// What happened to the last lead, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Happening>,
    /// Until when its owner has to have taken it on, as long as they have not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<Box<Sla>>,
    /// When its owner took it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Millis>,
    /// When somebody first worked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked_at: Option<Millis>,
    /// The account that was asked whether there is a lead already that the last one becomes part of, as long as it has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Arc<str>>,
    /// The lead that it became part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Box<OpenLead>>,
    /// Who became part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joiners: Option<Box<Joiners>>,
    /// Why there is no lead although it qualified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Whether its definition was a shadow when the last lead was made: then nobody hears of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Who follows up on the last lead, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// What it asks of whoever gets it, where a team gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Box<Needs>>,
    /// Whether the last lead is held, or was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LeadHold>,
    /// Whether its source was asked if it may go on its way, and has not answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks_source: bool,
    /// Which rep's open leads the last lead that a team gave is counted among.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_with: Option<OpenWith>,
    /// The account that was asked whose its leads are, as long as it is not told what became of the first news of `queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Arc<str>>,
    /// The same of its company's domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks_domain: Option<Arc<str>>,
    /// Which team the first news of `queue` waits for, while nobody of that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
    /// That the first news of `queue` waits until more is known of its lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<Box<Unclear>>,
    /// Lead events as JSON that are not routed yet, in order; the first is on its way to its team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<Box<str>>,
}

impl Standing {
    /// Whether there is a lead that nothing became of yet.
    pub fn may_end(&self) -> bool {
        self.ended.is_none() && !self.lead_id.is_empty()
    }

    /// Whether the lead is one that somebody may follow up on: its conditions are true, nothing became of it, and it was not let go.
    pub fn is_open(&self) -> bool {
        let discarded = self.hold.as_ref().is_some_and(|hold| hold.discarded);
        self.may_end() && self.lapsed_at.is_none() && self.quiet.is_none() && !self.shadow && !discarded
    }

    /// Why the lead was let go, where no operator said so.
    pub fn let_go(&self) -> Option<LetGo> {
        self.hold.as_ref().and_then(|hold| hold.because)
    }

    /// Whether the lead is stored: it is told to nobody before its account and its source have let it be one.
    pub fn is_stored(&self) -> bool {
        self.claims.is_none() && !self.asks_source && self.let_go() != Some(LetGo::Full)
    }

    /// How far its owner has come with the lead.
    pub const fn progress(&self) -> Option<Progress> {
        match (self.worked_at, self.accepted_at) {
            (Some(_), _) => Some(Progress::Working),
            (None, Some(_)) => Some(Progress::Accepted),
            (None, None) => None,
        }
    }

    /// Whether there is such a lead, and it is one of its own.
    pub fn is_own(&self) -> bool {
        self.is_open() && self.claims.is_none() && self.joined.is_none()
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.queue.iter().map(|news| news.len() + 16).sum::<usize>()
            + self.joined.as_ref().map_or(0, |_| 256)
            + self.sla.as_ref().map_or(0, |_| 256)
            + self.history.iter().map(|happening| 160 + happening.note.as_ref().map_or(0, String::len)).sum::<usize>()
            + self.joiners.as_ref().map_or(0, |joiners| joiners.latest.len() * 1_024)
    }
}

/// A lead that is counted among the open ones of a rep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenWith {
    /// The lead.
    pub lead: Box<str>,
    /// The team that gave it.
    pub team: Box<str>,
    /// The rep's e-mail address.
    pub rep: Arc<str>,
}

/// What may become of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// They bought.
    Won,
    /// They won't.
    Lost,
    /// Its owner turned it down, or put it away: nobody follows up on it.
    Rejected,
}

impl Ending {
    /// As it stands in leads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Rejected => "rejected",
        }
    }
}

/// Why somebody who qualified was noted, and not made a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// They qualified already when the definition appeared, or was loosened.
    Start,
    /// The event that made the difference was too old.
    OldEvent,
}

/// The routing decision and its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Routing {
    /// The route that decided.
    pub route: Option<String>,
    /// The team that shared the lead out, or that the owner is in; `null` when there is none.
    pub team: Option<String>,
    /// The rep's e-mail address; `None` for self-serve.
    pub owner: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// Reps of the team whose turn came before, and who could not be given it; at most 20 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
}
