//! The whole language at random: counters with every aggregate, readings, signals, members, definitions with all they may say, over
//! random events with time passing, beside a reference that keeps a list of what happened and computes everything from it.

pub mod books;
pub mod history;
pub mod random;
pub mod terms;
pub mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use handraiser::apply::Rules;
use handraiser::config::load_text;
use handraiser::event::{Call, Event};
use handraiser::ids::SubjectKind;
use handraiser::lead::{LeadEvent, LeadEventType, SubjectExplanation};
use handraiser::time::Millis;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use self::books::{Books, Cause, News, level, look};
use self::history::{Happened, History, V, What};
use self::random::{Dice, Focus, Step};
use self::terms::{Product, Says, Seen, Tally};
use crate::harness::events::blank;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// When a story begins: near a change of the clocks, a turn of the year, or neither.
pub fn start(seed: u64) -> Millis {
    let starts = [1_795_000_000_000, 1_774_600_000_000, 1_792_600_000_000, 1_798_500_000_000];
    Millis(
        starts[usize::try_from(seed % 4).expect("it is small")]
            + i64::try_from(seed % 1_000).expect("it is small") * 77_777,
    )
}

pub fn rules(product: &Product) -> Arc<Rules> {
    let text = product.yaml();
    let loaded = load_text("random.yaml", &text, &|_| None);
    Arc::clone(&loaded.unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")).config.rules)
}

/// What is known on the reference's side.
pub struct Reference {
    pub product: Product,
    pub history: History,
    pub books: Books,
    pub users: BTreeSet<String>,
    pub accounts: BTreeSet<String>,
    number: u64,
}

/// Whose account it is, where users have one for good.
fn account_of(user: &str) -> Option<String> {
    let number: u64 = user.strip_prefix('u')?.parse().ok()?;
    Some(format!("g{}", number % 2))
}

impl Reference {
    pub fn new(product: Product) -> Self {
        let zone = TimeZone::get(product.zone).expect("the zone is known");
        Self {
            history: History { zone: Some(zone), ..History::default() },
            product,
            books: Books::default(),
            users: BTreeSet::new(),
            accounts: BTreeSet::new(),
            number: 0,
        }
    }

    /// The event of a step, taken in by the history; `None` when the step is none.
    pub fn event(&mut self, step: &Step, now: i64) -> Option<Event> {
        self.number += 1;
        let blank = blank(&format!("m{}", self.number), Millis(now));
        let event = match step {
            Step::Use { user, anonymous, account, name, value, doc, late } => {
                let id = format!("{}{user}", if *anonymous { 'a' } else { 'u' });
                let account = account.map(|n| format!("g{n}"));
                let mut properties = serde_json::Map::new();
                let value = value.map(|value| f64::from(value) / 4.0);
                let doc = doc.map(|doc| format!("doc {doc}"));
                value.iter().for_each(|value| drop(properties.insert("value".to_owned(), json!(value))));
                doc.iter().for_each(|doc| drop(properties.insert("doc".to_owned(), json!(doc))));
                let (call, what, name) = match name {
                    3 => (Call::Page, What::Page, "Home".to_owned()),
                    n => (Call::Track, What::Track(*n), format!("event {n}")),
                };
                self.history.events.push(Happened {
                    at: now - late,
                    user: id.clone(),
                    account: account.clone(),
                    what,
                    value,
                    doc,
                });
                self.accounts.extend(account.clone());
                self.users.insert(id.clone());
                let (user_id, anonymous_id) =
                    if *anonymous { (None, Some(id.as_str().into())) } else { (Some(id.as_str().into()), None) };
                Event {
                    call,
                    user_id,
                    anonymous_id,
                    context_group_id: account.map(Into::into),
                    name: Some(name.into()),
                    properties,
                    timestamp: Millis(now - late),
                    ..blank
                }
            }
            Step::Tell { of, user, role, ends, began, late } => {
                let (user, at) = (format!("u{user}"), now - late);
                let account = account_of(&user).expect("users are numbered");
                let id = if *of == SubjectKind::User { &user } else { &account };
                let mut traits = serde_json::Map::new();
                let moment = |hours: &i64| at + hours * 60 * 60 * 1_000;
                let role = role.map(|role| ["a", "b"][usize::from(role)]);
                let told = [
                    ("role", role.map(|role| V::Text(role.to_owned()))),
                    ("ends", ends.as_ref().map(|hours| V::At(moment(hours)))),
                    ("began", began.as_ref().map(|hours| V::At(moment(hours)))),
                ];
                for (name, value) in told {
                    let Some(value) = value else { continue };
                    let json = match &value {
                        V::At(at) => json!(Millis(*at).rfc3339()),
                        V::Text(text) => json!(text),
                        _ => Value::Null,
                    };
                    traits.insert(name.to_owned(), json);
                    self.history.said.push((*of, id.clone(), name, at, value));
                }
                self.users.insert(user.clone());
                self.accounts.insert(account.clone());
                self.history.members.entry(account.clone()).or_default().insert(user.clone());
                let call = if *of == SubjectKind::User { Call::Identify } else { Call::Group };
                let group_id = (*of == SubjectKind::Account).then(|| account.as_str().into());
                Event {
                    call,
                    user_id: Some(user.as_str().into()),
                    group_id,
                    context_group_id: Some(account.as_str().into()),
                    traits,
                    timestamp: Millis(at),
                    ..blank
                }
            }
            Step::Identify { anonymous, user } => {
                let (anonymous, user) = (format!("a{anonymous}"), format!("u{user}"));
                self.history.same.entry(anonymous.clone()).or_insert_with(|| user.clone());
                self.users.extend([anonymous.clone(), user.clone()]);
                Event {
                    call: Call::Identify,
                    user_id: Some(user.into()),
                    anonymous_id: Some(anonymous.into()),
                    ..blank
                }
            }
            Step::Wait { .. } | Step::Edge { .. } => return None,
        };
        Some(event)
    }

    /// Everybody is looked at.
    pub fn look(&mut self, now: i64) {
        for user in self.users.clone() {
            let account = account_of(&user);
            let who = (SubjectKind::User, user.as_str(), account.as_deref());
            self.books.look(&self.product, &self.history, who, now, Cause::default());
        }
        for account in self.accounts.clone() {
            let who = (SubjectKind::Account, account.as_str(), None);
            self.books.look(&self.product, &self.history, who, now, Cause::default());
        }
    }

    /// Whoever an event is about is looked at.
    pub fn look_at(&mut self, event: &Event, now: i64) {
        let late = Some(now - event.timestamp.0);
        let counted = (0..self.product.counters.len()).filter(|at| self.sees(*at, event)).map(|at| 1 << at).sum();
        let cause = Cause { late, counted };
        let user = event.user_id.as_deref().unwrap_or_default();
        let account = account_of(user);
        let who = (SubjectKind::User, user, account.as_deref());
        self.books.look(&self.product, &self.history, who, now, cause);
        if let Some(account) = &account {
            let who = (SubjectKind::Account, account.as_str(), None);
            self.books.look(&self.product, &self.history, who, now, cause);
        }
    }

    /// Whether a counter counts an event; what it is summed up from does not matter.
    fn sees(&self, at: usize, event: &Event) -> bool {
        let counter = &self.product.counters[at];
        let above = counter.above.is_none_or(|least| {
            event.properties.get("value").and_then(Value::as_f64).is_some_and(|value| value > least as f64)
        });
        let track = |n: &u8| event.call == Call::Track && event.name.as_deref() == Some(format!("event {n}").as_str());
        let named = match &counter.tally {
            Tally::Steps(steps, _) => steps.iter().any(track),
            _ => counter.seen.iter().any(|seen| match seen {
                Seen::Any => matches!(event.call, Call::Track | Call::Page),
                Seen::Pages => event.call == Call::Page,
                Seen::Track(n) => track(n),
            }),
        };
        named && above
    }

    /// Moments after now at which something may change by itself; those that are missing here are only tried less often.
    pub fn edges(&self, now: i64) -> Vec<i64> {
        const MINUTE: i64 = 60_000;
        let mut edges = BTreeSet::new();
        for event in &self.history.events {
            for (minutes, width) in [(15, 1), (90, 1), (300, 10), (300, 1), (1_440, 10), (4_000, 60), (0, 60)] {
                let width = width * MINUTE;
                edges.insert((event.at.div_euclid(width) + 1) * width + minutes * MINUTE - 1);
            }
            edges.extend([90, 1_440, 2 * 1_440].map(|minutes| event.at + minutes * MINUTE + 1));
        }
        for (.., said) in &self.history.said {
            if let V::At(at) = said {
                edges.extend([0, 90 * MINUTE, 3 * DAY, 1, -3 * DAY + 1, -90 * MINUTE + 1].map(|more| at + more));
            }
        }
        let moments = self.books.news.values().flatten().map(|(.., at)| at);
        let since = self.books.noted.values().filter_map(|noted| noted.since.as_ref());
        for at in moments.chain(since) {
            edges.extend([60 * MINUTE, 90 * MINUTE, DAY, 2 * DAY, 7 * DAY].map(|more| at + more));
        }
        // The days of the zone begin on a quarter of an hour.
        let quarters = (1..=300).map(|n| (now.div_euclid(15 * MINUTE) + n) * 15 * MINUTE);
        edges.extend(quarters.filter(|at| self.history.date(*at) != self.history.date(at - 1)));
        edges.into_iter().filter(|at| *at > now + 1 && *at < now + 10 * DAY).collect()
    }

    /// Whoever is known: by which id they are asked for, and whose they are.
    fn everybody(&self) -> impl Iterator<Item = (SubjectKind, &str)> {
        let users = self.users.iter().map(|id| (SubjectKind::User, id.as_str()));
        users.chain(self.accounts.iter().map(|id| (SubjectKind::Account, id.as_str())))
    }

    /// Compares what is said of everybody.
    pub async fn compare(&self, focus: Focus, plane: &impl Plane) -> Result<(), String> {
        let (now, open) = (plane.now(), open(&plane.news().await));
        for (of, asked) in self.everybody() {
            let id = self.history.root(asked);
            let explained = plane.said(of, asked).await.ok_or_else(|| format!("nothing is known of {of} {asked}"))?;
            let account = account_of(id).filter(|_| focus != Focus::Readings);
            let seen = look(&self.product, &self.history, &self.books.noted, (of, id, account.as_deref()), now);
            for (at, signal) in self.product.signals.iter().enumerate().filter(|(_, signal)| signal.of == of) {
                let (expected, found) = (seen.signal(at), &explained.signals[&signal.name]);
                if !is_same(&expected, found) {
                    let what = match &signal.says {
                        Says::Figure(read) => format!("{:?} of {}", read.how, self.product.counters[read.counter]),
                        says => format!("{says:?}"),
                    };
                    let name = &signal.name;
                    return Err(format!("{of} {asked} {name} ({what}): reference {expected:?}, product {found}"));
                }
            }
            if focus != Focus::Readings {
                self.compare_definitions((of, id), &explained, &seen, &open)?;
            }
        }
        if focus == Focus::Others { self.compare_standing(now, &open) } else { Ok(()) }
    }

    /// Whether everybody of whom something is true has a lead that is not lapsed, and nobody else has.
    fn compare_standing(&self, now: i64, open: &Open) -> Result<(), String> {
        for (of, id) in self.everybody() {
            let account = account_of(id);
            let seen = look(&self.product, &self.history, &self.books.noted, (of, id, account.as_deref()), now);
            for definition in self.product.definitions.iter().filter(|definition| definition.of == of) {
                let (holds, _) = level(definition, &seen);
                let is_open = open.contains(&(definition.name.clone(), id.to_owned()));
                if holds.is_some_and(|holds| holds != is_open) {
                    return Err(format!("{of} {id} {}: true {holds:?}, a lead {is_open}", definition.name));
                }
            }
        }
        Ok(())
    }

    /// Whoever qualifies has a lead, unless it is said what holds it back, and whoever doesn't has none.
    fn compare_definitions(
        &self,
        (of, id): (SubjectKind, &str),
        explained: &SubjectExplanation,
        seen: &truth::Look<'_>,
        open: &Open,
    ) -> Result<(), String> {
        for definition in self.product.definitions.iter().filter(|definition| definition.of == of) {
            let name = &definition.name;
            let said = explained.definitions.iter().find(|said| said.name == *name);
            let said = said.ok_or_else(|| format!("{name} is not explained"))?;
            let (holds, _) = level(definition, seen);
            let never = definition.never.as_ref().and_then(|never| seen.test(never)) == Some(true);
            if !never && said.qualifies != holds {
                return Err(format!("{of} {id} {name}: reference {holds:?}, product {:?}", said.qualifies));
            }
            let is_open = open.contains(&(name.clone(), id.to_owned()));
            let should_be = said.qualifies.map(|qualifies| qualifies && said.held_back.is_none());
            // Of leads of several events at one moment nobody can tell which is the newest.
            let is_told_apart = definition.each.is_none();
            if should_be.is_some_and(|should_be| should_be != is_open) && is_told_apart {
                let held = &said.held_back;
                return Err(format!("{of} {id} {name}: {:?}, held back by {held:?}, a lead {is_open}", said.qualifies));
            }
        }
        Ok(())
    }

    /// Compares the news of every lead, in order, with its time and its tier.
    pub fn compare_news(&self, news: &[LeadEvent]) -> Result<(), String> {
        let mut found: BTreeMap<(String, String), Vec<News>> = BTreeMap::new();
        let mut news: Vec<&LeadEvent> = news.iter().collect();
        // Of several leads one after the other; each is told of in order.
        news.sort_by_key(|event| (event.lead.timestamps.qualified.clone(), event.lead.revision));
        for event in news {
            let kind = match event.kind {
                LeadEventType::Qualified => "qualified",
                LeadEventType::TierChanged => "tier_changed",
                LeadEventType::Lapsed => "lapsed",
                kind => return Err(format!("nobody made that of a lead: {kind:?}")),
            };
            let at = Millis::parse(&event.occurred_at).ok_or("no time")?;
            let of = (event.lead.definition.clone(), event.lead.subject.id.clone());
            found.entry(of).or_default().push((kind, event.lead.tier, at.0));
        }
        if found == self.books.news {
            return Ok(());
        }
        let keys: BTreeSet<_> = found.keys().chain(self.books.news.keys()).collect();
        let other = keys.into_iter().find(|key| found.get(*key) != self.books.news.get(*key)).expect("they differ");
        Err(format!("news of {other:?}:\nreference {:?}\nproduct   {:?}", self.books.news.get(other), found.get(other)))
    }
}

fn is_same(expected: &V, found: &Value) -> bool {
    match expected {
        V::Unknown => found.is_null(),
        V::Number(number) => found.as_f64().is_some_and(|found| (found - number).abs() < 1e-9 * number.abs().max(1.0)),
        V::Text(text) => found.as_str() == Some(text),
        V::At(at) => found.as_str().and_then(Millis::parse) == Some(Millis(*at)),
        V::Bool(flag) => found.as_bool() == Some(*flag),
    }
}

/// Who has a lead that is not lapsed: the definition and the subject.
type Open = BTreeSet<(String, String)>;

/// Of several leads of a subject the newest counts; of those of the same moment, whichever is open.
fn open(news: &[LeadEvent]) -> Open {
    let mut last: BTreeMap<&str, &LeadEvent> = BTreeMap::new();
    for event in news {
        let known = last.entry(&event.lead.id).or_insert(event);
        if known.lead.revision < event.lead.revision {
            *known = event;
        }
    }
    let mut newest: BTreeMap<(&str, &str), (&str, bool)> = BTreeMap::new();
    for event in last.into_values() {
        let state = (&*event.lead.timestamps.qualified, event.kind != LeadEventType::Lapsed);
        let known = newest.entry((&event.lead.definition, &event.lead.subject.id)).or_insert(state);
        *known = state.max(*known);
    }
    let open = newest.into_iter().filter(|(_, (_, is_open))| *is_open);
    open.map(|((definition, id), _)| (definition.to_owned(), id.to_owned())).collect()
}

/// Something that runs the product: its bare records, or servers.
pub trait Plane {
    fn now(&self) -> i64;
    /// Takes events in, in this order.
    async fn take(&mut self, events: Vec<Event>);
    /// Until all that follows has followed.
    async fn settle(&mut self);
    /// The clock goes on to a moment, and what is due by then is done.
    async fn turn(&mut self, to: i64);
    async fn said(&self, of: SubjectKind, id: &str) -> Option<SubjectExplanation>;
    /// All that destinations were sent; of each lead in order.
    async fn news(&self) -> Vec<LeadEvent>;
}

/// Plays a story step by step, all that follows from each before the next one; what is wrong comes back as text.
pub async fn play(focus: Focus, product: &Product, steps: &[Step], plane: &mut impl Plane) -> Result<(), String> {
    let mut reference = Reference::new(product.clone());
    for step in steps {
        let now = plane.now();
        if let Some(event) = reference.event(step, now) {
            plane.take(vec![event.clone()]).await;
            plane.settle().await;
            if focus == Focus::Leads {
                reference.look_at(&event, now);
            }
        } else {
            let to = match step {
                Step::Wait { ms } => now + ms,
                Step::Edge { nth } => {
                    let edges = reference.edges(now);
                    let Some(edge) = edges.get(nth % edges.len().max(1)) else { continue };
                    pass(plane, &mut reference, edge - 1).await;
                    reference.compare(focus, plane).await?;
                    *edge
                }
                _ => now,
            };
            pass(plane, &mut reference, to).await;
        }
        if focus == Focus::Others {
            // People hear of a change of their account a second later.
            let to = plane.now() + 1_000;
            pass(plane, &mut reference, to).await;
        }
        if focus != Focus::Readings || !matches!(step, Step::Use { .. }) {
            reference.compare(focus, plane).await?;
        }
        if focus == Focus::Leads {
            reference.compare_news(&plane.news().await)?;
        }
    }
    reference.compare(focus, plane).await
}

async fn pass(plane: &mut impl Plane, reference: &mut Reference, to: i64) {
    plane.turn(to).await;
    reference.look(to);
}

/// Lets the same events arrive in an order of the seed's, some together and some on the heels of others. In the end everything counts
/// and stands as it would in any other order.
pub async fn shuffle(
    focus: Focus,
    (seed, order): (u64, u64),
    product: &Product,
    steps: &[Step],
    plane: &mut impl Plane,
) -> Result<(), String> {
    let mut reference = Reference::new(product.clone());
    let (mut now, mut events) = (plane.now(), Vec::new());
    for step in steps {
        match step {
            Step::Wait { ms } => now += ms,
            // Whose an id is the first call says, whichever that is.
            Step::Identify { anonymous, .. } => {
                events.extend(reference.event(&Step::Identify { anonymous: *anonymous, user: *anonymous }, now));
            }
            step => events.extend(reference.event(step, now)),
        }
    }
    let mut dice = Dice::new(seed ^ order << 32);
    dice.shuffle(&mut events);
    plane.turn(now).await;
    for event in &mut events {
        event.received_at = Millis(now);
    }
    while !events.is_empty() {
        let many = usize::try_from(1 + dice.below(8)).expect("it is small").min(events.len());
        plane.take(events.drain(..many).collect()).await;
        if dice.below(3) == 0 {
            plane.settle().await;
        }
    }
    plane.settle().await;
    // People hear of a change of their account a second later, and of what followed from that another one.
    for _ in 0..3 {
        let to = plane.now() + 1_000;
        plane.turn(to).await;
    }
    reference.compare(focus, plane).await?;
    // And so it is when time has passed.
    for _ in 0..2 {
        let to = plane.now() + DAY + dice.below(DAY);
        plane.turn(to).await;
        let to = plane.now() + 1_000;
        plane.turn(to).await;
        reference.compare(focus, plane).await?;
    }
    Ok(())
}
