//! A workspace of Slack: channels with messages and threads, members, a bot's token. It holds callers to the documented rules: who may
//! post where, what a message has, how often (<https://docs.slack.dev/reference/methods>).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::standin::{Answer, Call, StandIn, Vendor};

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

/// What is in it.
#[derive(Default)]
pub struct Workspace {
    messages: Vec<Message>,
    members: BTreeMap<String, String>,
    channels: BTreeMap<String, bool>,
    posted: Vec<Instant>,
}

/// The stand-in.
pub type Slack = StandIn<Workspace>;

impl StandIn<Workspace> {
    pub async fn start(channels: &[&str], members: &[(&str, &str)]) -> Self {
        let workspace = Workspace {
            channels: channels.iter().map(|id| ((*id).to_owned(), true)).collect(),
            members: members.iter().map(|(email, id)| ((*email).to_owned(), (*id).to_owned())).collect(),
            ..Workspace::default()
        };
        Self::open(workspace).await
    }

    pub fn api(&self) -> String {
        format!("{}api/", self.url())
    }

    pub fn messages(&self) -> Vec<Message> {
        self.state().messages.clone()
    }

    /// When something was posted.
    pub fn posted(&self) -> Vec<Instant> {
        self.state().posted.clone()
    }

    /// The bot leaves a channel, or comes back.
    pub fn invite(&self, channel: &str, is_in: bool) {
        self.state().channels.insert(channel.to_owned(), is_in);
    }
}

fn refused(code: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": code }))
}

impl Vendor for Workspace {
    fn answer(&mut self, call: &Call) -> Answer {
        answer(self, call)
    }
}

fn answer(workspace: &mut Workspace, call: &Call) -> Answer {
    let method = call.path.trim_start_matches("/api/");
    if call.header("authorization") != format!("Bearer {TOKEN}") {
        return refused("invalid_auth");
    }
    let body = call.json();
    match (call.method.as_str(), method) {
        (_, "auth.test") => Answer::json(200, &json!({ "ok": true, "team": "Example", "user": "handraiser" })),
        ("GET", "users.lookupByEmail") => match workspace.members.get(&call.query["email"]) {
            Some(id) => Answer::json(200, &json!({ "ok": true, "user": { "id": id } })),
            None => refused("users_not_found"),
        },
        ("POST", "chat.postMessage") => post(workspace, &body),
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
