//! `startup-allowed`: a start may take its time before the liveness probe ends it.

use serde_json::Value;

use crate::manifest::{Manifest, Workload, texts};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{items, text};

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
const ANY_START: u64 = 30;
/// What a start may take that migrates, or waits for a database.
const SLOW_START: u64 = 60;

/// Words of variables that hold a database, and of commands that change its schema.
const SLOW: [&str; 8] = ["database", "postgres", "mysql", "mariadb", "jdbc", "migrat", "db_host", "db_url"];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(STARTUP_ALLOWED.name);
    for manifest in Manifest::all(view) {
        for workload in manifest.lasting_workloads() {
            for container in workload.lasting_containers().filter(|container| container["livenessProbe"].is_object()) {
                judge_container(&workload, container, &mut tally);
            }
        }
    }
    tally.finish_or("each liveness probe allows a slow start", "no container has a liveness probe")
}

fn judge_container(workload: &Workload, container: &Value, tally: &mut Tally) {
    let (liveness, startup) = (&container["livenessProbe"], &container["startupProbe"]);
    let allowed = patience(if startup.is_object() { startup } else { liveness });
    let shown = format!("container `{}` of {}", text(&container["name"]), workload.title());
    let (needed, why) = match slowness(container) {
        Some(why) => (SLOW_START, format!(", and it {why}")),
        None => (ANY_START, String::new()),
    };
    if startup.is_object() || allowed >= needed || asks_nothing(liveness) {
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
fn patience(probe: &Value) -> u64 {
    let number = |field: &str, default: u64| probe[field].as_u64().unwrap_or(default);
    number("initialDelaySeconds", 0) + number("periodSeconds", 10) * number("failureThreshold", 3)
}

/// Whether a probe runs a command that succeeds from the first moment on, whatever the application does.
fn asks_nothing(probe: &Value) -> bool {
    const IDLE: [&str; 5] = ["true", "ls", "echo", "date", "exit 0"];
    let command: Vec<&str> = items(&probe["exec"]["command"]).map(text).collect();
    let words = match command.as_slice() {
        [shell, option, script] if shell.ends_with("sh") && option.starts_with('-') => script.trim(),
        [first, ..] => first.rsplit('/').next().unwrap_or_default(),
        [] => return false,
    };
    IDLE.iter().any(|idle| words == *idle || (command.len() <= 2 && words.starts_with(&format!("{idle} "))))
}

/// Why a container's start may be slow, as far as its variables and its command show.
fn slowness(container: &Value) -> Option<String> {
    let is_slow = |word: &str| SLOW.iter().any(|slow| word.to_lowercase().contains(slow));
    if let Some(variable) = items(&container["env"]).map(|it| text(&it["name"])).find(|name| is_slow(name)) {
        return Some(format!("uses a database (`{variable}`)"));
    }
    let command = [texts(&container["command"]), texts(&container["args"])].concat();
    let sleeps = command.iter().any(|line| line.contains("sleep "));
    let migrates = command.iter().any(|line| line.to_lowercase().contains("migrat"));
    (sleeps || migrates).then(|| format!("{} in its command", if migrates { "migrates" } else { "sleeps" }))
}

#[cfg(test)]
mod tests;
