//! Do `.env.example` and `--help` name every setting of the programs, and the example nothing else?

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};

use crate::tree;

/// Variables of the programs' own command lines. What `gmbot` has is made of the same parts.
fn variables(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_env());
    own.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Variables that the example sets or shows.
fn shown(example: &str) -> BTreeSet<String> {
    let named = example.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    named.map(|(name, _)| name).filter(|name| plain(name)).map(str::to_owned).collect()
}

#[test]
fn the_example_shows_every_setting_and_no_other() {
    let mut known = variables(&gateway::config::Config::command());
    known.extend(variables(&worker::config::Cli::command()));
    // Says the same as the general one, for traces alone.
    known.remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let example = std::fs::read_to_string(tree::root().join(".env.example")).expect(".env.example is there");
    assert_eq!(shown(&example), known, "left: .env.example, right: the programs");
}

#[test]
fn help_shows_every_setting() {
    for command in [gateway::config::Config::command(), worker::config::Cli::command()] {
        shows_its_settings(command);
    }
}

/// The command's own help, and that of the commands below it.
fn shows_its_settings(mut command: Command) {
    let help = command.render_long_help().to_string();
    let is_shown = |name: &str| ["=", "]"].iter().any(|end| help.contains(&format!("[env: {name}{end}")));
    let hidden: Vec<String> = variables(&command).into_iter().filter(|name| !is_shown(name)).collect();
    assert!(hidden.is_empty(), "{hidden:?} are not in\n{help}");
    command.get_subcommands().cloned().for_each(shows_its_settings);
}

#[test]
fn sentences_are_no_settings() {
    assert_eq!(shown("# a = b\n#PORT=1\nHOST=x\n# PORT = 2\n"), ["HOST", "PORT"].map(str::to_owned).into());
}
