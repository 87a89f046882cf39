//! A reader's shell: the command under test is on its `PATH`, and its home is a folder of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};

/// A scenario on a new cluster takes a minute, on a busy machine several times that.
const LIMIT: Duration = Duration::from_secs(900);

/// A shell.
pub struct Shell {
    folder: PathBuf,
    home: PathBuf,
}

impl Shell {
    /// One that works in a folder.
    ///
    /// # Panics
    /// If its home cannot be made.
    pub fn new(folder: &Path) -> Self {
        let home = super::repository().join("target/readers").join(chartgate_base::random::text(8));
        std::fs::create_dir_all(home.join("bin")).expect("a folder can be made");
        let exe = env!("CARGO_BIN_EXE_chartgate");
        std::os::unix::fs::symlink(exe, home.join("bin/chartgate")).expect("a link can be made");
        Self { folder: folder.to_owned(), home }
    }

    /// Runs a command, whose exit status may be any.
    ///
    /// # Panics
    /// If there is no bash, or no state folder.
    pub async fn run(&self, command: &str) -> Output {
        let path = format!("{}:{}", self.home.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let call = Tool::on_path("bash").args(["-euo", "pipefail", "-c", command]).folder(&self.folder).deadline(LIMIT);
        // Another home, but the state folder of whoever runs the tests.
        let call = call.env("CHARTGATE_HOME", home::folder().expect("there is a state folder"));
        let call = call.env("PATH", path).env("HOME", &self.home);
        call.run_unchecked().await.expect("bash starts")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.home));
    }
}
