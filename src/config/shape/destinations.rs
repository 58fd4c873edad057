//! `destinations`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, Many, Named, section};
use crate::config::scalar::{Count, Flag, Lasting, Size, choice};
use crate::config::yaml::Scalar;

section! {
    /// Where leads are delivered.
    DestinationShape = "this destination" {
        /// A webhook, signed as standardwebhooks.com says.
        webhook: WebhookShape,
        /// Channels of a Slack workspace: a message for each lead.
        slack: SlackShape,
        /// An account of HubSpot.
        hubspot: HubSpotShape,
        /// An account of Pipedrive: an organization, a person and a lead for each lead.
        pipedrive: PipedriveShape,
        /// A workspace of Attio: a company, a person and a deal (or a record of an object of your own) for each lead.
        attio: AttioShape,
        /// An org of Salesforce: a Lead, or a Contact with a Task, for each lead.
        salesforce: SalesforceShape,
        /// Which leads it gets: a condition over `lead` and the traits of its user and account, as in routes. News of a lead for which it
        /// is false or unknown is not delivered here. By default all of it is.
        #[schemars(extend("examples" = ["lead.tier <= 2"]))]
        when: ConditionText,
        /// What people there make of its leads, and how that comes back.
        outcomes: ReadBackShape,
        /// When a failed delivery is tried again.
        retry: RetryShape,
        /// How many deliveries may be under way at once, at most: it is begun with four, and they are fewer while the destination takes seconds to
        /// answer, is busy with them, or fails.
        #[schemars(extend("default" = 8))]
        concurrency: At<Count>,
        /// A file of certificates (PEM) that are trusted in place of the machine's own: the authority behind a CRM in your own
        /// network. Relative to the file that names it.
        #[schemars(extend("examples" = ["crm-ca.pem"]))]
        ca: Scalar,
        /// How long each exchange may take, from the connection to the last byte of the answer.
        #[schemars(extend("default" = "15s"))]
        timeout: At<Lasting>,
        /// How much of an answer is read; of HubSpot, Salesforce, Pipedrive and Attio 8MiB by default, since they describe all their fields
        /// at once.
        #[schemars(extend("default" = "64KiB"))]
        max_response_bytes: At<Size>,
        /// Private address ranges that this destination may be reached at. Public addresses are always allowed.
        #[schemars(extend("examples" = [["127.0.0.0/8", "10.20.0.0/16"]]))]
        allow_addresses: Many<Scalar>,
    }
}

section! {
    /// A webhook.
    WebhookShape = "`webhook`" {
        /// Where to post.
        #[schemars(extend("x-required" = true))]
        url: Scalar,
        /// The signing secret, `whsec_…`. Without one, requests are not signed.
        #[schemars(extend("examples" = ["${CRM_WEBHOOK_SECRET}"]))]
        secret: Scalar,
        /// Several: each signs, while the receiver moves from one to the next.
        secrets: Many<Scalar>,
        /// Sent with every request.
        headers: Named<Scalar>,
        /// A template (minijinja) that makes the body from the lead event. By default the lead event is sent as it is.
        template: Scalar,
        /// A flat body in place of the lead event: names, and templates over the lead event. For tools that can't read what is nested, such
        /// as Zapier.
        #[schemars(extend("examples" = [{ "email": "{{ lead.contact.email }}", "tier": "{{ lead.tier }}" }]))]
        fields: Named<Scalar>,
        /// Name and password, sent as `Authorization: Basic`; for receivers that check no signature.
        basic: BasicShape,
    }
}

section! {
    /// A Slack workspace: by a bot's `token` and a `channel`, or by the `webhook` URL of one channel.
    SlackShape = "`slack`" {
        /// The bot token of an app that is installed in the workspace.
        #[schemars(extend("examples" = ["${SLACK_BOT_TOKEN}"]))]
        token: Scalar,
        /// The id of a channel, or a template over the lead event that makes one.
        #[schemars(extend("examples" = ["C024BE91L", "{{ 'C024BE91L' if lead.tier == 1 else 'C0G9QF9GW' }}"]))]
        channel: Scalar,
        /// The URL of an incoming webhook, in place of a bot: messages are only posted, never changed, and nobody is mentioned.
        #[schemars(extend("examples" = ["${SLACK_WEBHOOK_URL}"]))]
        webhook: Scalar,
        /// A template over the lead event that makes the text of a message. By default the lead's summary.
        text: Scalar,
        /// Where the web API is.
        #[schemars(extend("default" = "https://slack.com/api/"))]
        api: Scalar,
    }
}

