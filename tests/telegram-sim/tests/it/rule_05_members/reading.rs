//! Asking who is what: getChatMember and getChatAdministrators.

use serde_json::{Value, json};
use telegram_sim::rights::AdminRights;
use telegram_sim::world::Person;

use crate::bot::TestResult;
use crate::place::{Place, place};

#[tokio::test]
async fn reading_members_needs_access_and_says_what_is_missing() -> TestResult {
    let Place { bot, group, channel, ann, world, owner, .. } = place().await?;
    let error =
        async |chat: serde_json::Value| bot.error("getChatMember", json!({ "chat_id": chat, "user_id": ann })).await;
    assert_eq!(error(json!("")).await?, "Bad Request: chat_id is empty");
    assert_eq!(error(json!(-100_123)).await?, "Bad Request: chat not found");
    let never_in = world.channel("Secret", None, owner);
    assert_eq!(error(json!(never_in)).await?, "Bad Request: chat not found");
    world.demote(channel, owner, world.bot())?;
    assert_eq!(error(json!(channel)).await?, "Bad Request: member list is inaccessible");
    world.remove_bot(channel);
    assert_eq!(error(json!(channel)).await?, "Forbidden: bot was kicked from the channel chat");
    world.leave(group, world.bot())?;
    assert_eq!(error(json!(group)).await?, "Forbidden: bot is not a member of the supergroup chat");
    world.remove_bot(group);
    assert_eq!(error(json!(group)).await?, "Forbidden: bot was kicked from the supergroup chat");
    Ok(())
}

#[tokio::test]
async fn who_is_not_in_the_channel_has_left_and_who_is_unknown_is_not_found() -> TestResult {
    let Place { bot, channel, ann, world, .. } = place().await?;
    let ask = |user: i64| json!({ "chat_id": channel, "user_id": user });
    assert_eq!(bot.ok("getChatMember", ask(ann.0)).await?["status"], "left");
    let stranger = world.person("Sam");
    assert_eq!(bot.error("getChatMember", ask(stranger.0)).await?, "Bad Request: member not found");
    assert_eq!(bot.error("getChatMember", ask(987_654_321)).await?, "Bad Request: member not found");
    assert_eq!(bot.error("getChatMember", ask(0)).await?, "Bad Request: invalid user_id specified");
    world.delete_account(ann);
    assert_eq!(bot.error("getChatMember", ask(ann.0)).await?, "Bad Request: member not found");
    Ok(())
}

#[tokio::test]
async fn hidden_members_are_for_administrators() -> TestResult {
    let Place { bot, group, ann, world, owner, .. } = place().await?;
    world.set_hidden_members(group, true);
    let ask = json!({ "chat_id": group, "user_id": ann });
    bot.ok("getChatMember", ask.clone()).await?;
    world.demote(group, owner, world.bot())?;
    assert_eq!(bot.error("getChatMember", ask).await?, "Bad Request: CHAT_ADMIN_REQUIRED");
    bot.ok("getChatMember", json!({ "chat_id": group, "user_id": world.bot() })).await?;
    world.set_hidden_members(group, false);
    bot.ok("getChatMember", json!({ "chat_id": group, "user_id": ann })).await?;
    Ok(())
}

#[tokio::test]
async fn any_right_of_an_administrator_opens_a_channels_member_list() -> TestResult {
    let Place { bot, channel, ann, world, .. } = place().await?;
    for right in [AdminRights::POST_MESSAGES, AdminRights::CHANGE_INFO, AdminRights::MANAGE_CHAT] {
        world.add_bot(channel, right);
        bot.ok("getChatMember", json!({ "chat_id": channel, "user_id": ann })).await?;
    }
    Ok(())
}

#[tokio::test]
async fn administrators_are_listed_without_other_bots_and_with_the_anonymous() -> TestResult {
    let Place { bot, group, channel, ann, world, owner, sim, .. } = place().await?;
    let helper = world.person_like(&Person { first_name: "Helper", is_bot: true, ..Person::default() });
    world.join_by(group, helper, owner)?;
    world.promote(group, owner, helper, AdminRights::DELETE_MESSAGES)?;
    world.promote(group, owner, ann, AdminRights::DELETE_MESSAGES | AdminRights::ANONYMOUS)?;
    let ids = |list: &Value| -> Vec<i64> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|member| member["user"]["id"].as_i64()).collect()
    };
    let list = bot.ok("getChatAdministrators", json!({ "chat_id": group })).await?;
    let mut listed = ids(&list);
    assert_eq!(listed[0], owner.0, "the owner first");
    listed.sort_unstable();
    let mut expected = [owner.0, sim.bot_id().0, ann.0];
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let anonymous = list.as_array().into_iter().flatten().find(|member| member["user"]["id"] == ann.0);
    assert_eq!(anonymous.map(|member| member["is_anonymous"].clone()), Some(Value::Bool(true)));
    let all = bot.ok("getChatAdministrators", json!({ "chat_id": group, "return_bots": true })).await?;
    assert!(ids(&all).contains(&helper.0));
    world.direct(ann, "/start")?;
    let error = bot.error("getChatAdministrators", json!({ "chat_id": ann })).await?;
    assert_eq!(error, "Bad Request: there are no administrators in the private chat");
    world.demote(channel, owner, sim.bot_id())?;
    let error = bot.error("getChatAdministrators", json!({ "chat_id": channel })).await?;
    assert_eq!(error, "Bad Request: member list is inaccessible");
    Ok(())
}
