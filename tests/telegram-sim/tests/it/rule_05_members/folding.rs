//! All permissions make a plain member again; anything less leaves an exception.

use serde_json::json;
use telegram_sim::rights::Permissions;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn all_permissions_fold_to_a_plain_member() -> TestResult {
    let Place { bot, group, ann, world, .. } = place().await?;
    bot.ok("restrictChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    let nearly = Permissions::all().without(Permissions::CHANGE_INFO);
    for (permissions, status) in [(nearly, "restricted"), (Permissions::all(), "member")] {
        let args = json!({ "chat_id": group, "user_id": ann, "permissions": permissions });
        bot.ok("restrictChatMember", args).await?;
        assert_eq!(world.member(group, ann).status, status);
    }
    Ok(())
}

#[tokio::test]
async fn an_exception_gives_no_more_than_the_group_allows() -> TestResult {
    let Place { group, ann, world, owner, .. } = place().await?;
    world.set_permissions(group, owner, Permissions::none())?;
    let error = world.say(group, ann, "hello").map_err(|refused| refused.0);
    assert_eq!(error, Err("the group lets nobody do that".to_owned()));
    world.set_permissions(group, owner, Permissions::new_group())?;
    world.restrict(group, owner, ann, Permissions::SEND_MESSAGES, 0)?;
    world.say(group, ann, "hello")?;
    assert!(world.album(group, ann, 2, "").is_err());
    Ok(())
}

#[tokio::test]
async fn after_all_permissions_the_exception_is_gone_and_the_groups_defaults_count() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    world.set_permissions(group, owner, Permissions::none())?;
    for (permissions, shown, gains) in [
        // The wrong way to unmute: what the group allows now.
        (Permissions::none(), "restricted", false),
        (Permissions::all(), "member", true),
    ] {
        world.restrict(group, owner, ann, Permissions::SEND_MESSAGES, 0)?;
        let args = json!({ "chat_id": group, "user_id": ann, "permissions": permissions });
        bot.ok("restrictChatMember", args).await?;
        let member = bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
        assert_eq!(member["status"], shown);
        assert!(!world.can_speak(group, ann), "no more than the group allows");
        world.set_permissions(group, owner, Permissions::new_group())?;
        assert_eq!(world.can_speak(group, ann), gains, "when the group allows more again");
        world.set_permissions(group, owner, Permissions::none())?;
    }
    Ok(())
}

#[tokio::test]
async fn all_permissions_wipe_what_a_person_had_set() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    world.restrict(group, owner, ann, Permissions::SEND_MESSAGES, 0)?;
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    bot.ok("restrictChatMember", unmute).await?;
    let member = world.member(group, ann);
    assert_eq!((member.status, member.permissions), ("member", None));
    Ok(())
}
