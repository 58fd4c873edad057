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
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(concat!(include_str!("lua/arguments.lua"), $(include_str!($file)),+)));
    };
}

script!(
    /// One atomic step of a partition.
    COMMIT, "lua/queue.lua", "lua/commit.lua"
);
script!(
    /// Hands out due entries.
    CLAIM, "lua/queue.lua", "lua/claim.lua"
);
script!(
    /// Looks up remembered messages.
    SEEN, "lua/seen.lua"
);
script!(
    /// Deletes what belongs to a subject.
    FORGET, "lua/queue.lua", "lua/forget.lua"
);
script!(
    /// Puts dead entries back.
    REPLAY, "lua/queue.lua", "lua/replay.lua"
);
script!(
    /// The newest entries of a state.
    LIST, "lua/list.lua"
);
script!(
    /// Depth and age of queues.
    STATS, "lua/stats.lua"
);

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, sha: hex::encode(Sha1::digest(source)) }
    }

    /// The call by hash: cheap, and refused with NOSCRIPT when Redis does not know the script (yet, or any more).
    pub fn by_hash(&self, call: &Call) -> Cmd {
        self.cmd("EVALSHA", &self.sha, call)
    }

    /// The call with the whole script, which Redis remembers from then on.
    pub fn whole(&self, call: &Call) -> Cmd {
        self.cmd("EVAL", self.source, call)
    }

    fn cmd(&self, name: &str, script: &str, call: &Call) -> Cmd {
        let arguments = call.packed();
        let keys: usize = call.keys.iter().map(String::len).sum();
        let mut cmd = Cmd::with_capacity(4 + call.keys.len(), arguments.len() + script.len() + keys + 16);
        cmd.arg(name).arg(script).arg(call.keys.len()).arg(&call.keys).arg(arguments);
        cmd
    }
}

/// The keys and the arguments of a call. The arguments are packed (`lua/arguments.lua`).
pub(super) struct Call {
    keys: Vec<String>,
    arguments: Vec<u8>,
    count: u32,
    /// For texts that are made of something else.
    scratch: String,
}

impl Call {
    pub fn new(key: String) -> Self {
        let mut call = Self::empty();
        call.key(key);
        call
    }

    /// A call that has no key yet.
    pub const fn empty() -> Self {
        Self { keys: Vec::new(), arguments: Vec::new(), count: 0, scratch: String::new() }
    }

    pub fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    /// How many arguments it has.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    pub fn arg(&mut self, arg: &str) -> &mut Self {
        // Writing to memory does not fail; no text here is longer than a request, which has no 4 GiB.
        let _ = rmp::encode::write_str(&mut self.arguments, arg);
        self.count += 1;
        self
    }

    /// An argument made of two parts.
    pub fn arg2(&mut self, a: &str, b: &str) -> &mut Self {
        self.show(format_args!("{a}{b}"))
    }

    /// An argument that is a number or anything else that can be shown.
    pub fn show(&mut self, arg: impl std::fmt::Display) -> &mut Self {
        use std::fmt::Write as _;
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(text, "{arg}");
        self.arg(&text);
        self.scratch = text;
        self
    }

    fn packed(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.arguments.len() + 5);
        // Writing to memory does not fail.
        let _ = rmp::encode::write_array_len(&mut packed, self.count);
        packed.extend_from_slice(&self.arguments);
        packed
    }
}
