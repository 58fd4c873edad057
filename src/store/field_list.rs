//! Fields to be written: names and values, all in one piece of text, so that a write costs two allocations however many fields
//! it has.

/// An ordered list of fields, each a name and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldList {
    text: String,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl FieldList {
    /// An empty list with room for so many fields of so many bytes in all.
    #[must_use]
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(fields) }
    }

    /// Appends a field.
    pub fn push(&mut self, name: &str, value: &str) {
        self.put(&[name], |out| out.push_str(value));
    }

    /// Appends a field whose name is made of `name`, and whose value is whatever `value` appends.
    pub fn put(&mut self, name: &[&str], value: impl FnOnce(&mut String)) {
        name.iter().for_each(|part| self.text.push_str(part));
        let named = self.text.len();
        value(&mut self.text);
        self.ends.push((named, self.text.len()));
    }

    /// How many fields there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes the names and values have.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The fields in their order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.ends.iter().enumerate().map(|(at, (named, to))| {
            let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(_, end)| *end);
            (self.part(from, *named), self.part(*named, *to))
        })
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for FieldList {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut list = Self::default();
        fields.into_iter().for_each(|(name, value)| list.push(name.as_ref(), value.as_ref()));
        list
    }
}

impl<N: AsRef<str>, V: AsRef<str>, const COUNT: usize> From<[(N, V); COUNT]> for FieldList {
    fn from(fields: [(N, V); COUNT]) -> Self {
        fields.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_their_order() {
        let mut list = FieldList::from([("a", "1"), ("", ""), ("ü", "ö")]);
        list.put(&["d:", "any"], |out| out.push_str("2026-11-21=3"));
        let fields: Vec<_> = list.iter().collect();
        assert_eq!(fields, [("a", "1"), ("", ""), ("ü", "ö"), ("d:any", "2026-11-21=3")]);
        let backwards: Vec<_> = list.iter().rev().collect();
        assert!(fields.iter().rev().eq(&backwards));
        assert_eq!((list.len(), list.is_empty(), list.bytes()), (4, false, 23));
    }
}
