//! What the stand-ins of vendors' APIs share: what is kept behind the API, which calls were made, and what befalls them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handraiser::time::Clock;
use serde_json::Value;

pub use crate::harness::endpoint::{Answer, Call};

use crate::harness::endpoint::Endpoint;

/// What happens to a call in place of what it came for.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered so, and not worked.
    Says(u16, Vec<(&'static str, String)>, Value),
    /// It is worked, and the answer is lost.
    Lost,
    /// It is worked, and there is no answer for as long as anybody waits.
    Hangs,
    /// It is worked, and the answer comes a byte at a time.
    Drips,
}

impl Fault {
    /// An answer without headers of its own.
    pub fn says(status: u16, body: Value) -> Self {
        Self::Says(status, Vec::new(), body)
    }
}

/// Which call a fault befalls.
#[derive(Clone, Debug)]
pub enum Which {
    /// By its number, from 1.
    Number(usize),
    /// The next one whose path ends so.
    Next(&'static str),
}

impl Which {
    fn is(&self, number: usize, path: &str) -> bool {
        match self {
            Self::Number(at) => *at == number,
            Self::Next(end) => path.ends_with(end),
        }
    }
}

#[derive(Default)]
struct Script {
    calls: Vec<String>,
    faults: Vec<(Which, Fault)>,
}

impl Script {
    /// Writes a call down; what befalls it.
    fn note(&mut self, call: &Call) -> Option<Fault> {
        self.calls.push(format!("{} {}", call.method, call.path));
        let number = self.calls.len();
        let at = self.faults.iter().position(|(which, _)| which.is(number, &call.path))?;
        Some(self.faults.remove(at).1)
    }
}

/// What is behind an API.
pub trait Vendor: Send + 'static {
    /// Works a call.
    fn answer(&mut self, call: &Call) -> Answer;
}

/// A server that does as a vendor's does.
pub struct StandIn<V> {
    endpoint: Endpoint,
    script: Arc<Mutex<Script>>,
    state: Arc<Mutex<V>>,
}

impl<V: Vendor> StandIn<V> {
    pub async fn open(state: V) -> Self {
        let (script, state) = (Arc::default(), Arc::new(Mutex::new(state)));
        let (scripted, behind) = (Arc::clone(&script), Arc::clone(&state));
        let endpoint = Endpoint::start(move |call| {
            let fault = lock::<Script>(&scripted).note(&call);
            if let Some(Fault::Says(status, headers, body)) = fault {
                return Answer::Is(status, headers, body.to_string());
            }
            let answer = lock(&behind).answer(&call);
            match fault {
                Some(Fault::Lost) => Answer::Reset,
                Some(Fault::Hangs) => Answer::Hang,
                Some(Fault::Drips) => Answer::Drip,
                _ => answer,
            }
        });
        Self { endpoint: endpoint.await, script, state }
    }

    /// `http://127.0.0.1:…/`
    pub fn url(&self) -> String {
        self.endpoint.url()
    }

    /// What is there, to look at and to change, as people do in the vendor's own pages.
    pub fn state(&self) -> MutexGuard<'_, V> {
        lock(&self.state)
    }

    /// The calls so far: `GET /path`.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.script).calls.clone()
    }

    /// From now on this befalls calls.
    pub fn befall(&self, faults: impl IntoIterator<Item = (Which, Fault)>) {
        lock(&self.script).faults.extend(faults);
    }

    /// This befalls the next call.
    pub fn befall_next(&self, fault: Fault) {
        let mut script = lock(&self.script);
        let next = Which::Number(script.calls.len() + 1);
        script.faults.push((next, fault));
    }
}

/// The time, as most vendors write it.
pub fn now() -> String {
    Clock::System.now().rfc3339()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
