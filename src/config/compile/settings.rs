//! `time_zone`, `server` and `accounts`.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::names::bounded;
use crate::cdp::{Limits, ValueLimits};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::path::property_path;
use crate::config::read::{At, Field, List, Many};
use crate::config::scalar::{Count, Lasting, Size};
use crate::config::shape::{LeadsShape, LimitsShape, ReRouteWord, ServerShape};
use crate::config::suggest::did_you_mean;
use crate::config::yaml::Scalar;
use crate::config::{EdgeLimits, ServerSettings};
use crate::record::{AccountKey, PathRoot, ReRoute};
use crate::secret::Secret;

/// The time zone of calendar days; UTC by default.
pub fn time_zone(name: Option<&Scalar>, findings: &mut Findings) -> Option<jiff::tz::TimeZone> {
    let Some(name) = name else { return Some(jiff::tz::TimeZone::UTC) };
    let zone = jiff::tz::TimeZone::get(name.text.trim());
    if zone.is_err() {
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let otherwise = || "write an IANA name such as `Europe/Berlin`".to_owned();
        let help = did_you_mean(&name.text, known.iter().map(String::as_str), otherwise);
        let message = format!("unknown time zone `{}`", findings.shown(name));
        findings.push(Problem::error(name.at, Code::BadValue, message).help(help));
    }
    zone.ok()
}

/// Which leads that are out go where new routes say.
pub fn re_route(shape: Option<&LeadsShape>) -> Option<ReRoute> {
    match shape.and_then(|shape| shape.re_route.get()).map(|at| at.value) {
        Some(ReRouteWord::Untouched) => Some(ReRoute::Untouched),
        Some(ReRouteWord::All) => Some(ReRoute::All),
        Some(ReRouteWord::Never) | None => None,
    }
}

/// The HTTP server's settings.
pub fn server(shape: Option<&ServerShape>, findings: &mut Findings) -> Option<ServerSettings> {
    let absent = ServerShape::default();
    let shape = shape.unwrap_or(&absent);
    let absent = LimitsShape::default();
    let limits_shape = shape.limits.get().unwrap_or(&absent);
    let limits = limits(limits_shape, findings);
    let edge = edge(limits_shape, &limits, findings);
    let workers = shape.workers.get().map(|count| count_within(count, 1..=1024, "workers", findings));
    let otlp_endpoint = shape.otlp_endpoint.get().and_then(|endpoint| http_url(endpoint, findings)).map(String::from);
    let listen = match shape.listen.get() {
        Some(listen) => address(listen, findings)?,
        None => SocketAddr::from(([0, 0, 0, 0], 8080)),
    };
    let admin_listen = match shape.admin_listen.get() {
        Some(listen) => Some(address(listen, findings)?),
        None => None,
    };
    if let Some(same) = shape.admin_listen.get().filter(|_| admin_listen == Some(listen) && listen.port() != 0) {
        let problem = Problem::error(same.at, Code::BadValue, "`admin_listen` is the address that `listen` is");
        findings.push(problem.help("give it another port, or remove it"));
    }
    Some(ServerSettings {
        listen,
        admin_listen,
        workers,
        trusted_proxies: networks(shape.trusted_proxies.get(), findings),
        admin_token: shape.admin_token.get().map(|token| Secret::new(token.text.trim())),
        limits,
        edge,
        otlp_endpoint,
        drain_timeout: lasting(&shape.drain_timeout, Duration::from_secs(30)),
    })
}

