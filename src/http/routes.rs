//! Which address means what to CDPs and SDKs. They are many and written in many ways: long and short names, with and
//! without a trailing slash, behind any prefix that a proxy leaves on.

use std::borrow::Cow;

use crate::cdp::Endpoint;
use crate::event::Call;
use crate::ids::SubjectKind;

/// What an address of the ingestion side is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'p> {
    /// Calls in the body; the label is the address as metrics know it.
    Ingest { label: &'static str, endpoint: Endpoint<'p> },
    /// One call in the query, answered by an image.
    Pixel(Endpoint<'p>),
    /// An SDK's figures about itself: taken, and let go.
    Telemetry,
    /// The configuration that RudderStack's browser SDK loads before it starts.
    SourceConfig,
    /// The settings that Segment's browser and mobile SDKs load before they start: what stands before `/projects`, and the
    /// write key.
    Settings { prefix: &'p str, write_key: &'p str },
    /// A CRM says that something has changed: the destination that it is.
    Outcomes(&'p str),
    /// The owner of a lead takes it on: the lead.
    Accept(&'p str),
    /// RudderStack's Go SDK asks how many nodes there are.
    ClusterInfo,
}

impl Address<'_> {
    /// The address as metrics know it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Ingest { label, .. } => label,
            Self::Pixel(_) => "/v1/pixel",
            Self::Telemetry => "/v1/m",
            Self::SourceConfig => "/sourceConfig",
            Self::Settings { .. } => "/v1/projects/settings",
            Self::Outcomes(_) => "/v1/outcomes",
            Self::Accept(_) => "/v1/accept",
            Self::ClusterInfo => "/cluster-info",
        }
    }

    /// Whether calls come in the body, by POST, PUT or PATCH.
    pub const fn has_body(&self) -> bool {
        matches!(self, Self::Ingest { .. } | Self::Telemetry | Self::Outcomes(_))
    }
}

/// The route of a path that [`plain()`] made.
pub fn find(path: &str) -> Option<Address<'_>> {
    // Ids may have slashes in them.
    if let Some((_, (kind, id))) =
        path.split_once("/v1/traits/").and_then(|(head, rest)| Some((head, rest.split_once('/')?)))
    {
        let kind = [SubjectKind::User, SubjectKind::Account].into_iter().find(|known| known.as_str() == kind)?;
        return Some(ingest("/v1/traits", Endpoint::Traits(kind, id)));
    }
    let (head, last) = path.trim_end_matches('/').rsplit_once('/')?;
    match last {
        "sourceConfig" => return Some(Address::SourceConfig),
        "cluster-info" => return Some(Address::ClusterInfo),
        "rsaMetrics" => return Some(Address::Telemetry),
        "settings" => return settings(head),
        _ => {}
    }
    match head {
        _ if head.ends_with("/pixel/v1") || head.ends_with("/v1/pixel") => {
            Some(Address::Pixel(Call::from_name(last).map_or(Endpoint::Batch, Endpoint::Call)))
        }
        _ if head.ends_with("/beacon/v1") => (last == "batch").then_some(ingest("/beacon/v1/batch", Endpoint::Batch)),
        _ if head.ends_with("/v1/outcomes") => Some(Address::Outcomes(last)),
        _ if head.ends_with("/v1/accept") => Some(Address::Accept(last)),
        _ if head.ends_with("/v1/webhook") => Some(ingest("/v1/webhook", Endpoint::Webhook(last))),
        _ if head.ends_with("/v1") => v1(last),
        // Jitsu's browser and server SDKs.
        _ if head.ends_with("/api/s") || head.ends_with("/api/s/s2s") => jitsu(last),
        _ => None,
    }
}

const fn ingest<'p>(label: &'static str, endpoint: Endpoint<'p>) -> Address<'p> {
    Address::Ingest { label, endpoint }
}

fn v1(kind: &str) -> Option<Address<'static>> {
    Some(match kind {
        "identify" | "i" => ingest("/v1/identify", Endpoint::Call(Call::Identify)),
        "track" | "t" => ingest("/v1/track", Endpoint::Call(Call::Track)),
        "page" | "p" => ingest("/v1/page", Endpoint::Call(Call::Page)),
        "screen" | "s" => ingest("/v1/screen", Endpoint::Call(Call::Screen)),
        "group" | "g" => ingest("/v1/group", Endpoint::Call(Call::Group)),
        "alias" | "a" => ingest("/v1/alias", Endpoint::Call(Call::Alias)),
        "batch" | "b" | "import" => ingest("/v1/batch", Endpoint::Batch),
        "webhook" => ingest("/v1/webhook", Endpoint::Batch),
        "merge" => ingest("/v1/merge", Endpoint::Unsupported("merge")),
        "audiencelist" => ingest("/v1/audiencelist", Endpoint::Unsupported("audiencelist")),
        "m" => Address::Telemetry,
        _ => return None,
    })
}

