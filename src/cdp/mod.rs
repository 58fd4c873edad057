//! What arrives: authentication, signatures, the Segment spec, time correction → [`Event`]. Pure.
//!
//! This module knows nothing of HTTP servers, stores or leads: [`receive()`] turns bytes and headers into events, or into
//! rejections that name the item and the reason. One bad call never spoils the others of its request.

mod auth;
mod body;
pub mod event;
pub mod failure;
mod headers;
mod ids;
mod item;
mod lenient;
mod normalise;
pub mod pixel;
mod receive;
pub mod signature;
pub mod source;
#[cfg(test)]
mod tests;
mod wanted;
pub mod when;

pub use auth::{query_write_key, source_of_write_key};
pub use event::{Call, Event, MessageHash, Rejection};
pub use failure::{AuthFailure, ItemCode, RequestError};
pub use headers::Headers;
pub use item::INTEGRATION;
pub use receive::{Endpoint, Parsed, Request, identify_source, receive};
pub use signature::Vouched;
pub use source::{Source, SourceName};
pub use wanted::WantedProperties;
