//! Giving somebody the status that they have: `true`, and nothing else.

use serde_json::json;
use telegram_sim::rights::{AdminRights, Permissions};

use crate::bot::TestResult;
use crate::place::{Place, place, place_with};

#[tokio::test]
async fn muting_the_same_way_again_is_true_without_an_update() -> TestResult {
    let Place { bot, group, ann, sim, .. } = place().await?;
    let mute = json!({ "chat_id": group, "user_id": ann, "until_date": sim.clock().now() + 3600 });
    for expected in [1, 0] {
        assert_eq!(bot.ok("restrictChatMember", mute.clone()).await?, true);
        let updates = bot.updates().await?;
        assert_eq!(updates.len(), expected, "{updates:?}");
        if let Some(update) = updates.first() {
            let change = &update["chat_member"];
            assert_eq!(change["from"]["id"], sim.bot_id().0);
            assert_eq!(change["old_chat_member"]["status"], "member");
            assert_eq!(change["new_chat_member"]["status"], "restricted");
            assert_eq!(change["new_chat_member"]["is_member"], true);
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_same_status_is_true_even_without_the_right_to_restrict() -> TestResult {
    let config = telegram_sim::config::SimConfig::default();
    let Place { bot, group, ann, world, owner, .. } = place_with(config, AdminRights::DELETE_MESSAGES).await?;
    let all = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    assert_eq!(bot.ok("restrictChatMember", all).await?, true, "a plain member is a plain member");
    world.restrict(group, owner, ann, Permissions::none(), 0)?;
    bot.updates().await?;
    let mute = json!({ "chat_id": group, "user_id": ann });
    assert_eq!(bot.ok("restrictChatMember", mute).await?, true);
    let other = json!({ "chat_id": group, "user_id": ann, "permissions": { "can_send_messages": true } });
    let error = bot.error("restrictChatMember", other).await?;
    assert_eq!(error, "Bad Request: not enough rights to restrict/unrestrict chat member");
    assert!(bot.updates().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn unmuting_somebody_who_is_not_restricted_is_a_silent_true() -> TestResult {
    let Place { bot, group, ann, .. } = place().await?;
    let unmute = json!({ "chat_id": group, "user_id": ann, "permissions": Permissions::all() });
    assert_eq!(bot.ok("restrictChatMember", unmute).await?, true);
    assert!(bot.updates().await?.is_empty());
    Ok(())
}
