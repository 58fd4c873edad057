//! Whose request it is, as far as addresses tell: the peer's address, or what a trusted proxy says of the client behind it.
//!
//! Whatever is bounded for each client (connections, bodies, wrong tokens, quotas) asks here. Never logged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

/// The address of a client. An IPv6 client usually has a whole /64 to itself, so all of one count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl ClientAddress {
    /// The client that sent a request; `trusted` are the proxies that are believed about it.
    pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> Self {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Self::behind(peer, request.headers(), trusted)
    }

    /// The client behind `peer`. Each proxy adds to the right what it saw, so the list is read from there, as long as the one who
    /// wrote the entry is trusted; what stands further to the left anybody may have made up.
    fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let mut client = peer.to_canonical();
        if !is_trusted(client, trusted) {
            return client.into();
        }
        for hop in hops(headers).into_iter().rev() {
            // An entry that is no address was hidden or made up; the one who passed it on is the last that is known.
            let Some(hop) = hop else { break };
            client = hop.to_canonical();
            if !is_trusted(client, trusted) {
                break;
            }
        }
        client.into()
    }
}

/// Whether an address is one of the proxies that are believed.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|range| range.contains(&address))
}

/// Scheme and host under which a client reached this server. A proxy that is not trusted is not believed about them either.
pub(super) fn origin(request: &HttpRequest, trusted: &[IpNet]) -> (String, String) {
    let connection = request.connection_info();
    if request.peer_addr().is_some_and(|peer| is_trusted(peer.ip(), trusted)) {
        return (connection.scheme().to_owned(), connection.host().to_owned());
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    ("http".to_owned(), host.unwrap_or_default().to_owned())
}

/// What proxies say about the way of a request, the client first: of `X-Forwarded-For`, or else of `Forwarded`.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: HeaderName| {
        let values = headers.get_all(name).map(|value| value.to_str().unwrap_or_default());
        values.flat_map(|value| value.split(',')).map(str::trim).collect::<Vec<_>>()
    };
    let listed = list(header::X_FORWARDED_FOR);
    if !listed.is_empty() {
        return listed.into_iter().map(address).collect();
    }
    list(header::FORWARDED).into_iter().map(|hop| address(forwarded_for(hop)?)).collect()
}

/// `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    Some(value.trim().trim_matches('"'))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, headers: &[(HeaderName, &str)], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|range| range.parse().expect("a range")).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), header::HeaderValue::from_str(value).expect("a value"));
        }
        ClientAddress::behind(peer.parse().expect("an address"), &map, &trusted).0.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let xff = header::X_FORWARDED_FOR;
        let via = |list| [(xff.clone(), list)];
        for (peer, list, trusted, expected) in [
            ("203.0.113.9", "198.51.100.1", vec![], "203.0.113.9"),
            ("203.0.113.9", "198.51.100.1", vec!["10.0.0.0/8"], "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", vec!["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1", vec!["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", vec!["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1", "10.0.0.7", vec!["10.0.0.0/8"], "10.0.0.7"),
            ("10.0.0.1", "198.51.100.1:4711", vec!["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, nonsense", vec!["10.0.0.0/8"], "10.0.0.1"),
            ("10.0.0.1", "", vec!["10.0.0.0/8"], "10.0.0.1"),
            ("::ffff:10.0.0.1", "198.51.100.1", vec!["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1", "[2001:db8::7]:80", vec!["10.0.0.0/8"], "2001:db8::"),
        ] {
            assert_eq!(seen(peer, &via(list), &trusted), expected, "{peer} with {list:?}");
        }
        let lines = [(xff.clone(), "1.1.1.1"), (xff.clone(), "198.51.100.1")];
        assert_eq!(seen("10.0.0.1", &lines, &["10.0.0.0/8"]), "198.51.100.1", "the last line is the nearest");
    }

    #[test]
    fn the_standard_header_is_read_where_the_usual_one_is_missing() {
        let forwarded = |list| [(header::FORWARDED, list)];
        for (list, expected) in [
            ("for=198.51.100.1;proto=https", "198.51.100.1"),
            (r#"for=1.1.1.1, proto=https;For="[2001:db8:1:2:3::7]:80""#, "2001:db8:1:2::"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &forwarded(list), &["10.0.0.0/8"]), expected, "{list}");
        }
        let both = [(header::FORWARDED, "for=1.1.1.1"), (header::X_FORWARDED_FOR, "198.51.100.1")];
        assert_eq!(seen("10.0.0.1", &both, &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn neighbours_of_one_ipv6_network_are_one_client() {
        let of = |text: &str| ClientAddress::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
