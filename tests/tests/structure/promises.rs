//! Which promise is shown by which test? `tests/promises.txt` says so, and here it is held against the tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use proc_macro2::TokenStream;
use syn::{FnArg, Item, ItemFn, Meta};

use super::tree;

const TABLE: &str = "tests/promises.txt";
/// The last is not about what gmbot does, but about what others of its kind do wrong.
const SECTIONS: u32 = 8;

#[derive(Debug, Default)]
struct Row {
    number: (u32, u32),
    promise: String,
    tests: Vec<String>,
    elsewhere: Option<String>,
    missing: Option<String>,
}

/// Where a test is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Played {
    OnBoth,
    StandAlone,
    Split,
    Elsewhere,
}

fn rows(table: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(about) = line.strip_prefix("    ") else {
            rows.push(row(line).ok_or_else(|| format!("{line:?} does not begin with a number such as 2.13"))?);
            continue;
        };
        let row = rows.last_mut().ok_or_else(|| format!("{line:?} stands below no promise"))?;
        if let Some(why) = about.strip_prefix("elsewhere: ") {
            row.elsewhere = Some(why.to_owned());
        } else if let Some(what) = about.strip_prefix("not shown yet: ") {
            row.missing = Some(what.to_owned());
        } else {
            row.tests.push(about.to_owned());
        }
    }
    Ok(rows)
}

fn row(line: &str) -> Option<Row> {
    let (number, promise) = line.split_once(' ')?;
    let (section, place) = number.split_once('.')?;
    let number = (section.parse().ok()?, place.parse().ok()?);
    Some(Row { number, promise: promise.to_owned(), ..Row::default() })
}

/// What is wrong with the table, if `played` says where the test of that name is played.
fn faults(rows: &[Row], mut played: impl FnMut(&str) -> Option<Played>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut last = (0, 0);
    for row in rows {
        let Row { number: (section, place), promise, tests, elsewhere, missing } = row;
        let at = format!("{section}.{place}");
        if row.number != (last.0, last.1 + 1) && row.number != (last.0 + 1, 1) {
            faults.push(format!("{at} does not follow {}.{}", last.0, last.1));
        }
        last = row.number;
        if !promise.ends_with('.') {
            faults.push(format!("{at}: {promise:?} is no sentence"));
        }
        let forms: Vec<Played> = tests.iter().filter_map(|test| played(test)).collect();
        for test in tests.iter().filter(|test| played(test).is_none()) {
            faults.push(format!("{at}: there is no test {test}"));
        }
        let on = |form| forms.contains(&form);
        let on_both = on(Played::OnBoth) || on(Played::StandAlone) && on(Played::Split);
        if tests.is_empty() && missing.is_none() {
            faults.push(format!("{at} is shown by nothing: say so"));
        }
        if !on_both && elsewhere.is_none() && missing.is_none() {
            faults.push(format!("{at} is not shown on both forms: say why"));
        }
        if on_both && elsewhere.is_some() {
            faults.push(format!("{at} is shown on both forms: nothing has to be said about elsewhere"));
        }
    }
    if last.0 != SECTIONS {
        faults.push(format!("there are {SECTIONS} sections, and the last one here is {}", last.0));
    }
    faults
}

/// The tests of a file, with where each is played.
fn tests_in(name: &str) -> BTreeMap<String, Played> {
    let path = if name.ends_with(".rs") { name.to_owned() } else { format!("tests/tests/{name}.rs") };
    let text = fs::read_to_string(tree::root().join(path)).unwrap_or_default();
    let mut found = BTreeMap::new();
    if let Ok(file) = syn::parse_file(&text) {
        collect(name, file.items, &mut found);
    }
    found
}

fn collect(file: &str, items: Vec<Item>, found: &mut BTreeMap<String, Played>) {
    for item in items {
        match item {
            Item::Fn(function) if is_test(&function) => {
                let played = match file.split('/').next() {
                    Some("scenarios") if is_on_both(&function) => Played::OnBoth,
                    Some("scenarios") => continue,
                    Some("behaviour") => Played::StandAlone,
                    Some("system") => Played::Split,
                    _ => Played::Elsewhere,
                };
                found.insert(function.sig.ident.to_string(), played);
            }
            Item::Mod(module) => collect(file, module.content.unwrap_or_default().1, found),
            _ => {}
        }
    }
}

