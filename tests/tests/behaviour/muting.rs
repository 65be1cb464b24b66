//! Who is muted, for how long, and how they come to speak again.

use std::time::Duration;

use system_tests::{
    standalone::{Standalone, warning},
    wait::PATIENCE,
};
use telegram_sim::{faults::Fault, rights::Permissions};

const DAY_S: i64 = 86_400;

#[tokio::test]
async fn a_stranger_is_muted_for_a_day_told_where_to_join_and_plain_member_again_after_the_press() -> anyhow::Result<()>
{
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;

    let muted = bot.world.member(place.group, ann);
    assert_eq!((muted.status, muted.permissions), ("restricted", Some(Permissions::none())));
    let left = muted.until_date.unwrap_or_default() - bot.sim.clock().now();
    assert!((DAY_S - 60..=DAY_S).contains(&left), "it ends in {left} s");
    let order: Vec<String> = bot.sim.calls().in_chat(place.group).iter().map(|call| call.method.clone()).collect();
    let at = |method: &str| order.iter().rposition(|known| known == method);
    assert!(
        at("deleteMessage") < at("restrictChatMember") && at("restrictChatMember") < at("sendMessage"),
        "{order:?}"
    );
    let join = warning.button("Join Channel").and_then(|button| button.url.clone());
    assert_eq!(join, Some(format!("https://t.me/{}", bot.name_of(place.channel)?.trim_start_matches('@'))));

    let before = bot.press(ann, place.group, warning.id, "I have joined").await?;
    assert!(before.show_alert && before.text.starts_with("You are not subscribed to"), "{before:?}");
    assert_eq!(before.cache_time, 0);
    // Telegram loses what it should tell about the channel: the press alone has to do.
    bot.world.seed_members(place.channel, &[ann]);
    let after = bot.press(ann, place.group, warning.id, "I have joined").await?;
    assert!(after.show_alert && after.text.starts_with("Thank you"), "{after:?}");
    bot.deleted(place.group, warning.id).await?;
    let released = bot.world.member(place.group, ann);
    assert_eq!((released.status, released.permissions, released.until_date), ("member", None, None));
    let hello = bot.world.say(place.group, ann, "Hello, at last")?;
    bot.settled(&place).await?;
    assert!(bot.world.message(place.group, hello).is_some(), "{}", bot.sim.calls());
    Ok(())
}

#[tokio::test]
async fn whoever_subscribes_speaks_again_in_every_group_without_pressing_anything() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let here = bot.protected_group().await?;
    let there = bot.place().requiring(here.channel);
    bot.protect(&there).await?;
    let (ann, warning) = bot.offender(&here, "Ann").await?;
    bot.world.seed_members(there.group, &[ann]);
    let message = bot.world.say(there.group, ann, "hello there")?;
    bot.deleted(there.group, message).await?;
    bot.muted(there.group, ann).await?;

    bot.world.join(here.channel, ann)?;
    for group in [here.group, there.group] {
        bot.released(group, ann).await?;
        assert_eq!(bot.world.member(group, ann).status, "member");
    }
    bot.deleted(here.group, warning.id).await
}

/// Product.md 1: a "no" that is older than 5 s never punishes.
#[tokio::test]
async fn a_remembered_no_mutes_nobody_who_has_subscribed_since() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let here = bot.protected_group().await?;
    let there = bot.place().requiring(here.channel);
    bot.protect(&there).await?;
    let (ann, _) = bot.offender(&here, "Ann").await?;
    bot.world.seed_members(there.group, &[ann]);

    // She subscribes, and Telegram does not tell.
    bot.world.seed_members(here.channel, &[ann]);
    let asked = bot.sim.calls().of("getChatMember").in_chat(here.channel).about(ann);
    let asked_ms = asked.iter().map(|call| call.at_ms).max().unwrap_or_default();
    let old = || (bot.sim.clock().now_ms() > asked_ms + 5_100).then_some(());
    bot.sim.wait("the answer to be more than 5 s old", PATIENCE, old).await?;

    let message = bot.world.say(there.group, ann, "I am a subscriber")?;
    bot.settled(&there).await?;
    assert!(bot.world.message(there.group, message).is_some(), "her message was deleted\n{}", bot.sim.calls());
    assert!(bot.world.can_speak(there.group, ann), "she was muted\n{}", bot.sim.calls());
    Ok(())
}

/// The news of the subscription and the message wait in two lanes, so either may be first. It is young: the "no" from before may count.
#[tokio::test]
async fn nobody_stays_muted_who_subscribes_and_writes_in_the_same_moment() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let here = bot.protected_group().await?;
    let there = bot.place().requiring(here.channel);
    bot.protect(&there).await?;
    let mut people = Vec::new();
    for n in 0..10 {
        let (who, warning) = bot.offender(&here, &format!("Ann {n}")).await?;
        bot.world.seed_members(there.group, &[who]);
        people.push((who, warning));
    }
    for (n, (who, _)) in people.iter().enumerate() {
        if n % 2 == 0 {
            bot.world.join(here.channel, *who)?;
            bot.world.say(there.group, *who, "I am a subscriber")?;
        } else {
            bot.world.say(there.group, *who, "I shall be a subscriber")?;
            bot.world.join(here.channel, *who)?;
        }
    }
    for (who, warning) in &people {
        bot.released(here.group, *who).await?;
        bot.deleted(here.group, warning.id).await?;
    }
    bot.settled(&there).await?;
    for (who, _) in &people {
        bot.released(there.group, *who).await?;
        bot.until("no warning to stay", |world| warning(world, there.group, *who).is_none().then_some(())).await?;
    }
    let status = bot.settled(&there).await?;
    assert!(status.text.contains("Muted now: 0 people"), "{status:?}");
    Ok(())
}

#[tokio::test]
async fn nobody_is_muted_who_subscribes_between_the_message_and_the_mute() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    bot.sim.fault(Fault::latency(Duration::from_millis(1500)).on("deleteMessage").in_chat(place.group));
    let message = bot.world.say(place.group, ann, "hello")?;
    let asked = |calls: &telegram_sim::ledger::Calls| {
        (!calls.of("getChatMember").in_chat(place.group).about(ann).is_empty()).then_some(())
    };
    bot.sim.wait_for("the bot to be about to delete", PATIENCE, asked).await?;
    bot.world.join(place.channel, ann)?;

    bot.deleted(place.group, message).await?;
    bot.settled(&place).await?;
    let calls = bot.sim.calls();
    assert!(calls.of("restrictChatMember").is_empty(), "{calls}");
    assert!(warning(&bot.world, place.group, ann).is_none(), "{calls}");
    assert!(bot.world.can_speak(place.group, ann));
    Ok(())
}

#[tokio::test]
async fn a_burst_of_ten_messages_makes_one_mute_and_one_warning() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    let texts: Vec<String> = (0..10).map(|n| format!("buy {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let messages = bot.world.say_many(place.group, ann, &texts)?;
    for message in messages {
        bot.deleted(place.group, message).await?;
    }
    bot.muted(place.group, ann).await?;
    bot.warned(place.group, ann).await?;
    bot.settled(&place).await?;
    let calls = bot.sim.calls().in_chat(place.group);
    assert_eq!(calls.of("restrictChatMember").len(), 1, "{calls}");
    let buttons = |call: &telegram_sim::ledger::Call| call.args.get("reply_markup").map(ToString::to_string);
    let warnings = calls.of("sendMessage").only(|call| buttons(call).is_some_and(|it| it.contains("I have joined")));
    assert_eq!(warnings.len(), 1, "{calls}");
    Ok(())
}
