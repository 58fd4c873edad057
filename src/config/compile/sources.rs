//! `sources`.

use base64::Engine as _;

use super::names::{is_plain_name, unique};
use crate::cdp::source::Proof;
use crate::cdp::{Quotas, Source};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Field, Many, Named};
use crate::config::scalar::Count;
use crate::config::shape::{CallWord, QuotasShape, SchemeWord, SignatureShape, SourceShape, TrustWord};
use crate::config::yaml::Scalar;
use crate::event::{Call, Trust};
use crate::record::LeadQuota;
use crate::secret::Secret;

/// Every source that can be used.
pub fn sources(shape: Option<&Named<SourceShape>>, findings: &mut Findings) -> Vec<Source> {
    let Some(Named(sources)) = shape else { return Vec::new() };
    unique(sources.iter().map(|(name, _)| name), "source", findings);
    check_write_keys(sources, findings);
    let mut compiled = Vec::with_capacity(sources.len());
    for (name, shape) in sources {
        let fine = is_plain_name(name, "source", findings);
        if let Some(source) = shape.as_ref().and_then(|shape| source(name, shape, findings)).filter(|_| fine) {
            compiled.push(source);
        }
    }
    compiled
}

/// A write key must tell which source an event comes from.
fn check_write_keys(sources: &[(Scalar, Option<SourceShape>)], findings: &mut Findings) {
    let mut keys: Vec<(&Scalar, &Scalar)> = Vec::new();
    for (name, shape) in sources {
        for key in shape.iter().flat_map(|shape| both(&shape.write_key, &shape.write_keys)) {
            match keys.iter().find(|(_, other)| other.text == key.text) {
                Some((owner, _)) => {
                    let message = format!("this is the write key of `{}`, too", owner.shown);
                    let problem = Problem::error(key.at, Code::Duplicate, message);
                    findings.push(problem.help("a write key must tell which source an event comes from"));
                }
                None => keys.push((name, key)),
            }
        }
    }
}

/// The values of a field and of its plural.
pub fn both<'a>(one: &'a Field<Scalar>, many: &'a Field<Many<Scalar>>) -> impl Iterator<Item = &'a Scalar> {
    one.get().into_iter().chain(many.get().into_iter().flat_map(|Many(all)| all))
}

fn source(name: &Scalar, shape: &SourceShape, findings: &mut Findings) -> Option<Source> {
    if shape.write_key.is_absent() && shape.write_keys.is_absent() && shape.signature.is_absent() {
        let message = format!("nothing can come from `{}`: it has neither a write key nor a signature", name.shown);
        let help = "add `write_key: …` for SDKs, or `signature: { scheme: …, secret: … }` for a webhook";
        findings.push(Problem::warning(name.at, Code::Suspicious, message).help(help));
    }
    let proof = match shape.signature.get() {
        Some(signature) => Some(proof(signature, findings)?),
        None => None,
    };
    let write_keys = both(&shape.write_key, &shape.write_keys).map(secret).collect();
    let usual = Source::new(&name.text, write_keys, proof);
    let trust = shape.trust.get().map_or(usual.trust, |at| trust(at.value));
    Some(Source {
        max_age_ms: shape.signature.get().and_then(max_age_ms),
        quotas: quotas(shape.quotas.get(), trust),
        correct_time: shape.correct_time.get().map_or(usual.correct_time, |flag| flag.value.0),
        trust,
        allow: shape.allow.get().map(|Many(calls)| calls.iter().map(|at| call(at.value)).collect()),
        ..usual
    })
}

const fn trust(word: TrustWord) -> Trust {
    match word {
        TrustWord::Public => Trust::Public,
        TrustWord::Server => Trust::Server,
    }
}

const fn call(word: CallWord) -> Call {
    match word {
        CallWord::Track => Call::Track,
        CallWord::Identify => Call::Identify,
        CallWord::Group => Call::Group,
        CallWord::Page => Call::Page,
        CallWord::Screen => Call::Screen,
        CallWord::Alias => Call::Alias,
        CallWord::Delete => Call::Delete,
        CallWord::Traits => Call::Traits,
    }
}

/// How many leads an hour a public source may make before they are held: far more than an honest product makes.
const PUBLIC_LEADS: u32 = 1_000;

fn quotas(shape: Option<&QuotasShape>, trust: Trust) -> Quotas {
    let absent = QuotasShape::default();
    let shape = shape.unwrap_or(&absent);
    let quota = |field: &Field<At<Count>>| field.get().map(|count| u32::try_from(count.value.0).unwrap_or(u32::MAX));
    Quotas {
        events: quota(&shape.events),
        client_events: quota(&shape.client_events),
        subjects: quota(&shape.new_subjects),
        merges: quota(&shape.merges),
        leads: quota(&shape.leads).or((trust == Trust::Public).then_some(PUBLIC_LEADS)).map(|an_hour| LeadQuota {
            an_hour,
            held: quota(&shape.held_leads).unwrap_or(LeadQuota::HELD),
            held_for: shape
                .held_for
                .get()
                .map_or(LeadQuota::HELD_FOR, |time| i64::try_from(time.value.0.as_millis()).unwrap_or(i64::MAX)),
        }),
    }
}

