//! What a cell asks for.

mod sample;

use std::collections::BTreeMap;
use std::fmt;

use super::Kind;
use super::fact::{Fact, domain_of, postal_of};
use crate::expr::band::Band;
use crate::expr::country::Country;
use crate::expr::country::region::{region, region_names};
use crate::expr::country::subdivision::{Subdivision, Unclear};
use crate::expr::{closest, fold};

/// Regions that a configuration declares, by folded name.
pub type Regions = BTreeMap<String, Vec<Country>>;

/// What a cell asks for: any of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    asks: Asks,
    /// As it is written.
    shown: Box<str>,
    /// See [`Self::weight`].
    weight: u32,
}

/// Of a cell that asks for many things, so many are shown.
const MOST_SHOWN: usize = 4;
/// No region has more countries.
const MOST_COUNTRIES: usize = 300;

#[derive(Clone, Debug, PartialEq)]
enum Asks {
    Nothing,
    Countries(Vec<Country>),
    States(Vec<Subdivision>),
    Postal(Vec<PostalRange>),
    Numbers(Vec<Band>),
    Texts(Vec<Box<str>>),
    Domains(Vec<Box<str>>),
}

/// Postal codes that begin with something from here to there; both are of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PostalRange {
    from: Box<str>,
    to: Box<str>,
}

/// Why a cell can't be read: the message completes "`text` is …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What it is, or is not.
    pub message: String,
    /// How to fix it.
    pub help: String,
}

fn wrong(message: &str, help: impl Into<String>) -> Wrong {
    Wrong { message: message.to_owned(), help: help.into() }
}

impl Cell {
    /// A cell that asks nothing.
    pub fn any() -> Self {
        Self { asks: Asks::Nothing, shown: Box::default(), weight: 0 }
    }

    /// Reads a cell; several things that it asks for are parted by `;`, `|` or commas. `country` is what the same row's cell says, for
    /// states that several countries have.
    ///
    /// # Errors
    /// When something in it is not what its column holds.
    pub fn read(kind: Kind, text: &str, regions: &Regions, country: Option<&Self>) -> Result<Self, Wrong> {
        let text = text.trim();
        if text.is_empty() || text == "*" || text.eq_ignore_ascii_case("any") {
            return Ok(Self::any());
        }
        let commas = kind != Kind::Number && !text.contains([';', '|']);
        let parts = || text.split(|c| matches!(c, ';' | '|') || (commas && c == ',')).map(str::trim);
        let parts = || parts().filter(|part| !part.is_empty());
        let asks = match kind {
            Kind::Country => Asks::Countries(sorted(parts().map(read_country).collect::<Result<_, _>>()?)),
            Kind::Region => {
                let all: Vec<Vec<Country>> =
                    parts().map(|part| read_region(part, regions)).collect::<Result<_, _>>()?;
                Asks::Countries(sorted(all.into_iter().flatten().collect()))
            }
            Kind::State => {
                let within = country.and_then(Self::only_country);
                Asks::States(sorted(parts().map(|part| read_state(part, within)).collect::<Result<_, _>>()?))
            }
            Kind::Postal => Asks::Postal(parts().map(read_postal).collect::<Result<_, _>>()?),
            Kind::Number => Asks::Numbers(parts().map(read_number).collect::<Result<_, _>>()?),
            Kind::Text => Asks::Texts(sorted(parts().map(|part| fold(part).into()).collect())),
            Kind::Domain => Asks::Domains(sorted(parts().map(read_domain).collect::<Result<_, _>>()?)),
        };
        Ok(Self { weight: weight(kind, &asks), asks, shown: text.into() })
    }

    /// Whether it asks nothing.
    pub const fn is_any(&self) -> bool {
        matches!(self.asks, Asks::Nothing)
    }

    fn only_country(&self) -> Option<Country> {
        match &self.asks {
            Asks::Countries(all) if all.len() == 1 => all.first().copied(),
            _ => None,
        }
    }

    /// The countries that a lead must be from to meet it, as far as it says.
    pub fn countries(&self) -> Option<Vec<Country>> {
        match &self.asks {
            Asks::Countries(all) => Some(all.clone()),
            Asks::States(all) => Some(sorted(all.iter().filter_map(|state| state.country()).collect())),
            _ => None,
        }
    }

