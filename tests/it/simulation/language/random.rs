//! Random configurations and what happens, by a seed. Each focus asks for something else, and leaves out what would blur it.

use handraiser::ids::SubjectKind;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::terms::{
    Compared, Cond, Counter, Definition, Fold, How, Period, Points, Product, Read, Says, Seen, Signal, Span, Tally,
};

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Every aggregate in every reading, late events, ids that become one.
    Readings,
    /// Who is a lead and when, by what is known of a subject alone: to the millisecond.
    Leads,
    /// Conditions on members, on the user's account, over signals of both.
    Others,
}

/// Something that happens. Small numbers name users, accounts and events, so that they meet often.
#[derive(Clone, Debug)]
pub enum Step {
    Use {
        user: u8,
        anonymous: bool,
        account: Option<u8>,
        name: u8,
        value: Option<i16>,
        doc: Option<u8>,
        late: i64,
    },
    /// An identify call, or a group call, with traits: a role, and days and hours until something ends and since it began.
    Tell {
        of: SubjectKind,
        user: u8,
        role: Option<u8>,
        ends: Option<i64>,
        began: Option<i64>,
        late: i64,
    },
    /// Ties an anonymous id to a user.
    Identify {
        anonymous: u8,
        user: u8,
    },
    /// Time passes at once.
    Wait {
        ms: i64,
    },
    /// Time passes until just before something may change, and then until it does.
    Edge {
        nth: usize,
    },
}

const HOUR: i64 = 60 * 60 * 1_000;
const DAY: i64 = 24 * HOUR;

/// Chance, by a seed.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.0.random_range(0..from.len())].clone()
    }

    pub fn below(&mut self, n: i64) -> i64 {
        self.0.random_range(0..n)
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        all.shuffle(&mut self.0);
    }

    fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    fn small(&mut self, n: i64) -> u8 {
        u8::try_from(self.below(n)).expect("it is small")
    }
}

