//! Names and titles are other people's text: nothing in them breaks a message, a button or an alert.

use system_tests::{place::Place, standalone::Standalone};
use telegram_sim::{
    ids::UserId,
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

#[tokio::test]
async fn hostile_names_and_titles_break_nothing() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let cases = hostile();
    let stories =
        cases.iter().map(async |hostile| story(&bot, hostile).await.map_err(|error| error.context(hostile.what)));
    futures::future::try_join_all(stories).await?;
    anyhow::ensure!(bot.process.lines_with("panicked").is_empty(), "{:?}", bot.process.lines_with("panicked"));
    Ok(())
}

/// The whole of it in a group, for a channel and by a person with such a name.
async fn story(bot: &Standalone, hostile: &Hostile) -> anyhow::Result<()> {
    let name = hostile.name.as_str();
    let place = bot.place_titled(name, name);
    bot.protect(&place).await?;
    let ann = bot.world.person_like(&Person { first_name: name, last_name: Some(name), ..Person::default() });
    bot.world.seed_members(place.group, &[ann]);
    let message = bot.world.say(place.group, ann, name)?;
    bot.deleted(place.group, message).await?;
    bot.muted(place.group, ann).await?;
    let warning = bot.warned(place.group, ann).await?;
    mentions(&warning, ann)?;
    anyhow::ensure!(!warning.text.contains(['\u{202e}', '\u{2066}', '\n', '\r', '\u{7}']), "{warning:?}");
    let labels: Vec<&str> = warning.buttons.iter().flatten().map(|button| button.label.as_str()).collect();
    anyhow::ensure!(labels == ["Join Channel", BUTTON], "{warning:?}");

    let status = bot.settled(&place).await?;
    anyhow::ensure!(status.text.contains("all is well") && status.text.contains("Muted now: 1 person"), "{status:?}");
    pressed(bot, &place, ann, &warning).await
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

async fn pressed(bot: &Standalone, place: &Place, ann: UserId, warning: &Seen) -> anyhow::Result<()> {
    let answer = bot.press(ann, place.group, warning.id, BUTTON).await?;
    anyhow::ensure!(answer.text.starts_with("You are not subscribed to "), "{answer:?}");
    anyhow::ensure!(answer.text.chars().count() <= 200, "{answer:?}");
    bot.world.seed_members(place.channel, &[ann]);
    let answer = bot.press(ann, place.group, warning.id, BUTTON).await?;
    anyhow::ensure!(answer.text.starts_with("Thank you"), "{answer:?}");
    bot.released(place.group, ann).await?;
    bot.deleted(place.group, warning.id).await
}
