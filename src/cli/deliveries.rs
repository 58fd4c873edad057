//! `handraiser deliveries`: what waits, what was given up, what is done.

use super::client::{Client, Format, Remote};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::{Failure, print_json, show, words};
use crate::http::admin::{DeliveryItem, DeliveryList};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which ones
    #[arg(long, value_enum, default_value_t)]
    state: State,

    /// Only deliveries to this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,

    /// How many of each state at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum State {
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

impl State {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &["pending", "dead", "done"],
            Self::Pending => &["pending"],
            Self::Dead => &["dead"],
            Self::Done => &["done"],
        }
    }
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.remote)?;
    let mut all = DeliveryList { deliveries: Vec::new() };
    for state in args.state.names() {
        let mut query = vec![("state", (*state).to_owned()), ("limit", args.limit.to_string())];
        query.extend(args.destination.clone().map(|name| ("destination", name)));
        let list: DeliveryList = super::read(client.get(&["deliveries"], &query).await?)?;
        all.deliveries.extend(list.deliveries);
    }
    if args.remote.format == Format::Json {
        return print_json(&all);
    }
    show(&render(&all.deliveries, Clock::System.now(), Paint::stdout()))
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
    let dead = deliveries.iter().filter(|delivery| delivery.state == "dead").count();
    if dead > 0 {
        let hint = format!(
            "{} given up; once the cause is mended: handraiser replay --all\n",
            words::count(dead as u64, "delivery")
        );
        out.push_str(&paint.dim(hint));
    }
    out
}

fn row(delivery: &DeliveryItem, now: Millis) -> Vec<Cell> {
    let (tone, when) = match delivery.state.as_str() {
        "dead" => (Tone::Bad, &delivery.settled),
        "done" => (Tone::Good, &delivery.settled),
        _ => (Tone::Warn, &None),
    };
    let next = delivery.due.as_deref().filter(|_| delivery.attempts > 0);
    let mut note = delivery.last_error.clone().filter(|_| delivery.state != "done").unwrap_or_default();
    if let Some(due) = next {
        note = format!("next try {}: {note}", words::ago(due, now));
    }
    if note.is_empty() {
        note = delivery.definition.clone().unwrap_or_default();
    }
    vec![
        Cell::toned(&delivery.state, tone),
        Cell::toned(words::ago(when.as_ref().unwrap_or(&delivery.created), now), Tone::Dim),
        Cell::new(whither(delivery)),
        Cell::toned(&delivery.subject, Tone::Strong),
        Cell::new(if delivery.attempts == 0 { String::new() } else { format!("{}×", delivery.attempts) }),
        Cell::toned(&delivery.id, Tone::Dim),
        Cell::new(note),
    ]
}

/// The destination; of work that comes before a delivery, what it is.
fn whither(delivery: &DeliveryItem) -> String {
    match (&delivery.destination, delivery.queue.as_str()) {
        (Some(destination), _) => destination.clone(),
        (None, "route") => "(routing)".to_owned(),
        (None, "merge") => "(merging)".to_owned(),
        (None, queue) => format!("({queue})"),
    }
}
