//! `startup-allowed`: a start may take its time before the liveness probe ends it.

use k8s_openapi::api::core::v1::{Container, Probe};

use crate::manifest::{Manifest, Workload};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const STARTUP_ALLOWED: Check = Check {
    name: "startup-allowed",
    proves: "no liveness probe ends a start that is slow for a reason, and none ends one before half a minute",
    means: "a slow start, for example one that migrates, is ended in the middle, again and again",
    explanation: include_str!("../explanation/startup-allowed.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

/// What a start may take in any case, in seconds; it is what Kubernetes' own defaults allow.
const ANY_START: i32 = 30;
/// What a start may take that migrates, or waits for a database.
const SLOW_START: i32 = 60;

/// Words of variables that hold a database, and of commands that change its schema.
const SLOW: [&str; 8] = ["database", "postgres", "mysql", "mariadb", "jdbc", "migrat", "db_host", "db_url"];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(STARTUP_ALLOWED.name);
    for manifest in Manifest::all(view) {
        for workload in manifest.lasting_workloads() {
            for container in workload.lasting_containers() {
                if let Some(liveness) = &container.liveness_probe {
                    judge_container(&workload, container, liveness, &mut tally);
                }
            }
        }
    }
    tally.finish_or("each liveness probe allows a slow start", "no container has a liveness probe")
}

fn judge_container(workload: &Workload, container: &Container, liveness: &Probe, tally: &mut Tally) {
    let startup = container.startup_probe.as_ref();
    let allowed = patience(startup.unwrap_or(liveness));
    let shown = format!("container `{}` of {}", container.name, workload.slashed());
    let (needed, why) = match slowness(container) {
        Some(why) => (SLOW_START, format!(", and it {why}")),
        None => (ANY_START, String::new()),
    };
    if startup.is_some() || allowed >= needed || asks_nothing(liveness) {
        tally.proved(note(format!("{shown} may take {allowed} s to start")));
    } else {
        let message =
            format!("the liveness probe of {shown} ends a start after {allowed} s, and there is no startup probe{why}");
        tally
            .advise(message)
            .hint("add a `startupProbe` with the time that the slowest start, with its migrations, may take");
    }
}

/// How long a probe lets a container be silent from its start, in seconds.
fn patience(probe: &Probe) -> i32 {
    let (period, failures) = (probe.period_seconds.unwrap_or(10), probe.failure_threshold.unwrap_or(3));
    probe.initial_delay_seconds.unwrap_or(0).saturating_add(period.saturating_mul(failures))
}

/// Whether a probe runs a command that succeeds from the first moment on, whatever the application does.
fn asks_nothing(probe: &Probe) -> bool {
    const IDLE: [&str; 5] = ["true", "ls", "echo", "date", "exit 0"];
    let command: Vec<&str> =
        probe.exec.iter().flat_map(|exec| exec.command.iter().flatten()).map(String::as_str).collect();
    let words = match command.as_slice() {
        [shell, option, script] if shell.ends_with("sh") && option.starts_with('-') => script.trim(),
        [first, ..] => first.rsplit('/').next().unwrap_or_default(),
        [] => return false,
    };
    IDLE.iter().any(|idle| words == *idle || (command.len() <= 2 && words.starts_with(&format!("{idle} "))))
}

/// Why a container's start may be slow, as far as its variables and its command show.
fn slowness(container: &Container) -> Option<String> {
    let is_slow = |word: &str| SLOW.iter().any(|slow| word.to_lowercase().contains(slow));
    if let Some(variable) = container.env.iter().flatten().map(|it| it.name.as_str()).find(|name| is_slow(name)) {
        return Some(format!("uses a database (`{variable}`)"));
    }
    let command = || container.command.iter().chain(&container.args).flatten();
    let sleeps = command().any(|line| line.contains("sleep "));
    let migrates = command().any(|line| line.to_lowercase().contains("migrat"));
    (sleeps || migrates).then(|| format!("{} in its command", if migrates { "migrates" } else { "sleeps" }))
}

#[cfg(test)]
mod tests;