fn secret(text: &Scalar) -> Secret {
    Secret::new(text.text.trim())
}

fn proof(shape: &SignatureShape, findings: &mut Findings) -> Option<Proof> {
    let scheme = shape.scheme.require("scheme", SignatureShape::WHAT, shape.at, findings)?.value;
    if shape.secret.is_absent() && shape.secrets.is_absent() {
        let problem = Problem::error(shape.at, Code::MissingField, "`secret` is missing from `signature`");
        findings.push(problem.help("add `secret: ${NAME}`"));
    }
    surplus(shape, scheme, findings);
    check_header(&shape.header, findings);
    let secrets: Vec<Secret> = both(&shape.secret, &shape.secrets).map(secret).collect();
    let trimmed = |text: &Scalar| text.text.trim().to_owned();
    Some(match scheme {
        SchemeWord::Segment => Proof::Segment { secrets, strict: shape.strict.get().is_some_and(|flag| flag.value.0) },
        SchemeWord::HmacSha256 => {
            let header = shape.header.get().map_or_else(|| "X-Signature".to_owned(), trimmed);
            Proof::HmacSha256 { header, secrets }
        }
        SchemeWord::StandardWebhooks => {
            both(&shape.secret, &shape.secrets).for_each(|secret| check_whsec(secret, findings));
            Proof::StandardWebhooks { secrets }
        }
        SchemeWord::Header => {
            let name = trimmed(shape.header.require("header", SignatureShape::WHAT, shape.at, findings)?);
            Proof::Header { name, values: secrets }
        }
        SchemeWord::Basic => {
            let user = trimmed(shape.user.require("user", SignatureShape::WHAT, shape.at, findings)?);
            Proof::Basic { user, passwords: secrets }
        }
        SchemeWord::Bearer => Proof::Bearer { tokens: secrets },
    })
}

fn max_age_ms(shape: &SignatureShape) -> Option<i64> {
    shape.max_age.get().map(|age| i64::try_from(age.value.0.as_millis()).unwrap_or(i64::MAX))
}

/// Fields that mean nothing with this scheme.
fn surplus(shape: &SignatureShape, scheme: SchemeWord, findings: &mut Findings) {
    let header = shape.header.get().filter(|_| !matches!(scheme, SchemeWord::HmacSha256 | SchemeWord::Header));
    let user = shape.user.get().filter(|_| scheme != SchemeWord::Basic);
    let strict = shape.strict.get().filter(|_| scheme != SchemeWord::Segment).map(|flag| &flag.scalar);
    let recorded = matches!(scheme, SchemeWord::Segment | SchemeWord::HmacSha256);
    let max_age = shape.max_age.get().filter(|_| !recorded).map(|age| &age.scalar);
    for (name, found) in [("header", header), ("user", user), ("strict", strict), ("max_age", max_age)] {
        if let Some(value) = found {
            let message = format!("`{name}` means nothing with this scheme");
            findings.push(Problem::warning(value.at, Code::Suspicious, message).help("remove it"));
        }
    }
}

/// The name of an HTTP header.
pub fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check_header(field: &Field<Scalar>, findings: &mut Findings) {
    if let Some(name) = field.get().filter(|name| !is_header_name(name.text.trim())) {
        let problem = Problem::error(name.at, Code::BadValue, "not the name of a header");
        findings.push(problem.help("use letters, digits and `-`, for example `X-Api-Key`"));
    }
}

/// Reports a secret that is not as Standard Webhooks writes it.
pub fn check_whsec(secret: &Scalar, findings: &mut Findings) {
    let Some(encoded) = secret.text.trim().strip_prefix("whsec_") else {
        let problem = Problem::error(secret.at, Code::BadValue, "a signing secret begins with `whsec_`");
        let help = "write `whsec_` and then the key in base64; `openssl rand -base64 32` makes one";
        findings.push(problem.help(help));
        return;
    };
    match base64::engine::general_purpose::STANDARD.decode(encoded) {
        Err(_) => {
            let problem = Problem::error(secret.at, Code::BadValue, "after `whsec_` a signing secret is base64");
            findings.push(problem.help("copy it once more, in whole"));
        }
        Ok(key) if key.len() < 24 => {
            let problem = Problem::warning(secret.at, Code::Insecure, "this signing secret is shorter than 24 bytes");
            findings.push(problem.help("make a longer one with `openssl rand -base64 32`"));
        }
        Ok(_) => {}
    }
}
