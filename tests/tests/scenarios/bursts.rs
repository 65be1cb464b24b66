//! Many messages at once: one offence each person, one warning for many, and nobody waits behind work that nobody waits for.

use std::time::Duration;

use anyhow::Context as _;
use rstest::rstest;
use system_tests::stage::{
    Form::{self, Split, StandAlone},
    Stage,
};
use telegram_sim::{story::person::Person, story::place::Place, world::seeing::Seen};

/// As few messages a minute as a group may be sent at Telegram's own rate.
const SLOW: (&str, &str) = ("LIMIT_SEND_PER_GROUP_PER_MIN", "20");

/// The warnings that stand in the group.
fn warnings(place: &Place) -> Vec<Seen> {
    place.messages().into_iter().filter(|seen| seen.is_from_bot && seen.button("I have joined").is_some()).collect()
}

async fn raid(corner: &Place, count: usize) -> anyhow::Result<Vec<Person>> {
    let raiders: Vec<Person> = (0..count).map(|n| corner.person(&format!("Raider {n}"))).collect();
    for raider in &raiders {
        raider.says(corner, "buy this")?;
    }
    for raider in &raiders {
        raider.muted_in(corner).await?;
    }
    Ok(raiders)
}

#[rstest]
#[tokio::test]
async fn ten_messages_make_one_mute_and_one_warning(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let said: Vec<_> = (0..10).map(|n| ann.says(&place.corner, &format!("buy {n}"))).collect::<Result<_, _>>()?;
    for said in said {
        said.gone().await?;
    }
    ann.muted_in(&place.corner).await?;
    place.corner.bot_mentions(&ann).await?;
    stage.settled(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").exactly(1)?;
    anyhow::ensure!(warnings(&place.corner).len() == 1, "{}", place.corner.calls());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_album_is_one_offence(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    for photo in ann.sends_album(&place.corner, 6, "look")? {
        photo.gone().await?;
    }
    place.corner.bot_mentions(&ann).await?;
    stage.settled(&place.corner).await?;
    place.corner.calls().of("restrictChatMember").exactly(1)?;
    anyhow::ensure!(warnings(&place.corner).len() == 1, "{}", place.corner.calls());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn in_a_raid_warnings_merge_names_leave_as_people_are_released_and_the_message_goes_with_the_last(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    const RAIDERS: usize = 30;
    let stage = Stage::open_with(form, &[SLOW]).await?;
    let place = stage.protected_group().await?;
    let raiders = raid(&place.corner, RAIDERS).await?;
    let merged = || warnings(&place.corner).into_iter().find(|seen| seen.text.contains(" others, "));
    let merged = stage.story.until("a warning for several", merged).await?;
    anyhow::ensure!(merged.buttons.iter().flatten().any(|button| button.data.as_deref() == Some("v1:*")), "{merged:?}");
    let named: Vec<i64> = merged.entities.iter().filter_map(|entity| entity["user"]["id"].as_i64()).collect();
    anyhow::ensure!(named.len() == 5, "five are named: {merged:?}");
    // Everybody was warned by a few messages, far fewer than people.
    let alone = warnings(&place.corner).iter().filter(|seen| seen.entities.len() == 1).count();
    anyhow::ensure!(alone < RAIDERS / 2 && warnings(&place.corner).len() == alone + 1, "{}", place.corner.calls());

    let shared = stage.story.world().message(place.corner.id, merged.id).context("it stands")?;
    let in_it: Vec<&Person> = raiders.iter().filter(|raider| shared.text.contains(&raider.name)).collect();
    let first = in_it.first().context("somebody is named")?;
    first.joins(&place.news)?;
    first.free_in(&place.corner).await?;
    let mentions = |seen: &Seen, who: &Person| seen.entities.iter().any(|entity| entity["user"]["id"] == who.id.0);
    let left = || stage.story.world().message(place.corner.id, merged.id).filter(|seen| !mentions(seen, first));
    stage.story.until("the name to leave", left).await?;

    for raider in &raiders {
        if raider.id != first.id {
            raider.joins(&place.news)?;
        }
    }
    for raider in &raiders {
        raider.free_in(&place.corner).await?;
    }
    let none = || warnings(&place.corner).is_empty().then_some(());
    stage.story.until("every warning to go", none).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_name_whose_time_is_over_leaves_a_merged_warning(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[SLOW]).await?;
    let place = stage.protected_group().await?;
    let raiders = raid(&place.corner, 12).await?;
    let mentions = |seen: &Seen, who: &Person| seen.entities.iter().any(|entity| entity["user"]["id"] == who.id.0);
    let merged = || warnings(&place.corner).into_iter().find(|seen| seen.entities.len() > 1);
    let merged = stage.story.until("a warning for several", merged).await?;
    let first = raiders.iter().find(|raider| mentions(&merged, raider)).context("somebody is named")?;
    stage.until_count("SELECT COUNT(*) FROM warnings WHERE state <> 'sent'", 0).await?;
    let over = "UPDATE tasks SET due_ms = 0 WHERE key IN (SELECT 'unwarn:' || id FROM warnings WHERE name = $1)";
    anyhow::ensure!(stage.change(over, &first.name).await? == 1);
    stage.until_count("SELECT COUNT(*) FROM tasks WHERE key LIKE 'rename:%'", 1).await?;
    stage.hurry("rename").await?;
    let left = || stage.story.world().message(place.corner.id, merged.id).filter(|seen| !mentions(seen, first));
    stage.story.until("the name to leave", left).await?;
    anyhow::ensure!(!first.can_write_in(&place.corner), "the mute outlives the warning");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_button_of_a_merged_warning_judges_whoever_presses_it(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open_with(form, &[SLOW]).await?;
    let place = stage.protected_group().await?;
    let raiders = raid(&place.corner, 12).await?;
    let merged = || warnings(&place.corner).into_iter().find(|seen| seen.entities.len() > 1);
    let merged = stage.story.until("a warning for several", merged).await?;
    let button = |who: &Person| stage.story.world().press(who.id, place.corner.id, merged.id, "I have joined");
    let last = raiders.last().context("a raider")?;
    let early = button(last)?.answer(Duration::from_secs(15)).await?;
    anyhow::ensure!(early.text.starts_with("You are not subscribed"), "{early:?}");
    // Telegram loses what it should tell about the channel: the press alone has to do.
    stage.story.world().seed_members(place.news.id, &[last.id]);
    let answer = button(last)?.answer(Duration::from_secs(15)).await?;
    anyhow::ensure!(answer.text.starts_with("Thank you"), "{answer:?}");
    last.free_in(&place.corner).await?;
    let stranger = place.corner.person("Stranger");
    stage.story.world().seed_members(place.news.id, &[stranger.id]);
    let answer = button(&stranger)?.answer(Duration::from_secs(15)).await?;
    anyhow::ensure!(answer.text.starts_with("You are all set"), "{answer:?}");
    anyhow::ensure!(!raiders[0].can_write_in(&place.corner), "nobody else is freed");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn after_an_outage_old_messages_are_deleted_their_authors_muted_and_warned_by_one_message(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let mut stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    stage.stop().await?;
    let away = Duration::from_secs(20 * 60);
    stage.sim().clock().turn_back(away);
    let people: Vec<Person> = (0..8).map(|n| place.corner.person(&format!("Ann {n}"))).collect();
    let said: Vec<_> = people.iter().map(|who| who.says(&place.corner, "hello")).collect::<Result<_, _>>()?;
    stage.sim().clock().advance(away);
    stage.start_again().await?;
    for (who, said) in people.iter().zip(said) {
        said.gone().await?;
        who.muted_in(&place.corner).await?;
    }
    let one = || warnings(&place.corner).into_iter().find(|seen| seen.text.contains("and 3 others"));
    stage.story.until("one warning for all", one).await?;
    stage.settled(&place.corner).await?;
    anyhow::ensure!(warnings(&place.corner).len() == 1, "{}", place.corner.calls());
    let sent = place.corner.calls().of("sendMessage").only(|call| call.args.contains_key("entities"));
    sent.exactly(1)?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_does_not_wait_behind_a_release_of_many(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    const MUTED: usize = 40;
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let raiders = raid(&place.corner, MUTED).await?;
    let mine = stage.story.until("a warning", || warnings(&place.corner).pop()).await?;
    // Each look at somebody takes a moment, so that the release of all takes many.
    let slow = telegram_sim::faults::Fault::latency(Duration::from_millis(250));
    stage.sim().fault(slow.on("getChatMember").in_chat(place.corner.id));
    place.corner.owner().says(&place.corner, "/unprotect")?;
    place.corner.bot_says("Protection is off. I am freeing").await?;
    raiders[0].free_in(&place.corner).await?;
    let press = stage.story.world().press(raiders[MUTED - 1].id, place.corner.id, mine.id, "I have joined")?;
    let answer = press.answer(Duration::from_secs(15)).await?;
    anyhow::ensure!(answer.text.starts_with("Thank you"), "{answer:?}");
    let still = raiders.iter().filter(|raider| !raider.can_write_in(&place.corner)).count();
    anyhow::ensure!(still > MUTED / 4, "the press came among the first: {still} still wait");
    for raider in &raiders {
        raider.free_in(&place.corner).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_first_message_of_a_burst_goes_at_once_and_the_others_by_few_calls(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let ann = place.corner.person("Ann");
    let before = stage.sim().last_call();
    let calls = || stage.sim().calls_after(before).in_chat(place.corner.id);
    // While the first goes, the others come.
    let slow = telegram_sim::faults::Fault::latency(Duration::from_millis(700));
    stage.sim().fault(slow.on("deleteMessage").in_chat(place.corner.id));
    let mut said = vec![ann.says(&place.corner, "buy 0")?];
    let begun = || (!calls().of("deleteMessage").is_empty()).then_some(());
    let asked = || (!place.news.calls().of("getChatMember").about(&ann).is_empty()).then_some(());
    stage.story.until("the question about her", asked).await?;
    for n in 1..20 {
        said.push(ann.says(&place.corner, &format!("buy {n}"))?);
    }
    stage.story.until("the first to be deleted", begun).await?;
    for said in said {
        said.gone().await?;
    }
    let (one, many) = (calls().of("deleteMessage"), calls().of("deleteMessages"));
    anyhow::ensure!(one.len() == 1 && (1..=3).contains(&many.len()), "{one}\n{many}");
    Ok(())
}
