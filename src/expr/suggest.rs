//! "Did you mean …?"

/// The candidate that `written` is most likely a slip of, if any is close enough.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = written.to_ascii_lowercase();
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?``
pub(super) fn did_you_mean(suggestion: &str) -> String {
    format!("did you mean `{suggestion}`?")
}
