//! One update, one trace: what Jaeger is shown of a message that was deleted.

use anyhow::Context as _;
use system_tests::{
    collector::{Collector, Span, SpanKind},
    http, ports,
    process::Launch,
    split::{Split, WEBHOOK_SECRET},
    wait::{PATIENCE, wait_for},
};
use telegram_sim::{faults::Fault, ledger::Calls};

/// The spans of a trace that are of this name.
fn named<'a>(trace: &[&'a Span], name: &str) -> anyhow::Result<&'a Span> {
    trace.iter().copied().find(|span| span.name == name).with_context(|| {
        let names: Vec<&str> = trace.iter().map(|span| span.name.as_str()).collect();
        format!("there is no {name} among {names:?}")
    })
}

#[tokio::test]
async fn a_message_is_followed_from_the_webhook_to_the_last_call() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let split = Split::prepare().await?;
    let traced = |program: Launch| program.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut worker = traced(split.worker()).start().await?;
    let mut gateway = traced(split.gateway()).start().await?;
    let place = split.protected_group().await?;
    let ann = split.world.person_in(place.group, "Ann");
    split.world.say(place.group, ann, "Hello!")?;
    let warned = || split.world.bot_messages(place.group).into_iter().find(|seen| seen.text.starts_with("Ann"));
    split.sim.wait("the warning", PATIENCE, warned).await?;
    for process in [&mut gateway, &mut worker] {
        assert_eq!(process.stop().await?, 0);
    }

    let spans = collector.spans();
    let muted = spans.iter().find(|span| span.name == "restrictChatMember").context("nobody was muted")?;
    let trace: Vec<&Span> = spans.iter().filter(|span| span.trace == muted.trace).collect();
    let received = named(&trace, "POST /telegram/webhook")?;
    assert_eq!((received.service.as_str(), received.kind, received.parent.as_str()), ("gateway", SpanKind::Server, ""));
    assert_eq!(received.attributes["http.response.status_code"], "200");
    let sent = named(&trace, "send")?;
    assert_eq!((sent.service.as_str(), sent.kind, &sent.parent), ("gateway", SpanKind::Producer, &received.id));
    assert_eq!(sent.attributes["messaging.system"], "nats");
    assert!(!sent.attributes["messaging.message.id"].is_empty(), "{sent:?}");
    let processed = named(&trace, "process")?;
    assert_eq!(
        (processed.service.as_str(), processed.kind, &processed.parent),
        ("worker", SpanKind::Consumer, &sent.id)
    );
    assert_eq!(processed.links, std::slice::from_ref(&sent.id), "{processed:?}");
    for span in [sent, processed] {
        assert_eq!(span.attributes["chat.id"], place.group.to_string(), "{span:?}");
        assert!(span.attributes.contains_key("update.id"), "{span:?}");
    }
    for method in ["getChatMember", "deleteMessage", "restrictChatMember", "sendMessage"] {
        let call = named(&trace, method)?;
        assert_eq!((call.service.as_str(), call.kind), ("worker", SpanKind::Client), "{call:?}");
        assert_eq!(call.attributes["url.template"], format!("/bot{{token}}/{method}"));
        assert!(!call.is_error, "{call:?}");
    }
    // Its verdict was looked for in Redis, and the budget of the calls is there; the mute has a row.
    for part in ["get", "reserve", "add_mutes"] {
        assert_eq!(named(&trace, part)?.kind, SpanKind::Client, "{part}");
    }
    // Everything hangs together: each span has its parent in the trace.
    for span in &trace {
        let has_parent = span.parent.is_empty() || trace.iter().any(|other| other.id == span.parent);
        assert!(has_parent, "{span:?} hangs in the air");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_bot_does_later_stays_in_the_trace_of_what_caused_it() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let split = Split::prepare().await?;
    let mut worker = split.worker().env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()).start().await?;
    let mut gateway = split.gateway().env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()).start().await?;
    let place = split.protected_group().await?;
    let ann = split.world.person_in(place.group, "Ann");
    split.world.say(place.group, ann, "Hello!")?;
    let warned = || split.world.bot_messages(place.group).into_iter().find(|seen| seen.text.starts_with("Ann"));
    split.sim.wait("the warning", PATIENCE, warned).await?;
    // The look at whoever was muted comes 10 to 30 s later.
    let muted = async || {
        let spans = collector.spans();
        spans.into_iter().find(|span| span.name == "restrictChatMember").ok_or_else(|| "no trace yet".to_owned())
    };
    let muted = wait_for("the trace of the mute", PATIENCE, muted).await?;
    let tasks = async || {
        let processed =
            collector.spans().into_iter().filter(|span| span.trace == muted.trace && span.name == "process");
        match processed.count() {
            0 | 1 => Err("only the update was processed".to_owned()),
            more => Ok(more),
        }
    };
    wait_for("a task in the same trace", 2 * PATIENCE, tasks).await?;
    for process in [&mut gateway, &mut worker] {
        assert_eq!(process.stop().await?, 0);
    }
    Ok(())
}

