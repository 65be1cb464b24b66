//! What an admin has decided about somebody stays, whatever the bot did to them before or they do after.

use system_tests::{place::Place, standalone::Standalone, wait::PATIENCE};
use telegram_sim::{
    ids::UserId,
    ledger::Calls,
    rights::{AdminRights, Permissions},
    world::seeing::Membership,
};

const BUTTON: &str = "I have joined";
const DECIDED: &str = "an admin has restricted you here";

#[tokio::test]
async fn a_restriction_by_an_admin_stays_and_the_presser_is_told_so() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let day = bot.sim.clock().now() + 3 * 86_400;
    let words_only = Permissions::SEND_MESSAGES;
    let nearly_all = Permissions::all().without(Permissions::SEND_POLLS);
    for (name, permissions, until) in [("Ann", words_only, 0), ("Bea", words_only, day), ("Cem", nearly_all, day)] {
        let who = bot.world.person_in(place.group, name);
        bot.world.restrict(place.group, place.owner, who, permissions, until)?;
        let decided = bot.world.member(place.group, who);
        let message = bot.world.say(place.group, who, "hello")?;
        bot.deleted(place.group, message).await?;
        let warning = bot.warned(place.group, who).await?;
        let answer = bot.press(who, place.group, warning.id, BUTTON).await?;
        assert!(answer.text.starts_with("You are not subscribed"), "{name}: {answer:?}");
        bot.world.seed_members(place.channel, &[who]);
        let answer = bot.press(who, place.group, warning.id, BUTTON).await?;
        assert!(answer.text.contains(DECIDED), "{name}: {answer:?}");
        untouched(&bot, &place, who, &decided, 0)?;
        bot.deleted(place.group, warning.id).await?;
    }
    Ok(())
}

/// The muted can still edit what they wrote before.
#[tokio::test]
async fn one_muted_by_an_admin_who_edits_is_not_muted_again_by_the_bot() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.place();
    let ann = bot.world.person_in(place.group, "Ann");
    let message = bot.world.say(place.group, ann, "hello")?;
    bot.world.restrict(place.group, place.owner, ann, Permissions::none(), 0)?;
    let decided = bot.world.member(place.group, ann);
    bot.protect(&place).await?;
    bot.world.edit(place.group, ann, message, "buy now")?;
    bot.deleted(place.group, message).await?;
    bot.warned(place.group, ann).await?;
    untouched(&bot, &place, ann, &decided, 0)
}

#[tokio::test]
async fn an_admin_who_restricts_anew_after_the_bot_has_the_last_word() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let week = bot.sim.clock().now() + 7 * 86_400;
    // By whom they are released: their own press, or the news that they have subscribed.
    for (name, permissions, until, told) in [
        ("Ann", Permissions::none(), week, false),
        ("Bea", Permissions::none(), 0, true),
        ("Cem", Permissions::SEND_MESSAGES, week, false),
    ] {
        let (who, warning) = bot.offender(&place, name).await?;
        bot.world.restrict(place.group, place.owner, who, permissions, until)?;
        let decided = bot.world.member(place.group, who);
        if told {
            bot.world.join(place.channel, who)?;
            looked_at(&bot, &place, who, 2).await?;
        } else {
            bot.world.seed_members(place.channel, &[who]);
            let answer = bot.press(who, place.group, warning.id, BUTTON).await?;
            assert!(answer.text.contains(DECIDED), "{name}: {answer:?}");
        }
        bot.deleted(place.group, warning.id).await?;
        untouched(&bot, &place, who, &decided, 1)?;
        let again =
            bot.world.press_forged(who, place.group, warning.id, &format!("v1:{who}"))?.answer(PATIENCE).await?;
        assert!(again.text.contains(DECIDED), "{name}: {again:?}");
        untouched(&bot, &place, who, &decided, 1)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_admin_who_sets_the_end_of_the_bots_mute_and_other_permissions_has_the_last_word() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    let until = bot.world.member(place.group, ann).until_date.unwrap_or_default();
    bot.world.restrict(place.group, place.owner, ann, Permissions::INVITE_USERS, until)?;
    let decided = bot.world.member(place.group, ann);
    bot.world.seed_members(place.channel, &[ann]);
    let answer = bot.press(ann, place.group, warning.id, BUTTON).await?;
    assert!(answer.text.contains(DECIDED), "{answer:?}");
    untouched(&bot, &place, ann, &decided, 1)
}

/// Telegram lifts a ban by any restrictChatMember (telegram.md 3.5, trap 1).
#[tokio::test]
async fn one_banned_by_an_admin_stays_banned_after_subscribing() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.ban(place.group, place.owner, ann, 0)?;
    let decided = bot.world.member(place.group, ann);
    bot.world.join(place.channel, ann)?;
    looked_at(&bot, &place, ann, 2).await?;
    bot.deleted(place.group, warning.id).await?;
    untouched(&bot, &place, ann, &decided, 1)
}

/// Telegram demotes an admin by a restrictChatMember with all permissions, if the bot may promote (telegram.md 3.5, trap 2).
#[tokio::test]
async fn one_made_an_admin_stays_admin_after_subscribing_and_pressing() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    bot.world.promote(
        place.group,
        place.owner,
        bot.sim.bot_id(),
        AdminRights::MODERATOR | AdminRights::PROMOTE_MEMBERS,
    )?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.promote(place.group, place.owner, ann, AdminRights::PIN_MESSAGES)?;
    let decided = bot.world.member(place.group, ann);
    bot.deleted(place.group, warning.id).await?;
    bot.world.join(place.channel, ann)?;
    bot.world.press_forged(ann, place.group, warning.id, &format!("v1:{ann}"))?.answer(PATIENCE).await?;
    let message = bot.world.say(place.group, ann, "hello")?;
    bot.settled(&place).await?;
    assert!(bot.world.message(place.group, message).is_some());
    untouched(&bot, &place, ann, &decided, 1)
}

/// Waits until the bot has looked at somebody in the group this often.
async fn looked_at(bot: &Standalone, place: &Place, who: UserId, times: usize) -> anyhow::Result<()> {
    let looked = |calls: &Calls| {
        let looks = calls.of("getChatMember").in_chat(place.group).about(who);
        (looks.len() >= times).then_some(())
    };
    Ok(bot.sim.wait_for("the bot to look at them in the group", PATIENCE, looked).await?)
}

/// They are what the admin made them, and the bot has restricted them only so often.
fn untouched(bot: &Standalone, place: &Place, who: UserId, decided: &Membership, mutes: usize) -> anyhow::Result<()> {
    let now = bot.world.member(place.group, who);
    let restricted = bot.sim.calls().of("restrictChatMember").about(who);
    anyhow::ensure!(now == *decided, "decided {decided:?}, found {now:?}\n{restricted}");
    anyhow::ensure!(restricted.len() == mutes, "{restricted}");
    Ok(())
}
