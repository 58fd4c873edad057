//! Whether a push that says that something has changed is a CRM's own. Pure.
//!
//! Nothing that a CRM's says is believed: all of them carry ids at best, come late, twice or in any order. One that is proven makes the
//! next reading come at once. A button that was pressed in Slack, and a program that signs as Standard Webhooks says, say something of a
//! lead ([`super::said`]).
//!
//! | CRM        | how it proves itself                                                                          |
//! |------------|-----------------------------------------------------------------------------------------------|
//! | HubSpot    | HMAC-SHA256 over method, public URL, body and time, by the app's secret; no older than 5 minutes |
//! | Attio      | HMAC-SHA256 over the body, by the webhook's secret                                            |
//! | Pipedrive  | the password of basic authentication                                                          |
//! | Slack      | HMAC-SHA256 over time and body, by the app's signing secret; no older than 5 minutes           |
//! | a program  | Standard Webhooks: HMAC-SHA256 over id, time and body; no older than 5 minutes                 |
//! | Salesforce | nothing signs an outbound message: the secret stands in its address, `?secret=…`; its body names the organisation, which is looked at where it is known |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::said::{self, Said};
use super::sign::SigningKey;
use crate::secret::Secret;
use crate::time::Millis;

/// How old a push may be, and how far apart the clocks, in milliseconds.
const OLD: i64 = 5 * 60 * 1_000;
/// What Salesforce wants to hear; else it sends again for a day.
const ACK: &str = r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"#;

/// How a destination's pushes are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushes {
    /// Whose they are.
    pub by: Pusher,
    /// What they are proven by.
    pub secret: Secret,
}

/// Who pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pusher {
    /// HubSpot: with the address that it pushes to, as it knows it.
    HubSpot(Box<str>),
    /// Attio.
    Attio,
    /// Pipedrive.
    Pipedrive,
    /// Salesforce: with the id of the organisation, where one alone may push. A copy of it (a sandbox) has the same messages and addresses.
    Salesforce(Option<Box<str>>),
    /// Slack.
    Slack,
    /// Whoever stands behind a webhook.
    Program,
}

/// A request, as it arrived.
#[derive(Clone, Copy)]
pub struct Push<'p> {
    /// `POST`
    pub method: &'p str,
    /// What stands behind the question mark of its address.
    pub query: &'p str,
    /// A header's value.
    pub header: &'p dyn Fn(&str) -> Option<&'p str>,
    /// The body, as it was sent.
    pub body: &'p [u8],
    /// The time.
    pub now: Millis,
}

impl std::fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a push of {} bytes", self.body.len())
    }
}

impl Pushes {
    /// Whether a push is the CRM's own; in constant time.
    pub fn is_proven(&self, push: &Push<'_>) -> bool {
        let secret = self.secret.expose().trim();
        match &self.by {
            Pusher::HubSpot(url) => hubspot(secret, url, push).unwrap_or(false),
            Pusher::Attio => attio(secret, push).unwrap_or(false),
            Pusher::Slack => slack(secret, push).unwrap_or(false),
            Pusher::Program => program(&self.secret, push).unwrap_or(false),
            Pusher::Pipedrive => password(push).is_some_and(|password| is_same(secret, &password)),
            Pusher::Salesforce(organization) => {
                let is_its =
                    |organization: &str| organization_of(push.body).is_some_and(|said| is_one(said, organization));
                has_secret(secret, push) && organization.as_deref().is_none_or(is_its)
            }
        }
    }

    /// Whether the head of a push, of which the body has yet to come, shows what it is proven by. What stands in the head alone is
    /// right already.
    pub fn is_offered(&self, push: &Push<'_>) -> bool {
        let has = |name| (push.header)(name).is_some();
        match &self.by {
            Pusher::HubSpot(_) => has("x-hubspot-signature-v3") && has("x-hubspot-request-timestamp"),
            Pusher::Attio => has("attio-signature"),
            Pusher::Slack => has("x-slack-signature") && has("x-slack-request-timestamp"),
            Pusher::Program => has("webhook-id") && has("webhook-signature") && has("webhook-timestamp"),
            Pusher::Pipedrive => self.is_proven(push),
            Pusher::Salesforce(_) => has_secret(self.secret.expose().trim(), push),
        }
    }

