//! `destinations.<name>.webhook`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fields::mapped;
use super::{Section, check_plain_http};
use crate::config::compile::settings::http_url;
use crate::config::compile::sources::{both, check_whsec, is_header_name};
use crate::config::compile::template;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Named;
use crate::config::shape::{BasicShape, WebhookShape};
use crate::crm::webhook::Body;
use crate::crm::{Kind, Known, Webhook};
use crate::secret::Secret;

/// Compiles a webhook.
pub(super) fn webhook(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, shape: whole, http, known, .. } = *section;
    let shape = whole.webhook.get()?;
    both(&shape.secret, &shape.secrets).for_each(|secret| check_whsec(secret, findings));
    if shape.secret.is_absent() && shape.secrets.is_absent() {
        let message = format!("requests to `{}` are not signed: the receiver can't tell who sent them", name.shown);
        let problem = Problem::warning(name.at, Code::Insecure, message);
        findings.push(problem.help("add `secret: ${NAME}`; `openssl rand -base64 32` makes one, after `whsec_`"));
    }
    let headers = headers(shape, findings);
    let written = shape.url.require("url", WebhookShape::WHAT, name.at, findings)?;
    let url = http_url(written, findings)?;
    check_plain_http(written, &url, &http.allow_addresses, findings);
    if let Some(named) = whole.ca.get().filter(|_| url.scheme() == "http") {
        let problem = Problem::warning(named.at, Code::Suspicious, "`ca` has no effect: `url` is not https");
        findings.push(problem.help("use https, or remove `ca`"));
    }
    Some(Kind::Webhook(Webhook {
        url,
        secrets: both(&shape.secret, &shape.secrets).map(|secret| Secret::new(secret.text.trim())).collect(),
        headers,
        body: body(shape, known, findings),
    }))
}

/// What is sent: a template's, or fields, or the lead event itself.
fn body(shape: &WebhookShape, known: &Known, findings: &mut Findings) -> Body {
    if let (Some(template), Some(_)) = (shape.template.get(), shape.fields.get()) {
        let problem = Problem::error(template.at, Code::BadValue, "`template` and `fields` both make the body");
        findings.push(problem.help("keep one of them"));
    }
    if let Some(text) = shape.template.get() {
        template::body(text, known, findings);
        return Body::Template(text.text.clone());
    }
    match shape.fields.get() {
        Some(_) => Body::Fields(mapped(&shape.fields, &[], known, findings)),
        None => Body::Event,
    }
}

/// `Authorization: Basic …`
fn basic(shape: &BasicShape, findings: &mut Findings) -> Option<(String, Secret)> {
    let user = shape.user.require("user", BasicShape::WHAT, shape.at, findings);
    let password = shape.password.require("password", BasicShape::WHAT, shape.at, findings);
    let (user, password) = (user?, password?);
    if user.text.contains(':') {
        let problem = Problem::error(user.at, Code::BadValue, "a name with a colon can't be sent this way");
        findings.push(problem.help("RFC 7617 takes what follows the first colon for the password"));
    }
    let proof = STANDARD.encode(format!("{}:{}", user.text.trim(), password.text.trim()));
    Some(("authorization".to_owned(), Secret::new(&format!("Basic {proof}"))))
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
    if let Some(proof) = shape.basic.get().and_then(|shape| basic(shape, findings)) {
        headers.push(proof);
    }
    headers
}
