//! `destinations`. What each kind of them is, is compiled in one file each.

mod attio;
mod fields;
mod hubspot;
mod outcomes;
mod pipedrive;
mod salesforce;
mod slack;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use self::outcomes::{pushes, read_back};
use super::condition::condition;
use super::names::{bounded, is_plain_name, unique};
use super::scopes::Scopes;
use super::settings::{count_within, http_url, lasting, networks, size};
use crate::config::attached::Attached;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, Named};
use crate::config::shape::{DestinationShape, RetryShape};
use crate::config::suggest::one_of;
use crate::config::yaml::Scalar;
use crate::crm::{Authorities, Destination, Http, Kind, Known, RetryPolicy};
use crate::expr::Expr;

/// How long answers are read to.
const ANSWER: usize = 64 * 1024;
/// The same of those who describe all fields of an object at once, or tell of a hundred records.
const DESCRIPTION: usize = 8 * 1024 * 1024;

/// Which leads each destination gets, where that is said.
pub fn filters(
    shape: Option<&Named<DestinationShape>>,
    scopes: &Scopes,
    findings: &mut Findings,
) -> BTreeMap<Arc<str>, Expr> {
    let declared = shape.into_iter().flat_map(|Named(declared)| declared);
    let filter = |(name, shape): &(Scalar, Option<DestinationShape>)| {
        let when = shape.as_ref()?.when.get()?;
        Some((name.text.clone(), condition(when, &scopes.routes, &[], findings)?))
    };
    declared.filter_map(filter).collect()
}

/// Compiles the destinations.
pub fn destinations(
    shape: Option<&Named<DestinationShape>>,
    attached: &Attached,
    known: &Known,
    findings: &mut Findings,
) -> Vec<Destination> {
    let Some(Named(declared)) = shape else { return Vec::new() };
    unique(declared.iter().map(|(name, _)| name), "destination", findings);
    let mut compiled = Vec::with_capacity(declared.len());
    for (name, shape) in declared {
        let fine = is_plain_name(name, "destination", findings);
        let destination = shape.as_ref().and_then(|shape| destination(name, shape, (attached, known), findings));
        compiled.extend(destination.filter(|_| fine));
    }
    compiled
}

/// The files beside the configuration, and what templates may name.
type Given<'a> = (&'a Attached, &'a Known);

/// What a kind is compiled from.
struct Section<'a> {
    /// Of the destination.
    name: &'a Scalar,
    shape: &'a DestinationShape,
    /// How it is reached.
    http: &'a Http,
    attached: &'a Attached,
    known: &'a Known,
}

