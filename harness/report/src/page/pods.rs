//! The lanes of pods: by role and revision, each from pending to its end.

use std::collections::{BTreeMap, HashMap};

use chartgate_judge::track::Track;
use chartgate_k8s::typed::{Object, OrEmpty, PodTemplate};
use chartgate_model::recording::{Change, Moment};
use k8s_openapi::api::core::v1::ContainerStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::lanes::job_title;
use super::mark::note;
use super::story::{Bar, Detail, Group, Lane, Scene};
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
    for pod in scene.tracks.iter().filter(|track| track.last().kind() == "Pod") {
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
fn role(scene: &Scene, pod: &Object) -> String {
    let plan = &scene.recording.plan;
    if let Some((name, _)) = plan.roles.iter().find(|(_, role)| pod.is_selected(&role.select)) {
        return name.clone();
    }
    if let Some((name, _)) = plan.hooks.iter().find(|(_, hook)| pod.is_selected(&hook.select)) {
        return format!("hook {name}");
    }
    let Some(OwnerReference { kind, name, uid, .. }) = pod.owners().next() else { return "no controller".to_owned() };
    let hash = pod.labels().get("pod-template-hash");
    match hash.and_then(|hash| name.strip_suffix(&format!("-{hash}"))) {
        Some(deployment) => format!("Deployment {deployment}"),
        None => job_title(scene, uid).unwrap_or_else(|| format!("{kind} {name}")),
    }
}

/// What a pod is at a sighting: the bar's class, and what keeps it from being ready.
fn state(pod: &Object) -> (&'static str, String) {
    let phase = pod.phase();
    let trouble = trouble(pod);
    // One that is not scheduled yet waits for its place, which another pod may leave.
    let is_in_trouble = trouble.as_ref().is_some_and(Trouble::is_failure);
    let said = trouble.map(|trouble| trouble.to_string()).unwrap_or_default();
    let runs = pod.is_running();
    let has_ended = |status: &ContainerStatus| {
        status.state.as_ref().and_then(|state| state.terminated.as_ref()).is_some_and(|ended| ended.exit_code == 0)
    };
    let is_over = pod.container_statuses().next().is_some() && pod.container_statuses().all(has_ended);
    match phase {
        "Succeeded" => ("done", String::new()),
        _ if pod.is_terminating() => ("ending", String::new()),
        "Failed" => ("broken", said),
        _ if pod.is_ready_pod() => ("ready", String::new()),
        _ if is_in_trouble => ("broken", said),
        _ if runs => ("starting", said),
        "Running" if is_over => ("done", String::new()),
        _ => ("pending", said),
    }
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
    let pod_spec = last.pod().unwrap_or_else(PodTemplate::empty).spec;
    let images: Vec<_> = pod_spec.containers.iter().map(|container| container.image.or_empty()).collect();
    let address = last.pod_status().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default();
    let mut facts = vec![("role", role.to_owned()), ("revision", revision.to_owned()), ("image", images.join(", "))];
    facts.extend([("node", pod_spec.node_name.or_empty().to_owned()), ("address", address.to_owned())]);
    let mut facts: Vec<_> = facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    facts.extend(bars.iter().map(|bar| (super::super::explanation::moment(bar.from), bar.label.clone())));
    let has_yaml = scene.depth.has_pods_yaml || is_cited;
    Detail {
        title: format!("pod {}", pod.name()),
        facts,
        log: bounded(log, if is_cited { scene.depth.log_lines.max(100) } else { scene.depth.log_lines }),
        events: events.into_iter().take(if scene.depth.has_objects || is_cited { EVENTS } else { 0 }).collect(),
        states: if has_yaml { vec![("last seen".to_owned(), scene.shown(last.raw()))] } else { Vec::new() },
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
    for track in &scene.tracks {
        let Some(said) = track.last().said() else { continue };
        let count = if said.count() > 1 { format!(" ({} times)", said.count()) } else { String::new() };
        let text = format!("{} {}: {}{count}", said.type_(), said.reason(), said.message());
        events.entry(said.about_uid()).or_default().push((track.first().at, text));
    }
    events
}
