//! A wrong or missing setting ends each program with one sentence that names the variable, and exit code 2, before a port is bound.

use std::{net::TcpListener, time::Duration};

use async_nats::jetstream;
use system_tests::{
    process::{Ended, Launch, Program},
    services::nats::Nats,
    split::Split,
    wait::PATIENCE,
};

const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";
const SECRETS: [&str; 3] = ["hunter2", "TEST-token", "for-the-simulator"];

/// A program, the variables that are set (besides what it needs), the one that its sentence begins with.
type Case = (Program, &'static [(&'static str, &'static str)], &'static str);

const ALL: [Program; 3] = [Program::Gateway, Program::Worker, Program::Gmbot];

/// What is wrong in the same way in every program.
const EVERYWHERE: [(&[(&str, &str)], &str); 11] = [
    (&[("BOT_TOKEN", "")], "BOT_TOKEN"),
    (&[("BOT_TOKEN", "hunter2")], "BOT_TOKEN"),
    (&[("BOT_TOKEN", "TEST-token-for-the-simulator-only")], "BOT_TOKEN"),
    (&[("TELEGRAM_API_URL", "api.telegram.org")], "TELEGRAM_API_URL"),
    (&[("METRICS_AUTH", "hunter2")], "METRICS_AUTH"),
    (&[("RUST_LOG", "worker=loud")], "RUST_LOG"),
    (&[("LOG_FORMAT", "xml")], "LOG_FORMAT"),
    (&[("ENVIRONMENT", "staging")], "ENVIRONMENT"),
    (&[("HOST", "localhost")], "HOST"),
    (&[("DRAIN_SECONDS", "soon")], "DRAIN_SECONDS"),
    (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
];

const PRODUCTION: (&str, &str) = ("ENVIRONMENT", "production");
const SECRET: (&str, &str) = ("WEBHOOK_SECRET", "hunter2");
const PUBLIC: (&str, &str) = ("WEBHOOK_URL", "https://bot.example.org");

const CASES: [Case; 24] = [
    (Program::Gateway, &[("NATS_URL", "nats://me:hunter2@:x")], "NATS_URL"),
    (Program::Gateway, &[("NATS_REPLICAS", "9")], "NATS_REPLICAS"),
    (Program::Gateway, &[("SHARDS", "0")], "SHARDS"),
    (Program::Gateway, &[("SHARDS", "many")], "SHARDS"),
    (Program::Gateway, &[PRODUCTION, PUBLIC], "WEBHOOK_SECRET"),
    (Program::Gateway, &[PRODUCTION, PUBLIC, ("WEBHOOK_SECRET", "hunter2 hunter2")], "WEBHOOK_SECRET"),
    (Program::Gateway, &[PRODUCTION, ("WEBHOOK_URL", "bot.example.org"), SECRET], "WEBHOOK_URL"),
    (Program::Gateway, &[("PORT", "70000")], "PORT"),
    (Program::Gateway, &[("TLS_CERT", "chain.pem")], "TLS_KEY"),
    (
        Program::Gateway,
        // Found when the files are read, which is logged.
        &[PRODUCTION, PUBLIC, SECRET, ("TLS_CERT", "chain.pem"), ("TLS_KEY", "key.pem"), ("RUST_LOG", "off")],
        "TLS_CERT",
    ),
    (Program::Worker, &[("DATABASE_URL", "")], "DATABASE_URL"),
    (Program::Worker, &[("DATABASE_URL", "mysql://bot:hunter2@db/gmbot")], "DATABASE_URL"),
    (Program::Worker, &[("DATABASE_URL", "postgres://bot:hunter2@db:port/gmbot")], "DATABASE_URL"),
    (Program::Worker, &[("DB_POOL_SIZE", "21")], "DB_POOL_SIZE"),
    (Program::Worker, &[("NATS_URL", "nats://me:hunter2@:x")], "NATS_URL"),
    (Program::Worker, &[("SHARDS", "0")], "SHARDS"),
    (Program::Worker, &[("REDIS_URL", "hunter2")], "REDIS_URL"),
    (Program::Worker, &[("REDIS_URL", "http://:hunter2@cache")], "REDIS_URL"),
    (Program::Worker, &[("LIMIT_SEND_PER_S", "0")], "LIMIT_SEND_PER_S"),
    (Program::Worker, &[("LIMIT_READ_PER_S", "fast")], "LIMIT_READ_PER_S"),
    (Program::Gmbot, &[("DATABASE_URL", "postgres://bot:hunter2@db/gmbot")], "DATABASE_URL"),
    (Program::Gmbot, &[("DB_POOL_SIZE", "0")], "DB_POOL_SIZE"),
    (Program::Gmbot, &[PRODUCTION, PUBLIC], "WEBHOOK_SECRET"),
    (Program::Gmbot, &[("LIMIT_SEND_PER_GROUP_PER_MIN", "0")], "LIMIT_SEND_PER_GROUP_PER_MIN"),
];

#[tokio::test]
async fn a_wrong_setting_is_told_in_one_sentence_before_a_port_is_bound() -> anyhow::Result<()> {
    // Whoever binds before it has looked at its settings finds these taken, and says that instead.
    let (admin, public) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let (admin, public) = (admin.local_addr()?.port().to_string(), public.local_addr()?.port().to_string());
    let everywhere = EVERYWHERE.iter().flat_map(|(set, named)| ALL.map(|program| (program, *set, *named)));
    for (program, set, named) in everywhere.chain(CASES) {
        let mut launch = program
            .launch()
            .env("BOT_TOKEN", TOKEN)
            .env("TELEGRAM_API_URL", "http://127.0.0.1:1")
            .env("NATS_URL", "nats://127.0.0.1:1")
            .env(
                "DATABASE_URL",
                if program == Program::Gmbot { "./gmbot.db" } else { "postgres://bot@127.0.0.1:1/gmbot" },
            )
            .env("ADMIN_PORT", &admin)
            .env("PORT", &public);
        for (name, value) in set {
            launch = launch.env(name, value);
        }
        let ended = launch.run(PATIENCE).await?;
        one_sentence(&ended, named, &format!("{program:?} with {set:?}"));
    }
    Ok(())
}

#[tokio::test]
async fn another_number_of_shards_than_the_queue_has_is_told_in_one_sentence() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    drop(split.gateway().start().await?);
    for launch in [split.gateway(), split.worker()] {
        // What comes before it is known is logged.
        let ended = launch.env("SHARDS", "8").env("RUST_LOG", "off").run(PATIENCE).await?;
        one_sentence(&ended, "SHARDS is 8, but the queue was made with 32: set SHARDS=32", "8 shards");
    }
    let stream = split.jetstream().await?.get_stream("UPD").await?.cached_info().config.clone();
    assert_eq!(stream.subjects, ["upd.32.*.*.*"], "the queue is as it was");
    Ok(())
}