    /// The domains that it names.
    pub fn domains(&self) -> Option<&[Box<str>]> {
        match &self.asks {
            Asks::Domains(all) => Some(all),
            _ => None,
        }
    }

    /// How the postal codes begin that meet it, in at most so many letters: one beginning for each of its ranges.
    pub fn postal_prefixes(&self, most: usize) -> Option<Vec<Box<str>>> {
        match &self.asks {
            Asks::Postal(all) => Some(sorted(all.iter().map(|range| range.prefix(most)).collect())),
            _ => None,
        }
    }

    /// How much it asks: 0 is nothing. Of two cells of one column, the greater one is more specific: a longer postal code, a subdomain, a
    /// region of fewer countries.
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Whether a lead meets it; unknown where that isn't known of the lead.
    pub fn holds(&self, fact: &Fact) -> Option<bool> {
        match (&self.asks, fact) {
            (Asks::Nothing, _) => Some(true),
            (_, Fact::Unknown(_)) => None,
            (Asks::Countries(all), Fact::Country(country)) => Some(all.binary_search(country).is_ok()),
            (Asks::States(all), Fact::State(state)) => Some(all.binary_search(state).is_ok()),
            (Asks::Postal(all), Fact::Postal(code)) => any(all.iter().map(|one| one.holds(code))),
            (Asks::Numbers(all), Fact::Number(number)) => any(all.iter().map(|one| number.is_within(*one))),
            (Asks::Texts(all), Fact::Texts(said)) => {
                Some(said.iter().any(|one| all.binary_search_by(|text| (**text).cmp(one)).is_ok()))
            }
            (Asks::Domains(all), Fact::Domain(domain)) => Some(all.iter().any(|one| is_of(domain, one))),
            // A column's cells and facts are of one kind.
            _ => Some(false),
        }
    }

    /// Whether one lead may meet both.
    pub fn meets(&self, other: &Self) -> bool {
        match (&self.asks, &other.asks) {
            (Asks::Countries(one), Asks::Countries(other)) => one.iter().any(|x| other.binary_search(x).is_ok()),
            (Asks::States(one), Asks::States(other)) => one.iter().any(|x| other.binary_search(x).is_ok()),
            (Asks::Texts(one), Asks::Texts(other)) => one.iter().any(|x| other.binary_search(x).is_ok()),
            (Asks::Postal(one), Asks::Postal(other)) => one.iter().any(|x| other.iter().any(|y| x.meets(y))),
            (Asks::Numbers(one), Asks::Numbers(other)) => one.iter().any(|x| {
                let apart = |y: &Band| x.is_less(*y) == Some(true) || y.is_less(*x) == Some(true);
                other.iter().any(|y| !apart(y))
            }),
            (Asks::Domains(one), Asks::Domains(other)) => {
                one.iter().any(|x| other.iter().any(|y| is_of(x, y) || is_of(y, x)))
            }
            _ => true,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any");
        }
        let mut all = self.shown.split([';', '|']);
        let first: Vec<&str> = all.by_ref().take(MOST_SHOWN).collect();
        f.write_str(&first.join(";"))?;
        match all.count() {
            0 => Ok(()),
            rest => write!(f, "; … {rest} more"),
        }
    }
}

