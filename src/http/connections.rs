//! Every connection, so that strangers who open many don't keep others out: a bound for each client, a bound for all, at which
//! one that does nothing makes room, and an end for those that trickle.
//!
//! The HTTP server itself watches the head of a connection's first request only. Whoever sends the second one a byte at a time,
//! or never ends a body that nobody reads, is found here.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::rt::net::TcpStream;
use metrics::counter;
use rustix::net::Shutdown;

use super::client_address::{ClientAddress, is_trusted};
use crate::config::ServerSettings;

/// A connection on which no request has been worked on for so long is closed. More than the HTTP server itself lets one idle
/// that has nothing half sent.
const LONGEST_REST: Duration = Duration::from_secs(100);
/// How many connections are looked at to find one that makes room.
const LOOKED_AT: usize = 32;

/// All connections. Cheap to clone.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    /// What the operating system allows, whatever is configured.
    most: AtomicUsize,
    began: Instant,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: Vec<Arc<Open>>,
    clients: HashMap<ClientAddress, usize, ahash::RandomState>,
}

/// One connection.
struct Open {
    /// A handle of its own on the socket, to close it by.
    socket: OwnedFd,
    /// Whose it is; `None` for a trusted proxy, whose connections are many clients'.
    client: Option<ClientAddress>,
    /// Where it stands in the table.
    place: AtomicUsize,
    /// Requests on it that are being worked on.
    busy: AtomicUsize,
    /// Whether a request was ever read from it.
    used: AtomicBool,
    /// Whether it is being closed.
    closing: AtomicBool,
    /// When it was opened, or when its last request was answered, in milliseconds since the server began.
    rests_since: AtomicU64,
}

/// A connection, as long as it is open; kept among its data.
pub struct Connection {
    open: Arc<Open>,
    all: Connections,
}

/// A request on a connection, as long as it is worked on.
pub struct Busy(Option<(Arc<Open>, Connections)>);

impl Default for Connections {
    fn default() -> Self {
        let (most, table) = (AtomicUsize::new(usize::MAX), Mutex::default());
        Self(Arc::new(Shared { most, began: Instant::now(), table }))
    }
}

impl Connections {
    /// No more than `most` can be open, whatever is configured.
    pub fn allow_at_most(&self, most: usize) {
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.table().open.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes a connection up, or closes it when there are too many; another one may have to make room for it.
    pub fn opened(&self, stream: &TcpStream, settings: &ServerSettings) -> Option<Connection> {
        let peer = stream.peer_addr().ok()?.ip();
        let client = (!is_trusted(peer, &settings.trusted_proxies)).then(|| ClientAddress::from(peer));
        let open = self.enter(stream, client, settings);
        if let Err(reason) = open {
            counter!("handraiser_connections_refused_total", "reason" => reason).increment(1);
            // It fails only where the client has hung up already.
            let _ = rustix::net::shutdown(stream, Shutdown::Both);
        }
        open.ok().map(|open| Connection { open, all: self.clone() })
    }

    fn enter(
        &self,
        stream: &TcpStream,
        client: Option<ClientAddress>,
        settings: &ServerSettings,
    ) -> Result<Arc<Open>, &'static str> {
        let mut table = self.table();
        let own = client.and_then(|client| table.clients.get(&client).copied()).unwrap_or(0);
        if own >= settings.edge.connections_per_address {
            return Err("address");
        }
        let most = settings.edge.connections.min(self.0.most.load(Ordering::Relaxed));
        if table.open.len() >= most && !table.make_room() {
            return Err("total");
        }
        let open = Arc::new(Open {
            socket: stream.as_fd().try_clone_to_owned().map_err(|_| "descriptors")?,
            client,
            place: AtomicUsize::new(table.open.len()),
            busy: AtomicUsize::new(0),
            used: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            rests_since: AtomicU64::new(self.now_ms()),
        });
        table.open.push(Arc::clone(&open));
        if let Some(client) = client {
            *table.clients.entry(client).or_default() += 1;
        }
        Ok(open)
    }

    /// Closes what has rested for too long.
    pub fn sweep(&self) {
        let before = self.now_ms().saturating_sub(u64::try_from(LONGEST_REST.as_millis()).unwrap_or(u64::MAX));
        let table = self.table();
        for open in table.open.iter().filter(|open| open.rests() && open.rests_since() < before) {
            open.close();
        }
    }
}

impl Table {
    /// Closes one of those that rest: one that never brought a request before any other, else the one that has rested longest.
    fn make_room(&self) -> bool {
        let looked_at = (0..LOOKED_AT).filter_map(|_| self.open.get(rand::random_range(0..self.open.len().max(1))));
        let resting = looked_at.filter(|open| open.rests());
        let chosen = resting.min_by_key(|open| (open.used.load(Ordering::Relaxed), open.rests_since()));
        chosen.map(|open| open.close()).is_some()
    }

    fn remove(&mut self, open: &Open) {
        let place = open.place.load(Ordering::Relaxed);
        if place < self.open.len() {
            self.open.swap_remove(place);
        }
        if let Some(moved) = self.open.get(place) {
            moved.place.store(place, Ordering::Relaxed);
        }
        let Some(client) = open.client else { return };
        if let Some(own) = self.clients.get_mut(&client) {
            *own -= 1;
            if *own == 0 {
                self.clients.remove(&client);
            }
        }
    }
}

impl Open {
    fn rests(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0 && !self.closing.load(Ordering::Relaxed)
    }

    fn rests_since(&self) -> u64 {
        self.rests_since.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        // It fails only where the client has hung up already.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.table().remove(&self.open);
    }
}

impl Busy {
    /// Notes that a request is being worked on.
    pub fn begin(request: &HttpRequest) -> Self {
        let Some(connection) = request.conn_data::<Connection>() else { return Self(None) };
        connection.open.used.store(true, Ordering::Relaxed);
        connection.open.busy.fetch_add(1, Ordering::Relaxed);
        Self(Some((Arc::clone(&connection.open), connection.all.clone())))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some((open, all)) = &self.0 {
            open.rests_since.store(all.now_ms(), Ordering::Relaxed);
            open.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
