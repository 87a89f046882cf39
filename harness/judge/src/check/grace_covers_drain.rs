//! `grace-covers-drain`: a container that waits before it ends is given the time for it.

use k8s_openapi::api::core::v1::LifecycleHandler;

use crate::manifest::Manifest;
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const GRACE_COVERS_DRAIN: Check = Check {
    name: "grace-covers-drain",
    proves: "the literal `sleep` of each `preStop` is shorter than the pod's grace period",
    means: "the container is killed before it is even told to end, and requests in flight are lost at every rollout",
    explanation: include_str!("../explanation/grace-covers-drain.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

/// Kubernetes' own, in seconds.
const DEFAULT_GRACE: i64 = 30;

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(GRACE_COVERS_DRAIN.name);
    for manifest in Manifest::all(view) {
        for workload in manifest.workloads() {
            let written = workload.pod.spec.termination_grace_period_seconds;
            let grace = written.unwrap_or(DEFAULT_GRACE);
            for container in workload.lasting_containers() {
                let handler = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
                let Some(sleep) = handler.and_then(slept) else { continue };
                let shown =
                    format!("`preStop` of container `{}` of {} sleeps {sleep} s", container.name, workload.slashed());
                let default = if written.is_none() { ", which is Kubernetes' default" } else { "" };
                let period = format!("`terminationGracePeriodSeconds` is {grace}{default}");
                if sleep < grace {
                    tally.proved(note(format!("{shown}, and {period}")));
                } else {
                    let message = format!("{shown}, but {period}: it is killed before it gets the signal to end");
                    let hint = "set `terminationGracePeriodSeconds` to the sleep and the time that the application needs to end";
                    tally.fail(message).hint(hint);
                }
            }
        }
    }
    tally
        .finish_or("each `preStop` ends within the grace period", "no container has a `preStop` with a literal `sleep`")
}

/// How long a `preStop` sleeps for certain, in whole seconds.
fn slept(handler: &LifecycleHandler) -> Option<i64> {
    if let Some(sleep) = &handler.sleep {
        return Some(sleep.seconds);
    }
    let command: Vec<&str> =
        handler.exec.iter().flat_map(|exec| exec.command.iter().flatten()).map(String::as_str).collect();
    let program = |path: &str| path.rsplit('/').next().map(str::to_owned).unwrap_or_default();
    match command.as_slice() {
        [sleep, time] if program(sleep) == "sleep" => seconds(time),
        [shell, flags, script, ..]
            if program(shell).ends_with("sh") && flags.starts_with('-') && flags.ends_with('c') =>
        {
            slept_in(script)
        }
        _ => None,
    }
}

/// What a script sleeps in statements of their own. One with branches, loops or jobs in the background is not understood.
fn slept_in(script: &str) -> Option<i64> {
    const BRANCHING: [&str; 12] =
        ["if", "while", "until", "for", "case", "function", "trap", "exit", "exec", "return", "kill", "wait"];
    let is_branching =
        |statement: &str| statement.split_whitespace().next().is_some_and(|word| BRANCHING.contains(&word));
    // What runs where a statement fails does not shorten it.
    let harmless = ["|| true", "||true", "|| :", "|| exit 0"];
    let plain = harmless.iter().fold(script.replace("&&", ";"), |script, words| script.replace(words, ""));
    if plain.contains(['&', '|', '(', '{', '`']) {
        return None;
    }
    let mut total = None;
    for statement in plain.split([';', '\n']).map(str::trim).take_while(|statement| !is_branching(statement)) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        if let ["sleep" | "/bin/sleep" | "/usr/bin/sleep", time] = words.as_slice() {
            *total.get_or_insert(0) += seconds(time)?;
        }
    }
    total
}

/// A time as `sleep` takes it.
fn seconds(time: &str) -> Option<i64> {
    let time = time.trim_matches(['"', '\'']);
    let (number, unit) = match time.char_indices().last()? {
        (at, 's') => (&time[..at], 1),
        (at, 'm') => (&time[..at], 60),
        (at, 'h') => (&time[..at], 3600),
        _ => (time, 1),
    };
    // A fraction of a second decides nothing.
    number.split('.').next()?.parse::<i64>().ok().map(|number| number * unit)
}

#[cfg(test)]
mod tests;
