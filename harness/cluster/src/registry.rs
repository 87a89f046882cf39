//! What brokers made, as the state folder knows it: an entry is written before the first thing is made.
//!
//! An entry's lock is held by its broker for as long as that lives. Who can take it has found a dead broker's entry, and
//! removes all that it names, unless it was kept.

mod about;
mod kubeconfigs;
mod status;
mod sweep;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_process::home::{self, Environment};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Owned;
use super::containers::remove_containers;
use super::namespace;
use crate::error;
pub use about::About;
pub use kubeconfigs::kubeconfigs;
pub use status::{Standing, standing};
pub use sweep::{clean, sweep};

/// Note of what is in a user's cluster.
const OWNED: &str = "owned";
/// Where brokers keep their entries, sockets and logs. Only the user may look into it: it holds passwords.
pub fn folder() -> Result<PathBuf> {
    let folder = home::folder()?.join("brokers");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    Ok(folder)
}

/// Takes the lock of a file, which is made if it is not there; `None`: another holds it. It is free again when dropped.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.with_context(|| format!("failed to open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("failed to lock `{}`", path.display())),
    }
}

/// The entry of one broker, locked.
#[derive(Debug)]
pub struct Entry {
    id: String,
    folder: PathBuf,
    _lock: File,
}

impl Entry {
    /// A new entry: nothing has been made yet.
    pub fn create(about: &About) -> Result<Self> {
        Self::create_in(&folder()?, about)
    }

    fn create_in(brokers: &Path, about: &About) -> Result<Self> {
        let id = random::text(6);
        // Locked before it has its name: an entry with a name and no lock is a dead broker's.
        let unnamed = brokers.join(format!(".{id}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&unnamed)
            .with_context(|| format!("failed to create `{}`", unnamed.display()))?;
        let lock = try_lock(&unnamed.join("lock"))?.context("a new entry is locked")?;
        let folder = brokers.join(&id);
        fs::rename(&unnamed, &folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
        let entry = Self { id, folder, _lock: lock };
        entry.write("broker", about)?;
        Ok(entry)
    }

    /// The entry of a kept cluster that will do, now this process's; `None`: there is none.
    pub fn adopt(about: &About) -> Result<Option<Self>> {
        Self::adopt_in(&folder()?, about)
    }

    fn adopt_in(brokers: &Path, about: &About) -> Result<Option<Self>> {
        for folder in entries(brokers)? {
            let Some(entry) = Self::of_the_dead(&folder)? else { continue };
            if entry.is_kept() && entry.read::<About>("broker").is_some_and(|kept| kept.is_like(about)) {
                entry.write("broker", about)?;
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The entry in a folder, unless its broker lives.
    fn of_the_dead(folder: &Path) -> Result<Option<Self>> {
        let Some(id) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
        if !folder.is_dir() {
            return Ok(None);
        }
        let lock = try_lock(&folder.join("lock"))?;
        Ok(lock.map(|lock| Self { id: id.to_owned(), folder: folder.to_owned(), _lock: lock }))
    }

    /// The beginning of the names of all containers that belong to it; it is the shared cluster's name as well.
    pub fn name(&self) -> String {
        format!("chartgate-{}", self.id)
    }

    /// The value of the label `chartgate.broker`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Notes something.
    pub fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.file(&format!("{name}.json"));
        let new = path.with_extension("new");
        let write = || -> Result<()> {
            fs::write(&new, serde_json::to_vec_pretty(value)?)?;
            Ok(fs::rename(&new, &path)?)
        };
        write().with_context(|| format!("failed to write `{}`", path.display()))
    }

    /// What was noted; `None` also if it cannot be read, since then it is of no use.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.file(&format!("{name}.json"))).ok()?).ok()
    }

    /// Forgets what was noted.
    pub fn erase(&self, name: &str) {
        // It need not be there.
        fs::remove_file(self.file(&format!("{name}.json"))).ok();
    }

    /// Leaves everything when the broker ends.
    pub fn keep(&self) -> Result<()> {
        fs::write(self.file("keep"), "").context("failed to note that the cluster is kept")
    }

    /// Whether everything is left when the broker ends.
    pub fn is_kept(&self) -> bool {
        self.file("keep").exists()
    }

    /// Says that there may be containers of it even though the cluster is the user's.
    pub fn has_containers(&self) -> Result<()> {
        fs::write(self.file("containers"), "").context("failed to note that there are containers")
    }

    /// Notes what is about to be made in a user's cluster, which does not go when the broker does.
    pub fn add(&self, what: &Owned) -> Result<()> {
        let mut all = self.owned();
        all.insert(what.clone());
        self.write(OWNED, &all)
    }

    /// Forgets what is gone.
    pub fn forget(&self, what: &Owned) -> Result<()> {
        let mut all = self.owned();
        if all.remove(what) { self.write(OWNED, &all) } else { Ok(()) }
    }

    fn owned(&self) -> BTreeSet<Owned> {
        self.read(OWNED).unwrap_or_default()
    }

    /// Removes all that belongs to it, containers with their volumes and what is in a user's cluster, and the entry. Says what.
    ///
    /// # Errors
    /// [`Environment`] if a user's cluster does not answer, in which something is left: the entry stays.
    pub async fn remove(self) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        let context = self.read::<About>("broker").and_then(|about| about.context);
        // A cluster elsewhere is used without an engine.
        if context.is_none() || self.file("containers").exists() {
            let containers = remove_containers(&self.name()).await?;
            removed.extend(containers.into_iter().map(|name| format!("container {name}")));
        }
        if let Some(context) = context {
            let owned = self.remove_owned().await.map_err(|error| {
                let error = anyhow::Error::msg(error::message(&error));
                let names: Vec<_> = self.owned().iter().map(ToString::to_string).collect();
                let what = format!("failed to remove {} from the cluster of context `{context}`", names.join(", "));
                let hint = format!("if that cluster is gone, remove `{}`", self.folder.display());
                Environment::because(&what, &error, &hint)
            })?;
            removed.extend(owned);
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("failed to remove `{}`", self.folder.display()))?;
        Ok(removed)
    }

    /// Objects go before namespaces: what runs in these may have to let go of them.
    async fn remove_owned(&self) -> Result<Vec<String>> {
        let all = self.owned();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let client = namespace::client(&self.file("kubeconfig")).await?;
        let objects = all.iter().filter_map(|what| if let Owned::Outside(object) = what { Some(object) } else { None });
        futures::future::try_join_all(objects.map(|object| object.delete(&client))).await?;
        let namespaces =
            all.iter().filter_map(|what| if let Owned::Namespace(name) = what { Some(name) } else { None });
        let remove = async |name: &String| {
            namespace::delete(client.clone(), name).await?;
            namespace::gone(client.clone(), name).await
        };
        futures::future::try_join_all(namespaces.map(remove)).await?;
        Ok(all.iter().map(ToString::to_string).collect())
    }
}

/// The folders of all entries.
fn entries(brokers: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(brokers)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    };
    list().with_context(|| format!("failed to list `{}`", brokers.display()))
}

#[cfg(test)]
mod tests;
