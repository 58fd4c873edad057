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

/// Whether a domain, in lower case, is one of free or disposable mail.
pub fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.contains(domain)
}

#[cfg(test)]
mod tests {
    use super::work_domain;

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