fn limits(shape: &LimitsShape, findings: &mut Findings) -> Limits {
    let default = Limits::DEFAULT;
    let event_bytes = size(&shape.event, default.event_bytes, "event", findings);
    let request_bytes = size(&shape.request, default.request_bytes, "request", findings);
    if event_bytes > request_bytes {
        let problem = Problem::error(shape.at, Code::BadValue, "an event may be larger than a request");
        findings.push(problem.help("raise `request`, or lower `event`"));
    }
    let signed_request_bytes = size(&shape.signed_request, default.signed_request_bytes, "signed_request", findings);
    let batch_events = count(&shape.batch_events, default.batch_events, "batch_events", findings);
    let signed = count(&shape.signed_batch_events, default.signed_batch_events, "signed_batch_events", findings);
    let bytes = size(&shape.value, default.values.bytes, "value", findings);
    let elements = count(&shape.list, default.values.elements, "list", findings);
    Limits {
        event_bytes,
        request_bytes,
        batch_events,
        // Whoever raises what anyone may send raises what a proven sender may.
        signed_request_bytes: signed_request_bytes.max(request_bytes),
        signed_batch_events: signed.max(batch_events),
        values: ValueLimits { bytes, elements },
        in_flight: count(&shape.in_flight, default.in_flight, "in_flight", findings),
    }
}

fn edge(shape: &LimitsShape, limits: &Limits, findings: &mut Findings) -> EdgeLimits {
    let default = EdgeLimits::DEFAULT;
    let unproven = size(&shape.unproven_request, default.unproven_request_bytes, "unproven_request", findings);
    let bodies_bytes = size(&shape.bodies, default.bodies_bytes, "bodies", findings);
    let own = size(&shape.bodies_per_address, default.bodies_per_address_bytes, "bodies_per_address", findings);
    let bodies_per_address_bytes = own.min(bodies_bytes);
    if limits.signed_request_bytes > bodies_per_address_bytes {
        let message = "one request may be larger than all bodies of a client together";
        let help = "raise `bodies` and `bodies_per_address`, or lower `signed_request` and `request`";
        findings.push(Problem::error(shape.at, Code::BadValue, message).help(help));
    }
    let connections = count(&shape.connections, default.connections, "connections", findings);
    let own = &shape.connections_per_address;
    EdgeLimits {
        unproven_request_bytes: unproven.min(limits.request_bytes),
        bodies_bytes,
        bodies_per_address_bytes,
        body_bytes_per_s: pace(&shape.body_pace, default.body_bytes_per_s, findings),
        connections,
        connections_per_address: count(own, default.connections_per_address, "connections_per_address", findings),
    }
}

fn count(field: &Field<At<Count>>, default: usize, name: &str, findings: &mut Findings) -> usize {
    field.get().map_or(default, |count| count_within(count, 1..=1_000_000, name, findings))
}

fn pace(field: &Field<At<Size>>, default: usize, findings: &mut Findings) -> usize {
    field.get().map_or(default, |at| {
        let bytes = bounded(at.value.0, 1..=1 << 30, at.scalar.at, "`body_pace` (in bytes)", findings);
        usize::try_from(bytes).unwrap_or(default)
    })
}

/// Ranges of addresses, or single ones.
pub fn networks(written: Option<&Many<Scalar>>, findings: &mut Findings) -> Vec<IpNet> {
    let mut ranges = Vec::new();
    for text in written.into_iter().flat_map(|Many(all)| all) {
        let range = text.text.trim();
        match range.parse::<IpNet>().or_else(|_| range.parse::<IpAddr>().map(IpNet::from)) {
            Ok(range) => ranges.push(range.trunc()),
            Err(_) => {
                let message = format!("`{}` is no address range", findings.shown(text));
                let help = "write for example `10.20.0.0/16` or `127.0.0.1`";
                findings.push(Problem::error(text.at, Code::BadValue, message).help(help));
            }
        }
    }
    ranges
}

/// A size in bytes, or its default.
pub fn size(field: &Field<At<Size>>, default: usize, name: &str, findings: &mut Findings) -> usize {
    field.get().map_or(default, |at| {
        let bytes = bounded(at.value.0, 256..=1 << 30, at.scalar.at, &format!("`{name}` (in bytes)"), findings);
        usize::try_from(bytes).unwrap_or(default)
    })
}

