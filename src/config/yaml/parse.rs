//! From text to tree.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::mask::{mask, unmask};
use super::node::{Entry, Kind, Node, Scalar};
use super::variables::{Lookup, Trouble, substitute};
use super::{secrets, traps};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::record::versions::MASK;

/// Aliases may not blow a file up beyond this, nor beyond this depth.
const MAX_NODES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// Parses file number `file`. Everything that is wrong is reported; `None` when there is no tree to go on with.
pub fn parse(file: u16, lookup: &Lookup<'_>, findings: &mut Findings) -> Option<Node> {
    let text = findings.sources.file(file).map(|file| file.text.clone())?;
    let options = granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder {
        file,
        text: text.clone(),
        lookup,
        findings: &mut *findings,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
    };
    let masked = mask(&text);
    for event in Parser::new_from_str_with_options(&masked, options) {
        match event {
            Ok((event, span)) => {
                if builder.event(event, span).is_some() {
                    continue;
                }
            }
            Err(error) => builder.syntax(&error),
        }
        findings.unparsed(file);
        return None;
    }
    let root = builder.root.take().unwrap_or_else(|| Node::new(Span::new(file, 0..0), Kind::Null));
    secrets::mark(&root, findings);
    Some(root)
}

/// A collection that is being read.
struct Open {
    start: Span,
    anchor: usize,
    tag: Option<(String, Span)>,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<Scalar>),
}

struct Builder<'a> {
    file: u16,
    text: Arc<str>,
    lookup: &'a Lookup<'a>,
    findings: &'a mut Findings,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Node>,
    /// How many nodes there are so far, those that aliases stand for included.
    nodes: usize,
}

