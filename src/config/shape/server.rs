//! `server`.

use crate::config::read::{At, Many, section};
use crate::config::scalar::{Count, Lasting, Size};
use crate::config::yaml::Scalar;

section! {
    /// The HTTP server.
    ServerShape = "`server`" {
        /// The address to listen at. Changing it needs a restart.
        #[schemars(extend("default" = "0.0.0.0:8080"))]
        listen: Scalar,
        /// An address of its own for operators: the admin API, `/docs`, `/openapi.json` and `/metrics` are then answered there and
        /// nowhere else; events are not. `/health` and `/ready` are answered at both. Changing it needs a restart.
        #[schemars(extend("examples" = ["127.0.0.1:8081", "10.0.0.5:8081"]))]
        admin_listen: Scalar,
        /// HTTP worker threads; by default one per core. Changing it needs a restart.
        workers: At<Count>,
        /// The addresses of the proxies in front of this server. What these say of a client's address (`X-Forwarded-For`, or
        /// `Forwarded` where that is missing), host and scheme is believed; nobody else is. Without them every request counts
        /// as the peer's own.
        #[schemars(extend("examples" = ["10.0.0.0/8", ["10.20.0.7", "10.20.0.8"]]))]
        trusted_proxies: Many<Scalar>,
        /// The bearer token of the admin API. Without one the admin API answers nobody.
        #[schemars(extend("examples" = ["${HANDRAISER_ADMIN_TOKEN}"]))]
        admin_token: Scalar,
        /// Bounds on what a request may be.
        limits: LimitsShape,
        /// Where traces go: the base URL of an OTLP/HTTP endpoint. By default nowhere.
        #[schemars(extend("examples" = ["http://collector:4318"]))]
        otlp_endpoint: Scalar,
        /// How long a graceful stop may take.
        #[schemars(extend("default" = "30s"))]
        drain_timeout: At<Lasting>,
    }
}

section! {
    /// Bounds on what a request may be.
    LimitsShape = "`limits`" {
        /// The size of one event.
        #[schemars(extend("default" = "32KiB"))]
        event: At<Size>,
        /// The size of a request, decompressed.
        #[schemars(extend("default" = "4MB"))]
        request: At<Size>,
        /// How many events a batch may hold.
        #[schemars(extend("default" = 2500))]
        batch_events: At<Count>,
        /// The text of one trait or property, everything within it included. What is larger is cut, and the event is taken.
        #[schemars(extend("default" = "1KiB"))]
        value: At<Size>,
        /// Elements of a list in a trait or property, and entries of an object. The first ones are kept.
        #[schemars(extend("default" = 100))]
        list: At<Count>,
        /// All traits of one user or account, in memory. Beyond it those that nothing reads leave, and then the largest.
        #[schemars(extend("default" = "32KiB"))]
        traits: At<Size>,
        /// The size of a request to a source with a `signature`, decompressed. A CDP doesn't send again what is too large, so this
        /// is more than any of them sends.
        #[schemars(extend("default" = "64MB"))]
        signed_request: At<Size>,
        /// How many events a batch may hold that is sent to a source with a `signature`.
        #[schemars(extend("default" = 10000))]
        signed_batch_events: At<Count>,
        /// The size of a request whose headers prove nothing, since its write key is in its body.
        #[schemars(extend("default" = "1MB"))]
        unproven_request: At<Size>,
        /// The bodies that are arriving or being worked on, all together; beyond it the answer is 429. Those whose headers prove
        /// nothing share a quarter as much beside the others.
        #[schemars(extend("default" = "256MB"))]
        bodies: At<Size>,
        /// How much of that may be one client's, by its address.
        #[schemars(extend("default" = "128MB"))]
        bodies_per_address: At<Size>,
        /// How much of a body must arrive in each second, after the first five; what is slower is refused.
        #[schemars(extend("default" = "1KB"))]
        body_pace: At<Size>,
        /// How many connections may be open, as far as the operating system lets the process have two file descriptors for each.
        /// At that number, one that does nothing makes room for a new one.
        #[schemars(extend("default" = 10000))]
        connections: At<Count>,
        /// How many of them may be one client's, by its address. Trusted proxies may have more.
        #[schemars(extend("default" = 2500))]
        connections_per_address: At<Count>,
        /// How many requests are worked on at once, once they are read; beyond it the answer is 429.
        #[schemars(extend("default" = 1024))]
        in_flight: At<Count>,
        /// How many entries of one shard's log may wait to be applied; beyond it the answer is 503, with `Retry-After`.
        #[schemars(extend("default" = 20000))]
        backlog: At<Count>,
    }
}
