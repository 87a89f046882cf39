//! What brokers made, as the state folder knows it: an entry is written before the first thing is made.
//!
//! An entry's lock is held by its broker for as long as that lives. Who can take it has found a dead broker's entry, and
//! removes all that it names, unless it was kept.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::containers::remove_containers;
use super::namespace;
use crate::home::{self, Environment};
use crate::wait::{Check, until};
use crate::{error, random};

/// Version of an entry's content; of another one, only its containers' names are understood.
const FORMAT: u32 = 1;
/// A broker's log may be looked at the day after.
const LOGS: Duration = Duration::from_secs(48 * 3600);
/// Note of the namespaces in a user's cluster.
const NAMESPACES: &str = "namespaces";
/// A broker that is told to end removes its clusters, which takes about two seconds each.
const END: Duration = Duration::from_secs(60);

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

/// What an entry says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    format: u32,
    /// The broker's process; it lives if the entry is locked.
    pid: u32,
    /// Minor version of Kubernetes.
    pub kubernetes: String,
    /// Reference of the node's image; empty for a user's cluster.
    pub node_image: String,
    /// The user's cluster: its context's name.
    #[serde(default)]
    pub context: Option<String>,
    /// Its broker's key: a context may come to mean another cluster.
    #[serde(default)]
    context_key: Option<String>,
}

impl About {
    /// Of an entry of this process.
    pub fn new(kubernetes: &str, node_image: &str) -> Self {
        Self {
            format: FORMAT,
            pid: std::process::id(),
            kubernetes: kubernetes.to_owned(),
            node_image: node_image.to_owned(),
            context: None,
            context_key: None,
        }
    }

    /// Of an entry of this process for a user's cluster, by its context's name and the broker's key.
    pub fn of_context(kubernetes: &str, context: &str, key: &str) -> Self {
        Self { context: Some(context.to_owned()), context_key: Some(key.to_owned()), ..Self::new(kubernetes, "") }
    }

    /// Whether a cluster of the one does for the other.
    fn is_like(&self, other: &Self) -> bool {
        let Self { format, pid: _, kubernetes, node_image, context, context_key } = self;
        (*format, kubernetes, node_image, context, context_key)
            == (other.format, &other.kubernetes, &other.node_image, &other.context, &other.context_key)
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

    /// Notes a namespace that is about to be made in a user's cluster, which does not go when the broker does.
    pub fn add_namespace(&self, name: &str) -> Result<()> {
        let mut names = self.namespaces();
        names.insert(name.to_owned());
        self.write(NAMESPACES, &names)
    }

    /// Forgets a namespace that is gone.
    pub fn forget_namespace(&self, name: &str) -> Result<()> {
        let mut names = self.namespaces();
        if names.remove(name) { self.write(NAMESPACES, &names) } else { Ok(()) }
    }

    fn namespaces(&self) -> BTreeSet<String> {
        self.read(NAMESPACES).unwrap_or_default()
    }

    /// Removes all that belongs to it, containers with their volumes and a user's cluster's namespaces, and the entry. Says what.
    ///
    /// # Errors
    /// [`Environment`] if a user's cluster does not answer, in which namespaces are left: the entry stays.
    pub async fn remove(self) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        let context = self.read::<About>("broker").and_then(|about| about.context);
        // A cluster elsewhere is used without an engine.
        if context.is_none() || self.file("containers").exists() {
            let containers = remove_containers(&self.name()).await?;
            removed.extend(containers.into_iter().map(|name| format!("container {name}")));
        }
        if let Some(context) = context {
            let namespaces = self.remove_namespaces().await.map_err(|error| {
                let error = anyhow::Error::msg(error::message(&error));
                let names: Vec<_> = self.namespaces().into_iter().collect();
                let what = format!("failed to remove {} from the cluster of context `{context}`", names.join(", "));
                let hint = format!("if that cluster is gone, remove `{}`", self.folder.display());
                Environment::because(&what, &error, &hint)
            })?;
            removed.extend(namespaces);
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("failed to remove `{}`", self.folder.display()))?;
        Ok(removed)
    }

