//! Slack: a message for each lead in the channel of whoever takes care of it, kept up to date as the lead changes.
//!
//! With a bot token (`chat.postMessage`, `chat.update`; <https://docs.slack.dev/reference/methods>): one message a lead, whose owner is
//! mentioned; what happens later changes the message and is told in its thread. With the URL of an incoming webhook: a message for each
//! event, which is all that such a URL can do.
//!
//! Posting is the one thing here that makes a second message if it is done twice. Each message carries the event's id as metadata, and
//! where it may have been posted before it is looked for first.

mod message;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::adapter::{Adapter, LeadNews, Proof, Told};
use super::exchange::{Request, Response};
use super::pace::Limit;
use super::retry::{Failure, Verdict};
use super::session::Session;
use super::template;
use super::webhook::judge;
use crate::lead::LeadEvent;
use crate::secret::Secret;

/// Slack takes about one message a second in a channel (<https://docs.slack.dev/apis/web-api/rate-limits>).
const LIMITS: [Limit; 1] = [Limit::of_all(1, Duration::from_secs(1))];
/// How long a rep's member id is believed.
const MEMBER: Duration = Duration::from_hours(24);
/// How long it is believed that a rep is no member.
const STRANGER: Duration = Duration::from_hours(1);
/// What the metadata of our messages is called.
const METADATA: &str = "handraiser_lead";
/// Names of what is remembered of a lead.
const CHANNEL: &str = "channel";
const MESSAGE: &str = "ts";

/// Where the messages go, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Slack {
    /// How it is spoken to.
    pub way: Way,
    /// Whether its messages have buttons: somebody hears when they are pressed.
    pub buttons: bool,
    /// A template that makes the text of a message in place of the lead's summary.
    pub text: Option<Arc<str>>,
}

/// How Slack is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// By its web API.
    Bot {
        /// `xoxb-…`
        token: Secret,
        /// The id of a channel, or a template over the lead event that makes one.
        channel: Arc<str>,
        /// `https://slack.com/api/`
        api: Url,
    },
    /// By an incoming webhook. The URL is a secret.
    Hook(Url),
}

/// A bot that posts one lead event.
struct Bot<'b> {
    token: &'b Secret,
    api: &'b Url,
    /// Whether the channel is the same for all leads, so that what is wrong with it is wrong for all.
    one_channel: bool,
}

/// A message that is there.
struct Posted {
    channel: String,
    ts: String,
}

#[async_trait]
impl Adapter for Slack {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let told = news.read()?;
        match &self.way {
            Way::Hook(url) => {
                let event = &told.event;
                let body = message::message(event, &self.said(event)?, &message::owner(event, None), self.buttons);
                let answer = session.send(Request::new(Method::POST, url.clone()).json(&body)).await?;
                judge(&answer, session.now())
            }
            Way::Bot { token, channel, api } => {
                let one_channel = !channel.contains("{{") && !channel.contains("{%");
                let bot = Bot { token, api, one_channel };
                self.tell(&bot, channel, &told, session).await
            }
        }
    }

    fn exchanges(&self) -> u32 {
        5
    }

    fn limits(&self) -> &[Limit] {
        &LIMITS
    }

    fn credentials(&self) -> Vec<&str> {
        match &self.way {
            Way::Bot { token, .. } => vec![token.expose()],
            Way::Hook(url) => vec![url.as_str()],
        }
    }

    fn secret_url(&self) -> bool {
        matches!(self.way, Way::Hook(_))
    }

    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof> {
        match &self.way {
            Way::Hook(_) => vec![Proof::good("webhook", "whether it is taken, only a message can tell")],
            Way::Bot { token, channel, api } => {
                let bot = Bot { token, api, one_channel: true };
                bot.test(channel, owners, session).await
            }
        }
    }

    fn pretend(&self, request: &Request) -> Option<Response> {
        let changes = request.method == Method::POST && !request.url.path().ends_with("/auth.test");
        let body = json!({ "ok": true, "channel": "C0000000000", "ts": "1.000001" }).to_string();
        changes.then(|| Response { status: 200, body: body.into_bytes(), ..Response::default() })
    }
}

impl Slack {
    /// What a message says of the lead.
    fn said(&self, event: &LeadEvent) -> Result<String, Failure> {
        let Some(source) = &self.text else { return Ok(message::escape(&event.lead.summary)) };
        match template::value(source, event) {
            Ok(Value::String(text)) => Ok(message::escape(&text)),
            Ok(other) => Ok(message::escape(&other.to_string())),
            Err(error) => {
                Err(Failure::here(Verdict::Refused, format!("the template of `text` failed at {error}"), "template"))
            }
        }
    }

