//! From the environment and the command line to settings, or to one sentence that says what is wrong with them.

use std::{
    error::Error as _,
    ffi::{OsStr, OsString},
    fmt,
    net::AddrParseError,
    num::{IntErrorKind, ParseIntError},
    process::ExitCode,
};

use clap::{
    Arg, Command, Parser,
    builder::Resettable,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use crate::telemetry::chain;

/// A setting that keeps the program from starting; ends it with exit code 2. The text is a whole sentence and names the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub String);

const BAD_SETTING: u8 = 2;

/// Reads the settings from `.env`, the environment and the command line. Ends the process with one sentence on stderr and exit
/// code 2 if they are wrong, and with 0 after `--help` and `--version`.
pub fn parse<C: Parser>() -> C {
    let args: Vec<OsString> = std::env::args_os().collect();
    let parsed = load_dotenv(&C::command()).and_then(|()| match try_parse(args, &|name| variable(name)) {
        Ok(settings) => Ok(settings),
        Err(Ended::Shown(error)) => error.exit(),
        Err(Ended::Bad(bad)) => Err(bad),
    });
    match parsed {
        Ok(settings) => settings,
        Err(bad) => {
            tell(&bad);
            std::process::exit(BAD_SETTING.into())
        }
    }
}

/// How a program ends: 0, or 2 with one sentence for a bad setting, or 1 with the chain of causes.
pub fn exit(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    match error.chain().find_map(|cause| cause.downcast_ref::<BadSetting>()) {
        Some(bad) => {
            tell(bad);
            ExitCode::from(BAD_SETTING)
        }
        None => {
            tell(chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "it is the program's last word, also when there is no log yet")]
fn tell(sentence: impl fmt::Display) {
    eprintln!("{sentence}");
}

/// What to log, once, when the variables of the Python bot are still set.
pub fn python_leftovers() -> Option<String> {
    leftovers(&|name| variable(name.as_ref()))
}

#[expect(clippy::disallowed_methods, reason = "this is where settings are read")]
fn variable(name: &OsStr) -> Option<OsString> {
    std::env::var_os(name)
}

fn leftovers(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    let found: Vec<&str> = ["CHANNEL_ID", "GROUP_ID", "CHANNEL_URL"].into_iter().filter(set).collect();
    if found.is_empty() {
        return None;
    }
    let verb = if found.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} {verb} of the Python bot and ignored: send /protect @channel in each group instead",
        found.join(", ")
    ))
}

/// Puts the working directory's `.env` into the environment; what is set already stands.
fn load_dotenv(command: &Command) -> Result<(), BadSetting> {
    let text = match std::fs::read_to_string(".env") {
        Ok(text) => readable(&text, command)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) => return Err(BadSetting("The file .env is there but cannot be read.".to_owned())),
    };
    dotenvy::from_read(text.as_bytes()).map_err(|_| BadSetting("The file .env cannot be read.".to_owned()))
}

/// The text of a `.env` without the lines that cannot be read. Such a line matters only if it is one of our settings: the file may be
/// another program's too.
fn readable(text: &str, command: &Command) -> Result<String, BadSetting> {
    let broken = |line: &str| dotenvy::from_read_iter(line.as_bytes()).any(|read| read.is_err());
    let mut kept = text.trim_start_matches('\u{feff}').to_owned();
    for read in dotenvy::from_read_iter(text.as_bytes()) {
        // The error holds a part of the line. It is not shown: it may be a secret.
        let Err(dotenvy::Error::LineParse(part, _)) = read else { continue };
        let Some(line) = kept.lines().find(|line| line.contains(&part) && broken(line)).map(str::to_owned) else {
            continue;
        };
        let name = line.split('=').next().unwrap_or_default().trim().trim_start_matches("export ");
        if find(command, &|arg| arg.get_env().is_some_and(|env| env == name)).is_some() {
            return Err(BadSetting(format!("{name} cannot be read from .env: put its value in quotes.")));
        }
        kept = kept.replacen(&line, "", 1);
    }
    Ok(kept)
}

/// Why a value cannot be read. The standard library's own words are for programmers.
fn reason(why: &(dyn std::error::Error + 'static)) -> String {
    if why.is::<AddrParseError>() {
        return "it must be an IP address, such as 127.0.0.1 or 0.0.0.0".to_owned();
    }
    match why.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::Zero) => "it must be at least 1".to_owned(),
        Some(IntErrorKind::PosOverflow) => "it is too large".to_owned(),
        Some(_) => "it must be a whole number".to_owned(),
        None => why.to_string(),
    }
}

#[derive(Debug)]
enum Ended {
    /// `--help` and `--version`.
    Shown(Error),
    Bad(BadSetting),
}