    /// What a push is known by that says something by itself, when it comes again.
    pub fn name_of<'p>(&self, push: &Push<'p>) -> Option<&'p str> {
        match &self.by {
            Pusher::Slack => (push.header)("x-slack-signature"),
            Pusher::Program => (push.header)("webhook-id"),
            Pusher::HubSpot(_) | Pusher::Attio | Pusher::Pipedrive | Pusher::Salesforce(_) => None,
        }
    }

    /// What a proven push says of leads by itself; `None`: only that something has changed.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn says(&self, body: &[u8]) -> Result<Option<Vec<Said>>, String> {
        match self.by {
            Pusher::Slack => Ok(Some(said::in_slack(body))),
            Pusher::Program => said::by_program(body).map(Some),
            _ => Ok(None),
        }
    }

    /// What it is answered: a media type, and a body.
    pub const fn answer(&self) -> (&'static str, &'static str) {
        match self.by {
            Pusher::Salesforce(_) => ("text/xml; charset=utf-8", ACK),
            _ => ("application/json", r#"{"success":true}"#),
        }
    }
}

/// Whether the address of a push holds the secret.
fn has_secret(secret: &str, push: &Push<'_>) -> bool {
    let mut said = form_urlencoded::parse(push.query.as_bytes());
    said.any(|(name, value)| name == "secret" && is_same(secret, &value))
}

/// The organisation that an outbound message says it is of.
fn organization_of(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<OrganizationId>")?;
    rest.split_once("</OrganizationId>").map(|(id, _)| id.trim())
}

/// Whether two ids are one organisation's: three characters at the end of the longer form only say which of the others are capitals.
fn is_one(said: &str, known: &str) -> bool {
    said.get(..15).is_some_and(|said| known.get(..15) == Some(said))
}

fn hubspot(secret: &str, url: &str, push: &Push<'_>) -> Option<bool> {
    let signature = STANDARD.decode((push.header)("x-hubspot-signature-v3")?.trim()).ok()?;
    let stamp = (push.header)("x-hubspot-request-timestamp")?.trim();
    let age = push.now.since(Millis(stamp.parse().ok()?));
    let mac = mac(secret)?.chain_update(push.method).chain_update(url).chain_update(push.body).chain_update(stamp);
    Some(mac.verify_slice(&signature).is_ok() && (-OLD..=OLD).contains(&age))
}

fn attio(secret: &str, push: &Push<'_>) -> Option<bool> {
    let signature = hex::decode((push.header)("attio-signature")?.trim()).ok()?;
    Some(mac(secret)?.chain_update(push.body).verify_slice(&signature).is_ok())
}

fn slack(secret: &str, push: &Push<'_>) -> Option<bool> {
    let signature = hex::decode((push.header)("x-slack-signature")?.trim().strip_prefix("v0=")?).ok()?;
    let stamp = (push.header)("x-slack-request-timestamp")?.trim();
    let age = push.now.since(Millis(stamp.parse::<i64>().ok()?.checked_mul(1_000)?));
    let mac = mac(secret)?.chain_update("v0:").chain_update(stamp).chain_update(":").chain_update(push.body);
    Some(mac.verify_slice(&signature).is_ok() && (-OLD..=OLD).contains(&age))
}

fn program(secret: &Secret, push: &Push<'_>) -> Option<bool> {
    let (id, signatures) = ((push.header)("webhook-id")?, (push.header)("webhook-signature")?);
    let stamp = (push.header)("webhook-timestamp")?.trim().parse::<i64>().ok()?;
    let age = push.now.since(Millis(stamp.checked_mul(1_000)?));
    let key = SigningKey::parse(secret).ok()?;
    Some(key.verify(signatures, id, stamp, push.body) && (-OLD..=OLD).contains(&age))
}

fn mac(secret: &str) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()
}

