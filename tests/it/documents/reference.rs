//! `docs/configuration.md`, made from the schema and from the tables in the code, so that it can't lag behind them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use handraiser::config::known_traits;
use handraiser::config::schema::json_schema;
use handraiser::expr::{Type, reserved};
use handraiser::ids::SubjectKind;
use serde_json::{Map, Value};

const EXAMPLE: &str = include_str!("../../../fixtures/issue.yaml");

const HEAD: &str = "<!-- Made by `make docs`; don't edit. -->
# Configuration

One YAML file says everything. `handraiser check FILE` proves it and points at the line that is wrong; a running server takes
changes over by itself, and keeps the old configuration when the new one is wrong.

```yaml
";

const ESSENTIALS: &str = "```

## Essentials

**Secrets** come from the environment: any value may contain `${NAME}`, or `${NAME:-default}`, with or without quotes. A
variable that is not set and has no default is an error. `$${` stands for a literal `${`. Messages never show secrets.

**Several files**: `include: [teams.yaml, counters/*.yaml]` reads further files as if they stood there. Mappings and lists of
all files are put together, in the order of reading; `server`, `store`, `accounts` and `time_zone` may be set in one file only.

**Conditions** are written as in [CEL](https://cel.dev): `tasks_30d > 50 && account.plan == \"free\"`; [conditions.md](conditions.md)
tells all that they can say. A condition that begins
with `!`, `\"`, `{` or `[`, or that contains `: ` or ` #`, must be put in quotes, because YAML reads these itself:
`'!(account.plan in [\"team\", \"enterprise\"])'`.

**Durations** are written `30s`, `15m`, `24h`, `30d`, `2w`; **sizes** `500KB`, `32KiB`, `4MB`.

**Editors** complete and check the file when they know its schema, which `handraiser check --schema` prints. With the YAML
language server, begin the file with `# yaml-language-server: $schema=config.schema.json`.

**Reloading** happens when a file changes, and on SIGHUP. What needs a restart is marked below; until then the old value stays
in force, and a warning says so. `/ready` shows the version in force and why the last reload failed, if it did. A change that would lose
something is refused until somebody says that it may be lost: see [operations](operations.md#changing-the-configuration).

**Checking**: `handraiser check` exits with 0 when the configuration can be run, with 1 when it is wrong, with 2 when it can't
be read, with 3 when the running server named by `--against` would lose something. `--strict` fails on warnings, too; `--format json` is for programs.

";

/// The page.
pub fn markdown() -> String {
    let schema = json_schema();
    let mut page = Page { schema: &schema, out: format!("{HEAD}{EXAMPLE}{ESSENTIALS}") };
    let root = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    page.out.push_str("## At the top\n\n");
    page.table(&root, &[]);
    for (name, field) in &root {
        page.section(name, field, 2);
    }
    page.traits();
    page.reserved();
    page.out
}

struct Page<'a> {
    schema: &'a Value,
    out: String,
}

impl Page<'_> {
    /// The section that a field holds, one or by name or in a list, with the sections in it.
    fn section(&mut self, path: &str, field: &Value, level: usize) {
        let Some(section) = self.section_of(field) else { return };
        let title = match kind(field) {
            Holds::One => path.to_owned(),
            Holds::Named => format!("{path}.<name>"),
            Holds::Listed => format!("{path}[]"),
        };
        let hashes = "#".repeat(level);
        let _ = writeln!(self.out, "{hashes} `{title}`\n\n{}\n", text_of(&section, "description"));
        let Some(fields) = section.get("properties").and_then(Value::as_object).filter(|fields| !fields.is_empty())
        else {
            return;
        };
        let required: Vec<&str> =
            section.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        self.table(fields, &required);
        for (name, field) in fields {
            self.section(&format!("{title}.{name}"), field, level + 1);
        }
    }

    fn table(&mut self, fields: &Map<String, Value>, required: &[&str]) {
        self.out.push_str("| field | type | default | |\n|---|---|---|---|\n");
        for (name, field) in fields {
            let default = match field.get("default") {
                Some(default) => code(default),
                None if required.contains(&name.as_str()) => "*required*".to_owned(),
                None => String::new(),
            };
            let mut about = text_of(field, "description").replace('\n', " ");
            let examples: Vec<String> =
                field.get("examples").and_then(Value::as_array).into_iter().flatten().map(code).collect();
            if !examples.is_empty() {
                let _ = write!(about, " Example: {}", examples.join(", "));
            }
            let cells =
                [format!("`{name}`"), Self::type_of(field), default, about].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(self.out, "| {} |", cells.join(" | "));
        }
        self.out.push('\n');
    }

    /// The section that `field` refers to, directly or as the values of a mapping or the items of a list.
    fn section_of(&self, field: &Value) -> Option<Value> {
        let name = reference(field)
            .or_else(|| reference(field.get("additionalProperties")?))
            .or_else(|| reference(field.get("items")?))?;
        self.schema.get("$defs")?.get(name).cloned()
    }

    fn type_of(field: &Value) -> String {
        if let Some(words) = field.get("enum").and_then(Value::as_array) {
            return words.iter().map(code).collect::<Vec<_>>().join(", ");
        }
        if let Some(title) = field.get("title").and_then(Value::as_str) {
            return title.to_owned();
        }
        if reference(field).is_some() {
            return "see below".to_owned();
        }
        if let Some(one) = field.get("anyOf").and_then(|any| any.get(0)) {
            return format!("{}, or a list", Self::type_of(one));
        }
        match field.get("type").and_then(Value::as_str) {
            Some("array") => field.get("items").map_or_else(String::new, |items| match reference(items) {
                Some(_) => "list, see below".to_owned(),
                None => format!("list of {}s", Self::type_of(items)),
            }),
            Some("object") => {
                field.get("additionalProperties").map_or_else(String::new, |values| match reference(values) {
                    Some(_) => "by name, see below".to_owned(),
                    None if values.is_boolean() => "by number: condition".to_owned(),
                    None => format!("by name: {}", Self::type_of(values)),
                })
            }
            _ => String::new(),
        }
    }

    fn traits(&mut self) {
        self.out.push_str("## Traits that are always known\n\n");
        self.out.push_str(
            "Names are written in one form: `createdAt`, `Created At` and `created_at` are all `created_at`. What is below an\n\
             object has no declared type: `user.address.country == \"DE\"`.\n\n| | type | of users | of accounts |\n|---|---|---|---|\n",
        );
        let (users, accounts) = (known_traits(SubjectKind::User), known_traits(SubjectKind::Account));
        let all = users.iter().chain(&accounts).collect::<BTreeMap<_, _>>();
        let (objects, plain): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, ty)| **ty == Type::Any);
        for (name, ty) in plain.into_iter().chain(objects) {
            let word = match ty {
                Type::Any => "object".to_owned(),
                Type::List(_) => "list".to_owned(),
                ty => ty.to_string(),
            };
            let mark = |there: bool| if there { "yes" } else { "" };
            let (of_users, of_accounts) = (mark(users.contains_key(name)), mark(accounts.contains_key(name)));
            let _ = writeln!(self.out, "| `{name}` | {word} | {of_users} | {of_accounts} |");
        }
        self.out.push('\n');
    }

    fn reserved(&mut self) {
        let words: Vec<String> = reserved().map(|word| format!("`{word}`")).collect();
        let _ = writeln!(
            self.out,
            "## Names of counters\n\nLetters, digits and `_`, beginning with a letter or `_`, so that conditions can use them. These \
             words already mean something\nin conditions: {}.",
            words.join(", ")
        );
    }
}

/// How a field holds a section.
enum Holds {
    One,
    Named,
    Listed,
}

fn kind(field: &Value) -> Holds {
    match field.get("type").and_then(Value::as_str) {
        Some("object") => Holds::Named,
        Some("array") => Holds::Listed,
        _ => Holds::One,
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A value as it would be written in YAML.
fn code(value: &Value) -> String {
    format!("`{}`", flow(value))
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}
