//! A workspace of Slack: channels with messages and threads, members, a bot's token. It holds callers to the documented rules: who may
//! post where, what a message has, how often (<https://docs.slack.dev/reference/methods>).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Call, Server};

pub const TOKEN: &str = "xoxb-stand-in-0123456789";

/// A message in a channel.
#[derive(Clone, Debug)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    /// The message in whose thread it stands.
    pub thread: Option<String>,
    pub text: String,
    pub blocks: Value,
    pub metadata: Value,
}

#[derive(Default)]
struct Workspace {
    messages: Vec<Message>,
    members: BTreeMap<String, String>,
    channels: BTreeMap<String, bool>,
    posted: Vec<Instant>,
    calls: Vec<String>,
    /// Answers that calls get in place of what they would: `Some` before the call is worked, `None` after.
    faults: Vec<Option<(u16, String)>>,
}

/// The stand-in.
pub struct Slack {
    server: Server,
    workspace: Arc<Mutex<Workspace>>,
}

impl Slack {
    pub async fn start(channels: &[&str], members: &[(&str, &str)]) -> Self {
        let workspace = Workspace {
            channels: channels.iter().map(|id| ((*id).to_owned(), true)).collect(),
            members: members.iter().map(|(email, id)| ((*email).to_owned(), (*id).to_owned())).collect(),
            ..Workspace::default()
        };
        let workspace = Arc::new(Mutex::new(workspace));
        let shared = Arc::clone(&workspace);
        let server = Server::start(move |call| answer(&mut lock(&shared), call)).await;
        Self { server, workspace }
    }

    pub fn api(&self) -> String {
        format!("{}api/", self.server.url())
    }

    pub fn messages(&self) -> Vec<Message> {
        lock(&self.workspace).messages.clone()
    }

    /// The methods that were called, in order.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.workspace).calls.clone()
    }

    /// When something was posted.
    pub fn posted(&self) -> Vec<Instant> {
        lock(&self.workspace).posted.clone()
    }

    /// The next calls of `chat.postMessage` go wrong so: a status and a body, or `None`: worked, and the answer is lost.
    pub fn fail(&self, faults: Vec<Option<(u16, String)>>) {
        lock(&self.workspace).faults = faults;
    }

    /// The bot leaves a channel, or comes back.
    pub fn invite(&self, channel: &str, is_in: bool) {
        lock(&self.workspace).channels.insert(channel.to_owned(), is_in);
    }
}

fn lock(workspace: &Mutex<Workspace>) -> MutexGuard<'_, Workspace> {
    workspace.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(code: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": code }))
}

fn answer(workspace: &mut Workspace, call: &Call) -> Answer {
    let method = call.path.trim_start_matches("/api/").to_owned();
    workspace.calls.push(method.clone());
    if call.header("authorization") != format!("Bearer {TOKEN}") {
        return refused("invalid_auth");
    }
    let body = call.json();
    match (call.method.as_str(), method.as_str()) {
        (_, "auth.test") => Answer::json(200, &json!({ "ok": true, "team": "Example", "user": "handraiser" })),
        ("GET", "users.lookupByEmail") => match workspace.members.get(&call.query["email"]) {
            Some(id) => Answer::json(200, &json!({ "ok": true, "user": { "id": id } })),
            None => refused("users_not_found"),
        },
        ("POST", "chat.postMessage") => match (!workspace.faults.is_empty()).then(|| workspace.faults.remove(0)) {
            Some(Some((status, body))) => Answer::Is(status, vec![("Retry-After", "1".to_owned())], body),
            Some(None) => {
                post(workspace, &body);
                Answer::Reset
            }
            None => post(workspace, &body),
        },
        ("POST", "chat.update") => update(workspace, &body),
        ("GET", "conversations.history" | "conversations.replies") => read(workspace, &call.query),
        _ => refused("unknown_method"),
    }
}

fn post(workspace: &mut Workspace, body: &Value) -> Answer {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let Some(channel) = text("channel") else { return refused("invalid_arguments") };
    match workspace.channels.get(&channel) {
        None => return refused("channel_not_found"),
        Some(false) => return refused("not_in_channel"),
        Some(true) => {}
    }
    let Some(said) = text("text").filter(|said| !said.is_empty()) else { return refused("no_text") };
    if body["blocks"].as_array().into_iter().flatten().any(|block| {
        block.pointer("/text/text").and_then(Value::as_str).is_some_and(|text| text.is_empty() || text.len() > 3_000)
    }) {
        return refused("invalid_blocks");
    }
    workspace.posted.push(Instant::now());
    let lately = workspace.posted.iter().filter(|at| at.elapsed() < Duration::from_secs(10)).count();
    if lately > 15 {
        return Answer::Is(429, vec![("Retry-After", "1".to_owned())], json!({ "ok": false }).to_string());
    }
    let ts = format!("1700000000.{:06}", workspace.messages.len() + 1);
    workspace.messages.push(Message {
        channel: channel.clone(),
        ts: ts.clone(),
        thread: text("thread_ts"),
        text: said,
        blocks: body["blocks"].clone(),
        metadata: body["metadata"].clone(),
    });
    Answer::json(200, &json!({ "ok": true, "channel": channel, "ts": ts }))
}

fn update(workspace: &mut Workspace, body: &Value) -> Answer {
    let message =
        workspace.messages.iter_mut().find(|message| message.ts == body["ts"] && message.channel == body["channel"]);
    let Some(message) = message else { return refused("message_not_found") };
    body["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
    message.blocks = body["blocks"].clone();
    Answer::json(200, &json!({ "ok": true, "channel": message.channel, "ts": message.ts }))
}

fn read(workspace: &Workspace, query: &BTreeMap<String, String>) -> Answer {
    let thread = query.get("ts");
    let in_place = |message: &&Message| message.channel == query["channel"] && message.thread.as_ref() == thread;
    let shown = |message: &Message| {
        // Without being asked for it nobody gets metadata.
        let metadata = if query.get("include_all_metadata").is_some() { message.metadata.clone() } else { Value::Null };
        json!({ "ts": message.ts, "text": message.text, "metadata": metadata })
    };
    let messages: Vec<Value> = workspace.messages.iter().rev().filter(in_place).take(100).map(shown).collect();
    Answer::json(200, &json!({ "ok": true, "messages": messages }))
}
