//! The lanes of pods: by role and revision, each from pending to its end.

use std::collections::{BTreeMap, HashMap};

use chartgate_judge::track::Track;
use chartgate_model::recording::{Change, Moment};
use serde_json::Value;

use super::lanes::job_title;
use super::story::{Bar, Detail, Group, Lane, Scene, note, shown};
use chartgate_k8s::object::{is_ready_pod, is_selected, is_terminating, items, text};
use chartgate_k8s::trouble::{Trouble, trouble};

/// Events of one pod beyond these are left out.
const EVENTS: usize = 40;
/// Characters of a log's line.
const WIDTH: usize = 400;

/// Role, when the revision began, and the revision.
type Key = (String, u64, String);
/// Moment, container and line.
type Log<'a> = Vec<(u64, &'a str, &'a str)>;

pub(super) fn pods(scene: &Scene, details: &mut Vec<Detail>) -> Vec<Group> {
    let (logs, events) = (logs(scene), events(scene));
    let mut groups: BTreeMap<Key, Vec<Lane>> = BTreeMap::new();
    for pod in scene.tracks.iter().filter(|track| track.last()["kind"] == "Pod") {
        let first = pod.first();
        let (role, revision) = (role(scene, pod.last()), scene.revision_at(first.at));
        let log = logs.get(pod.name()).map(Vec::as_slice).unwrap_or_default();
        let told = events.get(pod.uid()).cloned().unwrap_or_default();
        let bars = states(pod, scene.length);
        let detail = Some(note(details, detail(scene, pod, (&role, &revision), &bars, log, told)));
        let order = scene.report.steps.iter().rev().find(|step| step.started_ms <= first.at);
        let key = (role, order.map_or(0, |step| step.started_ms + 1), revision);
        let lane = Lane { title: pod.name().to_owned(), detail, bars, marks: Vec::new() };
        groups.entry(key).or_default().push(lane);
    }
    let group = |((role, _, revision), lanes)| Group { title: format!("pods of {role}, {revision}"), lanes };
    groups.into_iter().map(group).collect()
}

/// The contract's role or hook that a pod is of; else what made it.
fn role(scene: &Scene, pod: &Value) -> String {
    let plan = &scene.recording.plan;
    if let Some((name, _)) = plan.roles.iter().find(|(_, role)| is_selected(&role.select, pod)) {
        return name.clone();
    }
    if let Some((name, _)) = plan.hooks.iter().find(|(_, hook)| is_selected(&hook.select, pod)) {
        return format!("hook {name}");
    }
    let Some(owner) = items(&pod["metadata"]["ownerReferences"]).next() else { return "no controller".to_owned() };
    let name = text(&owner["name"]);
    let hash = text(&pod["metadata"]["labels"]["pod-template-hash"]);
    match name.strip_suffix(&format!("-{hash}")).filter(|_| !hash.is_empty()) {
        Some(deployment) => format!("Deployment {deployment}"),
        None => job_title(scene, text(&owner["uid"])).unwrap_or_else(|| format!("{} {name}", text(&owner["kind"]))),
    }
}

/// What a pod is at a sighting: the bar's class, and what keeps it from being ready.
fn state(pod: &Value) -> (&'static str, String) {
    let phase = text(&pod["status"]["phase"]);
    let trouble = trouble(pod);
    // One that is not scheduled yet waits for its place, which another pod may leave.
    let is_in_trouble = trouble.as_ref().is_some_and(Trouble::is_failure);
    let said = trouble.map(|trouble| trouble.to_string()).unwrap_or_default();
    let runs = statuses(pod).any(|status| status["state"]["running"].is_object());
    let is_over =
        statuses(pod).next().is_some() && statuses(pod).all(|status| status["state"]["terminated"]["exitCode"] == 0);
    match phase {
        "Succeeded" => ("done", String::new()),
        _ if is_terminating(pod) => ("ending", String::new()),
        "Failed" => ("broken", said),
        _ if is_ready_pod(pod) => ("ready", String::new()),
        _ if is_in_trouble => ("broken", said),
        _ if runs => ("starting", said),
        "Running" if is_over => ("done", String::new()),
        _ => ("pending", said),
    }
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    items(&pod["status"]["containerStatuses"])
}

