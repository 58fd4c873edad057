//! `traits`.

use schemars::json_schema;

use crate::config::findings::Findings;
use crate::config::read::{At, Field, Many, Named, Read, inline_schema, section};
use crate::config::scalar::{Lasting, choice};
use crate::config::yaml::{Kind, Node, Scalar};

section! {
    /// Traits that conditions may use beyond those that are always known, with their types: `text`, `number`, `money`, `band`,
    /// `country`, `bool`, `time` or `list` (of texts), or `{ type: band, from: [crm, app], stale: 365d }` where more is to be said.
    /// Upper and lower case, `_`, `-` and spaces make no difference: `trialEndsAt` is `trial_ends_at`.
    TraitsShape = "`traits`" {
        /// Traits of users, from identify calls.
        #[schemars(extend("examples" = [{ "seniority": "text", "nps": "number" }]))]
        user: Named<TraitShape>,
        /// Traits of accounts, from group calls.
        #[schemars(extend("examples" = [{ "region": "text", "seats": "number" }]))]
        account: Named<TraitShape>,
    }
}

/// A trait's type; or its type, and which sources are believed on it for how long.
#[derive(Clone, Debug, Default)]
pub struct TraitShape(pub DeclaredTraitShape);

impl Read for TraitShape {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        if matches!(node.kind, Kind::Map(_)) {
            return DeclaredTraitShape::read(node, findings).map(Self);
        }
        let r#type = Field::Set(At::read(node, findings)?);
        Some(Self(DeclaredTraitShape { r#type, ..DeclaredTraitShape::default() }))
    }
}

inline_schema!(TraitShape, "trait", |generator| {
    let (word, declared) = (TraitWord::json_schema(generator), generator.subschema_for::<DeclaredTraitShape>());
    json_schema!({ "anyOf": [word, declared] })
});

section! {
    /// A trait with more than its type.
    DeclaredTraitShape = "this trait" {
        /// Its type; without one it may hold anything.
        r#type: At<TraitWord>,
        /// With `choice`: the texts that it may be, in any case. Another one reads as unknown.
        #[schemars(extend("examples" = [["legal", "finance", "other"]]))]
        of: Many<Scalar>,
        /// Only what this source says of it is heard, or these. Of several, the first one that has a value is believed, whenever the
        /// others said theirs; but what a `server` said stands before what a `public` source did.
        #[schemars(extend("examples" = [["crm", "clearbit", "app"]]))]
        from: Many<Scalar>,
        /// How long a value holds after it was said; then it is unknown. By default for good.
        #[schemars(extend("examples" = ["365d"]))]
        stale: At<Lasting>,
    }
}

choice! {
    /// The type of a trait.
    TraitWord {
        Text = "text",
        Number = "number",
        Money = "money",
        Band = "band",
        Country = "country",
        Choice = "choice",
        Bool = "bool",
        Time = "time",
        List = "list",
    }
}
