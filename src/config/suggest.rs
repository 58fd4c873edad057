//! "Did you mean …?"

/// The candidate that `word` was most likely meant to be, if any is near enough.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(word);
    let allowed = 1 + wanted.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How a field of a counter is spelled that there was once.
pub fn spelled_now(field: &str) -> Option<&'static str> {
    Some(match field {
        "active_days" => "write `distinct: day`",
        "first_seen" => "every counter knows it: read it in a condition as `<counter>.first_at`",
        "last_seen" => "every counter knows it: read it in a condition as `<counter>.last_at`",
        _ => return None,
    })
}

/// ``did you mean `x`?``, or else what `otherwise` says.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    closest(word, candidates).map_or_else(otherwise, |found| format!("did you mean `{found}`?"))
}

/// `` `a`, `b` or `c` ``
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    list(names, "or")
}

/// `` `a`, `b` and `c` ``
pub fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    list(names, "and")
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::from("nothing"),
    }
}

/// Upper and lower case, `-`, `_` and spaces are the same to people.
pub fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}