    async fn tell(&self, bot: &Bot<'_>, channel: &str, told: &Told, session: &mut Session<'_>) -> Result<(), Failure> {
        let (event, newest) = (&told.event, told.newest());
        let member = bot.member(newest, session).await?;
        let owner = message::owner(newest, member.as_deref());
        let mut body = message::message(newest, &self.said(newest)?, &owner, self.buttons);
        let Some(posted) = known(session) else {
            if newest.kind.is_end() {
                // Nobody here ever heard of the lead.
                return Ok(());
            }
            let Ok(Value::String(channel)) = template::value(channel, newest) else {
                return Err(Failure::here(Verdict::Refused, "`channel` gives no text".to_owned(), "template"));
            };
            let posted = bot.post(&channel, body, newest, session).await?;
            session.remember(CHANNEL, &posted.channel);
            session.remember(MESSAGE, &posted.ts);
            return Ok(());
        };
        insert(&mut body, "channel", &posted.channel);
        insert(&mut body, "ts", &posted.ts);
        match bot.call("chat.update", &body, session).await? {
            Ok(_) => bot.reply(&posted, &message::change(event, &self.said(event)?), event, session).await,
            // Somebody deleted it, or made the channel none of our business: that is for them to say.
            Err(code) if refusal::is_gone(&code) => Ok(()),
            Err(code) => Err(bot.refused("chat.update", &code)),
        }
    }
}

/// The message of the lead, if there is one.
fn known(session: &Session<'_>) -> Option<Posted> {
    let (channel, ts) = (session.recall(CHANNEL)?, session.recall(MESSAGE)?);
    Some(Posted { channel: channel.to_owned(), ts: ts.to_owned() })
}

fn insert(body: &mut Value, name: &str, value: &str) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), Value::from(value));
    }
}

