//! `definitions`.

use schemars::json_schema;

use super::SubjectWord;
use crate::config::conditions::{ConditionText, Conditions};
use crate::config::findings::Findings;
use crate::config::read::{At, Many, Named, Read, inline_schema, section};
use crate::config::scalar::{Lasting, choice};
use crate::config::yaml::{Node, Scalar};

section! {
    /// What makes a user or an account a product-qualified lead.
    DefinitionShape = "this definition" {
        /// Its name, as it stands in leads and in the CRM.
        #[schemars(extend("x-required" = true))]
        name: Scalar,
        /// Who qualifies: a `user` or an `account`.
        #[schemars(extend("x-required" = true))]
        of: At<SubjectWord>,
        /// It rests on what this source sends alone, or these: every counter and every trait that it reads must be `from` them, and
        /// `event` is an event of theirs.
        #[schemars(extend("examples" = ["backend"]))]
        from: Many<Scalar>,
        /// For people: what it means, and whom it serves.
        description: Scalar,
        /// What the lead is for, such as the plan to sell; it stands in the lead.
        #[schemars(extend("examples" = ["business plan"]))]
        goal: Scalar,
        /// What they do: conditions, all of which must be true. One, a list, or a block (`|`) with one condition on each line.
        #[schemars(extend("examples" = [["tasks_30d > 50", "invited_30d >= 10"]]))]
        intent: Conditions,
        /// Who they are: conditions, all of which must be true.
        #[schemars(extend("examples" = [["account.plan == \"free\"", "account.employees >= 50"]]))]
        fit: Conditions,
        /// Whether they qualify, from `intent` and `fit`.
        #[schemars(extend("default" = "intent && fit", "examples" = ["intent || fit"]))]
        when: ConditionText,
        /// Numbered tiers, 1 being the best, each with its condition. They are tried in the order in which they are written;
        /// the first that is true counts. When none is, they don't qualify. Without tiers every lead is of tier 1.
        tiers: Tiers,
        /// After a lead, the next one for the same user or account comes only when the conditions were false in between, and
        /// never before this long has passed. `0`: no wait.
        #[schemars(extend("default" = "30d"))]
        cooldown: At<Lasting>,
        /// Who is never a lead of it: conditions, one of which is enough. What is unknown excludes nobody. See `never` of the whole
        /// configuration, too.
        #[schemars(extend("examples" = ["account.crm_stage == \"customer\""]))]
        never: Conditions,
        /// A counter of which each new event makes a lead, if the conditions are true then. Further ones within the cooldown are part of
        /// the lead that there is.
        #[schemars(extend("examples" = ["asked_for_demo"]))]
        each: Scalar,
        /// A lead's tier moves at most once in this time; what it is at the end of it stands.
        #[schemars(extend("default" = "0", "examples" = ["1h"]))]
        settle: At<Lasting>,
        /// `live`, or `shadow`: its leads are counted and shown, and nobody is told of them.
        #[schemars(extend("default" = "live"))]
        mode: At<ModeWord>,
        /// What becomes of those who qualify already when the definition appears or is loosened. `quiet`: they are noted, and become leads
        /// when they qualify anew. `send`: they become leads when they are next heard of.
        #[schemars(extend("default" = "quiet"))]
        start: At<StartWord>,
        /// How old an event may be that makes a lead: how long before it arrived it may have happened. Whoever qualifies by an older one is
        /// noted, as with a quiet start, so that a history can be loaded.
        #[schemars(extend("default" = "1d", "examples" = ["400d"]))]
        fresh: At<Lasting>,
        /// How much a lead is worth beside others of its tier: a number, which stands in the lead and which leads can be sorted by.
        #[schemars(extend("examples" = ["account.arr * engagement"]))]
        rank: ConditionText,
        /// Of a definition of accounts: what its people are sorted by, the greatest first, so that the first of them is whom to talk to.
        /// Of a member `m` that is what is yes or no, a number or a moment: their traits, signals and counters, `m.events`,
        /// `m.last_seen`. By default how active they are.
        #[schemars(extend("examples" = [["m.buyer", "m.asked.last_at", "m.events"]]))]
        contact: Conditions,
        /// The opening sentence for the rep: a template (minijinja) over the lead. By default one is made from the reasons.
        #[schemars(extend("examples" = ["{{ account.name }} created {{ usage.tasks_30d }} tasks this month."]))]
        sentence: Scalar,
    }
}

section! {
    /// Who is never a lead of any definition: conditions, one of which is enough. What is unknown excludes nobody.
    NeverShape = "`never`" {
        /// Users of whom one of these is true, in definitions of users.
        #[schemars(extend("examples" = ["user.email.endsWith(\"@ours.example\")"]))]
        user: Conditions,
        /// Accounts of which one of these is true, and their people: in all definitions.
        #[schemars(extend("examples" = ["account.crm_stage == \"customer\""]))]
        account: Conditions,
    }
}

choice! {
    /// Whether anybody is told of leads.
    ModeWord {
        Live = "live",
        Shadow = "shadow",
    }
}

choice! {
    /// What becomes of those who qualify when a definition appears.
    StartWord {
        Quiet = "quiet",
        Send = "send",
    }
}

/// Tiers in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub struct Tiers(pub Vec<(Scalar, Option<ConditionText>)>);

impl Read for Tiers {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let words = ["a mapping from numbers to conditions", "number them, the best first: `1: …`, `2: …`"];
        Named::read_keyed(node, words, findings).map(|Named(tiers)| Self(tiers))
    }
}

inline_schema!(Tiers, "tiers", |generator| {
    let condition = generator.subschema_for::<ConditionText>();
    json_schema!({ "type": "object", "patternProperties": { "^[1-9][0-9]?$": condition }, "additionalProperties": false })
});
