//! Whatever a CRM answers to whatever it is asked: never a panic nor endless work, no more requests for a delivery than its deadline is
//! made for, and no reading back that goes backwards.
#![no_main]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use handraiser::config::load_text;
use handraiser::crm::adapter::LeadNews;
use handraiser::crm::exchange::{Request, Response};
use handraiser::crm::memo::Memo;
use handraiser::crm::retry::Failure;
use handraiser::crm::sample;
use handraiser::crm::session::{Session, Wire};
use handraiser::crm::{Destination, Kind};
use handraiser::time::{Clock, Millis};
use libfuzzer_sys::fuzz_target;

const NOW: Millis = Millis(1_795_293_412_000);
/// Nobody is asked more often than this, however much a CRM has to tell: 300 pages of each of three streams, and what they name.
const MOST_ASKED: usize = 2_000;

static DESTINATIONS: LazyLock<Arc<Vec<Destination>>> = LazyLock::new(|| {
    let key = "sources: { app: { write_key: k } }
teams: { emea: { reps: [ana@example.com] } }
routes: [ { name: all, to: emea } ]
destinations:
  hubspot: { hubspot: { token: pat-1, create_properties: true } }
  salesforce: { salesforce: { url: 'https://x.my.salesforce.com', client_id: id, client_secret: secret } }
  pipedrive: { pipedrive: { url: 'https://x.pipedrive.com', token: t, create_fields: true } }
  attio: { attio: { token: t, create_attributes: true } }
  slack: { slack: { token: xoxb-1, channel: C024BE91L } }
  webhook: { webhook: { url: 'https://hooks.example.com/x' } }
";
    let config = load_text("fuzz.yaml", key, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config;
    Arc::new(config.destinations.to_vec())
});

/// Says one answer after the other, and the last one for ever.
struct Says {
    answers: Vec<Response>,
    asked: AtomicUsize,
}

impl Says {
    /// Answers stand apart by empty lines; one that begins with `!` and three digits has that status.
    fn read(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(data);
        let answer = |text: &str| {
            let status = text.strip_prefix('!').and_then(|rest| rest.get(..3)?.parse().ok());
            let body = status.and_then(|_: u16| text.get(4..)).unwrap_or(text);
            Response { status: status.unwrap_or(200), body: body.trim().into(), ..Response::default() }
        };
        Self { answers: text.split("\n\n").map(answer).collect(), asked: AtomicUsize::new(0) }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl Wire for Says {
    async fn exchange(&self, _: Request) -> Result<Response, Failure> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(asked < MOST_ASKED, "it is asked without end");
        Ok(self.answers.get(asked).or(self.answers.last()).cloned().unwrap_or_default())
    }
}

// The first byte chooses whom to ask, and for what; the rest are the answers.
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let destination = &DESTINATIONS[usize::from(*choice) % DESTINATIONS.len()];
    let (says, clock, memo) = (Says::read(rest), Clock::manual(NOW), Memo::default());
    let adapter = destination.kind.adapter();
    let event = if choice & 0x40 == 0 { sample::full() } else { sample::of_user() };
    let (id, json) = (event.id.clone(), serde_json::to_string(&event).expect("plain data"));
    let news = LeadNews { id: &id, json: &json, newer: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let mut session = Session::new(&says, &clock, &memo);
        session.may_be_there = choice & 0x20 != 0;
        // Twice: the second time with what the first has left.
        for _ in 0..2 {
            let _ = adapter.deliver(&news, &mut session).await;
            let asked = says.asked();
            assert!(asked <= adapter.exchanges() as usize, "{asked} requests: {:?}", kind(&destination.kind));
        }
        if adapter.reads_back() {
            let since = NOW.plus(-Millis::DAY);
            if let Ok(read) = adapter.read_back(since, &mut session).await {
                assert!(read.until >= since, "{read:?}");
            }
            says.asked();
        }
        let proofs = adapter.test(&["ana@example.com"], &mut session).await;
        assert!(!proofs.is_empty());
    });
});

const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Webhook(_) => "webhook",
        Kind::Slack(_) => "Slack",
        Kind::HubSpot(_) => "HubSpot",
        Kind::Pipedrive(_) => "Pipedrive",
        Kind::Attio(_) => "Attio",
        Kind::Salesforce(_) => "Salesforce",
    }
}
