//! The lanes besides pods. Another kind of lane is a function here, its name in `Scene::story`, and its classes in `page.css`.

use std::collections::BTreeMap;

use chartgate_judge::track::Track;
use chartgate_k8s::typed::Object;
use chartgate_model::recording::{Answer, Change, HelmCall, Moment, Release};
use k8s_openapi::api::discovery::v1::Endpoint;

use super::mark::{merged, note};
use super::story::{Bar, Detail, Group, Lane, Mark, Scene};

/// Characters of an answer.
const LABEL: usize = 120;

/// Bars into which the whole time of a lane of requests is cut.
const SLICES: u64 = 200;

/// The plan's steps.
pub(super) fn steps(scene: &Scene) -> Vec<Bar> {
    let bar = |step: &super::super::StepReport| Bar {
        from: step.started_ms,
        to: step.ended_ms.unwrap_or(scene.length),
        class: if step.trouble.is_some() || step.ended_ms.is_none() { "step broken" } else { "step" },
        label: step.trouble.as_ref().map_or(step.label(), |trouble| format!("{}: {trouble}", step.label())),
    };
    scene.report.steps.iter().map(bar).collect()
}

/// The calls of helm.
pub(super) fn helm(scene: &Scene, details: &mut Vec<Detail>) -> Vec<Group> {
    let calls = scene.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Helm(call) => Some((entry.at, call)),
        _ => None,
    });
    let lane = |(at, call): (u64, &HelmCall)| {
        let class = if call.status == Some(0) { "call" } else { "call broken" };
        let ended = call.status.map_or("given up on".to_owned(), |status| format!("exit status {status}"));
        let label = format!("{ended} after {}.{:03} s", call.took_ms / 1000, call.took_ms % 1000);
        let facts =
            vec![("command".to_owned(), format!("helm {}", call.args.join(" "))), ("ended".to_owned(), label.clone())];
        let log = call.stderr.lines().map(|line| (None, line.to_owned())).collect();
        let title = format!("helm {}", call.args.first().map_or("", String::as_str));
        let detail = Some(note(details, Detail { title: title.clone(), facts, log, ..Detail::default() }));
        let bars = vec![Bar { from: at.saturating_sub(call.took_ms), to: at, class, label }];
        Lane { title, detail, bars, marks: Vec::new() }
    };
    vec![Group { title: "helm".to_owned(), lanes: calls.map(lane).collect() }]
}

/// Jobs, the chart's hooks first of all.
pub(super) fn jobs(scene: &Scene, details: &mut Vec<Detail>) -> Vec<Group> {
    let lane = |job: &Track| {
        let (first, ended) = (job.first(), job.ended());
        let (class, how) = match ended {
            None => ("starting", "running at the end"),
            Some(end) if end.object.has_condition("Complete") => ("done", "completed"),
            Some(end) if end.object.has_condition("Failed") => ("broken", "failed"),
            Some(_) => ("broken", "was removed while it ran"),
        };
        let bars =
            vec![Bar { from: first.at, to: ended.map_or(scene.length, |end| end.at), class, label: how.to_owned() }];
        let title = title_of_job(scene, job.last());
        let facts = vec![("revision".to_owned(), scene.revision_at(first.at)), ("ended".to_owned(), how.to_owned())];
        let states = vec![("last seen".to_owned(), scene.shown(job.last().raw()))];
        let states = if scene.depth.has_objects || scene.is_cited(job.name()) { states } else { Vec::new() };
        let detail = Some(note(details, Detail { title: title.clone(), facts, states, ..Detail::default() }));
        Lane { title, detail, bars, marks: Vec::new() }
    };
    let jobs = scene.tracks.iter().filter(|track| track.last().kind() == "Job");
    vec![Group { title: "hooks and other jobs".to_owned(), lanes: jobs.map(lane).collect() }]
}

/// What a Job is called on the page, by its uid.
pub(super) fn job_title(scene: &Scene, uid: &str) -> Option<String> {
    let job = scene.tracks.iter().find(|track| track.last().kind() == "Job" && track.uid() == uid)?;
    Some(title_of_job(scene, job.last()))
}

