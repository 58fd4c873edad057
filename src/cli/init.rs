//! `handraiser init`: writes a configuration to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rand::RngCore as _;

use super::output::CommandError;
use super::paint::{Paint, Tone};

/// What is written. Every secret comes from the environment, with a value for trying out beside it.
const STARTER: &str = include_str!("../../fixtures/starter.yaml");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write it
    #[arg(default_value = "handraiser.yaml", value_name = "FILE")]
    file: PathBuf,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<(), CommandError> {
    write(&args.file, args.force)?;
    let paint = Paint::stdout();
    let env = [
        ("APP_WRITE_KEY", token(16)),
        ("HANDRAISER_ADMIN_TOKEN", token(24)),
        ("CRM_WEBHOOK_URL", "https://crm.example.com/hooks/leads".to_owned()),
        ("CRM_WEBHOOK_SECRET", format!("whsec_{}", secret())),
    ];
    println!("wrote {}", args.file.display());
    println!("\n{}", paint.dim("Its secrets come from the environment. To try it out:"));
    for (name, value) in env {
        println!("  export {name}={value}");
    }
    println!("\n{}", paint.dim("Then:"));
    let file = args.file.display();
    for (command, what) in [
        (format!("handraiser check {file}"), "is it right?"),
        (format!("handraiser serve --config {file}"), "run it"),
        ("handraiser status".to_owned(), "see events arrive"),
    ] {
        println!("  {}  {}", paint.tone(Tone::Accent, format!("{command:<44}")), paint.dim(what));
    }
    Ok(())
}

fn write(path: &Path, force: bool) -> Result<(), CommandError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            CommandError::message(format!("{} is there already; `--force` writes over it", path.display()))
        }
        _ => CommandError::message(format!("can't write {}: {error}", path.display())),
    })?;
    Ok(file.write_all(STARTER.as_bytes())?)
}

fn token(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rand::rng().fill_bytes(&mut random);
    hex::encode(random)
}

fn secret() -> String {
    use base64::Engine as _;
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    base64::engine::general_purpose::STANDARD.encode(random)
}
