//! `/protect` and `/status`: what each admin is told, and that a check which fails leaves nothing behind.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Protected, Stage,
};
use telegram_sim::{rights::AdminRights, story::place::Place};

const NOT_PROTECTED: &str = "This group is not protected";

/// Waits for an answer that begins like this, and takes it away, so that the next one is told from it.
async fn answered(corner: &Place, beginning: &str) -> anyhow::Result<String> {
    let answer = corner.bot_says(beginning).await?;
    let text = answer.stands()?.text;
    corner.owner().deletes(&answer)?;
    Ok(text)
}

#[rstest]
#[tokio::test]
async fn each_thing_that_is_wrong_has_its_own_answer_and_nothing_is_protected_by_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let (corner, pia) = (stage.unprotected_group().corner, stage.story.person("Pia"));
    let _crowd = stage.story.group("A crowd").public("a_crowd").owned_by(&pia).open();
    let strange = stage.story.channel("Not ours").public("not_ours").owned_by(&pia).open();
    let private = stage.story.channel("Secret").owned_by(&pia).with_bot(AdminRights::INVITE_USERS).open();
    let olga = corner.owner();
    let secret = format!("/protect {}", private.id);
    for (command, beginning) in [
        ("/protect", "Tell me which channel"),
        ("/protect https://t.me/+AbCdEf", "An invite link does not tell me which channel it belongs to."),
        ("/protect @nowhere_at_all", "I cannot find a channel called @nowhere_at_all."),
        ("/protect -1009999999999", "I cannot see that channel. Please add me there as an admin"),
        ("/protect @a_crowd", "A crowd is not a channel."),
        ("/protect @not_ours", "I am not an admin in Not ours."),
        (secret.as_str(), "That channel is private, and only its own admins can require it."),
    ] {
        olga.says(&corner, command)?;
        answered(&corner, beginning).await?;
    }
    olga.says_anonymously(&corner, &secret)?;
    answered(&corner, "For a private channel I have to see").await?;

    // The bot is a plain subscriber there, which is not enough.
    stage.story.world().seed_members(strange.id, &[stage.sim().bot_id()]);
    olga.says(&corner, "/protect @not_ours")?;
    answered(&corner, "I am not an admin in").await?;
    let status = stage.ask(&olga, &corner, "/status").await?;
    assert!(status.text.starts_with(NOT_PROTECTED), "{status:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_basic_group_is_told_to_become_a_supergroup(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let news = stage.unprotected_group().news;
    let friends = stage.story.basic_group("Old friends").with_bot(AdminRights::MODERATOR).open();
    friends.owner().says(&friends, &format!("/protect @{}", news.username().unwrap_or_default()))?;
    friends.bot_says("This is a basic group").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_missing_right_is_named_as_telegrams_menus_do(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let command = format!("/protect @{}", place.news.username().unwrap_or_default());
    for (rights, missing) in [
        (AdminRights::INVITE_USERS, "delete messages and ban users"),
        (AdminRights::DELETE_MESSAGES, "ban users"),
        (AdminRights::RESTRICT_MEMBERS, "delete messages"),
    ] {
        place.corner.lets_bot(rights);
        place.corner.owner().says(&place.corner, &command)?;
        let text = answered(&place.corner, "I need more rights").await?;
        assert!(text.contains(&format!("an admin who may {missing}.")), "{rights:?}: {text}");
    }
    place.corner.lets_bot(AdminRights::MODERATOR);
    stage.protect(&place.corner, &place.news).await
}

#[rstest]
#[tokio::test]
async fn whoever_is_no_admin_sets_up_nothing_and_is_told_once_whom_to_ask(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.unprotected_group();
    let (ann, olga) = (place.corner.person("Ann"), place.corner.owner());
    ann.joins(&place.news)?;
    ann.says(&place.corner, &format!("/protect @{}", place.news.username().unwrap_or_default()))?;
    place.corner.bot_says("Only admins of this group can set me up. Please ask one of them.").await?;
    ann.says(&place.corner, "/setup")?;
    let status = stage.ask(&olga, &place.corner, "/status").await?;
    assert!(status.text.starts_with(NOT_PROTECTED), "{status:?}");
    place.corner.calls().only(|call| call.text_arg("text").starts_with("Only admins")).exactly(1)?;
    stage.protect(&place.corner, &place.news).await?;
    ann.says(&place.corner, "/unprotect")?;
    let status = stage.ask(&olga, &place.corner, "/status").await?;
    assert!(status.text.starts_with("Protection is on"), "{status:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_private_channel_is_protected_by_its_number_or_a_forwarded_post_and_its_link_works(
    #[values(StandAlone, Split)] form: Form,
    #[values("number", "post")] way: &str,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let olga = corner.owner();
    let private = stage.story.channel("Secret").with_bot(AdminRights::INVITE_USERS).open();
    if way == "number" {
        olga.says(&corner, &format!("/protect {}", private.id))?;
    } else {
        let forwarded = olga.forwards(&private.posts("A secret")?, &corner)?;
        olga.replies(&forwarded, "/protect")?;
    }
    corner.bot_says("Done! From now on only subscribers of Secret").await?;
    let place = Protected { corner, news: private };
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let link = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    ann.joins_by(&link, &place.news)?;
    ann.free_in(&place.corner).await?;
    // A link of its own: the main one, which others may have spread, still works.
    stage.story.calls().of("exportChatInviteLink").none()?;
    Ok(())
}

/// Nobody tells the bot that its link was revoked.
#[rstest]
#[tokio::test]
async fn protect_once_more_makes_a_new_link_into_a_private_channel(
    #[values(StandAlone, Split)] form: Form,
    #[values("at once", "after /unprotect")] when: &str,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let olga = corner.owner();
    let private = stage.story.channel("Secret").with_bot(AdminRights::INVITE_USERS).open();
    let command = format!("/protect {}", private.id);
    stage.ask(&olga, &corner, &command).await?;
    let (ann, warning) = stage.offender("Ann", &corner).await?;
    let link = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    stage.story.world().revoke_link(private.id, &link);
    assert!(ann.joins_by(&link, &private).is_err());

    if when == "at once" {
        let reply = stage.ask(&olga, &corner, &command).await?;
        assert!(reply.text.starts_with("This group requires Secret already."), "{reply:?}");
    } else {
        stage.ask(&olga, &corner, "/unprotect").await?;
        ann.free_in(&corner).await?;
        let reply = stage.ask(&olga, &corner, &command).await?;
        assert!(reply.text.starts_with("Done!"), "{reply:?}");
    }
    let (ben, warning) = stage.offender("Ben", &corner).await?;
    let link = warning.stands()?.button("Join Channel").and_then(|button| button.url.clone()).unwrap_or_default();
    ben.joins_by(&link, &private)?;
    ben.free_in(&corner).await?;
    // One that is still in use is not broken by it.
    stage.story.calls().of("exportChatInviteLink").none()?;

    // Without the right to make one, the link that is known has to do.
    private.lets_bot(AdminRights::POST_MESSAGES);
    let reply = stage.ask(&olga, &corner, &command).await?;
    assert!(reply.text.starts_with("This group requires Secret already."), "{reply:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_private_channel_without_a_link_asks_for_the_right_to_make_one(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let private = stage.story.channel("Secret").with_bot(AdminRights::POST_MESSAGES).open();
    corner.owner().says(&corner, &format!("/protect {}", private.id))?;
    corner.bot_says("Secret is private and I may not make an invite link there.").await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn status_tells_of_the_channel_the_rights_and_the_muted(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    stage.offender("Ann", &place.corner).await?;
    stage.offender("Ben", &place.corner).await?;
    let ok = stage.ask(&olga, &place.corner, "/status").await?;
    let lines: Vec<&str> = ok.text.lines().collect();
    assert_eq!(
        lines,
        ["Protection is on.", "Channel News 0: all is well", "My rights here: all I need", "Muted now: 2 people"]
    );
    place.news.throws_bot_out();
    place.corner.lets_bot(AdminRights::DELETE_MESSAGES);
    let asked = olga.says(&place.corner, "/status")?;
    let told = || {
        place.corner.messages().into_iter().find(|seen| seen.id > asked.id && seen.text.contains("Channel News 0: "))
    };
    let broken = stage.story.until("the status", told).await?;
    assert!(broken.text.contains("Channel News 0: I am not an admin there"), "{broken:?}");
    assert!(broken.text.contains("My rights here: please let me ban users"), "{broken:?}");
    Ok(())
}

/// The minute is not waited for: it is in the database.
#[rstest]
#[tokio::test]
async fn a_command_and_its_reply_are_to_go_after_a_minute(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.unprotected_group().corner;
    let asked_ms = stage.sim().clock().now_ms();
    let asked = corner.owner().says(&corner, "/status")?;
    let reply = corner.bot_says(NOT_PROTECTED).await?;
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key LIKE 'tidy:%'", 1).await?;
    let after_ms = stage.due_ms(&corner, "tidy:").await?.unwrap_or_default() - asked_ms;
    assert!((60_000..75_000).contains(&after_ms), "after {after_ms} ms");
    stage.make_due("tidy:%").await?;
    asked.gone().await?;
    reply.gone().await?;
    Ok(())
}
