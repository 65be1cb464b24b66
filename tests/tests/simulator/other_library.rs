//! A bot on somebody else's library meets the simulator: nothing but the API URL is set, and the library reads every reply strictly.

use std::time::Duration;

use system_tests::tools;
use telegram_sim::{config::SimConfig, ledger::Calls, rights::AdminRights, simulator::Simulator};

#[expect(clippy::print_stderr, reason = "whoever reads the run should know that nothing was tried")]
#[tokio::test]
async fn a_bot_on_aiogram_guards_a_group() -> anyhow::Result<()> {
    let Some(python) = tools::python_with("aiogram") else {
        eprintln!("skipped: aiogram is not installed; tests/install.sh does that");
        return Ok(());
    };
    let sim = Simulator::start(SimConfig::default()).await?;
    let story = sim.story();
    let news = story.channel("Daily News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
    let corner = story.group("Readers' Corner").with_bot(AdminRights::MODERATOR).person("Ann").open();
    let ann = story.person("Ann");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulator/gatekeeper.py");
    let mut bot = python.arg(script).args([&sim.api_url(), sim.token(), "@daily_news"]).spawn()?;

    // Its library builds some hundred classes first: seconds on a busy machine.
    let polls = |calls: &Calls| calls.of("getUpdates").iter().next().map(drop);
    sim.wait_for("the bot to ask for updates", Duration::from_secs(120), polls).await?;
    let hello = ann.says(&corner, "Hello everyone!")?;
    hello.gone().await?;
    ann.muted_in(&corner).await?;
    let warning = corner.bot_mentions(&ann).await?;
    ann.joins(&news)?;
    assert_eq!(ann.presses(&warning, "I have joined").await?.text, "Welcome!");
    ann.free_in(&corner).await?;
    let hello = ann.says(&corner, "Hello again!")?;
    sim.wait("the second message to be read", Duration::from_secs(30), || (sim.pending_updates() == 0).then_some(()))
        .await?;
    hello.stands()?;
    story.calls().ok().in_this_order(&["getUpdates", "deleteMessage", "restrictChatMember", "sendMessage"])?;
    bot.kill().await?;
    assert_eq!(bot.lines_with("rror"), Vec::<String>::new());
    Ok(())
}
