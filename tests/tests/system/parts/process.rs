//! Our programs are found where they were built.

use std::time::Duration;

use system_tests::process::Program;

#[tokio::test]
async fn a_program_tells_its_options_and_ends() -> anyhow::Result<()> {
    let ended = Program::Gmbot.launch().arg("--help").run(Duration::from_secs(10)).await?;
    assert_eq!(ended.code, 0, "{:?}", ended.lines);
    Ok(())
}
