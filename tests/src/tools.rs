//! Programs of others that use the simulator: an interpreter with a bot library, and a browser. `tests/install.sh` brings them.

use std::path::PathBuf;

use crate::{process::Launch, services::find};

/// A Python that has this library, if there is one: the one in `target/tools/<library>`.
pub fn python_with(library: &str) -> Option<Launch> {
    let python = find::tools().join(library).join("bin/python");
    python.is_file().then(|| Launch::new("python", python))
}

/// Node, told by `PLAYWRIGHT` and `CHROMIUM` where to find playwright-core and the browser.
///
/// # Errors
/// One of them is missing.
pub fn node_with_chromium() -> anyhow::Result<Launch> {
    let playwright = find::tools().join("playwright");
    anyhow::ensure!(playwright.join("node_modules").is_dir(), "there is no playwright-core: run tests/install.sh");
    let node = find::program("node", "NODE_BIN", &[])?;
    let chromium = find::program("chromium", "CHROMIUM_BIN", &[])?;
    Ok(Launch::new("node", node).env("PLAYWRIGHT", playwright).env("CHROMIUM", chromium))
}

/// A folder under `target` for what somebody may want to look at after the tests.
pub fn artefacts(name: &str) -> PathBuf {
    find::tools().parent().map(|target| target.join(name)).unwrap_or_default()
}
