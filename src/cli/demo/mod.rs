//! `handraiser demo`: the real server, fed over HTTP with the events of a made-up product, and the leads as they arrive at a
//! receiver that stands for the CRM. One command, nothing installed, nothing leaves the machine.

mod cast;
mod numbers;
mod sender;
mod stage;
mod story;
mod world;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::numbers::Numbers;
use self::sender::Sender;
use self::stage::Stage;
use self::story::{Beat, Teller};
use self::world::DemoWorld;
use super::output::CommandError;
use super::paint::Tone;
use super::{card, words};
use crate::crm::receiver::Arrival;
use crate::lead::{LeadEvent, SubjectExplanation};
use crate::routing::explain::explain;
use crate::time::Clock;

/// Calls in one batch of the past.
const BATCH: usize = 100;
/// How long the last leads may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many events of the past to send
    #[arg(long, default_value_t = 2_500, value_name = "N")]
    events: usize,

    /// Don't pause between today's events
    #[arg(long)]
    fast: bool,

    /// Leave the server running afterwards, to look around
    #[arg(long)]
    keep: bool,

    /// Another number, another story
    #[arg(long, default_value_t = 7, value_name = "N")]
    seed: u64,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let mut world = DemoWorld::start().await?;
    let mut stage = Stage::open();
    let played = tokio::select! {
        played = play(&mut world, &mut stage, &args) => played,
        _ = tokio::signal::ctrl_c() => Err(CommandError::message("interrupted")),
    };
    stage.clear();
    let ended = match (&played, args.keep) {
        (Ok(()), true) => keep(&world, &stage).await,
        _ => Ok(()),
    };
    world.stop().await?;
    played.and(ended)
}

async fn play(world: &mut DemoWorld, stage: &mut Stage, args: &Args) -> Result<(), CommandError> {
    let mut play = Play {
        sender: Sender::new(world.url.clone(), world::WRITE_KEY)?,
        teller: Teller::new(args.seed, Clock::System.now()),
        numbers: Numbers::default(),
        sent: HashMap::new(),
        near: None,
        pace: if args.fast { Duration::ZERO } else { Duration::from_millis(130) },
        world,
        stage,
    };
    play.introduce()?;
    play.past(args.events).await?;
    play.mishaps().await?;
    play.today().await?;
    play.territory()?;
    play.almost().await?;
    play.numbers().await?;
    play.next(args.keep)
}

/// One run of the demo.
struct Play<'a> {
    world: &'a mut DemoWorld,
    stage: &'a mut Stage,
    sender: Sender,
    teller: Teller,
    numbers: Numbers,
    /// When the last event that moves an account's standing was sent.
    sent: HashMap<String, Instant>,
    /// The lead of which one thing was missing for another territory.
    near: Option<LeadEvent>,
    pace: Duration,
}

