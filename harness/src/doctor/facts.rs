//! What was seen of the machine, without a word on how good that is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chartgate_base::Problem;
use chartgate_cluster::{Standing, engine};
use chartgate_process::home;
use chartgate_process::tool::Tool;

/// Each tool by its name and the key of its version.
const TOOLS: [(&str, &str); 3] = [("kind", "KIND"), ("helm", "HELM_3"), ("helm", "HELM_4")];

/// All that was seen.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The engine, or why none answers.
    pub(super) engine: Result<Engine, String>,
    /// Where each pinned tool is and what it says of itself, or what is the matter with it.
    pub(super) tools: Vec<Result<String, Problem>>,
    /// The images that a run starts: the reference, and whether the engine has it; or why there is none on record.
    pub(super) images: Vec<Result<(String, bool), Problem>>,
    /// The file systems that a run fills.
    pub(super) disks: Vec<Disk>,
    /// Bytes that programs can still get; `None`: the kernel does not say.
    pub(super) available_memory: Option<u64>,
    pub(super) kernel: Kernel,
    /// What brokers of this state folder made and is there now.
    pub(super) standing: Vec<(String, Standing)>,
    /// Containers named as chartgate's which no broker of this state folder made.
    pub(super) strangers: Vec<String>,
}

/// A Docker engine that answers.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) version: String,
    pub(super) system: String,
    pub(super) architecture: String,
    pub(super) cores: u64,
    /// Bytes.
    pub(super) memory: u64,
    /// `1` or `2`.
    pub(super) cgroups: String,
    /// What it cannot limit for a container: `memory`, `cpu`, `pids`.
    pub(super) unlimited: Vec<&'static str>,
}

/// A file system.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) of: Kept,
    pub(super) folder: PathBuf,
    /// Free bytes; `None`: it is in a virtual machine.
    pub(super) free: Option<u64>,
}

/// What a file system keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The engine's images and containers.
    Engine,
    /// The state folder.
    State,
}

/// The kernel that this process runs on.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) release: String,
    /// How many inotify instances a user may have; `None`: the kernel does not say.
    pub(super) inotify_instances: Option<u64>,
    /// How many files a user may watch.
    pub(super) inotify_watches: Option<u64>,
}

impl Facts {
    /// Looks.
    pub(super) async fn gather() -> Result<Self> {
        let info = engine::info().await.map_err(|error| format!("{error:#}"));
        let standing = chartgate_cluster::standing()?;
        let mut facts = Self {
            engine: info.as_ref().map(Engine::of).map_err(Clone::clone),
            tools: Vec::new(),
            images: Vec::new(),
            disks: vec![Disk::of(Kept::State, home::folder()?)],
            available_memory: available_memory(),
            kernel: Kernel::this(),
            standing,
            strangers: Vec::new(),
        };
        for (name, key) in TOOLS {
            facts.tools.push(ask_tool(name, key).await.map_err(|error| Problem::of(&error)));
        }
        if let Ok(info) = &info {
            facts.disks.push(Disk::of(Kept::Engine, PathBuf::from(&info.docker_root_dir)));
            facts.images = images().await;
            facts.strangers = strangers(&facts.standing).await;
        }
        Ok(facts)
    }
}

impl Engine {
    fn of(info: &engine::Info) -> Self {
        let text = |said: &Option<String>| said.as_deref().unwrap_or("?").to_owned();
        let limits = [("memory", info.memory_limit), ("cpu", info.cpu_cfs_quota), ("pids", info.pids_limit)];
        let unlimited = limits.into_iter().filter(|(_, limit)| *limit == Some(false)).map(|(name, _)| name);
        Self {
            version: text(&info.server_version),
            system: text(&info.operating_system),
            architecture: text(&info.architecture),
            cores: info.processors,
            memory: info.mem_total,
            cgroups: text(&info.cgroup_version),
            unlimited: unlimited.collect(),
        }
    }
}

impl Disk {
    fn of(of: Kept, folder: PathBuf) -> Self {
        // A state folder that is still to be made lies where its nearest parent does. The engine's folder may be elsewhere.
        let there = match of {
            Kept::Engine => folder.as_path(),
            Kept::State => folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")),
        };
        let disk = rustix::fs::statvfs(there).ok();
        Self { of, free: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)), folder }
    }
}

impl Kernel {
    fn this() -> Self {
        let limit = |name: &str| number(&std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?);
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            inotify_instances: limit("max_user_instances"),
            inotify_watches: limit("max_user_watches"),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).and_then(number)?;
    Some(kilobytes << 10)
}

/// A tool that is there must start, too: it may be built for another machine, or only half there.
async fn ask_tool(name: &str, key: &str) -> Result<String> {
    let path = home::tool(name, home::version(key)?)?;
    Tool::new(name, &path).args(["version"]).run().await?;
    Ok(path.display().to_string())
}

async fn images() -> Vec<Result<(String, bool), Problem>> {
    let node = home::kubernetes().and_then(|minor| home::node_image(&minor));
    let mut images = Vec::new();
    // The static command makes the prober of itself, in the first run.
    let prober = Some(home::prober()).filter(|prober| prober.is_ok() || !chartgate_cluster::is_static());
    let servers = ["POSTGRES", "REDIS"].map(home::image);
    for image in [node].into_iter().chain(prober).chain(servers) {
        images.push(match image {
            Err(error) => Err(Problem::of(&error)),
            Ok(reference) => {
                let is_there = engine::has_image(&reference).await;
                Ok((reference, is_there))
            }
        });
    }
    images
}

/// Containers whose names are like ours.
async fn strangers(standing: &[(String, Standing)]) -> Vec<String> {
    let found = engine::containers("name=^chartgate-", "{{.Names}}").await.unwrap_or_default();
    let is_ours = |name: &str| standing.iter().any(|(own, _)| name.starts_with(&format!("{own}-")));
    found.into_iter().filter(|name| !is_ours(name)).collect()
}
