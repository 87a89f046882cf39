//! From what was seen to what is wrong and what fixes it: a pure function.

use chartgate_base::Problem;
use chartgate_cluster::{ROOM, Standing};

use super::facts::{Disk, Engine, Facts, Kept, Kernel};
use super::{Health, Symptom};

/// A node with its control plane takes a gigabyte, the chart's pods the rest.
const MEMORY: u64 = 2 << 30;
/// Below it, the kubelets and watchers of a few clusters at once run out of inotify instances.
const INOTIFY_INSTANCES: u64 = 512;
/// Below it, `kubectl logs --follow` and the kubelets of a few nodes run out of watches.
const INOTIFY_WATCHES: u64 = 524_288;
/// The oldest engine whose containers' cgroups kind's nodes can use.
const ENGINE_MAJOR: u64 = 20;
/// Reports and recordings of a run, and room for the tools' caches.
const STATE: u64 = 1 << 30;
/// Names in one line; a machine that was left alone for long may have many.
const NAMES: usize = 6;

/// What is wrong, in the order in which it is best mended.
pub(super) fn of(facts: &Facts) -> Vec<Symptom> {
    let mut symptoms = vec![engine(facts)];
    symptoms.extend(facts.tools.iter().map(tool));
    symptoms.extend(facts.images.iter().map(image));
    symptoms.extend(facts.disks.iter().map(disk));
    if let Ok(engine) = &facts.engine {
        symptoms.push(memory(engine, facts.available_memory));
        symptoms.push(cgroups(engine));
    }
    symptoms.push(kernel(&facts.kernel));
    symptoms.push(leftovers(&facts.standing));
    symptoms.extend(strangers(&facts.strangers));
    symptoms
}

fn symptom(of: &'static str, seen: impl Into<String>, health: Health) -> Symptom {
    Symptom { of, seen: seen.into(), health }
}

fn wrong_if(is_wrong: bool, fix: impl Into<String>) -> Health {
    if is_wrong { Health::Wrong(fix.into()) } else { Health::Fine }
}

/// Wrong with the error's own hint, where it has one.
fn of_error(of: &'static str, problem: &Problem) -> Symptom {
    let fix = problem.hint.as_deref().unwrap_or("run `chartgate setup`");
    symptom(of, problem.what.as_str(), Health::Wrong(fix.to_owned()))
}

fn engine(facts: &Facts) -> Symptom {
    match &facts.engine {
        Ok(Engine { version, system, architecture, cores, .. }) => {
            let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
            let seen = format!("Docker {version} on {system} ({architecture}), {cores} cores");
            let is_old = major.is_some_and(|major| major < ENGINE_MAJOR);
            symptom("engine", seen, wrong_if(is_old, format!("update the engine to {ENGINE_MAJOR}.10 or newer")))
        }
        Err(error) => {
            let said = error.lines().last().unwrap_or_default().trim();
            let fix = if error.contains("permission denied") {
                "`sudo usermod -aG docker $USER`, then log in again"
            } else {
                "`chartgate setup`, or start the engine that you use"
            };
            symptom("engine", format!("no Docker engine answers: {said}"), Health::Wrong(fix.to_owned()))
        }
    }
}

fn tool(tool: &Result<String, Problem>) -> Symptom {
    match tool {
        Ok(path) => symptom("tool", path, Health::Fine),
        Err(error) => of_error("tool", error),
    }
}

fn image(image: &Result<(String, bool), Problem>) -> Symptom {
    match image {
        Err(error) => of_error("image", error),
        Ok((reference, true)) => symptom("image", reference, Health::Fine),
        Ok((reference, false)) => {
            let seen = format!("the engine does not have `{reference}`");
            // No registry has what was built here.
            let is_built = reference.starts_with("chartgate/");
            let pulls = Health::Note("the first run that needs it pulls it, `chartgate setup` does so now".to_owned());
            symptom("image", seen, if is_built { Health::Wrong("run `chartgate setup`".to_owned()) } else { pulls })
        }
    }
}

