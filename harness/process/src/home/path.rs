//! kind and helm on the `PATH`, where no set-up put any into the state folder.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::state::{entries, folder, pinned};
use crate::tool::Tool;

/// A tool: its key in `versions.env`, its program, the key of the oldest version that will do, and how it is asked for its version.
struct Known {
    key: &'static str,
    name: &'static str,
    oldest: &'static str,
    ask: &'static [&'static str],
}

const HELM: &[&str] = &["version", "--template", "{{.Version}}"];
const KNOWN: [Known; 3] = [
    Known { key: "KIND", name: "kind", oldest: "KIND_OLDEST", ask: &["version", "-q"] },
    Known { key: "HELM_3", name: "helm", oldest: "HELM_3_OLDEST", ask: HELM },
    Known { key: "HELM_4", name: "helm", oldest: "HELM_4_OLDEST", ask: HELM },
];

/// A program of the `PATH`.
struct Found {
    key: &'static str,
    name: &'static str,
    version: String,
    program: PathBuf,
}

static FOUND: OnceCell<Vec<Found>> = OnceCell::const_new();

/// Looks for each tool that the state folder does not have. Once for a process, before it asks for the first version.
pub async fn look_on_path() {
    FOUND
        .get_or_init(|| async {
            let mut found = Vec::new();
            for known in &KNOWN {
                if !is_set_up(known) {
                    found.extend(look(known).await);
                }
            }
            found
        })
        .await;
}

/// The versions of what was found, by key. Where only another helm than the usual one is there, it is the usual one.
pub(super) fn versions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let found = FOUND.get().map(Vec::as_slice).unwrap_or_default();
    let usual = found.iter().find_map(|it| it.key.strip_prefix("HELM_")).filter(|major| {
        let usual = pinned("HELM").unwrap_or_default();
        *major != usual && !KNOWN.iter().any(|known| known.key == format!("HELM_{usual}") && is_set_up(known))
    });
    found.iter().map(|it| (it.key, it.version.as_str())).chain(usual.map(|major| ("HELM", major)))
}

/// The program that was found in this version.
pub(super) fn program(name: &str, version: &str) -> Option<PathBuf> {
    let found = FOUND.get()?.iter().find(|it| it.name == name && it.version == version)?;
    Some(found.program.clone())
}

/// Whether the state folder has it, in the version that the set-up noted or that is pinned.
fn is_set_up(known: &Known) -> bool {
    let Ok(folder) = folder() else { return false };
    let noted = std::fs::read_to_string(folder.join("tools.env")).unwrap_or_default();
    let noted = entries(&noted).find(|(key, _)| *key == known.key).map(|(_, version)| version);
    let version = noted.or_else(|| pinned(known.key)).unwrap_or_default();
    folder.join("bin").join(format!("{}-{version}", known.name)).exists()
}

async fn look(known: &Known) -> Option<Found> {
    let folders = std::env::var_os("PATH")?;
    let programs = std::env::split_paths(&folders).map(|folder| folder.join(known.name));
    let program = std::path::absolute(programs.into_iter().find(|program| program.is_file())?).ok()?;
    let version = ask(known, &program).await?;
    let is_supported = is_supported(pinned(known.oldest)?, &version);
    is_supported.then_some(Found { key: known.key, name: known.name, version, program })
}

async fn ask(known: &Known, program: &Path) -> Option<String> {
    // Helm reads a kubeconfig before it says its version.
    let call = Tool::new(known.name, program).args(known.ask).env("KUBECONFIG", "/dev/null");
    let output = call.run().await.ok()?;
    Some(output.stdout.trim().trim_start_matches('v').to_owned())
}

/// Whether a version is of the same major as the oldest that will do, and no older.
fn is_supported(oldest: &str, version: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let plain = version.split(['-', '+']).next().unwrap_or_default();
        plain.split('.').map_while(|part| part.parse().ok()).collect()
    };
    let (oldest, version) = (numbers(oldest), numbers(version));
    version.len() == 3 && version[0] == oldest[0] && version >= oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a helm of the `PATH` plays one of another major, or one that lacks what a run asks of it.
    #[test]
    fn a_version_of_the_same_major_that_is_no_older_will_do() {
        for version in ["3.14.0", "3.22.1", "3.100.0", "3.15.0-rc.1"] {
            assert!(is_supported("3.14.0", version), "{version}");
        }
        for version in ["3.13.9", "4.0.0", "2.17.0", "", "3", "three"] {
            assert!(!is_supported("3.14.0", version), "{version}");
        }
    }
}
