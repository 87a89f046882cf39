//! `logs/POD/CONTAINER.log`: every container that ever ran, from its first line. A restart has a file of its own, with the number that
//! the kubelet gives it (`app.1.log`); a pod that was made anew under the same name has a folder of its own (`db-0.2`).

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_judge::track::Track;
use chartgate_k8s::typed::Object;
use chartgate_model::recording::{Moment, Recording};
use k8s_openapi::api::core::v1::ContainerStatus;

use super::Files;
use super::name::safe;

/// Pod, which of that name, container and restart.
type Key<'a> = (&'a str, usize, &'a str, u32);

pub(super) fn write(recording: &Recording, tracks: &[Track], files: &mut Files) -> Result<()> {
    for ((pod, life, container, restart), lines) in logs(recording, tracks) {
        let life = if life == 0 { String::new() } else { format!(".{}", life + 1) };
        let folder = format!("logs/{}{life}", safe(pod));
        let restart = if restart == 0 { String::new() } else { format!(".{restart}") };
        let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        files.put(&folder, &format!("{container}{restart}"), ".log", &text)?;
    }
    Ok(())
}

/// The lines of each container that had a process; one that wrote none is there all the same.
fn logs<'a>(recording: &'a Recording, tracks: &[Track<'a>]) -> BTreeMap<Key<'a>, Vec<&'a str>> {
    let mut logs: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
    let lives = lives(tracks);
    for ((pod, life), statuses) in lives
        .iter()
        .flat_map(|(pod, lives)| lives.iter().enumerate().map(move |(life, (_, statuses))| ((*pod, life), statuses)))
    {
        for (container, restarts) in statuses {
            for restart in 0..=*restarts {
                logs.entry((pod, life, *container, restart)).or_default();
            }
        }
    }
    for entry in &recording.entries {
        let Moment::Log { pod, container, line, restart } = &entry.moment else { continue };
        // The line of a pod is that of the one which was there then: a name is free again before its next pod has a log.
        let lives = lives.get(pod.as_str()).map(Vec::as_slice).unwrap_or_default();
        let life = lives.iter().rposition(|(since, _)| *since <= entry.seq).unwrap_or_default();
        logs.entry((pod.as_str(), life, container.as_str(), *restart)).or_default().push(line);
    }
    logs
}

/// A pod: since when it is there, and how often each of its containers that ran was restarted.
type Life<'a> = (u64, BTreeMap<&'a str, u32>);

/// The pods of each name in their order.
fn lives<'a>(tracks: &[Track<'a>]) -> BTreeMap<&'a str, Vec<Life<'a>>> {
    let mut lives: BTreeMap<&str, Vec<Life>> = BTreeMap::new();
    for pod in tracks.iter().filter(|track| track.last().kind() == "Pod") {
        let mut restarts: BTreeMap<&str, u32> = BTreeMap::new();
        for object in pod.sightings.iter().map(|sighting| sighting.object) {
            for status in started(object) {
                let count = u32::try_from(status.restart_count).unwrap_or_default();
                let known = restarts.entry(status.name.as_str()).or_default();
                *known = count.max(*known);
            }
        }
        lives.entry(pod.name()).or_default().push((pod.first().seq, restarts));
    }
    for lives in lives.values_mut() {
        lives.sort_by_key(|(since, _)| *since);
    }
    lives
}

/// The status of each container of a pod that has, or had, a process.
fn started(pod: &Object) -> impl Iterator<Item = &ContainerStatus> {
    let ephemeral = pod.pod_status().and_then(|status| status.ephemeral_container_statuses.as_ref());
    let all = pod.statuses().chain(ephemeral.into_iter().flatten());
    all.filter(|status| status.container_id.as_ref().is_some_and(|id| !id.is_empty()))
}