fn states(pod: &Track, length: u64) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for sighting in &pod.sightings {
        if let Some(last) = bars.last_mut() {
            last.to = sighting.at;
        }
        if sighting.change == Change::Deleted {
            return bars;
        }
        let (class, said) = state(sighting.object);
        let label = if said.is_empty() { class.to_owned() } else { format!("{class}: {said}") };
        if bars.last().is_none_or(|last| (last.class, &last.label) != (class, &label)) {
            bars.push(Bar { from: sighting.at, to: length, class, label });
        } else if let Some(last) = bars.last_mut() {
            last.to = length;
        }
    }
    bars
}

fn detail(
    scene: &Scene,
    pod: &Track,
    (role, revision): (&str, &str),
    bars: &[Bar],
    log: &[(u64, &str, &str)],
    events: Vec<(u64, String)>,
) -> Detail {
    let is_cited = scene.is_cited(pod.name());
    let last = pod.last();
    let images: Vec<_> = items(&last["spec"]["containers"]).map(|container| text(&container["image"])).collect();
    let mut facts = vec![("role", role.to_owned()), ("revision", revision.to_owned()), ("image", images.join(", "))];
    facts.extend(
        [("node", &last["spec"]["nodeName"]), ("address", &last["status"]["podIP"])]
            .map(|(key, value)| (key, text(value).to_owned())),
    );
    let mut facts: Vec<_> = facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    facts.extend(bars.iter().map(|bar| (super::super::explanation::moment(bar.from), bar.label.clone())));
    let has_yaml = scene.depth.has_pods_yaml || is_cited;
    Detail {
        title: format!("pod {}", pod.name()),
        facts,
        log: bounded(log, if is_cited { scene.depth.log_lines.max(100) } else { scene.depth.log_lines }),
        events: events.into_iter().take(if scene.depth.has_objects || is_cited { EVENTS } else { 0 }).collect(),
        states: if has_yaml { vec![("last seen".to_owned(), shown(last))] } else { Vec::new() },
    }
}

/// The first lines and the last ones of a log.
fn bounded(log: &[(u64, &str, &str)], limit: usize) -> Vec<(Option<u64>, String)> {
    let several = log.iter().any(|(_, container, _)| *container != log[0].1);
    let cut = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    };
    let line = |(at, container, line): &(u64, &str, &str)| {
        (Some(*at), if several { format!("{container}: {}", cut(line)) } else { cut(line) })
    };
    if log.len() <= limit {
        return log.iter().map(line).collect();
    }
    let head = limit / 4;
    let tail = log.len() - (limit - head);
    let left_out = (None, format!("… {} lines are left out here, and stand in timeline.jsonl", tail - head));
    log[..head].iter().map(line).chain([left_out]).chain(log[tail..].iter().map(line)).collect()
}

fn logs<'a>(scene: &Scene<'a>) -> HashMap<&'a str, Log<'a>> {
    let mut logs: HashMap<&str, Log> = HashMap::new();
    for entry in &scene.recording.entries {
        if let Moment::Log { pod, container, line, .. } = &entry.moment {
            logs.entry(pod).or_default().push((entry.at, container, line));
        }
    }
    logs
}

/// Events by the uid of what they are about.
fn events<'a>(scene: &Scene<'a>) -> HashMap<&'a str, Vec<(u64, String)>> {
    let mut events: HashMap<&str, Vec<(u64, String)>> = HashMap::new();
    for track in scene.tracks.iter().filter(|track| track.last()["kind"] == "Event") {
        let (first, event) = (track.first(), track.last());
        let count = event["count"]
            .as_u64()
            .filter(|count| *count > 1)
            .map_or(String::new(), |count| format!(" ({count} times)"));
        let said = format!("{} {}: {}{count}", text(&event["type"]), text(&event["reason"]), text(&event["message"]));
        events.entry(text(&event["involvedObject"]["uid"])).or_default().push((first.at, said));
    }
    events
}
