//! What one record tells another of its figures: the part that conditions over there read, as small as it can be told.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bucket::Width;
use super::buckets::{Buckets, add};
use super::ledger::{Ledger, Own};
use super::plan::{Holds, Plan};
use super::read::Figure;
use super::series::Series;
use super::text;
use crate::ids::SubjectKind;
use crate::time::Millis;

impl Ledger {
    /// The part of a ledger of this kind that is read elsewhere. Whatever is read there reads as it would here, and changes by
    /// itself at the same moments.
    #[must_use]
    pub fn part(&self, plan: &Plan, of: SubjectKind, now: Millis) -> Self {
        let tells = match of {
            SubjectKind::User => &plan.user_tells,
            SubjectKind::Account => &plan.account_tells,
        };
        let mut part = Self::default();
        for (key, days, older) in &tells.daily {
            if let Some(daily) = self.daily.get(&**key) {
                let mut daily = daily.clone();
                daily.cut(plan.days.of(now).saturating_sub(days - 1), *older, add);
                part.daily.insert(CompactString::from(&**key), daily);
            }
        }
        for (key, own) in tells.own.iter().filter_map(|key| self.own.get(key).map(|own| (key, own))) {
            part.own.insert(key.clone(), Own { series: told(&own.series), ..*own });
        }
        for (id, extreme) in &tells.moments {
            let Some((_, planned)) = plan.counter(*id) else { continue };
            let kept = planned.kept.iter().find(|kept| kept.holds == Holds::Moment(*extreme));
            if let (Some(kept), Figure::Moment(at)) = (kept, self.moment(plan, planned, *extreme)) {
                let series = Series::Moment(*extreme, at);
                part.own.insert(kept.key.clone(), Own { fingerprint: planned.fingerprint, width: Width::Day, series });
            }
        }
        part
    }
}

/// Of different values only their numbers are told.
fn told(series: &Series) -> Series {
    match series {
        Series::Distinct(set) => {
            let mut seen = Buckets::default();
            set.seen().into_iter().for_each(|(bucket, n)| seen.put(bucket, n, |there, new| *there = new));
            Series::Seen(seen)
        }
        series => series.clone(),
    }
}

/// In the log a ledger is what it is in stores: names with a text each.
#[derive(Serialize, Deserialize)]
struct Texts {
    daily: BTreeMap<CompactString, String>,
    own: BTreeMap<CompactString, String>,
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |write: &dyn Fn(&mut String)| {
            let mut text = String::new();
            write(&mut text);
            text
        };
        let daily = self.daily.iter().map(|(key, daily)| (key.clone(), text(&|out| text::write_daily(daily, out))));
        let own = self.own.iter().map(|(key, own)| (key.clone(), text(&|out| text::write_own(own, out))));
        Texts { daily: daily.collect(), own: own.collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Texts::deserialize(deserializer)?;
        let mut ledger = Self::default();
        for (key, text) in texts.daily {
            let daily = text::read_daily(&text).ok_or_else(|| D::Error::custom("no counts per day"))?;
            ledger.daily.insert(key, daily);
        }
        for (key, text) in texts.own {
            let own = text::read_own(&text).ok_or_else(|| D::Error::custom("no series of a counter"))?;
            ledger.own.insert(key, own);
        }
        Ok(ledger)
    }
}
