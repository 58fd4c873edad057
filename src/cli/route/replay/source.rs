//! Where the leads of the past come from: a running server, or a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::client::{Client, Remote};
use crate::cli::output::{CommandError, read};
use crate::http::admin::LeadList;
use crate::lead::Lead;
use crate::routing::paper::Paper;
use crate::time::Millis;

/// As many as the API gives at once.
const PAGE: usize = 1_000;
/// Pages are read again for leads that changed meanwhile, so often at most: beyond it leads change faster than they can be read.
const MAX_ROUNDS: usize = 5;

/// Takes all leads that changed since `since`, for no lead has qualified since that has not changed.
pub async fn server(remote: &Remote, since: Option<Millis>, paper: &mut Paper<'_>) -> Result<(), CommandError> {
    let client = Client::new(remote)?;
    let mut since = since;
    for _ in 0..MAX_ROUNDS {
        let (newest, pages) = pages(&client, since, paper).await?;
        // A lead that changes while pages are read comes before those that were read already.
        if pages <= 1 || newest.is_none() {
            break;
        }
        since = newest;
    }
    Ok(())
}

/// Reads pages, the newest leads first; answers when the newest changed, and how many pages there were.
async fn pages(
    client: &Client,
    since: Option<Millis>,
    paper: &mut Paper<'_>,
) -> Result<(Option<Millis>, usize), CommandError> {
    let (mut before, mut newest, mut pages) = (None::<i64>, None, 0);
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        if let Some(before) = before {
            // What was acknowledged before the first page is in the others, too.
            query.extend([("before", before.to_string()), ("consistency", "eventual".to_owned())]);
        }
        let list: LeadList = read(client.get_own(&["leads"], &query).await?)?;
        pages += 1;
        let mut is_over = list.next_before.is_none();
        for item in list.leads {
            let updated = Millis::parse(&item.updated);
            newest = newest.max(updated);
            if updated.zip(since).is_some_and(|(updated, since)| updated < since) {
                is_over = true;
                break;
            }
            let lead: Lead = serde_json::from_value(item.lead)
                .map_err(|error| CommandError::message(format!("the lead `{}` can't be read: {error}", item.id)))?;
            paper.take(lead)?;
        }
        if is_over {
            return Ok((newest, pages));
        }
        before = list.next_before;
    }
}

/// A line of a file: a lead, an event of one, a row of the API's list, or all of that list.
#[derive(Deserialize)]
struct Written<'l> {
    #[serde(borrow, default)]
    lead: Option<&'l RawValue>,
    #[serde(borrow, default)]
    leads: Option<Vec<Written<'l>>>,
}

/// Takes the leads of a file.
pub fn file(path: &Path, paper: &mut Paper<'_>) -> Result<(), CommandError> {
    if path.as_os_str() == "-" {
        return lines(path, std::io::stdin().lock(), paper);
    }
    let file =
        File::open(path).map_err(|error| CommandError::message(format!("can't read `{}`: {error}", path.display())))?;
    lines(path, BufReader::with_capacity(1 << 16, file), paper)
}

fn lines(path: &Path, mut file: impl BufRead, paper: &mut Paper<'_>) -> Result<(), CommandError> {
    let mut line = String::new();
    for number in 1_u64.. {
        let wrong = |why: &dyn std::fmt::Display| CommandError::message(format!("{}:{number}: {why}", path.display()));
        line.clear();
        if file.read_line(&mut line).map_err(|error| wrong(&error))? == 0 {
            break;
        }
        if !line.trim().is_empty() {
            take(&line, paper).map_err(|why| wrong(&why))?;
        }
    }
    Ok(())
}

fn take(line: &str, paper: &mut Paper<'_>) -> Result<(), String> {
    let none = |error: serde_json::Error| {
        format!("this is no lead: {error}; a lead stands on one line, as the API or a webhook wrote it")
    };
    let mut one = |json: &str| {
        let lead: Lead = serde_json::from_str(json).map_err(none)?;
        paper.take(lead).map_err(|error| error.to_string())
    };
    let written: Written<'_> = serde_json::from_str(line).map_err(none)?;
    match (written.lead, written.leads) {
        (Some(lead), _) => one(lead.get()),
        (None, Some(all)) => all.iter().filter_map(|row| row.lead).try_for_each(|lead| one(lead.get())),
        (None, None) => one(line),
    }
}
