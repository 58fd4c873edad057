//! What is declared and asked at random: counters, readings of them, conditions, as a configuration writes them.

use std::fmt::{self, Display};

use handraiser::ids::SubjectKind;

/// A length of time, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Days(i64),
    Minutes(i64),
}

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Minutes(minutes) if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            Self::Minutes(minutes) => write!(f, "{minutes}m"),
        }
    }
}

impl Span {
    pub const fn ms(self) -> i64 {
        match self {
            Self::Days(days) => days * 86_400_000,
            Self::Minutes(minutes) => minutes * 60_000,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
}

impl Period {
    const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }
}

/// What one number is made of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Sum,
    Avg,
    Min,
    Max,
    CountAbove(i64),
    StreakAbove(i64),
}

/// How a counter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Own,
    Within(Span),
    Between(Span, Span),
    This(Period),
    Previous(Period),
    /// From the trait `began` of the subject, so long.
    During(Span),
    Per(Period, i64, Fold),
    Decayed(Span),
    FirstAt,
    LastAt,
    Reached,
}

/// What a counter makes of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tally {
    Count,
    Sum,
    Min,
    Max,
    First,
    Last,
    Busiest,
    Docs,
    Users,
    Events,
    Days,
    /// Through these track events within so long.
    Steps(Vec<u8>, Span),
}

/// What a counter sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Any,
    Track(u8),
    Pages,
}

#[derive(Clone, Debug)]
pub struct Counter {
    pub name: String,
    pub of: SubjectKind,
    pub seen: Vec<Seen>,
    /// Only events whose `properties.value` is greater.
    pub above: Option<i64>,
    pub tally: Tally,
    pub window: Option<Span>,
}

impl Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {{ of: {}", self.name, self.of)?;
        if let Tally::Steps(steps, within) = &self.tally {
            let names: Vec<String> = steps.iter().map(|n| format!("event {n}")).collect();
            write!(f, ", steps: [{}], in: {within}", names.join(", "))?;
        } else {
            let names: Vec<String> = self
                .seen
                .iter()
                .filter_map(|seen| match seen {
                    Seen::Any => Some("any".to_owned()),
                    Seen::Track(n) => Some(format!("event {n}")),
                    Seen::Pages => None,
                })
                .collect();
            if !names.is_empty() {
                write!(f, ", event: [{}]", names.join(", "))?;
            }
            if self.seen.contains(&Seen::Pages) {
                write!(f, ", page: any")?;
            }
        }
        f.write_str(match self.tally {
            Tally::Count | Tally::Steps(..) => "",
            Tally::Sum => ", sum: properties.value",
            Tally::Min => ", min: properties.value",
            Tally::Max => ", max: properties.value",
            Tally::First => ", first: properties.doc",
            Tally::Last => ", last: properties.doc",
            Tally::Busiest => ", by: properties.doc",
            Tally::Docs => ", distinct: properties.doc",
            Tally::Users => ", distinct: user",
            Tally::Events => ", distinct: event",
            Tally::Days => ", distinct: day",
        })?;
        if let Some(least) = self.above {
            write!(f, ", where: properties.value > {least}")?;
        }
        if let Some(window) = self.window {
            write!(f, ", within: {window}")?;
        }
        f.write_str(" }")
    }
}

/// A counter, by its place, and how it is read.
#[derive(Clone, Debug)]
pub struct Read {
    pub counter: usize,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Less,
    AtLeast,
    Is,
}

impl Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtLeast => ">=",
            Self::Is => "==",
        })
    }
}

