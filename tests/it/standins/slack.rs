//! A workspace of Slack: channels with messages and threads, members, a bot's token. It holds callers to the documented rules: who may
//! post where, what a message has, how often (<https://docs.slack.dev/reference/methods>).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::standin::{Answer, Call, StandIn, Vendor};

pub const TOKEN: &str = "xoxb-stand-in-0123456789";
const ME: &str = "U0";

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

    /// Somebody is no member any more.
    pub fn leave(&self, email: &str) {
        self.state().members.remove(email);
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
    let body = arguments(call);
    match (call.method.as_str(), method) {
        (_, "auth.test") => {
            let me = json!({ "ok": true, "url": "https://example.slack.com/", "team": "Example", "user": "handraiser",
                "team_id": "T1", "user_id": ME, "bot_id": "B1", "is_enterprise_install": false });
            Answer::json(200, &me)
        }
        (_, "users.lookupByEmail") => match asked(&body, "email").and_then(|email| workspace.members.get(&email)) {
            Some(id) => Answer::json(
                200,
                &json!({ "ok": true, "user": { "id": id, "profile": { "email": asked(&body, "email") } } }),
            ),
            None => refused("users_not_found"),
        },
        ("POST", "chat.postMessage") => post(workspace, &body),
        ("POST", "chat.update") => update(workspace, &body),
        (_, "conversations.history") => read(workspace, &body, None),
        (_, "conversations.replies") => read(workspace, &body, asked(&body, "ts")),
        _ => refused("unknown_method"),
    }
}

/// The arguments of a call: in its URL, as a form whose lists and objects are JSON, or as JSON.
fn arguments(call: &Call) -> Value {
    if call.header("content-type").starts_with("application/json") {
        return call.json();
    }
    let form = url::form_urlencoded::parse(call.body.as_bytes()).into_owned();
    let value = |text: String| match serde_json::from_str(&text) {
        Ok(value @ (Value::Array(_) | Value::Object(_))) => value,
        _ => text.into(),
    };
    call.query.clone().into_iter().chain(form).map(|(name, text)| (name, value(text))).collect()
}

fn asked(arguments: &Value, name: &str) -> Option<String> {
    arguments[name].as_str().map(str::to_owned)
}

fn post(workspace: &mut Workspace, body: &Value) -> Answer {
    let Some(channel) = asked(body, "channel") else { return refused("invalid_arguments") };
    match workspace.channels.get(&channel) {
        None => return refused("channel_not_found"),
        Some(false) => return refused("not_in_channel"),
        Some(true) => {}
    }
    let Some(said) = asked(body, "text").filter(|said| !said.is_empty()) else { return refused("no_text") };
    if body["blocks"].as_array().into_iter().flatten().any(|block| {
        block.pointer("/text/text").and_then(Value::as_str).is_some_and(|text| text.is_empty() || text.len() > 3_000)
    }) {
        return refused("invalid_blocks");
    }
    workspace.posted.push(Instant::now());
    let lately = workspace.posted.iter().filter(|at| at.elapsed() < Duration::from_secs(10)).count();
    if lately > 15 {
        return Answer::Is(
            429,
            vec![("Retry-After", "1".to_owned())],
            json!({ "ok": false, "error": "ratelimited" }).to_string(),
        );
    }
    let ts = format!("1700000000.{:06}", workspace.messages.len() + 1);
    workspace.messages.push(Message {
        channel: channel.clone(),
        ts: ts.clone(),
        thread: asked(body, "thread_ts"),
        text: said,
        blocks: body["blocks"].clone(),
        metadata: body["metadata"].clone(),
    });
    let message = shown(&workspace.messages[workspace.messages.len() - 1], true);
    Answer::json(200, &json!({ "ok": true, "channel": channel, "ts": ts, "message": message }))
}

fn update(workspace: &mut Workspace, body: &Value) -> Answer {
    let message =
        workspace.messages.iter_mut().find(|message| message.ts == body["ts"] && message.channel == body["channel"]);
    let Some(message) = message else { return refused("message_not_found") };
    body["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
    message.blocks = body["blocks"].clone();
    Answer::json(200, &json!({ "ok": true, "channel": message.channel, "ts": message.ts, "text": message.text }))
}

/// A message, as it is told of. Without being asked for it nobody gets metadata.
fn shown(message: &Message, with_metadata: bool) -> Value {
    let mut shown = json!({ "type": "message", "user": ME, "bot_id": "B1", "ts": message.ts, "text": message.text,
        "blocks": message.blocks });
    if let Some(thread) = &message.thread {
        shown["thread_ts"] = json!(thread);
    }
    if with_metadata && message.metadata.is_object() {
        shown["metadata"] = message.metadata.clone();
    }
    shown
}

/// What stands in a channel, the newest first; or in a thread, from the message that it began with on.
fn read(workspace: &Workspace, body: &Value, thread: Option<String>) -> Answer {
    let with_metadata = asked(body, "include_all_metadata").as_deref() == Some("true");
    let in_place = |message: &&Message| {
        let is_first = thread.as_ref() == Some(&message.ts);
        message.channel == body["channel"] && (message.thread == thread || is_first)
    };
    let mut messages: Vec<Value> =
        workspace.messages.iter().filter(in_place).map(|message| shown(message, with_metadata)).collect();
    if thread.is_none() {
        messages.reverse();
    }
    messages.truncate(100);
    Answer::json(200, &json!({ "ok": true, "messages": messages, "has_more": false }))
}
