//! Which column of a spreadsheet says what.

use crate::config::suggest::fold;
use crate::routing::territory::Kind;

/// What a column says besides a dimension.
pub const FIELDS: [&str; 8] =
    ["to", "name", "parent", "priority", "effective_from", "effective_until", "needs", "speaks"];

/// What spreadsheets call them: ours, and theirs, folded.
const HEADERS: [(&str, &[&str]); 20] = [
    ("domain", &["domains", "accountdomain", "companydomain", "website", "namedaccount", "namedaccounts"]),
    ("account", &["accountname", "accountid", "company", "companyname"]),
    (
        "postal_code",
        &["postal", "postcode", "postalcodes", "zip", "zipcode", "zipcodes", "plz", "postalprefix", "zipprefix"],
    ),
    ("state", &["states", "province", "stateprovince", "state/province", "provincestate", "subdivision", "bundesland"]),
    ("country", &["countries", "countrycode", "land", "pays"]),
    ("region", &["regions", "geo", "area"]),
    ("industry", &["industries", "vertical", "sector"]),
    (
        "employees",
        &["companysize", "size", "employeecount", "numberofemployees", "headcount", "employeeband", "#employees"],
    ),
    ("revenue", &["annualrevenue", "arr", "revenueband"]),
    ("language", &["languages", "lang"]),
    ("definition", &["definitions", "pql"]),
    ("tier", &["tiers", "leadtier"]),
    (
        "to",
        &[
            "owner",
            "rep",
            "team",
            "assignto",
            "assignedto",
            "assignee",
            "salesrep",
            "accountexecutive",
            "ae",
            "owneremail",
            "repemail",
        ],
    ),
    ("name", &["territory", "territoryname"]),
    ("parent", &["parentterritory"]),
    ("needs", &["skills", "skill", "requiredskills", "needsskills"]),
    ("speaks", &["spokenlanguage", "replanguage", "requiredlanguage"]),
    ("priority", &["prio"]),
    ("effective_from", &["validfrom", "startdate", "start", "effective"]),
    ("effective_until", &["validuntil", "validto", "enddate", "end"]),
];

/// What a header means by itself.
pub fn meant_by(header: &str) -> Option<&'static str> {
    let folded = fold(header);
    HEADERS.iter().find(|(name, others)| fold(name) == folded || others.contains(&&*folded)).map(|(name, _)| *name)
}

/// Everything that a column may be.
pub fn names<'a>(own: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    Kind::known().map(|(name, ..)| name).chain(FIELDS).chain(own).collect()
}