/// A condition about one subject, or about the account of a user.
#[derive(Clone, Debug)]
pub enum Cond {
    Figure(Read, Compared, i64),
    /// `c == "doc 1"`, of a first or a last value.
    Doc(Read, u8),
    /// A figure is so many times another one.
    Ratio(Read, i64, Read),
    /// `user.role == "b"`.
    Role(SubjectKind, &'static str),
    Known(SubjectKind),
    /// `now >= user.ends + 3d`.
    Ended(SubjectKind, Span),
    /// `user.ends - now < 3d`.
    EndsWithin(SubjectKind, Span),
    /// `now - c.last_at > 3d`.
    Silent(usize, Span),
    /// The signal at that place, which is yes or no.
    Signal(usize),
    /// `now - s.since >= 2d`.
    Since(usize, Span),
    Times(usize, i64),
    /// A score at that place.
    Score(usize, Compared, i64),
    Exists(Box<Cond>),
    Everybody(Box<Cond>),
    Members(Box<Cond>, i64),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
}

#[derive(Clone, Debug)]
pub enum Says {
    Figure(Read),
    Is(Cond),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Points(Vec<Points>),
}

#[derive(Clone, Debug)]
pub struct Points {
    pub give: i64,
    pub when: Option<Cond>,
    pub each: Option<Read>,
    pub cap: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Signal {
    pub name: String,
    pub of: SubjectKind,
    pub says: Says,
}

#[derive(Clone, Debug)]
pub struct Definition {
    pub name: String,
    pub of: SubjectKind,
    pub intent: Vec<Cond>,
    pub fit: Vec<Cond>,
    /// `intent || fit` instead of `intent && fit`.
    pub either: bool,
    /// The first tier's conditions; whoever else qualifies is of tier 2.
    pub best: Option<Cond>,
    pub never: Option<Cond>,
    pub each: Option<usize>,
    pub cooldown: Span,
    pub settle: Span,
    pub fresh: Span,
}

/// A configuration.
#[derive(Clone, Debug, Default)]
pub struct Product {
    pub zone: &'static str,
    pub counters: Vec<Counter>,
    pub signals: Vec<Signal>,
    pub definitions: Vec<Definition>,
}

impl Product {
    /// As a file says it.
    pub fn yaml(&self) -> String {
        let trait_types = "{ role: text, ends: time, began: time }";
        let mut out = format!(
            "sources: {{ app: {{ write_key: k }} }}\ntime_zone: {}\naccounts: [context.groupId, groupId]\ntraits: {{ user: {trait_types}, account: {trait_types} }}\n\
             counters:\n",
            self.zone
        );
        for counter in &self.counters {
            out += &format!("  {counter}\n");
        }
        if !self.signals.is_empty() {
            out += "signals:\n";
        }
        for signal in &self.signals {
            out += &format!("  {}: {{ of: {}, {} }}\n", signal.name, signal.of, self.says(signal));
        }
        out += "definitions:\n";
        for definition in &self.definitions {
            out += &self.definition(definition);
        }
        out + "routes: [ { name: all, to: self_serve } ]\n\
               destinations: { crm: { webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] } }\n"
    }

    fn definition(&self, definition: &Definition) -> String {
        let Definition { name, of, either, cooldown, settle, fresh, .. } = definition;
        let mut out = format!("  - name: {name}\n    of: {of}\n");
        for (list, conds) in [("intent", &definition.intent), ("fit", &definition.fit)] {
            if !conds.is_empty() {
                out += &format!("    {list}: [{}]\n", self.list(conds));
            }
        }
        if *either {
            out += "    when: intent || fit\n";
        }
        if let Some(best) = &definition.best {
            out += &format!("    tiers: {{ 1: '{}', 2: \"true\" }}\n", self.cond(best, false));
        }
        if let Some(never) = &definition.never {
            out += &format!("    never: ['{}']\n", self.cond(never, false));
        }
        if let Some(each) = definition.each {
            out += &format!("    each: {}\n", self.counters[each].name);
        }
        out + &format!("    cooldown: {cooldown}\n    settle: {settle}\n    fresh: {fresh}\n")
    }

    fn list(&self, conds: &[Cond]) -> String {
        conds.iter().map(|cond| format!("'{}'", self.cond(cond, false))).collect::<Vec<_>>().join(", ")
    }