section! {
    /// An account of HubSpot.
    HubSpotShape = "`hubspot`" {
        /// A service key, or the access token of an app.
        #[schemars(extend("x-required" = true, "examples" = ["${HUBSPOT_TOKEN}"]))]
        token: Scalar,
        /// What a lead is there: `lead` (needs the Sales Hub), `deal`, or `none`: it stands on its contact, or on its company.
        #[schemars(extend("default" = "lead"))]
        object: At<HubSpotObject>,
        /// Create the `handraiser_*` properties that are missing. By default they have to be there; `handraiser crm test` says which are
        /// not.
        #[schemars(extend("default" = false))]
        create_properties: At<Flag>,
        /// Properties of contacts.
        contact: FieldsShape,
        /// Properties of companies.
        company: FieldsShape,
        /// Properties of the lead, or the deal.
        #[schemars(extend("examples" = [{ "once": { "hs_lead_label": "{{ 'HOT' if lead.tier == 1 else 'WARM' }}" } }]))]
        lead: FieldsShape,
        /// How many requests are made in any 10 seconds, at most. HubSpot takes 100 of one key, and 190 from Professional on.
        #[schemars(extend("default" = 90))]
        limit: At<Count>,
        /// The version of its API.
        #[schemars(extend("default" = "2026-03"))]
        version: Scalar,
        /// Where its API is.
        #[schemars(extend("default" = "https://api.hubapi.com/"))]
        api: Scalar,
    }
}

choice! {
    /// What a lead is in HubSpot.
    HubSpotObject {
        Lead = "lead",
        Deal = "deal",
        None = "none",
    }
}

section! {
    /// An account of Pipedrive.
    PipedriveShape = "`pipedrive`" {
        /// The company's own address.
        #[schemars(extend("x-required" = true, "examples" = ["https://example.pipedrive.com"]))]
        url: Scalar,
        /// A user's API token: what is made is made by that user.
        #[schemars(extend("x-required" = true, "examples" = ["${PIPEDRIVE_TOKEN}"]))]
        token: Scalar,
        /// Make the fields of ours that are missing. By default they have to be there; `handraiser crm test` says which are not.
        #[schemars(extend("default" = false))]
        create_fields: At<Flag>,
        /// Fields of persons, by name.
        person: FieldsShape,
        /// Fields of organizations, by name.
        organization: FieldsShape,
        /// Fields of leads, by name: those of deals.
        #[schemars(extend("examples" = [{ "once": { "Source channel": "Product" } }]))]
        lead: FieldsShape,
        /// How many requests are made in any 2 seconds, at most. Pipedrive takes 20 of one token on its smallest plan, and up to 120 on
        /// larger ones.
        #[schemars(extend("default" = 18))]
        limit: At<Count>,
    }
}

section! {
    /// A workspace of Attio.
    AttioShape = "`attio`" {
        /// An access token of the workspace.
        #[schemars(extend("x-required" = true, "examples" = ["${ATTIO_TOKEN}"]))]
        token: Scalar,
        /// What a lead is there: the slug of an object.
        #[schemars(extend("default" = "deals", "examples" = ["product_leads"]))]
        object: Scalar,
        /// Make the `handraiser_*` attributes that are missing. By default they have to be there; `handraiser crm test` says which are not.
        #[schemars(extend("default" = false))]
        create_attributes: At<Flag>,
        /// Attributes of people, by slug.
        person: FieldsShape,
        /// Attributes of companies, by slug.
        company: FieldsShape,
        /// Attributes of the object that leads are, by slug.
        #[schemars(extend("examples" = [{ "once": { "stage": "Lead", "value": "{{ lead.account.traits.seats * 12 }}" } }]))]
        lead: FieldsShape,
        /// Where its API is.
        #[schemars(extend("default" = "https://api.attio.com/"))]
        api: Scalar,
    }
}

section! {
    /// Fields of one kind of record at a destination, beyond those that are written anyway.
    FieldsShape = "these fields" {
        /// Written with every event of the lead's life: names at the destination, and templates over the lead event.
        #[schemars(extend("examples" = [{ "pql_tier": "{{ lead.tier }}" }]))]
        always: Named<Scalar>,
        /// Written when the record is made, and never again.
        once: Named<Scalar>,
    }
}

section! {
    /// An org of Salesforce: a lead becomes a Lead, or a Contact with a Task on its Account.
    SalesforceShape = "`salesforce`" {
        /// The org's own domain.
        #[schemars(extend("x-required" = true, "examples" = ["https://example.my.salesforce.com"]))]
        url: Scalar,
        /// The consumer key of an external client app.
        #[schemars(extend("x-required" = true, "examples" = ["${SALESFORCE_CLIENT_ID}"]))]
        client_id: Scalar,
        /// Its consumer secret (client credentials flow).
        #[schemars(extend("examples" = ["${SALESFORCE_CLIENT_SECRET}"]))]
        client_secret: Scalar,
        /// A certificate's key in place of the secret (JWT bearer flow).
        jwt: SalesforceJwtShape,
        /// The version of the API.
        #[schemars(extend("default" = "v66.0"))]
        api_version: Scalar,
        /// What a lead becomes: `contact_on_account_else_lead`, a Contact with a Task where its account is there, and a Lead where it isn't;
        /// `lead`; or `contact_only`, where the account is made if there is none.
        #[schemars(extend("default" = "contact_on_account_else_lead"))]
        becomes: At<SalesforceBecomesWord>,
        /// Fields of leads.
        lead: FieldsShape,
        /// Fields of contacts.
        contact: FieldsShape,
        /// Fields of accounts.
        account: FieldsShape,
        /// Whether the owner gets a Task where the lead becomes a Contact.
        #[schemars(extend("default" = true))]
        task: At<Flag>,
        /// Whether records are made though a duplicate rule warns of them.
        #[schemars(extend("default" = false))]
        allow_duplicates: At<Flag>,
    }
}

