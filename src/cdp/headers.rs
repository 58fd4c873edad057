//! The headers of a request, as far as this module cares.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Looks up headers by their lower-case names.
pub trait Headers {
    /// The value of header `name`, if the request has it.
    fn get(&self, name: &str) -> Option<&[u8]>;
}

/// Name and value pairs, names in lower case: for tests and recorded requests.
impl<const N: usize> Headers for [(&str, &str); N] {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_bytes())
    }
}

/// What `Authorization: Basic` carries: the user, and the password if there is a colon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Basic {
    pub user: Vec<u8>,
    pub password: Option<Vec<u8>>,
}

fn authorization<'h>(headers: &'h dyn Headers, scheme: &str) -> Option<&'h [u8]> {
    let value = headers.get("authorization")?.trim_ascii();
    let (found, rest) = value.split_at_checked(scheme.len())?;
    (found.eq_ignore_ascii_case(scheme.as_bytes()) && rest.starts_with(b" ")).then(|| rest.trim_ascii())
}

/// Reads `Authorization: Basic`; the credentials may lack their colon and their base64 its padding.
pub(super) fn basic(headers: &dyn Headers) -> Option<Basic> {
    let encoded = authorization(headers, "basic")?;
    let mut user = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok()?;
    let password = user.iter().position(|byte| *byte == b':').map(|colon| user.split_off(colon).split_off(1));
    Some(Basic { user, password })
}

/// Reads `Authorization: Bearer`.
pub(super) fn bearer(headers: &dyn Headers) -> Option<&[u8]> {
    authorization(headers, "bearer").filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> [(&'static str, &str); 1] {
        [("authorization", value)]
    }

    #[test]
    fn reads_basic_with_and_without_colon() {
        for (value, expected) in [
            ("Basic a2V5Og==", Some(("key", Some("")))),
            ("Basic a2V5Og", Some(("key", Some("")))),
            ("basic  a2V5", Some(("key", None))),
            ("BASIC a2V5OnA6dw==", Some(("key", Some("p:w")))),
            ("Basic", None),
            ("Basic %%%", None),
            ("Bearer a2V5", None),
        ] {
            let expected = expected
                .map(|(user, password)| Basic { user: user.into(), password: password.map(|p: &str| p.into()) });
            assert_eq!(basic(&headers(value)), expected, "{value}");
        }
    }

    #[test]
    fn reads_bearer() {
        assert_eq!(bearer(&headers("bearer  token ")), Some("token".as_bytes()));
        assert_eq!(bearer(&headers("Bearer ")), None);
        assert_eq!(bearer(&headers("Basic a2V5")), None);
        assert_eq!(bearer(&headers("Bearertoken")), None);
    }
}
