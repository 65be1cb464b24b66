//! What the log of a whole story holds, and what it must not.

use system_tests::standalone::Standalone;
use telegram_sim::faults::{Fault, Harm};

#[tokio::test]
async fn the_log_tells_the_story_without_colours_the_token_or_what_people_wrote() -> anyhow::Result<()> {
    let bot = Standalone::start().await?;
    let place = bot.protected_group().await?;
    // A reply with the message in it that cannot be read, and one that repeats the request.
    let token = bot.sim.token();
    for body in ["xyzzy not JSON".to_owned(), format!(r#"{{"ok":false,"description":"/bot{token}/sendMessage"}}"#)] {
        let harm = Harm::Raw { status: 400, content_type: String::new(), body };
        bot.sim.fault(Fault::new(harm).on("sendMessage").in_chat(place.group).next(1));
        let who = bot.world.person_in(place.group, "Ann");
        let message = bot.world.say(place.group, who, "xyzzy")?;
        bot.deleted(place.group, message).await?;
        bot.muted(place.group, who).await?;
    }
    bot.settled(&place).await?;
    let (ann, warning) = bot.offender(&place, "Ann").await?;
    bot.world.join(place.channel, ann)?;
    bot.released(place.group, ann).await?;
    bot.deleted(place.group, warning.id).await?;
    for event in ["starting", "polling", "working", "protected", "muted", "may not", "released"] {
        bot.process.line_with(event, system_tests::wait::PATIENCE).await?;
    }
    let secret = token.split_once(':').map_or(token, |(_, secret)| secret);
    for never in ["\u{1b}[", secret, "xyzzy"] {
        let lines = bot.process.lines_with(never);
        assert!(lines.is_empty(), "{never:?} in {lines:#?}");
    }
    Ok(())
}
