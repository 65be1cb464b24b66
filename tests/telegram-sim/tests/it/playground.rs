//! The playground: its files, what its view says somebody may do and why not, and the events that keep it up to date.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use telegram_sim::ids::{ChatId, UserId};
use telegram_sim::rights::{AdminRights, Permissions};
use telegram_sim::simulator::Simulator;

use crate::bot::{Bot, SOON, TestResult, start};
use crate::place::{Place, place};

async fn get(bot: &Bot, url: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&bot.http.get(url).send().await?.text().await?)?)
}

async fn attempt(sim: &Simulator, bot: &Bot, act: Value) -> anyhow::Result<Value> {
    let url = format!("{}/control/tries", sim.api_url());
    let response = bot.http.post(url).body(act.to_string()).send().await?;
    anyhow::ensure!(response.status() == 200, "{act}: {}", response.status());
    Ok(serde_json::from_str(&response.text().await?)?)
}

impl Place {
    /// The open chat as this person sees it.
    async fn seen(&self, chat: impl Into<ChatId>, person: UserId) -> anyhow::Result<Value> {
        let url = format!("{}/control/view?as={person}&chat={}", self.sim.api_url(), chat.into());
        Ok(get(&self.bot, &url).await?["chat"].clone())
    }

    /// Whether somebody can write, or else the reason and the sentence that they are told.
    async fn told(&self, chat: impl Into<ChatId>, person: UserId) -> anyhow::Result<String> {
        let chat = self.seen(chat, person).await?;
        let write = &chat["may"]["write"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(if write["ok"] == true {
            "yes".to_owned()
        } else {
            let way = chat["may"]["way_in"].as_str().map(|way| format!(" [{way}]")).unwrap_or_default();
            format!("{}: {}{way}", text(&write["reason"]), text(&write["why"]))
        })
    }
}

#[tokio::test]
async fn every_file_is_served_as_what_it_is_and_for_this_page_only() -> TestResult {
    let (sim, bot) = start().await?;
    let base = sim.api_url();
    let page = bot.http.get(format!("{base}/playground")).send().await?.text().await?;
    let mut files = vec!["index.html".to_owned()];
    files.extend(page.split('"').filter_map(|part| part.strip_prefix("/playground/")).map(str::to_owned));
    let mut seen = 0;
    while let Some(file) = files.get(seen).cloned() {
        seen += 1;
        let response = bot.http.get(format!("{base}/playground/{file}")).send().await?;
        assert_eq!(response.status(), 200, "{file}");
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let expected = match file.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            other => anyhow::bail!("{file} is of no known sort: {other:?}"),
        };
        assert_eq!(header("content-type"), expected, "{file}");
        assert_eq!(header("cache-control"), "no-store", "{file}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{file}");
        assert!(header("content-security-policy").starts_with("default-src 'none';"), "{file}");
        assert!(!header("content-security-policy").contains("unsafe"), "{file}");
        let text = response.text().await?;
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=", " onclick="]
        {
            assert!(!text.contains(forbidden), "{file} has {forbidden}");
        }
        // Follow what a module imports, so that none is missing from the binary.
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let imported = line.rsplit("\"./").next().and_then(|end| end.strip_suffix("\";"));
            let imported = imported.with_context(|| format!("{file}: {line}"))?.to_owned();
            if !files.contains(&imported) {
                files.push(imported);
            }
        }
    }
    assert!(seen > 15, "{files:?}");
    Ok(())
}

#[tokio::test]
async fn beside_the_page_there_is_only_telegram() -> TestResult {
    let (sim, bot) = start().await?;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    for (path, status) in [
        ("/", 404),
        ("/play", 404),
        ("/playground", 200),
        ("/playground/", 200),
        ("/playground/nothing.js", 404),
        ("/playground/..%2FCargo.toml", 404),
        ("/control", 303),
        ("/control/", 303),
        ("/control/nothing", 404),
    ] {
        let response = client.get(format!("{}{path}", sim.api_url())).send().await?;
        assert_eq!(response.status(), status, "{path}");
        if status == 404 {
            let body: Value = serde_json::from_str(&response.text().await?)?;
            assert_eq!(body, json!({ "ok": false, "error_code": 404, "description": "Not Found" }), "{path}");
        }
    }
    drop(bot);
    Ok(())
}

