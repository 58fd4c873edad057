//! Certificate authorities of a destination's own, as a CRM in a company's network has them: read and proven when the
//! configuration is loaded, so that no delivery has to find out.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Certificates of authorities, at least one. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

/// A file of certificates can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorities {
    /// The file holds no certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// A block of the file can't be read, for this reason.
    #[error("it is no PEM file: {0}")]
    NotPem(String),
    /// A certificate can't vouch for anybody.
    #[error("its certificate number {number} can't be used: {reason}")]
    Unusable {
        /// Which certificate of the file it is, from 1.
        number: usize,
        /// What the TLS library says against it.
        reason: String,
    },
}

impl Authorities {
    /// Reads the certificates of a PEM file; anything else in it, such as comments, is passed over.
    ///
    /// # Errors
    /// When there is none, or one that can't vouch for anybody.
    pub fn from_pem(pem: &str) -> Result<Self, BadAuthorities> {
        let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = read.map_err(|error| BadAuthorities::NotPem(error.to_string()))?;
        if certificates.is_empty() {
            return Err(BadAuthorities::Empty);
        }
        let mut store = RootCertStore::empty();
        for (at, certificate) in certificates.iter().enumerate() {
            store
                .add(certificate.clone())
                .map_err(|error| BadAuthorities::Unusable { number: at + 1, reason: error.to_string() })?;
        }
        Ok(Self(certificates.into()))
    }

    /// The certificates, encoded by DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let block = |inside: &str| format!("-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----\n");
        assert_eq!(Authorities::from_pem(""), Err(BadAuthorities::Empty));
        assert_eq!(Authorities::from_pem("# none yet\n"), Err(BadAuthorities::Empty));
        assert!(matches!(Authorities::from_pem(&block("?")), Err(BadAuthorities::NotPem(_))));
        let error = Authorities::from_pem(&block("AAAA")).expect_err("three zeroes");
        assert!(error.to_string().starts_with("its certificate number 1 can't be used: "), "{error}");
    }
}
