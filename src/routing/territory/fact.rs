//! What is known of a lead in a dimension.

use std::fmt;

use super::{Dimension, Kind};
use crate::expr::band::Band;
use crate::expr::country::Country;
use crate::expr::country::subdivision::{Subdivision, Unclear};
use crate::expr::{Facts, Value, fold};
use crate::record::email::{is_free_mail, is_under_known_suffix, work_domain};

/// What is known of a lead in a dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Nothing; why, as part of a sentence: `country is unknown`.
    Unknown(String),
    /// A country.
    Country(Country),
    /// A state, a province.
    State(Subdivision),
    /// A postal code in capitals, without blanks.
    Postal(String),
    /// A domain in lower case.
    Domain(String),
    /// A number, or its bounds.
    Number(Band),
    /// Texts, folded.
    Texts(Vec<String>),
}

impl Fact {
    /// What all dimensions say of a lead, in their order.
    pub fn all(dimensions: &[Dimension], facts: &dyn Facts) -> Vec<Self> {
        let country = dimensions.iter().filter(|one| one.kind == Kind::Country).find_map(|one| {
            match Self::read(one, facts, None) {
                Self::Country(country) => Some(country),
                _ => None,
            }
        });
        let mut all: Vec<Self> = dimensions.iter().map(|one| Self::read(one, facts, country)).collect();
        // Whoever says California says where that is.
        let told = all.iter().find_map(|fact| match fact {
            Self::State(state) => state.country(),
            _ => None,
        });
        for (dimension, fact) in dimensions.iter().zip(&mut all) {
            let wants = matches!(dimension.kind, Kind::Country | Kind::Region) && matches!(fact, Self::Unknown(_));
            if let (true, Some(country)) = (wants, told) {
                *fact = Self::Country(country);
            }
        }
        all
    }

    fn read(dimension: &Dimension, facts: &dyn Facts, country: Option<Country>) -> Self {
        let mut why = format!("{} is unknown", dimension.name);
        // Ids may look like domains, as `org.42` does: what ends as no domain in the world does counts where nothing else is known.
        let mut perhaps = None;
        for formula in &dimension.reads {
            let value = formula.value(&facts);
            let texts = texts(&value);
            if texts.is_empty() {
                continue;
            }
            match Self::of(dimension.kind, &value, &texts, country) {
                Ok(Self::Domain(domain)) if !is_under_known_suffix(&domain) => {
                    perhaps.get_or_insert(Self::Domain(domain));
                }
                Ok(fact) => return fact,
                Err(unclear) => why = format!("{} is {unclear}", dimension.name),
            }
        }
        if let Some(fact) = perhaps {
            return fact;
        }
        // Named accounts are exceptions: whoever isn't known to be one is none.
        if dimension.kind == Kind::Domain { Self::Domain(String::new()) } else { Self::Unknown(why) }
    }

    fn of(kind: Kind, value: &Value<'_>, texts: &[String], country: Option<Country>) -> Result<Self, String> {
        let first = texts.first().map_or("", String::as_str);
        let none = || format!("“{first}”, which can't be understood");
        match kind {
            Kind::Country | Kind::Region => Country::read(first).map(Self::Country).ok_or_else(none),
            Kind::State => Subdivision::read(first, country).map(Self::State).map_err(|unclear| match unclear {
                Unclear::Several(_) => format!("“{first}”, which may mean several as long as the country is unknown"),
                Unclear::Unknown => none(),
            }),
            Kind::Postal => {
                let code = postal_of(first);
                if code.is_empty() { Err(none()) } else { Ok(Self::Postal(code)) }
            }
            Kind::Domain => domain_of(first).map(Self::Domain).ok_or_else(none),
            Kind::Number => match value {
                Value::Number(number) => Ok(Self::Number(Band::exactly(*number))),
                Value::Band(band) => Ok(Self::Number(*band)),
                _ => Band::read(first).map(Self::Number).ok_or_else(none),
            },
            Kind::Text => Ok(Self::Texts(texts.iter().map(|text| fold(text).into_owned()).collect())),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(_) => f.write_str("unknown"),
            Self::Country(country) => f.write_str(country.name()),
            Self::State(state) => write!(f, "{} ({})", state.name(), state.code()),
            Self::Domain(text) if text.is_empty() => f.write_str("none"),
            Self::Postal(text) | Self::Domain(text) => f.write_str(text),
            Self::Number(band) => band.fmt(f),
            Self::Texts(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

/// What a value says, as texts; nothing for what is unknown or empty.
fn texts(value: &Value<'_>) -> Vec<String> {
    let text = match value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Band(band) => band.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Time(time) => time.rfc3339(),
        Value::Json(serde_json::Value::Array(all)) => {
            return all.iter().flat_map(|one| texts(&Value::from_json(one))).collect();
        }
        Value::List(all) => return all.iter().flat_map(texts).collect(),
        Value::Json(_) | Value::Unknown => return Vec::new(),
    };
    if text.is_empty() { Vec::new() } else { vec![text] }
}

/// Capitals, without blanks and dashes.
pub(super) fn postal_of(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The domain of a website or an e-mail address, in lower case, without `www.`. `None` for free mail, and for what has none.
pub(super) fn domain_of(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains('@') {
        return work_domain(text);
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = bare.split(['/', '?', '#', ':']).next()?.trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let is_domain =
        host.contains('.') && host.split('.').all(|label| !label.is_empty()) && !host.contains(char::is_whitespace);
    (is_domain && !is_free_mail(host)).then(|| host.to_owned())
}
