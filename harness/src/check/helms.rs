//! The helms of this machine: those of the set-up, else the one on the `PATH`, else those of an older set-up.

use std::path::PathBuf;

use anyhow::Result;
use chartgate_process::home::{self, Environment};
use semver::Version;

/// The majors that are supported, and the key of each in `versions.env`.
const MAJORS: [(&str, &str); 2] = [("3", "HELM_3"), ("4", "HELM_4")];

/// A helm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, for example `3.22.0`.
    pub version: String,
}

/// The helms that render, the default's major first; at least one.
#[derive(Clone, Debug)]
pub struct Helms {
    found: Vec<Program>,
    missing: Vec<String>,
}

impl Helms {
    /// Looks for a helm of each supported major, or of the one that is asked for.
    ///
    /// # Errors
    /// [`Environment`] if there is none at all.
    pub async fn find(asked: Option<&str>) -> Result<Self> {
        home::look_on_path().await;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for (major, key) in MAJORS.iter().filter(|(major, _)| asked.is_none_or(|asked| asked == *major)) {
            let version = home::version(key)?;
            let pinned = home::tool("helm", version).ok().map(|path| Program { path, version: version.to_owned() });
            let older = || of_an_older_set_up(major);
            match pinned.or_else(older) {
                Some(program) => found.push(program),
                None => missing.push(format!("no Helm {major} is on this machine, so nothing was rendered with it")),
            }
        }
        if found.is_empty() {
            let which = asked.map(|major| format!(" {major}")).unwrap_or_default();
            let hint = "put `helm` on the PATH, or run `chartgate setup`";
            return Err(Environment::hinted(format!("no Helm{which} on this machine"), hint).into());
        }
        Ok(Self { found, missing })
    }

    /// The one that renders what needs no second one.
    pub fn first(&self) -> &Program {
        &self.found[0]
    }

    /// All of them.
    pub fn all(&self) -> &[Program] {
        &self.found
    }

    /// What is said of each that is not there.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }
}

/// The newest helm of a major that an older set-up left in the state directory.
fn of_an_older_set_up(major: &str) -> Option<Program> {
    let entries = home::folder().ok()?.join("bin").read_dir().ok()?.flatten();
    let found = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let version = Version::parse(name.strip_prefix("helm-")?).ok()?;
        (version.major.to_string() == major).then(|| (version, entry.path()))
    });
    let (version, path) = found.max()?;
    Some(Program { path, version: version.to_string() })
}