fn title_of_job(scene: &Scene, job: &Object) -> String {
    let hook = scene.recording.plan.hooks.iter().find(|(_, hook)| job.is_selected(&hook.select));
    let is_annotated = job.annotations().contains_key("helm.sh/hook");
    match hook {
        Some((hook, _)) => format!("hook {hook}: Job {}", job.name()),
        None if is_annotated => format!("hook: Job {}", job.name()),
        None => format!("Job {}", job.name()),
    }
}

/// How many pods stand behind each Service.
pub(super) fn endpoints(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let mut services: BTreeMap<&str, Vec<Slice>> = BTreeMap::new();
    for slice in scene.tracks.iter().filter(|track| track.last().kind() == "EndpointSlice") {
        let service = slice.last().slice_of().unwrap_or_default();
        for sighting in &slice.sightings {
            let is_ready = |it: &&Endpoint| it.conditions.as_ref().and_then(|it| it.ready) == Some(true);
            let ready = sighting.object.endpoints().iter().filter(is_ready).count();
            let ready = if sighting.change == Change::Deleted { 0 } else { ready };
            services.entry(service).or_default().push(Slice { at: sighting.at, uid: slice.uid(), ready });
        }
    }
    let lane = |(service, slices): (&str, Vec<Slice>)| Lane {
        title: format!("Service {service}"),
        bars: ready_pods(slices, scene.length),
        ..Lane::default()
    };
    vec![Group { title: "endpoints".to_owned(), lanes: services.into_iter().map(lane).collect() }]
}

/// An `EndpointSlice` at a moment.
struct Slice<'a> {
    at: u64,
    uid: &'a str,
    ready: usize,
}

/// A bar for as long as the number of ready pods in all slices of a Service is the same.
fn ready_pods(mut slices: Vec<Slice>, length: u64) -> Vec<Bar> {
    slices.sort_by_key(|slice| slice.at);
    let mut now: BTreeMap<&str, usize> = BTreeMap::new();
    let mut bars: Vec<Bar> = Vec::new();
    for slice in slices {
        now.insert(slice.uid, slice.ready);
        let count: usize = now.values().sum();
        let label = format!("{count} ready");
        if bars.last().is_some_and(|last| last.label == label) {
            continue;
        }
        if let Some(last) = bars.last_mut() {
            last.to = slice.at;
        }
        let class = if count == 0 { "empty" } else { "serving" };
        bars.push(Bar { from: slice.at, to: length, class, label });
    }
    bars
}

/// Changes of the databases' schemas.
pub(super) fn database(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let mut databases: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    for entry in &scene.recording.entries {
        if let Moment::Ddl { database, tag, object, .. } = &entry.moment {
            let mark = Mark { at: entry.at, class: "schema", label: format!("{tag} {object}") };
            databases.entry(database).or_default().push(mark);
        }
    }
    vec![Group { title: "schema changes".to_owned(), lanes: of_marks(scene, databases) }]
}

/// The users' requests and sessions, by role: slices that were served well, and each failure by its class.
pub(super) fn traffic(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let mut slices = BTreeMap::new();
    let mut failed: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    for entry in &scene.recording.entries {
        match &entry.moment {
            Moment::Served(slice) => {
                // One slice may be told of more than once, and late.
                let sum: &mut (u32, u64) = slices.entry((slice.role.as_str(), slice.from, slice.to)).or_default();
                *sum = (sum.0 + slice.count, sum.1.max(slice.slowest_ms));
            }
            Moment::Failed(request) => {
                let why = serde_json::to_string(&request.failure).unwrap_or_default();
                let why: String = why.trim_matches(['{', '}']).replace('"', "").chars().take(LABEL).collect();
                let class = why.split(':').next().unwrap_or_default().to_owned();
                let label = format!("{why}, after {} ms", request.took_ms);
                let mark = Mark { at: request.sent, class: "lost", label };
                failed.entry(format!("{} requests: {class}", request.role)).or_default().push(mark);
            }
            Moment::SessionKept { role, session, when, event } => {
                let what: String = serde_json::to_string(event).unwrap_or_default().chars().take(LABEL).collect();
                let mark = Mark { at: *when, class: "answered", label: format!("session {session}: {what}") };
                failed.entry(format!("{role} sessions")).or_default().push(mark);
            }
            _ => {}
        }
    }
    let lane = |(role, bars): (&str, Vec<Bar>)| Lane { title: format!("{role} served"), bars, ..Lane::default() };
    let mut lanes: Vec<_> = served_bars(slices, scene.length / SLICES).into_iter().map(lane).collect();
    lanes.extend(of_marks(scene, failed.iter().map(|(title, marks)| (title.as_str(), marks.clone())).collect()));
    vec![Group { title: "requests and sessions of users".to_owned(), lanes }]
}

