//! ARCHITECTURE.md's table of modules is true: every module of `src/` stands in it, uses only what stands above its row (the
//! ground is the first), and the files of one folder don't go round in circles. What is only for tests may do as it likes.

#![expect(clippy::string_slice, reason = "places that were found in the text itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a pure module doesn't name: the outside, the clock, dice.
const IMPURE: [&str; 10] =
    ["tokio", "reqwest", "actix_web", "rusqlite", "redis", "rand", "Instant", "SystemTime", "Clock", "fs"];

/// The parts of a path in the code, from the crate's root: `["store", "redis", "keys", "Keys"]`.
type ModulePath = Vec<String>;

/// A file of the program.
struct File {
    /// The module that it is.
    module: ModulePath,
    /// Where it stands, for messages.
    path: PathBuf,
    /// Every path that begins with `crate`, `self` or `super`, from the root.
    uses: BTreeSet<ModulePath>,
    /// Every name in it.
    names: BTreeSet<String>,
}

/// A row of the table.
struct Row {
    module: String,
    is_pure: bool,
}

#[test]
fn every_module_stands_in_the_table() {
    let rows: Vec<String> = table().into_iter().map(|row| row.module).collect();
    let mut unique = rows.clone();
    unique.sort_unstable();
    let modules: BTreeSet<String> = files().into_iter().filter_map(|file| file.module.first().cloned()).collect();
    assert_eq!(unique, modules.into_iter().collect::<Vec<_>>(), "ARCHITECTURE.md has one row for each module of src/");
}

#[test]
fn no_module_uses_what_stands_further_up() {
    let order: Vec<String> = table().into_iter().map(|row| row.module).collect();
    let place = |module: &String| order.iter().position(|row| row == module);
    let mut wrong = Vec::new();
    for file in files() {
        let Some(own) = file.module.first() else { continue };
        for path in &file.uses {
            let Some(used) = path.first().filter(|used| place(used) > place(own)) else { continue };
            wrong.push(format!("{} uses `{}`; `{used}` stands above `{own}`", file.path.display(), path.join("::")));
        }
    }
    assert!(wrong.is_empty(), "arrows that run up:\n{}", wrong.join("\n"));
}

#[test]
fn pure_modules_rest_on_pure_ones_and_know_nothing_of_the_outside() {
    let pure: BTreeSet<String> = table().into_iter().filter(|row| row.is_pure).map(|row| row.module).collect();
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.module.first().is_some_and(|module| pure.contains(module))) {
        let impure = IMPURE.into_iter().filter(|name| file.names.contains(*name));
        wrong.extend(impure.map(|name| format!("{} names `{name}`", file.path.display())));
    }
    assert!(wrong.is_empty(), "not as pure as ARCHITECTURE.md says:\n{}", wrong.join("\n"));
}

