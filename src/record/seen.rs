//! What people made of a lead in a destination, as it is read back from there.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far people have come with a lead in a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody has touched it, as far as can be told.
    #[default]
    New,
    /// Its owner has taken it on.
    Accepted,
    /// Somebody is working it: there was an activity, a call, a meeting.
    Working,
    /// It was turned down, or put away: nobody follows up on it.
    Rejected,
    /// They won't buy.
    Lost,
    /// They bought.
    Won,
}

impl Stage {
    /// By its name, as [`Stage::as_str`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        [Self::New, Self::Accepted, Self::Working, Self::Rejected, Self::Lost, Self::Won]
            .into_iter()
            .find(|stage| stage.as_str() == name)
    }

    /// As the API tells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Accepted => "accepted",
            Self::Working => "working",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
            Self::Won => "won",
        }
    }
}

/// How far the owner of an open lead has come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// They have taken it on.
    Accepted,
    /// They are working it.
    Working,
}

/// A lead's record in a destination, as far as people decide about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How far they have come.
    pub stage: Stage,
    /// Why it was lost or turned down, in their words.
    pub reason: Option<Box<str>>,
    /// Whose it is; `None`: nobody's, a queue's, or somebody's who can't be known.
    pub owner: Option<SeenOwner>,
}

/// Whose a record is in a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenOwner {
    /// What the destination calls them: the same text that an adapter remembers under [`OWNER`] with a delivery.
    pub id: Box<str>,
    /// Their e-mail address, where it is known.
    pub email: Option<Arc<str>>,
}

/// The name under which adapters remember with a delivery how far people had come with a record that was there before it held the lead
/// ([`Stage::as_str`]): that says nothing of the lead, but what they make of it from then on does.
pub const STOOD: &str = "stood";

/// The name under which adapters remember with a delivery whose the lead's record is by us: what the destination calls the owner that the
/// record was left with.
pub const OWNER: &str = "owner";
