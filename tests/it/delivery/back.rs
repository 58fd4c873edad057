//! What a destination is heard to say of its leads, through its adapter over the real wire.

use std::collections::BTreeSet;
use std::sync::Mutex;

use handraiser::crm::Destination;
use handraiser::crm::adapter::ReadBack;
use handraiser::crm::client::Connections;
use handraiser::crm::line::Line;
use handraiser::crm::memo::Memo;
use handraiser::crm::pace::Pace;
use handraiser::crm::room::Rooms;
use handraiser::crm::session::Session;
use handraiser::record::{Seen, SeenOwner, Stage};
use handraiser::time::{Clock, Millis};

/// Someone who asks a destination what became of leads, again and again.
pub struct Asking {
    destination: Destination,
    memo: Memo,
    pace: Mutex<Pace>,
    since: Millis,
}

impl Asking {
    pub fn new(destination: &Destination) -> Self {
        let since = Clock::System.now().plus(-Millis::DAY);
        Self { destination: destination.clone(), memo: Memo::default(), pace: Mutex::default(), since }
    }

    /// One call; the next one goes on from there.
    pub async fn once(&mut self) -> ReadBack {
        let (http, clock) = (&self.destination.http, Clock::System);
        let connections = Connections::new(&http.allow_addresses, http.ca.as_ref()).expect("loopback");
        let adapter = self.destination.kind.adapter();
        assert!(adapter.reads_back());
        let (limits, room) = (adapter.limits(), Rooms::default().begin());
        let line = Line { connections, http, pace: &self.pace, limits, room, clock: &clock, watch: None };
        let mut session = Session::new(&line, &clock, &self.memo);
        let read = adapter.read_back(self.since, &mut session).await;
        let read = read.unwrap_or_else(|failure| panic!("it can't be read: {failure:?}"));
        assert!(read.until >= self.since, "never backwards");
        self.since = read.until;
        read
    }

    /// What it remembers by this name holds no longer.
    pub fn forget(&self, name: &str) {
        self.memo.forget(name);
    }

    /// Calls until nothing was left out; the ids of the leads that were told of.
    pub async fn all(&mut self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for _ in 0..10 {
            let read = self.once().await;
            told.extend(read.leads.into_iter().map(|(lead, _)| lead));
            if read.is_all {
                return told;
            }
        }
        panic!("it gets nowhere");
    }

    /// What is said of the only lead, in short: how far they have come, the reason, and whose it is.
    pub async fn told_of(&mut self, lead: &str) -> (Stage, String, String) {
        let mut read = self.once().await;
        assert_eq!(read.leads.len(), 1, "{read:?}");
        assert!(read.is_all);
        let (told, Seen { stage, reason, owner }) = read.leads.remove(0);
        assert_eq!(told, lead);
        let owner = owner.map(|SeenOwner { id, email }| format!("{id} {}", email.as_deref().unwrap_or("?")));
        (stage, reason.map(String::from).unwrap_or_default(), owner.unwrap_or_default())
    }
}
