//! What a run needs of the machine, looked at without changing anything: what is wrong, and the command that mends it.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cluster::{self, ROOM, Standing};
use crate::home;
use crate::tool::Tool;

/// A busy engine answers within a few seconds.
const ENGINE: Duration = Duration::from_secs(30);
/// A node with its control plane takes a gigabyte, the chart's pods the rest.
const MEMORY: u64 = 2 << 30;
/// Below it, the kubelets and watchers of a few clusters at once run out of inotify instances.
const INOTIFY_INSTANCES: u64 = 512;

/// How something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Fine,
    /// It may become a hindrance: what a person can do about it.
    Note(String),
    /// No run can succeed: what a person can do about it.
    Wrong(String),
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// What it is: `engine`, `disk`, …
    pub of: &'static str,
    /// What was seen.
    pub seen: String,
    /// How that is.
    pub health: Health,
}

impl Symptom {
    fn new(of: &'static str, seen: impl Into<String>, health: Health) -> Self {
        Self { of, seen: seen.into(), health }
    }

    /// Wrong with the error's own hint, where it has one.
    fn of_error(of: &'static str, error: &anyhow::Error) -> Self {
        let text = format!("{error:#}");
        let (seen, hint) = text.split_once("\nhint: ").unwrap_or((&text, "run `make setup`"));
        Self::new(of, seen, Health::Wrong(hint.to_owned()))
    }
}

/// Looks at everything.
///
/// # Errors
/// If the state folder cannot be read.
pub async fn examine() -> Result<Vec<Symptom>> {
    let info = engine().await;
    let mut symptoms = Vec::new();
    symptoms.push(match &info {
        Ok(info) => Symptom::new("engine", describe_engine(info), Health::Fine),
        Err(error) => {
            let first = format!("{error:#}").lines().last().unwrap_or_default().trim().to_owned();
            let mend = "`make engine`, or start the engine that you use".to_owned();
            Symptom::new("engine", format!("no Docker engine answers: {first}"), Health::Wrong(mend))
        }
    });
    symptoms.extend(tools());
    if let Ok(info) = &info {
        symptoms.extend(images().await);
        symptoms.push(disk(info));
        symptoms.push(memory(info["MemTotal"].as_u64().unwrap_or_default()));
        symptoms.push(cgroups(info["CgroupVersion"].as_str().unwrap_or_default()));
    }
    symptoms.push(kernel());
    symptoms.push(leftovers(&cluster::standing()?));
    Ok(symptoms)
}

/// The findings as text, and what is to be done at the end of each line.
pub fn print(symptoms: &[Symptom]) -> String {
    let mut out = String::new();
    for Symptom { of, seen, health } in symptoms {
        let (word, mend) = match health {
            Health::Fine => ("ok", None),
            Health::Note(mend) => ("note", Some(mend)),
            Health::Wrong(mend) => ("WRONG", Some(mend)),
        };
        // Writing to a text cannot fail.
        writeln!(out, "{word:<6} {of:<10} {seen}").ok();
        if let Some(mend) = mend {
            writeln!(out, "{:>17} mend it: {mend}", "").ok();
        }
    }
    out
}

/// Whether a run can succeed.
pub fn is_well(symptoms: &[Symptom]) -> bool {
    !symptoms.iter().any(|symptom| matches!(symptom.health, Health::Wrong(_)))
}

async fn engine() -> Result<Value> {
    let call = Tool::on_path("docker").args(["info", "--format", "{{json .}}"]).deadline(ENGINE);
    let info: Value = serde_json::from_str(&call.run().await?.stdout)?;
    // Without a server the client still answers, and only its message says so.
    match info["ServerErrors"][0].as_str() {
        Some(error) => anyhow::bail!("{error}"),
        None => Ok(info),
    }
}

fn describe_engine(info: &Value) -> String {
    let text = |key: &str| info[key].as_str().unwrap_or("?").to_owned();
    let cores = info["NCPU"].as_u64().unwrap_or_default();
    format!("Docker {} on {} ({}), {cores} cores", text("ServerVersion"), text("OperatingSystem"), text("Architecture"))
}

fn tools() -> Vec<Symptom> {
    let pinned = [("kind", "KIND"), ("helm", "HELM_3"), ("helm", "HELM_4")];
    let look = |(name, key): (&str, &str)| match home::version(key).and_then(|version| home::tool(name, version)) {
        Ok(path) => Symptom::new("tool", path.display().to_string(), Health::Fine),
        Err(error) => Symptom::of_error("tool", &error),
    };
    pinned.into_iter().map(look).collect()
}