    async fn remove_namespaces(&self) -> Result<Vec<String>> {
        let names = self.namespaces();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let client = namespace::client(&self.file("kubeconfig")).await?;
        let remove = async |name: String| {
            namespace::delete(client.clone(), &name).await?;
            namespace::gone(client.clone(), &name).await?;
            anyhow::Ok(format!("namespace {name}"))
        };
        futures::future::try_join_all(names.into_iter().map(remove)).await
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

/// Removes the files of keys whose broker is dead for so long. Each build of `chartgate` has a key of its own.
fn forget_keys(unused_for: Duration) -> Result<()> {
    let folder = folder()?;
    for file in fs::read_dir(&folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        let lock = file?.path();
        if lock.extension().is_none_or(|extension| extension != "lock") || try_lock(&lock)?.is_none() {
            continue;
        }
        let log = lock.with_extension("log");
        let written = log.metadata().and_then(|log| log.modified()).ok();
        if written.and_then(|time| time.elapsed().ok()).is_some_and(|age| age >= unused_for) {
            for extension in ["sock", "start", "log", "lock"] {
                // Not each of them need be there.
                fs::remove_file(lock.with_extension(extension)).ok();
            }
        }
    }
    Ok(())
}

/// Removes what dead brokers left and no one kept. Says what.
pub async fn sweep() -> Result<Vec<String>> {
    forget_keys(LOGS)?;
    let mut removed = Vec::new();
    let mut failed = None;
    for folder in entries(&folder()?)? {
        if let Some(entry) = Entry::of_the_dead(&folder)?
            && !entry.is_kept()
        {
            // A user's cluster that does not answer keeps no one from what else is left.
            match entry.remove().await {
                Ok(all) => removed.extend(all),
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(removed), Err)
}

/// What there is of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lives.
    InUse,
    /// The user asked for it.
    Kept,
    /// Its broker died before it was removed.
    Left,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::InUse => "in use",
            Self::Kept => "kept",
            Self::Left => "left by a dead run",
        })
    }
}

/// What brokers of this state folder made and is there now: the beginning of its containers' names, and how it stands.
pub fn standing() -> Result<Vec<(String, Standing)>> {
    standing_in(&folder()?)
}

fn standing_in(brokers: &Path) -> Result<Vec<(String, Standing)>> {
    let stand = |folder: PathBuf| {
        let name = format!("chartgate-{}", folder.file_name().unwrap_or_default().to_string_lossy());
        let standing = match Entry::of_the_dead(&folder)? {
            None => Standing::InUse,
            Some(entry) if entry.is_kept() => Standing::Kept,
            Some(_) => Standing::Left,
        };
        Ok((name, standing))
    };
    entries(brokers)?.into_iter().map(stand).collect()
}

/// Removes everything that brokers of this state folder made, kept clusters too; brokers that live are told to end first.
///
/// Gives a line for each thing that was removed.
pub async fn clean() -> Result<Vec<String>> {
    let mut removed = Vec::new();
    let mut failed = None;
    for folder in entries(&folder()?)? {
        let entry = match Entry::of_the_dead(&folder)? {
            Some(entry) => Some(entry),
            None => end_broker(&folder).await?,
        };
        match entry {
            Some(entry) => match entry.remove().await {
                Ok(all) => removed.extend(all),
                Err(error) => failed = Some(error),
            },
            None => removed.push(format!("the broker of `{}`, with all that it made", folder.display())),
        }
    }
    forget_keys(Duration::ZERO)?;
    failed.map_or(Ok(removed), Err)
}

