//! The shape of the file, section by section: what may be written, with the words that the schema and the reference use.

mod counters;
mod definitions;
mod destinations;
mod history;
mod leads;
mod reps;
mod routing;
mod server;
mod signals;
mod sources;
mod store;
mod territories;
mod traits;

pub use counters::{CounterShape, SubjectWord};
pub use definitions::{DefinitionShape, ModeWord, NeverShape, StartWord, Tiers};
pub use destinations::{
    AttioShape, BasicShape, DestinationShape, FieldsShape, HubSpotObject, HubSpotShape, PipedriveShape, ReadBackShape,
    RetryShape, SalesforceBecomesWord, SalesforceJwtShape, SalesforceShape, SlackShape, WebhookShape,
};
pub use history::HistoryShape;
pub use leads::{AcceptLinksShape, LeadsShape, OutcomesShape, ReRouteWord};
pub use reps::{CalendarsShape, CapsShape, RepShape, TierCapsShape};
pub use routing::{AssignWord, NeedsShape, RouteShape, SlaShape, TeamShape};
pub use server::{LimitsShape, ServerShape};
pub use signals::{PointsShape, SignalShape};
pub use sources::{CallWord, QuotasShape, SchemeWord, SignatureShape, SourceShape, TrustWord};
pub use store::{RedisShape, StoreShape};
pub use territories::{TerritoriesShape, UnknownWord};
pub use traits::{DeclaredTraitShape, TraitShape, TraitWord, TraitsShape};

use super::read::{List, Many, Named, section};
use super::yaml::Scalar;

section! {
    /// Handraiser's configuration: one YAML file, and further ones by `include`.
    ///
    /// Any value may contain `${NAME}` or `${NAME:-default}`, which is read from the environment; `$${` stands for a literal
    /// `${`.
    ConfigShape = "the configuration" {
        /// Further files, read as if they stood at this place: paths relative to this file, `*` in the file name allowed.
        /// Their mappings and lists are added to those of this file.
        #[schemars(extend("examples" = ["teams.yaml", ["counters/*.yaml", "routes.yaml"]]))]
        include: Many<Scalar>,
        /// What a change of the configuration may lose, said beforehand: `sources.<name>` that still send, `destinations.<name>`
        /// that leads wait for, `counters.<name>` with figures, or a whole section. Without it such a change is refused until
        /// `handraiser reload --accept`.
        #[schemars(extend("examples" = [["counters.tasks", "sources.old"]]))]
        accept: List<Scalar>,
        /// The time zone of calendar days, by its IANA name.
        #[schemars(extend("default" = "UTC", "examples" = ["Europe/Berlin"]))]
        time_zone: Scalar,
        /// The HTTP server.
        server: ServerShape,
        /// Where everything durable is kept. One of `embedded`, `redis` and `memory`.
        store: StoreShape,
        /// Where every event is kept as it was counted. By default nowhere: figures are kept, events are not.
        history: HistoryShape,
        /// Where the account of an event is found: the first that is there counts. `context.groupId`, `groupId` (of a group
        /// call), a path below `context.traits`, `traits` or `properties`, `last group` (the account of the user's last
        /// group call), `email domain` (of the user's work e-mail address; never a free-mail provider).
        #[schemars(extend(
            "default" = ["context.groupId", "groupId", "context.traits.company.id", "traits.company.id", "last group", "email domain"],
            "examples" = [["properties.workspace_id", "last group"]]
        ))]
        accounts: List<Scalar>,
        /// Ids that many people share, as a sender writes them who doesn't know whom an event is about. They never tie two
        /// histories together. In any case of letters; in addition to `anonymous`, `guest`, `null`, `undefined`, `0` and the
        /// like, which are always among them.
        #[schemars(extend("examples" = [["demo-user", "kiosk"]]))]
        shared_ids: List<Scalar>,
        /// Traits beyond those that are always known, with their types.
        traits: TraitsShape,
        /// Where events come from, by name.
        sources: Named<SourceShape>,
        /// What is counted, by name. Conditions use these names.
        counters: Named<CounterShape>,
        /// What has a name of its own: milestones, personas, ratios, scores. Conditions, routes and templates use these names.
        signals: Named<SignalShape>,
        /// What makes a user or an account a lead.
        definitions: List<DefinitionShape>,
        /// Who is never a lead, whatever the definition.
        never: NeverShape,
        /// Which leads there are beside each other. By default everybody who qualifies is a lead for each definition.
        leads: LeadsShape,
        /// What becomes of leads: won, or lost.
        outcomes: OutcomesShape,
        /// Groups of reps who share leads, by name.
        teams: Named<TeamShape>,
        /// When reps may be given leads, by their e-mail addresses: hours, holidays, absences, caps. Nobody is given a lead who is away.
        #[schemars(extend("examples" = [{ "ana@example.com": { "time_zone": "Europe/Berlin", "hours": "Mo-Fr 09:00-17:00", "holidays": "DE" } }]))]
        reps: Named<RepShape>,
        /// How the calendars of reps are read.
        calendars: CalendarsShape,
        /// Who gets whom: a table, from a spreadsheet or written here.
        territories: TerritoriesShape,
        /// Who gets a lead: the first route whose condition is true decides.
        routes: List<RouteShape>,
        /// Where leads are delivered, by name.
        destinations: Named<DestinationShape>,
    }
}
