//! How a subject is named on the command line: `account acme.example`, `account:acme.example`.

use crate::ids::SubjectKind;

use super::output::CommandError;

/// Who is meant.
#[derive(Clone, Debug, clap::Args)]
pub struct SubjectArgs {
    /// `user` or `account`, followed by the id; or both in one: `account:acme.example`
    #[arg(value_name = "user|account")]
    kind: String,

    /// The id
    id: Option<String>,
}

impl SubjectArgs {
    /// The kind and the id.
    pub fn parse(&self) -> Result<(SubjectKind, String), CommandError> {
        let (kind, id) = match &self.id {
            Some(id) => (self.kind.as_str(), id.as_str()),
            None => self.kind.split_once(':').ok_or_else(|| self.unclear())?,
        };
        let kind = match kind {
            "user" => SubjectKind::User,
            "account" => SubjectKind::Account,
            _ => return Err(self.unclear()),
        };
        if id.is_empty() { Err(self.unclear()) } else { Ok((kind, id.to_owned())) }
    }

    fn unclear(&self) -> CommandError {
        let given = &self.kind;
        CommandError::message(format!(
            "`{given}` does not say who is meant; write `user ID` or `account ID`, for example `account {given}`"
        ))
    }
}
