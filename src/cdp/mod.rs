//! What arrives: authentication, signatures, the Segment spec, time correction → [`Event`](crate::event::Event). Pure.
//!
//! This module knows nothing of HTTP servers, stores or leads: [`receive()`] turns bytes and headers into events, or into
//! rejections that name the item and the reason. One bad call never spoils the others of its request.

mod admission;
mod auth;
mod body;
mod bounded;
pub mod failure;
mod headers;
mod ids;
mod item;
mod lenient;
mod limits;
mod mend;
mod normalise;
mod object;
pub mod pixel;
mod receive;
mod request;
pub mod signature;
pub mod source;
#[cfg(test)]
mod tests;
mod wanted;
pub mod when;

pub use admission::{Admission, admit};
pub use auth::source_of_write_key;
pub use failure::{AuthFailure, ItemCode, RequestError};
pub use headers::Headers;
pub use limits::{Limits, ValueLimits};
pub use receive::{Parsed, identify_source, receive, receive_from, receive_if};
pub use request::{Endpoint, Request};
pub use signature::Vouched;
pub use source::{Quotas, Source};
pub use wanted::WantedProperties;