fn try_parse<C: Parser>(args: Vec<OsString>, environment: &dyn Fn(&OsString) -> Option<OsString>) -> Result<C, Ended> {
    let mut command = without_empty(C::command(), environment);
    let parsed = command.try_get_matches_from_mut(&args).and_then(|mut matches| C::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| match error.kind() {
        // Shown with all its variables, also those that are set to nothing.
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Ended::Shown(C::command().try_get_matches_from(args).err().unwrap_or(error))
        }
        // An argument that was reset no longer knows its variable's name.
        _ => Ended::Bad(BadSetting(sentence(&error, &C::command()))),
    })
}

/// A variable that is set to nothing counts as not set: `.env` files and Compose leave such lines behind.
fn without_empty(command: Command, environment: &dyn Fn(&OsString) -> Option<OsString>) -> Command {
    let plain = |arg: Arg| {
        let empty =
            arg.get_env().is_some_and(|name| environment(&name.to_owned()).is_some_and(|value| value.is_empty()));
        if empty { arg.env(Resettable::Reset) } else { arg }
    };
    command.mut_args(plain).mut_subcommands(|sub| without_empty(sub, environment))
}

/// clap's report, which is several lines for a reader at a terminal, as one sentence for a log. Never holds a secret value.
fn sentence(error: &Error, command: &Command) -> String {
    let arg = named(error, command);
    let name = arg.map_or_else(|| words(error, ContextKind::InvalidArg), name_of);
    // What was given, unless it may be a secret.
    let given = match arg {
        Some(arg) if arg.is_hide_env_values_set() => String::new(),
        _ => words(error, ContextKind::InvalidValue),
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let how = match arg.and_then(Arg::get_long) {
                Some("bot-token") => "get a token from @BotFather and set it, or pass --bot-token".to_owned(),
                Some(long) => format!("set it, or pass --{long}"),
                None => "--help says what it is".to_owned(),
            };
            format!("{name} is missing: {how}.")
        }
        ErrorKind::InvalidValue if given.is_empty() => format!("{name} needs a value."),
        ErrorKind::InvalidValue => {
            format!("{name} cannot be {given:?}: it is one of {}.", words(error, ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let shown = if given.is_empty() { " is wrong".to_owned() } else { format!(" cannot be {given:?}") };
            let why = error.source().map_or_else(|| "it cannot be read".to_owned(), reason);
            format!("{name}{shown}: {}.", why.trim_end_matches('.'))
        }
        ErrorKind::InvalidSubcommand => {
            format!("There is no command {:?}; --help lists them.", words(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::UnknownArgument => format!("There is no option {name}; --help lists them."),
        // What is left cannot come from a variable; the first line of clap's own report says it.
        _ => {
            let report = error.to_string();
            let first = report.lines().next().unwrap_or_default();
            format!("{}.", first.trim_start_matches("error: ").trim_end_matches(['.', ':']))
        }
    }
}

/// The setting that an error is about. The error has only its usage, such as `--bot-token <BOT_TOKEN>`.
fn named<'a>(error: &Error, command: &'a Command) -> Option<&'a Arg> {
    let usage = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(usage) => usage,
        ContextValue::Strings(usages) => usages.first()?,
        _ => return None,
    };
    let long = usage.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    find(command, &|arg| arg.get_long() == Some(long))
}

fn find<'a>(command: &'a Command, wanted: &dyn Fn(&Arg) -> bool) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| wanted(arg))
        .or_else(|| command.get_subcommands().find_map(|sub| find(sub, wanted)))
}

/// The variable if there is one: it is what stands in `.env` and in manifests.
fn name_of(arg: &Arg) -> String {
    match (arg.get_env(), arg.get_long()) {
        (Some(variable), _) => variable.to_string_lossy().into_owned(),
        (None, Some(long)) => format!("--{long}"),
        (None, None) => arg.get_id().to_string(),
    }
}

