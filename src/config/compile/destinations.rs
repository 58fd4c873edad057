//! `destinations`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::condition::condition;
use super::names::{bounded, is_plain_name, unique};
use super::scopes::Scopes;
use super::settings::{count_within, http_url, lasting, networks, size};
use super::sources::{both, check_whsec, is_header_name};
use super::template;
use crate::config::attached::Attached;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Named;
use crate::config::shape::{DestinationShape, RetryShape, WebhookShape};
use crate::config::yaml::Scalar;
use crate::crm::{Authorities, Destination, Known, RetryPolicy, Webhook};
use crate::expr::Expr;
use crate::secret::Secret;

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
    let webhook = shape.webhook.require("webhook", DestinationShape::WHAT, name.at, findings)?;
    let webhook = webhook_of(name, webhook, &allow_addresses, given, findings)?;
    Some(Destination { name: name.text.clone(), webhook, retry, concurrency, allow_addresses })
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

fn webhook_of(
    name: &Scalar,
    shape: &WebhookShape,
    allowed: &[IpNet],
    (attached, known): Given<'_>,
    findings: &mut Findings,
) -> Option<Webhook> {
    both(&shape.secret, &shape.secrets).for_each(|secret| check_whsec(secret, findings));
    if shape.secret.is_absent() && shape.secrets.is_absent() {
        let message = format!("requests to `{}` are not signed: the receiver can't tell who sent them", name.shown);
        let problem = Problem::warning(name.at, Code::Insecure, message);
        findings.push(problem.help("add `secret: ${NAME}`; `openssl rand -base64 32` makes one, after `whsec_`"));
    }
    if let Some(template) = shape.template.get() {
        template::body(template, known, findings);
    }
    let headers = headers(shape, findings);
    let ca = authorities(shape, attached, findings);
    let timeout = lasting(&shape.timeout, Duration::from_secs(15));
    if let Some(at) = shape.timeout.get().filter(|at| !(1..=300).contains(&at.value.0.as_secs())) {
        findings.push(Problem::error(at.scalar.at, Code::BadValue, "`timeout` must be between 1s and 5m"));
    }
    let max_response_bytes = size(&shape.max_response_bytes, 64 * 1024, "max_response_bytes", findings);
    let written = shape.url.require("url", WebhookShape::WHAT, name.at, findings)?;
    let url = http_url(written, findings)?;
    check_plain_http(written, &url, allowed, findings);
    if let Some(named) = shape.ca.get().filter(|_| url.scheme() == "http") {
        let problem = Problem::warning(named.at, Code::Suspicious, "`ca` has no effect: `url` is not https");
        findings.push(problem.help("use https, or remove `ca`"));
    }
    Some(Webhook {
        url,
        secrets: both(&shape.secret, &shape.secrets).map(|secret| Secret::new(secret.text.trim())).collect(),
        headers,
        template: shape.template.get().map(|template| Arc::from(&*template.text)),
        ca,
        timeout,
        max_response_bytes,
    })
}

/// The authorities in the file that `ca` names.
fn authorities(shape: &WebhookShape, attached: &Attached, findings: &mut Findings) -> Option<Authorities> {
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

fn headers(shape: &WebhookShape, findings: &mut Findings) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, value) in shape.headers.get().into_iter().flat_map(|Named(headers)| headers) {
        let problem = if !is_header_name(&name.text) {
            Some("not the name of a header")
        } else if ["host", "content-length", "transfer-encoding", "connection"]
            .iter()
            .any(|own| name.text.eq_ignore_ascii_case(own))
        {
            Some("this header is set by the connection itself")
        } else if name.text.to_ascii_lowercase().starts_with("webhook-") {
            Some("headers that begin with `webhook-` carry the signature")
        } else if value.as_ref().is_some_and(|value| value.text.contains(['\r', '\n', '\0'])) {
            Some("the value of a header is one line")
        } else {
            None
        };
        match (problem, value) {
            (Some(problem), _) => {
                findings.push(Problem::error(name.at, Code::BadValue, problem).help("rename or remove it"));
            }
            (None, Some(value)) => headers.push((name.text.to_string(), Secret::new(value.text.trim()))),
            (None, None) => {}
        }
    }
    headers
}

/// Leads are personal data: over plain HTTP they may only go where nobody else listens.
fn check_plain_http(written: &Scalar, url: &url::Url, allowed: &[IpNet], findings: &mut Findings) {
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