#[test]
fn files_of_one_folder_do_not_go_round_in_circles() {
    let files = files();
    let modules: BTreeSet<&ModulePath> = files.iter().map(|file| &file.module).collect();
    // Of each folder: which of its modules uses which other, and an example of it. Its `mod.rs`, which shows the others to the
    // outside, takes no part.
    let mut arrows: BTreeMap<&[String], BTreeMap<(&str, &str), &Path>> = BTreeMap::new();
    for file in &files {
        for used in &file.uses {
            let shared = file.module.iter().zip(used).take_while(|(own, other)| own == other).count();
            let (folder, own, other) = (&file.module[..shared], file.module.get(shared), used.get(shared));
            if let (Some(own), Some(other)) = (own, other)
                && modules.contains(&used[..=shared].to_vec())
            {
                arrows.entry(folder).or_default().insert((own, other), &file.path);
            }
        }
    }
    let circles: Vec<String> = arrows.iter().filter_map(|(folder, arrows)| circle(folder, arrows)).collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

/// What is left when everything that goes nowhere was taken away, again and again: circles, and what lies between them.
fn circle(folder: &[String], arrows: &BTreeMap<(&str, &str), &Path>) -> Option<String> {
    let mut left = arrows.clone();
    loop {
        let (from, to): (BTreeSet<&str>, BTreeSet<&str>) = left.keys().copied().unzip();
        let before = left.len();
        left.retain(|(own, other), _| to.contains(own) && from.contains(other));
        if left.len() == before {
            break;
        }
    }
    let show = |((own, other), path): (&(&str, &str), &&Path)| format!("{own} → {other} ({})", path.display());
    let arrows: Vec<String> = left.iter().map(show).collect();
    (!arrows.is_empty()).then(|| format!("in src/{}: {}", folder.join("/"), arrows.join(", ")))
}

#[test]
fn the_reader_of_paths_sees_every_form() {
    let text = r#"
        use crate::{store::{self, redis::{Keys, deep::*}}, time::Millis as M};
        use super::worker::Input; // crate::comment::one
        /* crate::comment::two /* nested */ crate::comment::three */
        pub(in crate::engine) fn f<'a>(x: &'a str, c: char) -> crate::ids::Shard { self::own::g('"', '\'', b'x', "crate::text::one") }
        const RAW: &str = r"crate::text::two"; const MORE: &str = r"\";
        #[cfg(test)]
        mod tests { use crate::test::only; fn f() { "}" ; '{' } }
        #[cfg(test)] #[allow(unused)] use crate::test::too;
        #[cfg(test)] mod more;
        fn last() { $crate::config::load(super::super::lead::x()) }
    "#;
    let found = Reader::of(text, &["engine", "part"].map(str::to_owned));
    let paths: Vec<String> = found.uses.iter().map(|path| path.join("::")).collect();
    let expected = [
        "config::load",
        "engine",
        "engine::part::own::g",
        "engine::worker::Input",
        "ids::Shard",
        "lead::x",
        "store",
        "store::redis::Keys",
        "store::redis::deep",
        "time::Millis",
    ];
    assert_eq!(paths, expected);
    assert_eq!(found.test_files, BTreeSet::from(["more".to_owned()]));
}

/// The rows of ARCHITECTURE.md's table that are about modules.
fn table() -> Vec<Row> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md can be read");
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let place = cells.first()?.trim_matches('`').strip_prefix("src/")?;
        let module = place.trim_end_matches('/').trim_end_matches(".rs");
        Some(Row { module: module.to_owned(), is_pure: cells.get(2) == Some(&"yes") })
    };
    text.lines().filter_map(row).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the program but the two crate roots, without those that are for tests only.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    let read = |path: PathBuf| {
        let module = module_of(&path);
        let found = Reader::of(&fs::read_to_string(&path).expect("a file of src can be read"), &module);
        let tests: Vec<ModulePath> = found.test_files.iter().map(|name| child(&module, name)).collect();
        let path = path.strip_prefix(root()).expect("it is in there").to_owned();
        (File { module, path, uses: found.uses, names: found.names }, tests)
    };
    let (files, tests): (Vec<File>, Vec<Vec<ModulePath>>) = files.into_iter().map(read).unzip();
    let tests: Vec<ModulePath> = tests.into_iter().flatten().collect();
    let is_program = |file: &File| {
        !file.module.is_empty() && file.module != ["main"] && !tests.iter().any(|test| file.module.starts_with(test))
    };
    files.into_iter().filter(is_program).collect()
}

