//! Whose messages the rule is for, and whose it leaves alone, and costs nothing.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{rights::AdminRights, world::Person};

#[rstest]
#[tokio::test]
async fn admins_bots_service_messages_and_the_linked_channel_are_left_alone(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (world, corner, olga) = (stage.story.world(), &place.corner, place.corner.owner());
    let linked = stage.story.channel("Linked").open();
    linked.is_discussed_in(corner)?;
    let adi = corner.person("Adi");
    olga.promotes(&adi, corner, AdminRights::PIN_MESSAGES)?;
    let robot = world.person_like(&Person { first_name: "Robot", is_bot: true, ..Person::default() });
    world.join_by(corner.id, robot, olga.id)?;
    let before = stage.sim().last_call();

    let mut stand = vec![
        ("the owner", olga.says(corner, "I own this")?.id),
        ("an admin", adi.says(corner, "I help here")?.id),
        ("an anonymous admin", adi.says_anonymously(corner, "Guess who")?.id),
        ("another bot", world.say(corner.id, robot, "beep")?),
        ("the required channel", olga.says_as(&place.news, corner, "News")?.id),
    ];
    linked.posts("A post")?;
    let forwarded = corner.messages().into_iter().find(|seen| seen.text == "A post");
    stand.extend(forwarded.map(|seen| ("a post of the linked channel", seen.id)));
    let nia = stage.story.person("Nia");
    world.seed_members(place.news.id, &[nia.id]);
    nia.joins(corner)?;
    let joined = corner.messages().into_iter().rfind(|seen| seen.is_service);
    stand.extend(joined.map(|seen| ("a service message", seen.id)));
    assert_eq!(stand.len(), 7, "{stand:?}");

    stage.settled(corner).await?;
    for (whose, message) in stand {
        assert!(world.message(corner.id, message).is_some(), "the message of {whose} is gone\n{}", corner.calls());
    }
    for method in ["deleteMessage", "deleteMessages", "restrictChatMember"] {
        stage.sim().calls_after(before).of(method).none()?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_is_written_as_another_channel_goes_and_nobody_is_muted_for_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let own = stage.story.channel("Ann's own").public("anns_own").owned_by(&ann).open();
    ann.says_as(&own, &place.corner, "visit me")?.gone().await?;
    stage.settled(&place.corner).await?;
    assert!(ann.can_write_in(&place.corner));
    place.corner.calls().of("restrictChatMember").none()?;
    let warned = place.corner.messages().into_iter().find(|seen| seen.button("I have joined").is_some());
    assert!(warned.is_none(), "{warned:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_group_without_protection_costs_no_call(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    // Who asks for /status is looked up once.
    stage.settled(&corner).await?;
    let before = stage.sim().last_call();
    let hello = corner.person("Ann").says(&corner, "hello")?;
    stage.settled(&corner).await?;
    hello.stands()?;
    // What it may do there itself it asks when it is added.
    let own = stage.sim().bot_id();
    let asked =
        stage.sim().calls_after(before).only(|call| call.method.starts_with("getChat") && call.user() != Some(own));
    asked.none()?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_subscribers_second_message_costs_no_call(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ben = place.corner.person("Ben");
    stage.story.world().seed_members(place.news.id, &[ben.id]);
    let first = ben.says(&place.corner, "good morning")?;
    stage.settled(&place.corner).await?;
    let before = stage.sim().last_call();
    let mut said = vec![first];
    for word in ["how", "are", "you"] {
        said.push(ben.says(&place.corner, word)?);
    }
    stage.settled(&place.corner).await?;
    for said in said {
        said.stands()?;
    }
    // What the owner's /status costs is not meant.
    let owner = place.corner.owner().id;
    let caused = stage.sim().calls_after(before).only(|call| {
        !matches!(call.method.as_str(), "getUpdates" | "sendMessage")
            && ![Some(owner), Some(stage.sim().bot_id())].contains(&call.user())
    });
    caused.none()?;
    Ok(())
}
