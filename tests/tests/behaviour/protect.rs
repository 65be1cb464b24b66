//! `/protect`: what each admin is told, and that a check which fails leaves nothing behind.

use sqlx::Row as _;
use system_tests::{place::Place, standalone::Standalone, wait::PATIENCE};
use telegram_sim::{ids::ChatId, rights::AdminRights, world::talking::Saying};

const NOT_PROTECTED: &str = "This group is not protected";

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_own_answer_and_nothing_is_protected_by_it() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let world = &bot.world;
    let other = world.person("Pia");
    let _crowd = world.public_group("A crowd", "a_crowd", other);
    let strange = world.channel("Not ours", Some("not_ours"), other);
    let private = world.channel("Secret", None, other);
    world.add_bot(private, AdminRights::INVITE_USERS);
    let place = bot.place();
    let secret = format!("/protect {private}");
    let cases = [
        ("/protect", "Tell me which channel"),
        ("/protect https://t.me/+AbCdEf", "Tell me which channel"),
        ("/protect @nowhere_at_all", "I cannot find a channel called @nowhere_at_all."),
        ("/protect -1009999999999", "I cannot find a channel called -1009999999999."),
        ("/protect @a_crowd", "A crowd is not a channel."),
        ("/protect @not_ours", "I am not an admin in Not ours."),
        (secret.as_str(), "That channel is private, and only its own admins can require it."),
    ];
    for (command, beginning) in cases {
        let reply = bot.ask(place.group, place.owner, command).await?;
        assert!(reply.text.starts_with(beginning), "{command}: {reply:?}");
    }
    let asked = world.say_anonymously(place.group, place.owner, &secret)?;
    let reply = bot.reply_to(place.group, asked, &secret).await?;
    assert!(reply.text.starts_with("For a private channel I have to see"), "{reply:?}");

    // The bot is a plain subscriber there, which is not enough.
    world.seed_members(strange, &[bot.sim.bot_id()]);
    let reply = bot.ask(place.group, place.owner, "/protect @not_ours").await?;
    assert!(reply.text.starts_with("I am not an admin in"), "{reply:?}");
    let status = bot.settled(&place).await?;
    assert!(status.text.starts_with(NOT_PROTECTED), "{status:?}");
    Ok(())
}

#[tokio::test]
async fn a_basic_group_is_told_to_become_a_supergroup() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let basic = bot.world.basic_group("Old friends", place.owner);
    bot.world.add_bot(basic, AdminRights::MODERATOR);
    let reply = bot.ask(basic, place.owner, &format!("/protect {}", bot.name_of(place.channel)?)).await?;
    assert!(reply.text.starts_with("This is a basic group"), "{reply:?}");
    Ok(())
}

#[tokio::test]
async fn a_missing_right_is_named_as_telegrams_menus_do() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let command = format!("/protect {}", bot.name_of(place.channel)?);
    let both = "delete messages and ban users";
    for (rights, missing) in [
        (AdminRights::INVITE_USERS, both),
        (AdminRights::DELETE_MESSAGES, "ban users"),
        (AdminRights::RESTRICT_MEMBERS, "delete messages"),
    ] {
        bot.world.promote(place.group, place.owner, bot.sim.bot_id(), rights)?;
        let reply = bot.ask(place.group, place.owner, &command).await?;
        assert!(reply.text.contains(&format!("an admin who may {missing}.")), "{rights:?}: {reply:?}");
    }
    bot.world.promote(place.group, place.owner, bot.sim.bot_id(), AdminRights::MODERATOR)?;
    bot.protect(&place).await
}

#[tokio::test]
async fn whoever_is_no_admin_is_not_heard() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let ann = bot.world.person_in(place.group, "Ann");
    bot.world.seed_members(place.channel, &[ann]);
    let protect = format!("/protect {}", bot.name_of(place.channel)?);
    bot.world.say(place.group, ann, &protect)?;
    let status = bot.settled(&place).await?;
    assert!(status.text.starts_with(NOT_PROTECTED), "{status:?}");

    bot.protect(&place).await?;
    bot.world.say(place.group, ann, "/unprotect")?;
    let status = bot.settled(&place).await?;
    assert!(status.text.starts_with("Protection is on"), "{status:?}");
    // The greeting has a button.
    let replies = || bot.world.bot_messages(place.group).iter().filter(|seen| seen.buttons.is_empty()).count();
    let said = replies();
    assert_eq!(
        said,
        3,
        "two answers to /status and one to the owner's /protect: {:?}",
        bot.world.bot_messages(place.group)
    );

    // /status is for everybody, once a minute; the owner is always answered.
    bot.world.say_many(place.group, ann, &["/status", "/status", "/help"])?;
    let answers = |count| (replies() == said + count).then_some(());
    bot.sim.wait("one answer to Ann", PATIENCE, || answers(1)).await?;
    bot.settled(&place).await?;
    assert!(answers(2).is_some(), "{:?}", bot.world.bot_messages(place.group));
    Ok(())
}

