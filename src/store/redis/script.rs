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
        let keys: usize = call.keys.iter().map(String::len).sum();
        let words = call.args.len() + call.keys.len() + 3;
        let mut cmd = Cmd::with_capacity(words, call.text.len() + script.len() + keys + 16);
        cmd.arg(name).arg(script).arg(call.keys.len()).arg(&call.keys);
        let mut from = 0;
        for to in &call.args {
            cmd.arg(call.text.get(from..*to).unwrap_or_default());
            from = *to;
        }
        cmd
    }
}

/// The keys and the arguments of a call; the arguments stand in one string, one after the other.
pub(super) struct Call {
    keys: Vec<String>,
    text: String,
    /// Where each argument ends.
    args: Vec<usize>,
}

impl Call {
    pub fn new(key: String) -> Self {
        Self { keys: vec![key], text: String::new(), args: Vec::new() }
    }

    /// A call that has no key yet.
    pub const fn empty() -> Self {
        Self { keys: Vec::new(), text: String::new(), args: Vec::new() }
    }

    pub fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    /// How many arguments it has.
    pub const fn len(&self) -> usize {
        self.args.len()
    }

    pub fn arg(&mut self, arg: &str) -> &mut Self {
        self.text.push_str(arg);
        self.end()
    }

    /// An argument made of two parts.
    pub fn arg2(&mut self, a: &str, b: &str) -> &mut Self {
        self.text.push_str(a);
        self.text.push_str(b);
        self.end()
    }

    /// An argument that is a number or anything else that can be shown.
    pub fn show(&mut self, arg: impl std::fmt::Display) -> &mut Self {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = write!(self.text, "{arg}");
        self.end()
    }

    fn end(&mut self) -> &mut Self {
        self.args.push(self.text.len());
        self
    }
}
