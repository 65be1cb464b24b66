//! Requests to join.

use std::time::Duration;

use serde_json::json;

use telegram_sim::rights::AdminRights;

use crate::bot::{TestResult, kinds};
use crate::place::{Place, place};

#[tokio::test]
async fn a_join_request_is_answered_by_the_bot() -> TestResult {
    let Place { bot, channel, world, .. } = place().await?;
    world.set_join_by_request(channel, true);
    let sam = world.person("Sam");
    assert!(world.join(channel, sam).is_err());
    world.request_to_join(channel, sam, None)?;
    let updates = bot.updates().await?;
    assert_eq!(kinds(&updates), ["chat_join_request"]);
    assert_eq!(updates[0]["chat_join_request"]["user_chat_id"], sam.0);
    bot.ok("sendMessage", json!({ "chat_id": sam, "text": "soon" })).await?;
    let request = json!({ "chat_id": channel, "user_id": sam });
    bot.ok("approveChatJoinRequest", request.clone()).await?;
    assert_eq!(world.member(channel, sam).status, "member");
    assert_eq!(bot.updates().await?[0]["chat_member"]["via_join_request"], true);
    let again = bot.error("approveChatJoinRequest", request.clone()).await?;
    assert_eq!(again, "Bad Request: USER_ALREADY_PARTICIPANT");
    world.leave(channel, sam)?;
    assert_eq!(bot.error("declineChatJoinRequest", request).await?, "Bad Request: HIDE_REQUESTER_MISSING");
    Ok(())
}

#[tokio::test]
async fn who_asked_may_be_written_to_for_five_minutes_or_until_it_is_handled() -> TestResult {
    const NOT_STARTED: &str = "Forbidden: bot can't initiate conversation with a user";
    let Place { bot, channel, world, sim, .. } = place().await?;
    world.set_join_by_request(channel, true);
    let by_a_person = "the owner";
    for handled in [None, Some("declineChatJoinRequest"), Some("approveChatJoinRequest"), Some(by_a_person)] {
        let sam = world.person("Sam");
        world.request_to_join(channel, sam, None)?;
        let send = json!({ "chat_id": sam, "text": "soon" });
        bot.ok("sendMessage", send.clone()).await?;
        match handled {
            Some(who) if who == by_a_person => world.decline(channel, sam)?,
            Some(method) => drop(bot.ok(method, json!({ "chat_id": channel, "user_id": sam })).await?),
            None => sim.clock().advance(Duration::from_secs(301)),
        }
        assert_eq!(bot.error("sendMessage", send).await?, NOT_STARTED, "{handled:?}");
    }
    Ok(())
}

#[tokio::test]
async fn handling_requests_needs_the_right_and_somebody_who_is_still_there() -> TestResult {
    let Place { bot, channel, world, .. } = place().await?;
    world.set_join_by_request(channel, true);
    let sam = world.person("Sam");
    world.request_to_join(channel, sam, None)?;
    assert_eq!(world.member(channel, sam).status, "left", "pending is no member");
    let request = json!({ "chat_id": channel, "user_id": sam });
    world.add_bot(channel, AdminRights::POST_MESSAGES);
    let error = bot.error("approveChatJoinRequest", request.clone()).await?;
    assert_eq!(error, "Bad Request: not enough rights to manage chat join requests");
    world.add_bot(channel, AdminRights::INVITE_USERS);
    world.delete_account(sam);
    let error = bot.error("approveChatJoinRequest", request).await?;
    assert_eq!(error, "Forbidden: user is deactivated");
    Ok(())
}
