//! Whose messages the rule is for, and whose it leaves alone.

use system_tests::standalone::{Standalone, warning};
use telegram_sim::{ids::MessageId, rights::AdminRights, world::Person};

#[tokio::test]
async fn admins_bots_service_messages_and_the_linked_channel_are_left_alone() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let world = &bot.world;
    let linked = world.channel("Linked", None, place.owner);
    world.link(linked, place.group)?;
    let admin = world.person_in(place.group, "Adi");
    world.promote(place.group, place.owner, admin, AdminRights::PIN_MESSAGES)?;
    let robot = world.person_like(&Person { first_name: "Robot", is_bot: true, ..Person::default() });
    world.join_by(place.group, robot, place.owner)?;

    let mut stand: Vec<(&str, MessageId)> = vec![
        ("the owner", world.say(place.group, place.owner, "I own this")?),
        ("an admin", world.say(place.group, admin, "I help here")?),
        ("an anonymous admin", world.say_anonymously(place.group, admin, "Guess who")?),
        ("another bot", world.say(place.group, robot, "beep")?),
        ("the required channel", world.say_as_channel(place.group, place.channel, place.owner, "News")?),
    ];
    world.post(linked, "A post")?;
    let forwarded = world.messages(place.group).into_iter().find(|seen| seen.text == "A post");
    stand.push(("a post of the linked channel", forwarded.map_or(MessageId(0), |seen| seen.id)));
    let newcomer = world.person("Nia");
    world.seed_members(place.channel, &[newcomer]);
    world.join(place.group, newcomer)?;
    let joined = world.messages(place.group).into_iter().rfind(|seen| seen.is_service);
    stand.push(("a service message", joined.map_or(MessageId(0), |seen| seen.id)));

    bot.settled(&place).await?;
    for (whose, message) in stand {
        assert!(world.message(place.group, message).is_some(), "the message of {whose} is gone\n{}", bot.sim.calls());
    }
    let calls = bot.sim.calls();
    assert!(calls.of("deleteMessage").is_empty() && calls.of("restrictChatMember").is_empty(), "{calls}");
    Ok(())
}

#[tokio::test]
async fn what_is_written_as_another_channel_goes_and_nobody_is_muted_for_it() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    let own = bot.world.channel("Ann's own", Some("anns_own"), ann);
    let message = bot.world.say_as_channel(place.group, own, ann, "visit me")?;
    bot.deleted(place.group, message).await?;
    bot.settled(&place).await?;
    assert!(bot.world.can_speak(place.group, ann));
    let calls = bot.sim.calls();
    assert!(calls.of("restrictChatMember").is_empty(), "{calls}");
    assert!(warning(&bot.world, place.group, ann).is_none());
    Ok(())
}

#[tokio::test]
async fn an_edit_counts_as_a_message() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let ann = bot.world.person_in(place.group, "Ann");
    let harmless = bot.world.say(place.group, ann, "hello")?;
    bot.protect(&place).await?;
    assert!(bot.world.message(place.group, harmless).is_some(), "what was written before stands");
    bot.world.edit(place.group, ann, harmless, "buy now")?;
    bot.deleted(place.group, harmless).await?;
    bot.muted(place.group, ann).await?;
    bot.warned(place.group, ann).await?;
    Ok(())
}

#[tokio::test]
async fn albums_media_and_commands_of_a_stranger_are_messages_too() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ann = bot.world.person_in(place.group, "Ann");
    let album = bot.world.album(place.group, ann, 4, "look")?;
    for photo in album {
        bot.deleted(place.group, photo).await?;
    }
    bot.muted(place.group, ann).await?;
    assert_eq!(bot.sim.calls().of("restrictChatMember").about(ann).len(), 1);
    let ben = bot.world.person_in(place.group, "Ben");
    let command = bot.world.say(place.group, ben, "/help")?;
    bot.deleted(place.group, command).await?;
    bot.muted(place.group, ben).await
}

#[tokio::test]
async fn a_group_without_protection_costs_no_call() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    // Who asks for /status is looked up once.
    bot.settled(&place).await?;
    let before = bot.sim.last_call();
    let ann = bot.world.person_in(place.group, "Ann");
    let message = bot.world.say(place.group, ann, "hello")?;
    bot.settled(&place).await?;
    assert!(bot.world.message(place.group, message).is_some());
    // What it may do there itself it asks when it is added.
    let own = bot.sim.bot_id();
    let asked = bot.sim.calls_after(before).only(|call| call.method.starts_with("getChat") && call.user() != Some(own));
    assert!(asked.is_empty(), "{asked}");
    Ok(())
}

#[tokio::test]
async fn a_subscribers_second_message_costs_no_call() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let ben = bot.world.person_in(place.group, "Ben");
    bot.world.seed_members(place.channel, &[ben]);
    let first = bot.world.say(place.group, ben, "good morning")?;
    bot.settled(&place).await?;
    let before = bot.sim.last_call();
    let more = bot.world.say_many(place.group, ben, &["how", "are", "you"])?;
    bot.settled(&place).await?;
    for message in more.into_iter().chain([first]) {
        assert!(bot.world.message(place.group, message).is_some());
    }
    // What the owner's /status costs is not meant.
    let caused = bot.sim.calls_after(before).only(|call| {
        !matches!(call.method.as_str(), "getUpdates" | "sendMessage")
            && ![Some(place.owner), Some(bot.sim.bot_id())].contains(&call.user())
    });
    assert!(caused.is_empty(), "{caused}");
    Ok(())
}
