//! Secrets that can be guessed, that everybody knows, or that open two doors at once.

use std::collections::HashMap;

use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::read::{Field, Many, Named};
use super::shape::{ConfigShape, DestinationShape};
use super::yaml::Scalar;

/// Shorter ones can be tried out.
const LEAST_CHARACTERS: usize = 16;
/// Bits by the frequency of characters: far below what 16 random characters have.
const LEAST_BITS: f64 = 48.0;
/// What stands in examples.
const PLACEHOLDERS: [&str; 9] =
    ["changeme", "change-me", "change_me", "example", "placeholder", "password", "insecure", "your-", "your_"];
/// Every value in it is known to everybody.
const README: &str = include_str!("../../README.md");

/// One secret, and what it is for.
struct Held<'a> {
    what: &'static str,
    owner: Option<&'a Scalar>,
    text: &'a Scalar,
    /// Whether somebody else made it, who sees to it that it can't be guessed.
    issued: bool,
}

impl Held<'_> {
    /// ``the write key of `app` ``
    fn name(&self) -> String {
        self.owner
            .map_or_else(|| format!("the {}", self.what), |owner| format!("the {} of `{}`", self.what, owner.shown))
    }
}

/// Adds a warning for each.
pub fn warn(shape: &ConfigShape, findings: &mut Findings) {
    let mut known: HashMap<&str, Held<'_>> = HashMap::new();
    for held in all(shape) {
        let text = held.text.text.trim();
        if text.is_empty() {
            continue;
        }
        let weakness = if held.issued { is_known(text).then_some(KNOWN) } else { weakness(text) };
        if let Some(weakness) = weakness {
            let problem = Problem::warning(held.text.at, Code::Insecure, format!("{} {weakness}", held.name()));
            findings.push(problem.help(match (held.issued, is_whsec(text)) {
                (true, _) => "put in the one that you were given, best by `${NAME}`",
                (false, true) => "make one with `openssl rand -base64 32`, after `whsec_`",
                (false, false) => "make one with `openssl rand -hex 24`",
            }));
        }
        match known.get(text) {
            Some(other) if is_shared(other, &held) => {
                let message = format!("{} is {}, too", held.name(), other.name());
                let problem = Problem::warning(held.text.at, Code::Insecure, message);
                findings.push(problem.help("give each its own: whoever learns one has both"));
            }
            Some(_) => {}
            None => {
                known.insert(text, held);
            }
        }
    }
}

/// Two write keys that are equal are an error of their own; the same one twice in one place is harmless, and so is what opens one door to
/// whoever comes by two ways.
fn is_shared(one: &Held<'_>, other: &Held<'_>) -> bool {
    let owner = |held: &Held<'_>| held.owner.map(|owner| owner.text.clone());
    one.what != other.what || one.what != WRITE_KEY && !one.issued && owner(one) != owner(other)
}

const WRITE_KEY: &str = "write key";

fn all(shape: &ConfigShape) -> Vec<Held<'_>> {
    let mut all = Vec::new();
    for (name, source) in entries(&shape.sources) {
        let held = |what| move |text| Held { what, owner: Some(name), text, issued: false };
        all.extend(values(&source.write_key, &source.write_keys).map(held(WRITE_KEY)));
        let signature = source.signature.get().into_iter();
        all.extend(signature.flat_map(|proof| values(&proof.secret, &proof.secrets)).map(held("secret")));
    }
    let token = shape.server.get().and_then(|server| server.admin_token.get());
    all.extend(token.map(|text| Held { what: "admin token", owner: None, text, issued: false }));
    let links = shape.leads.get().and_then(|leads| leads.accept_links.get()?.secret.get()).filter(|text| !text.broken);
    all.extend(links.map(|text| Held { what: "secret of links", owner: None, text, issued: false }));
    for (name, destination) in entries(&shape.destinations) {
        let webhook = destination.webhook.get().into_iter();
        let secrets = webhook.flat_map(|webhook| values(&webhook.secret, &webhook.secrets));
        all.extend(secrets.map(|text| Held { what: "signing secret", owner: Some(name), text, issued: false }));
        // Made up by people, or given out by a vendor.
        let pushes = destination.outcomes.get().and_then(|outcomes| outcomes.secret.get()).filter(|text| !text.broken);
        all.extend(pushes.map(|text| Held { what: "secret of pushes", owner: Some(name), text, issued: false }));
        let issued =
            issued(destination).filter_map(|(what, text)| Some((what, text.get().filter(|text| !text.broken)?)));
        all.extend(issued.map(|(what, text)| Held { what, owner: Some(name), text, issued: true }));
    }
    all
}

/// What the vendors gave out, of each kind of destination.
fn issued(shape: &DestinationShape) -> impl Iterator<Item = (&'static str, &Field<Scalar>)> {
    let slack = shape.slack.get().into_iter();
    let slack = slack.flat_map(|slack| [("Slack token", &slack.token), ("Slack webhook", &slack.webhook)]);
    let hubspot = shape.hubspot.get().map(|hubspot| ("HubSpot token", &hubspot.token));
    let pipedrive = shape.pipedrive.get().map(|pipedrive| ("Pipedrive token", &pipedrive.token));
    let salesforce = shape.salesforce.get().map(|org| ("Salesforce client secret", &org.client_secret));
    let attio = shape.attio.get().map(|attio| ("Attio token", &attio.token));
    slack.chain(hubspot).chain(pipedrive).chain(attio).chain(salesforce)
}

fn entries<T>(named: &Field<Named<T>>) -> impl Iterator<Item = (&Scalar, &T)> {
    named.get().into_iter().flat_map(|Named(all)| all).filter_map(|(name, value)| Some((name, value.as_ref()?)))
}

fn values<'a>(one: &'a Field<Scalar>, many: &'a Field<Many<Scalar>>) -> impl Iterator<Item = &'a Scalar> {
    one.get().into_iter().chain(many.get().into_iter().flat_map(|Many(all)| all)).filter(|scalar| !scalar.broken)
}

fn weakness(text: &str) -> Option<&'static str> {
    if is_known(text) {
        return Some(KNOWN);
    }
    // How long those should be is checked where they are decoded.
    if text.chars().count() < LEAST_CHARACTERS && !is_whsec(text) {
        return Some("is short: it can be guessed");
    }
    (bits(text.trim_start_matches(WHSEC)) < LEAST_BITS).then_some("is simple: it can be guessed")
}

const KNOWN: &str = "stands in examples: everybody knows it";

fn is_known(text: &str) -> bool {
    let lower = text.to_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word)) || text.starts_with('<') || is_published(text)
}

const WHSEC: &str = "whsec_";

fn is_whsec(text: &str) -> bool {
    text.starts_with(WHSEC)
}

fn is_published(text: &str) -> bool {
    text.len() >= LEAST_CHARACTERS && README.contains(text)
}

#[expect(clippy::cast_precision_loss, reason = "a few dozen characters")]
fn bits(text: &str) -> f64 {
    let mut counts: HashMap<char, usize> = HashMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let all = text.chars().count() as f64;
    counts.values().map(|&count| count as f64 * (all / count as f64).log2()).sum()
}
