//! `sources`.

use crate::config::read::{At, Many, section};
use crate::config::scalar::{Count, Flag, Lasting, choice};
use crate::config::yaml::Scalar;

section! {
    /// Where events come from: an SDK with a write key, or a webhook that proves itself. A source with both wants both.
    SourceShape = "this source" {
        /// What SDKs present.
        #[schemars(extend("examples" = ["${APP_WRITE_KEY}"]))]
        write_key: Scalar,
        /// Several that are valid at once, while keys rotate.
        write_keys: Many<Scalar>,
        /// How a webhook proves that it is the one. It posts to `/v1/webhook/<name of the source>`.
        signature: SignatureShape,
        /// Whether event times are corrected for the sender's clock. By default `true`, and `false` with a `signature`,
        /// since a CDP has done it already.
        correct_time: At<Flag>,
        /// How much may come from it in an hour.
        quotas: QuotasShape,
        /// How far the source is believed. `public`: anybody can send with its write key, as with one that stands in a web page.
        /// It ties anonymous ids only, deletes nobody, and changes no trait and no membership that a `server` source set. By
        /// default `server` with a `signature`, else `public`. Set it to `server` for a write key that only your own servers
        /// have, and to `public` for a CDP's webhook that passes on what browsers say.
        trust: At<TrustWord>,
        /// Which calls are taken; the others are rejected. By default all.
        #[schemars(extend("examples" = [["track", "page", "identify"]]))]
        allow: Many<At<CallWord>>,
    }
}

choice! {
    /// How far a source is believed.
    TrustWord {
        Public = "public",
        Server = "server",
    }
}

choice! {
    /// A call of the Segment spec.
    CallWord {
        Track = "track",
        Identify = "identify",
        Group = "group",
        Page = "page",
        Screen = "screen",
        Alias = "alias",
        Delete = "delete",
        Traits = "traits",
    }
}

section! {
    /// How much may come from a source in an hour. Beyond a quota its requests are answered with 429 and `Retry-After`; leads beyond
    /// theirs are held until you release them.
    QuotasShape = "`quotas`" {
        /// Events, counted by each server. By default as many as come.
        events: At<Count>,
        /// Events of one client address (or of one IPv6 /64), counted by each server. By default as many as come. Mind offices and
        /// mobile networks, where many people share an address, and `server.trusted_proxies`.
        client_events: At<Count>,
        /// Users and accounts that were not known before, counted by each server in what it applies. By default as many as come.
        new_subjects: At<Count>,
        /// Ids that are merged into users, counted as `new_subjects` are. By default as many as come.
        merges: At<Count>,
        /// Leads, counted over all servers. By default 1000 from a `public` source, and no bound from a `server`.
        leads: At<Count>,
        /// How many leads are held at once, over all servers. Those beyond it are let go: no destination hears of them, they are not
        /// stored, and whoever they are about may make another by what they do from a day later on.
        #[schemars(extend("default" = 10_000))]
        held_leads: At<Count>,
        /// For how long a lead is held. One that nobody released by then is let go like those beyond `held_leads`.
        #[schemars(extend("default" = "30d"))]
        held_for: At<Lasting>,
    }
}

section! {
    /// How a webhook proves that it is the one.
    SignatureShape = "`signature`" {
        /// `segment`: Segment's `X-Signature`. `hmac_sha256`: a header with the hex HMAC-SHA256 of the body.
        /// `standard_webhooks`: see standardwebhooks.com. `header`: a fixed header, as RudderStack can send. `basic`,
        /// `bearer`: as in HTTP.
        #[schemars(extend("x-required" = true))]
        scheme: At<SchemeWord>,
        /// The shared secret; with `header` the header's value, with `basic` the password, with `bearer` the token.
        #[schemars(extend("examples" = ["${SEGMENT_SHARED_SECRET}"]))]
        secret: Scalar,
        /// Several that are valid at once, while secrets rotate.
        secrets: Many<Scalar>,
        /// The header, with `hmac_sha256` (by default `X-Signature`) and `header`.
        header: Scalar,
        /// The user name, with `basic`.
        user: Scalar,
        /// With `segment`: refuse batches of which only the first event is signed. Segment signs batches like that today, so
        /// leave it off unless batching is off.
        #[schemars(extend("default" = false))]
        strict: At<Flag>,
        /// With `segment` and `hmac_sha256`: how old a signed event may be, by its own `receivedAt`, `sentAt` or `timestamp`. Older
        /// ones are refused, since somebody could have recorded them. By default only deletions have a bound, 2 days; with one of
        /// your own, old events can't be replayed from Segment.
        #[schemars(extend("examples" = ["1d"]))]
        max_age: At<Lasting>,
    }
}

choice! {
    /// How a webhook proves itself.
    SchemeWord {
        Segment = "segment",
        HmacSha256 = "hmac_sha256",
        StandardWebhooks = "standard_webhooks",
        Header = "header",
        Basic = "basic",
        Bearer = "bearer",
    }
}