fn is_test(function: &ItemFn) -> bool {
    function.attrs.iter().any(|attribute| attribute.path().segments.last().is_some_and(|name| name.ident == "test"))
}

/// Whether one of its arguments is each of the two forms.
fn is_on_both(function: &ItemFn) -> bool {
    let names = |tokens: &TokenStream| -> BTreeSet<String> {
        tokens.clone().into_iter().map(|token| token.to_string()).filter(|token| token != ",").collect()
    };
    let both = BTreeSet::from(["StandAlone", "Split"].map(str::to_owned));
    let attributes = function.sig.inputs.iter().flat_map(|argument| match argument {
        FnArg::Typed(typed) => typed.attrs.as_slice(),
        FnArg::Receiver(_) => &[],
    });
    let mut values = attributes.filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("values") => Some(&list.tokens),
        _ => None,
    });
    values.any(|tokens| names(tokens) == both)
}

#[test]
#[expect(clippy::print_stderr, reason = "what nothing shows yet is told to whoever reads the run, and no fault of it")]
fn every_promise_is_shown_by_a_test_or_said_not_to_be() {
    let table = fs::read_to_string(tree::root().join(TABLE)).expect("the table is there");
    let rows = rows(&table).expect("the table can be read");
    let mut files: BTreeMap<String, BTreeMap<String, Played>> = BTreeMap::new();
    let faults = faults(&rows, |test| {
        let (file, name) = test.split_once("::")?;
        files.entry(file.to_owned()).or_insert_with(|| tests_in(file)).get(name).copied()
    });
    assert!(faults.is_empty(), "{TABLE}:\n{}\n", faults.join("\n"));
    let missing: Vec<String> = rows
        .iter()
        .filter_map(|Row { number: (section, place), missing, .. }| {
            missing.as_ref().map(|what| format!("{section}.{place}: {what}"))
        })
        .collect();
    eprintln!("{} of {} promises are not wholly shown yet:\n{}", missing.len(), rows.len(), missing.join("\n"));
}

#[test]
fn faults_of_a_table_are_found() {
    let played = |test: &str| match test {
        "scenarios/a::both" => Some(Played::OnBoth),
        "behaviour/a::one" => Some(Played::StandAlone),
        "system/a::other" => Some(Played::Split),
        "worker/src/a.rs::rule" => Some(Played::Elsewhere),
        _ => None,
    };
    let found = |below: &str| {
        let whole: String = (2..=SECTIONS).map(|n| format!("{n}.1 Said.\n    scenarios/a::both\n")).collect();
        faults(&rows(&format!("# Words\n\n{below}{whole}")).expect("a table"), played)
    };
    for (below, wanted) in [
        ("1.1 Said.\n    scenarios/a::both\n", None),
        ("1.1 Said.\n    behaviour/a::one\n    system/a::other\n", None),
        ("1.1 Said.\n    worker/src/a.rs::rule\n    elsewhere: one rule for both\n", None),
        ("1.1 Said.\n    not shown yet: it is being made\n", None),
        ("1.1 Said.\n    scenarios/a::gone\n    scenarios/a::both\n", Some("there is no test scenarios/a::gone")),
        ("1.1 Said.\n    behaviour/a::one\n", Some("not shown on both forms")),
        ("1.1 Said.\n    scenarios/a::both\n    elsewhere: no\n", Some("nothing has to be said")),
        ("1.1 Said\n    scenarios/a::both\n", Some("no sentence")),
        ("1.2 Said.\n    scenarios/a::both\n", Some("1.2 does not follow 0.0")),
    ] {
        let found = found(below);
        let as_wanted = match wanted {
            None => found.is_empty(),
            Some(text) => found.len() == 1 && found[0].contains(text),
        };
        assert!(as_wanted, "{below}{found:?}");
    }
    assert_eq!(found("1.1 Said.\n").len(), 2, "it says neither that nothing shows it nor why");
    assert!(rows("Said.").is_err() && rows("    scenarios/a::both").is_err());
}
