//! Modules that must not know each other.

use super::{
    paths::{ASYNC, paths},
    tree::{Source, sources},
};

/// The files of a rule must not name these paths.
struct Rule {
    /// Paths from the root. `worker/src/intake` means `intake.rs` and all below it; `worker/src/handlers/` only what is below.
    files: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

/// Stands for the other modules beside a file.
const SIBLINGS: &str = "its siblings";

const RULES: &[Rule] = &[
    Rule {
        files: &["shared/src/envelope", "shared/src/shard", "shared/src/subject", "shared/src/ids"],
        except: &[],
        never: &["async_nats", "shared::queue"],
        instead: "these are the contract, which the in-process queue shares: what is JetStream's own goes to shared/src/queue/jetstream.rs",
    },
    Rule {
        files: &["gateway/src/verify"],
        except: &[],
        never: &["shared::queue", "shared::envelope", "async_nats", "gateway::webhook"],
        instead: "verify gives a VerifiedUpdate and knows nothing of where it goes; webhook.rs makes the envelope",
    },
    Rule {
        files: &["worker/src/intake"],
        except: &[],
        never: &["worker::event", "worker::handlers", "worker::policy", "worker::telegram", "teloxide_core"],
        instead: "intake moves envelopes and settles them; dispatch.rs turns them into events",
    },
    Rule {
        files: &["worker/src"],
        // run joins the parts, an operator's commands look after the dead letters and the number of shards, timers publish due rows, and the inbox in SQLite is the one table that the queue asks for.
        except: &[
            "worker/src/intake",
            "worker/src/run",
            "worker/src/dead_letters",
            "worker/src/reshard",
            "worker/src/timers",
            "worker/src/store/inbox",
            "worker/src/store/tests/durable_queue",
        ],
        never: &["shared::queue", "async_nats"],
        instead: "only intake and timers name the queue: return a Disposition, or write a due row",
    },
    Rule {
        files: &["worker/src/lanes"],
        except: &[],
        never: &[
            "shared::queue",
            "async_nats",
            "worker::intake",
            "worker::telegram",
            "worker::event",
            "serde",
            "serde_json",
        ],
        instead: "a lane is a key, a piece of work and its outcome: take the work as a closure or a generic",
    },
    Rule {
        files: &["worker/src/event", "worker/src/policy", "shared/src/shard"],
        except: &[],
        never: &[
            ASYNC,
            "tokio",
            "reqwest",
            "sqlx",
            "deadpool_redis",
            "async_nats",
            "std::fs",
            "std::net",
            "std::env",
            "clap",
            "worker::config",
            "worker::store",
            "worker::telegram",
            "worker::cache",
        ],
        instead: "it is pure: take the fact as an argument and let the caller fetch it",
    },
    Rule {
        files: &["worker/src/handlers/"],
        except: &[],
        never: &[SIBLINGS],
        instead: "handlers never call each other: move what both need to a module that is named after it (enforce, membership, texts …)",
    },
    Rule {
        files: &["worker/src/handlers"],
        except: &[],
        never: &["worker::cache", "worker::intake", "sqlx", "reqwest", "deadpool_redis", "std::env"],
        instead: "a handler asks groups, membership, store and telegram, and returns a Disposition; it sees no keys, SQL, HTTP or settings",
    },
    Rule {
        files: &["worker/src/policy"],
        except: &[],
        never: &["worker::texts", "worker::membership", "worker::groups", "worker::enforce"],
        instead: "policy gets Rules and Facts and gives a Decision; texts.rs words it and enforce.rs carries it out",
    },
    Rule {
        files: &["worker/src/cache"],
        except: &[],
        never: &["worker::store", "worker::telegram", "worker::groups", "worker::membership", "worker::policy"],
        instead: "the cache does not know what it holds: its callers bring keys, values and the way to fetch them",
    },
    Rule {
        files: &["worker/src/store"],
        except: &[],
        never: &[
            "worker::cache",
            "worker::telegram",
            "worker::policy",
            "worker::texts",
            "worker::handlers",
            "worker::membership",
        ],
        instead: "the store answers questions about rows; who asks decides what they mean",
    },
    Rule {
        files: &["worker/src", "gateway/src", "deploy/standalone/src"],
        except: &["worker/src/store"],
        never: &["sqlx"],
        instead: "only worker/src/store* holds SQL: add a method that is named after the question",
    },
    Rule {
        files: &["worker/src/telegram"],
        except: &[],
        never: &["worker::store", "worker::policy", "worker::texts", "worker::groups", "worker::handlers"],
        instead: "the client carries calls and their priority; what is said and to whom comes from its callers",
    },
    Rule {
        files: &["worker/src"],
        except: &["worker/src/telegram"],
        never: &["reqwest"],
        instead: "every call passes the one client in worker/src/telegram*, which alone keeps to the budget",
    },
    Rule {
        files: &["tests/src", "tests/tests/system"],
        except: &[],
        never: &["gateway", "worker", "gmbot"],
        instead: "system tests see HTTP in, Telegram calls and rows out: start the program (process::Program) and look from outside",
    },
    Rule {
        files: &["tests/telegram-sim/src"],
        except: &[],
        never: &["shared", "gateway", "worker", "gmbot"],
        instead: "the simulator is Telegram and knows nothing of ours: what it must know is in the Bot API",
    },
];

#[test]
fn no_module_names_what_it_must_not_know() {
    let sources = sources();
    let mut wrong = Vec::new();
    for source in &sources {
        wrong.extend(violations(source, &sources));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// One line for each forbidden path.
fn violations(source: &Source, all: &[Source]) -> Vec<String> {
    let applying: Vec<&Rule> = RULES.iter().filter(|rule| rule.covers(&source.path)).collect();
    if applying.is_empty() || source.module.last().is_some_and(|name| name == "tests") {
        return Vec::new();
    }
    let named = match paths(source) {
        Ok(named) => named,
        Err(error) => return vec![format!("{} cannot be read: {error}", source.path)],
    };
    let own = whole(source);
    let mut wrong = Vec::new();
    for rule in applying {
        let never = rule.never.iter().flat_map(|path| match *path {
            SIBLINGS => siblings(source, all),
            path => vec![path.to_owned()],
        });
        for never in never {
            // A file and what is below it may be named by itself, whatever the rule for its folder.
            for path in named.iter().filter(|path| starts_with(path, &never) && !starts_with(path, &own)) {
                wrong.push(format!("{} must not name {path}: {}", source.path, rule.instead));
            }
        }
    }
    wrong
}

impl Rule {
    fn covers(&self, path: &str) -> bool {
        let covers = |files: &&str| {
            path.strip_prefix(*files)
                .is_some_and(|rest| files.ends_with('/') || rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
        };
        self.files.iter().any(covers) && !self.except.iter().any(covers)
    }
}

/// The file's module with its crate: `worker::handlers::button`.
fn whole(source: &Source) -> String {
    [&[source.krate.to_owned()], source.module.as_slice()].concat().join("::")
}

/// The modules of the other files in the same folder.
fn siblings(source: &Source, all: &[Source]) -> Vec<String> {
    let beside = |other: &&Source| {
        other.krate == source.krate
            && other.module.len() == source.module.len()
            && other.module != source.module
            && other.module.split_last().map(|(_, folder)| folder)
                == source.module.split_last().map(|(_, folder)| folder)
    };
    all.iter().filter(beside).map(whole).collect()
}

/// Whether the path is this one or lies below it.
fn starts_with(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn violations_are_caught() {
    let cases = [
        ("worker/src/handlers/button.rs", "use super::message::on_message;", "worker::handlers::message::on_message"),
        ("worker/src/handlers/button.rs", "fn f() { crate::cache::get() }", "worker::cache::get"),
        ("worker/src/event.rs", "async fn f() {}", "async"),
        ("worker/src/policy.rs", "use tokio::time;", "tokio::time"),
        ("worker/src/groups.rs", "use sqlx::query;", "sqlx::query"),
        ("worker/src/groups.rs", "use shared::{ids, queue::Publish};", "shared::queue::Publish"),
        ("worker/src/enforce.rs", "fn f(c: reqwest::Client) {}", "reqwest::Client"),
        ("worker/src/store/groups.rs", "use crate::telegram;", "worker::telegram"),
        ("worker/src/intake/settle.rs", "use crate::event::Event;", "worker::event::Event"),
        ("worker/src/lanes.rs", "use serde_json::Value;", "serde_json::Value"),
        ("shared/src/subject.rs", "use async_nats::Subject;", "async_nats::Subject"),
        ("gateway/src/verify.rs", "use shared::envelope::Envelope;", "shared::envelope::Envelope"),
        ("tests/telegram-sim/src/world.rs", "use shared::ids::ChatId;", "shared::ids::ChatId"),
        ("tests/tests/system/story.rs", "use worker::store::Store;", "worker::store::Store"),
    ];
    for (path, text, named) in cases {
        let found = check(path, text);
        let wanted = format!("{path} must not name {named}: ");
        assert!(found.iter().any(|line| line.starts_with(&wanted)), "{path}: {text} gave {found:?}");
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    let cases = [
        (
            "worker/src/handlers/button.rs",
            "use super::HandlerError; use crate::{store::Store, membership::Membership};",
        ),
        ("worker/src/handlers.rs", "mod button; use button::on_press;"),
        ("worker/src/store/groups.rs", "use sqlx::query;"),
        ("worker/src/store/inbox.rs", "use shared::queue::in_process::Inbox;"),
        ("worker/src/telegram/calls.rs", "use reqwest::Client;"),
        ("worker/src/intake.rs", "use shared::queue::Deliver;"),
        ("worker/src/policy.rs", "#[cfg(test)] mod tests { use crate::store::Store; }"),
        ("worker/src/storeroom.rs", "use crate::cache::Cache;"),
    ];
    for (path, text) in cases {
        assert_eq!(check(path, text), [""; 0], "{path}: {text}");
    }
}

/// The violations of a text at a path, beside a handler `message`.
#[cfg(test)]
fn check(path: &str, text: &str) -> Vec<String> {
    let source = |path: &str, text: &str| {
        let (folder, krate) = super::tree::SOURCES
            .into_iter()
            .find(|(folder, _)| path.starts_with(folder))
            .expect("the cases are in our packages");
        let module = path[folder.len() + 1..].trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        Source { path: path.to_owned(), krate, module, text: text.to_owned() }
    };
    violations(&source(path, text), &[source("worker/src/handlers/message.rs", "")])
}
