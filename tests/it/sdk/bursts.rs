//! SDKs that send more at once than fits into a request: requests overtake one another, and still every account counts exactly.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::install::Node;
use super::{WRITE_KEY, configuration};
use crate::harness::hooks::Receiver;
use crate::harness::{Server, eventually};

const SDKS: [&str; 2] = ["segment", "rudder"];

async fn server(directory: &tempfile::TempDir) -> (Server, Receiver) {
    let crm = Receiver::start(|_| 200).await;
    let server = Server::start(directory.path(), |address| configuration(address, &crm.url())).await;
    (server, crm)
}

/// Runs both SDKs at the same time.
async fn send(mode: &'static str, server: SocketAddr) {
    let node = Node::installed();
    let senders = SDKS.map(|sdk| {
        let mut command = node.sender("burst.mjs");
        command.args([sdk, mode, &format!("http://{server}"), WRITE_KEY]);
        tokio::task::spawn_blocking(move || run(command))
    });
    for sender in senders {
        sender.await.expect("the sender succeeds");
    }
}

fn run(mut sender: Command) {
    let output = sender.output().expect("the sender can be run");
    assert!(output.status.success(), "the SDK failed:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until each of `accounts` accounts of each SDK has counted `tasks`, and nothing else was counted anywhere.
async fn exact(server: &Server, accounts: usize, tasks: f64) {
    for sdk in SDKS {
        for number in 0..accounts {
            let path = format!("/explain/account/{sdk}-account-{number}");
            let what = format!("{tasks} tasks of {sdk}-account-{number}");
            // The first question waits for the others.
            let account = eventually(&what, Duration::from_secs(20), async || {
                let account = server.admin(&path).await?;
                (account["counters"]["tasks"] == tasks).then_some(account)
            });
            let account = account.await;
            assert_eq!(account["counters"]["people"], 1.0, "{account}");
        }
    }
    let rejected = server.admin("/rejected").await.expect("the log of rejected events can be read");
    assert!(!rejected.to_string().contains("message"), "nothing is rejected: {rejected}");
}

#[tokio::test]
async fn requests_of_three_calls_unpaced() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (server, _crm) = server(&directory).await;
    send("one", server.address()).await;
    exact(&server, 1, 60.0).await;
}

#[tokio::test]
async fn three_hundred_accounts_imported_by_each_of_two_sdks() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (server, _crm) = server(&directory).await;
    send("import", server.address()).await;
    exact(&server, 300, 3.0).await;
}
