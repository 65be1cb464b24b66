//! How files are named, begun and bounded.

use super::tree::{Source, sources};

/// The longest that a file may be, tests included; 400 lines are the time to look again.
const LONGEST: usize = 600;
/// A file shorter than this needs no sentence about itself.
const SHORT: usize = 10;

const NO_NAMES: [&str; 7] = ["mod", "utils", "util", "common", "helpers", "types", "manager"];

#[test]
fn every_file_says_what_it_answers_and_stays_short() {
    let wrong: Vec<String> = sources().iter().flat_map(faults).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn faults(source: &Source) -> Vec<String> {
    let path = &source.path;
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    let lines = source.text.lines().count();
    let mut faults = Vec::new();
    if name == "mod" {
        faults.push(format!("{path}: name it after its folder, one level up"));
    } else if NO_NAMES.contains(&name) {
        faults.push(format!("{path}: \"{name}\" says nothing: name the file after the question that it answers"));
    }
    if lines > LONGEST {
        faults.push(format!("{path} has {lines} lines: split it before {LONGEST}, by the questions that it answers"));
    }
    if lines >= SHORT && !source.text.starts_with("//! ") {
        faults.push(format!("{path}: begin it with a `//!` line that says which question it answers"));
    }
    faults
}

#[test]
fn faults_are_found() {
    let long = format!("//! Long.\n{}", "\n".repeat(600));
    let untold = "\n".repeat(20);
    let cases = [
        ("worker/src/handlers/mod.rs", "", "name it after its folder"),
        ("worker/src/utils.rs", "", "says nothing"),
        ("worker/src/cache.rs", long.as_str(), "split it"),
        ("worker/src/cache.rs", untold.as_str(), "begin it"),
    ];
    for (path, text, wanted) in cases {
        let source = Source { path: path.to_owned(), krate: "worker", module: Vec::new(), text: text.to_owned() };
        let found = faults(&source);
        assert!(found.len() == 1 && found[0].contains(wanted), "{path}: {found:?}");
    }
}