/// A kind of destination.
struct KindOf {
    name: &'static str,
    is_there: fn(&DestinationShape) -> bool,
    /// How much of an answer is read, by default.
    reads: usize,
    compile: fn(&Section<'_>, &mut Findings) -> Option<Kind>,
}

const fn kind_of(
    name: &'static str,
    is_there: fn(&DestinationShape) -> bool,
    reads: usize,
    compile: fn(&Section<'_>, &mut Findings) -> Option<Kind>,
) -> KindOf {
    KindOf { name, is_there, reads, compile }
}

/// The kinds that there are.
const KINDS: [KindOf; 6] = [
    kind_of("webhook", |shape| !shape.webhook.is_absent(), ANSWER, webhook::webhook),
    kind_of("slack", |shape| !shape.slack.is_absent(), ANSWER, slack::slack),
    kind_of("salesforce", |shape| !shape.salesforce.is_absent(), DESCRIPTION, salesforce::salesforce),
    kind_of("hubspot", |shape| !shape.hubspot.is_absent(), DESCRIPTION, hubspot::hubspot),
    kind_of("pipedrive", |shape| !shape.pipedrive.is_absent(), DESCRIPTION, pipedrive::pipedrive),
    kind_of("attio", |shape| !shape.attio.is_absent(), DESCRIPTION, attio::attio),
];

fn destination(
    name: &Scalar,
    shape: &DestinationShape,
    given: Given<'_>,
    findings: &mut Findings,
) -> Option<Destination> {
    let allow_addresses = networks(shape.allow_addresses.get(), findings);
    let concurrency = shape.concurrency.get().map_or(8, |count| count_within(count, 1..=256, "concurrency", findings));
    let absent = RetryShape::default();
    let retry = retry(shape.retry.get().unwrap_or(&absent), findings);
    let http = http(shape, allow_addresses, given.0, findings);
    let kind = kind(&Section { name, shape, http: &http, attached: given.0, known: given.1 }, findings)?;
    let read_back = read_back(shape.outcomes.get(), &kind, findings);
    let pushes = pushes(name, shape.outcomes.get(), &kind, findings);
    Some(Destination { name: name.text.clone(), kind, http, retry, concurrency, read_back, pushes })
}

/// How it is reached.
fn http(shape: &DestinationShape, allow_addresses: Vec<IpNet>, attached: &Attached, findings: &mut Findings) -> Http {
    let timeout = lasting(&shape.timeout, Duration::from_secs(15));
    if let Some(at) = shape.timeout.get().filter(|at| !(1..=300).contains(&at.value.0.as_secs())) {
        findings.push(Problem::error(at.scalar.at, Code::BadValue, "`timeout` must be between 1s and 5m"));
    }
    let usual = KINDS.iter().find(|kind| (kind.is_there)(shape)).map_or(ANSWER, |kind| kind.reads);
    let max_response_bytes = size(&shape.max_response_bytes, usual, "max_response_bytes", findings);
    Http { timeout, max_response_bytes, ca: authorities(shape, attached, findings), allow_addresses }
}

/// What it is: whichever section is there, and there is exactly one.
fn kind(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let name = section.name;
    let mut written = KINDS.iter().filter(|kind| (kind.is_there)(section.shape));
    let Some(first) = written.next() else {
        let message = format!("`{}` says nowhere what it is", name.shown);
        let help = format!("add {}", one_of(KINDS.iter().map(|kind| kind.name)));
        findings.push(Problem::error(name.at, Code::MissingField, message).help(help));
        return None;
    };
    if let Some(second) = written.next() {
        let message = format!("`{}` is both `{}` and `{}`", name.shown, first.name, second.name);
        findings.push(Problem::error(name.at, Code::BadValue, message).help("make two destinations of it"));
    }
    (first.compile)(section, findings)
}

fn retry(shape: &RetryShape, findings: &mut Findings) -> RetryPolicy {
    let base = lasting(&shape.base, Duration::from_secs(10));
    let cap = lasting(&shape.cap, Duration::from_secs(6 * 3_600));
    if let Some(at) = shape.base.get().filter(|at| at.value.0 < Duration::from_millis(10)) {
        let problem = Problem::error(at.scalar.at, Code::BadValue, "`base` must be at least 10ms");
        findings.push(problem.help("a receiver that is down is not helped by more requests"));
    }
    if base > cap {
        let at = shape.cap.get().or_else(|| shape.base.get()).map_or(shape.at, |at| at.scalar.at);
        let problem =
            Problem::error(at, Code::BadValue, "the first wait (`base`) is longer than the longest one (`cap`)");
        findings.push(problem.help("raise `cap`, or lower `base`"));
    }
    let max_attempts = shape.max_attempts.get().map_or(15, |count| {
        u32::try_from(bounded(count.value.0, 1..=1000, count.scalar.at, "`max_attempts`", findings)).unwrap_or(1)
    });
    RetryPolicy { max_attempts, base, cap }
}

/// The authorities in the file that `ca` names.
fn authorities(shape: &DestinationShape, attached: &Attached, findings: &mut Findings) -> Option<Authorities> {
    let named = shape.ca.get()?;
    match Authorities::from_pem(attached.text(named)?) {
        Ok(authorities) => Some(authorities),
        Err(error) => {
            let message = format!("`{}` can't be used: {error}", findings.shown(named));
            let help = "it must hold the certificate of the authority that signed the receiver's, in PEM form";
            findings.push(Problem::error(named.at, Code::BadValue, message).help(help));
            None
        }
    }
}

/// Where a vendor's API is: what is written, or where the vendor has it.
fn api(written: &Field<Scalar>, vendors: &str, http: &Http, findings: &mut Findings) -> Option<Url> {
    let Some(written) = written.get() else { return Url::parse(vendors).ok() };
    let mut url = http_url(written, findings)?;
    check_plain_http(written, &url, &http.allow_addresses, findings);
    if !url.path().ends_with('/') {
        // Else what is joined to it takes the place of its last part.
        url.set_path(&format!("{}/", url.path()));
    }
    Some(url)
}

/// Leads are personal data: over plain HTTP they may only go where nobody else listens.
pub(in crate::config::compile) fn check_plain_http(
    written: &Scalar,
    url: &Url,
    allowed: &[IpNet],
    findings: &mut Findings,
) {
    if url.scheme() != "http" {
        return;
    }
    let private = match url.host() {
        Some(url::Host::Ipv4(address)) => {
            address.is_private()
                || address.is_loopback()
                || allowed.iter().any(|range| range.contains(&std::net::IpAddr::V4(address)))
        }
        Some(url::Host::Ipv6(address)) => {
            address.is_loopback()
                || address.is_unique_local()
                || allowed.iter().any(|range| range.contains(&std::net::IpAddr::V6(address)))
        }
        Some(url::Host::Domain(name)) => {
            !name.contains('.') || [".internal", ".local", ".localhost", ".svc"].iter().any(|end| name.ends_with(end))
        }
        None => false,
    };
    if !private {
        let problem = Problem::warning(written.at, Code::Insecure, "leads would go over the network in clear text");
        findings.push(problem.help("use https"));
    }
}
