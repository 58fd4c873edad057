//! The news of one lead on its way to one destination, in order, and what a destination took lately.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::AgendaList;
use super::pause::Pause;
use super::seen::Seen;
use super::tried::{MAX_TRIED, Tried};
use crate::ids::RecordKey;
use crate::time::Millis;

/// What a destination calls the things that belong to a lead, by the names that its adapter gave them: kept for as long as the lead is.
pub type Remembered = BTreeMap<Box<str>, Box<str>>;

/// How much news of one lead waits for one destination, and how much of it is kept that was given up. Each says all of the lead, so that
/// of more the oldest leaves, behind the first: that one may be under way, and says that there is a lead.
pub const MAX_NEWS: usize = 64;

/// One event of a lead's life that a destination is to receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The event's id: the idempotency key of every attempt.
    pub id: Arc<str>,
    /// When it was handed over for delivery.
    pub created: Millis,
    /// How often it was tried and failed.
    pub attempts: u32,
    /// Why it failed last. Written even when there is nothing: in the log fields are told apart by their places.
    pub last_error: Option<Box<str>>,
    /// The lead event as JSON.
    pub json: Arc<str>,
    /// Of the lead: later news has a greater one.
    pub revision: u32,
    /// Whether it was given up before, after it was tried: the destination may have it, or a part of it.
    pub was_tried: bool,
}

/// How a lead stands by the newest news that a destination took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// Of the lead.
    pub revision: u32,
    /// The lead event as JSON.
    pub json: Arc<str>,
}

/// All news of one lead on its way to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The subject of the lead.
    pub subject: Option<RecordKey>,
    /// Not delivered yet, in order. Only the first is ever under way.
    pub pending: VecDeque<News>,
    /// When the first may be tried.
    pub due: Millis,
    /// Given up, in order.
    pub dead: Vec<News>,
    /// When the last one was given up.
    pub died: Millis,
    /// What the destination calls the things that belong to the lead.
    pub remembered: Remembered,
    /// The newest news that it took, as long as older news waits or was given up: that one says no longer how the lead stands.
    pub newest: Option<Box<Newest>>,
    /// When it took news last, where it calls something its own: what was asked for before may be older than that.
    pub took: Option<Millis>,
    /// What people had made of the lead there when it was last seen.
    pub seen: Option<Box<Seen>>,
    /// The last attempts at what waits or was given up, that failed; at most [`MAX_TRIED`].
    pub tried: VecDeque<Tried>,
}

impl Delivery {
    /// Whether nothing is left to be sent.
    pub fn is_over(&self) -> bool {
        self.pending.is_empty() && self.dead.is_empty()
    }

    pub(super) fn agenda(&self, destination: &str) -> Option<(AgendaList, Millis)> {
        if !self.pending.is_empty() {
            return Some((AgendaList::Deliver(Arc::from(destination)), self.due));
        }
        (!self.dead.is_empty()).then(|| (AgendaList::Dead(Arc::from(destination)), self.died))
    }

    pub(super) fn bytes(&self) -> usize {
        256 + self.pending.iter().chain(&self.dead).map(|news| 200 + news.json.len()).sum::<usize>()
            + self.remembered.iter().map(|(name, text)| 64 + name.len() + text.len()).sum::<usize>()
            + self.newest.as_ref().map_or(0, |newest| 64 + newest.json.len())
            + self.seen.as_ref().map_or(0, |_| 192)
            + self.tried.iter().map(Tried::bytes).sum::<usize>()
    }

    /// Adds news that waits.
    pub fn wait(&mut self, news: News) {
        self.pending.push_back(news);
        while self.pending.len() > MAX_NEWS {
            self.pending.remove(1);
        }
    }

    /// Has news wait again that was given up, in the order in which it happened. The first of what waits may be under way, and stays the
    /// first.
    pub fn wait_again(&mut self) {
        let first = usize::from(!self.pending.is_empty());
        for news in std::mem::take(&mut self.dead) {
            let later = self.pending.iter().skip(first).position(|waits| waits.revision > news.revision);
            let place = later.map_or(self.pending.len(), |later| first + later);
            self.pending.insert(place, News { attempts: 0, was_tried: true, ..news });
        }
        while self.pending.len() > MAX_NEWS {
            self.pending.remove(1);
        }
    }

