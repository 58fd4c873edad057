//! A receiver that stands for the CRM: it takes webhooks, keeps them with the moment of their arrival, and answers what the
//! test wants it to.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::endpoint::{Answer, Call, Endpoint};

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Hook {
    pub call: Call,
    /// What it was answered.
    pub status: u16,
}

impl Hook {
    pub fn header(&self, name: &str) -> &str {
        self.call.header(name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.call.body).expect("a delivery is JSON")
    }
}

pub struct Receiver {
    endpoint: Endpoint,
    hooks: Arc<Mutex<Vec<Hook>>>,
}

impl Receiver {
    /// Listens on a free port and answers with the status that `answer` says.
    pub async fn start(answer: impl Fn(&Call) -> u16 + Send + Sync + 'static) -> Self {
        let hooks = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&hooks);
        let endpoint = Endpoint::start(move |call| {
            let status = answer(&call);
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Hook { call, status });
            Answer::Is(status, Vec::new(), "{}".to_owned())
        });
        Self { endpoint: endpoint.await, hooks }
    }

    pub fn url(&self) -> String {
        format!("{}leads", self.endpoint.url())
    }

    /// Everything that arrived so far, in the order of arrival, repetitions included.
    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn count(&self) -> usize {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
