//! The container engine: the one module that calls it.
//!
//! Containers of servers are started through testcontainers, which speaks to the same engine.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::Environment;
use chartgate_process::tool::{Output, Tool};
use serde::Deserialize;

use crate::NETWORK;

/// An engine that is up answers at once, one behind a dead virtual machine never does.
const ANSWER: Duration = Duration::from_secs(30);
/// Loading takes about ten seconds for 150 MB.
const LOAD: Duration = Duration::from_secs(300);

/// A call of the engine's client.
fn docker<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Tool {
    Tool::on_path("docker").args(args)
}

/// What the engine says of itself.
///
/// # Errors
/// That none answers, in the client's words.
pub async fn info() -> Result<Info> {
    let output = docker(["info", "--format", "{{json .}}"]).deadline(ANSWER).run().await?;
    let info: Info = serde_json::from_str(&output.stdout)?;
    // Without a server the client still answers, and only its message says so.
    match info.server_errors.iter().flatten().next() {
        Some(error) => anyhow::bail!("{error}"),
        None => Ok(info),
    }
}

/// What is asked of an engine; engines differ in what they say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Info {
    pub server_version: Option<String>,
    pub operating_system: Option<String>,
    pub architecture: Option<String>,
    /// How many processors it has.
    #[serde(rename = "NCPU")]
    pub processors: u64,
    /// In bytes.
    pub mem_total: u64,
    /// Where it keeps images and containers.
    pub docker_root_dir: String,
    /// `1` or `2`.
    pub cgroup_version: Option<String>,
    /// Whether it can limit the memory of a container.
    pub memory_limit: Option<bool>,
    /// Whether it can limit the time on a processor.
    pub cpu_cfs_quota: Option<bool>,
    /// Whether it can limit the number of processes.
    pub pids_limit: Option<bool>,
    server_errors: Option<Vec<String>>,
}

/// A command in a running container.
pub(crate) fn exec<A: AsRef<OsStr>>(container: &str, command: impl IntoIterator<Item = A>) -> Tool {
    docker(["exec", container]).args(command)
}

/// A command in a node, with all rights that a node has.
pub(crate) fn exec_privileged<A: AsRef<OsStr>>(node: &str, command: impl IntoIterator<Item = A>) -> Tool {
    docker(["exec", "--privileged", "--interactive", node]).args(command)
}

/// What a container writes from now on.
pub(crate) fn follow_log(container: &str) -> Tool {
    docker(["logs", "--follow", "--tail", "0", container])
}

