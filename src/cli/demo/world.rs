//! The demo's world: a real server with an embedded store in a temporary directory, and a receiver that stands for the CRM.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use url::Url;

use crate::apply::Rules;
use crate::cli::client::{Client, Format, Remote};
use crate::cli::output::CommandError;
use crate::crm::receiver::{Arrival, Receiver, Reply};
use crate::secret::Secret;
use crate::server::{self, RunningServer};

/// The configuration, and the table of territories that it names.
const FILES: [(&str, &str); 2] = [
    (CONFIG, include_str!("../../../fixtures/demo/handraiser.yaml")),
    ("territories.csv", include_str!("../../../fixtures/demo/territories.csv")),
];
const CONFIG: &str = "handraiser.yaml";

pub const ADMIN_TOKEN: &str = "demo";
pub const WRITE_KEY: &str = "demo-write-key";
pub const SHARED_SECRET: &str = "demo-shared-secret";
const CRM_SECRET: &str = "whsec_ZGVtby1vZi1oYW5kcmFpc2VyLW5vdC1hLXNlY3JldA==";

/// Set to an account, it makes the CRM fail once.
pub type Stumble = Arc<Mutex<Option<&'static str>>>;

pub struct DemoWorld {
    pub server: RunningServer,
    pub url: Url,
    pub crm: Receiver,
    pub directory: PathBuf,
    /// What the server runs by.
    pub rules: Arc<Rules>,
    /// What arrives at the CRM, as it arrives.
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// The account about which the CRM fails the next delivery.
    pub stumble: Stumble,
}

impl DemoWorld {
    /// Starts everything.
    pub async fn start() -> Result<Self, CommandError> {
        let crm = Receiver::start(&[Secret::new(CRM_SECRET)])?;
        let (arrivals, stumble) = listen(&crm);
        let directory = fresh_directory()?;
        let database = directory.join("handraiser.db");
        let env = |name: &str| match name {
            "DEMO_ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
            "DEMO_STORE" => Some(database.display().to_string()),
            "DEMO_WRITE_KEY" => Some(WRITE_KEY.to_owned()),
            "DEMO_SHARED_SECRET" => Some(SHARED_SECRET.to_owned()),
            "DEMO_CRM_URL" => Some(crm.url()),
            "DEMO_CRM_SECRET" => Some(CRM_SECRET.to_owned()),
            _ => None,
        };
        for (name, text) in FILES {
            std::fs::write(directory.join(name), text)?;
        }
        let loaded =
            crate::config::load(&directory.join(CONFIG), &env).map_err(|all| crate::cli::output::findings(&all))?;
        let rules = Arc::clone(&loaded.config.rules);
        let server = server::start(loaded.config, server::Options::default()).await?;
        let url = Url::parse(&format!("http://{}/", server.address()))?;
        Ok(Self { server, url, crm, directory, rules, arrivals, stumble })
    }

    /// A client of the admin API.
    pub fn admin(&self) -> Result<Client, CommandError> {
        let remote = Remote { server: self.url.clone(), token: Some(ADMIN_TOKEN.to_owned()), format: Format::Text };
        Ok(Client::new(&remote)?)
    }

    /// Stops everything and removes the store.
    pub async fn stop(self) -> Result<(), CommandError> {
        self.server.stop().await;
        self.crm.stop().await;
        std::fs::remove_dir_all(&self.directory)?;
        Ok(())
    }
}

/// Has everything that arrives sent on, and the receiver fail once when it is told to.
fn listen(crm: &Receiver) -> (mpsc::UnboundedReceiver<Arrival>, Stumble) {
    let (send, arrivals) = mpsc::unbounded_channel();
    let stumble = Stumble::default();
    let told = Arc::clone(&stumble);
    crm.respond(move |arrival| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = told.take_if(|account| arrival.body.contains(*account)).is_some();
        // Nobody listens any more: the demo is over.
        let _ = send.send(Arrival { accepted: !fails, ..arrival.clone() });
        if fails { Reply::status(503) } else { Reply::Accept }
    });
    (arrivals, stumble)
}

fn fresh_directory() -> Result<PathBuf, CommandError> {
    let directory = std::env::temp_dir().join(format!("handraiser-demo-{:08x}", rand::random::<u32>()));
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