/// A count within bounds.
pub fn count_within(
    count: &At<Count>,
    bounds: std::ops::RangeInclusive<u64>,
    name: &str,
    findings: &mut Findings,
) -> usize {
    let value = bounded(count.value.0, bounds, count.scalar.at, &format!("`{name}`"), findings);
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The duration of a field, or its default.
pub fn lasting(field: &Field<At<Lasting>>, default: Duration) -> Duration {
    field.get().map_or(default, |at| at.value.0)
}

fn address(listen: &Scalar, findings: &mut Findings) -> Option<SocketAddr> {
    let text = listen.text.trim();
    // `:8080` and `8080` are what people write; `localhost` is the one name that means the same everywhere.
    let full = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("0.0.0.0:{text}"),
        None => text.replace("localhost", "127.0.0.1"),
    };
    let found = full.parse().ok();
    if found.is_none() {
        let message = format!("`{}` is no address to listen at", findings.shown(listen));
        let help = "write an IP address and a port, for example `0.0.0.0:8080` or `127.0.0.1:8080`";
        findings.push(Problem::error(listen.at, Code::BadValue, message).help(help));
    }
    found
}

/// An http or https URL.
pub fn http_url(text: &Scalar, findings: &mut Findings) -> Option<url::Url> {
    let problem = match url::Url::parse(text.text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => return Some(url),
        Ok(_) => String::from("not the URL of a web server"),
        Err(error) => format!("not a URL: {error}"),
    };
    let help = "write for example `https://crm.example.com/leads`";
    findings.push(Problem::error(text.at, Code::BadValue, problem).help(help));
    None
}

/// Ids that stand for nobody in particular: what a variable reads as that was never set, and what people write for somebody
/// who is not known.
const SHARED_IDS: &str = "-1|0|00000000-0000-0000-0000-000000000000|(not set)|[object object]|anon|anonymous|email|false|guest|id|\
    n/a|na|nan|nil|none|not_authenticated|null|true|undefined|unidentified|unknown|user_id|userid|visitor";

/// Ids that many people share, in lower case.
pub fn shared_ids(given: Option<&List<Scalar>>) -> HashSet<Box<str>> {
    let given = given.into_iter().flat_map(|List(ids)| ids).map(|id| id.text.trim().to_lowercase().into());
    SHARED_IDS.split('|').map(Box::from).chain(given).collect()
}

const ACCOUNT_WORDS: [&str; 6] =
    ["context.groupId", "groupId", "context.traits.company.id", "traits.company.id", "last group", "email domain"];

/// Where the account of an event is found.
pub fn accounts(keys: Option<&List<Scalar>>, findings: &mut Findings) -> Vec<AccountKey> {
    let Some(List(keys)) = keys else {
        return ACCOUNT_WORDS.iter().filter_map(|word| account_key(word)).collect();
    };
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        match account_key(key.text.trim()) {
            Some(parsed) if found.contains(&parsed) => {
                let message = format!("`{}` is here twice", findings.shown(key));
                findings.push(Problem::warning(key.at, Code::Duplicate, message).help("remove one of them"));
            }
            Some(parsed) => found.push(parsed),
            None => {
                let message = format!("`{}` is no place where an account can be found", findings.shown(key));
                let otherwise = || {
                    "write `last group`, `email domain`, `groupId`, `context.groupId`, or a path such as \
                     `properties.workspace_id`"
                        .to_owned()
                };
                let help = did_you_mean(&key.text, ACCOUNT_WORDS, otherwise);
                findings.push(Problem::error(key.at, Code::BadValue, message).help(help));
            }
        }
    }
    found
}

fn account_key(text: &str) -> Option<AccountKey> {
    Some(match text {
        "context.groupId" => AccountKey::ContextGroupId,
        "groupId" => AccountKey::GroupId,
        "last group" => AccountKey::LastGroup,
        "email domain" => AccountKey::EmailDomain,
        path => {
            let roots = [
                ("properties", PathRoot::Properties),
                ("traits", PathRoot::Traits),
                ("context.traits", PathRoot::ContextTraits),
            ];
            let (root, rest) = roots.iter().find_map(|(root, kind)| Some((*kind, path.strip_prefix(root)?)))?;
            AccountKey::Path(root, property_path(rest)?)
        }
    })
}
