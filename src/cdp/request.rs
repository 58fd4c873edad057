//! A request, free of any server's types.

use super::headers::Headers;
use crate::event::Call;
use crate::ids::SubjectKind;
use crate::time::Millis;

/// What an address says about the calls that are sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// Calls of one kind, as `/v1/track`. A source with a proof may send any kind here, by the calls' own `type`.
    Call(Call),
    /// Calls of any kind, by their own `type`.
    Batch,
    /// A kind of call that SDKs know and this program has no use for, such as `merge`.
    Unsupported(&'static str),
    /// Calls of any kind from the source of this name.
    Webhook(&'a str),
    /// What the source knows of one user or account, by its id.
    Traits(SubjectKind, &'a str),
}

/// A request, free of any server's types.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What the address says about the calls in the body.
    pub endpoint: Endpoint<'a>,
    /// The headers: where write keys, secrets and signatures are found.
    pub headers: &'a dyn Headers,
    /// The query string, without `?`.
    pub query: &'a str,
    /// Decompressed.
    pub body: &'a [u8],
    /// When this server received it; the age of signatures and the times of events are judged by it.
    pub received_at: Millis,
}
