//! `handraiser deliveries`: what waits, what was given up, what is done.

use std::collections::BTreeMap;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::pause;
use super::table::{Cell, Table};
use super::tried;
use super::words;
use crate::http::admin::{CauseItem, CauseList, DeliveryAnswer, DeliveryItem, DeliveryList, DeliveryState};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One of them, by its id: how it stands, and the last attempts that failed
    #[arg(value_name = "ID", conflicts_with_all = ["state", "destination", "causes", "limit"])]
    id: Option<String>,

    /// Which ones
    #[arg(long, value_enum, default_value_t)]
    state: StateFilter,

    /// Only deliveries to this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,

    /// Why deliveries were given up instead: what failed for one reason together, the most frequent first
    #[arg(long)]
    causes: bool,

    /// How many of each state at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum StateFilter {
    /// All of them
    #[default]
    All,
    /// Waiting, under way or to be tried again
    Pending,
    /// Given up; `handraiser replay` tries again
    Dead,
    /// Accepted by the destination
    Done,
}

impl StateFilter {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &["pending", "dead", "done"],
            Self::Pending => &["pending"],
            Self::Dead => &["dead"],
            Self::Done => &["done"],
        }
    }
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    if let Some(id) = &args.id {
        return one(id, &args, &client).await;
    }
    if args.causes {
        return causes(&args, &client).await;
    }
    let mut all = DeliveryList { deliveries: Vec::new(), paused: BTreeMap::new() };
    for state in args.state.names() {
        let mut query = vec![("state", (*state).to_owned()), ("limit", args.limit.to_string())];
        query.extend(args.destination.clone().map(|name| ("destination", name)));
        let list: DeliveryList = read(client.get(&["deliveries"], &query).await?)?;
        all.deliveries.extend(list.deliveries);
        all.paused.extend(list.paused);
    }
    if args.remote.format == Format::Json {
        return print_json(&all);
    }
    let (now, paint) = (Clock::System.now(), Paint::stdout());
    let paused = pause::lines(all.paused.iter().map(|(name, pause)| (name.as_str(), pause)), now);
    let paused = if paused.is_empty() { paused } else { paint.tone(Tone::Warn, paused) };
    show(&(render(&all.deliveries, now, paint) + &paused))
}

async fn one(id: &str, args: &Args, client: &Client) -> Result<(), CommandError> {
    let Some((destination, lead)) = id.rsplit_once('/') else {
        return Err(CommandError::message("a delivery's id is the destination, `/`, and the lead's id: crm/lead_…"));
    };
    let answer = client.get(&["deliveries", destination, lead], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let DeliveryAnswer { paused, news, tried, .. } = read(answer)?;
    let (now, paint) = (Clock::System.now(), Paint::stdout());
    let paused = pause::lines(paused.iter().map(|pause| (destination, pause)), now);
    let paused = if paused.is_empty() { paused } else { paint.tone(Tone::Warn, paused) };
    show(&(render(&news, now, paint) + &paused + &tried::render(&tried, now, paint)))
}

async fn causes(args: &Args, client: &Client) -> Result<(), CommandError> {
    let query: Vec<_> = args.destination.clone().map(|name| ("destination", name)).into_iter().collect();
    let answer = client.get(&["deliveries", "causes"], &query).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let CauseList { causes } = read(answer)?;
    show(&render_causes(&causes, Paint::stdout()))
}

fn render_causes(causes: &[CauseItem], paint: Paint) -> String {
    let Some(first) = causes.first() else { return "Nothing was given up.\n".to_owned() };
    let mut table = Table::new(&["GIVEN UP", "DESTINATION", "ONE OF THEM", "CAUSE"]);
    for CauseItem { destination, cause, deliveries, example } in causes {
        table.row(vec![
            Cell::toned(deliveries.to_string(), Tone::Bad),
            Cell::new(destination),
            Cell::toned(example, Tone::Dim),
            Cell::new(cause),
        ]);
    }
    let hint = format!(
        "once it is fixed: handraiser replay --destination {} --cause '{}'\n",
        first.destination,
        first.cause.replace('\'', "'\\''")
    );
    table.render(paint) + &paint.dim(hint)
}

fn render(deliveries: &[DeliveryItem], now: Millis, paint: Paint) -> String {
    if deliveries.is_empty() {
        return "No deliveries.\n".to_owned();
    }
    let mut table = Table::new(&["STATE", "WHEN", "DESTINATION", "SUBJECT", "FAILED", "DELIVERY", "NOTE"]);
    for delivery in deliveries {
        table.row(row(delivery, now));
    }
    let mut out = table.render(paint);
    let dead = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Dead).count();
    if dead > 0 {
        let hint = format!(
            "{} given up; once the cause is fixed: handraiser replay --all\n",
            words::count(dead as u64, "delivery")
        );
        out.push_str(&paint.dim(hint));
    }
    out
}

fn row(delivery: &DeliveryItem, now: Millis) -> Vec<Cell> {
    let (tone, when) = match delivery.state {
        DeliveryState::Dead => (Tone::Bad, &delivery.settled),
        DeliveryState::Done => (Tone::Good, &delivery.settled),
        DeliveryState::Pending => (Tone::Warn, &None),
    };
    let next = delivery.due.as_deref().filter(|_| delivery.attempts > 0);
    let mut note = delivery.last_error.clone().filter(|_| delivery.state != DeliveryState::Done).unwrap_or_default();
    if let Some(due) = next {
        note = format!("next try {}: {note}", words::ago(due, now));
    }
    if note.is_empty() {
        note = delivery.definition.clone().unwrap_or_default();
    }
    vec![
        Cell::toned(delivery.state.as_str(), tone),
        Cell::toned(words::ago(when.as_ref().unwrap_or(&delivery.created), now), Tone::Dim),
        Cell::new(&delivery.destination),
        Cell::toned(&delivery.subject, Tone::Strong),
        Cell::new(if delivery.attempts == 0 { String::new() } else { format!("{}×", delivery.attempts) }),
        Cell::toned(&delivery.id, Tone::Dim),
        Cell::new(note),
    ]
}
