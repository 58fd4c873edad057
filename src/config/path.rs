//! Paths into an event's properties and traits.

/// The steps of `.a.b["c d"]`; `None` when it is no such path, or empty.
pub fn property_path(text: &str) -> Option<Vec<Box<str>>> {
    let mut steps: Vec<Box<str>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (step, after) = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            name.split_at_checked(end)?
        } else {
            let quoted = rest.strip_prefix('[')?;
            let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (step, after) = quoted.get(1..)?.split_once(quote)?;
            (step, after.strip_prefix(']')?)
        };
        if step.is_empty() || step.trim() != step {
            return None;
        }
        steps.push(step.into());
        rest = after;
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::property_path;

    #[test]
    fn paths_are_read_step_by_step() {
        let steps = |text: &str| property_path(text).map(|steps| steps.join("|"));
        assert_eq!(steps(".email").as_deref(), Some("email"));
        assert_eq!(steps(".company.id").as_deref(), Some("company|id"));
        assert_eq!(steps(".a[\"b c\"].d").as_deref(), Some("a|b c|d"));
        assert_eq!(steps("['total billed']").as_deref(), Some("total billed"));
        for wrong in ["", ".", "email", ".a.", ".a..b", ".a[b]", ".a[\"b\"", ". a"] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
    }
}
