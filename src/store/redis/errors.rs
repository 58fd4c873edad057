//! What an error of the client or of Redis means to the caller.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

pub(super) fn no_answer(within: Duration) -> StoreError {
    StoreError::Unavailable(format!("redis gave no answer within {} ms", within.as_millis()))
}

pub(super) fn moving() -> StoreError {
    StoreError::Unavailable("redis is moving the slot of the shard to another node".to_owned())
}

/// What an error of the client or of Redis means to the caller.
pub(super) fn store_error(error: &RedisError) -> StoreError {
    use ErrorKind::{AuthenticationFailed, InvalidClientConfig, RESP3NotSupported};
    let unusable = |hint: &str| StoreError::Unusable(format!("redis: {error}; {hint}"));
    match (error.kind(), error.code()) {
        (AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => unusable("check user and password in its url"),
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => unusable("grant the user this command and all keys"),
        (InvalidClientConfig, _) => unusable("check its url"),
        (RESP3NotSupported, _) => unusable("Handraiser needs Redis 7 or later"),
        (_, Some("WRONGTYPE")) => unusable("another program uses our keys; give Handraiser a database of its own"),
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => unusable("is it a cluster? set `cluster: true`"),
        (_, Some("OOM")) => {
            StoreError::Unavailable("redis is full (maxmemory): give it more memory, or keep less in it".to_owned())
        }
        _ => StoreError::Unavailable(format!("redis: {error}")),
    }
}
