//! Links by which the owner of a lead says that they take it on: signed, for one owner, and for some days. Pure.
//!
//! Opening one changes nothing, since scanners of mail open every link; it shows a page with a button.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_64;

use crate::secret::Secret;
use crate::time::Millis;

/// So many bytes of a signature stand in a link: nobody finds 128 bits by trying.
const SIGNATURE: usize = 16;

/// How links are made, and known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptLinks {
    /// Where this server is reached: `https://pql.example.com`.
    pub url: Box<str>,
    /// What they are signed with.
    pub secret: Secret,
    /// For how many milliseconds they are good.
    pub valid: i64,
}

/// What proves that a link was made here.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// Until when it is good.
    pub until: Millis,
    /// For whom it is: see [`AcceptLinks::is_for`].
    pub whom: &'a str,
    /// The signature.
    pub signature: &'a str,
}

impl AcceptLinks {
    /// The link for the owner of a lead who gets it at `now`.
    pub fn link(&self, lead: &str, owner: &str, now: Millis) -> String {
        let (until, whom) = (now.plus(self.valid), whom(owner));
        let signature = self.mac(lead, &whom, until).finalize().into_bytes();
        let signature = hex::encode(signature.get(..SIGNATURE).unwrap_or(&signature));
        format!("{}/v1/accept/{lead}?until={}&for={whom}&signature={signature}", self.url, until.0)
    }

    /// Whether a link to this lead was made here; in constant time. Whether it is still good, its `until` says.
    pub fn is_ours(&self, lead: &str, proof: Proof<'_>) -> bool {
        let Ok(signature) = hex::decode(proof.signature) else { return false };
        signature.len() == SIGNATURE
            && self.mac(lead, proof.whom, proof.until).verify_truncated_left(&signature).is_ok()
    }

    /// Whether a link is for this owner.
    pub fn is_for(owner: &str, proof: Proof<'_>) -> bool {
        whom(owner) == proof.whom
    }

    fn mac(&self, lead: &str, whom: &str, until: Millis) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes());
        let mac = mac.expect("HMAC takes keys of any length");
        mac.chain_update(format!("accept\n{lead}\n{whom}\n{}", until.0))
    }
}

/// An address, without telling it to whoever sees the link.
fn whom(owner: &str) -> String {
    format!("{:016x}", xxh3_64(owner.to_ascii_lowercase().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_lead_its_owner_and_its_time_alone() {
        let links = AcceptLinks { url: "https://x.example".into(), secret: Secret::new("0123456789"), valid: 1_000 };
        let link = links.link("lead_1", "Ana@x.example", Millis(5_000));
        let rest = link.strip_prefix("https://x.example/v1/accept/lead_1?until=6000&for=").expect("the form");
        let (whom, signature) = rest.split_once("&signature=").expect("the form");
        let proof = Proof { until: Millis(6_000), whom, signature };
        assert!(links.is_ours("lead_1", proof) && AcceptLinks::is_for("ana@x.example", proof));
        assert!(!AcceptLinks::is_for("ben@x.example", proof));
        assert!(!links.is_ours("lead_2", proof));
        assert!(!links.is_ours("lead_1", Proof { until: Millis(6_001), ..proof }));
        assert!(!links.is_ours("lead_1", Proof { whom: "0000000000000000", ..proof }));
        let short: String = signature.chars().skip(2).collect();
        for signature in ["", "zz", &short, &format!("{short}gg")] {
            assert!(!links.is_ours("lead_1", Proof { signature, ..proof }), "{signature}");
        }
        let other = AcceptLinks { secret: Secret::new("9876543210"), ..links.clone() };
        assert!(!other.is_ours("lead_1", proof));
    }
}