section! {
    /// The JWT bearer flow.
    SalesforceJwtShape = "`jwt`" {
        /// A file with the private RSA key (PEM, without a passphrase) of the certificate that the app holds. Relative to the file that
        /// names it.
        #[schemars(extend("x-required" = true, "examples" = ["salesforce-key.pem"]))]
        key: Scalar,
        /// The name of the user that it acts as.
        #[schemars(extend("x-required" = true, "examples" = ["handraiser@example.com"]))]
        user: Scalar,
        /// Whom the assertion is for: `https://test.salesforce.com` for a sandbox.
        #[schemars(extend("default" = "https://login.salesforce.com"))]
        audience: Scalar,
    }
}

choice! {
    /// What a lead becomes.
    SalesforceBecomesWord {
        ContactOnAccountElseLead = "contact_on_account_else_lead",
        Lead = "lead",
        ContactOnly = "contact_only",
    }
}

section! {
    /// A name and a password.
    BasicShape = "`basic`" {
        /// The name.
        #[schemars(extend("x-required" = true))]
        user: Scalar,
        /// The password.
        #[schemars(extend("x-required" = true))]
        password: Scalar,
    }
}

section! {
    /// What people at a destination make of leads: a CRM is asked every few minutes what became of those that it was given.
    ReadBackShape = "`outcomes`" {
        /// How long after one time it is asked again.
        #[schemars(extend("default" = "5m"))]
        every: At<Lasting>,
        /// Never ask it.
        #[schemars(extend("default" = false))]
        off: At<Flag>,
        /// What the CRM's pushes to `/v1/outcomes/<name>` are proven by: one that says that something has changed makes it be asked at once.
        /// Of HubSpot the app's client secret, of Attio the webhook's secret, of Pipedrive the webhook's HTTP password, of Salesforce what
        /// stands behind `?secret=` in the outbound message's address. Of Slack the app's signing secret: messages have buttons then, to accept
        /// or turn down a lead. Of a webhook a secret (`whsec_…`) by which whoever receives leads signs what became of them.
        #[schemars(extend("examples" = ["${CRM_PUSH_SECRET}"]))]
        secret: Scalar,
        /// HubSpot alone: the address that it was told to push to, which its signature covers.
        #[schemars(extend("examples" = ["https://leads.example.com/v1/outcomes/hubspot"]))]
        url: Scalar,
        /// Salesforce alone: the id of the organisation whose pushes are taken, as Setup → Company Information and `handraiser crm test` show it. A
        /// sandbox that is copied from it has the same outbound messages and the same addresses in them.
        #[schemars(extend("examples" = ["00D5g00000ABcdeEAF"]))]
        organization: Scalar,
        /// What the names of stages mean there, in the CRM's own words; what is said here wins over what they mean by default. The page of
        /// each CRM says which names count.
        #[schemars(extend("examples" = [{ "accepted": ["Contacted"], "rejected": ["Junk", "Duplicate"] }]))]
        stages: StagesShape,
    }
}

section! {
    /// Names of stages, by what they mean.
    StagesShape = "`stages`" {
        /// Nobody has touched it.
        new: Many<Scalar>,
        /// Its owner has taken it on.
        accepted: Many<Scalar>,
        /// Somebody is working it.
        working: Many<Scalar>,
        /// It was turned down.
        rejected: Many<Scalar>,
        /// They won't buy.
        lost: Many<Scalar>,
        /// They bought.
        won: Many<Scalar>,
    }
}

section! {
    /// When a failed delivery is tried again. The defaults give up after about a day.
    RetryShape = "`retry`" {
        /// Attempts in all; after the last one the delivery is kept as dead, to be replayed.
        #[schemars(extend("default" = 15))]
        max_attempts: At<Count>,
        /// The wait after the first failure; doubled after each further one.
        #[schemars(extend("default" = "10s"))]
        base: At<Lasting>,
        /// The longest wait; caps what a receiver asks for by `Retry-After`, too.
        #[schemars(extend("default" = "6h"))]
        cap: At<Lasting>,
    }
}
