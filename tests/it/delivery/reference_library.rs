//! Signatures as Standard Webhooks' own library sees them.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use handraiser::crm::receiver::Receiver;
use handraiser::secret::Secret;
use serde_json::json;

use super::plant::{PATIENCE, Plant, SECRET, destination, webhook};

/// Verifies the request in stdin's JSON; a body that was tampered with must fail.
const VERIFY: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
case = json.load(sys.stdin)
for secret in case["secrets"]:
    hook = Webhook(secret)
    hook.verify(case["body"], case["headers"])
    try:
        hook.verify(case["body"] + " ", case["headers"])
        sys.exit("a body that was tampered with was accepted")
    except WebhookVerificationError:
        pass
print("verified", len(case["secrets"]))
"#;

#[actix_web::test]
async fn the_reference_library_accepts_what_is_sent() {
    let other = "whsec_bmV3IGFuZCBsb25nIGVub3VnaCBmb3IgYSBrZXkhIQ==";
    let crm = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
    let mut signed = destination("crm", &crm.url());
    webhook(&mut signed).secrets.push(Secret::new(other));
    let plant = Plant::new(vec![signed]);
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    plant.done("crm", 1).await;
    engine.drain(PATIENCE).await;

    let arrival = crm.arrivals().remove(0);
    let case = json!({ "secrets": [SECRET, other], "headers": arrival.headers, "body": arrival.body });
    assert_eq!(run_verifier(&case.to_string()).trim(), "verified 2");
}

fn run_verifier(case: &str) -> String {
    let mut python = Command::new(python());
    python.args(["-c", VERIFY]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().expect("python can be run");
    let mut stdin = child.stdin.take().expect("it was piped");
    std::io::Write::write_all(&mut stdin, case.as_bytes()).expect("python reads");
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Python that has the library, made on first use beside the build's other files.
fn python() -> PathBuf {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("standardwebhooks");
    let python = home.join("bin/python");
    let ready = |python: &PathBuf| {
        let import = Command::new(python).args(["-c", "import standardwebhooks"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    };
    if !ready(&python) {
        let home = home.to_string_lossy().into_owned();
        run("python3", &["-m", "venv", "--clear", &home], "apt-get install python3 python3-venv");
        let install = ["-m", "pip", "install", "--quiet", "standardwebhooks==1.1.0"];
        run(&python.to_string_lossy(), &install, &format!("{} {}", python.display(), install.join(" ")));
    }
    python
}

fn run(program: &str, arguments: &[&str], mend: &str) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.as_ref().is_ok_and(ExitStatus::success),
        "`{program} {}` failed ({status:?}); this installs what is missing: {mend}",
        arguments.join(" ")
    );
}