fn weight(kind: Kind, asks: &Asks) -> u32 {
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    match asks {
        Asks::Nothing => 0,
        Asks::Postal(all) => {
            let of = |one: &PostalRange| 1 + 2 * length(&one.from) + u32::from(one.from == one.to);
            all.iter().map(of).min().unwrap_or(1)
        }
        Asks::Domains(all) => all.iter().map(|domain| 1 + length(&domain.replace(|c| c != '.', ""))).min().unwrap_or(1),
        Asks::Countries(all) if kind == Kind::Region => {
            u32::try_from(1 + MOST_COUNTRIES.saturating_sub(all.len())).unwrap_or(1)
        }
        _ => 1,
    }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

/// Kleene's or.
fn any(mut all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all.try_fold(Some(false), |known, one| match one {
        Some(true) => Err(Some(true)),
        Some(false) => Ok(known),
        None => Ok(None),
    })
    .unwrap_or_else(|found| found)
}

/// Whether a domain is another's, or below it.
fn is_of(domain: &str, other: &str) -> bool {
    domain.strip_suffix(other).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn read_country(part: &str) -> Result<Country, Wrong> {
    Country::read(part).ok_or_else(|| {
        if region(part).is_some() {
            return wrong("a region, not a country", "put it into the column `region`");
        }
        let near = closest(part, Country::names());
        let help =
            near.map_or_else(|| "write a country's name or its code".to_owned(), |it| format!("did you mean `{it}`?"));
        wrong("no country", help)
    })
}

fn read_region(part: &str, regions: &Regions) -> Result<Vec<Country>, Wrong> {
    let found = regions.get(&*fold(part)).cloned().or_else(|| region(part));
    found.or_else(|| Country::read(part).map(|country| vec![country])).ok_or_else(|| {
        let near = closest(part, regions.keys().map(String::as_str).chain(region_names().map(|name| -> &str { name })));
        let help = near.map_or_else(
            || "declare it: `regions: { name: [countries] }`".to_owned(),
            |it| format!("did you mean `{it}`?"),
        );
        wrong("no region", help)
    })
}

fn read_state(part: &str, country: Option<Country>) -> Result<Subdivision, Wrong> {
    Subdivision::read(part, country).map_err(|unclear| match unclear {
        Unclear::Several(all) => {
            let all: Vec<String> = all.iter().map(|one| format!("`{}`", one.code())).collect();
            let help = format!("write {}, or the country in its column", all.join(" or "));
            wrong("not the name of one state only", help)
        }
        Unclear::Unknown => {
            let of = country.map_or_else(String::new, |country| format!(" of {}", country.name()));
            wrong(
                &format!("no state{of}"),
                "write its name or its code, such as `California`, `US-CA`, or `CA` with the country",
            )
        }
    })
}

fn read_postal(part: &str) -> Result<PostalRange, Wrong> {
    let (from, to) = part.split_once("..").or_else(|| part.split_once(['-', '–'])).unwrap_or((part, part));
    let bare = |text: &str| postal_of(text.trim_end_matches(['*', 'x', 'X']));
    let range = PostalRange { from: bare(from).into(), to: bare(to).into() };
    if range.from.is_empty() || range.to.chars().any(|c| !c.is_alphanumeric()) {
        return Err(wrong("no postal code", "write a code, the beginning of one (`94`), or a range (`80000-86999`)"));
    }
    // `1010-120` of Japan, `12345-6789` of the United States.
    if range.from.len() != range.to.len() {
        let whole = postal_of(part);
        return Ok(PostalRange { from: whole.clone().into(), to: whole.into() });
    }
    if range.from > range.to {
        return Err(wrong("a range that ends before it begins", "write the lower code first"));
    }
    Ok(range)
}

fn read_number(part: &str) -> Result<Band, Wrong> {
    Band::read(part).ok_or_else(|| wrong("no number", "write `50-200`, `200+`, `<50`, or a number"))
}

fn read_domain(part: &str) -> Result<Box<str>, Wrong> {
    let domain = domain_of(part).ok_or_else(|| wrong("no domain", "write it as in `acme.com`"))?;
    Ok(domain.into())
}

impl PostalRange {
    /// What all its codes begin with, in at most so many letters.
    fn prefix(&self, most: usize) -> Box<str> {
        let same = self.from.chars().zip(self.to.chars()).take_while(|(from, to)| from == to);
        same.map(|(letter, _)| letter).take(most).collect::<String>().into()
    }

    fn holds(&self, code: &str) -> Option<bool> {
        // A code that is cut off may be any that begins so.
        let known = code.len().min(self.from.len());
        let (begins, from, to) = (code.get(..known)?, self.from.get(..known)?, self.to.get(..known)?);
        let inside = from <= begins && begins <= to;
        if inside && known < self.from.len() && !(from < begins && begins < to) { None } else { Some(inside) }
    }

    fn meets(&self, other: &Self) -> bool {
        let length = self.from.len().min(other.from.len());
        self.from.get(..length) <= other.to.get(..length) && other.from.get(..length) <= self.to.get(..length)
    }
}