    /// Notes that it took news: how the lead stands there is what the newest says.
    pub fn note_taken(&mut self, news: &News) {
        let known = self.newest.as_ref().map_or(0, |newest| newest.revision);
        let revision = known.max(news.revision);
        if !self.pending.iter().chain(&self.dead).any(|other| other.revision < revision) {
            self.newest = None;
        } else if news.revision >= known {
            self.newest = Some(Box::new(Newest { revision, json: Arc::clone(&news.json) }));
        }
    }

    /// How the lead stands there, where that is newer than `news`.
    pub fn newer_than(&self, news: &News) -> Option<Arc<str>> {
        self.newest.as_ref().filter(|newest| newest.revision > news.revision).map(|newest| Arc::clone(&newest.json))
    }

    /// Keeps news that was given up.
    pub fn give_up(&mut self, news: News) {
        self.dead.push(news);
        while self.dead.len() > MAX_NEWS {
            self.dead.remove(1);
        }
    }

    /// Keeps an attempt that failed.
    pub fn tried(&mut self, tried: Tried) {
        while self.tried.len() >= MAX_TRIED {
            self.tried.pop_front();
        }
        self.tried.push_back(tried);
    }
}

/// News that a destination took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The event's id.
    pub id: Arc<str>,
    /// The lead.
    pub lead: Box<str>,
    /// The lead's subject.
    pub subject: Box<str>,
    /// The definition that the lead qualified for.
    pub definition: Box<str>,
    /// `lead.qualified`, …
    pub kind: Box<str>,
    /// When it was handed over for delivery.
    pub created: Millis,
    /// When the destination took it.
    pub at: Millis,
    /// How often it failed before.
    pub attempts: u32,
}

/// How far it is known what people made of the leads in a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What changed before is known.
    pub until: Millis,
    /// When it is asked next.
    pub next: Millis,
    /// When it last said something.
    pub answered: Option<Millis>,
    /// Why it could not be asked the last time.
    pub error: Option<Box<str>>,
}

/// What a destination took lately, and what it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationHistory {
    /// How much it took in all.
    pub delivered: u64,
    /// The last of it, at most [`MAX_DONE`], the newest last.
    pub done: VecDeque<Done>,
    /// How far it is known what people made of the leads there, where that is asked for.
    pub asked: Option<Asked>,
    /// Why nothing is sent to it for now, and nothing asked.
    pub pause: Option<Pause>,
}

/// How much delivered news of a destination is remembered.
pub const MAX_DONE: usize = 100;

impl DestinationHistory {
    pub(super) fn agenda(&self) -> Option<(AgendaList, Millis)> {
        match &self.pause {
            Some(pause) => Some((AgendaList::Paused, pause.since)),
            None => self.asked.as_ref().map(|asked| (AgendaList::ReadBack, asked.next)),
        }
    }

    /// Notes that the destination took something.
    pub fn took(&mut self, done: Done) {
        self.delivered += 1;
        while self.done.len() >= MAX_DONE {
            self.done.pop_front();
        }
        self.done.push_back(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(number: usize) -> News {
        let id = format!("n{number}").into();
        News { id, created: Millis(0), attempts: 0, last_error: None, json: "{}".into(), revision: 1, was_tried: false }
    }

    #[test]
    fn of_more_news_than_are_kept_the_first_and_the_newest_stay() {
        let mut delivery = Delivery::default();
        for number in 0..1_000 {
            delivery.wait(news(number));
            delivery.give_up(news(number));
        }
        let of = |news: Vec<&News>| (news.len(), news[0].id.to_string(), news[news.len() - 1].id.to_string());
        let expected = (MAX_NEWS, "n0".to_owned(), "n999".to_owned());
        assert_eq!(of(delivery.pending.iter().collect()), expected);
        assert_eq!(of(delivery.dead.iter().collect()), expected);
    }
}
