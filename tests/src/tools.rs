//! Programs of others that use the simulator: an interpreter with a bot library. `tests/install.sh` brings them.

use crate::process::Launch;
use crate::services::find;

/// A Python that has this library, if there is one: the one in `target/tools/<library>`.
pub fn python_with(library: &str) -> Option<Launch> {
    let python = find::tools().join(library).join("bin/python");
    python.is_file().then(|| Launch::new("python", python))
}
