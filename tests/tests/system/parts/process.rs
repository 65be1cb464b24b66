//! Our programs are found where they were built.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::Context as _;
use system_tests::process::Program;

/// What only programs with a queue and a cache outside of themselves need.
const NOT_OF_GMBOT: [&str; 6] = ["NATS_URL", "NATS_REPLICAS", "NATS_MAX_MIB", "SHARDS", "REDIS_URL", "REDIS_PREFIX"];

/// That the other two show every setting of theirs is seen from inside: `structure/settings`.
#[tokio::test]
async fn a_program_tells_its_options_and_ends() -> anyhow::Result<()> {
    for program in [Program::Gateway, Program::Worker, Program::Gmbot] {
        let ended = program.launch().arg("--help").run(Duration::from_secs(10)).await?;
        assert_eq!(ended.code, 0, "{:?}", ended.lines);
        let help = ended.lines.join("\n");
        assert!(help.contains("[env: BOT_TOKEN]"), "{help}");
        if program == Program::Gmbot {
            let is_shown = |name: &String| help.contains(&format!("[env: {name}"));
            let hidden: BTreeSet<String> = settings()?.into_iter().filter(|name| !is_shown(name)).collect();
            assert_eq!(hidden, NOT_OF_GMBOT.map(str::to_owned).into());
        }
    }
    Ok(())
}

/// The names in the example.
fn settings() -> anyhow::Result<Vec<String>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".env.example");
    let example = std::fs::read_to_string(example).context(".env.example")?;
    let names = example.lines().filter_map(|line| line.trim_start_matches('#').split_once('=')).map(|(name, _)| name);
    let plain =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    Ok(names.filter(plain).map(str::to_owned).collect())
}
