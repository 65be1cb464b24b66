//! Where the servers' programs are.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// A program by its variable, else in one of the folders, else on the PATH.
///
/// # Errors
/// It is nowhere; the text is one sentence that says what to do.
pub(crate) fn program(name: &str, variable: &str, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    if let Some(path) = variable_os(variable) {
        let path = PathBuf::from(path);
        anyhow::ensure!(is_program(&path), "{variable} names {}, which is no program", path.display());
        return Ok(path);
    }
    first(name, folders)
        .with_context(|| format!("there is no {name}: run tests/run.sh, which installs it, or set {variable}"))
}

/// A file of this name in the folders, else on the PATH.
fn first(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let on_path = variable_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&on_path).collect();
    folders.iter().chain(&on_path).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// `target/tools`, where tests/run.sh puts what no Debian package has.
pub(crate) fn tools() -> PathBuf {
    crate::process::built().parent().map(|target| target.join("tools")).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "these choose the machine's programs; they are no settings of ours")]
fn variable_os(name: &str) -> Option<OsString> {
    env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_told_in_one_sentence() {
        let error = program("no-such-server", "NO_SUCH_SERVER_BIN", &[]).map_err(|e| e.to_string());
        let sentence = "there is no no-such-server: run tests/run.sh, which installs it, or set NO_SUCH_SERVER_BIN";
        assert_eq!(error, Err(sentence.to_owned()));
    }

    #[test]
    fn folders_come_before_the_path() {
        assert_eq!(first("sh", &["/bin".into()]), Some("/bin/sh".into()));
        assert!(first("sh", &["/nowhere".into()]).is_some_and(|path| path.ends_with("sh")));
    }
}
