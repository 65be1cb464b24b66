//! The playground's page, driven by Chromium against the real bot: whole stories by clicks, as several people in several windows.

use std::time::Duration;

use anyhow::Context as _;
use system_tests::{
    stage::{Form, Stage},
    tools,
};
use telegram_sim::rights::AdminRights;

/// Where the pictures are kept: `target/playground`.
fn pictures() -> std::io::Result<std::path::PathBuf> {
    let folder = tools::artefacts("playground");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[tokio::test]
async fn the_whole_story_by_clicks_and_by_keys_in_three_windows() -> anyhow::Result<()> {
    let stage = Stage::open(Form::StandAlone).await?;
    let corner = stage.story.group("Readers' Corner").with_bot(AdminRights::MODERATOR);
    let _corner = corner.person("Ann").person("Cem").open();
    let news = stage.story.channel("Daily News").public("daily_news");
    let _news = news.with_bot(AdminRights::INVITE_USERS).open();
    play(&stage, "playground.mjs", &["Readers' Corner", "Daily News", "daily_news"]).await
}

/// They mistype the channel's name and forget to add the bot there, and need under two minutes for all of it.
#[tokio::test]
async fn a_new_admin_gets_from_nothing_to_the_first_verification_by_what_the_bot_says() -> anyhow::Result<()> {
    let stage = Stage::open(Form::StandAlone).await?;
    play(&stage, "new_admin.mjs", &[]).await
}

async fn play(stage: &Stage, script: &str, args: &[&str]) -> anyhow::Result<()> {
    let url = format!("{}/playground", stage.sim().api_url());
    let folder = pictures()?;
    let ended = tools::node_with_chromium()?
        .arg(format!("{}/tests/simulator/{script}", env!("CARGO_MANIFEST_DIR")))
        .args([&url, folder.to_str().context("the folder's name is text")?])
        .args(args)
        .run(Duration::from_secs(240))
        .await?;
    let told = ended.lines.join("\n");
    assert_eq!(ended.code, 0, "{told}\nPictures of it are in {}", folder.display());
    Ok(())
}
