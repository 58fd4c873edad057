//! Signing, as Standard Webhooks 1.0 says (<https://www.standardwebhooks.com>). Pure.
//!
//! The signed text is `{id}.{timestamp}.{body}`, the signature HMAC-SHA256 in base64. Every configured secret signs, so that
//! receivers can move from one to the next while both are valid.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Base64 with or without padding: secrets are pasted in both forms.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret can't be used for signing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// What stands after `whsec_` is not base64.
    #[error("the signing secret is not base64; write `whsec_` and the base64 of 24 to 64 random bytes")]
    NotBase64,
    /// Nothing stands after `whsec_`.
    #[error("the signing secret is empty; write `whsec_` and the base64 of 24 to 64 random bytes")]
    Empty,
}

/// The key in a `whsec_…` secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// Reads a secret. `whsec_` may be missing, and there may be the `v1,` that some tools put before it. A key that is shorter
    /// than the specification's 24 bytes is used all the same: what the receiver has is what counts, and `handraiser check`
    /// warns.
    ///
    /// # Errors
    /// When it isn't base64, or nothing at all.
    pub fn parse(secret: &Secret) -> Result<Self, BadSecret> {
        let text = secret.expose().trim();
        let text = text.strip_prefix("v1,").unwrap_or(text);
        let text = text.strip_prefix("whsec_").unwrap_or(text);
        let key = LENIENT.decode(text).map_err(|_| BadSecret::NotBase64)?;
        if key.is_empty() { Err(BadSecret::Empty) } else { Ok(Self(key)) }
    }

    fn mac(&self, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        mac
    }

    /// `v1,` and the signature.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signature = self.mac(id, timestamp, body).finalize().into_bytes();
        format!("v1,{}", general_purpose::STANDARD.encode(signature))
    }

    /// Whether one of the signatures in a `webhook-signature` header is this key's; in constant time.
    pub fn verify(&self, header: &str, id: &str, timestamp: i64, body: &[u8]) -> bool {
        let signatures = header.split(' ').filter_map(|part| part.strip_prefix("v1,"));
        let decoded = signatures.filter_map(|text| general_purpose::STANDARD.decode(text).ok());
        decoded.into_iter().any(|signature| self.mac(id, timestamp, body).verify_slice(&signature).is_ok())
    }
}

/// The value of `webhook-signature`: every key's signature, separated by spaces. `None` without keys.
pub fn signature_header(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNED: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn key(text: &str) -> Result<SigningKey, BadSecret> {
        SigningKey::parse(&Secret::new(text))
    }

    #[test]
    fn signs_the_vector_of_the_reference_library() {
        let key = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a good secret");
        assert_eq!(key.sign(ID, 1_649_367_553, BODY), SIGNED);
        assert!(key.verify(&format!("v1a,xx v2,{SIGNED} {SIGNED}"), ID, 1_649_367_553, BODY));
        assert!(!key.verify(SIGNED, ID, 1_649_367_554, BODY));
        assert!(!key.verify("", ID, 1_649_367_553, BODY));
    }

    #[test]
    fn a_secret_may_come_in_every_form_in_which_people_paste_it() {
        let plain = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        for form in [
            "v1,whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            " C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        ] {
            assert_eq!(key(form), plain, "{form}");
        }
        assert_eq!(key("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU="), key("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        assert_eq!(key("correct horse battery"), Err(BadSecret::NotBase64));
        assert_eq!(key("whsec_"), Err(BadSecret::Empty));
        assert!(key("whsec_c2hvcnQ=").is_ok(), "short, but the receiver may have no other");
    }

    #[test]
    fn all_keys_sign() {
        let keys = [key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), key("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=")];
        let keys = keys.map(|key| key.expect("good secrets"));
        let header = signature_header(&keys, ID, 1_649_367_553, BODY).expect("two keys");
        assert!(header.starts_with(SIGNED) && header.split(' ').count() == 2);
        assert!(keys.iter().all(|key| key.verify(&header, ID, 1_649_367_553, BODY)));
        assert_eq!(signature_header(&[], ID, 1, BODY), None);
    }

    #[test]
    fn a_key_never_shows_itself() {
        assert_eq!(format!("{:?}", key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")), "Ok(SigningKey(…))");
    }
}
