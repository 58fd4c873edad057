//! A small receiver of webhooks that stands for the CRM in the demo, the tests and the benches.
//!
//! It does what a good receiver does: verifies the signature, refuses old timestamps, takes each id once; and it can be told
//! to misbehave in every way in which receivers do.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use futures::stream;
use tokio::sync::watch;

use super::sign::{BadSecret, SigningKey};
use crate::secret::Secret;
use crate::time::Millis;

/// How far a timestamp may be from now, as the reference libraries have it.
const TOLERANCE: i64 = 5 * Millis::MINUTE;
/// The largest body that is taken.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When all of it was there.
    pub at: Instant,
    /// `webhook-id`.
    pub id: String,
    /// How often this id has arrived, this time included.
    pub attempt: u32,
    /// Whether it carried a valid signature; `true` when the receiver knows no secret.
    pub verified: bool,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; what is not UTF-8 in it is replaced.
    pub body: String,
    /// Whether it was answered with success.
    pub accepted: bool,
}

/// How a request is answered.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// 200 at once.
    #[default]
    Accept,
    /// Another status, with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// 200 after a while.
    Slow(Duration),
    /// 200, and a body that comes a byte at a time and never ends.
    Drip(Duration),
    /// 200, and a body that never ends and comes as fast as it is read.
    Flood,
}

impl Reply {
    /// A bare status.
    pub const fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }

    fn accepts(&self) -> bool {
        !matches!(self, Self::Status(status, ..) if !(200..300).contains(status))
    }
}

type Respond = Box<dyn Fn(&Arrival) -> Reply + Send + Sync>;

struct ReceiverState {
    keys: Vec<SigningKey>,
    arrivals: Mutex<Vec<Arrival>>,
    respond: Mutex<Respond>,
    count: watch::Sender<usize>,
}

/// A running receiver; it stops when it is dropped.
pub struct Receiver {
    inner: Arc<ReceiverState>,
    address: SocketAddr,
    server: ServerHandle,
}

/// The receiver can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// A secret can't be used for verifying.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// No port is free, or the address is taken.
    #[error("the receiver can't listen: {0}")]
    Listen(#[from] std::io::Error),
}

impl Receiver {
    /// Starts on a free loopback port and accepts everything that is signed with one of `secrets` (with none: everything).
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a secret is malformed or no port is free.
    pub fn start(secrets: &[Secret]) -> Result<Self, ReceiverError> {
        Self::listen(secrets, (Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same on a certain address.
    ///
    /// # Errors
    /// When a secret is malformed or the address is taken.
    pub fn listen(secrets: &[Secret], address: SocketAddr) -> Result<Self, ReceiverError> {
        let inner = Arc::new(ReceiverState {
            keys: secrets.iter().map(SigningKey::parse).collect::<Result<_, _>>()?,
            arrivals: Mutex::default(),
            respond: Mutex::new(Box::new(|_| Reply::Accept)),
            count: watch::Sender::new(0),
        });
        let data = web::Data::from(Arc::clone(&inner));
        let app = move || {
            let limit = web::PayloadConfig::new(BODY_LIMIT);
            App::new().app_data(data.clone()).app_data(limit).default_service(web::to(receive))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0).bind(address)?;
        let address = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { inner, address, server: handle })
    }

    /// From now on, `respond` decides how a (verified) request is answered.
    pub fn respond(&self, respond: impl Fn(&Arrival) -> Reply + Send + Sync + 'static) {
        *self.inner.respond.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(respond);
    }

    /// Where it listens, with the port that it was given.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where to send webhooks.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that arrived, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.inner.arrivals().clone()
    }

    /// What was accepted, each id once, in the order of the first acceptance.
    pub fn accepted(&self) -> Vec<Arrival> {
        let mut seen = std::collections::BTreeSet::new();
        let accepted = self.arrivals().into_iter().filter(|arrival| arrival.accepted);
        accepted.filter(|arrival| seen.insert(arrival.id.clone())).collect()
    }

    /// Waits until `enough` says so of everything that arrived.
    pub async fn wait_for(&self, enough: impl Fn(&[Arrival]) -> bool) -> Vec<Arrival> {
        let mut count = self.inner.count.subscribe();
        loop {
            count.borrow_and_update();
            let arrivals = self.arrivals();
            if enough(&arrivals) {
                return arrivals;
            }
            if count.changed().await.is_err() {
                return arrivals;
            }
        }
    }

    /// Stops listening and drops all connections.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Told at once; the future only waits until it is done.
        drop(self.server.stop(false));
    }
}

impl ReceiverState {
    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request and decides about it.
    fn take(&self, headers: BTreeMap<String, String>, body: &[u8]) -> Reply {
        let id = headers.get("webhook-id").cloned().unwrap_or_default();
        let mut arrivals = self.arrivals();
        let before = arrivals.iter().filter(|arrival| arrival.id == id).count();
        let mut arrival = Arrival {
            at: Instant::now(),
            attempt: u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1),
            verified: self.verify(&headers, &id, body),
            id,
            headers,
            body: String::from_utf8_lossy(body).into_owned(),
            accepted: false,
        };
        let reply = if arrival.verified {
            self.respond.lock().unwrap_or_else(PoisonError::into_inner)(&arrival)
        } else {
            Reply::Status(401, Vec::new(), "the signature does not fit".to_owned())
        };
        arrival.accepted = reply.accepts();
        arrivals.push(arrival);
        let count = arrivals.len();
        drop(arrivals);
        self.count.send_replace(count);
        reply
    }

    fn verify(&self, headers: &BTreeMap<String, String>, id: &str, body: &[u8]) -> bool {
        if self.keys.is_empty() {
            return true;
        }
        let Some(timestamp) = headers.get("webhook-timestamp").and_then(|text| text.parse::<i64>().ok()) else {
            return false;
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let signature = headers.get("webhook-signature").map_or("", String::as_str);
        now.saturating_sub(timestamp.saturating_mul(Millis::SECOND)).abs() <= TOLERANCE
            && self.keys.iter().any(|key| key.verify(signature, id, timestamp, body))
    }
}

async fn receive(inner: web::Data<ReceiverState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let text = |value: &actix_web::http::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    answer(inner.take(headers, &body)).await
}

async fn answer(reply: Reply) -> HttpResponse {
    match reply {
        Reply::Accept => HttpResponse::Ok().json(serde_json::json!({ "ok": true })),
        Reply::Status(status, headers, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = HttpResponse::build(status);
            for header in headers {
                response.insert_header(header);
            }
            response.body(body)
        }
        Reply::Slow(wait) => {
            tokio::time::sleep(wait).await;
            HttpResponse::Ok().finish()
        }
        Reply::Drip(wait) => HttpResponse::Ok().streaming(stream::unfold((), move |()| async move {
            tokio::time::sleep(wait).await;
            Some((Ok::<_, actix_web::Error>(Bytes::from_static(b".")), ()))
        })),
        Reply::Flood => {
            let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
            HttpResponse::Ok().streaming(stream::repeat_with(move || Ok::<_, actix_web::Error>(chunk.clone())))
        }
    }
}
