//! The demo: the first thing that anybody sees of gmbot.

use std::time::Duration;

use system_tests::process::Program;

#[tokio::test]
async fn the_demo_tells_the_whole_story_and_ends_by_itself() -> anyhow::Result<()> {
    let ended = Program::Gmbot.launch().arg("demo").run(Duration::from_secs(60)).await?;
    let told = ended.lines.join("\n");
    assert_eq!(ended.code, 0, "{told}");
    let story = [
        "posts",
        "is deleted",
        "is muted",
        "is warned",
        "has subscribed",
        "presses",
        "is shown: Thank you",
        "is released",
        "speaks",
        "stands",
    ];
    let mut rest = told.as_str();
    for word in story {
        let at = rest.find(word);
        assert!(at.is_some(), "{word:?} does not follow in\n{told}");
        rest = &rest[at.unwrap_or_default()..];
    }
    let steps = ended.lines.iter().filter(|line| line.contains(" ms  ")).count();
    assert!(steps > 8, "each step has its time:\n{told}");
    Ok(())
}
