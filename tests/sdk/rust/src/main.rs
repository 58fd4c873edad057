//! Sends the story (see `../README.md`) with the `segment` crate, as its documentation shows: single calls, and a batch.

use segment::message::{Alias, BatchMessage, Group, Identify, Page, Screen, Track, User};
use segment::{Batcher, Client, HttpClient, Message};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, key, account, user] = arguments.as_slice() else {
        return Err("usage: handraiser-sdk-test <host> <write key> <account> <user>".into());
    };
    let client = HttpClient::new(Default::default(), host.clone());
    let me = || User::UserId { user_id: user.clone() };
    let before = || User::AnonymousId { anonymous_id: format!("anon-{user}") };
    let track = |user: User, event: &str, properties: Value| {
        let context = Some(json!({ "groupId": account }));
        let context = context.filter(|_| matches!(user, User::UserId { .. }));
        Track { user, event: event.to_owned(), properties, context, ..Track::default() }
    };
    let send = async |message: Message| client.send(key.clone(), message).await;

    for step in ["start", "end"] {
        send(track(before(), "Tour Taken", json!({ "step": step })).into()).await?;
    }
    let traits = json!({ "email": format!("{user}@acme.example"), "name": "Ada Lovelace", "title": "VP of Engineering", "plan": "free" });
    send(Identify { user: me(), traits, ..Identify::default() }.into()).await?;
    let traits = json!({ "name": "Acme", "plan": "free", "employees": 120, "website": "https://acme.example" });
    send(Group { user: me(), group_id: account.clone(), traits, ..Group::default() }.into()).await?;

    let mut batch = Batcher::new(None);
    for number in 1..=12 {
        let board = if number % 2 == 1 { "b1" } else { "b2" };
        push(&mut batch, track(me(), "Task Created", json!({ "board": board, "minutes": number })))?;
    }
    for name in ["ben", "cem", "dia", "eva", "ben"] {
        push(&mut batch, track(me(), "User Invited", json!({ "email": format!("{name}@acme.example") })))?;
    }
    send(batch.into_message()).await?;

    send(Page { user: me(), name: "Pricing".to_owned(), ..Page::default() }.into()).await?;
    send(Screen { user: me(), name: "Board".to_owned(), ..Screen::default() }.into()).await?;
    send(Alias { user: me(), previous_id: format!("anon-{user}"), ..Alias::default() }.into()).await?;
    Ok(())
}

fn push(batch: &mut Batcher, message: impl Into<BatchMessage>) -> Result<(), Box<dyn std::error::Error>> {
    match batch.push(message)? {
        None => Ok(()),
        Some(_) => Err("the story fits into one batch".into()),
    }
}