/// Slices in a row as one bar each, up to the length that can be told apart on the page.
fn served_bars(slices: BTreeMap<(&str, u64, u64), (u32, u64)>, length: u64) -> BTreeMap<&str, Vec<Bar>> {
    let mut served: BTreeMap<&str, Vec<(Bar, u32, u64)>> = BTreeMap::new();
    for ((role, from, to), (count, slowest)) in slices.into_iter().filter(|(_, (count, _))| *count > 0) {
        let bars = served.entry(role).or_default();
        match bars.last_mut() {
            Some((last, sum, worst)) if from <= last.to + 1 && last.to - last.from < length => {
                (last.to, *sum, *worst) = (last.to.max(to), *sum + count, slowest.max(*worst));
            }
            _ => bars.push((Bar { from, to: to.max(from), class: "serving", label: String::new() }, count, slowest)),
        }
    }
    let label =
        |(bar, count, slowest)| Bar { label: format!("{count} requests, the slowest took {slowest} ms"), ..bar };
    served.into_iter().map(|(role, bars)| (role, bars.into_iter().map(label).collect())).collect()
}

/// The faults that took effect, and the nodes that were drained.
pub(super) fn faults(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let mark = |(at, moment): (u64, &Moment)| match moment {
        Moment::Fault { what, .. } => Some(Mark { at, class: "lost", label: what.clone() }),
        Moment::Drained { node, evicted, stayed, .. } => {
            let label = format!("node {node} drained: {} pods left, {} stayed", evicted.len(), stayed.len());
            Some(Mark { at, class: "lost", label })
        }
        _ => None,
    };
    let marks: Vec<_> = scene.recording.entries.iter().filter_map(|entry| mark((entry.at, &entry.moment))).collect();
    let lanes = if marks.is_empty() { BTreeMap::new() } else { BTreeMap::from([("took effect", marks)]) };
    vec![Group { title: "faults".to_owned(), lanes: of_marks(scene, lanes) }]
}

/// What was applied beside the release, and what came of it.
pub(super) fn applied(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let mut lanes = BTreeMap::<&str, Vec<Mark>>::new();
    for entry in &scene.recording.entries {
        match &entry.moment {
            Moment::Applied { objects, .. } => {
                let titles = objects.iter().map(|hash| scene.recording.object(hash).slashed()).collect::<Vec<_>>();
                let mark = Mark { at: entry.at, class: "answered", label: titles.join(", ") };
                lanes.entry("applied").or_default().push(mark);
            }
            Moment::Came { what, .. } => {
                let mark = Mark { at: entry.at, class: "answered", label: what.clone() };
                lanes.entry("came of it").or_default().push(mark);
            }
            _ => {}
        }
    }
    vec![Group { title: "beside the release".to_owned(), lanes: of_marks(scene, lanes) }]
}

