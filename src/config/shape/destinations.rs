//! `destinations`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, Many, Named, section};
use crate::config::scalar::{Count, Lasting, Size};
use crate::config::yaml::Scalar;

section! {
    /// Where leads are delivered.
    DestinationShape = "this destination" {
        /// A webhook, signed as standardwebhooks.com says.
        webhook: WebhookShape,
        /// Channels of a Slack workspace: a message for each lead.
        slack: SlackShape,
        /// Which leads it gets: a condition over `lead` and the traits of its user and account, as in routes. News of a lead for which it
        /// is false or unknown is not delivered here. By default all of it is.
        #[schemars(extend("examples" = ["lead.tier <= 2"]))]
        when: ConditionText,
        /// When a failed delivery is tried again.
        retry: RetryShape,
        /// How many deliveries may be under way at once.
        #[schemars(extend("default" = 8))]
        concurrency: At<Count>,
        /// A file of certificates (PEM) that are trusted in place of the machine's own: the authority behind a CRM in your own
        /// network. Relative to the file that names it.
        #[schemars(extend("examples" = ["crm-ca.pem"]))]
        ca: Scalar,
        /// How long each exchange may take, from the connection to the last byte of the answer.
        #[schemars(extend("default" = "15s"))]
        timeout: At<Lasting>,
        /// How much of an answer is read.
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
