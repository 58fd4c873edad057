//! About how many different ids a client has named within an hour of the clock: a visitor names one or two, whoever makes people up
//! names many.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::client_address::ClientAddress;
use crate::event::SourceName;
use crate::time::Millis;

/// So many are few: those of a household.
const FEW: u32 = 8;
/// How many clients are told apart.
const MAX_CLIENTS: usize = 50_000;

/// One bit for each id, by its hash: few ids seldom share one, and of many nobody wants to know how many.
type Bits = [u64; 4];

/// What clients named in the hour at hand.
#[derive(Debug, Default)]
pub(super) struct Named {
    hour: i64,
    clients: HashMap<(SourceName, ClientAddress), Bits, ahash::RandomState>,
}

impl Named {
    /// Notes the ids that a client of a source names; returns whether they are still few. Fails closed: of more clients than can be told apart
    /// nothing is known.
    pub fn are_few<'i>(
        &mut self,
        source: &SourceName,
        client: ClientAddress,
        ids: impl Iterator<Item = &'i str>,
        now: Millis,
    ) -> bool {
        let hour = now.0.div_euclid(Millis::HOUR);
        if hour != self.hour {
            (self.hour, self.clients) = (hour, HashMap::default());
        }
        let key = (source.clone(), client);
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&key) {
            return false;
        }
        let bits = self.clients.entry(key).or_default();
        for id in ids {
            let hash = xxh3_64(id.as_bytes());
            if let Some(word) = bits.get_mut(usize::from(hash.to_be_bytes()[0] & 3)) {
                *word |= 1 << (hash & 63);
            }
        }
        is_few(bits)
    }

    /// Whether those that a client of a source has named so far are few.
    pub fn were_few(&self, source: &SourceName, client: ClientAddress, now: Millis) -> bool {
        if now.0.div_euclid(Millis::HOUR) != self.hour {
            return true;
        }
        let known = self.clients.get(&(source.clone(), client));
        known.map_or(self.clients.len() < MAX_CLIENTS, is_few)
    }
}

fn is_few(bits: &Bits) -> bool {
    bits.iter().map(|word| word.count_ones()).sum::<u32>() <= FEW
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_visitor_names_few_and_whoever_makes_people_up_many() {
        let (mut named, source) = (Named::default(), SourceName::new("web"));
        let client = |n: u32| ClientAddress::from(IpAddr::from(Ipv4Addr::from(n)));
        let now = Millis(1_795_293_412_000);
        for _ in 0..100 {
            assert!(named.are_few(&source, client(1), ["anon-1", "ana"].into_iter(), now));
        }
        assert!(named.were_few(&source, client(1), now) && named.were_few(&source, client(2), now));
        let made_up: Vec<String> = (0..40).map(|n| format!("fake-{n}")).collect();
        assert!(!named.are_few(&source, client(2), made_up.iter().map(String::as_str), now));
        assert!(!named.are_few(&source, client(2), ["ana"].into_iter(), now), "for the rest of the hour");
        assert!(!named.were_few(&source, client(2), now) && named.were_few(&source, client(2), now.plus(Millis::HOUR)));
        assert!(named.are_few(&source, client(2), ["ana"].into_iter(), now.plus(Millis::HOUR)));
        for n in 0..60_000 {
            named.are_few(&source, client(n), ["x"].into_iter(), now);
        }
        assert_eq!(named.clients.len(), MAX_CLIENTS);
        assert!(!named.are_few(&source, client(70_000), ["x"].into_iter(), now), "nothing is known of it");
    }
}