#[tokio::test]
async fn protecting_twice_is_told_by_which_channel_it_is_protected() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let other = bot.place();
    let again = bot.ask(place.group, place.owner, &format!("/protect {}", bot.name_of(place.channel)?)).await?;
    assert!(again.text.contains("News 0") && again.text.ends_with("All is set."), "{again:?}");
    let other = bot.ask(place.group, place.owner, &format!("/protect {}", bot.name_of(other.channel)?)).await?;
    assert!(other.text.contains("News 0") && other.button("Replace").is_some(), "{other:?}");
    Ok(())
}

#[tokio::test]
async fn an_anonymous_admin_can_protect_with_a_public_channel() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let asked =
        bot.world.say_anonymously(place.group, place.owner, &format!("/protect {}", bot.name_of(place.channel)?))?;
    let reply = bot.reply_to(place.group, asked, "/protect").await?;
    assert!(reply.text.starts_with("Done!"), "{reply:?}");
    bot.offender(&place, "Ann").await?;
    Ok(())
}

#[tokio::test]
async fn a_private_channel_is_protected_by_its_id_or_a_forwarded_post_and_its_link_works() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    for way in ["id", "post"] {
        let place = bot.place();
        let private = bot.world.channel("Secret", None, place.owner);
        bot.world.add_bot(private, AdminRights::INVITE_USERS);
        let reply = protect_privately(&bot, &place, private, way).await?;
        assert!(reply.starts_with("Done! From now on only subscribers of Secret"), "{way}: {reply}");

        let place = place.requiring(private);
        let (ann, warning) = bot.offender(&place, "Ann").await?;
        let link = warning.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
        bot.world.join_by_link(private, ann, &link)?;
        bot.released(place.group, ann).await?;
    }
    Ok(())
}

async fn protect_privately(bot: &Standalone, place: &Place, private: ChatId, way: &str) -> anyhow::Result<String> {
    let asked = if way == "id" {
        bot.world.say(place.group, place.owner, &format!("/protect {private}"))?
    } else {
        let post = bot.world.post(private, "A secret")?;
        let forwarded = bot.world.forward(place.group, place.owner, private, post)?;
        let reply = Saying { reply_to: Some(forwarded), ..Saying::default() };
        bot.world.say_there(place.group, place.owner, "/protect", reply)?
    };
    Ok(bot.reply_to(place.group, asked, way).await?.text)
}

#[tokio::test]
async fn a_private_channel_without_a_link_asks_for_the_right_to_make_one() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let private = bot.world.channel("Secret", None, place.owner);
    bot.world.add_bot(private, AdminRights::POST_MESSAGES);
    let reply = bot.ask(place.group, place.owner, &format!("/protect {private}")).await?;
    assert!(reply.text.starts_with("Secret is private and I may not make an invite link there."), "{reply:?}");
    Ok(())
}

#[tokio::test]
async fn status_tells_of_the_channel_the_rights_and_the_muted() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    bot.offender(&place, "Ann").await?;
    bot.offender(&place, "Ben").await?;
    let ok = bot.settled(&place).await?;
    let lines: Vec<&str> = ok.text.lines().collect();
    assert_eq!(
        lines,
        ["Protection is on.", "Channel News 0: all is well", "My rights here: all I need", "Muted now: 2 people"]
    );
    bot.world.remove_bot(place.channel);
    bot.world.promote(place.group, place.owner, bot.sim.bot_id(), AdminRights::DELETE_MESSAGES)?;
    let broken = bot.settled(&place).await?;
    assert!(broken.text.contains("Channel News 0: I am not an admin there"), "{broken:?}");
    assert!(broken.text.contains("My rights here: please let me ban users"), "{broken:?}");
    Ok(())
}

/// The minute is not waited for: it is in the file.
#[tokio::test]
async fn a_command_and_its_reply_are_to_go_after_a_minute() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let asked_ms = bot.sim.clock().now_ms();
    let asked = bot.world.say(place.group, place.owner, "/status")?;
    let reply = bot.reply_to(place.group, asked, "/status").await?;
    let tidying = || async {
        let mut file = bot.database().await?;
        let due = sqlx::query("select due_ms, body from tasks where chat_id = $1").bind(place.group.0);
        anyhow::Ok(due.fetch_optional(&mut file).await?)
    };
    let row = system_tests::wait::wait_for("the row that says so", system_tests::wait::PATIENCE, async || {
        tidying().await.map_err(|error| format!("{error:#}"))?.ok_or_else(|| "no row".to_owned())
    });
    let row = row.await?;
    let after_ms = row.try_get::<i64, _>("due_ms")? - asked_ms;
    assert!((60_000..75_000).contains(&after_ms), "after {after_ms} ms");
    let body: serde_json::Value = serde_json::from_str(&row.try_get::<String, _>("body")?)?;
    assert_eq!(body, serde_json::json!({ "task": "tidy", "messages": [asked.0, reply.id.0] }));
    Ok(())
}
