//! A program that runs when it is told nothing else: its settings stand beside its subcommands.

use clap::{ArgMatches, Command, CommandFactory, Error, FromArgMatches, Parser, Subcommand};

/// What a program was called for. Without a subcommand it runs; a subcommand asks for its own settings and not for those of running.
#[derive(Clone, Debug)]
pub enum Invocation<R, C> {
    Run(R),
    Command(C),
}

impl<R: Parser, C: Subcommand> Parser for Invocation<R, C> {}

impl<R: Parser, C: Subcommand> CommandFactory for Invocation<R, C> {
    fn command() -> Command {
        beside_subcommands(C::augment_subcommands(R::command()))
    }

    fn command_for_update() -> Command {
        beside_subcommands(C::augment_subcommands_for_update(R::command_for_update()))
    }
}

fn beside_subcommands(command: Command) -> Command {
    command.subcommand_required(false).subcommand_negates_reqs(true).args_conflicts_with_subcommands(true)
}

impl<R: Parser, C: Subcommand> FromArgMatches for Invocation<R, C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        if matches.subcommand_name().is_some() {
            C::from_arg_matches(matches).map(Self::Command)
        } else {
            R::from_arg_matches(matches).map(Self::Run)
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "program")]
    struct Run {
        #[arg(long)]
        token: String,
    }

    #[derive(Debug, Subcommand)]
    enum Tool {
        Migrate {
            #[arg(long)]
            database: String,
        },
    }

    #[test]
    fn a_subcommand_asks_only_for_its_own_settings() {
        let cases: [(&[&str], Result<&str, &str>); 4] = [
            (&["--token", "t"], Ok(r#"Run(Run { token: "t" })"#)),
            (&["migrate", "--database", "d"], Ok(r#"Command(Migrate { database: "d" })"#)),
            (&["migrate"], Err("--database")),
            (&[], Err("--token")),
        ];
        for (args, expected) in cases {
            let parsed = Invocation::<Run, Tool>::try_parse_from(["program"].iter().chain(args));
            match (parsed, expected) {
                (Ok(parsed), Ok(expected)) => assert_eq!(format!("{parsed:?}"), expected),
                (Err(err), Err(named)) => assert!(err.to_string().contains(named), "{err}"),
                (parsed, _) => panic!("{args:?} gave {parsed:?}"),
            }
        }
    }
}
