//! What goes wrong with the file, in the words of the store's contract.

use std::path::Path;

use crate::store::StoreError;

/// What an error of SQLite means to a caller: what is damaged or closed to us needs an operator, all else may pass.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows, Utf8Error,
        };
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseCorrupt, NotADatabase, PermissionDenied, ReadOnly};
        // Tables are strict and rows are ours: a value that can't be, or a row where none should be, is damage.
        let impossible = matches!(
            error,
            FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | QueryReturnedNoRows
                | Utf8Error(..)
        );
        match error.sqlite_error_code() {
            Some(NotADatabase) => Self::Unusable(
                "the file is no database, or is damaged: restore it from a backup, or name another file in `store.path`"
                    .to_owned(),
            ),
            Some(PermissionDenied | ReadOnly) => Self::Unusable(format!("the file can't be written ({error})")),
            Some(DatabaseCorrupt | ConstraintViolation) => damaged(&format!("the file ({error})")),
            _ if impossible => damaged(&format!("the file ({error})")),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Says in `error` which file it is about.
pub(super) fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", path.display())),
        StoreError::Unusable(why) => StoreError::Unusable(format!("{}: {why}", path.display())),
    }
}

/// What a damaged place is called: `what` is not as it was written.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Unusable(format!("{what} is damaged: restore the file from a backup"))
}