impl Bot<'_> {
    fn url(&self, method: &str) -> Result<Url, Failure> {
        let url = self.api.join(method);
        url.map_err(|error| Failure::here(Verdict::Failed, format!("`api` can't be used: {error}"), "api"))
    }

    /// Calls a method, and returns the answer, or the name of the error that Slack gives with a 200.
    async fn call(&self, method: &str, body: &Value, session: &Session<'_>) -> Result<Result<Value, String>, Failure> {
        let request = Request::new(Method::POST, self.url(method)?).json(body).bearer(self.token);
        self.read(method, session.send(request).await?, session)
    }

    /// Asks for something.
    async fn ask(
        &self,
        method: &str,
        parameters: &[(&str, &str)],
        session: &Session<'_>,
    ) -> Result<Result<Value, String>, Failure> {
        let mut url = self.url(method)?;
        url.query_pairs_mut().extend_pairs(parameters);
        self.read(method, session.send(Request::get(url).bearer(self.token)).await?, session)
    }

    fn read(&self, method: &str, answer: Response, session: &Session<'_>) -> Result<Result<Value, String>, Failure> {
        judge(&answer, session.now())?;
        let Some(body) = answer.json::<Value>() else {
            let error = format!("`{method}` answered with what is no JSON: {}", answer.excerpt());
            return Err(Failure::unanswered(error, "no JSON"));
        };
        if body.get("ok").and_then(Value::as_bool) == Some(true) {
            return Ok(Ok(body));
        }
        Ok(Err(body.get("error").and_then(Value::as_str).unwrap_or("unknown_error").to_owned()))
    }

    fn refused(&self, method: &str, code: &str) -> Failure {
        refusal::failure(method, code, self.one_channel)
    }

    /// The member that the lead's owner is.
    async fn member(&self, event: &LeadEvent, session: &Session<'_>) -> Result<Option<String>, Failure> {
        let Some(owner) = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) else {
            return Ok(None);
        };
        let name = format!("member:{owner}");
        if let Some(known) = session.known(&name) {
            return Ok(Some(known).filter(|id| !id.is_empty()));
        }
        match self.ask("users.lookupByEmail", &[("email", owner)], session).await? {
            Ok(found) => {
                let id = found.pointer("/user/id").and_then(Value::as_str).map(str::to_owned);
                session.learn(&name, id.clone().unwrap_or_default(), MEMBER);
                Ok(id)
            }
            // Named by address then: the lead is worth more than the mention.
            Err(code) if code == "users_not_found" || code == "missing_scope" => {
                session.learn(&name, "", STRANGER);
                Ok(None)
            }
            Err(code) => Err(self.refused("users.lookupByEmail", &code)),
        }
    }

    /// Posts the message of a lead, unless it is there.
    async fn post(
        &self,
        channel: &str,
        mut body: Value,
        event: &LeadEvent,
        session: &Session<'_>,
    ) -> Result<Posted, Failure> {
        if session.may_be_there
            && let Some(posted) = self.find("conversations.history", &[("channel", channel)], event, session).await?
        {
            return Ok(posted);
        }
        insert(&mut body, "channel", channel);
        let answer = match self.call("chat.postMessage", &body, session).await? {
            Ok(answer) => answer,
            Err(code) => return Err(self.refused("chat.postMessage", &code)),
        };
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text("channel"), text("ts")) {
            (Some(channel), Some(ts)) => Ok(Posted { channel, ts }),
            _ => Err(Failure::unanswered("`chat.postMessage` doesn't say what it posted".to_owned(), "no ts")),
        }
    }

    /// Tells in the thread of a message what has changed, unless it was told.
    async fn reply(&self, to: &Posted, text: &str, event: &LeadEvent, session: &Session<'_>) -> Result<(), Failure> {
        let thread = [("channel", to.channel.as_str()), ("ts", to.ts.as_str())];
        if session.may_be_there && self.find("conversations.replies", &thread, event, session).await?.is_some() {
            return Ok(());
        }
        let body = json!({
            "channel": to.channel, "thread_ts": to.ts, "text": text, "metadata": message::metadata(event),
            "unfurl_links": false,
        });
        match self.call("chat.postMessage", &body, session).await? {
            Ok(_) => Ok(()),
            Err(code) if refusal::is_gone(&code) => Ok(()),
            Err(code) => Err(self.refused("chat.postMessage", &code)),
        }
    }

    /// The message that was posted for this very event, among the latest of a channel or a thread. A bot that may not read there finds
    /// nothing.
    async fn find(
        &self,
        method: &str,
        place: &[(&str, &str)],
        event: &LeadEvent,
        session: &Session<'_>,
    ) -> Result<Option<Posted>, Failure> {
        let mut parameters = place.to_vec();
        parameters.extend([("include_all_metadata", "true"), ("limit", "100")]);
        let Ok(found) = self.ask(method, &parameters, session).await? else { return Ok(None) };
        let messages = found.get("messages").and_then(Value::as_array).into_iter().flatten();
        let mut ours = messages.filter(|message| {
            let field = |path: &str| message.pointer(path).and_then(Value::as_str);
            field("/metadata/event_type") == Some(METADATA)
                && field("/metadata/event_payload/event") == Some(event.id.as_str())
        });
        let channel = place.iter().find(|(name, _)| *name == "channel").map(|(_, id)| (*id).to_owned());
        Ok(ours
            .next()
            .and_then(|message| Some(Posted { channel: channel?, ts: message.get("ts")?.as_str()?.to_owned() })))
    }

    async fn test(&self, channel: &str, owners: &[&str], session: &Session<'_>) -> Vec<Proof> {
        let mut proofs = Vec::new();
        match self.call("auth.test", &json!({}), session).await {
            Ok(Ok(who)) => {
                let text = |name: &str| who.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
                proofs.push(Proof::good("credentials", format!("bot {} in {}", text("user"), text("team"))));
            }
            Ok(Err(code)) => {
                proofs.push(Proof::bad("credentials", code.clone(), refusal::fix(&code)));
                return proofs;
            }
            Err(failure) => {
                proofs.push(Proof::bad("credentials", failure.error, "see whether the server is reached"));
                return proofs;
            }
        }
        if !channel.contains('{') {
            let parameters = [("channel", channel), ("limit", "1")];
            proofs.push(match self.ask("conversations.history", &parameters, session).await {
                Ok(Ok(_)) => Proof::good("channel", format!("{channel} can be read")),
                Ok(Err(code)) => Proof::bad("channel", format!("{channel}: {code}"), refusal::fix(&code)),
                Err(failure) => Proof::bad("channel", failure.error, "see whether the server is reached"),
            });
        }
        for owner in owners {
            proofs.push(match self.ask("users.lookupByEmail", &[("email", owner)], session).await {
                Ok(Ok(_)) => Proof::good("owner", format!("{owner} can be mentioned")),
                Ok(Err(code)) => Proof::bad("owner", format!("{owner}: {code}"), refusal::fix(&code)),
                Err(failure) => Proof::bad("owner", failure.error, "see whether the server is reached"),
            });
        }
        proofs
    }
}

#[cfg(test)]
mod tests;
