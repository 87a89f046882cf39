//! `helm/STEP/`: what helm was told and said (`call.txt`), and the release after the step, as `helm status`, `helm get values`,
//! `helm get manifest`, `helm get hooks` and `helm history` show it.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_model::recording::{HelmCall, Moment, Recording, Release};
use serde_json::{Value, json};

use super::super::explanation::moment;
use super::{Files, Span};
use chartgate_base::quoted;

pub(super) fn write(recording: &Recording, steps: &[Span], files: &mut Files) -> Result<()> {
    for step in steps {
        let folder = format!("helm/{}", step.name);
        let mut release = None;
        for entry in &recording.entries {
            match &entry.moment {
                Moment::Helm(call) if call.step == step.index => files.put(&folder, "call", ".txt", &told(call))?,
                Moment::Release(seen) if seen.step == step.index => release = Some(seen),
                _ => {}
            }
        }
        if let Some(release) = release {
            files.yaml(&folder, "status", [&status(recording, release)])?;
            files.yaml(&folder, "manifest", release.objects.iter().map(|hash| recording.object(hash).raw()))?;
            files.yaml(&folder, "hooks", release.hooks.iter().map(|hook| recording.object(&hook.object).raw()))?;
            files.yaml(&folder, "values", [&values(recording, release)])?;
        }
        let history = history(recording, step);
        if !history.is_empty() {
            files.put(&folder, "history", ".txt", &history)?;
        }
    }
    Ok(())
}

/// The command, how it ended, and what it said.
fn told(call: &HelmCall) -> String {
    let words: Vec<_> = ["helm"].into_iter().chain(call.args.iter().map(String::as_str)).map(quoted).collect();
    let by = if call.version.is_empty() { String::new() } else { format!(" by Helm {}", call.version) };
    let ended = call.status.map_or("killed, or given up on".to_owned(), |status| format!("exit status {status}"));
    let said = if call.stderr.is_empty() { String::new() } else { format!("\n{}\n", call.stderr) };
    format!("{}\n{ended}{by} after {}\n{said}", words.join(" "), moment(call.took_ms).trim_start_matches('+'))
}

fn status(recording: &Recording, release: &Release) -> Value {
    let hook = |hook: &chartgate_model::recording::HookRun| {
        let object = recording.object(&hook.object);
        json!({"kind": object.kind(), "name": object.name(), "events": hook.events, "weight": hook.weight})
    };
    json!({
        "release": recording.plan.release,
        "revision": release.revision,
        "status": release.status,
        "description": release.description,
        "hooks": release.hooks.iter().map(hook).collect::<Vec<_>>(),
    })
}

/// The values that the release was given; where the recording does not say it, those of the plan, with its templates.
fn values(recording: &Recording, release: &Release) -> Value {
    if let Some(values) = &release.values {
        return values.clone();
    }
    let plan = &recording.plan;
    plan.steps.get(release.step).map_or_else(|| plan.values.clone(), |step| plan.values_of(step))
}

/// The release's revisions as they stood at the step's end; the recording of a revision is the one that helm wrote to the cluster.
fn history(recording: &Recording, step: &Span) -> String {
    let mut revisions: BTreeMap<u32, (&str, u64)> = BTreeMap::new();
    let seen = recording.entries.iter().take_while(|entry| entry.seq <= step.to);
    for entry in seen {
        match &entry.moment {
            Moment::Revision { release, revision, status: None } if *release == recording.plan.release => {
                revisions.remove(revision);
            }
            Moment::Revision { release, revision, status: Some(status) } if *release == recording.plan.release => {
                revisions.insert(*revision, (status.as_str(), entry.at));
            }
            _ => {}
        }
    }
    let line =
        |(revision, (status, at)): (&u32, &(&str, u64))| format!("{revision:<8}  {status:<16}  {}\n", moment(*at));
    let lines: String = revisions.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("{:<8}  {:<16}  SINCE\n{lines}", "REVISION", "STATUS") }
}
