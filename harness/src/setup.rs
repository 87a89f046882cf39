//! What `make setup` does in a checkout, without one: the same scripts, which the command holds.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::stdio;
use chartgate_cluster::{find_images, is_static};
use chartgate_process::home::{self, Environment};
use chartgate_process::tool::Tool;
use futures::future::join_all;
use include_dir::{Dir, DirEntry, include_dir};
use tempfile::TempDir;

/// The scripts, and what they read, by their places in a checkout.
const FOLDERS: [(&str, Dir<'_>); 3] = [
    ("harness/setup", include_dir!("$CARGO_MANIFEST_DIR/harness/setup")),
    ("harness/node", include_dir!("$CARGO_MANIFEST_DIR/harness/node")),
    ("harness/network-policy/src", include_dir!("$CARGO_MANIFEST_DIR/harness/network-policy/src")),
];
const FILES: [(&str, &str); 2] = [
    ("harness/versions.env", include_str!("../versions.env")),
    ("harness/network-policy/Cargo.toml", include_str!("../network-policy/Cargo.toml")),
];

/// Where nothing can be pulled, Kubernetes is compiled: minutes on a good machine, an hour on a poor one.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// Sees to kind and both helms alone.
///
/// # Errors
/// [`Environment`] if one cannot be had here; the script has said why.
pub async fn tools() -> Result<()> {
    run(unpacked()?.path(), "tools", &[]).await
}

/// Sees to an engine, the tools, the images of nodes and servers, and the prober's; what is there stays as it is.
///
/// # Errors
/// [`Environment`] if something cannot be had here; the scripts have said what.
pub async fn set_up(kubernetes: &str, servers: &[String]) -> Result<()> {
    let scripts = unpacked()?;
    run(scripts.path(), "engine", &[]).await?;
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let servers = [&["postgres", "redis"], &servers[..]].concat();
    let at_once = [("tools", &[][..]), ("node-image", &[kubernetes]), ("backing", &servers)];
    let ended = join_all(at_once.map(|(script, arguments)| run(scripts.path(), script, arguments))).await;
    ended.into_iter().collect::<Result<()>>()?;
    find_images(|doing| stdio::tell(doing)).await?;
    home::prober().map(drop)
}

/// The scripts, in a directory that is there for as long as this.
fn unpacked() -> Result<TempDir> {
    let folder = home::folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("make the directory `{}`", folder.display()))?;
    let scripts = tempfile::tempdir_in(&folder).context("make a directory")?;
    unpack(scripts.path())?;
    Ok(scripts)
}

/// Writes the scripts into a directory, as they stand in a checkout.
fn unpack(into: &Path) -> Result<()> {
    for (place, folder) in &FOLDERS {
        write_all(folder, &into.join(place))?;
    }
    for (place, text) in FILES {
        write(&into.join(place), text.as_bytes())?;
    }
    // All that a node needs of chartgate is in a static command.
    if let Some(exe) = home::exe().filter(|_| is_static()) {
        fs::create_dir(into.join("programs"))?;
        symlink(exe, into.join("programs/chartgate-network-policy"))?;
    }
    Ok(())
}

fn write_all(folder: &Dir<'_>, into: &Path) -> Result<()> {
    for entry in folder.entries() {
        let name = entry.path().file_name().context("an entry has a name")?;
        match entry {
            DirEntry::Dir(folder) => write_all(folder, &into.join(name))?,
            DirEntry::File(file) => write(&into.join(name), file.contents())?,
        }
    }
    Ok(())
}

/// Writes a file; what begins as a script is one.
fn write(path: &Path, contents: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a directory")?)?;
    fs::write(path, contents).with_context(|| format!("write `{}`", path.display()))?;
    let mode = if contents.starts_with(b"#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

async fn run(scripts: &Path, script: &str, arguments: &[&str]) -> Result<()> {
    let call = Tool::new(script, scripts.join("harness/setup").join(script)).args(arguments).deadline(LIMIT);
    // The scripts write where the command reads.
    let call = call.env("CHARTGATE_HOME", home::folder()?).telling(|line| stdio::tell(line));
    let ended = call.run_unchecked().await.context(Environment::hinted(
        format!("failed to start the set-up's script `{script}`"),
        "it needs bash and the usual small programs",
    ))?;
    if ended.is_success() { Ok(()) } else { Err(Environment::new(format!("the set-up's `{script}` failed")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that `chartgate setup` does something else than `make setup`, or nothing.
    #[test]
    fn what_is_unpacked_is_what_the_repository_has() {
        let folder = tempfile::tempdir().unwrap();
        unpack(folder.path()).unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["setup/tools", "setup/lib.sh", "setup/images/kafka/entrypoint", "node/build", "node/kube/main.go"]
        {
            let (ours, theirs) = (folder.path().join("harness").join(file), repository.join("harness").join(file));
            assert_eq!(fs::read(&ours).unwrap(), fs::read(&theirs).unwrap(), "{file}");
            let is_script = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o111 != 0;
            assert_eq!(is_script(&ours), is_script(&theirs), "{file}");
        }
        assert_eq!(
            fs::read_to_string(folder.path().join("harness/versions.env")).unwrap(),
            fs::read_to_string(repository.join("harness/versions.env")).unwrap()
        );
    }
}
