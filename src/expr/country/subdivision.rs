//! States, provinces, departments and the like: ISO 3166-2, in any spelling.
//!
//! `subdivisions.tsv.gz` is made by `scripts/countries`: the English names by code, an empty line, then folded names with all that they
//! mean. The names stay one text in which is searched: a map of a quarter of a million would take as much memory again.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::{Country, fold};

/// A subdivision of a country by its ISO 3166-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subdivision(&'static str);

/// Why a text is not one subdivision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Nothing is called so.
    Unknown,
    /// Several are, as far as is known without the country, or a country is, too.
    Several(Vec<Subdivision>),
}

struct Table {
    english: Vec<(&'static str, &'static str)>,
    names: Vec<(&'static str, &'static str)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut text = String::new();
    let packed: &[u8] = include_bytes!("subdivisions.tsv.gz");
    GzDecoder::new(packed).read_to_string(&mut text).expect("the table in the program is whole");
    let (english, names) = text.leak().split_once("\n\n").expect("the table has two parts");
    let pairs = |part: &'static str| part.lines().filter_map(|line| line.split_once('\t')).collect();
    Table { english: pairs(english), names: pairs(names) }
});

fn find(table: &[(&'static str, &'static str)], key: &str) -> Option<(&'static str, &'static str)> {
    table.binary_search_by(|(name, _)| (*name).cmp(key)).ok().and_then(|at| table.get(at)).copied()
}

impl Subdivision {
    /// The subdivision that `written` means: a name in any language, an abbreviation that people use in the United States, Canada
    /// and Australia, or a code, alone where the country is known (`CA`), with the country otherwise (`US-CA`).
    ///
    /// # Errors
    /// When it means none, or several. `Georgia` alone is one, since there is a country of that name.
    pub fn read(written: &str, country: Option<Country>) -> Result<Self, Unclear> {
        let code = written.trim().to_uppercase();
        let within = |code: &str| country.is_none_or(|country| code.starts_with(country.code()));
        if let Some((code, _)) = find(&TABLE.english, &code).filter(|(code, _)| within(code)) {
            return Ok(Self(code));
        }
        if let Some((code, _)) = country.and_then(|country| find(&TABLE.english, &format!("{}-{code}", country.code())))
        {
            return Ok(Self(code));
        }
        let folded = fold(written);
        let (_, meant) = find(&TABLE.names, &folded).ok_or(Unclear::Unknown)?;
        let meant: Vec<Self> = meant.split(' ').filter(|code| within(code)).map(Self).collect();
        let in_english: Vec<Self> = meant.iter().filter(|one| fold(one.name()) == folded).copied().collect();
        let is_country = country.is_none() && Country::read(written).is_some();
        match (&*meant, &*in_english) {
            ([], _) => Err(Unclear::Unknown),
            ([one], _) if !is_country => Ok(*one),
            // Washington is called so in English; the District of Columbia is not.
            (_, [one]) if country.is_some() => Ok(*one),
            _ => Err(Unclear::Several(meant)),
        }
    }

    /// All those of a country.
    pub fn of(country: Country) -> impl Iterator<Item = Self> {
        let is_of = move |code: &str| code.strip_prefix(country.code()).is_some_and(|rest| rest.starts_with('-'));
        TABLE.english.iter().map(|(code, _)| *code).filter(move |code| is_of(code)).map(Self)
    }

    /// Its code: `US-CA`.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Its name in English.
    pub fn name(self) -> &'static str {
        find(&TABLE.english, self.0).map_or(self.0, |(_, name)| name)
    }

    /// The country that it is a part of.
    pub fn country(self) -> Option<Country> {
        Country::read(self.0.split('-').next()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str, country: &str) -> String {
        match Subdivision::read(written, Country::read(country)) {
            Ok(found) => found.code().to_owned(),
            Err(Unclear::Unknown) => "?".to_owned(),
            Err(Unclear::Several(all)) => all.iter().map(|one| one.code()).collect::<Vec<_>>().join(" or "),
        }
    }

    #[test]
    fn a_subdivision_is_known_in_any_spelling() {
        for (written, country, code) in [
            ("CA", "US", "US-CA"),
            ("us-ca", "", "US-CA"),
            ("California", "", "US-CA"),
            ("Calif.", "", "US-CA"),
            ("Kalifornien", "", "US-CA"),
            ("カリフォルニア州", "", "US-CA"),
            ("Bayern", "", "DE-BY"),
            ("Bavaria", "Germany", "DE-BY"),
            ("Bavière", "", "DE-BY"),
            ("Québec", "", "CA-QC"),
            ("Que.", "Canada", "CA-QC"),
            ("N.Y.", "USA", "US-NY"),
            ("Washington", "US", "US-WA"),
            ("Washington, DC", "US", "US-DC"),
            ("Georgia", "US", "US-GA"),
            ("Victoria", "Australia", "AU-VIC"),
            ("NSW", "AU", "AU-NSW"),
            ("Ontario", "CA", "CA-ON"),
            ("Ile-de-France", "FR", "FR-IDF"),
        ] {
            assert_eq!(read(written, country), code, "{written} in {country}");
        }
    }

    #[test]
    fn a_country_has_its_own_and_no_others() {
        let of = |code: &str| Subdivision::of(Country::read(code).expect("a country")).count();
        assert_eq!((of("CA"), of("AT")), (13, 9));
        assert!(Subdivision::of(Country::read("DE").expect("a country")).all(|one| one.code().starts_with("DE-")));
    }

    #[test]
    fn what_several_are_called_needs_the_country() {
        assert_eq!(read("Georgia", ""), "US-GA");
        assert!(Subdivision::read("Georgia", None).is_err(), "there is a country of that name");
        assert_eq!(read("Limburg", ""), "BE-VLI or NL-LI");
        assert_eq!(read("Limburg", "Belgium"), "BE-VLI");
        for (written, country) in [("CA", ""), ("Bavaria", "US"), ("Atlantis", ""), ("", ""), ("US-ZZ", "")] {
            assert_eq!(read(written, country), "?", "{written} in {country}");
        }
    }

    #[test]
    fn it_says_its_name_and_country() {
        let found = Subdivision::read("Kalifornien", None).expect("known");
        assert_eq!((found.name(), found.country().map(Country::code)), ("California", Some("US")));
    }
}