impl Builder<'_> {
    /// Takes one event; `None` stops the reading.
    fn event(&mut self, event: Event<'_>, span: granit_parser::Span) -> Option<()> {
        let at = self.span(span);
        let tag = |tag: Option<&Tag>, this: &Self| {
            tag.map(|tag| (tag.original(), span.tag_span().map_or(at, |s| this.span(s))))
        };
        self.nodes += 1;
        match event {
            Event::Scalar(text, style, anchor, written) => {
                let written = tag(written.as_deref(), self);
                let node = self.scalar(&unmask(&text), style, at, written.is_some());
                self.add(Node { tag: written, ..node }, anchor)
            }
            Event::SequenceStart(_, anchor, written) => {
                self.begin(at, anchor, tag(written.as_deref(), self), OpenKind::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, written) => {
                self.begin(at, anchor, tag(written.as_deref(), self), OpenKind::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(id) => self.alias(id, at),
            Event::DocumentStart(..) if self.root.is_some() => {
                self.findings.push(
                    Problem::error(at, Code::Syntax, "a second document begins here")
                        .help("a configuration is one document: use `include` for further files"),
                );
                None
            }
            _ => Some(()),
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        Span::new(self.file, span.byte_range().unwrap_or(0..0))
    }

    fn begin(&mut self, start: Span, anchor: usize, tag: Option<(String, Span)>, kind: OpenKind) -> Option<()> {
        self.open.push(Open { start, anchor, tag, kind });
        Some(())
    }

    fn end(&mut self, at: Span) -> Option<()> {
        let open = self.open.pop()?;
        let end =
            if at.end > open.start.end { trim_end(&self.text, open.start.start as usize, at.end as usize) } else { 0 };
        let whole = Span::new(self.file, open.start.start as usize..end.max(open.start.end as usize));
        let kind = match open.kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map(entries, _) => Kind::Map(self.merge(entries)),
        };
        self.add(Node { tag: open.tag, ..Node::new(whole, kind) }, open.anchor)
    }

    fn alias(&mut self, id: usize, at: Span) -> Option<()> {
        let Some(target) = self.anchors.get(&id).cloned() else {
            self.findings.push(Problem::error(at, Code::Syntax, "an alias within the very thing that it names"));
            return None;
        };
        self.nodes = self.nodes.saturating_add(target.size);
        if self.nodes > MAX_NODES || self.open.len() + target.depth > MAX_DEPTH {
            let message = "aliases make this file too large or too deep";
            self.findings.push(Problem::error(at, Code::Syntax, message).help("write it out, or use `include`"));
            return None;
        }
        self.add(Node::clone(&target), 0)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::new(node.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map(entries, key @ Some(_)) => {
                if let Some(key) = key.take() {
                    entries.push(Entry { key, value: node });
                }
            }
            OpenKind::Map(_, key @ None) => match node.kind {
                Kind::Scalar(scalar) => *key = Some(scalar),
                Kind::Null => *key = Some(Scalar::made("null", node.at)),
                Kind::List(_) | Kind::Map(_) => {
                    let problem = Problem::error(node.at, Code::Syntax, "a list or mapping can't be a key");
                    self.findings.push(problem.help("if this is `${NAME}` or a template, put it in quotes"));
                    return None;
                }
            },
        }
        Some(())
    }

    /// `<<: *defaults`: entries of another mapping, where this one has none of that name. Reports keys that come twice.
    fn merge(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut own: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut seen: HashMap<Arc<str>, Span> = HashMap::new();
        let mut merged = Vec::new();
        for entry in entries {
            if &*entry.key.text == "<<" && entry.key.is_plain() {
                merged.push(entry.value);
            } else if let Some(first) = seen.get(&entry.key.text) {
                self.repeated(&entry.key, *first);
            } else {
                seen.insert(entry.key.text.clone(), entry.key.at);
                own.push(entry);
            }
        }
        for node in merged.into_iter().flat_map(flatten) {
            let Kind::Map(entries) = node.kind else { continue };
            for entry in entries {
                if seen.insert(entry.key.text.clone(), entry.key.at).is_none() {
                    own.push(entry);
                }
            }
        }
        own
    }

    fn repeated(&mut self, key: &Scalar, first: Span) {
        let first = self.findings.sources.name_place(first);
        let problem = Problem::error(key.at, Code::Duplicate, format!("`{}` is here twice", key.shown));
        self.findings.push(problem.help(format!("it is first at {first}; remove or rename one of them")));
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Span, tagged: bool) -> Node {
        if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null") && !tagged {
            return Node::new(at, Kind::Null);
        }
        let is_key = matches!(self.open.last(), Some(Open { kind: OpenKind::Map(_, None), .. }));
        let mut scalar = Scalar { style, ..Scalar::made(text, at) };
        if !is_key {
            self.refuse_mask(&scalar);
            self.substitute(&mut scalar);
            if style == ScalarStyle::Plain {
                traps::swallowed_comment(&scalar, self.findings);
            }
        }
        Node::new(at, Kind::Scalar(scalar))
    }

    /// A version that was kept has this in place of its secrets; taken for a secret, it would be one that everybody knows.
    fn refuse_mask(&mut self, scalar: &Scalar) {
        if scalar.text.contains(MASK) {
            let message = format!("a secret is missing here: `{MASK}` stands in its place");
            let problem = Problem::error(scalar.at, Code::BadValue, message);
            self.findings.push(problem.help("write it in, or better `${NAME}` and the secret into the environment"));
        }
    }

    fn substitute(&mut self, scalar: &mut Scalar) {
        if !scalar.shown.contains("${") {
            return;
        }
        let done = substitute(&scalar.shown, self.lookup);
        for (range, trouble) in done.problems {
            scalar.broken = true;
            let at = Scalar { pieces: Vec::new(), ..scalar.clone() }.locate(&self.findings.sources, range);
            let problem = match trouble {
                Trouble::NotSet(name) => {
                    Problem::error(at, Code::MissingVariable, format!("the environment variable `{name}` is not set"))
                        .help(format!("set it, or give it a default: `${{{name}:-…}}`"))
                }
                Trouble::NotClosed => Problem::error(at, Code::Syntax, "`${` without a closing `}`")
                    .help("write `${NAME}` or `${NAME:-default}`; for a literal `${` write `$${`"),
            };
            self.findings.push(problem);
        }
        scalar.text = Arc::from(done.text);
        scalar.pieces = done.pieces;
    }

    fn syntax(&mut self, error: &ScanError) {
        let offset = error.marker().byte_offset().unwrap_or(self.text.len());
        let at = Span::new(self.file, offset..offset + 1);
        let problem = Problem::error(at, Code::Syntax, format!("not valid YAML: {}", error.info()));
        let place = self.findings.sources.file(self.file).map(|file| file.position(offset));
        let help = place.and_then(|place| traps::syntax_help(&self.text, (place.line, offset), error));
        self.findings.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
}

/// The mappings that a merge key names: one, or a list of them.
fn flatten(node: Node) -> Vec<Node> {
    match node.kind {
        Kind::List(items) => items,
        _ => vec![node],
    }
}

/// Where the text between `start` and `end` really ends, without the blank lines and comments that follow it.
fn trim_end(text: &str, start: usize, end: usize) -> usize {
    let mut body = text.get(start..end).unwrap_or_default();
    loop {
        body = body.trim_end();
        let line = body.rfind('\n').map_or(0, |at| at + 1);
        if !body.get(line..).is_some_and(|last| last.trim_start().starts_with('#')) || line == 0 {
            return start + body.len();
        }
        body = body.get(..line).unwrap_or_default();
    }
}