async fn images() -> Vec<Symptom> {
    let node = home::kubernetes().and_then(|minor| home::node_image(&minor));
    let mut symptoms = Vec::new();
    for image in [node, home::prober(), home::image("POSTGRES")] {
        symptoms.push(match image {
            Err(error) => Symptom::of_error("image", &error),
            Ok(reference) if has_image(&reference).await => Symptom::new("image", reference, Health::Fine),
            Ok(reference) => {
                let seen = format!("the engine does not have `{reference}`");
                Symptom::new("image", seen, Health::Wrong("`make images`".to_owned()))
            }
        });
    }
    symptoms
}

async fn has_image(reference: &str) -> bool {
    let call = Tool::on_path("docker").args(["image", "inspect", "--format", "{{.Id}}", reference]);
    call.run().await.is_ok()
}

fn disk(info: &Value) -> Symptom {
    let root = info["DockerRootDir"].as_str().unwrap_or_default();
    let Ok(disk) = rustix::fs::statvfs(root) else {
        return Symptom::new("disk", format!("`{root}` is in a virtual machine, and was not looked at"), Health::Fine);
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let seen = format!("{} free in `{root}`, a cluster needs {}", gigabytes(free), gigabytes(ROOM));
    let mend = "`docker system prune` frees some";
    Symptom::new("disk", seen, if free < ROOM { Health::Wrong(mend.to_owned()) } else { Health::Fine })
}

fn memory(total: u64) -> Symptom {
    let seen = format!("the engine has {}, a cluster needs {}", gigabytes(total), gigabytes(MEMORY));
    let mend = "give the machine, or the engine's virtual machine, more memory";
    Symptom::new("memory", seen, if total < MEMORY { Health::Wrong(mend.to_owned()) } else { Health::Fine })
}

fn cgroups(version: &str) -> Symptom {
    let health = match version {
        "1" => {
            Health::Note("boot with `systemd.unified_cgroup_hierarchy=1`: Kubernetes is about to drop v1".to_owned())
        }
        _ => Health::Fine,
    };
    Symptom::new("cgroups", format!("v{version}"), health)
}

fn kernel() -> Symptom {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").ok();
    let Some(instances) = limit.and_then(|text| text.trim().parse::<u64>().ok()) else {
        return Symptom::new("kernel", release, Health::Fine);
    };
    let seen = format!("{release}, {instances} inotify instances");
    let mend = format!("`sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES}`, for several clusters at once");
    Symptom::new("kernel", seen, if instances < INOTIFY_INSTANCES { Health::Note(mend) } else { Health::Fine })
}

fn leftovers(standing: &[(String, Standing)]) -> Symptom {
    if standing.is_empty() {
        return Symptom::new("leftovers", "none", Health::Fine);
    }
    let seen: Vec<_> = standing.iter().map(|(name, standing)| format!("{name} ({standing})")).collect();
    let mend = "the next run removes what a dead one left; `chartgate clean` all, kept ones too";
    let is_used = standing.iter().all(|(_, standing)| *standing == Standing::InUse);
    let health = if is_used { Health::Fine } else { Health::Note(mend.to_owned()) };
    Symptom::new("leftovers", seen.join(", "), health)
}

fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes >> 30, ((bytes >> 20) % 1024) * 10 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a machine which cannot run anything is called well, or the other way round.
    #[test]
    fn only_what_stops_a_run_is_wrong() {
        let note = Symptom::new("kernel", "x", Health::Note("y".to_owned()));
        assert!(is_well(&[note.clone(), memory(24 << 30), cgroups("2")]));
        assert!(!is_well(&[note, memory(1 << 30)]));
        assert!(matches!(cgroups("1").health, Health::Note(_)));
    }

    /// A failure would mean that a person is told what is wrong, and not what to do.
    #[test]
    fn what_is_wrong_is_said_with_what_mends_it() {
        let error = home::Environment::new("no kind 0.1 at `bin`\nhint: run `make setup`").into();
        let shown = print(&[Symptom::of_error("tool", &error), memory(24 << 30)]);
        assert!(shown.contains("WRONG  tool       no kind 0.1 at `bin`\n"), "{shown}");
        assert!(shown.contains("mend it: run `make setup`\n"), "{shown}");
        assert!(shown.contains("ok     memory     the engine has 24.0 GB"), "{shown}");
    }

    /// A failure would mean that a person removes what a run uses at the moment.
    #[test]
    fn a_cluster_in_use_is_no_leftover() {
        let used = ("chartgate-a".to_owned(), Standing::InUse);
        assert_eq!(leftovers(std::slice::from_ref(&used)).health, Health::Fine);
        let kept = leftovers(&[used, ("chartgate-b".to_owned(), Standing::Kept)]);
        assert!(kept.seen.contains("chartgate-b (kept)") && matches!(kept.health, Health::Note(_)));
    }
}
