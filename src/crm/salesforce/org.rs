//! An org as it is configured.

use std::sync::Arc;

use url::Url;

use crate::crm::mapping::Fields;
use crate::crm::stages::Stages;
use crate::secret::Secret;

/// The field of leads and tasks that holds the lead's id.
pub const LEAD_ID: &str = "handraiser_lead_id__c";
/// The field of contacts that holds the user's id.
pub const USER_ID: &str = "handraiser_user_id__c";
/// The field of accounts that holds the account's id.
pub const ACCOUNT_ID: &str = "handraiser_account_id__c";

/// An org of Salesforce.
#[derive(Clone, Debug, PartialEq)]
pub struct Salesforce {
    /// `https://example.my.salesforce.com/`, with a slash at its end.
    pub url: Url,
    /// The consumer key of the external client app.
    pub client_id: Arc<str>,
    /// How it proves who it is.
    pub login: Login,
    /// `v66.0`
    pub api_version: Arc<str>,
    /// What a lead becomes.
    pub matching: Matching,
    /// Fields of leads.
    pub lead: Fields,
    /// Fields of contacts.
    pub contact: Fields,
    /// Fields of accounts.
    pub account: Fields,
    /// What statuses and stages mean here.
    pub stages: Stages,
    /// Whether the owner gets a task where the lead is not a record of its own.
    pub task: bool,
    /// Whether records are made though a duplicate rule warns of them.
    pub allow_duplicates: bool,
}

/// How an app proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// OAuth client credentials: the consumer secret.
    Secret(Secret),
    /// OAuth JWT bearer.
    Jwt {
        /// The private key, PEM.
        key: Secret,
        /// The user name that it acts as.
        user: Arc<str>,
        /// Whom the assertion is for: `https://login.salesforce.com`.
        audience: Arc<str>,
    },
}

/// What a lead becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// A contact with a task where its account is there, and a lead where it isn't.
    ContactOnAccountElseLead,
    /// A lead.
    Lead,
    /// A contact with a task; the account is made where there is none.
    ContactOnly,
}

impl Salesforce {
    /// A place of the REST API, from the host's root: `/services/data/v66.0/query`.
    pub fn path(&self, below: &str) -> String {
        format!("{}services/data/{}/{below}", self.url.path(), self.api_version)
    }

    /// Its URL.
    pub fn at(&self, below: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&self.path(below));
        url
    }
}

/// An id of ours as a key that may stand in the path of a URL: letters, digits, `_` and `-` as they are, anything else as `~` and its
/// code. Salesforce reads what follows a dot as the format of the answer (`.inc` is not found). A long one ends in a hash of the whole.
pub fn key(id: &str) -> String {
    let mut key = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => key.push(char::from(byte)),
            _ => key.push_str(&format!("~{byte:02X}")),
        }
    }
    if key.len() > MAX_KEY {
        let hash = xxhash_rust::xxh3::xxh3_128(id.as_bytes());
        key.truncate(MAX_KEY);
        key.push_str(&format!("~{hash:032x}"));
    }
    key
}

/// The longest key without a hash, in characters: a text field holds 255.
const MAX_KEY: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_stand_in_a_path_and_no_two_ids_share_one() {
        assert_eq!(key("u-17"), "u-17");
        assert_eq!(key("acme.inc"), "acme~2Einc");
        assert_eq!(key("a/b~2E'é"), "a~2Fb~7E2E~27~C3~A9");
        let (one, two) = (key(&"x".repeat(300)), key(&"x".repeat(301)));
        assert!(one.len() == 233 && one != two, "{one}");
    }
}
