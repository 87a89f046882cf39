//! A mutant's harm comes in as a post-renderer of helm: `chartgate post-render OPERATOR`, which Helm 4 starts as a plugin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_process::home::{self, Environment};
use sha2::{Digest, Sha256};

/// The plugin's name.
const PLUGIN: &str = "chartgate-mutate";
/// The hidden subcommand that is the post-renderer.
const SUBCOMMAND: &str = "post-render";

/// The `chartgate` command as the post-renderer of a helm.
#[derive(Clone, Debug)]
pub(super) struct PostRenderer {
    operator: String,
    /// helm's arguments.
    pub(super) args: Vec<String>,
    /// Where Helm 4 looks for plugins.
    pub(super) plugins: Option<PathBuf>,
}

impl PostRenderer {
    /// That of an operator, for a version of helm.
    ///
    /// # Errors
    /// [`Environment`] if the plugin cannot be written.
    pub(super) fn new(operator: &str, helm: &str) -> Result<Self> {
        let exe =
            home::exe().context("failed to find the `chartgate` command\nhint: set `CHARTGATE_EXE` to its path")?;
        let (name, first, plugins) = if helm.starts_with("3.") {
            (exe.display().to_string(), Some(SUBCOMMAND), None)
        } else {
            (PLUGIN.to_owned(), None, Some(plugins(exe)?))
        };
        let rest = first.into_iter().chain([operator]).map(|arg| format!("--post-renderer-args={arg}"));
        let args = std::iter::once(format!("--post-renderer={name}")).chain(rest).collect();
        Ok(Self { operator: operator.to_owned(), args, plugins })
    }

    /// The same for another version of helm.
    pub(super) fn for_helm(&self, helm: &str) -> Result<Self> {
        Self::new(&self.operator, helm)
    }
}

/// Writes the plugin into the state directory, and gives the directory of plugins: one for each command, whatever its version.
fn plugins(exe: &Path) -> Result<PathBuf> {
    let key = chartgate_base::hex(&Sha256::digest(exe.as_os_str().as_encoded_bytes())[..4]);
    let directory = home::folder()?.join("helm-plugins").join(key);
    let own = directory.join(PLUGIN);
    let text = serde_json::json!({
        "apiVersion": "v1", "type": "postrenderer/v1", "name": PLUGIN, "version": env!("CARGO_PKG_VERSION"),
        "runtime": "subprocess", "runtimeConfig": {"platformCommand": [{"command": exe, "args": [SUBCOMMAND]}]},
    });
    let (path, text) = (own.join("plugin.yaml"), format!("{text}\n"));
    let cannot = |error| Environment::new(format!("cannot write helm's plugin `{}`: {error}", path.display()));
    std::fs::create_dir_all(&own).map_err(cannot)?;
    if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        // Another run may read it at this moment.
        let fresh = own.join(format!("plugin.{}", chartgate_base::random::text(6)));
        std::fs::write(&fresh, &text).and_then(|()| std::fs::rename(&fresh, &path)).map_err(cannot)?;
    }
    Ok(directory)
}
