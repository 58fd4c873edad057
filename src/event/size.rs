//! What things take in memory: so that bounds can be in bytes, whoever sends them.

use serde_json::Value;

use super::Event;

/// The beginning of a text, of no more than so many bytes.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// What an entry of an object takes beside its name and what its value has on the heap: hash, name, value, and its place in the
/// index, of whose places half are used on average.
const ENTRY_BYTES: usize = size_of::<u64>() + size_of::<String>() + size_of::<Value>() + 2 * size_of::<usize>();

/// About how many bytes a JSON value takes on the heap, beyond its own size.
pub fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.capacity(),
        Value::Array(items) => items.capacity() * size_of::<Value>() + items.iter().map(heap_bytes).sum::<usize>(),
        Value::Object(map) => map_bytes(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn map_bytes(map: &serde_json::Map<String, Value>) -> usize {
    map.iter().map(|(name, value)| ENTRY_BYTES + name.capacity() + heap_bytes(value)).sum()
}

impl Event {
    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let texts = [&self.user_id, &self.anonymous_id, &self.previous_id, &self.group_id, &self.context_group_id];
        let texts = texts.into_iter().chain([&self.name]).flatten().map(|text| text.len());
        let maps = [&self.properties, &self.traits, &self.context_traits].map(map_bytes);
        size_of::<Self>() + self.message_id.len() + texts.sum::<usize>() + maps.iter().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_as_text_is_counted_as_what_it_takes() {
        let zeros = serde_json::from_str::<Value>(&format!("[{}0]", "0,".repeat(999))).expect("a list");
        assert!(heap_bytes(&zeros) >= 1_000 * size_of::<Value>(), "2 bytes each as text");
        let objects = serde_json::from_str::<Value>(&format!("[{}{{}}]", r#"{"a":1},"#.repeat(99))).expect("a list");
        assert!(heap_bytes(&objects) >= 99 * (size_of::<Value>() + ENTRY_BYTES));
        assert_eq!((heap_bytes(&json!(1.5)), heap_bytes(&json!(null))), (0, 0));
    }
}
