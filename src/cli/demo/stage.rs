//! Where the demo is shown: lines that stay, and one line at the bottom that says what is happening now.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::CommandError;
use crate::cli::paint::{Paint, Tone, columns, wrap};

pub struct Stage {
    pub paint: Paint,
    bar: ProgressBar,
    act: u8,
}

impl Stage {
    pub fn open() -> Self {
        let visible = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        let bar = if visible { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { paint: Paint::stdout(), bar, act: 0 }
    }

    /// Prints lines that stay. A reader who has gone away ends the demo quietly.
    pub fn say(&self, text: &str) -> Result<(), CommandError> {
        self.bar.suspend(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
            out.flush()
        })?;
        Ok(())
    }

    /// A heading, numbered, with a sentence below it.
    pub fn act(&mut self, title: &str, sentence: &str) -> Result<(), CommandError> {
        self.act += 1;
        let number = self.paint.tone(Tone::Accent, self.act);
        self.say(&format!("\n{number}  {}", self.paint.strong(title)))?;
        self.note(sentence)
    }

    /// A quiet sentence, wrapped.
    pub fn note(&self, sentence: &str) -> Result<(), CommandError> {
        let width = self.paint.width.unwrap_or(100).min(100).saturating_sub(3);
        for line in wrap(sentence, width) {
            self.say(&format!("   {}", self.paint.dim(line)))?;
        }
        Ok(())
    }

    /// A fact: a mark, what happened, and what came of it.
    pub fn fact(&self, met: bool, what: &str, outcome: &str) -> Result<(), CommandError> {
        let mark = self.paint.mark(Some(met));
        let left = 36;
        let room = self.paint.width.unwrap_or(100).min(100).saturating_sub(left + 5);
        let padding = " ".repeat(left.saturating_sub(columns(what)));
        let mut lines = wrap(outcome, room.max(20)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.say(&format!("   {mark} {what}{padding}{}", self.paint.dim(first)))?;
        for line in lines {
            self.say(&format!("     {}{}", " ".repeat(left), self.paint.dim(line)))?;
        }
        Ok(())
    }

    /// From now on a bar towards `length` stands at the bottom.
    pub fn measure(&mut self, length: usize) {
        let length = u64::try_from(length).unwrap_or(0);
        self.replace(ProgressBar::new(length), "   {bar:30.cyan/black} {human_pos} of {human_len} events  {per_sec}");
    }

    /// From now on a spinner with a message stands at the bottom.
    pub fn follow(&mut self) {
        self.replace(ProgressBar::new_spinner(), "   {spinner:.cyan} {wide_msg:.dim}");
        self.bar.enable_steady_tick(Duration::from_millis(80));
    }

    fn replace(&mut self, bar: ProgressBar, template: &str) {
        self.bar.finish_and_clear();
        if self.bar.is_hidden() {
            return;
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = bar.with_style(style.progress_chars("█░░"));
    }

    pub fn advance(&self, by: usize) {
        self.bar.inc(u64::try_from(by).unwrap_or(0));
    }

    pub fn now(&self, message: &str) {
        self.bar.set_message(message.to_owned());
    }

    /// Takes the bottom line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
