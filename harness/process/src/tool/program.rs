//! Whether this machine has a program.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rustix::fs::{Access, access};

use crate::home::Environment;

/// Where programs are looked for if there is no `PATH`, as `execvp` does.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Checks that a program can be started: a path as it is, a name on the `PATH`. What `chartgate exec` says of one that cannot would pass for
/// the program's own words.
pub(super) fn check(name: &str, program: &Path, path: Option<&OsStr>) -> Result<(), Environment> {
    let shown = program.display();
    let what = |why: String| format!("failed to start {name}: {why}");
    if program.components().count() > 1 {
        return if !program.exists() {
            Err(Environment::hinted(what(format!("no `{shown}`")), "`chartgate doctor` says what this machine lacks"))
        } else if !is_executable(program) {
            Err(Environment::hinted(
                what(format!("`{shown}` is no executable file")),
                "remove it, and run `chartgate setup`",
            ))
        } else {
            Ok(())
        };
    }
    let usual = || OsString::from(USUAL_PATH);
    let path = path.map(OsStr::to_owned).or_else(|| std::env::var_os("PATH")).unwrap_or_else(usual);
    if std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program))) {
        return Ok(());
    }
    Err(Environment::hinted(what(format!("no `{shown}` on the `PATH`")), format!("install `{shown}`")))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}
