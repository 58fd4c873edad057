//! The assertion by which an app with a certificate proves who it is (RFC 7523). Signed by what TLS signs with, so that no other
//! implementation of RSA is in the program.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::Signer;
use serde_json::{Value, json};

use crate::secret::Secret;

/// A private key can't be used. Nothing of it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// There is none.
    #[error("there is no private key in it (PEM, without a passphrase)")]
    NotPem,
    /// It is one of another kind.
    #[error("its key is no RSA key of 2048 to 8192 bits")]
    NotRsa,
    /// It would not sign.
    #[error("its key can't sign")]
    Unsigned,
}

fn signer(key: &Secret) -> Result<Box<dyn Signer>, BadKey> {
    let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| BadKey::NotPem)?;
    let key = any_supported_type(&der).map_err(|_| BadKey::NotRsa)?;
    key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(BadKey::NotRsa)
}

/// Sees whether a private key can sign.
///
/// # Errors
/// When it can't.
pub fn check(key: &Secret) -> Result<(), BadKey> {
    signer(key).map(|_| ())
}

/// Signs claims (RS256).
///
/// # Errors
/// When the key can't be used.
pub fn assertion(key: &Secret, claims: &Value) -> Result<String, BadKey> {
    let signer = signer(key)?;
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&json!({ "alg": "RS256", "typ": "JWT" })), encode(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| BadKey::Unsigned)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