/// A line of this format for each container that the filter lets through, also those that do not run.
///
/// # Errors
/// That the engine does not answer.
pub async fn containers(filter: &str, format: &str) -> Result<Vec<String>> {
    let output = docker(["ps", "--all", "--filter", filter, "--format", format]).run().await?;
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

/// The same for containers that run.
pub(crate) async fn running_containers(filter: &str, format: &str) -> Result<Vec<String>> {
    let output = docker(["ps", "--filter", filter, "--format", format]).run().await?;
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

/// Whether all these containers exist and run.
pub(crate) async fn are_running(containers: &[String]) -> bool {
    let inspect = docker(["inspect", "--format", "{{.State.Running}}"]).args(containers);
    !containers.is_empty() && inspect.run().await.is_ok_and(|output| output.stdout.lines().all(|line| line == "true"))
}

/// The ids of those of these containers that are there.
pub(crate) async fn ids(containers: &[String]) -> Result<Vec<String>> {
    let output = docker(["inspect", "--format", "{{.Id}}"]).args(containers).run_unchecked().await?;
    // The line of one that is gone is empty.
    Ok(output.stdout.lines().filter(|id| !id.is_empty()).map(str::to_owned).collect())
}

/// A container's address on kind's network.
pub(crate) async fn address(container: &str) -> Result<String> {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{NETWORK}\").IPAddress}}}}");
    let output = docker(["inspect", "--format", &format, container]).run().await?;
    Ok(output.stdout.trim().to_owned())
}

/// Whether kind's network is there.
pub(crate) async fn has_network() -> Result<()> {
    docker(["network", "inspect", "--format", "{{.Id}}", NETWORK]).run().await.map(drop)
}

/// What came of the removal of containers.
pub(crate) struct Removal {
    call: Tool,
    output: Output,
}

/// Removes containers with their volumes, whatever state they are in.
pub(crate) async fn remove(containers: &[String], deadline: Duration) -> Result<Removal> {
    let call = docker(["rm", "--force", "--volumes"]).args(containers).deadline(deadline);
    let output = call.run_unchecked().await?;
    Ok(Removal { call, output })
}

impl Removal {
    /// What the engine says of it.
    pub(crate) fn words(&self) -> &str {
        &self.output.stderr
    }

    /// # Errors
    /// That a container is still there.
    pub(crate) fn done(&self) -> Result<()> {
        // Another may have removed it at the same moment, and an older engine fails where there is none.
        let is_gone = ["already in progress", "No such container"].iter().any(|text| self.words().contains(text));
        if self.output.is_success() || is_gone { Ok(()) } else { Err(self.call.failure(&self.output)) }
    }

    /// That it failed, as an error.
    pub(crate) fn failure(&self) -> anyhow::Error {
        self.call.failure(&self.output)
    }
}

/// The image's id; `None`: the engine does not have it under a tag, so it cannot be handed on under this name.
///
/// # Errors
/// That the engine does not answer.
pub async fn image_id(reference: &str) -> Result<Option<String>> {
    if reference.contains('@') {
        return Ok(None);
    }
    let inspect = inspect_image(reference);
    let output = inspect.run_unchecked().await?;
    if output.is_success() {
        return Ok(Some(output.stdout.trim().to_owned()));
    }
    if output.stderr.to_lowercase().contains("no such image") { Ok(None) } else { Err(inspect.failure(&output)) }
}

/// The references of the engine's images whose repositories match this pattern, the newest first.
///
/// # Errors
/// That the engine does not answer.
pub(crate) async fn images(pattern: &str) -> Result<Vec<String>> {
    let list = ["image", "ls", "--filter", &format!("reference={pattern}"), "--format", "{{.Repository}}:{{.Tag}}"];
    let output = docker(list).deadline(ANSWER).run().await?;
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

/// Makes an image of a root file system, a tar archive, changed as these lines of a Dockerfile say.
pub(crate) async fn import(archive: &Path, changes: &[&str], reference: &str) -> Result<()> {
    let changes = changes.iter().flat_map(|change| ["--change", change]);
    let import = docker(["import"]).args(changes).args([archive]).args([reference]).deadline(LOAD);
    import.run().await.map(drop)
}

/// Forgets an image, unless a container uses it.
pub(crate) async fn remove_image(reference: &str) {
    docker(["image", "rm", reference]).run_unchecked().await.ok();
}

/// Whether a container may mount this directory: not where the engine is on another machine, or we are in a container or a root of our
/// own. It is asked with a container of this name, which is not started.
pub(crate) async fn sees(directory: &Path, image: &str, container: &str) -> Result<bool> {
    let mount = format!("type=bind,source={},target=/chartgate,readonly", directory.display());
    let create = docker(["create", "--name", container, "--mount", &mount, image]);
    let created = create.run_unchecked().await?;
    if created.is_success() {
        remove(&[container.to_owned()], ANSWER).await?.done()?;
        return Ok(true);
    }
    // What it says of a directory that it does not have.
    if created.stderr.contains("bind source path does not exist") { Ok(false) } else { Err(create.failure(&created)) }
}

/// Whether the engine has an image, under a tag or by its digest.
pub async fn has_image(reference: &str) -> bool {
    inspect_image(reference).run().await.is_ok()
}

/// Asks for an image's id.
fn inspect_image(reference: &str) -> Tool {
    docker(["image", "inspect", "--format", "{{.Id}}", reference])
}

/// Pulls an image. Gives the last words of the client where it could not.
pub(crate) async fn pull(reference: &str, deadline: Duration) -> Result<Result<(), String>> {
    let output = docker(["pull", "--quiet", reference]).deadline(deadline).run_unchecked().await?;
    Ok(if output.is_success() { Ok(()) } else { Err(output.stderr) })
}

/// Whether an image's registry says that it has it.
pub(crate) async fn is_in_registry(reference: &str, deadline: Duration) -> bool {
    docker(["manifest", "inspect", reference]).deadline(deadline).run().await.is_ok()
}

/// Puts images of the engine into a node: what `kind load docker-image` does, without a copy on the disk.
pub(crate) async fn load_into(node: &str, references: &[String]) -> Result<()> {
    let save = docker(["save"]).args(references).deadline(LOAD);
    let import = ["ctr", "--namespace=k8s.io", "images", "import", "--all-platforms", "--digests"];
    let import = exec_privileged(node, import).args(["--snapshotter=overlayfs", "-"]).deadline(LOAD);
    let loaded = save.run_into(import).await;
    loaded.map(drop).with_context(|| format!("failed to load {} into node/{node}", references.join(", ")))
}

/// The engine as it must be for a cluster.
pub(crate) struct Engine {
    /// It runs containers with cgroup v1.
    pub(crate) is_cgroup_v1: bool,
}

/// An engine that answers and has so many bytes free.
///
/// # Errors
/// [`Environment`]: none answers, or it has no room.
pub(crate) async fn with_room(needed: u64) -> Result<Engine> {
    let info = info().await.map_err(|error| {
        Environment::because("no Docker engine answers", &error, "run `chartgate setup`, or start the engine")
    })?;
    let root = info.docker_root_dir;
    // Elsewhere the directory is in a virtual machine, and cannot be looked at.
    if let Ok(disk) = rustix::fs::statvfs(&root) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < needed {
            let what = format!("only {} MB are free in `{root}`, and a cluster needs {} MB", free >> 20, needed >> 20);
            return Err(Environment::hinted(what, "`docker system prune` frees some").into());
        }
    }
    Ok(Engine { is_cgroup_v1: info.cgroup_version.as_deref() == Some("1") })
}
