//! What operators see after the story: metrics that Prometheus can read, logs of one update with one trace id, and never a secret.

use anyhow::Context as _;
use serde_json::Value;
use system_tests::{
    collector::Collector,
    http,
    process::Launch,
    split::{Split, WEBHOOK_SECRET, stored},
    wait::PATIENCE,
    wait::wait_for,
};
use telegram_sim::ledger::Calls;

use crate::metrics::{has, page, parsed};

/// What the dashboards stand on: the metric, and labels that one of its samples has.
const WORKER_METRICS: [(&str, &str); 10] = [
    ("bot_verification_latency_seconds_count", r#"outcome="offence""#),
    ("bot_verification_latency_seconds_count", r#"outcome="subscribed""#),
    ("api_calls_total", r#"method="restrictChatMember""#),
    ("cache_hits_total", ""),
    ("cache_misses_total", ""),
    ("db_query_duration_seconds_count", "query="),
    ("queue_settled_total", ""),
    ("dead_letters_total", ""),
    ("shards_owned", ""),
    ("queue_lag", ""),
];

#[tokio::test]
async fn metrics_logs_and_traces_tell_the_story_and_no_secret() -> anyhow::Result<()> {
    const PASSWORD: &str = "hunter2";
    const OF_DATABASE: &str = "correct-horse";
    let collector = Collector::start().await?;
    let split = Split::prepare().await?;
    // The tests' Postgres asks for no password, and takes any.
    let database = split.servers.database.url().replacen('@', &format!(":{OF_DATABASE}@"), 1);
    let seen = |program: Launch| program.env("RUST_LOG", "debug").env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut worker = seen(split.worker()).env("DATABASE_URL", database).start().await?;
    let mut gateway = seen(split.gateway()).env("METRICS_AUTH", format!("me:{PASSWORD}")).start().await?;
    let place = split.protected_group().await?;
    let (ann, ben) = (split.world.person_in(place.group, "Ann"), split.world.person_in(place.group, "Ben"));
    split.world.seed_members(place.channel, &[ben]);
    const TEXT: &str = "what only members of the group may read";
    split.world.say(place.group, ben, TEXT)?;
    // The next one is to find the answer to this question in the cache, not to share it.
    let asked = |calls: &Calls| (!calls.of("getChatMember").about(ben).ok().is_empty()).then_some(());
    split.sim.wait_for("a question about Ben", PATIENCE, asked).await?;
    for who in [ben, ann] {
        split.world.say(place.group, who, TEXT)?;
    }
    let warning = || split.world.bot_messages(place.group).into_iter().find(|seen| seen.text.starts_with("Ann"));
    let warning = split.sim.wait("the warning", PATIENCE, warning).await?;
    split.world.seed_members(place.channel, &[ann]);
    split.world.press(ann, place.group, warning.id, "I have joined")?.answer(PATIENCE).await?;

    let mut pages = Vec::new();
    let samples = wait_for("the worker's metrics", PATIENCE, async || {
        let page = page(&worker, "/metrics").await.map_err(|error| format!("{error:#}"))?;
        let samples = parsed(&page).map_err(|error| format!("{error:#}"))?;
        let missing: Vec<_> = WORKER_METRICS.iter().filter(|(name, labels)| !has(&samples, name, labels)).collect();
        pages.push(page);
        if missing.is_empty() { Ok(samples) } else { Err(format!("{missing:?} are missing in\n{}", pages.concat())) }
    })
    .await?;
    assert!(
        samples.iter().any(|(sample, value)| sample.starts_with("cache_hits_total") && *value >= 1.0),
        "{samples:?}"
    );

    let refused = http::client().get(gateway.admin("/metrics")).send().await?;
    assert_eq!(refused.status(), 401);
    let allowed =
        http::client().get(gateway.admin("/metrics")).basic_auth("me", Some(PASSWORD)).send().await?.text().await?;
    assert!(has(&parsed(&allowed)?, "gateway_updates_total", ""), "{allowed}");
    pages.push(allowed);
    for process in [&gateway, &worker] {
        pages.push(page(process, "/health").await?);
    }

    for process in [&mut gateway, &mut worker] {
        assert_eq!(process.stop().await?, 0);
        pages.extend(process.lines());
    }
    let token = split.sim.token().split_once(':').context("a token has a colon")?.1;
    let traces = collector.taken();
    for told in ["gateway", "worker", "restrictChatMember", "/bot{token}/"] {
        assert!(traces.contains(told), "{told} is in no trace of {} bytes", traces.len());
    }
    pages.push(traces);
    for secret in [token, WEBHOOK_SECRET, PASSWORD, OF_DATABASE, TEXT] {
        let told: Vec<&String> = pages.iter().filter(|page| page.contains(secret)).collect();
        assert!(told.is_empty(), "{secret:?} is told in {told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_update_has_one_trace_from_the_gateway_to_the_mute() -> anyhow::Result<()> {
    let split = Split::prepare().await?;
    let (_gateway, mut worker) = split.start().await?;
    let place = split.protected_group().await?;
    worker.stop().await?;
    let ann = split.world.person_in(place.group, "Ann");
    split.world.say(place.group, ann, "Hello everyone!")?;
    let jetstream = split.jetstream().await?;
    wait_for("the message to be queued", PATIENCE, async || match stored(&jetstream, "UPD").await {
        Ok(1) => Ok(()),
        other => Err(format!("{other:?} are")),
    })
    .await?;
    let stream = jetstream.get_stream("UPD").await?;
    let queued = stream.get_raw_message(stream.cached_info().state.last_sequence).await?;
    let parent = queued.headers.get("traceparent").context("no trace context in the message's headers")?;
    let trace = parent.as_str().split('-').nth(1).context("W3C: version, trace id, parent id, flags")?;

    let worker = split.worker().start().await?;
    let muted = worker.line_with(r#""message":"muted""#, PATIENCE).await?;
    let muted: Value = serde_json::from_str(&muted)?;
    assert_eq!(muted["trace_id"], trace, "{muted}");
    assert_eq!((&muted["chat.id"], &muted["user.id"]), (&place.group.0.into(), &ann.0.into()), "{muted}");
    assert!(muted["update.id"].is_i64(), "{muted}");
    Ok(())
}
