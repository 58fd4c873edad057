//! Who is a lead, by the rules of the documents: an edge makes a lead, a cooldown holds the next one back until it is over, what stops
//! being true lapses, and who qualified by an old event is noted in silence.

use std::collections::BTreeMap;

use handraiser::ids::SubjectKind;

use super::history::History;
use super::terms::{Definition, Product};
use super::truth::{AllNoted, Look};

/// Where a subject stands on a definition.
#[derive(Clone, Copy, Debug)]
struct Standing {
    tier: u8,
    qualified: i64,
    tier_moved: i64,
    is_open: bool,
    /// Nobody was told.
    is_quiet: bool,
}

/// One piece of news: what, the tier, and when.
pub type News = (&'static str, u8, i64);

/// What is at hand when somebody is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cause {
    /// How long the event took to arrive; `None`: time alone.
    pub late: Option<i64>,
    /// Which counters see the event.
    pub counted: u64,
}

#[derive(Default)]
pub struct Books {
    pub noted: AllNoted,
    standings: BTreeMap<(String, String), Standing>,
    /// By definition and subject.
    pub news: BTreeMap<(String, String), Vec<News>>,
}

impl Books {
    /// Looks at a subject: notes what is true, and decides.
    pub fn look(
        &mut self,
        product: &Product,
        history: &History,
        who: (SubjectKind, &str, Option<&str>),
        now: i64,
        cause: Cause,
    ) {
        let (of, id, account) = who;
        // Of signals that ask since when others are true, those others come first.
        for at in 0..product.signals.len() {
            if product.signals[at].of == of
                && let super::history::V::Bool(met) = look(product, history, &self.noted, who, now).signal(at)
            {
                let noted = self.noted.entry((at, id.to_owned())).or_default();
                match (met, noted.since) {
                    (true, None) => (noted.since, noted.times) = (Some(now), noted.times + 1),
                    (false, Some(_)) => noted.since = None,
                    _ => {}
                }
            }
        }
        for definition in product.definitions.iter().filter(|definition| definition.of == of) {
            let seen = look(product, history, &self.noted, (of, id, account), now);
            let level = level(definition, &seen);
            self.decide(definition, id, level, now, cause);
        }
    }

    fn decide(&mut self, definition: &Definition, id: &str, level: (Option<bool>, Option<u8>), now: i64, cause: Cause) {
        let key = (definition.name.clone(), id.to_owned());
        let is_old = cause.late.is_some_and(|late| late > definition.fresh.ms());
        let is_edge = definition.each.is_some_and(|each| cause.counted >> each & 1 == 1) && !is_old;
        let before = self.standings.get(&key).copied();
        let (mut what, mut after) = (None, before);
        match level {
            (Some(true), Some(tier)) => {
                let cooled = before.is_none_or(|one| one.is_quiet || one.qualified + definition.cooldown.ms() <= now);
                let closed = before.is_none_or(|one| !one.is_open);
                let qualifies = cooled && if definition.each.is_some() { is_edge } else { closed };
                if qualifies {
                    after = Some(Standing { tier, qualified: now, tier_moved: now, is_open: true, is_quiet: is_old });
                    what = Some("qualified");
                } else if let Some(one) = before.filter(|one| one.is_open && one.tier != tier)
                    && one.tier_moved + definition.settle.ms() <= now
                {
                    after = Some(Standing { tier, tier_moved: now, ..one });
                    what = Some("tier_changed");
                }
            }
            (Some(false), _) => {
                if let Some(one) = before.filter(|one| one.is_open) {
                    after = Some(Standing { is_open: false, ..one });
                    what = Some("lapsed");
                }
            }
            _ => {}
        }
        if let Some(after) = after {
            if let (Some(what), false) = (what, after.is_quiet) {
                self.news.entry(key.clone()).or_default().push((what, after.tier, now));
            }
            self.standings.insert(key, after);
        }
    }
}

pub fn look<'a>(
    product: &'a Product,
    history: &'a History,
    noted: &'a AllNoted,
    (of, id, account): (SubjectKind, &'a str, Option<&'a str>),
    now: i64,
) -> Look<'a> {
    let (user, account) = match of {
        SubjectKind::User => (Some(id), account),
        SubjectKind::Account => (None, Some(id)),
    };
    Look { product, history, noted, user, account, now }
}

/// Whether a definition holds, and the tier.
pub fn level(definition: &Definition, look: &Look<'_>) -> (Option<bool>, Option<u8>) {
    let (intent, fit) = (look.all(&definition.intent), look.all(&definition.fit));
    let when = match (definition.either, intent, fit) {
        (true, Some(true), _) | (true, _, Some(true)) | (false, Some(true), Some(true)) => Some(true),
        (true, Some(false), Some(false)) | (false, Some(false), _) | (false, _, Some(false)) => Some(false),
        _ => None,
    };
    let never = definition.never.as_ref().and_then(|never| look.test(never));
    // The first tier that is true counts; one that is unknown is passed over.
    let tier = match &definition.best {
        Some(best) if look.test(best) != Some(true) => 2,
        _ => 1,
    };
    if never == Some(true) { (Some(false), Some(tier)) } else { (when, Some(tier)) }
}