/// The password of basic authentication.
fn password(push: &Push<'_>) -> Option<String> {
    let (scheme, encoded) = (push.header)("authorization")?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    String::from_utf8(decoded).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

fn is_same(secret: &str, said: &str) -> bool {
    secret.as_bytes().ct_eq(said.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NOW: Millis = Millis(1_795_262_400_000);
    const SECRET: &str = "b1946ac9-2492-4d23-8e6a-hubspot";

    fn is_proven(by: Pusher, secret: &str, headers: &[(&str, &str)], query: &str, body: &str, now: Millis) -> bool {
        let headers: BTreeMap<&str, &str> = headers.iter().copied().collect();
        let header = |name: &str| headers.get(name).copied();
        let push = Push { method: "POST", query, header: &header, body: body.as_bytes(), now };
        Pushes { by, secret: Secret::new(secret) }.is_proven(&push)
    }

    /// As HubSpot's own client for Node signs it.
    #[test]
    fn hubspot_signs_what_it_sends_where_and_when() {
        const SIGNED: &str = "vJStPfR/xvbjFHyY0EolsqCb59U91AQAPHb3nQ/0ix0=";
        let body = r#"[{"eventId":1,"subscriptionType":"object.propertyChange","objectId":17}]"#;
        let of = |signature: &str, stamp: &str, url: &str, body: &str, now| {
            let headers = [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", stamp)];
            is_proven(Pusher::HubSpot(url.into()), SECRET, &headers, "", body, now)
        };
        let url = "https://hooks.example.com/v1/outcomes/hubspot";
        assert!(of(SIGNED, "1795262400000", url, body, NOW));
        assert!(of(SIGNED, "1795262400000", url, body, NOW.plus(OLD)));
        assert!(!of(SIGNED, "1795262400000", url, body, NOW.plus(OLD + 1)), "it may be somebody else's copy by now");
        assert!(!of(SIGNED, "1795262400001", url, body, NOW), "the time is signed");
        assert!(!of(SIGNED, "1795262400000", "https://other.example.com/", body, NOW), "and so is where it was sent");
        assert!(!of(SIGNED, "1795262400000", url, "[]", NOW));
        assert!(!of("", "1795262400000", url, body, NOW) && !of("?", "x", url, body, NOW));
        assert!(!is_proven(Pusher::HubSpot(url.into()), SECRET, &[], "", body, NOW));
    }

    /// The example of <https://docs.slack.dev/authentication/verifying-requests-from-slack>, with a secret and a body of our own.
    #[test]
    fn slack_and_programs_sign_body_and_time() {
        let body = "payload=%7B%7D";
        let sign = |stamp: &str| {
            let mac =
                mac("8f742231b10e8888abcd99yyyzzz85a5").expect("a key").chain_update(format!("v0:{stamp}:{body}"));
            format!("v0={}", hex::encode(mac.finalize().into_bytes()))
        };
        let of = |signature: &str, stamp: &str, body: &str, now| {
            let headers = [("x-slack-signature", signature), ("x-slack-request-timestamp", stamp)];
            is_proven(Pusher::Slack, "8f742231b10e8888abcd99yyyzzz85a5", &headers, "", body, now)
        };
        let signed = sign("1795262400");
        assert!(of(&signed, "1795262400", body, NOW) && of(&signed, "1795262400", body, NOW.plus(OLD)));
        assert!(!of(&signed, "1795262400", body, NOW.plus(OLD + 1)) && !of(&signed, "1795262401", body, NOW));
        assert!(!of(&signed, "1795262400", "payload=%5B%5D", NOW) && !of("v0=", "1795262400", body, NOW));
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let key = SigningKey::parse(&Secret::new(secret)).expect("a key");
        let signed = key.sign("msg_1", 1_795_262_400, b"{}");
        let of = |body: &str, now| {
            let headers =
                [("webhook-id", "msg_1"), ("webhook-timestamp", "1795262400"), ("webhook-signature", signed.as_str())];
            is_proven(Pusher::Program, secret, &headers, "", body, now)
        };
        assert!(of("{}", NOW) && !of("{ }", NOW) && !of("{}", NOW.plus(OLD + 1)));
    }

    #[test]
    fn attio_signs_the_body() {
        let signed = hex::encode(mac("wh-secret").expect("a key").chain_update("{}").finalize().into_bytes());
        let of = |signature: &str, body: &str| {
            is_proven(Pusher::Attio, "wh-secret", &[("attio-signature", signature)], "", body, NOW)
        };
        assert!(of(&signed, "{}"));
        assert!(!of(&signed, "{ }") && !of("", "{}") && !of("zz", "{}"));
    }

    #[test]
    fn pipedrive_has_a_password_and_salesforce_an_address() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let of = |value: &str| is_proven(Pusher::Pipedrive, "s3cret", &[("authorization", value)], "", "{}", NOW);
        assert!(of(&basic("pipedrive:s3cret")) && of(&basic(":s3cret")));
        assert!(!of(&basic("s3cret:")) && !of(&basic("pipedrive:other")) && !of("Bearer s3cret") && !of(""));
        let of = |query: &str| is_proven(Pusher::Salesforce(None), "s3 cret", &[], query, "<x/>", NOW);
        assert!(of("secret=s3+cret") && of("a=b&secret=s3%20cret"));
        assert!(!of("secret=") && !of("") && !of("other=s3+cret"));
    }

    #[test]
    fn a_copy_of_an_organisation_is_another() {
        let of = |known: &str, body: &str| {
            is_proven(Pusher::Salesforce(Some(known.into())), "s3cret", &[], "secret=s3cret", body, NOW)
        };
        let body = |id: &str| format!("<notifications><OrganizationId>{id}</OrganizationId></notifications>");
        assert!(
            of("00D5g00000ABcdeEAF", &body("00D5g00000ABcdeEAF")) && of("00D5g00000ABcde", &body("00D5g00000ABcdeEAF"))
        );
        assert!(
            !of("00D5g00000ABcdeEAF", &body("00D5g00000ABcdfEAF"))
                && !of("00D5g00000ABcde", &body("00d5g00000abcdeEAF"))
        );
        assert!(!of("00D5g00000ABcdeEAF", &body("")) && !of("00D5g00000ABcdeEAF", "<x/>"));
    }
}