    fn says(&self, signal: &Signal) -> String {
        match &signal.says {
            Says::Figure(read) => format!("is: '{}'", self.read(read, false)),
            Says::Is(cond) => format!("is: '{}'", self.cond(cond, false)),
            Says::All(conds) => format!("all: [{}]", self.list(conds)),
            Says::Any(conds) => format!("any: [{}]", self.list(conds)),
            Says::Points(lines) => {
                let line = |line: &Points| {
                    let when = line.when.as_ref().map(|when| format!(", when: '{}'", self.cond(when, false)));
                    let each = line.each.as_ref().map(|each| format!(", each: '{}'", self.read(each, false)));
                    let cap = line.cap.map(|cap| format!(", cap: {cap}"));
                    let rest: String = [when, each, cap].into_iter().flatten().collect();
                    format!("{{ give: {}{rest} }}", line.give)
                };
                format!("points: [{}]", lines.iter().map(line).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn read(&self, read: &Read, of_member: bool) -> String {
        let counter = &self.counters[read.counter];
        let (name, of) = (format!("{}{}", if of_member { "m." } else { "" }, counter.name), counter.of);
        let whose = if of_member { "m".to_owned() } else { of.to_string() };
        match read.how {
            How::Own => name,
            How::Within(span) => format!("{name}.within({span})"),
            How::Between(from, to) => format!("{name}.between({from}, {to})"),
            How::This(period) => format!("{name}.this({})", period.word()),
            How::Previous(period) => format!("{name}.previous({})", period.word()),
            How::During(span) => format!("{name}.during({whose}.began, {whose}.began + {span})"),
            How::Decayed(half) => format!("{name}.decayed({half})"),
            How::FirstAt => format!("{name}.first_at"),
            How::LastAt => format!("{name}.last_at"),
            How::Reached => format!("{name}.reached"),
            How::Per(period, n, fold) => {
                let list = format!("{name}.per({}, {n})", period.word());
                match fold {
                    Fold::Sum => format!("{list}.sum()"),
                    Fold::Avg => format!("{list}.avg()"),
                    Fold::Min => format!("{list}.min()"),
                    Fold::Max => format!("{list}.max()"),
                    Fold::CountAbove(least) => format!("{list}.count(n, n > {least})"),
                    Fold::StreakAbove(least) => format!("{list}.streak(n, n > {least})"),
                }
            }
        }
    }

    /// A condition, on a subject or on a member.
    pub fn cond(&self, cond: &Cond, of_member: bool) -> String {
        let whose = |of: &SubjectKind| if of_member { "m".to_owned() } else { of.to_string() };
        let prefix = if of_member { "m." } else { "" };
        let inner = |cond: &Cond| self.cond(cond, of_member);
        let members = |cond: &Cond| self.cond(cond, true);
        let joined = |conds: &[Cond], by: &str| {
            let all: Vec<String> = conds.iter().map(|cond| format!("({})", inner(cond))).collect();
            all.join(by)
        };
        let signal = |at: &usize| format!("{prefix}{}", self.signals[*at].name);
        match cond {
            Cond::Figure(read, than, n) => format!("{} {than} {n}", self.read(read, of_member)),
            Cond::Doc(read, n) => format!("{} == \"doc {n}\"", self.read(read, of_member)),
            Cond::Ratio(one, n, other) => {
                format!("{} > {n} * {}", self.read(one, of_member), self.read(other, of_member))
            }
            Cond::Role(of, role) => format!("{}.role == \"{role}\"", whose(of)),
            Cond::Known(of) => format!("has({}.role)", whose(of)),
            Cond::Ended(of, span) => format!("now >= {}.ends + {span}", whose(of)),
            Cond::EndsWithin(of, span) => format!("{}.ends - now < {span}", whose(of)),
            Cond::Silent(counter, span) => format!("now - {prefix}{}.last_at > {span}", self.counters[*counter].name),
            Cond::Signal(at) => signal(at),
            Cond::Since(at, span) => format!("now - {}.since >= {span}", signal(at)),
            Cond::Times(at, n) => format!("{}.times >= {n}", signal(at)),
            Cond::Score(at, than, n) => format!("{} {than} {n}", signal(at)),
            Cond::Exists(cond) => format!("members.exists(m, {})", members(cond)),
            Cond::Everybody(cond) => format!("members.all(m, {})", members(cond)),
            Cond::Members(cond, n) => format!("members.count(m, {}) >= {n}", members(cond)),
            Cond::All(conds) => joined(conds, " && "),
            Cond::Any(conds) => joined(conds, " || "),
            Cond::Not(cond) => format!("!({})", inner(cond)),
        }
    }
}