impl Play<'_> {
    fn introduce(&self) -> Result<(), CommandError> {
        let (stage, paint) = (&self.stage, self.stage.paint);
        stage.say(&paint.strong("\n   Handraiser: product usage in, routed sales leads out"))?;
        stage.note(
            "Tandem, a made-up product in which teams plan their work, sends its events to a real server on this machine. \
             A receiver stands for the CRM. Nothing leaves the machine, nothing stays on it.",
        )?;
        stage.say("")?;
        for (what, value) in [
            ("server", self.world.url.to_string()),
            ("store", format!("embedded, in {}", self.world.directory.display())),
            ("CRM", self.world.crm.url()),
        ] {
            stage.say(&format!("   {} {value}", paint.dim(format!("{what:<8}"))))?;
        }
        Ok(())
    }

    /// Sends the past in batches.
    async fn past(&mut self, events: usize) -> Result<(), CommandError> {
        let calls = self.teller.history(events);
        let sentence = format!(
            "{} companies, {} events, in batches of {BATCH}. Each is on disk before its batch is answered.",
            cast::COMPANIES.len(),
            calls.len()
        );
        self.stage.act("The past three weeks", &sentence)?;
        self.stage.measure(calls.len());
        let start = Instant::now();
        for batch in calls.chunks(BATCH) {
            self.sender.batch(batch).await?.taken()?;
            self.stage.advance(batch.len());
        }
        self.numbers.past(calls.len(), start.elapsed());
        self.stage.clear();
        self.stage.fact(true, &words::count(calls.len() as u64, "event"), &self.numbers.rate())?;
        let again = calls.chunks(BATCH).next_back().unwrap_or_default();
        self.sender.batch(again).await?.taken()?;
        let outcome = "every one recognised, nothing counted twice";
        self.stage.fact(true, "the last batch once more", outcome)
    }

    /// What goes wrong between any CDP and any server, and what becomes of it.
    async fn mishaps(&mut self) -> Result<(), CommandError> {
        let call = self.teller.nobody();
        let forged = self.sender.webhook("segment", &call, "not-the-secret").await?;
        self.stage.fact(
            false,
            "a webhook with a wrong signature",
            &format!("{} {}", forged.status, forged.message()),
        )?;
        let rejected = self.sender.webhook("segment", &call, world::SHARED_SECRET).await?;
        let outcome = format!("{} {}", rejected.status, rejected.message());
        self.stage.fact(false, "an event of nobody in particular", &outcome)
    }

    /// Plays today, event by event, and shows the leads as they arrive.
    async fn today(&mut self) -> Result<(), CommandError> {
        let sentence =
            "Events as they happen. Each is in the log when it is answered; a lead is decided milliseconds later.";
        self.stage.act("Today", sentence)?;
        self.stage.follow();
        for beat in self.teller.today() {
            self.beat(beat).await?;
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.numbers.leads() < story::LEADS {
            match tokio::time::timeout_at(deadline, self.world.arrivals.recv()).await {
                Ok(Some(arrival)) => self.arrived(&arrival)?,
                _ => return Err(CommandError::message("not all leads arrived; is this machine very busy? Try again.")),
            }
        }
        self.stage.clear();
        Ok(())
    }

    async fn beat(&mut self, beat: Beat) -> Result<(), CommandError> {
        if beat.stumbles {
            *self.world.stumble.lock().unwrap_or_else(PoisonError::into_inner) = beat.account;
        }
        self.stage.now(&beat.caption);
        if let Some(account) = beat.account {
            self.sent.insert(account.to_owned(), Instant::now());
        }
        let answer = self.sender.call(beat.call).await?.taken()?;
        self.numbers.live(answer.took);
        let until = tokio::time::Instant::now() + self.pace;
        while let Ok(Some(arrival)) = tokio::time::timeout_at(until, self.world.arrivals.recv()).await {
            self.arrived(&arrival)?;
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: &Arrival) -> Result<(), CommandError> {
        let event: LeadEvent = serde_json::from_str(&arrival.body)?;
        let account = event.lead.account.as_ref().map_or("", |account| account.id.as_str());
        if account == story::NEAR {
            self.near = Some(event.clone());
        }
        let lead = &event.lead;
        let delay = self.sent.get(account).map(|sent| arrival.at.saturating_duration_since(*sent)).unwrap_or_default();
        if !arrival.accepted {
            let name = lead.subject.name.as_deref().unwrap_or(&lead.subject.id);
            let text = format!("   ↻ the CRM answers 503 to the lead about {name}; it is tried again\n");
            return self.stage.say(&self.stage.paint.tone(Tone::Warn, text));
        }
        self.numbers.delivered(delay, arrival.attempt);
        let tries = if arrival.attempt > 1 { format!(", {}nd attempt", arrival.attempt) } else { String::new() };
        let corner = format!("event → CRM {}{tries}", numbers::span(delay));
        self.stage.say(&card::render(lead, &corner, self.stage.paint))
    }

    /// Why a lead went to its team, and what would have sent it to another.
    fn territory(&mut self) -> Result<(), CommandError> {
        let Some(event) = self.near.take() else { return Ok(()) };
        let sentence = "Who gets a lead stands in a spreadsheet of territories. What `handraiser route --lead lead.json` shows of one of these:";
        self.stage.act("Why this team", sentence)?;
        let explanation = explain(self.world.rules.routes(), &event, Clock::System.now());
        let text = super::route::render(&explanation, self.stage.paint.indented(3));
        self.stage.say("")?;
        text.lines().try_for_each(|line| self.stage.say(format!("   {line}").trim_end()))
    }

    /// The account that almost qualifies, explained.
    async fn almost(&mut self) -> Result<(), CommandError> {
        let sentence =
            "Most accounts qualify for nothing, and you can always see why. What `handraiser explain` shows:";
        self.stage.act("Not yet", sentence)?;
        let answer = self.world.admin()?.get(&["explain", "account", story::ALMOST], &[]).await?;
        let explanation: SubjectExplanation = serde_json::from_value(answer)?;
        let text = super::explain::render(&explanation, Clock::System.now(), self.stage.paint.indented(3));
        self.stage.say("")?;
        text.lines().try_for_each(|line| self.stage.say(format!("   {line}").trim_end()))
    }

    async fn numbers(&mut self) -> Result<(), CommandError> {
        self.stage.act("In numbers", "")?;
        let sources: Value = self.world.admin()?.get(&["sources"], &[]).await?;
        self.stage.say(self.numbers.render(&sources, self.stage.paint).trim_end())
    }

    fn next(&mut self, kept: bool) -> Result<(), CommandError> {
        self.stage.act("What to try next", "")?;
        let server = self.world.url.as_str().trim_end_matches('/');
        let commands = if kept {
            vec![
                (format!("export HANDRAISER_SERVER={server}"), "in another terminal"),
                (format!("export HANDRAISER_ADMIN_TOKEN={}", world::ADMIN_TOKEN), ""),
                ("handraiser leads".to_owned(), "the leads"),
                (format!("handraiser explain account {}", story::ALMOST), "where an account stands"),
                ("handraiser rejected --excerpts".to_owned(), "what could not be used, and why"),
                (format!("{server}/docs/"), "the admin API"),
            ]
        } else {
            vec![
                ("handraiser demo --keep".to_owned(), "leave it running, to look around"),
                ("handraiser init".to_owned(), "a configuration to start from"),
                ("handraiser check".to_owned(), "is it right?"),
                ("handraiser serve".to_owned(), "for real"),
            ]
        };
        let width = commands.iter().map(|(command, _)| super::paint::columns(command)).max().unwrap_or(0);
        for (command, what) in commands {
            let padding = " ".repeat(width - super::paint::columns(&command));
            let text =
                format!("   {}{padding}  {}", self.stage.paint.tone(Tone::Accent, command), self.stage.paint.dim(what));
            self.stage.say(&text)?;
        }
        self.stage.say("")
    }
}

/// Leaves the server running until it is interrupted.
async fn keep(world: &DemoWorld, stage: &Stage) -> Result<(), CommandError> {
    stage.note(&format!("The server at {} runs until you press Ctrl-C.", world.url))?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