#[tokio::test]
async fn a_stream_of_somebody_else_is_not_touched() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let theirs =
        jetstream::stream::Config { name: "UPD".into(), subjects: vec!["orders.>".into()], ..Default::default() };
    split.jetstream().await?.create_stream(theirs).await?;
    for launch in [split.gateway(), split.worker()] {
        let ended = launch.env("RUST_LOG", "off").run(PATIENCE).await?;
        one_sentence(&ended, "NATS_URL", "another's stream");
    }
    let stream = split.jetstream().await?.get_stream("UPD").await?.cached_info().config.clone();
    assert_eq!(stream.subjects, ["orders.>"]);
    Ok(())
}

#[tokio::test]
async fn the_queue_of_another_bot_is_refused_in_one_sentence() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let _worker = split.worker().start().await?;
    let programs = [
        split.gateway(),
        split.worker(),
        split.worker().args(["dead-letters", "list"]),
        split.worker().arg("reshard").env("SHARDS", "64"),
    ];
    for program in programs {
        let launch = program.env("BOT_TOKEN", "654321:TEST-token-of-another-bot").env("RUST_LOG", "off");
        let ended = launch.run(PATIENCE).await?;
        one_sentence(
            &ended,
            "BOT_TOKEN is one of bot 654321, but NATS_URL names the queue of bot",
            "another bot's queue",
        );
    }
    Ok(())
}

#[tokio::test]
async fn old_variables_of_the_python_bot_are_named_once_and_ignored() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let gmbot = Program::Gmbot
        .launch()
        .env("BOT_TOKEN", split.sim.token())
        .env("TELEGRAM_API_URL", split.sim.api_url())
        .env("DATABASE_URL", "sqlite:///./gmbot.db");
    // First the one that polls: the gateway sets a webhook.
    for launch in [gmbot, split.worker(), split.gateway()] {
        let process = old(launch).start().await?;
        let named = process.lines_with("CHANNEL_ID");
        assert_eq!(named.len(), 1, "{:?}", process.lines());
        assert!(named[0].contains("CHANNEL_ID, GROUP_ID, CHANNEL_URL are of the Python bot and ignored"), "{named:?}");
    }
    Ok(())
}

fn old(launch: Launch) -> Launch {
    launch.env("CHANNEL_ID", "@news").env("GROUP_ID", "-100123").env("CHANNEL_URL", "https://t.me/news")
}

#[tokio::test]
async fn a_token_that_telegram_does_not_accept_is_told_in_one_sentence() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let gmbot = Program::Gmbot.launch().env("TELEGRAM_API_URL", split.sim.api_url());
    for launch in [split.gateway(), split.worker(), gmbot] {
        let launch = launch.env("BOT_TOKEN", "123456:TEST-token-that-nobody-was-given").env("RUST_LOG", "off");
        one_sentence(&launch.run(PATIENCE).await?, "BOT_TOKEN", "a token that is none");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_wants_another_password_is_waited_for() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let url = Nats::shared().await?.account()?.replace(":test@", ":hunter2@");
    let process = split.gateway().env("NATS_URL", url).spawn()?;
    let line = process.line_with("waiting for NATS", Duration::from_secs(10)).await?;
    assert!(line.contains("uthoriz") && !line.contains("hunter2"), "{line}");
    Ok(())
}

fn one_sentence(ended: &Ended, named: &str, case: &str) {
    assert_eq!(ended.code, 2, "{case}: {:?}", ended.lines);
    let [sentence] = &ended.lines[..] else { panic!("{case}: not one line: {:?}", ended.lines) };
    assert!(sentence.starts_with(named) && sentence.ends_with('.'), "{case}: {sentence}");
    for secret in SECRETS {
        assert!(!sentence.contains(secret), "{case}: {sentence}");
    }
}