/// With all that can be logged, and with everything going wrong that a secret might be told with.
#[tokio::test]
async fn secrets_are_in_no_trace_log_metric_or_error() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let split = Split::prepare().await?.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()).env("RUST_LOG", "trace");
    let (mut gateway, mut worker) = split.start().await?;
    let place = split.protected_group().await?;
    let faults = [Fault::error(502, "Bad Gateway"), Fault::reply_lost(), Fault::error(404, "Not Found")];
    for fault in faults {
        split.sim.fault(fault.on("getChatMember").next(1));
        let person = split.world.person_in(place.group, "Ann");
        split.world.say(place.group, person, "Hello!")?;
    }
    let asked = |calls: &Calls| (calls.of("getChatMember").len() >= 4).then_some(());
    split.sim.wait_for("the questions that fail", PATIENCE, asked).await?;
    // A stranger's webhook, and one with a wrong secret.
    let hook = format!("http://127.0.0.1:{}/telegram/webhook", split.webhook_port());
    let forged = http::client().post(&hook).header("x-telegram-bot-api-secret-token", "guessed").send().await?;
    assert_eq!(forged.status().as_u16(), 401);
    let mut told = String::new();
    for process in [&gateway, &worker] {
        for page in ["/metrics", "/health", "/readyz", "/log"] {
            told += &http::client().get(process.admin(page)).send().await?.text().await?;
        }
    }
    for process in [&mut gateway, &mut worker] {
        process.stop().await?;
    }
    let (id, key) = split.sim.token().split_once(':').context("a token")?;
    let wrong = [
        ("BOT_TOKEN", format!("{id}:TEST-hunter2"), vec![]),
        ("DATABASE_URL", "postgres://gmbot:hunter2@127.0.0.1:1/gmbot".to_owned(), vec!["migrate", "status"]),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:1/0".to_owned(), vec!["limits"]),
    ];
    for (name, value, command) in wrong {
        let ended = split.worker().env(name, value).args(command).run(PATIENCE).await?;
        assert_ne!(ended.code, 0, "{name}: {:?}", ended.lines);
        told += &ended.lines.join("\n");
    }
    let nowhere = format!("http://127.0.0.1:{}", ports::free()?);
    let nats = "nats://gmbot:hunter2@127.0.0.1:1".to_owned();
    for (name, value, says) in [("NATS_URL", nats, "waiting for NATS"), ("TELEGRAM_API_URL", nowhere, "Telegram")] {
        let mut lost = split.worker().env(name, value).spawn()?;
        lost.line_with(says, PATIENCE).await?;
        lost.stop().await?;
        told += &lost.lines().join("\n");
    }
    for process in [&gateway, &worker] {
        told += &process.lines().join("\n");
    }
    let traces = collector.taken();
    assert!(told.contains("getChatMember") && traces.contains("getChatMember"), "it is all there");
    for secret in [key, WEBHOOK_SECRET, "hunter2"] {
        for (where_to, text) in [("traces", &traces), ("logs, metrics and errors", &told)] {
            let found = text.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} in {where_to}");
        }
    }
    Ok(())
}