#[tokio::test]
async fn the_view_says_why_somebody_cannot_write() -> TestResult {
    let place = place().await?;
    let Place { bot, world, group, channel, owner, ann, .. } = &place;
    let ben = world.person("Ben");
    assert_eq!(place.told(*group, *ann).await?, "yes");
    assert_eq!(place.told(*group, ben).await?, "not_in: You have to join first [join]");
    world.set_join_by_request(*group, true);
    assert_eq!(place.told(*group, ben).await?, "not_in: You have to join first [ask]");
    world.request_to_join(*group, ben, None)?;
    assert_eq!(place.told(*group, ben).await?, "not_in: You have to join first [asked]");
    world.decline(*group, ben)?;
    assert_eq!(place.told(*group, ben).await?, "not_in: You have to join first [ask]");
    assert_eq!(place.told(*channel, *ann).await?, "channel: Only admins can write in a channel [join]");
    assert_eq!(place.told(*channel, *owner).await?, "yes");

    let until = place.sim.clock().now() + 3600;
    let mute = json!({ "chat_id": group, "user_id": ann, "permissions": {}, "until_date": until });
    bot.ok("restrictChatMember", mute).await?;
    assert_eq!(place.told(*group, *ann).await?, "muted: You are muted by the bot");
    assert_eq!(place.seen(*group, *ann).await?["may"]["write"]["until"], until);
    world.leave(*group, *ann)?;
    world.set_join_by_request(*group, false);
    world.join(*group, *ann)?;
    assert_eq!(
        place.told(*group, *ann).await?,
        "muted: You are muted by the bot",
        "coming back does not change whose it is"
    );
    place.sim.clock().advance(Duration::from_secs(3601));
    assert_eq!(place.told(*group, *ann).await?, "yes");

    world.restrict(*group, *owner, *ann, Permissions::none(), 0)?;
    assert_eq!(place.told(*group, *ann).await?, "muted: You are muted by Olga");
    world.ban(*group, *owner, *ann, 0)?;
    assert_eq!(place.told(*group, *ann).await?, "banned: You are banned from this group by Olga");
    assert_eq!(place.seen(*group, *ann).await?["messages"], json!([]), "the banned see nothing");
    world.join(*group, ben)?;
    world.set_permissions(*group, *owner, Permissions::none())?;
    assert_eq!(place.told(*group, ben).await?, "closed: Only admins can write in this group now");
    assert_eq!(place.told(*group, *owner).await?, "yes");

    assert_eq!(place.told(ben, ben).await?, "not_started: Press Start to talk to the bot [start]");
    world.direct(ben, "/start")?;
    assert_eq!(place.told(ben, ben).await?, "yes");
    world.block_bot(ben);
    assert_eq!(place.told(ben, ben).await?, "blocked: You have blocked the bot [unblock]");
    assert_eq!(place.seen(ben, *ann).await?, Value::Null, "nobody reads another's private chat");
    Ok(())
}