fn disk(disk: &Disk) -> Symptom {
    let Disk { of, folder, free } = disk;
    let folder = folder.display();
    let Some(free) = *free else {
        return symptom("disk", format!("`{folder}` is in a virtual machine, and was not looked at"), Health::Fine);
    };
    let (of, needed, fix) = match of {
        Kept::Engine => ("images and containers", ROOM, "`docker system prune` frees some"),
        Kept::State => ("chartgate's state", STATE, "free some, or let `CHARTGATE_HOME` name another folder"),
    };
    let seen = format!("{} free for {of} in `{folder}`, {} are needed", gigabytes(free), gigabytes(needed));
    symptom("disk", seen, wrong_if(free < needed, fix))
}

fn memory(engine: &Engine, available: Option<u64>) -> Symptom {
    let total = engine.memory;
    let mut seen = format!("the engine has {}, a cluster needs {}", gigabytes(total), gigabytes(MEMORY));
    let more = "give the machine, or the engine's virtual machine, more memory";
    if total < MEMORY {
        return symptom("memory", seen, Health::Wrong(more.to_owned()));
    }
    let Some(available) = available.filter(|available| *available < MEMORY) else {
        return symptom("memory", seen, Health::Fine);
    };
    seen = format!("{seen}; only {} of this machine's are not in use", gigabytes(available));
    symptom(
        "memory",
        seen,
        Health::Note("end what you do not need, for example kept clusters: `chartgate clean`".to_owned()),
    )
}

fn cgroups(engine: &Engine) -> Symptom {
    let seen = format!("v{}", engine.cgroups);
    if !engine.unlimited.is_empty() {
        let seen = format!("{seen}, and the engine cannot limit {}", engine.unlimited.join(", "));
        let fix =
            "run the engine as root, or delegate the controllers to your user (`Delegate=cpu cpuset io memory pids`)";
        return symptom("cgroups", seen, Health::Wrong(fix.to_owned()));
    }
    let fix = "boot with `systemd.unified_cgroup_hierarchy=1`: Kubernetes is about to drop v1";
    symptom("cgroups", seen, if engine.cgroups == "1" { Health::Note(fix.to_owned()) } else { Health::Fine })
}

fn kernel(kernel: &Kernel) -> Symptom {
    let limits = [
        ("instances", kernel.inotify_instances, INOTIFY_INSTANCES),
        ("watches", kernel.inotify_watches, INOTIFY_WATCHES),
    ];
    let mut seen = vec![kernel.release.clone()];
    let mut raise = Vec::new();
    for (name, limit, enough) in limits {
        let Some(limit) = limit else { continue };
        seen.push(format!("{limit} inotify {name}"));
        if limit < enough {
            raise.push(format!("fs.inotify.max_user_{name}={enough}"));
        }
    }
    let seen = seen.join(", ");
    if raise.is_empty() {
        return symptom("kernel", seen, Health::Fine);
    }
    symptom("kernel", seen, Health::Note(format!("`sudo sysctl -w {}`, for several clusters at once", raise.join(" "))))
}

fn leftovers(standing: &[(String, Standing)]) -> Symptom {
    let is_any = |wanted: Standing| standing.iter().any(|(_, standing)| *standing == wanted);
    let names: Vec<_> = standing.iter().map(|(name, standing)| format!("{name} ({standing})")).collect();
    let seen = if names.is_empty() { "none".to_owned() } else { shortened(&names) };
    let is_kept = is_any(Standing::Kept);
    let is_left = is_any(Standing::Left);
    let fix = match (is_kept, is_left) {
        (false, false) => return symptom("leftovers", seen, Health::Fine),
        (true, false) => {
            "`chartgate clean` removes what was kept, and all that is in use; a run that fits takes a kept cluster over"
        }
        (false, true) => "the next run removes what a dead one left; `chartgate clean` does so now",
        (true, true) => "the next run removes what a dead one left; `chartgate clean` everything, kept clusters too",
    };
    symptom("leftovers", seen, Health::Note(fix.to_owned()))
}

fn strangers(names: &[String]) -> Option<Symptom> {
    let fix = "`make clean` removes them, unless a run with another `CHARTGATE_HOME` uses them";
    let seen = || format!("containers that this state folder does not know: {}", shortened(names));
    (!names.is_empty()).then(|| symptom("leftovers", seen(), Health::Note(fix.to_owned())))
}

fn shortened(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMES);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes >> 30, ((bytes >> 20) % 1024) * 10 / 1024)
}
