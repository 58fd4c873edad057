//! The Lua scripts, called by their hash and sent whole when Redis has lost them.

use std::sync::LazyLock;

use redis::Cmd;
use sha1::{Digest, Sha1};

/// A script and the name by which Redis remembers it.
pub(super) struct Script {
    source: &'static str,
    sha: String,
}

macro_rules! script {
    ($(#[$doc:meta])* $name:ident, $($file:literal),+) => {
        $(#[$doc])*
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));
    };
}

script!(
    /// Steps of shards.
    COMMIT, "lua/settled.lua", "lua/commit.lua"
);
script!(
    /// Entries for one log.
    APPEND, "lua/append.lua"
);
script!(
    /// Messages from another shard's outbox.
    RELAY, "lua/settled.lua", "lua/relay.lua"
);
script!(
    /// With which number a shard's messages go on.
    NUMBER, "lua/settled.lua", "lua/number.lua"
);
script!(
    /// How far shards were applied.
    PROGRESS, "lua/settled.lua", "lua/progress.lua"
);
script!(
    /// The state of new shards.
    CREATE, "lua/create.lua"
);
script!(
    /// Which servers live.
    ALIVE, "lua/alive.lua"
);
script!(
    /// Keys of records, some at a time.
    SUBJECTS, "lua/subjects.lua"
);
script!(
    /// Who owns which shard.
    LEASE, "lua/lease.lua"
);

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, sha: hex::encode(Sha1::digest(source)) }
    }

    /// The call by hash: cheap, and refused with NOSCRIPT when Redis does not know the script (yet, or any more).
    pub fn by_hash(&self, call: &Call) -> Cmd {
        call.cmd("EVALSHA", &self.sha)
    }

    /// The call with the whole script, which Redis remembers from then on.
    pub fn whole(&self, call: &Call) -> Cmd {
        call.cmd("EVAL", self.source)
    }
}

/// The keys and the arguments of a call. An argument is a text of its own, or a sequence of them packed in one.
#[derive(Default)]
pub(super) struct Call {
    keys: Vec<String>,
    /// The arguments, one behind the other.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
    /// For texts that are made of something else.
    scratch: String,
}

impl Call {
    pub fn new(key: String) -> Self {
        let mut call = Self::default();
        call.key(key);
        call
    }

    pub fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    pub fn arg(&mut self, arg: impl AsRef<[u8]>) -> &mut Self {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(arg.as_ref());
        self
    }

    /// An argument that is a number or anything else that can be shown.
    pub fn show(&mut self, arg: impl std::fmt::Display) -> &mut Self {
        use std::io::Write as _;
        self.starts.push(self.bytes.len());
        // Writing to memory does not fail.
        let _ = write!(self.bytes, "{arg}");
        self
    }

    /// How many bytes its arguments have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Begins an argument that is a sequence, a command for `lua/commit.lua`; [`Self::value`] and its like add to it.
    pub fn command(&mut self, name: &str) -> &mut Self {
        self.starts.push(self.bytes.len());
        self.value(name)
    }

    pub fn value(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        self.joined(&[value.as_ref()])
    }

    /// A value made of several parts.
    pub fn joined(&mut self, parts: &[&[u8]]) -> &mut Self {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        // Writing to memory does not fail. No text is longer than a request, which has no 4 GiB; Lua tells no binary
        // string from a text.
        let _ = rmp::encode::write_str_len(&mut self.bytes, u32::try_from(len).unwrap_or(u32::MAX));
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self
    }

    /// A value that is a number or anything else that can be shown.
    pub fn shown(&mut self, value: impl std::fmt::Display) -> &mut Self {
        use std::fmt::Write as _;
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(text, "{value}");
        self.value(&text);
        self.scratch = text;
        self
    }

    fn cmd(&self, name: &str, script: &str) -> Cmd {
        let keys: usize = self.keys.iter().map(String::len).sum();
        let len = self.bytes.len() + script.len() + keys + 16;
        let mut cmd = Cmd::with_capacity(3 + self.keys.len() + self.starts.len(), len);
        cmd.arg(name).arg(script).arg(self.keys.len()).arg(&self.keys);
        let ends = self.starts.iter().skip(1).copied().chain([self.bytes.len()]);
        for (start, end) in self.starts.iter().zip(ends) {
            cmd.arg(self.bytes.get(*start..end).unwrap_or_default());
        }
        cmd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_single_or_packed() {
        let mut call = Call::new("hr:{s3}:state".to_owned());
        call.arg("token").show(17).command("SET").joined(&[b"hr:{s3}:", b"user:42"]).shown(-1).arg("");
        let args: Vec<Vec<u8>> = call
            .cmd("EVALSHA", "0123")
            .args_iter()
            .map(|arg| match arg {
                redis::Arg::Simple(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        let expected: [&[u8]; 8] =
            [b"EVALSHA", b"0123", b"1", b"hr:{s3}:state", b"token", b"17", b"\xa3SET\xafhr:{s3}:user:42\xa2-1", b""];
        assert_eq!(args, expected);
    }
}
