//! From the event to the lead at the webhook: every event of this stream makes its user qualify.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::harness::eventually;
use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::latency::{Latencies, Summary};
use crate::story::{WRITE_KEY, head};

/// Sends `rate` qualifying events a second for `length`; answers the times from "about to be sent" to "webhook received".
pub async fn run(address: SocketAddr, crm: &Receiver, rate: u32, length: Duration) -> anyhow::Result<Summary> {
    let already = crm.count();
    let mut sent = HashMap::new();
    let mut connection = Connection::open(address).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    let start = Instant::now();
    while start.elapsed() < length {
        ticks.tick().await;
        let user = format!("raiser-{rate}-{}", sent.len());
        let request = request(address, &user);
        sent.insert(user, Instant::now());
        let status = connection.exchange(request.as_bytes()).await?;
        anyhow::ensure!(status == 200, "answered {status}");
    }
    let all = eventually("every lead at the webhook", Duration::from_secs(30), async || {
        (crm.count() >= already + sent.len()).then_some(())
    });
    all.await;
    let mut latencies = Latencies::default();
    for hook in crm.hooks() {
        let user = hook.json()["lead"]["subject"]["id"].as_str().unwrap_or_default().to_owned();
        if let Some(sent) = sent.remove(&user) {
            latencies.add(hook.call.at.saturating_duration_since(sent));
        }
    }
    anyhow::ensure!(sent.is_empty(), "{} leads never arrived", sent.len());
    Ok(latencies.summary())
}

fn request(address: SocketAddr, user: &str) -> String {
    let body = format!(
        r#"{{"writeKey":"{WRITE_KEY}","type":"track","event":"Demo Requested","userId":"{user}","messageId":"demo-{user}"}}"#
    );
    head(address, "/v1/track", body.len()) + &body
}
