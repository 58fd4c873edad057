//! Every recipe of docs/definitions.md is played: `fixtures/recipes/` has a file for each heading, and in it a play (as in
//! `criteria.rs`) for each piece of configuration below it, divided by `---`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::criteria::{line, play};

/// A piece of configuration and where it stands.
struct Recipe {
    heading: String,
    /// Which one below its heading, from 0.
    nth: usize,
    config: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn recipes(page: &str) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    let (mut heading, mut nth, mut open) = (String::new(), 0, None::<String>);
    for line in page.lines() {
        match &mut open {
            Some(_) if line == "```" => {
                recipes.push(Recipe { heading: heading.clone(), nth, config: open.take().unwrap() });
                nth += 1;
            }
            Some(config) => *config += &format!("{line}\n"),
            None if line == "```yaml" => open = Some(String::new()),
            None if line.starts_with("##") => (heading, nth) = (line.trim_start_matches(['#', ' ']).to_owned(), 0),
            None => {}
        }
    }
    recipes
}

/// `Used more and more` → `used-more-and-more`.
fn slug(heading: &str) -> String {
    let words = heading.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

fn file(heading: &str) -> PathBuf {
    root().join("fixtures/recipes").join(slug(heading)).with_extension("txt")
}

async fn play_one(recipe: &Recipe) -> Result<(), String> {
    let text = std::fs::read_to_string(file(&recipe.heading)).map_err(|error| error.to_string())?;
    let text = text.split("---\n").nth(recipe.nth).ok_or("it is not played")?;
    let says = |what: &str| text.lines().any(|line| line.contains(what));
    if !says("=> nothing") && !says(", lapsed") {
        return Err("nothing shows who is no lead".to_owned());
    }
    if !text.lines().any(|line| line.contains("=> ") && !line.contains("nothing")) && !says("?? ") {
        return Err("nothing shows who is a lead".to_owned());
    }
    let lines: Vec<_> = text.lines().map(line).collect();
    play(&recipe.config, &lines, false).await
}

#[tokio::test]
async fn every_recipe_is_played() {
    let page = std::fs::read_to_string(root().join("docs/definitions.md")).expect("the page can be read");
    let all = recipes(&page);
    assert!(all.len() >= 30, "the recipes are found: {}", all.len());
    let mut wrong = Vec::new();
    for recipe in &all {
        if let Err(why) = play_one(recipe).await {
            wrong.push(format!("{} ({}): {why}", recipe.heading, recipe.nth + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<PathBuf> = all.iter().map(|recipe| file(&recipe.heading)).collect();
    let folder = std::fs::read_dir(root().join("fixtures/recipes")).expect("the folder can be read");
    let unused: Vec<_> =
        folder.map(|file| file.unwrap().path()).filter(|path: &PathBuf| !known.contains(Path::new(path))).collect();
    assert!(unused.is_empty(), "nothing in the page is played by {unused:?}");
}
