//! What arrives: authentication, signatures, the Segment spec, time correction → [`Event`]. Pure.
//!
//! This module knows nothing of HTTP servers, stores or leads: it turns bytes and headers into events, or into a
//! rejection that names the item and the reason.

pub mod event;
pub mod failure;
pub mod source;

pub use event::{Call, Event, MessageHash, Rejection};
pub use failure::{AuthFailure, ItemCode, RequestError};
pub use source::{Source, SourceName};
