//! One HTTP exchange with a destination: bounded in time from the first byte to the last, and in size; guarded; never
//! redirected, never proxied.
//!
//! TLS is rustls with ring. Certificates are checked against the authorities that the destination names (`ca`), else against
//! the machine's own store (`ca-certificates`, or what `SSL_CERT_FILE` names).

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, redirect};
use rustls::CertificateError;

use super::authorities::Authorities;
use super::exchange::{Request, Response};
use super::guard::{self, Forbidden};
use super::room::{Room, SMALL_BYTES};

/// How long an idle connection is kept for the next delivery.
const IDLE: Duration = Duration::from_mins(1);

/// Why nothing (or not everything) came back. No message holds the URL, which may carry a secret.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Deliveries may not go to this address; nothing was sent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The exchange took longer than this, the destination's `timeout`.
    #[error("no complete answer within {} s", .0.as_secs_f64())]
    Deadline(Duration),
    /// No connection came about, for this reason.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The receiver's certificate is not trusted; nothing was sent.
    #[error("the receiver's certificate is not trusted ({reason}): {fix}")]
    Certificate {
        /// What speaks against it.
        reason: String,
        /// What an operator can do about it.
        fix: &'static str,
    },
    /// The connection broke off amid the request or the answer, for this reason.
    #[error("the exchange broke off: {0}")]
    Broken(String),
    /// The answer is a large one, and there was no room for it.
    #[error("the answer is large, and too many large ones are being read already")]
    Crowded,
    /// There is nothing to send with, for this reason; for example because the machine has no certificates.
    #[error("the HTTP client could not be made: {0}")]
    Client(String),
}

/// The connections to one destination.
#[derive(Clone, Debug)]
pub struct Connections {
    client: Client,
    allowed: Arc<[IpNet]>,
    authorities: Option<Authorities>,
}

impl Connections {
    /// No connection is made yet. `authorities` are trusted in place of those that the machine trusts.
    ///
    /// # Errors
    /// When TLS can't be set up, for example because the machine has no certificates.
    pub fn new(allowed: &[IpNet], authorities: Option<&Authorities>) -> Result<Self, SendError> {
        // Fails only when the process has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allowed: Arc<[IpNet]> = allowed.into();
        let client = trusting(authorities)?
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("handraiser/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(GuardedResolver(Arc::clone(&allowed))))
            .build()
            .map_err(|error| SendError::Client(root(&error)))?;
        Ok(Self { client, allowed, authorities: authorities.cloned() })
    }

    /// Which private ranges these connections may reach.
    pub fn allowed(&self) -> &[IpNet] {
        &self.allowed
    }

    /// Whom these connections trust in place of the machine's own authorities.
    pub const fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// Sends a request and reads the answer, up to `max_bytes` of it, all within `timeout`. A large answer takes of `room`.
    ///
    /// # Errors
    /// When there is no complete answer (one that was cut at `max_bytes` counts as complete).
    pub async fn send(
        &self,
        request: Request,
        timeout: Duration,
        max_bytes: usize,
        room: &Room,
    ) -> Result<Response, SendError> {
        let Request { method, url, headers, body } = request;
        // An address in the URL itself never reaches the resolver.
        guard::check_url(&url, &self.allowed)?;
        let request = self.client.request(method, url).headers(headers).body(body);
        let exchange = async {
            let response = request.send().await.map_err(SendError::from_client)?;
            read(response, max_bytes, room).await
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(SendError::Deadline(timeout)))
    }
}

fn trusting(authorities: Option<&Authorities>) -> Result<reqwest::ClientBuilder, SendError> {
    let Some(authorities) = authorities else { return Ok(Client::builder()) };
    let certificates = authorities.certificates().map(Certificate::from_der).collect::<Result<Vec<_>, _>>();
    Ok(Client::builder().tls_certs_only(certificates.map_err(|error| SendError::Client(root(&error)))?))
}

async fn read(mut response: reqwest::Response, max_bytes: usize, room: &Room) -> Result<Response, SendError> {
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut answer = Response { status, headers, body: Vec::new() };
    while answer.body.len() < max_bytes {
        let Some(chunk) = response.chunk().await.map_err(SendError::from_client)? else { break };
        let left = max_bytes - answer.body.len();
        if answer.body.len() + chunk.len().min(left) > SMALL_BYTES && !room.take(max_bytes).await {
            return Err(SendError::Crowded);
        }
        answer.body.extend(chunk.iter().take(left));
    }
    Ok(answer)
}

impl SendError {
    /// What kind of error it is, for the logs: no names and no addresses.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden address",
            Self::Deadline(_) => "deadline",
            Self::Connect(_) => "no connection",
            Self::Certificate { .. } => "untrusted certificate",
            Self::Broken(_) => "broken exchange",
            Self::Crowded => "large answers",
            Self::Client(_) => "no HTTP client",
        }
    }

    fn from_client(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(forbidden) = sources(&error).find_map(|source| source.downcast_ref::<Forbidden>()) {
            return Self::Forbidden(forbidden.clone());
        }
        if let Some(rustls::Error::InvalidCertificate(why)) = tls_error(&error) {
            return Self::Certificate { reason: why.to_string(), fix: fix(why) };
        }
        if error.is_connect() { Self::Connect(root(&error)) } else { Self::Broken(root(&error)) }
    }
}

type Cause<'e> = &'e (dyn std::error::Error + 'static);

fn sources(error: &reqwest::Error) -> impl Iterator<Item = Cause<'_>> {
    fn next<'e>(error: &Cause<'e>) -> Option<Cause<'e>> {
        (*error).source()
    }
    std::iter::successors(error.source(), next)
}

/// What TLS said, however deep it lies: an `io::Error` doesn't count what it wraps among its sources.
fn tls_error(error: Cause<'_>) -> Option<&rustls::Error> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error
        .downcast_ref()
        .or_else(|| wrapped.and_then(|inner| tls_error(inner)))
        .or_else(|| error.source().and_then(tls_error))
}

/// What to do about a certificate.
const fn fix(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the receiver has to renew it",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "compare the two clocks",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "write the name that it was made for into `url`"
        }
        _ => "name a file with the certificate of its authority under `ca`",
    }
}

/// The innermost cause, which is what says something.
fn root(error: &reqwest::Error) -> String {
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Resolves names as the machine does, and keeps only what is permitted.
struct GuardedResolver(Arc<[IpNet]>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let permitted = guard::filter(name.as_str(), found.into_iter(), &allowed)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}
