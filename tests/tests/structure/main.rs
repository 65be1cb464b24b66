//! Which part must not know which: architecture.md section 2 as tables, held against the manifests and the paths in our sources.

mod files;
mod manifests;
mod modules;
mod paths;
mod promises;
mod sentences;
mod settings;
mod tree;
