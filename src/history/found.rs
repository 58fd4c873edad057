//! What lies in a place, as listing it tells.

/// Something that lies there.
pub(super) struct Found {
    /// Where, as a path below the place.
    pub key: String,
    /// How long it is.
    pub bytes: u64,
}