fn words(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(one)) => one.clone(),
        Some(ContextValue::Strings(many)) => many.join(", "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Bot, Process, Queue};

    #[derive(Debug, Parser)]
    #[command(version)]
    struct Settings {
        #[command(flatten)]
        process: Process,
        #[command(flatten)]
        bot: Bot,
        #[command(flatten)]
        queue: Queue,
    }

    const TOKEN: &str = "--bot-token=123456:TEST-token-for-the-simulator-only";

    fn read(args: &[&str]) -> Result<Settings, String> {
        let args = std::iter::once("program").chain(args.iter().copied()).map(OsString::from).collect();
        try_parse(args, &|_| None).map_err(|ended| match ended {
            Ended::Shown(error) => format!("shown: {}", error.kind()),
            Ended::Bad(BadSetting(sentence)) => sentence,
        })
    }

    #[test]
    fn the_settings_are_well_formed() {
        use clap::CommandFactory as _;
        Settings::command().debug_assert();
    }

    #[test]
    fn every_mistake_is_one_sentence_that_names_the_variable() {
        let cases: [(&[&str], &str); 14] = [
            (&[], "BOT_TOKEN is missing: get a token from @BotFather and set it, or pass --bot-token."),
            (
                &["--bot-token=hunter2"],
                "BOT_TOKEN is wrong: a token is digits, a colon, and at least 20 letters, digits, _ or -, exactly as @BotFather gives it.",
            ),
            (&[TOKEN, "--shards=0"], "SHARDS cannot be \"0\": it must be at least 1."),
            (&[TOKEN, "--shards=many"], "SHARDS cannot be \"many\": it must be a whole number."),
            (&[TOKEN, "--drain-seconds=soon"], "DRAIN_SECONDS cannot be \"soon\": it must be a whole number."),
            (
                &[TOKEN, "--host=localhost"],
                "HOST cannot be \"localhost\": it must be an IP address, such as 127.0.0.1 or 0.0.0.0.",
            ),
            (&[TOKEN, "--nats-replicas=2"], "NATS_REPLICAS cannot be \"2\": it is one of 1, 3, 5."),
            (
                &[TOKEN, "--environment=staging"],
                "ENVIRONMENT cannot be \"staging\": it is one of development, production.",
            ),
            (&[TOKEN, "--environment"], "ENVIRONMENT needs a value."),
            (
                &[TOKEN, "--telegram-api-url=api.telegram.org"],
                "TELEGRAM_API_URL cannot be \"api.telegram.org\": relative URL without a base.",
            ),
            (
                &[TOKEN, "--nats-url=nats://me:secret@:x"],
                "NATS_URL is wrong: it must be one or more of nats://host:port or tls://host:port, separated by commas.",
            ),
            (
                &[TOKEN, "--metrics-auth=secret"],
                "METRICS_AUTH is wrong: it must be a user name, a colon and a password.",
            ),
            (&[TOKEN, "--colour"], "There is no option --colour; --help lists them."),
            (&["--help"], "shown: DisplayHelp"),
        ];
        for (args, wanted) in cases {
            let said = read(args).expect_err("refused");
            let said = if said.starts_with("shown") { "shown: DisplayHelp" } else { &said };
            assert_eq!(said, wanted, "{args:?}");
        }
    }

    #[test]
    fn defaults_follow_the_environment() {
        let laptop = read(&[TOKEN]).expect("only the token is required");
        assert_eq!(laptop.process.admin_address(8081).to_string(), "127.0.0.1:8081");
        assert_eq!(laptop.process.log_format(), crate::args::LogFormat::Pretty);
        let server = read(&[TOKEN, "--environment=production", "--admin-port=9000"]).expect("settings");
        assert_eq!(server.process.admin_address(8081).to_string(), "0.0.0.0:9000");
        assert_eq!(server.process.log_format(), crate::args::LogFormat::Json);
        assert_eq!(server.queue.shards.count(), 32);
        assert_eq!(server.queue.nats_url.to_string(), "127.0.0.1:4222");
        assert_eq!(server.bot.telegram_api_url.as_str(), "https://api.telegram.org/");
    }

    #[test]
    fn a_variable_set_to_nothing_counts_as_not_set() {
        use clap::CommandFactory as _;
        let empty = |name: &OsString| (name == "SHARDS").then(OsString::new);
        let missing = try_parse::<Settings>(vec!["program".into()], &|name| (name == "BOT_TOKEN").then(OsString::new));
        let Err(Ended::Bad(BadSetting(sentence))) = missing else { panic!("{missing:?}") };
        assert!(sentence.starts_with("BOT_TOKEN is missing"), "{sentence}");
        let command = without_empty(Settings::command(), &empty);
        let variable = |id: &str| find(&command, &|arg| arg.get_id() == id).and_then(Arg::get_env).is_some();
        assert!(!variable("shards") && variable("nats_url"));
    }

    #[test]
    fn a_shared_env_file_stops_us_only_where_it_is_ours() {
        use clap::CommandFactory as _;
        let command = Settings::command();
        let others = "BOT_NAME=My Bot\nSHARDS=8 # parts\n";
        assert_eq!(readable(others, &command), Ok("\nSHARDS=8 # parts\n".to_owned()));
        let ours = "SHARDS=not one word\n";
        assert_eq!(
            readable(ours, &command),
            Err(BadSetting("SHARDS cannot be read from .env: put its value in quotes.".to_owned()))
        );
    }

    #[test]
    fn old_variables_are_named_once_together() {
        let none = leftovers(&|_| None);
        assert_eq!(none, None);
        let one = leftovers(&|name| (name == "GROUP_ID").then(|| "-100".into()));
        assert_eq!(
            one.as_deref(),
            Some("GROUP_ID is of the Python bot and ignored: send /protect @channel in each group instead")
        );
        let all = leftovers(&|_| Some("x".into()));
        assert!(all.is_some_and(|line| line.starts_with("CHANNEL_ID, GROUP_ID, CHANNEL_URL are of")));
    }
}
