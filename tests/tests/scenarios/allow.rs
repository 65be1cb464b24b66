//! `/allow`, `/disallow`, and who else may write without subscribing.

use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::rights::AdminRights;

#[rstest]
#[tokio::test]
async fn allow_in_reply_to_the_warning_frees_at_once_and_disallow_takes_it_back(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    olga.replies(&warning, "/allow")?;
    place.corner.bot_says(&format!("Ann ({}) can write here without subscribing.", ann.id)).await?;
    ann.free_in(&place.corner).await?;
    warning.gone().await?;
    let hello = ann.says(&place.corner, "hello again")?;
    stage.settled(&place.corner).await?;
    hello.stands()?;

    let list = stage.ask(&olga, &place.corner, "/allow").await?;
    assert!(
        list.text.starts_with("To let somebody write")
            && list.text.ends_with(&format!("On the list: Ann ({}).", ann.id)),
        "{list:?}"
    );
    // In reply to the person this time.
    olga.replies(&hello, "/disallow")?;
    place.corner.bot_says(&format!("Ann ({}) is off the list", ann.id)).await?;
    ann.says(&place.corner, "and now?")?.gone().await?;
    ann.muted_in(&place.corner).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn people_and_channels_are_allowed_by_their_ids(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let (ann, _) = stage.offender("Ann", &place.corner).await?;
    let reply = stage.ask(&olga, &place.corner, &format!("/allow {}", ann.id)).await?;
    assert!(reply.text.starts_with("Ann ("), "{reply:?}");
    ann.free_in(&place.corner).await?;

    let cem = place.corner.person("Cem");
    let art = stage.story.channel("Art").public("daily_art").owned_by(&cem).open();
    cem.says_as(&art, &place.corner, "as my channel")?.gone().await?;
    for (id, expected) in [("@daily_art".to_owned(), "Art ("), (art.id.0.to_string(), "Art (")] {
        let reply = stage.ask(&olga, &place.corner, &format!("/allow {id}")).await?;
        assert!(reply.text.starts_with(expected), "{id}: {reply:?}");
        stage.story.world().delete(place.corner.id, olga.id, reply.id)?;
    }
    let post = cem.says_as(&art, &place.corner, "as my channel again")?;
    stage.settled(&place.corner).await?;
    post.stands()?;
    for nobody in ["0", "@nobody_here_at_all", "Ann"] {
        let reply = stage.ask(&olga, &place.corner, &format!("/allow {nobody}")).await?;
        assert!(reply.text.starts_with("I need a person or a channel"), "{nobody}: {reply:?}");
        stage.story.world().delete(place.corner.id, olga.id, reply.id)?;
    }
    let reply = stage.ask(&olga, &place.corner, "/disallow 77").await?;
    assert_eq!(reply.text, "77 is not on the list.");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_warning_for_several_people_asks_which_one(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[("LIMIT_SEND_PER_GROUP_PER_MIN", "20")]).await?;
    let place = stage.protected_group().await?;
    let olga = place.corner.owner();
    let mut people = Vec::new();
    for name in ["Ann", "Ben", "Cem", "Dua", "Eva", "Fay", "Gil", "Hal", "Ida"] {
        let who = place.corner.person(name);
        who.says(&place.corner, "hello")?;
        people.push(who);
    }
    let corner = &place.corner;
    let merged = stage.story.until("a warning that names several", || {
        let several = |seen: &telegram_sim::world::seeing::Seen| {
            seen.entities.iter().filter(|entity| !entity["user"].is_null()).count() > 1
        };
        corner.messages().into_iter().find(several)
    });
    let merged = merged.await?;
    let named = |seen: &telegram_sim::world::seeing::Seen| -> Vec<i64> {
        seen.entities.iter().filter_map(|entity| entity["user"]["id"].as_i64()).collect()
    };
    let first = people.iter().find(|who| named(&merged).contains(&who.id.0));
    let first = first.ok_or_else(|| anyhow::anyhow!("nobody we know: {merged:?}"))?.clone();
    let how = telegram_sim::world::talking::Saying { reply_to: Some(merged.id), ..Default::default() };
    stage.story.world().say_there(corner.id, olga.id, "/allow", how)?;
    let question = corner.bot_says("That warning is for several people.").await?;
    let heard = stage.hears(&people[1], &question, &first.name).await;
    assert!(heard.is_ok_and(|heard| heard == "Only admins of this group can use this button."));
    let goes = stage.due_ms(corner, &format!("tidy:{}", question.id)).await?;
    assert!(goes.is_some(), "though its sending was never confirmed");
    let heard = stage.hears(&olga, &question, &first.name).await?;
    assert!(heard.starts_with(&format!("{} (", first.name)), "{heard}");
    first.free_in(corner).await?;
    let others = people.iter().filter(|who| **who != first && who.can_write_in(corner)).count();
    assert_eq!(others, 0, "the others are still muted");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn only_admins_can_allow(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    let ben = place.corner.person("Ben");
    ben.joins(&place.news)?;
    ben.replies(&warning, "/allow")?;
    ben.says(&place.corner, &format!("/allow {}", ann.id))?;
    let list = stage.ask(&place.corner.owner(), &place.corner, "/allow").await?;
    assert!(list.text.ends_with("Nobody is on the list."), "{list:?}");
    assert!(!ann.can_write_in(&place.corner));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn becoming_an_admin_ends_mute_and_warning(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    place.corner.owner().promotes(&ann, &place.corner, AdminRights::DELETE_MESSAGES)?;
    warning.gone().await?;
    let hello = ann.says(&place.corner, "hello")?;
    let status = stage.ask(&place.corner.owner(), &place.corner, "/status").await?;
    assert!(status.text.ends_with("Muted now: 0 people"), "{status:?}");
    hello.stands()?;
    assert_eq!(ann.status_in(&place.corner).status, "administrator");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_is_allowed_may_come_and_leave_the_channel(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let (ann, ben) = (stage.story.person("Ann"), place.corner.person("Ben"));
    ben.joins(&place.news)?;
    for who in [&ann, &ben] {
        stage.ask(&place.corner.owner(), &place.corner, &format!("/allow {}", who.id)).await?;
    }
    ann.joins(&place.corner)?;
    ben.leaves(&place.news)?;
    // Who is not allowed and leaves after him is muted: by then his leaving is decided.
    let cem = place.corner.person("Cem");
    cem.joins(&place.news)?;
    cem.leaves(&place.news)?;
    cem.muted_in(&place.corner).await?;
    stage.settled(&place.corner).await?;
    for who in [&ann, &ben] {
        place.corner.calls().of("restrictChatMember").about(who).none()?;
        assert!(who.can_write_in(&place.corner), "{who}");
    }
    Ok(())
}

/// Anybody can have a group of their own, be its admin, and guess numbers.
#[rstest]
#[tokio::test]
async fn a_number_does_not_tell_what_a_private_channel_is_called(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let pia = stage.story.person("Pia");
    let secret = stage.story.channel("Secret").owned_by(&pia).with_bot(AdminRights::INVITE_USERS).open();
    let hidden = stage.story.group("Hidden").owned_by(&pia).with_bot(AdminRights::MODERATOR).open();
    for chat in [&secret, &hidden] {
        for command in ["/allow", "/disallow"] {
            let reply = stage.ask(&place.corner.owner(), &place.corner, &format!("{command} {}", chat.id)).await?;
            assert!(reply.text.starts_with(&chat.id.to_string()), "{command}: {reply:?}");
            stage.story.world().delete(place.corner.id, place.corner.owner().id, reply.id)?;
        }
    }
    Ok(())
}
