//! `handraiser owner`: whose the leads of an account are; `handraiser assign`: whose a lead is.

use serde_json::{Value, to_value};

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::words;
use crate::http::admin::{LeadItem, OwnerAnswer, OwnerRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account's id
    account: String,

    /// Give it to this rep, by e-mail address
    rep: Option<String>,

    /// Give it to nobody: its next lead goes to whoever the routes say
    #[arg(long, conflicts_with = "rep")]
    clear: bool,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
pub struct AssignArgs {
    /// The lead's id (see `handraiser leads`)
    id: String,

    /// The rep's e-mail address
    rep: String,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let path = ["accounts", &args.account, "owner"];
    let answer = if args.rep.is_some() || args.clear {
        client.post(&path, &to_value(&OwnerRequest { owner: args.rep })?).await?
    } else {
        client.get(&path, &[]).await?
    };
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    println!("{}", sentence(&read(answer)?));
    Ok(())
}

fn sentence(answer: &OwnerAnswer) -> String {
    let account = &answer.account;
    let asking = match answer.asking {
        0 => String::new(),
        asking => format!("; {} of it waiting until that is decided", words::count(asking as u64, "lead")),
    };
    match (&answer.owner, &answer.since) {
        (Some(owner), Some(since)) if answer.pinned => {
            format!("account {account} was given to {owner} at {since}{asking}")
        }
        (Some(owner), Some(since)) => {
            format!("{owner} owns the leads of account {account}, the last since {since}{asking}")
        }
        _ => format!("nobody owns the leads of account {account}{asking}"),
    }
}

pub async fn assign(args: AssignArgs) -> Result<(), CommandError> {
    let request = to_value(&OwnerRequest { owner: Some(args.rep.clone()) })?;
    let answer = Client::new(&args.remote)?.post(&["leads", &args.id, "owner"], &request).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let item: LeadItem = read(answer)?;
    match item.lead.pointer("/routing/owner").and_then(Value::as_str) {
        Some(owner) if owner.eq_ignore_ascii_case(args.rep.trim()) => println!("{} is {owner}'s", item.id),
        _ => {
            let why = "it is held, part of another lead, or its definition is not in the configuration any more";
            return Err(CommandError::message(format!("nothing was changed: {why}")));
        }
    }
    Ok(())
}