/// Ends a broker that lives; its entry, if it left one.
async fn end_broker(folder: &Path) -> Result<Option<Entry>> {
    let about: About = serde_json::from_slice(&fs::read(folder.join("broker.json"))?)?;
    if let Some(pid) = i32::try_from(about.pid).ok().and_then(Pid::from_raw) {
        // It may have ended since we looked.
        kill_process(pid, Signal::TERM).ok();
    }
    until("the broker to end", END, || async {
        match Entry::of_the_dead(folder) {
            Ok(None) if folder.exists() => Check::NotYet(format!("process {} holds its entry", about.pid)),
            Ok(entry) => Check::Ready(entry),
            Err(_) if !folder.exists() => Check::Ready(None),
            Err(error) => Check::Fatal(error),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own, removed at its end.
    struct Brokers(PathBuf);

    impl Brokers {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("chartgate-{}", random::text(8)));
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Brokers {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn the_entry_of_a_broker_that_lives_is_no_ones_to_remove() {
        let brokers = Brokers::new();
        let entry = Entry::create_in(&brokers.0, &About::new("1.34", "node:1")).unwrap();
        let folder = entries(&brokers.0).unwrap().remove(0);
        let standing = || standing_in(&brokers.0).unwrap()[0].1;
        assert!(Entry::of_the_dead(&folder).unwrap().is_none() && standing() == Standing::InUse);
        drop(entry);
        assert!(Entry::of_the_dead(&folder).unwrap().is_some() && standing() == Standing::Left);
    }

    #[test]
    fn only_a_kept_cluster_of_the_same_node_is_adopted() {
        let brokers = Brokers::new();
        let about = About::new("1.34", "node:1");
        let entry = Entry::create_in(&brokers.0, &about).unwrap();
        entry.keep().unwrap();
        let name = entry.name();
        assert!(Entry::adopt_in(&brokers.0, &about).unwrap().is_none(), "its broker lives");
        drop(entry);
        assert!(Entry::adopt_in(&brokers.0, &About::new("1.34", "node:2")).unwrap().is_none());
        assert_eq!(Entry::adopt_in(&brokers.0, &about).unwrap().unwrap().name(), name);
    }

    #[test]
    fn what_was_kept_of_a_context_is_adopted_for_the_same_cluster_only() {
        let brokers = Brokers::new();
        let about = |key| About::of_context("v1.34.1", "mine", key);
        let entry = Entry::create_in(&brokers.0, &about("one")).unwrap();
        entry.keep().unwrap();
        drop(entry);
        assert!(Entry::adopt_in(&brokers.0, &about("two")).unwrap().is_none());
        assert!(Entry::adopt_in(&brokers.0, &About::new("v1.34.1", "")).unwrap().is_none());
        assert!(Entry::adopt_in(&brokers.0, &about("one")).unwrap().is_some());
    }

    /// Else a user's cluster keeps what a killed broker made in it.
    #[test]
    fn namespaces_are_noted_until_they_are_gone() {
        let brokers = Brokers::new();
        let entry = Entry::create_in(&brokers.0, &About::of_context("v1.34.1", "mine", "key")).unwrap();
        entry.add_namespace("a").unwrap();
        entry.add_namespace("b").unwrap();
        entry.forget_namespace("a").unwrap();
        assert_eq!(entry.namespaces(), BTreeSet::from(["b".to_owned()]));
    }

    /// Else what is left in it is forgotten because the network was down for a moment.
    #[tokio::test]
    async fn an_entry_whose_cluster_does_not_answer_stays() {
        let brokers = Brokers::new();
        let entry = Entry::create_in(&brokers.0, &About::of_context("v1.34.1", "mine", "key")).unwrap();
        entry.add_namespace("a").unwrap();
        let folder = entry.folder.clone();
        let error = entry.remove().await.unwrap_err();
        assert!(home::is_environment(&error) && error.to_string().contains("remove a from the cluster"), "{error}");
        assert!(folder.exists());
    }

    #[test]
    fn what_was_noted_is_read_again_and_can_be_erased() {
        let brokers = Brokers::new();
        let entry = Entry::create_in(&brokers.0, &About::new("1.34", "node:1")).unwrap();
        entry.write("images", &["a"]).unwrap();
        assert_eq!(entry.read::<Vec<String>>("images").unwrap(), ["a"]);
        entry.erase("images");
        assert!(entry.read::<Vec<String>>("images").is_none());
    }
}
