//! Which package may depend on which, why each dependency is here, and under what licence.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

use super::tree::root;

/// A package, those of ours that it may depend on, and those of others that it must not, with what to do instead.
struct Package {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
    instead: &'static str,
}

const OURS: [&str; 6] = ["shared", "gateway", "worker", "gmbot", "system-tests", "telegram-sim"];

const PACKAGES: [Package; 6] = [
    Package {
        name: "shared",
        ours: &[],
        never: &["sqlx", "deadpool-redis", "redis", "moka", "teloxide-core"],
        instead: "shared is what gateway and worker agree on; what only one of them needs goes there",
    },
    Package {
        name: "gateway",
        ours: &["shared"],
        never: &["sqlx", "deadpool-redis", "redis", "moka", "teloxide-core", "async-nats"],
        instead: "the gateway keeps no state and reads of an update only its id and routing key; the queue is behind shared::queue",
    },
    Package {
        name: "worker",
        ours: &["shared"],
        never: &["axum-server", "async-nats"],
        instead: "the queue is behind shared::queue; the worker serves nothing but its admin port",
    },
    Package {
        name: "gmbot",
        ours: &["shared", "gateway", "worker", "telegram-sim"],
        never: &["sqlx", "deadpool-redis", "redis", "moka", "teloxide-core", "async-nats"],
        instead: "the all-in-one program only joins gateway and worker",
    },
    Package { name: "system-tests", ours: &OURS, never: &[], instead: "" },
    Package {
        name: "telegram-sim",
        ours: &[],
        never: &["sqlx", "deadpool-redis", "redis", "moka", "teloxide-core", "async-nats"],
        instead: "the simulator is Telegram: it knows nothing of our parts and shares no type with the client that it tests",
    },
];

/// Packages that must not be in the tree at all, directly or not.
const BANNED: [(&str, &str); 4] = [
    ("aws-lc-rs", "ring is the one crypto provider: rustls panics at its first use if there are two"),
    ("openssl", "TLS is rustls with ring"),
    ("native-tls", "TLS is rustls with ring"),
    ("async-std", "tokio is the one runtime"),
];

/// The workspace as cargo sees it. Nothing is fetched: what is built here is there already.
fn metadata(more: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--offline", "--locked"]).args(more).current_dir(root());
    let done = cargo.output().expect("cargo runs these tests, so it is there");
    assert!(done.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("cargo metadata is JSON")
}

/// Everything that is built for this machine.
fn tree() -> Value {
    metadata(&["--filter-platform", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn packages_depend_only_on_what_they_may_know() {
    let workspace = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for package in array(&workspace["packages"]) {
        let names = array(&package["dependencies"]).iter().map(|dependency| text(&dependency["name"]));
        wrong.extend(forbidden(text(&package["name"]), names));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn forbidden<'a>(package: &str, dependencies: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some(rule) = PACKAGES.iter().find(|rule| rule.name == package) else {
        return vec![format!("{package} is new: say in tests/tests/structure/manifests.rs what it may depend on")];
    };
    let wrong = |name: &&str| (OURS.contains(name) && !rule.ours.contains(name)) || rule.never.contains(name);
    dependencies.filter(wrong).map(|name| format!("{package} must not depend on {name}: {}", rule.instead)).collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let wrong = without_reason(&manifest);
    assert!(wrong.is_empty(), "no comment in Cargo.toml says why these are here: {}", wrong.join(", "));
}

/// The dependencies that have no comment above them. One comment may stand for several lines, up to the next empty line.
fn without_reason(manifest: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for line in manifest.lines() {
        match line.trim() {
            "" => explained = false,
            line if line.starts_with('[') => inside = line == "[workspace.dependencies]",
            line if line.starts_with('#') => explained = true,
            line if inside && !explained => wrong.extend(line.split_once(" = ").map(|(name, _)| name.to_owned())),
            _ => {}
        }
    }
    wrong
}

#[test]
fn nothing_banned_is_in_the_tree() {
    let tree = tree();
    let names: BTreeSet<&str> = array(&tree["packages"]).iter().map(|package| text(&package["name"])).collect();
    for (name, reason) in BANNED {
        assert!(!names.contains(name), "{name} is in the tree (`cargo tree -i {name}` says why): {reason}");
    }
}

#[test]
fn every_package_comes_from_the_registry_under_a_licence_that_we_allow() {
    let settings = fs::read_to_string(root().join(".deny.toml")).expect(".deny.toml is in the root");
    let allowed = allowed_licences(&settings);
    let mut wrong = Vec::new();
    for package in array(&tree()["packages"]) {
        let (name, source, licence) = (text(&package["name"]), text(&package["source"]), text(&package["license"]));
        if !source.is_empty() && !source.starts_with("registry+") {
            wrong.push(format!("{name} is from {source}: depend on a published version"));
        }
        if !permits(licence, &allowed) {
            wrong.push(format!(
                "{name} has the licence {licence:?}: choose another package, or allow it in .deny.toml with a reason"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The texts in quotes of the `allow` list of `[licenses]`.
fn allowed_licences(settings: &str) -> BTreeSet<&str> {
    let list =
        settings.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be met. Where it has an AND every licence in it must be allowed, which is stricter than need be.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let exceptions = words.iter().enumerate().filter(|(n, _)| *n > 0 && words[n - 1] == "WITH").map(|(n, _)| n);
    let exceptions: BTreeSet<usize> = exceptions.collect();
    let mut licences = words
        .iter()
        .enumerate()
        .filter(|(n, word)| !exceptions.contains(n) && !["AND", "OR", "WITH"].contains(word))
        .map(|(_, word)| allowed.contains(word));
    if words.contains(&"AND") { licences.all(|ok| ok) } else { licences.any(|ok| ok) }
}

#[test]
fn violations_are_caught() {
    let cases: [(&str, &[&str], usize); 5] = [
        ("gateway", &["shared", "axum"], 0),
        ("gateway", &["worker", "sqlx", "moka"], 3),
        ("telegram-sim", &["shared"], 1),
        ("system-tests", &["worker", "gateway"], 0),
        ("newcomer", &[], 1),
    ];
    for (package, dependencies, wrong) in cases {
        assert_eq!(forbidden(package, dependencies.iter().copied()).len(), wrong, "{package} {dependencies:?}");
    }

    let manifest = "[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n[profile.dev]\nd = 1\n";
    assert_eq!(without_reason(manifest), ["c"]);

    let allowed = allowed_licences("[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n]\n");
    for (expression, ok) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("(MIT OR ISC) AND ISC", true),
        ("MIT AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(permits(expression, &allowed), ok, "{expression}");
    }
}
