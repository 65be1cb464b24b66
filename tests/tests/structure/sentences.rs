//! Every sentence that a person reads is in one file: nowhere else in the worker does a text look like one.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ExprMethodCall, Item, LitStr, Macro,
    visit::{self, Visit},
};

use super::{
    paths::{attributes, is_test},
    tree::{Source, sources},
};

const SENTENCES: &str = "worker/src/texts/sentences.rs";

/// Builds messages out of the sentences: here even a piece of one is a fault.
const TEXTS: &str = "worker/src/texts";

/// What these say is for operators, in a terminal or a log, or for a database or a server.
const FOR_OPERATORS: [&str; 14] = [
    "worker/src/broadcast",
    "worker/src/cache",
    "worker/src/config",
    "worker/src/dead_letters",
    "worker/src/event",
    "worker/src/intake",
    "worker/src/limits",
    "worker/src/main",
    "worker/src/metrics",
    "worker/src/migrate",
    "worker/src/reshard",
    "worker/src/run",
    "worker/src/store",
    "worker/src/telegram",
];

/// Their texts go to the log.
const LOGS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "info_span"];

#[test]
fn people_read_nothing_that_is_not_in_the_file_of_sentences() {
    let wrong: Vec<String> = sources().iter().flat_map(faults).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// One line for each text that looks like a sentence, or like a piece of one where messages are built.
fn faults(source: &Source) -> Vec<String> {
    let path = source.path.as_str();
    let below = |part: &str| path.strip_prefix(part).is_some_and(|rest| rest.starts_with(['.', '/']));
    let is_test = source.module.iter().any(|name| name == "tests");
    if source.krate != "worker" || path == SENTENCES || is_test || FOR_OPERATORS.into_iter().any(below) {
        return Vec::new();
    }
    let file = match syn::parse_file(&source.text) {
        Ok(file) => file,
        Err(error) => return vec![format!("{path} cannot be read: {error}")],
    };
    let mut literals = Literals(Vec::new());
    literals.visit_file(&file);
    let said = literals.0.into_iter().filter(|text| begins_like_a_sentence(text) || below(TEXTS) && has_words(text));
    said.map(|text| format!("{path}: {text:?} is read by people: its place is {SENTENCES}")).collect()
}

/// A capital letter, and a small one or a blank after it.
fn begins_like_a_sentence(text: &str) -> bool {
    let mut letters = text.chars().skip_while(|c| !c.is_alphabetic());
    let first = letters.next().is_some_and(char::is_uppercase);
    first && letters.next().is_some_and(|second| second.is_lowercase() || second.is_whitespace())
}

/// A blank, and a letter outside of what is filled in.
fn has_words(text: &str) -> bool {
    let mut outside_braces = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    text.contains(' ') && outside_braces.any(|part| part.contains(char::is_alphabetic))
}

/// The texts in a file that may be read by people: not those of attributes, logs, invariants and unit tests.
struct Literals(Vec<String>);

impl Literals {
    fn add_tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) {
                        self.0.push(text.value());
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "expect" {
            self.visit_expr(&call.receiver);
        } else {
            visit::visit_expr_method_call(self, call);
        }
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let logs = call.path.segments.last().is_some_and(|name| LOGS.iter().any(|log| name.ident == log));
        if !logs {
            self.add_tokens(call.tokens.clone());
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.0.push(text.value());
    }
}

#[test]
fn sentences_are_found_where_they_should_not_be() {
    let handler = "worker/src/handlers/button.rs";
    let builder = "worker/src/texts/reply.rs";
    let cases = [
        (handler, r#"fn f() { say("Saved."); }"#, 1),
        (handler, r#"fn f() { say(format!("I am {n} days old")); }"#, 1),
        (handler, r#"const BACK: &str = "Back";"#, 1),
        (handler, r#"fn f() { vec![button("❌ My rights")]; }"#, 1),
        (handler, r#"fn f() { row.expect("It is there"); }"#, 0),
        (handler, r#"fn f() { tracing::info!("Said it"); close("lifted by a person"); }"#, 0),
        (handler, r#"#[error("The token is dead")] struct E; /** Said. */ fn f() { g("enforce", "OK"); }"#, 0),
        (handler, r#"#[cfg(test)] mod tests { const A: &str = "Saved."; }"#, 0),
        (builder, r#"fn f() { format!("{n} people") }"#, 1),
        (builder, r#"fn f() { format!("{a}\n\n{b}") + "invite_users" }"#, 0),
        ("worker/src/texts.rs", r#"const A: &str = "the channel";"#, 1),
        (SENTENCES, r#"const A: &str = "Saved.";"#, 0),
        ("worker/src/store/groups.rs", r#"const A: &str = "Select it";"#, 0),
        ("gateway/src/verify.rs", r#"const A: &str = "Not ours";"#, 0),
    ];
    for (path, text, wanted) in cases {
        let krate = if path.starts_with("worker") { "worker" } else { "gateway" };
        let source = Source { path: path.to_owned(), krate, module: Vec::new(), text: text.to_owned() };
        assert_eq!(faults(&source).len(), wanted, "{path}: {text}");
    }
}
