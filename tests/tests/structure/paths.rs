//! Every path that a source names, whole: `use` trees taken apart, `crate`, `self` and `super` resolved.
//!
//! Unit tests in the file (`#[cfg(test)]`) are left out: they may build what the code itself must not know.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ExprAsync, ExprAwait, Item, ItemMod, ItemUse, Macro, Path, Signature, UseTree,
    visit::{self, Visit},
};

use super::tree::Source;

/// What stands for `async` and `.await`, which are no paths.
pub(crate) const ASYNC: &str = "async";

/// The paths of a source, such as `worker::store::Store`.
///
/// # Errors
/// It is not Rust.
pub(crate) fn paths(source: &Source) -> syn::Result<BTreeSet<String>> {
    let file = syn::parse_file(&source.text)?;
    let mut finder = Finder { krate: source.krate, module: source.module.clone(), found: BTreeSet::new() };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder {
    krate: &'static str,
    /// Where we are now, inline modules included.
    module: Vec<String>,
    found: BTreeSet<String>,
}

impl Finder {
    fn add(&mut self, segments: &[String]) {
        let mut whole = Vec::new();
        let mut rest = segments;
        if let Some((first, after)) = segments.split_first() {
            match first.as_str() {
                "crate" => (whole, rest) = (vec![self.krate.to_owned()], after),
                "self" | "super" => {
                    whole = [self.krate.to_owned()].into_iter().chain(self.module.iter().cloned()).collect();
                    while let Some((step, after)) = rest.split_first().filter(|(s, _)| *s == "self" || *s == "super") {
                        if step == "super" {
                            whole.pop();
                        }
                        rest = after;
                    }
                }
                _ => {}
            }
        }
        whole.extend_from_slice(rest);
        self.found.insert(whole.join("::"));
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.add(before),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add_tree(before, item)),
        }
    }

    /// The paths in the arguments of a macro call: names with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if !path.is_empty() && colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => self.restart(&mut path, Some(name.to_string())),
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.restart(&mut path, None);
                    self.add_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.restart(&mut path, None),
            }
            colons = 0;
        }
        self.restart(&mut path, None);
    }

    fn restart(&mut self, path: &mut Vec<String>, first: Option<String>) {
        if path.len() > 1 {
            self.add(path);
        }
        path.clear();
        path.extend(first);
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // One name alone is a variable or something brought in by a `use`, which is seen there.
        if segments.len() > 1 {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        if signature.asyncness.is_some() {
            self.found.insert(ASYNC.to_owned());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast ExprAsync) {
        self.found.insert(ASYNC.to_owned());
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, wait: &'ast ExprAwait) {
        self.found.insert(ASYNC.to_owned());
        visit::visit_expr_await(self, wait);
    }
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<Path>().is_ok_and(|condition| condition.is_ident("test"))
}

#[test]
fn paths_are_found_whole() {
    let cases: [(&str, &[&str]); 10] = [
        (
            "use crate::{cache, store::{self, groups::Row}};",
            &["worker::cache", "worker::store", "worker::store::groups::Row"],
        ),
        ("use super::message::on_message as x;", &["worker::handlers::message::on_message"]),
        ("use super::super::cache::*;", &["worker::cache"]),
        ("use ::sqlx::query; fn f(pool: sqlx::PgPool) {}", &["sqlx::PgPool", "sqlx::query"]),
        ("fn f() { crate::store::open(); }", &["worker::store::open"]),
        ("fn f() { info!(a = 1, crate::store::NAME, \"b::c\"); }", &["worker::store::NAME"]),
        ("fn f(sqlx: u8) { g(sqlx); }", &[]),
        ("mod inner { use super::super::message; }", &["worker::handlers::message"]),
        ("// use crate::store;\nconst S: &str = \"crate::store\";", &[]),
        ("#[cfg(test)] mod tests { use crate::store; }", &[]),
    ];
    for (text, wanted) in cases {
        let source = button(text);
        let found = paths(&source).expect("the cases are Rust");
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted, "{text}");
    }
}

#[test]
fn waiting_is_found() {
    for text in ["async fn f() {}", "fn f() { g(async {}) }", "fn f() { x.await }", "trait T { async fn f(); }"] {
        assert!(paths(&button(text)).expect("the cases are Rust").contains(ASYNC), "{text}");
    }
}

/// A source with this text, at `worker/src/handlers/button.rs`.
#[cfg(test)]
pub(crate) fn button(text: &str) -> Source {
    Source {
        path: "worker/src/handlers/button.rs".to_owned(),
        krate: "worker",
        module: vec!["handlers".to_owned(), "button".to_owned()],
        text: text.to_owned(),
    }
}
