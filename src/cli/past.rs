//! What the archive tells, applied by a configuration on paper: for `backtest`, and for `explain --at`.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::history::{existing, of_config};
use super::moment::moment;
use super::output::CommandError;
use crate::apply::Past as Happened;
use crate::backtest::Backtest;
use crate::config::Config;
use crate::history::Archive;
use crate::time::{Clock, Millis, write_day};

/// Which past, by which configuration.
#[derive(Clone, Debug, clap::Args)]
pub struct PastArgs {
    /// The configuration to decide by
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG", value_name = "FILE")]
    pub config: PathBuf,

    /// The archive's directory, or its bucket (`s3://…`), instead of what the configuration names
    #[arg(long, value_name = "DIRECTORY")]
    pub history: Option<PathBuf>,
}

/// The past as far as it was told.
pub struct Past {
    pub backtest: Backtest,
    /// The first day of which the archive has something, from 1970-01-01.
    pub from_day: Option<i64>,
    /// How many events were told.
    pub events: u64,
    /// In how many places something is missing.
    pub gaps: usize,
}

impl Past {
    /// How far it goes back, in words.
    pub fn reach(&self) -> String {
        let Some(day) = self.from_day else { return "the archive has nothing".to_owned() };
        let mut text = "the archive goes back to ".to_owned();
        write_day(day, &mut text);
        if self.gaps > 0 {
            text.push_str(", and something is missing: see `handraiser history`");
        }
        text
    }
}

impl PastArgs {
    /// The archive of these arguments; `config` is what they name.
    pub fn archive(&self, config: &Config) -> Result<Archive, CommandError> {
        match &self.history {
            Some(path) => existing(path),
            None => of_config(config, "--history"),
        }
    }
}

/// A moment in the time zone of a configuration.
pub fn at(option: &str, text: &str, config: &Config) -> Result<Millis, CommandError> {
    let zone = config.rules.time_zone.clone().unwrap_or(TimeZone::UTC);
    moment(option, text, Clock::System.now(), &zone)
}

/// Tells all that came until then, and lets time pass until then. Only a day of it is in memory at once, beside the records of everybody.
pub fn tell(archive: &Archive, config: &Config, until: Millis) -> Result<Past, CommandError> {
    let mut past = Past { backtest: Backtest::new(&config.rules), from_day: None, events: 0, gaps: 0 };
    for number in archive.days()? {
        if number > until.0.div_euclid(Millis::DAY) {
            break;
        }
        past.from_day.get_or_insert(number);
        let day = archive.day(number)?;
        past.gaps += day.gaps;
        for row in day.rows.into_iter().filter(|row| row.at <= until) {
            past.events += u64::from(matches!(row.past, Happened::Counted { by: None, .. }));
            past.backtest.tell(row);
        }
    }
    past.backtest.advance(until);
    Ok(past)
}
