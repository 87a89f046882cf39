//! chartgate's own containers, removed whatever state they are in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use chartgate_process::home::Environment;

use crate::engine;

/// A node is gone within seconds; the engine gives each container ten to end, and says so if it did not.
pub(crate) const REMOVAL: Duration = Duration::from_secs(120);
/// What the engine says of a container whose processes do not end when they are killed.
const STUCK: &str = "did not receive an exit event";
/// Where cgroup v1 holds what processes are frozen in. Under cgroup v2 a frozen process can be killed.
const FREEZER: &str = "/sys/fs/cgroup/freezer";

/// Removes the containers whose names begin with `name-`, with their volumes. Gives their names.
///
/// # Errors
/// [`Environment`] if the engine cannot end one of them.
pub async fn remove_containers(name: &str) -> Result<Vec<String>> {
    let filter = format!("name=^{name}-");
    let mut removed = BTreeSet::new();
    let mut stuck = None;
    // More than once: a client that was killed may have asked the engine for one that is only now made, and a busy machine may take
    // longer to end one than the engine waits for it.
    for _ in 0..3 {
        let names = engine::containers(&filter, "{{.Names}}").await?;
        if names.is_empty() {
            return Ok(removed.into_iter().collect());
        }
        let removal = engine::remove(&names, REMOVAL).await?;
        stuck = removal.words().contains(STUCK).then(|| removal.failure());
        if stuck.is_some() {
            thaw(&names).await?;
        } else {
            removal.done()?;
        }
        removed.extend(names);
    }
    let Some(error) = stuck else { return Ok(removed.into_iter().collect()) };
    let what = format!("the engine cannot end a container of `{name}`");
    let hint = "restart the engine (your system's way, or where chartgate started it, by `make engine-stop engine`), then run `chartgate clean`";
    Err(Environment::because(&what, &error, hint).into())
}

/// Lets the frozen processes of containers go on. The runtime freezes a pod's processes for a moment when it starts them; if it is killed
/// in that moment, cgroup v1 keeps them frozen, and what is frozen cannot be killed.
async fn thaw(names: &[String]) -> Result<()> {
    let ids = engine::ids(names).await?;
    thaw_below(Path::new(FREEZER), &ids.iter().map(String::as_str).collect::<Vec<_>>());
    Ok(())
}

/// Thaws the groups below those whose names hold one of the ids. Where it may not, or there are none, the engine's own words remain.
fn thaw_below(group: &Path, ids: &[&str]) {
    for child in below(group) {
        let name = child.file_name().unwrap_or_default().to_string_lossy();
        if ids.iter().any(|id| name.contains(id)) {
            thaw_all(&child);
        } else {
            thaw_below(&child, ids);
        }
    }
}

fn thaw_all(group: &Path) {
    let state = group.join("freezer.state");
    if fs::read_to_string(&state).is_ok_and(|state| state.trim() == "FROZEN") {
        fs::write(&state, "THAWED").ok();
    }
    below(group).for_each(|child| thaw_all(&child));
}

/// The groups in a group.
fn below(group: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a run which was killed in an unlucky moment leaves a node that nobody can remove, or that somebody
    /// else's paused container goes on.
    #[test]
    fn only_frozen_groups_of_the_named_containers_are_thawed() {
        let root = std::env::temp_dir().join(format!("chartgate-thaw-{}", std::process::id()));
        let groups = [
            ("docker/abc/kubelet/pod1", "FROZEN\n", "THAWED"),
            ("docker/abc", "THAWED\n", "THAWED\n"),
            ("docker/other", "FROZEN\n", "FROZEN\n"),
            ("system.slice/docker-def.scope/pod2", "FROZEN\n", "THAWED"),
        ];
        for (group, state, _) in groups {
            fs::create_dir_all(root.join(group)).unwrap();
            fs::write(root.join(group).join("freezer.state"), state).unwrap();
        }
        thaw_below(&root, &["abc", "def"]);
        let states = groups.map(|(group, _, _)| fs::read_to_string(root.join(group).join("freezer.state")).unwrap());
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(states, groups.map(|(_, _, expected)| expected));
    }
}