/// A configuration for a focus.
pub fn product(focus: Focus, seed: u64) -> Product {
    let mut dice = Dice::new(seed);
    let zone = dice.pick(&["UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]);
    let mut maker = Maker { dice, product: Product { zone, ..Product::default() }, focus };
    match focus {
        Focus::Readings => maker.readings(),
        Focus::Leads => maker.leads(),
        Focus::Others => maker.others(),
    }
    maker.product
}

struct Maker {
    dice: Dice,
    product: Product,
    focus: Focus,
}

impl Maker {
    fn readings(&mut self) {
        for n in 0..5 {
            let of = self.dice.pick(&[SubjectKind::User, SubjectKind::Account]);
            self.counter(n, of);
        }
        for n in 0..10 {
            let counter = usize::try_from(self.dice.below(5)).expect("it is small");
            let (of, how) = (self.product.counters[counter].of, self.how(counter));
            let is_text = matches!(self.product.counters[counter].tally, Tally::First | Tally::Last);
            let read = Read { counter, how };
            let says = match how {
                How::FirstAt | How::LastAt => Says::Figure(read),
                _ if is_text => Says::Is(Cond::Doc(read, self.dice.small(4))),
                _ => Says::Figure(read),
            };
            self.product.signals.push(Signal { name: format!("s{n}"), of, says });
        }
        // So that there is a definition.
        let intent = vec![Cond::Known(SubjectKind::User)];
        let definition = Definition { intent, ..blank("d0", SubjectKind::User) };
        self.product.definitions.push(definition);
    }

    fn leads(&mut self) {
        for n in 0..4 {
            self.counter(n, if n % 2 == 0 { SubjectKind::User } else { SubjectKind::Account });
        }
        for n in 0..self.dice.below(4) {
            let of = self.dice.pick(&[SubjectKind::User, SubjectKind::Account]);
            let says = self.says(of);
            self.product.signals.push(Signal { name: format!("s{n}"), of, says });
        }
        for n in 0..3 {
            let of = self.dice.pick(&[SubjectKind::User, SubjectKind::Account]);
            self.definition(n, of);
        }
    }

    fn others(&mut self) {
        for n in 0..4 {
            self.counter(n, if n % 2 == 0 { SubjectKind::User } else { SubjectKind::Account });
        }
        for n in 0..4 {
            let of = if n < 2 { SubjectKind::User } else { SubjectKind::Account };
            let says = self.says(of);
            self.product.signals.push(Signal { name: format!("s{n}"), of, says });
        }
        for n in 0..3 {
            let of = self.dice.pick(&[SubjectKind::User, SubjectKind::Account]);
            let intent = (0..=self.dice.below(2)).map(|_| self.cond(of, 2)).collect();
            let mut definition = Definition { intent, ..blank(&format!("d{n}"), of) };
            if self.dice.one_in(3) {
                definition.never = Some(self.cond(of, 1));
            }
            self.product.definitions.push(definition);
        }
    }

    fn counter(&mut self, n: usize, of: SubjectKind) {
        let tally = match self.dice.below(14) {
            0..=2 => Tally::Count,
            3 => Tally::Sum,
            4 => Tally::Min,
            5 => Tally::Max,
            6 => self.dice.pick(&[Tally::First, Tally::Last]),
            7 => Tally::Busiest,
            8 => Tally::Docs,
            9 => Tally::Users,
            10 => Tally::Events,
            11 => Tally::Days,
            _ => self.steps(),
        };
        let seen = match self.dice.below(5) {
            0 => vec![Seen::Any],
            1 => vec![Seen::Pages],
            2 => vec![Seen::Track(0), Seen::Track(1)],
            3 => vec![Seen::Track(0), Seen::Pages],
            _ => vec![Seen::Track(self.dice.small(3))],
        };
        let above = self.dice.one_in(4).then(|| self.dice.below(40));
        let in_days = tally == Tally::Days;
        let window = self.dice.one_in(2).then(|| self.span(in_days));
        self.product.counters.push(Counter { name: format!("c{n}"), of, seen, above, tally, window });
    }

    fn steps(&mut self) -> Tally {
        let steps = self.dice.pick(&[vec![0, 1], vec![1, 0], vec![0, 1, 2], vec![2, 0, 1]]);
        let within = self.dice.pick(&[Span::Minutes(30), Span::Minutes(36 * 60), Span::Days(3), Span::Days(14)]);
        Tally::Steps(steps, within)
    }

    fn span(&mut self, in_days: bool) -> Span {
        let days = [Span::Days(1), Span::Days(2), Span::Days(7), Span::Days(30), Span::Days(120)];
        let minutes =
            [Span::Minutes(15), Span::Minutes(90), Span::Minutes(300), Span::Minutes(1_440), Span::Minutes(4_000)];
        if in_days || self.dice.one_in(2) { self.dice.pick(&days) } else { self.dice.pick(&minutes) }
    }

    /// How a counter may be read.
    fn how(&mut self, counter: usize) -> How {
        let tally = self.product.counters[counter].tally.clone();
        let in_days = tally == Tally::Days;
        let is_distinct = matches!(tally, Tally::Docs | Tally::Users | Tally::Events);
        let is_value = matches!(tally, Tally::Min | Tally::Max | Tally::First | Tally::Last);
        let adds_up = matches!(tally, Tally::Count | Tally::Sum);
        let periods = [Period::Day, Period::Week, Period::Month, Period::Quarter];
        loop {
            return match self.dice.below(11) {
                0 => How::Own,
                1 => How::Within(self.span(in_days)),
                2 => How::This(self.dice.pick(&periods)),
                3 => self.dice.pick(&[How::FirstAt, How::LastAt]),
                4 if matches!(tally, Tally::Steps(..)) => How::Reached,
                5 if !is_distinct => {
                    let both = [
                        (Span::Days(14), Span::Days(7)),
                        (Span::Days(3), Span::Days(1)),
                        (Span::Minutes(300), Span::Minutes(90)),
                        (Span::Minutes(90), Span::Minutes(15)),
                    ];
                    let (from, to) = self.dice.pick(if in_days { &both[..2] } else { &both });
                    How::Between(from, to)
                }
                6 if !is_distinct => How::Previous(self.dice.pick(&periods)),
                7 if !is_distinct => {
                    let spans = [Span::Days(2), Span::Days(7), Span::Minutes(300), Span::Minutes(1_440)];
                    How::During(self.dice.pick(if in_days { &spans[..2] } else { &spans }))
                }
                8 if !is_distinct && !is_value => self.per(in_days),
                9 if adds_up => {
                    How::Decayed(self.dice.pick(&[Span::Days(1), Span::Days(7), Span::Minutes(60), Span::Minutes(600)]))
                }
                _ => continue,
            };
        }
    }

    fn per(&mut self, in_days: bool) -> How {
        let (period, most) = self.dice.pick(&[
            (Period::Day, 9),
            (Period::Week, 4),
            (Period::Month, 3),
            (Period::Quarter, 2),
            (Period::Hour, 30),
        ]);
        let period = if in_days && period == Period::Hour { Period::Day } else { period };
        let least = self.dice.below(2);
        let fold = self.dice.pick(&[
            Fold::Sum,
            Fold::Avg,
            Fold::Min,
            Fold::Max,
            Fold::CountAbove(least),
            Fold::StreakAbove(least),
        ]);
        How::Per(period, 1 + self.dice.below(most), fold)
    }

    /// A reading that is a number, of a counter of this kind.
    fn number(&mut self, of: SubjectKind) -> Option<Read> {
        for _ in 0..20 {
            let counter = usize::try_from(self.dice.below(4)).expect("it is small");
            let Counter { of: whose, tally, .. } = &self.product.counters[counter];
            if *whose == of && !matches!(tally, Tally::First | Tally::Last) {
                let how = self.how(counter);
                if !matches!(how, How::FirstAt | How::LastAt) {
                    return Some(Read { counter, how });
                }
            }
        }
        None
    }

    fn says(&mut self, of: SubjectKind) -> Says {
        match self.dice.below(4) {
            0 => Says::Is(self.cond(of, 2)),
            1 => Says::All(vec![self.cond(of, 1), self.cond(of, 1)]),
            2 => Says::Any(vec![self.cond(of, 1), self.cond(of, 1)]),
            _ => Says::Points((0..=self.dice.below(3)).map(|_| self.points(of)).collect()),
        }
    }

    fn points(&mut self, of: SubjectKind) -> Points {
        let give = self.dice.pick(&[-20, 1, 5, 10]);
        let when = self.dice.one_in(2).then(|| self.cond(of, 1));
        let each = if self.dice.one_in(2) { self.number(of) } else { None };
        let cap = each.as_ref().filter(|_| self.dice.one_in(2)).map(|_| 15);
        Points { give, when, each, cap }
    }

    /// Signals of this kind that are yes or no, or else scores.
    fn signal(&mut self, of: SubjectKind, score: bool) -> Option<usize> {
        let fits = |signal: &Signal| signal.of == of && matches!(signal.says, Says::Points(_)) == score;
        let all: Vec<usize> = (0..self.product.signals.len()).filter(|at| fits(&self.product.signals[*at])).collect();
        (!all.is_empty()).then(|| self.dice.pick(&all))
    }

    /// A condition on a subject: on what is its own, and in [`Focus::Others`] on others too.
    fn cond(&mut self, of: SubjectKind, depth: i64) -> Cond {
        loop {
            if let Some(cond) = self.try_cond(of, depth) {
                return cond;
            }
        }
    }

    fn try_cond(&mut self, of: SubjectKind, depth: i64) -> Option<Cond> {
        let others = self.focus == Focus::Others;
        let whose = if others && of == SubjectKind::User && self.dice.one_in(2) { SubjectKind::Account } else { of };
        Some(match self.dice.below(if depth > 0 { 14 } else { 9 }) {
            0..=2 => {
                let than = self.dice.pick(&[Compared::AtLeast, Compared::AtLeast, Compared::Less, Compared::Is]);
                Cond::Figure(self.number(whose)?, than, self.dice.pick(&[0, 1, 2, 3, 5, 20]))
            }
            3 if self.dice.one_in(3) => {
                let told = |at: &usize| {
                    let counter = &self.product.counters[*at];
                    counter.of == whose && matches!(counter.tally, Tally::First | Tally::Last)
                };
                let counter = (0..4).find(told)?;
                let how = self.how(counter);
                if matches!(how, How::FirstAt | How::LastAt) {
                    return None;
                }
                Cond::Doc(Read { counter, how }, self.dice.small(4))
            }
            3 => Cond::Ratio(self.number(whose)?, self.dice.below(3), self.number(whose)?),
            4 => self.dice.pick(&[Cond::Role(whose, "a"), Cond::Role(whose, "b"), Cond::Known(whose)]),
            5 => {
                let spans = [Span::Days(0), Span::Days(3), Span::Minutes(90)];
                let span = self.dice.pick(&spans);
                self.dice.pick(&[Cond::Ended(whose, span), Cond::EndsWithin(whose, span)])
            }
            6 => {
                let counter = usize::try_from(self.dice.below(4)).expect("it is small");
                if self.product.counters[counter].of != whose {
                    return None;
                }
                Cond::Silent(counter, self.dice.pick(&[Span::Days(2), Span::Minutes(90), Span::Minutes(1_440)]))
            }
            7 => Cond::Signal(self.signal(whose, false)?),
            8 => Cond::Score(self.signal(whose, true)?, Compared::AtLeast, self.dice.pick(&[1, 10, 20])),
            9 => Cond::All(vec![self.cond(of, depth - 1), self.cond(of, depth - 1)]),
            10 => Cond::Any(vec![self.cond(of, depth - 1), self.cond(of, depth - 1)]),
            11 => Cond::Not(Box::new(self.cond(of, depth - 1))),
            12 if others => self.members(of)?,
            // What is remembered begins with what is looked at; of others that is not the same moment.
            12 | 13 if !others => {
                let signal = self.signal(whose, false)?;
                if self.dice.one_in(2) {
                    Cond::Times(signal, 1 + self.dice.below(3))
                } else {
                    Cond::Since(signal, self.dice.pick(&[Span::Days(0), Span::Days(2), Span::Minutes(90)]))
                }
            }
            _ => return None,
        })
    }

    /// A condition on members, which read nothing but what is their own.
    fn members(&mut self, of: SubjectKind) -> Option<Cond> {
        if of != SubjectKind::Account {
            return None;
        }
        self.focus = Focus::Leads;
        let cond = self.cond(SubjectKind::User, 0);
        self.focus = Focus::Others;
        if let Cond::Signal(at) | Cond::Score(at, ..) = cond
            && reads_account(&self.product, &self.product.signals[at].says)
        {
            return None;
        }
        let cond = Box::new(cond);
        Some(match self.dice.below(3) {
            0 => Cond::Exists(cond),
            1 => Cond::Everybody(cond),
            _ => Cond::Members(cond, 1 + self.dice.below(3)),
        })
    }

    fn definition(&mut self, n: usize, of: SubjectKind) {
        let mut definition = blank(&format!("d{n}"), of);
        definition.intent = (0..=self.dice.below(2)).map(|_| self.cond(of, 2)).collect();
        if self.dice.one_in(2) {
            definition.fit = vec![self.cond(of, 1)];
            definition.either = self.dice.one_in(2);
        }
        if self.dice.one_in(2) {
            definition.best = Some(self.cond(of, 1));
            definition.settle = self.dice.pick(&[Span::Minutes(0), Span::Minutes(60), Span::Days(2)]);
        }
        if self.dice.one_in(4) {
            definition.never = Some(self.cond(of, 1));
        }
        if self.dice.one_in(5) {
            let own: Vec<usize> = (0..4).filter(|at| self.product.counters[*at].of == of).collect();
            definition.each = Some(self.dice.pick(&own));
        }
        definition.cooldown = self.dice.pick(&[Span::Days(0), Span::Minutes(60), Span::Days(1), Span::Days(7)]);
        definition.fresh = self.dice.pick(&[Span::Days(1), Span::Days(400), Span::Minutes(60)]);
        self.product.definitions.push(definition);
    }
}

fn blank(name: &str, of: SubjectKind) -> Definition {
    Definition {
        name: name.to_owned(),
        of,
        intent: Vec::new(),
        fit: Vec::new(),
        either: false,
        best: None,
        never: None,
        each: None,
        cooldown: Span::Days(0),
        settle: Span::Minutes(0),
        fresh: Span::Days(400),
    }
}

fn reads_account(product: &Product, says: &Says) -> bool {
    let figure = |read: &Read| product.counters[read.counter].of == SubjectKind::Account;
    match says {
        Says::Figure(read) => figure(read),
        Says::Is(cond) => cond_reads_account(product, cond),
        Says::All(conds) | Says::Any(conds) => conds.iter().any(|cond| cond_reads_account(product, cond)),
        Says::Points(lines) => lines.iter().any(|line| {
            line.each.as_ref().is_some_and(figure)
                || line.when.as_ref().is_some_and(|when| cond_reads_account(product, when))
        }),
    }
}

fn cond_reads_account(product: &Product, cond: &Cond) -> bool {
    let of_account = |at: usize| product.counters[at].of == SubjectKind::Account;
    let of_signal = |at: usize| {
        let signal = &product.signals[at];
        signal.of == SubjectKind::Account || reads_account(product, &signal.says)
    };
    match cond {
        Cond::Figure(read, ..) | Cond::Doc(read, _) => of_account(read.counter),
        Cond::Ratio(one, _, other) => of_account(one.counter) || of_account(other.counter),
        Cond::Role(of, _) | Cond::Known(of) | Cond::Ended(of, _) | Cond::EndsWithin(of, _) => {
            *of == SubjectKind::Account
        }
        Cond::Silent(counter, _) => of_account(*counter),
        Cond::Signal(at) | Cond::Since(at, _) | Cond::Times(at, _) | Cond::Score(at, ..) => of_signal(*at),
        Cond::Exists(_) | Cond::Everybody(_) | Cond::Members(..) => true,
        Cond::All(conds) | Cond::Any(conds) => conds.iter().any(|cond| cond_reads_account(product, cond)),
        Cond::Not(cond) => cond_reads_account(product, cond),
    }
}

/// What happens, in order.
pub fn story(focus: Focus, seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let length = 1 + dice.below(40);
    (0..length).map(|_| step(focus, &mut dice)).collect()
}

fn step(focus: Focus, dice: &mut Dice) -> Step {
    match dice.below(20) {
        0..=10 => {
            let user = dice.small(4);
            let account = match focus {
                Focus::Readings => dice.pick(&[None, Some(0), Some(1), Some(1)]),
                // A user's account is the same at any time.
                Focus::Leads | Focus::Others => Some(user % 2),
            };
            let value = (!dice.one_in(5)).then(|| i16::try_from(dice.below(240) - 40).expect("it is small"));
            let doc = (!dice.one_in(5)).then(|| dice.small(4));
            let anonymous = focus == Focus::Readings && dice.one_in(3);
            Step::Use { user, anonymous, account, name: dice.small(4), value, doc, late: late(dice) }
        }
        11 | 12 => {
            let hours = |dice: &mut Dice| Some(dice.pick(&[-30, -1, 0, 1, 26, 24 * 5, 24 * 20]));
            let of = dice.pick(&[SubjectKind::User, SubjectKind::Account]);
            let (role, ends, began) = (dice.one_in(2), dice.one_in(2), dice.one_in(2));
            let role = role.then(|| dice.small(2));
            let ends = if ends { hours(dice) } else { None };
            let began = began.then(|| -dice.below(24 * 8));
            let late = dice.pick(&[0, 0, 0, HOUR, 3 * DAY]);
            Step::Tell { of, user: dice.small(4), role, ends, began, late }
        }
        13 if focus == Focus::Readings => Step::Identify { anonymous: dice.small(4), user: dice.small(4) },
        13 | 14 => Step::Wait { ms: dice.pick(&[1, 59_999, 10 * 60_000, HOUR, DAY, 3 * DAY + 1]) },
        15 => Step::Wait { ms: dice.below(9) * DAY + dice.below(DAY) },
        _ => Step::Edge { nth: usize::try_from(dice.below(1_000)).expect("it is small") },
    }
}

/// How long before it arrives something happened.
fn late(dice: &mut Dice) -> i64 {
    match dice.below(10) {
        0..=5 => 0,
        6 => dice.below(90 * 60_000),
        7 => dice.below(3 * DAY),
        8 => dice.pick(&[15 * 60_000, 15 * 60_000 - 1, DAY, DAY - 1, HOUR]),
        _ => dice.below(40 * DAY),
    }
}
