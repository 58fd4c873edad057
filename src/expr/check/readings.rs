//! How a counter is read: `tasks.within(30d)`, `tasks.this(month)`, `tasks.first_at`, …

use std::ops::Range;

use super::super::length::duration_from_text;
use super::super::reading::{Figures, HALF_LIVES, MAX_DAYS, MAX_MINUTES, Period, Readable, Reading, Span};
use super::super::suggest::{closest, did_you_mean};
use super::super::syntax::{Kind, Literal, Node};
use super::super::tree::{Constant, During, Term};
use super::super::value::{Slot, Type};
use super::{Call, Checker, Part, Ty};
use crate::time::Millis;

/// What can be called on a counter.
const CALLED: [&str; 7] = ["within", "between", "during", "this", "previous", "per", "decayed"];
/// What stands after a counter's dot without being called.
const NAMED: [&str; 3] = ["first_at", "last_at", "reached"];

impl Checker<'_> {
    /// The counter that a node names, when it names one.
    pub(super) fn counter_named(&self, node: &Node) -> Option<Readable> {
        let name = match (&node.kind, &self.scope.member) {
            (Kind::Name(name), None) => name,
            // Of a member it stands below their name.
            (Kind::Select { of, field, .. }, Some(member)) => match &of.kind {
                Kind::Name(name) if **name == **member => field,
                _ => return None,
            },
            _ => return None,
        };
        let is_variable = self.variable.as_ref().is_some_and(|(variable, _)| variable == name);
        self.scope.counters.get(name.as_str()).filter(|_| !is_variable).copied()
    }

    /// `tasks`, `tasks.first_at`.
    pub(super) fn counter_path(
        &mut self,
        counter: Readable,
        name: &str,
        steps: &[(&str, Range<usize>)],
        span: &Range<usize>,
    ) -> Part {
        let Some(((step, at), below)) = steps.split_first() else {
            return self.read_counter(counter, Reading::Own, span);
        };
        if let (true, Some((_, at))) = (NAMED.contains(step), below.first()) {
            return self.fail(at, format!("`{name}.{step}` has nothing below it"), None);
        }
        match *step {
            "first_at" => self.read_counter(counter, Reading::FirstAt, span),
            "last_at" => self.read_counter(counter, Reading::LastAt, span),
            "reached" if counter.figures == Figures::Steps => self.read_counter(counter, Reading::Reached, span),
            "reached" => self.fail(at, format!("`{name}` has no steps"), None),
            step if CALLED.contains(&step) => {
                self.fail(at, format!("`{step}` needs brackets"), Some(example(step, name)))
            }
            "first_seen" | "first" => self.fail(at, "a counter has no such time", Some(did_you_mean("first_at"))),
            "last_seen" | "last" => self.fail(at, "a counter has no such time", Some(did_you_mean("last_at"))),
            step => {
                let help = closest(step, CALLED.into_iter().chain(NAMED)).map_or_else(
                    || format!("a counter is read as `{name}`, `{name}.within(30d)`, `{name}.last_at`, …"),
                    did_you_mean,
                );
                self.fail(at, format!("a counter has no `{step}`"), Some(help))
            }
        }
    }

    fn read_counter(&mut self, counter: Readable, reading: Reading, span: &Range<usize>) -> Part {
        if self.is_of_somebody(counter.of) {
            let read = self.text(span).to_owned();
            return self.whose(span, &read);
        }
        self.read(Slot::Counter(counter.id, reading), reads_as(counter.figures, reading), span)
    }

    /// A reading that is called: `tasks.within(30d)`.
    pub(super) fn reading(&mut self, counter: Readable, target: &Node, call: &Call<'_>) -> Part {
        if !CALLED.contains(&call.name) {
            return self.no_reading(target, call);
        }
        if let Some(why) = unreadable(counter.figures, call.name) {
            let help = "read it as it is, or with `.within(30d)`".to_owned();
            return self.fail(call.span, why, Some(help));
        }
        let reading = match (call.name, call.arguments) {
            ("within", [span]) => self.span(span, call).map(Reading::Within),
            ("between", [from, to]) => self.between(from, to, call),
            ("during", [from, to]) => return self.during(counter, from, to, call),
            ("this", [period]) => self.period(period, false).map(Reading::This),
            ("previous", [period]) => self.period(period, false).map(Reading::Previous),
            ("per", [period, number]) => self.per(period, number),
            ("decayed", [half]) => self.half_life(half, call),
            (name, _) => {
                let help = example(name, self.text(&target.span));
                self.fail(call.span, format!("`{name}` takes other arguments"), Some(help));
                None
            }
        };
        match reading {
            Some(reading) if counter.figures == Figures::Days && is_finer_than_days(reading) => {
                let help = "write for example `.within(7d)`".to_owned();
                self.fail(call.span, "days are counted over whole days", Some(help))
            }
            Some(reading) => self.read_counter(counter, reading, call.span),
            None => Part::wrong(call.span),
        }
    }

    fn no_reading(&mut self, target: &Node, call: &Call<'_>) -> Part {
        let name = self.text(&target.span);
        let help = match call.name {
            "avg" | "min" | "max" | "sum" | "count" | "streak" => {
                format!("make a list of periods first: `{name}.per(day, 7).{}(…)`", call.name)
            }
            "in" | "last" | "window" | "since" => format!("write `{name}.within(30d)`"),
            other if NAMED.contains(&other) => format!("write `{name}.{other}` without brackets"),
            other => closest(other, CALLED).map_or_else(
                || format!("a counter is read as `{name}`, `{name}.within(30d)`, `{name}.last_at`, …"),
                did_you_mean,
            ),
        };
        self.fail(call.name_span, format!("a counter has no `{}`", call.name), Some(help))
    }

    /// A length of time that is written out: `30d`, `24h`.
    fn span(&mut self, node: &Node, call: &Call<'_>) -> Option<Span> {
        let help = format!(
            "write for example `{}`",
            example(call.name, "tasks").trim_start_matches("write ").trim_matches('`')
        );
        if let Kind::Literal(Literal::Text(text)) = &node.kind {
            let help = duration_from_text(text).map_or(help, |_| format!("write `{text}` without quotes"));
            self.fail(&node.span, "a length of time stands without quotes", Some(help));
            return None;
        }
        let part = self.part(node);
        let ms = match (&part.ty, part.constant()) {
            (Ty::Duration, Some(Constant::Number(ms))) => *ms,
            (Ty::Wrong, _) => return None,
            _ => {
                let message = format!("{} is not a length of time", self.quoted(&node.span));
                self.fail(&node.span, message, Some(help));
                return None;
            }
        };
        let minutes = ms / 60_000.0;
        let days = minutes / 1_440.0;
        let by_day = days.fract() == 0.0 && self.text(&node.span).contains(['d', 'w']) && !self.is_in_hours(node);
        let most = if by_day { f64::from(MAX_DAYS) * 1_440.0 } else { f64::from(MAX_MINUTES) };
        if minutes < 1.0 || minutes > most {
            let message = if by_day || minutes < 1.0 {
                format!("windows reach from one minute to {MAX_DAYS} days")
            } else {
                "windows of hours and minutes reach back 90 days; longer ones are of whole days".to_owned()
            };
            self.fail(&node.span, message, Some("write for example `30d`".to_owned()));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the lines before")]
        Some(if by_day { Span::Days(days as u16) } else { Span::Minutes(minutes.ceil() as u32) })
    }

    /// Whether a length of time is written in hours, minutes or less.
    fn is_in_hours(&self, node: &Node) -> bool {
        let text = self.text(&node.span);
        let text = text.strip_prefix("duration").unwrap_or(text);
        let mut before = ' ';
        text.chars().any(|c| {
            let unit = before.is_ascii_digit() && matches!(c, 'h' | 'm' | 's');
            before = c;
            unit
        })
    }

    fn between(&mut self, from: &Node, to: &Node, call: &Call<'_>) -> Option<Reading> {
        let (from, to) = (self.span(from, call)?, self.span(to, call)?);
        if from.minutes() <= to.minutes() {
            let help = format!("write `between({to}, {from})`: from the one further back to the one nearer");
            self.fail(call.span, format!("there is nothing between {from} and {to} ago"), Some(help));
            return None;
        }
        Some(match (from, to) {
            (Span::Days(_), Span::Days(_)) | (Span::Minutes(_), Span::Minutes(_)) => Reading::Between(from, to),
            (from, _) if from.minutes() > MAX_MINUTES => {
                let help = format!("write both in days, at most {MAX_DAYS}");
                self.fail(call.span, "hours are kept for 90 days", Some(help));
                return None;
            }
            (from, to) => Reading::Between(Span::Minutes(from.minutes()), Span::Minutes(to.minutes())),
        })
    }

    fn half_life(&mut self, node: &Node, call: &Call<'_>) -> Option<Reading> {
        let half = self.span(node, call)?;
        let (most, units) = match half {
            Span::Days(days) => (MAX_DAYS / HALF_LIVES >= days, "40d"),
            Span::Minutes(minutes) => (MAX_MINUTES / u32::from(HALF_LIVES) >= minutes && minutes >= 60, "216h"),
        };
        if !most {
            let message = format!("a half-life is one hour at least, and at most 40 days, or 216 hours: {half} is not");
            self.fail(&node.span, message, Some(format!("write for example `decayed({units})`")));
            return None;
        }
        Some(Reading::Decayed(half))
    }

    fn period(&mut self, node: &Node, hours: bool) -> Option<Period> {
        let written = match &node.kind {
            Kind::Name(name) => name.as_str(),
            Kind::Literal(Literal::Text(text)) => text.as_str(),
            _ => "",
        };
        let known = Period::NAMED.into_iter().filter(|(_, period)| hours || *period != Period::Hour);
        let found = known.clone().find(|(name, _)| *name == written).map(|(_, period)| period);
        if found.is_none() {
            let names: Vec<String> = known.map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("{} is no period of the calendar", self.quoted(&node.span));
            self.fail(&node.span, message, Some(format!("there are {}", names.join(", "))));
        }
        found
    }

    fn per(&mut self, period: &Node, number: &Node) -> Option<Reading> {
        let named = self.period(period, true)?;
        // No list is longer than what `exists` and `all` look at.
        let most = (MAX_DAYS / named.longest() - 1).min(240);
        let written = match &number.kind {
            Kind::Literal(Literal::Number(number)) => *number,
            _ => 0.0,
        };
        if written.fract() != 0.0 || !(1.0..=f64::from(most)).contains(&written) {
            let message = format!("how many of them is a whole number from 1 to {most}");
            let help = format!("write for example `per({}, 7)`", named.name());
            self.fail(&number.span, message, Some(help));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the lines before")]
        Some(Reading::Per(named, written as u16))
    }

    /// `tasks.during(user.trial_started_at, user.trial_started_at + 7d)`.
    fn during(&mut self, counter: Readable, from: &Node, to: &Node, call: &Call<'_>) -> Part {
        let now = self.slots.contains(&Slot::Now);
        let (first, second) = (self.anchor(from), self.anchor(to));
        let (Some(first), Some(second)) = (first, second) else { return Part::wrong(call.span) };
        if !now && self.slots.contains(&Slot::Now) {
            let help = "for a stretch that ends now write `.within(7d)`, before it `.between(14d, 7d)`".to_owned();
            return self.fail(
                call.span,
                "`during` is between two moments that stand still, and `now` does not",
                Some(help),
            );
        }
        let hours = counter.figures != Figures::Days && (self.is_in_hours(from) || self.is_in_hours(to));
        let any = if hours { Reading::ANCHORED_HOURS } else { Reading::ANCHORED };
        let ty = reads_as(counter.figures, any);
        let slot = Slot::Counter(counter.id, any);
        if !self.slots.contains(&slot) {
            self.slots.push(slot);
        }
        let shown = Ty::from(&ty);
        let during = During { counter: counter.id, hours, ty, from: first, to: second };
        Part::term(Term::During(Box::new(during)), shown, call.span)
    }

    fn anchor(&mut self, node: &Node) -> Option<Term> {
        let part = self.part(node);
        match (&part.ty, part.constant()) {
            (Ty::Wrong, _) => None,
            (Ty::Time | Ty::Any, _) => Some(part.into_term()),
            (Ty::Text, Some(Constant::Text(text))) => {
                match Millis::parse(text).or_else(|| super::super::coerce::time_from_text(text)) {
                    Some(at) => Some(Term::Constant(Constant::Time(at))),
                    None => {
                        self.not_a_time(&part.span);
                        None
                    }
                }
            }
            (ty, _) => {
                let message = format!("`during` is between two moments, {} is {ty}", self.quoted(&part.span));
                let help = "write for example `tasks.during(user.trial_started_at, user.trial_started_at + 7d)`";
                self.fail(&part.span, message, Some(help.to_owned()));
                None
            }
        }
    }
}

/// The type that a counter reads as.
pub(in super::super) fn reads_as(figures: Figures, reading: Reading) -> Type {
    match (reading, figures) {
        (Reading::FirstAt | Reading::LastAt, _) => Type::Time,
        (Reading::Per(..), _) => Type::List(Box::new(Type::Number)),
        (Reading::Reached, _) => Type::Number,
        (_, Figures::Told) => Type::Any,
        _ => Type::Number,
    }
}

/// Whether a reading tells hours or minutes apart.
const fn is_finer_than_days(reading: Reading) -> bool {
    matches!(
        reading,
        Reading::Within(Span::Minutes(_)) | Reading::Between(Span::Minutes(_), _) | Reading::Per(Period::Hour, _)
    )
}

/// Why a counter can't be read so.
fn unreadable(figures: Figures, how: &str) -> Option<&'static str> {
    match (figures, how) {
        (Figures::Distinct, "between" | "during" | "previous" | "per" | "decayed") => {
            Some("of different values it is known when each was seen last: they can be counted up to now only")
        }
        (Figures::Extreme | Figures::Told, "per" | "decayed") => {
            Some("only what is counted or added up is divided into periods, or decays")
        }
        (Figures::Busiest | Figures::Steps | Figures::Days, "decayed") => {
            Some("only what is counted or added up decays")
        }
        _ => None,
    }
}

fn example(how: &str, name: &str) -> String {
    let arguments = match how {
        "between" => "14d, 7d",
        "during" => "user.trial_started_at, user.trial_started_at + 7d",
        "this" | "previous" => "month",
        "per" => "day, 7",
        "decayed" => "14d",
        _ => "30d",
    };
    format!("write `{name}.{how}({arguments})`")
}
