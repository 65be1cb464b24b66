//! Names and titles are other people's text: nothing in them breaks a message, a button or an alert.

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Protected, Stage,
    },
    wait::PATIENCE,
};
use telegram_sim::{
    ids::{MessageId, UserId},
    rights::AdminRights,
    world::{Person, seeing::Seen},
};

const BUTTON: &str = "I have joined";

/// A name that Telegram allows: 64 characters and 64.
struct Hostile {
    what: &'static str,
    name: String,
}

fn hostile() -> Vec<Hostile> {
    let zalgo = format!("Z{}", "\u{0337}\u{0322}\u{031b}".repeat(20));
    let all = [
        ("markup", "<b>&\"quoted\"</b> <a href='x'>".to_owned()),
        ("markdown", "*bold* _it_ [x](tg://user?id=1) `code` ||s||".to_owned()),
        ("emoji beyond the first plane", "🦊🦊👨‍👩‍👧‍👦🏳️‍🌈 Fox".to_owned()),
        ("right to left", "\u{202e}gnp.exe שלום مرحبا\u{2066}".to_owned()),
        ("zalgo", zalgo),
        ("blank", "\u{2800}\u{3164} \u{200b}".to_owned()),
        ("lines and controls", "one\ntwo\r\u{7}\tthree".to_owned()),
        ("placeholders", "{name} {channels} {group}".to_owned()),
        ("a command, a link and a mention", "/unprotect t.me/evil @durov".to_owned()),
        ("long", "W".repeat(64)),
        ("long emoji", "😈".repeat(64)),
    ];
    all.into_iter().map(|(what, name)| Hostile { what, name }).collect()
}

#[rstest]
#[tokio::test]
async fn hostile_names_and_titles_break_nothing(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let cases = hostile();
    let stories = cases
        .iter()
        .enumerate()
        .map(async |(n, hostile)| story(&stage, n, &hostile.name).await.map_err(|error| error.context(hostile.what)));
    futures::future::try_join_all(stories).await?;
    let panics = stage.lines_with("panicked");
    anyhow::ensure!(panics.is_empty(), "{panics:?}");
    Ok(())
}

/// The whole of it in a group, for a channel and by a person with such a name.
async fn story(stage: &Stage, n: usize, name: &str) -> anyhow::Result<()> {
    let world = stage.story.world();
    let news = stage.story.channel(name).public(&format!("hostile_{n}")).with_bot(AdminRights::INVITE_USERS).open();
    let corner = stage.story.group(name).with_bot(AdminRights::MODERATOR).open();
    stage.protect(&corner, &news).await?;
    let place = Protected { corner, news };
    let group = place.corner.id;
    let ann = world.person_like(&Person { first_name: name, last_name: Some(name), ..Person::default() });
    world.seed_members(group, &[ann]);
    let hello = world.say(group, ann, name)?;
    let punished = || (world.message(group, hello).is_none() && !world.can_speak(group, ann)).then_some(());
    stage.story.until("her message to go, and her mute", punished).await?;
    let warning = || world.bot_messages(group).into_iter().find(|seen| seen.button(BUTTON).is_some());
    let warning = stage.story.until("a warning", warning).await?;
    mentions(&warning, ann)?;
    anyhow::ensure!(!warning.text.contains(['\u{202e}', '\u{2066}', '\n', '\r', '\u{7}']), "{warning:?}");
    let labels: Vec<&str> = warning.buttons.iter().flatten().map(|button| button.label.as_str()).collect();
    anyhow::ensure!(labels == ["Join Channel", BUTTON], "{warning:?}");

    let status = stage.ask(&place.corner.owner(), &place.corner, "/status").await?;
    anyhow::ensure!(status.text.contains("all is well") && status.text.contains("Muted now: 1 person"), "{status:?}");
    pressed(stage, &place, ann, warning.id).await
}

/// The mention covers the name and nothing else, counted as Telegram counts.
fn mentions(warning: &Seen, who: UserId) -> anyhow::Result<()> {
    let mention = warning.entities.iter().find(|entity| entity["user"]["id"] == who.0);
    let mention = mention.ok_or_else(|| anyhow::anyhow!("nobody is mentioned: {warning:?}"))?;
    let place =
        |field: &str| mention[field].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let units: Vec<u16> = warning.text.encode_utf16().collect();
    let end = place("offset") + place("length");
    anyhow::ensure!(place("offset") == 0 && place("length") > 0 && end <= units.len(), "{warning:?}");
    let name = String::from_utf16(&units[..end])?;
    let rest = String::from_utf16(&units[end..])?;
    anyhow::ensure!(!name.trim().is_empty() && name.trim() == name, "the mention covers {name:?} in {warning:?}");
    anyhow::ensure!(rest.starts_with(", to write in "), "{rest:?} follows the mention in {warning:?}");
    Ok(())
}

async fn pressed(stage: &Stage, place: &Protected, ann: UserId, warning: MessageId) -> anyhow::Result<()> {
    let (world, group) = (stage.story.world(), place.corner.id);
    let answer = world.press(ann, group, warning, BUTTON)?.answer(PATIENCE).await?;
    anyhow::ensure!(answer.text.starts_with("You are not subscribed to "), "{answer:?}");
    anyhow::ensure!(answer.text.chars().count() <= 200, "{answer:?}");
    world.seed_members(place.news.id, &[ann]);
    let answer = world.press(ann, group, warning, BUTTON)?.answer(PATIENCE).await?;
    anyhow::ensure!(answer.text.starts_with("Thank you"), "{answer:?}");
    let free = || (world.can_speak(group, ann) && world.message(group, warning).is_none()).then_some(());
    stage.story.until("her release, and the warning to go", free).await?;
    Ok(())
}
