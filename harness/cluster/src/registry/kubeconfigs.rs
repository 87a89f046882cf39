//! How to reach the clusters of our own that brokers made.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{About, entries, folder};

/// The kubeconfigs of brokers' own clusters, the one that was written last first. Whether a cluster still runs, only it can say.
pub fn kubeconfigs() -> Result<Vec<PathBuf>> {
    kubeconfigs_in(&folder()?)
}

fn kubeconfigs_in(brokers: &Path) -> Result<Vec<PathBuf>> {
    let own = entries(brokers)?.into_iter().filter(|entry| is_own(entry));
    let files = own.filter_map(|entry| entry.read_dir().ok()).flatten().flatten().map(|file| file.path());
    let is_kubeconfig =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kubeconfig"));
    let written = |path: &PathBuf| path.metadata().and_then(|about| about.modified()).ok();
    let mut found: Vec<PathBuf> = files.filter(is_kubeconfig).collect();
    found.sort_by_key(|path| Reverse(written(path)));
    Ok(found)
}

/// Whether an entry's clusters are its broker's, and not the user's.
fn is_own(entry: &Path) -> bool {
    let about = fs::read(entry.join("broker.json")).ok();
    about.and_then(|about| serde_json::from_slice::<About>(&about).ok()).is_some_and(|about| about.context.is_none())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A failure would mean that the cluster of last week's run is asked instead of the one that was just kept, or the user's own
    /// without being named.
    #[test]
    fn the_cluster_that_was_made_last_is_asked_first_and_never_the_users() {
        let brokers = tempfile::tempdir().unwrap();
        let about = |entry: &str, about: &About| {
            fs::create_dir(brokers.path().join(entry)).unwrap();
            fs::write(brokers.path().join(entry).join("broker.json"), serde_json::to_vec(about).unwrap()).unwrap();
        };
        about("a", &About::new("1.34", "node"));
        about("b", &About::new("1.34", "node"));
        about("c", &About::of_context("1.34", "mine", "key"));
        let write = |path: &str, age: u64| {
            let path = brokers.path().join(path);
            let written = SystemTime::now() - Duration::from_secs(age);
            fs::File::create(&path).unwrap().set_modified(written).unwrap();
            path
        };
        let (old, own, new) = (write("a/kubeconfig", 900), write("a/kubeconfig-1", 60), write("b/kubeconfig", 5));
        write("b/cluster.json", 1);
        write("c/kubeconfig", 1);
        assert_eq!(kubeconfigs_in(brokers.path()).unwrap(), [new, own, old]);
    }
}