#[tokio::test]
async fn the_view_offers_admins_what_they_can_do() -> TestResult {
    let place = place().await?;
    let Place { world, group, owner, ann, .. } = &place;
    let ben = world.person_in(*group, "Ben");
    let acts = async |looker: UserId, about: UserId| -> anyhow::Result<String> {
        let chat = place.seen(*group, looker).await?;
        let rows = chat["members_seen"].as_array().cloned().unwrap_or_default();
        let row = rows.iter().find(|row| row["id"] == json!(about)).context("no such row")?;
        let acts = row["acts"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(acts.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(acts(*owner, ben).await?, "mute ban promote");
    assert_eq!(place.seen(*group, *owner).await?["may"]["anonymously"], true);
    let basic = world.basic_group("Old Club", *owner);
    assert_eq!(place.seen(basic, *owner).await?["may"]["anonymously"], false, "its admins show who they are");
    assert_eq!(acts(*ann, ben).await?, "");
    world.promote(*group, *owner, *ann, AdminRights::RESTRICT_MEMBERS)?;
    assert_eq!(acts(*ann, ben).await?, "mute ban");
    assert_eq!(acts(*ann, *owner).await?, "");
    assert_eq!(acts(*owner, *ann).await?, "promote demote");
    world.restrict(*group, *ann, ben, Permissions::none(), 0)?;
    assert_eq!(acts(*ann, ben).await?, "unmute ban");
    world.ban(*group, *ann, ben, 0)?;
    assert_eq!(acts(*ann, ben).await?, "unban");
    Ok(())
}

#[tokio::test]
async fn a_world_too_large_for_a_page_shows_ones_own_chats_first() -> TestResult {
    let place = place().await?;
    let seeded = place.world.seed(300, 2, AdminRights::MODERATOR);
    let last = seeded.last().context("300 groups")?;
    let url = format!("{}/control/view?as={}", place.sim.api_url(), last.members[0]);
    let view = get(&place.bot, &url).await?;
    assert_eq!(view["chats"][0]["id"], json!(last.group));
    assert_eq!((view["chats"].as_array().map(Vec::len), &view["more_chats"]), (Some(200), &json!(102)));
    assert_eq!((view["people"].as_array().map(Vec::len), &view["more_people"]), (Some(300), &json!(602)));
    assert_eq!(view["me"]["id"], json!(last.members[0]));
    Ok(())
}

#[tokio::test]
async fn a_deleted_message_leaves_a_trace_for_people_and_none_for_the_bot() -> TestResult {
    let place = place().await?;
    let Place { bot, world, group, ann, .. } = &place;
    let spam = world.say(*group, *ann, "spam")?;
    bot.ok("deleteMessage", json!({ "chat_id": group, "message_id": spam })).await?;
    let chat = place.seen(*group, *ann).await?;
    let last = chat["messages"].as_array().and_then(|all| all.last()).context("no messages")?;
    assert_eq!((&last["text"], &last["deleted_by"]), (&json!("spam"), &json!("the bot")));
    assert!(world.message(*group, spam).is_none());
    Ok(())
}

#[tokio::test]
async fn an_empty_world_is_filled_by_one_act_and_links_lead_into_it() -> TestResult {
    let (sim, bot) = start().await?;
    let made = attempt(&sim, &bot, json!({ "act": "example" })).await?["done"].clone();
    let again = attempt(&sim, &bot, json!({ "act": "example" })).await?["done"].clone();
    assert_ne!(made["channel"], again["channel"]);
    let leads = async |url: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("url", url).finish();
        get(&bot, &format!("{}/control/links?{query}", sim.api_url())).await
    };
    let channel = json!({ "chat": { "id": made["channel"], "invite": null } });
    assert_eq!(leads("https://t.me/daily_news").await?, channel);
    assert_eq!(leads("@Daily_News").await?, channel);
    assert_eq!(leads("https://t.me/gatekeeper_test_bot?start=x-1").await?, json!({ "bot": { "start": "x-1" } }));
    assert_eq!(leads("https://t.me/nobody_here").await?, "nothing");
    assert_eq!(leads("https://example.org").await?, "elsewhere");
    let link = bot.ok("createChatInviteLink", json!({ "chat_id": made["group"] })).await?["invite_link"].clone();
    let url = link.as_str().context("a link")?;
    assert_eq!(leads(url).await?, json!({ "chat": { "id": made["group"], "invite": link } }));
    let refused = attempt(&sim, &bot, json!({ "act": "join", "chat": made["group"], "user": made["ann"] })).await?;
    assert_eq!(refused, json!({ "refused": "they are in already" }));
    Ok(())
}

/// Reads `/control/events` as a browser does.
struct Events {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

impl Events {
    async fn open(sim: &Simulator, bot: &Bot, last: Option<&str>) -> anyhow::Result<Self> {
        let mut request = bot.http.get(format!("{}/control/events", sim.api_url()));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        assert_eq!(response.headers().get("content-type").context("no type")?, "text/event-stream");
        Ok(Self { response, text: String::new() })
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.unwrap_or_default().trim_start().to_owned()
                };
                let event = Event {
                    kind: field("event"),
                    id: field("id"),
                    data: serde_json::from_str(&field("data")).unwrap_or_default(),
                };
                self.text = rest.to_owned();
                return Ok(event);
            }
            let chunk =
                tokio::time::timeout(SOON, self.response.chunk()).await.with_context(|| self.text.clone())??;
            self.text.push_str(std::str::from_utf8(&chunk.context("the events ended")?)?);
        }
    }

    /// The numbers and ids of the next calls of this method.
    async fn calls(&mut self, method: &str, count: usize) -> anyhow::Result<Vec<(u64, String)>> {
        let mut calls = Vec::new();
        while calls.len() < count {
            let event = self.next().await?;
            if event.kind == "call" && event.data["method"] == method {
                calls.push((event.data["number"].as_u64().unwrap_or_default(), event.id));
            }
        }
        Ok(calls)
    }

    async fn world(&mut self) -> anyhow::Result<Value> {
        loop {
            let event = self.next().await?;
            if event.kind == "world" {
                return Ok(event.data);
            }
        }
    }
}