fn jitsu(kind: &str) -> Option<Address<'static>> {
    let endpoint = match kind {
        "event" | "batch" => Endpoint::Batch,
        _ => Endpoint::Call(Call::from_name(kind)?),
    };
    Some(ingest("/api/s", endpoint))
}

fn settings(head: &str) -> Option<Address<'_>> {
    let (head, write_key) = head.rsplit_once('/')?;
    let before = head.strip_suffix("/projects")?;
    let prefix = before.strip_suffix("/v1").unwrap_or(before);
    Some(Address::Settings { prefix, write_key })
}

/// A path as it is meant: `%xx` resolved, and doubled slashes taken for one, as clients send them whose base address ends with one.
pub fn plain(path: &str) -> Cow<'_, str> {
    let decoded = decode(path);
    if !decoded.contains("//") {
        return decoded;
    }
    let parts = decoded.split('/').filter(|part| !part.is_empty());
    Cow::Owned(parts.fold(String::with_capacity(decoded.len()), |plain, part| plain + "/" + part))
}

/// Resolves `%xx` in a path. What is not UTF-8 then is left as it was.
fn decode(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(path), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_that_senders_use_is_known() {
        let call = |call| Some(Endpoint::Call(call));
        for (path, expected) in [
            ("/v1/identify", call(Call::Identify)),
            ("/v1/i", call(Call::Identify)),
            ("/v1/track", call(Call::Track)),
            ("/v1/track/", call(Call::Track)),
            ("/v1/t", call(Call::Track)),
            ("/v1/page", call(Call::Page)),
            ("/v1/p", call(Call::Page)),
            ("/v1/screen", call(Call::Screen)),
            ("/v1/s", call(Call::Screen)),
            ("/v1/group", call(Call::Group)),
            ("/v1/g", call(Call::Group)),
            ("/v1/alias", call(Call::Alias)),
            ("/v1/a/", call(Call::Alias)),
            ("/v1/batch", Some(Endpoint::Batch)),
            ("/v1/b", Some(Endpoint::Batch)),
            ("/v1/import", Some(Endpoint::Batch)),
            ("/v1/import/", Some(Endpoint::Batch)),
            ("/events/v1/batch", Some(Endpoint::Batch)),
            ("//v1/batch", Some(Endpoint::Batch)),
            ("/v1//t", call(Call::Track)),
            ("/api/s/track", call(Call::Track)),
            ("/api/s/identify/", call(Call::Identify)),
            ("/api/s/s2s/page", call(Call::Page)),
            ("/api/s/event", Some(Endpoint::Batch)),
            ("/api/s/odd", None),
            ("/v1/traits/user/kim", Some(Endpoint::Traits(SubjectKind::User, "kim"))),
            ("/v1/traits/account/acme/europe", Some(Endpoint::Traits(SubjectKind::Account, "acme/europe"))),
            ("/v1/traits/team/acme", None),
            ("/v1//webhook///segment", Some(Endpoint::Webhook("segment"))),
            ("/beacon/v1/batch", Some(Endpoint::Batch)),
            ("/v1/merge", Some(Endpoint::Unsupported("merge"))),
            ("/v1/webhook/segment", Some(Endpoint::Webhook("segment"))),
            ("/v1/webhook/segment/", Some(Endpoint::Webhook("segment"))),
            ("/v1/webhook", Some(Endpoint::Batch)),
            ("/v1/delete", None),
            ("/v2/track", None),
            ("/track", None),
            ("/xv1/track", None),
            ("/", None),
            ("", None),
        ] {
            let path = plain(path);
            let found = find(&path).map(|route| match route {
                Address::Ingest { endpoint, .. } => endpoint,
                other => panic!("{path}: {other:?}"),
            });
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn what_sdks_ask_for_besides_is_known() {
        for (path, expected) in [
            ("/sourceConfig", Address::SourceConfig),
            ("/sourceConfig/", Address::SourceConfig),
            ("/v1/m", Address::Telemetry),
            ("/rsaMetrics", Address::Telemetry),
            ("/cluster-info", Address::ClusterInfo),
            ("/v1/pixel/track", Address::Pixel(Endpoint::Call(Call::Track))),
            ("/pixel/v1/page", Address::Pixel(Endpoint::Call(Call::Page))),
            ("/pixel/v1/odd", Address::Pixel(Endpoint::Batch)),
            ("/v1/projects/k1/settings", Address::Settings { prefix: "", write_key: "k1" }),
            ("/projects/k1/settings/", Address::Settings { prefix: "", write_key: "k1" }),
            ("/cdn/v1/projects/k1/settings", Address::Settings { prefix: "/cdn", write_key: "k1" }),
        ] {
            assert_eq!(find(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn decodes_escapes() {
        assert_eq!(decode("/v1/webhook/my%20source"), "/v1/webhook/my source");
        assert_eq!(decode("/v1/webhook/%C3%98%"), "/v1/webhook/Ø%");
        assert_eq!(decode("/%ff"), "/%ff");
        assert_eq!(decode("/%zz%4"), "/%zz%4");
    }
}
