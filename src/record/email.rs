//! Work e-mail addresses: the company part of a domain, and which domains are nobody's company.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Domains of free and disposable mail: the list of npm's `free-email-domains` 1.12.6 (MIT), one a line.
static FREE_MAIL: LazyLock<HashSet<&'static str, ahash::RandomState>> =
    LazyLock::new(|| include_str!("free_mail.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// The registrable domain of a work e-mail address, in lower case: `acme.co.uk` of `Ana@mail.Acme.co.uk`. `None` for free
/// mail, for public suffixes, and for what is no address.
pub fn work_domain(email: &str) -> Option<String> {
    let (local, domain) = email.trim().rsplit_once('@')?;
    if local.is_empty() {
        return None;
    }
    let domain = domain.trim_end_matches('.').to_lowercase();
    let company = psl::domain(domain.as_bytes())?;
    // A suffix that the public list does not know is a typing error or an inner name, not a company.
    if !company.suffix().is_known() {
        return None;
    }
    let company = std::str::from_utf8(company.as_bytes()).ok()?;
    let free = is_free_mail(company) || is_free_mail(&domain);
    (!free).then(|| company.to_owned())
}

/// Where everybody has a page: no company's own.
const SHARED_SITES: [&str; 10] = [
    "linkedin.com",
    "facebook.com",
    "instagram.com",
    "twitter.com",
    "x.com",
    "youtube.com",
    "github.com",
    "google.com",
    "notion.site",
    "linktr.ee",
];

/// The registrable domain of a company, by a work e-mail address, a website or a domain. `None` for what is nobody's company: free mail, public
/// suffixes, pages at sites that everybody shares, and what is none of it.
pub fn company_domain(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains('@') {
        return work_domain(text);
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = bare.split(['/', '?', '#', ':']).next()?;
    let domain = work_domain(&format!("any@{host}"))?;
    let is_page = SHARED_SITES.contains(&&*domain);
    (!is_page && !host.contains(char::is_whitespace)).then_some(domain)
}

/// Whether a domain ends as the public list of suffixes knows that domains do: `acme.co.uk`, not `org.42`.
pub fn is_under_known_suffix(domain: &str) -> bool {
    psl::domain(domain.as_bytes()).is_some_and(|domain| domain.suffix().is_known())
}

/// Whether a domain, in lower case, is one of free or disposable mail.
pub fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.contains(domain)
}

#[cfg(test)]
mod tests {
    use super::{company_domain, work_domain};

    #[test]
    fn a_company_is_found_by_its_address_its_site_or_its_domain() {
        for (text, expected) in [
            ("Acme.com", Some("acme.com")),
            ("https://www.acme.co.uk/pricing?x=1", Some("acme.co.uk")),
            ("shop.acme.de:8080", Some("acme.de")),
            ("kim@eng.acme.io", Some("acme.io")),
            ("kim@gmail.com", None),
            ("https://linkedin.com/company/acme", None),
            ("www.linkedin.com/in/kim", None),
            ("acme inc.com", None),
            ("account-17", None),
            ("co.uk", None),
            ("10.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(company_domain(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn companies_are_found_and_free_mail_is_not() {
        for (email, expected) in [
            ("ana@acme.com", Some("acme.com")),
            ("Ana@Mail.ACME.co.uk", Some("acme.co.uk")),
            (" ben@eng.acme.io ", Some("acme.io")),
            ("a@gmail.com", None),
            ("a@googlemail.com", None),
            ("a@hotmail.co.uk", None),
            ("a@mail.ru", None),
            ("a@co.uk", None),
            ("a@localhost", None),
            ("a@nowhere.internalname", None),
            ("@acme.com", None),
            ("acme.com", None),
            ("", None),
            ("a@foo.github.io", Some("foo.github.io")),
        ] {
            assert_eq!(work_domain(email).as_deref(), expected, "{email}");
        }
    }
}