#[tokio::test]
async fn calls_arrive_in_order_and_none_is_lost_or_repeated_over_a_reconnection() -> TestResult {
    let (sim, bot) = start().await?;
    let mut events = Events::open(&sim, &bot, None).await?;
    for _ in 0..5 {
        bot.ok("getMe", json!({})).await?;
    }
    let first = events.calls("getMe", 5).await?;
    let (_, last_id) = first.last().cloned().context("five calls")?;
    drop(events);
    for _ in 0..3 {
        bot.ok("getMe", json!({})).await?;
    }
    let mut events = Events::open(&sim, &bot, Some(&last_id)).await?;
    bot.ok("getMe", json!({})).await?;
    let second = events.calls("getMe", 4).await?;
    let numbers: Vec<u64> = first.iter().chain(&second).map(|(number, _)| *number).collect();
    let expected: Vec<u64> = (numbers[0]..).take(9).collect();
    assert_eq!(numbers, expected);
    // The id of another run is no place in this one: all there is comes again.
    let mut events = Events::open(&sim, &bot, Some("1-4000")).await?;
    assert_eq!(events.calls("getMe", 9).await?.first().map(|(number, _)| *number), numbers.first().copied());
    Ok(())
}

#[tokio::test]
async fn a_busy_world_makes_few_events_and_the_last_change_is_always_told() -> TestResult {
    let Place { sim, bot, world, group, ann, .. } = place().await?;
    let mut events = Events::open(&sim, &bot, None).await?;
    events.world().await?;
    for number in 0..2000 {
        world.say(group, ann, &format!("{number}"))?;
    }
    bot.ok("getMe", json!({})).await?;
    let mut changes = 0;
    loop {
        let event = events.next().await?;
        if event.kind == "world" {
            changes += 1;
        }
        if event.kind == "call" && event.data["method"] == "getMe" {
            break;
        }
    }
    assert!(changes < 100, "{changes} events for 2000 messages");
    sim.clear_calls();
    world.say(group, ann, "the last")?;
    let after = sim.last_call() + 1;
    while events.world().await?["first_call"] != after {}
    Ok(())
}

#[tokio::test]
async fn a_fault_is_told_and_ended_by_its_number() -> TestResult {
    let (sim, bot) = start().await?;
    let base = format!("{}/control", sim.api_url());
    let mut events = Events::open(&sim, &bot, None).await?;
    events.world().await?;
    let body = json!({ "harm": "html502" }).to_string();
    let number = bot.http.post(format!("{base}/faults")).body(body).send().await?.text().await?;
    events.world().await?;
    assert_eq!(get(&bot, &format!("{base}/view")).await?["faults"][0][1]["harm"], "html502");
    bot.http.delete(format!("{base}/faults/{number}")).send().await?;
    events.world().await?;
    assert_eq!(get(&bot, &format!("{base}/view")).await?["faults"], json!([]));
    Ok(())
}
