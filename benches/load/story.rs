//! The stream of events: what a product's browser SDK sends, about 1 KB an event, made by patching a prepared request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use handraiser::time::Clock;

use crate::people::{People, Random};

/// The write key of the bench's source.
pub const WRITE_KEY: &str = "bench-write-key";

/// Every 20 users share an account.
pub const USERS_PER_ACCOUNT: u32 = 20;

/// All of one length, so that they can be patched in place; weights 7 : 1 : 2.
const EVENTS: [&str; 10] = [
    "Task Created",
    "Task Created",
    "Task Created",
    "Task Created",
    "Task Created",
    "Task Created",
    "Task Created",
    "User Invited",
    "Board Opened",
    "Board Opened",
];

/// Message ids never repeat within a run.
static MESSAGES: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy)]
enum Slot {
    User,
    Account,
    Message,
    Event,
    Board,
    Minutes,
}

impl Slot {
    const ALL: [(Self, &'static str); 6] = [
        (Self::User, "UUUUUUUU"),
        (Self::Account, "AAAAAAAA"),
        (Self::Message, "MMMMMMMMMMMMMMMM"),
        (Self::Event, "EEEEEEEEEEEE"),
        (Self::Board, "BBBB"),
        (Self::Minutes, "NNN"),
    ];
}

/// A prepared request, and where it is patched to become the next one.
pub struct Request {
    bytes: Vec<u8>,
    slots: Vec<(usize, Slot)>,
    people: People,
    random: Random,
    pub events: usize,
}

impl Request {
    /// A request with one event.
    pub fn single(address: SocketAddr, people: People, seed: u64) -> Self {
        Self::new(address, "/v1/track", &event(), 1, people, seed)
    }

    /// A request with `events` events.
    pub fn batch(address: SocketAddr, events: usize, people: People, seed: u64) -> Self {
        let sent_at = Clock::System.now().rfc3339();
        let items = vec![event(); events].join(",");
        let body = format!(r#"{{"writeKey":"{WRITE_KEY}","sentAt":"{sent_at}","batch":[{items}]}}"#);
        Self::new(address, "/v1/batch", &body, events, people, seed)
    }

    fn new(address: SocketAddr, path: &str, body: &str, events: usize, people: People, seed: u64) -> Self {
        let head = head(address, path, body.len());
        let text = head + body;
        let mut slots: Vec<(usize, Slot)> = Slot::ALL
            .iter()
            .flat_map(|(slot, mark)| text.match_indices(mark).map(move |(offset, _)| (offset, *slot)))
            .collect();
        slots.sort_unstable_by_key(|(offset, _)| *offset);
        Self { bytes: text.into_bytes(), slots, people, random: Random(seed | 1), events }
    }

    /// Becomes the next request of the stream: other users, other message ids, same length. Says no when everybody had a turn.
    pub fn advance(&mut self) -> bool {
        let Some(mut turn) = self.people.turns(self.events) else { return false };
        let mut user = 0;
        for (offset, slot) in &self.slots {
            let at = &mut self.bytes[*offset..];
            match slot {
                // The first slot of an event.
                Slot::Event => {
                    user = self.people.at(turn, &mut self.random);
                    turn += 1;
                    at[..12].copy_from_slice(EVENTS[self.random.below(10) as usize].as_bytes());
                }
                Slot::User => decimal(&mut at[..8], u64::from(user)),
                Slot::Account => decimal(&mut at[..8], u64::from(user / USERS_PER_ACCOUNT)),
                Slot::Message => decimal(&mut at[..16], MESSAGES.fetch_add(1, Ordering::Relaxed)),
                Slot::Board => decimal(&mut at[..4], u64::from(self.random.below(40))),
                // Never a leading zero: JSON has none.
                Slot::Minutes => decimal(&mut at[..3], u64::from(100 + self.random.below(900))),
            }
        }
        true
    }

    /// The request as it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// So many connections' requests of one event each.
pub fn singles(address: SocketAddr, connections: usize, users: u32, seed: u64) -> Vec<Request> {
    let request = |n| Request::single(address, People::Any(users), (seed + n) * 7919);
    (0..connections as u64).map(request).collect()
}

/// So many connections' batches.
pub fn batches(address: SocketAddr, connections: usize, events: usize, people: People) -> Vec<Request> {
    let request = |n| Request::batch(address, events, people.clone(), (500 + n) * 7919);
    (0..connections as u64).map(request).collect()
}

/// The head of a POST as SDKs send it.
pub fn head(address: SocketAddr, path: &str, length: usize) -> String {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.encode(format!("{WRITE_KEY}:"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {key}\r\nContent-Type: application/json\r\n\
         User-Agent: analytics-node-next/latest\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// One track call, as a browser SDK makes it; the marks of [`Slot`] stand where it is patched.
fn event() -> String {
    let at = Clock::System.now().rfc3339();
    format!(
        concat!(
            r#"{{"type":"track","event":"EEEEEEEEEEEE","userId":"user-UUUUUUUU","#,
            r#""anonymousId":"7f0d0f1e-2a43-4c39-9c3b-UUUUUUUU","messageId":"ajs-next-{run}-MMMMMMMMMMMMMMMM","#,
            r#""timestamp":"{at}","originalTimestamp":"{at}","sentAt":"{at}","#,
            r#""properties":{{"board":"board-BBBB","minutes":NNN,"template":"kanban","source":"sidebar","is_first":false,"#,
            r#""labels":["launch","q4"],"email":"invitee-BBBB@customer-AAAAAAAA.example"}},"#,
            r#""context":{{"groupId":"account-AAAAAAAA","ip":"203.0.113.7","locale":"en-GB","timezone":"Europe/Berlin","#,
            r#""library":{{"name":"analytics.js","version":"npm:next-1.84.1"}},"#,
            r#""page":{{"path":"/boards/BBBB","referrer":"https://app.example.com/home","search":"?view=week","#,
            r#""title":"Launch plan","url":"https://app.example.com/boards/BBBB?view=week"}},"#,
            r#""campaign":{{"name":"autumn","source":"newsletter","medium":"email"}},"#,
            r#""userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"}},"#,
            r#""integrations":{{"All":true}},"version":2}}"#
        ),
        at = at,
        run = std::process::id(),
    )
}

fn decimal(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}
