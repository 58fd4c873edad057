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

impl<'a> Endpoint<'a> {
    /// The name that the address holds; empty where it holds none.
    pub const fn name(&self) -> &'a str {
        match self {
            Self::Webhook(name) | Self::Traits(_, name) => name,
            Self::Call(_) | Self::Batch | Self::Unsupported(_) => "",
        }
    }

    /// The same address with another name.
    pub const fn named<'b>(&self, name: &'b str) -> Endpoint<'b> {
        match *self {
            Self::Webhook(_) => Endpoint::Webhook(name),
            Self::Traits(kind, _) => Endpoint::Traits(kind, name),
            Self::Call(call) => Endpoint::Call(call),
            Self::Batch => Endpoint::Batch,
            Self::Unsupported(kind) => Endpoint::Unsupported(kind),
        }
    }
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