/// What the prober was answered, and what nobody saw.
pub(super) fn answers(scene: &Scene, _: &mut Vec<Detail>) -> Vec<Group> {
    let (mut roles, mut gaps) = (BTreeMap::<&str, Vec<Mark>>::new(), BTreeMap::<&str, Vec<Mark>>::new());
    for entry in &scene.recording.entries {
        match &entry.moment {
            Moment::Probe(probe) => {
                let who = probe.pod.as_ref().map_or("the Service".to_owned(), |pod| format!("pod {pod}"));
                let class = if is_answered(&probe.answer) { "answered" } else { "silent" };
                let asked = probe.path.as_deref().unwrap_or("a connection");
                let label = format!("{who}, {asked}: {}", told(&probe.answer));
                roles.entry(&probe.role).or_default().push(Mark { at: entry.at, class, label });
            }
            Moment::Session { role, opened_through, reached_through, reached, .. } => {
                let class = if is_answered(reached) { "answered" } else { "silent" };
                let label = format!("session through {opened_through}, then {reached_through}: {}", told(reached));
                roles.entry(role).or_default().push(Mark { at: entry.at, class, label });
            }
            Moment::Reach(reach) => {
                let class = if is_answered(&reach.answer) { "answered" } else { "silent" };
                let label = format!("pod {}, port {}: {}", reach.pod, reach.port, told(&reach.answer));
                roles.entry(&reach.role).or_default().push(Mark { at: entry.at, class, label });
            }
            Moment::Gap { of, why } => {
                let mark = Mark { at: entry.at, class: "unproven", label: format!("{of}: {why}") };
                gaps.entry("not seen").or_default().push(mark);
            }
            _ => {}
        }
    }
    vec![
        Group { title: "answers to the prober".to_owned(), lanes: of_marks(scene, roles) },
        Group { title: "gaps".to_owned(), lanes: of_marks(scene, gaps) },
    ]
}

fn is_answered(answer: &Answer) -> bool {
    matches!(answer, Answer::Connected | Answer::Replied(_) | Answer::Http { .. })
}

fn told(answer: &Answer) -> String {
    match answer {
        Answer::Connected => "connected".to_owned(),
        Answer::Refused => "refused".to_owned(),
        Answer::TimedOut => "no answer in time".to_owned(),
        Answer::Failed(why) => why.chars().take(LABEL).collect(),
        Answer::Replied(reply) => format!("replied {}", reply.chars().take(LABEL).collect::<String>()),
        Answer::Closed { code, reason } => format!("closed with {code} {reason}"),
        Answer::Http { status, .. } => format!("status {status}"),
    }
}

fn of_marks(scene: &Scene, lanes: BTreeMap<&str, Vec<Mark>>) -> Vec<Lane> {
    let lane = |(title, marks): (&str, Vec<Mark>)| Lane {
        title: title.to_owned(),
        marks: merged(marks, scene.length),
        ..Lane::default()
    };
    lanes.into_iter().map(lane).collect()
}

/// The release's objects, and in which revisions they changed.
pub(super) fn objects(scene: &Scene, details: &mut Vec<Detail>) -> Vec<Group> {
    let mut objects: BTreeMap<(&str, &str), Vec<(&Release, &str)>> = BTreeMap::new();
    for entry in &scene.recording.entries {
        let Moment::Release(release) = &entry.moment else { continue };
        for hash in release.objects.iter().chain(release.hooks.iter().map(|hook| &hook.object)) {
            let object = scene.recording.object(hash);
            objects.entry((object.kind(), object.name())).or_default().push((release, hash));
        }
    }
    let lane = |((kind, name), revisions): ((&str, &str), Vec<(&Release, &str)>)| {
        let title = format!("{kind} {name}");
        let (mut bars, mut states, mut before) = (Vec::new(), Vec::new(), None);
        for (release, hash) in revisions {
            let is_same = before.replace(hash) == Some(hash);
            let (class, word) = match (states.is_empty(), is_same) {
                (true, _) => ("new", "new in"),
                (false, true) => ("same", "unchanged in"),
                (false, false) => ("changed", "changed in"),
            };
            let label = format!("{word} revision {} ({})", release.revision, release.status);
            let step = scene.report.steps.iter().find(|step| step.number == release.step + 1);
            let next = scene.report.steps.iter().find(|step| step.number == release.step + 2);
            let from = step.map_or(0, |step| step.started_ms);
            bars.push(Bar { from, to: next.map_or(scene.length, |step| step.started_ms), class, label });
            states.push((format!("revision {}", release.revision), scene.shown(scene.recording.object(hash).raw())));
        }
        let states = if scene.depth.has_objects || scene.is_cited(name) { states } else { Vec::new() };
        let detail = Some(note(details, Detail { title: title.clone(), states, ..Detail::default() }));
        Lane { title, detail, bars, marks: Vec::new() }
    };
    let lanes = objects.into_iter().filter(|((kind, _), _)| !kind.is_empty()).map(lane).collect();
    vec![Group { title: "objects of the release".to_owned(), lanes }]
}
