//! Where deliveries may go: public addresses, and the private ranges that an operator allowed for the destination.
//!
//! A name is checked when it is resolved, for every connection, so that a name that changes its address ("rebinding") is
//! checked as well. An address written into the URL never passes through a resolver, so that [`check_url`] looks at the URL
//! itself. Redirects are not followed and proxies not used (see `client`), which leaves no way around.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// A destination's address is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The URL names this address, which is neither public nor allowed.
    #[error("{0} is not a public address; list its range under `allow_addresses` if deliveries may go there")]
    Address(IpAddr),
    /// The URL names a host of which no address is permitted.
    #[error(
        "`{host}` leads to {address}, which is not a public address; list its range under `allow_addresses` if deliveries may go there"
    )]
    Resolved {
        /// The host's name.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
    },
    /// The host of this name has no address at all.
    #[error("`{0}` has no address")]
    Nowhere(String),
    /// The URL has this scheme, which is neither `http` nor `https`.
    #[error("the URL's scheme is `{0}`; write `https` or `http`")]
    Scheme(String),
    /// The URL has no host.
    #[error("the URL names no host")]
    NoHost,
}

/// Addresses at which clouds hand out credentials. They are reached only if they are allowed one by one.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 ranges that are not public (IANA's special-purpose registry, multicast and reserved space).
const PRIVATE_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 31, 196, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The only IPv6 space that is handed out for public use.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What within it is not public: protocol assignments (Teredo among them), documentation.
const PRIVATE_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Whether a delivery may go to `address`.
pub fn permits(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = embedded(address);
    let allows = |net: &IpNet| {
        // A wide range doesn't include the metadata services, nor does one written for the embedding IPv6 form.
        net.contains(&address) && (!METADATA.contains(&address) || net.prefix_len() == net.max_prefix_len())
    };
    is_public(address) || allowed.iter().any(allows)
}

/// The IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64), else the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // Mapped, 6to4, NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            pair(high, low)
        }
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !PRIVATE_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => PUBLIC_V6.contains(&v6) && !PRIVATE_V6.iter().any(|net| net.contains(&v6)),
    }
}

/// Checks what can be seen in the URL itself; names are checked when they are resolved.
///
/// # Errors
/// When the scheme isn't HTTP, or the host is an address that isn't permitted. (The `url` crate has already turned
/// `0x7f.1`, `2130706433` and `017700000001` into `127.0.0.1`.)
pub fn check_url(url: &Url, allowed: &[IpNet]) -> Result<(), Forbidden> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Forbidden::Scheme(url.scheme().to_owned()));
    }
    let address = match url.host() {
        None => return Err(Forbidden::NoHost),
        Some(Host::Domain(_)) => return Ok(()),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
    };
    if permits(address, allowed) { Ok(()) } else { Err(Forbidden::Address(address)) }
}

/// The permitted ones of the addresses that `host` resolved to.
///
/// # Errors
/// When none is left.
pub fn filter(
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, Forbidden> {
    let (good, bad): (Vec<_>, Vec<_>) = found.partition(|at| permits(at.ip(), allowed));
    match (good.is_empty(), bad.first()) {
        (false, _) => Ok(good),
        (true, Some(at)) => Err(Forbidden::Resolved { host: host.to_owned(), address: at.ip() }),
        (true, None) => Err(Forbidden::Nowhere(host.to_owned())),
    }
}

#[cfg(test)]
mod tests;
