//! The workspace's own files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The packages' sources, as folders from the root, with the name that their code has for itself and for others.
pub(crate) const SOURCES: [(&str, &str); 7] = [
    ("shared/src", "shared"),
    ("gateway/src", "gateway"),
    ("worker/src", "worker"),
    ("deploy/standalone/src", "gmbot"),
    ("tests/src", "system_tests"),
    ("tests/tests", "system_tests"),
    ("tests/telegram-sim/src", "telegram_sim"),
];

/// One `.rs` file of ours.
pub(crate) struct Source {
    /// From the root, such as `worker/src/cache.rs`.
    pub(crate) path: String,
    /// The name of its crate.
    pub(crate) krate: &'static str,
    /// Where it is in the crate: `["handlers", "button"]`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) text: String,
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in tests/").to_owned()
}

/// All of our sources.
pub(crate) fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    for (folder, krate) in SOURCES {
        for path in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&path).expect("a source is UTF-8 text");
            let path = path
                .strip_prefix(&root)
                .expect("it was found below")
                .to_str()
                .expect("we name files in ASCII")
                .to_owned();
            let module = module(path.strip_prefix(folder).expect("it was found there"));
            sources.push(Source { path, krate, module, text });
        }
    }
    sources
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn module(path: &str) -> Vec<String> {
    let path = path.trim_start_matches('/').trim_end_matches(".rs");
    let names: Vec<String> = path.split('/').map(str::to_owned).collect();
    match names.last().map(String::as_str) {
        Some("lib" | "main") => names[..names.len() - 1].to_vec(),
        _ => names,
    }
}

#[test]
fn files_are_modules() {
    let cases: [(&str, &[&str]); 4] = [
        ("/lib.rs", &[]),
        ("/main.rs", &[]),
        ("/cache.rs", &["cache"]),
        ("/handlers/button.rs", &["handlers", "button"]),
    ];
    for (path, wanted) in cases {
        assert_eq!(module(path), wanted, "{path}");
    }
}

#[test]
fn this_file_is_found() {
    let here = sources().into_iter().find(|source| source.path == "tests/tests/structure/tree.rs");
    assert!(here.is_some_and(|source| source.text.contains("fn this_file_is_found")));
}