/// `src/store/redis/mod.rs` is `store::redis`, and so would be `src/store/redis.rs`; `src/lib.rs` is nothing.
fn module_of(path: &Path) -> ModulePath {
    let path = path.strip_prefix(root().join("src")).expect("it is in there").with_extension("");
    let mut module: ModulePath = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

fn child(module: &[String], name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Reads the paths in a file, token by token: more than a search for text, less than a parser of Rust.
struct Reader {
    tokens: Vec<String>,
    at: usize,
    module: ModulePath,
    uses: BTreeSet<ModulePath>,
    names: BTreeSet<String>,
    /// Names of modules that are compiled for tests only.
    test_files: BTreeSet<String>,
}

impl Reader {
    fn of(text: &str, module: &[String]) -> Self {
        let mut reader = Self {
            tokens: tokens(text),
            at: 0,
            module: module.to_vec(),
            uses: BTreeSet::new(),
            names: BTreeSet::new(),
            test_files: BTreeSet::new(),
        };
        while reader.at < reader.tokens.len() {
            reader.step();
        }
        reader
    }

    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn sees(&self, tokens: &[&str]) -> bool {
        tokens.iter().enumerate().all(|(ahead, token)| self.peek(ahead) == *token)
    }

    fn step(&mut self) {
        let begins = self.at == 0 || self.tokens[self.at - 1] != "::";
        if self.sees(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            self.at += 7;
            self.skip_item();
        } else if begins && matches!(self.peek(0), "crate" | "self" | "super") && self.peek(1) == "::" {
            self.path(Vec::new());
        } else {
            self.names.insert(self.peek(0).to_owned());
            self.at += 1;
        }
    }

    /// Passes over an item: to its semicolon, or to the end of its block.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            let token = self.tokens[self.at].as_str();
            if token == "mod" && depth == 0 && self.peek(2) == ";" {
                self.test_files.insert(self.peek(1).to_owned());
            }
            let closes = matches!(token, "}" | "]" | ")");
            depth = depth + usize::from(matches!(token, "{" | "[" | "(")) - usize::from(closes);
            let ends = depth == 0 && (token == ";" || token == "}");
            self.at += 1;
            if ends {
                return;
            }
        }
    }

    /// A path, or a whole tree of them in a `use`; `before` is what stands in front of it, from the root.
    fn path(&mut self, before: ModulePath) {
        let mut path = before;
        let mut is_first = path.is_empty();
        loop {
            match self.peek(0) {
                "{" => return self.group(&path),
                "*" => {}
                "crate" if is_first => path.clear(),
                "self" if is_first => path.clone_from(&self.module),
                // Of `x::{self}`.
                "self" => {}
                "super" => {
                    if is_first {
                        path.clone_from(&self.module);
                    }
                    path.pop();
                }
                name => {
                    path.push(name.to_owned());
                    self.names.insert(name.to_owned());
                }
            }
            is_first = false;
            self.at += 1;
            // `::<` belongs to what the path names.
            let goes_on = self.peek(0) == "::" && self.peek(1) != "<";
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        self.uses.insert(path);
    }

    fn group(&mut self, before: &ModulePath) {
        self.at += 1;
        while !matches!(self.peek(0), "}" | "") {
            match self.peek(0) {
                "," => self.at += 1,
                "as" => self.at += 2,
                // A group at the very root, `crate::{…}`, has nothing in front of it; a marker keeps it from beginning anew.
                _ if before.is_empty() => self.rooted(),
                _ => self.path(before.clone()),
            }
        }
        self.at += 1;
    }

    /// A path in `crate::{…}`.
    fn rooted(&mut self) {
        let name = self.peek(0).to_owned();
        self.at += 1;
        if self.peek(0) == "::" {
            self.at += 1;
            self.path(vec![name]);
        } else {
            self.uses.insert(vec![name]);
        }
    }
}

/// Names and marks; no comments, no texts.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = quoted(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment that may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a text, a character or a lifetime, with what stands in front of it (`b`, `r##`, …).
fn quoted(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        let rest = rest.map(|rest| if prefix.ends_with('r') { rest.trim_start_matches('#') } else { rest });
        rest.is_some_and(|rest| rest.starts_with('"') || (rest.starts_with('\'') && !prefix.ends_with('r')))
    })?;
    let rest = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = &rest[hashes + 1..];
        return Some(prefix.len() + hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()));
    }
    let mark = rest.chars().next()?;
    if mark == '\'' && !rest[1..].starts_with('\\') && rest.chars().nth(2) != Some('\'') {
        let name = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 1);
        return Some(prefix.len() + 1 + name);
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}
