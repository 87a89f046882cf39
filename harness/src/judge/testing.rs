//! Recordings in memory for the checks' tests: a good run of a chart like codex-pooler (install v1, upgrade to v2, roll
//! back), and single changes to it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Check, Finding, Verdict};
use crate::plan::{Action, Backing, Chart, HealthPath, Hook, Image, Neighbour, Plan, Role, Serves, Step};
use crate::record::recording::hash_of;
use crate::record::{Answer, Change, Entry, HelmCall, HookRun, Moment, Probe, Recording, Release, StepOutcome};

const UNIX_MS: u64 = 1_700_000_000_000;
const ROLES: [&str; 3] = ["app", "worker", "scheduler"];

/// A recording that tests change before they judge it.
#[derive(Clone)]
pub(super) struct Story(pub(super) Recording);

/// Judges a story by one check: the verdict, and what the message must say.
#[track_caller]
pub(super) fn check(check: &Check, story: &Story, expected: Verdict, says: &str) -> Finding {
    let finding = (check.judge)(&story.0);
    let shown = format!("{}: {}\n{:#?}", check.name, finding.message, finding.evidence);
    assert_eq!(finding.verdict, expected, "{shown}");
    assert!(finding.message.contains(says), "`{says}` is not in the message of {shown}");
    finding
}

/// Picks objects by kind and the beginning of their name.
pub(super) fn named(kind: &str, name: &str) -> impl Fn(&Value) -> bool {
    move |object| object["kind"] == kind && object["metadata"]["name"].as_str().is_some_and(|own| own.starts_with(name))
}

/// Picks the beginning of a step.
pub(super) fn start_of(step: usize) -> impl Fn(&Moment) -> bool {
    move |moment| matches!(moment, Moment::StepStarted { step: other } if *other == step)
}

/// Picks the end of a step.
pub(super) fn end_of(step: usize) -> impl Fn(&Moment) -> bool {
    move |moment| matches!(moment, Moment::StepEnded { step: other, .. } if *other == step)
}

/// A gap in what was seen.
pub(super) fn gap(of: &str) -> Moment {
    Moment::Gap { of: of.to_owned(), why: "the watch was re-listed".to_owned() }
}

impl Story {
    /// Everything went well.
    pub(super) fn good() -> Self {
        let mut tape = Tape::new();
        tape.begin();
        tape.step(0, "v1", 1, true);
        tape.step(1, "v2", 2, true);
        tape.step(2, "v1", 3, false);
        tape.push(Moment::Ended);
        Self(tape.recording)
    }

    /// Changes the plan.
    pub(super) fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.0.plan);
        self
    }

    /// Changes every moment.
    pub(super) fn moments(mut self, mut change: impl FnMut(&mut Moment)) -> Self {
        self.0.entries.iter_mut().for_each(|entry| change(&mut entry.moment));
        self
    }

    /// Changes the samples.
    pub(super) fn probes(self, pick: impl Fn(&Probe) -> bool, change: impl Fn(&mut Probe)) -> Self {
        self.moments(|moment| match moment {
            Moment::Probe(probe) if pick(probe) => change(probe),
            _ => {}
        })
    }

    /// Changes objects wherever they stand: seen, rendered or in a release.
    pub(super) fn edit(mut self, pick: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> Self {
        let mut renamed = HashMap::new();
        for (hash, object) in self.0.objects.clone() {
            if pick(&object) {
                let mut object = Value::clone(&object);
                change(&mut object);
                let new = hash_of(&object);
                self.0.objects.insert(new.clone(), Arc::new(object));
                renamed.insert(hash, new);
            }
        }
        assert!(!renamed.is_empty(), "the test changes nothing");
        let rename = |hash: &mut String| *hash = renamed.get(hash).cloned().unwrap_or(hash.clone());
        self.moments(|moment| match moment {
            Moment::Object { hash, .. } => rename(hash),
            Moment::Rendered { objects, .. } => objects.iter_mut().for_each(rename),
            Moment::Release(release) => {
                release.objects.iter_mut().for_each(rename);
                release.hooks.iter_mut().for_each(|hook| rename(&mut hook.object));
            }
            _ => {}
        })
    }

    /// Leaves moments out.
    pub(super) fn without(mut self, pick: impl Fn(&Moment) -> bool) -> Self {
        self.0.entries.retain(|entry| !pick(&entry.moment));
        self.renumbered()
    }

    /// Leaves every sighting of some objects out.
    pub(super) fn unseen(mut self, pick: impl Fn(&Value) -> bool) -> Self {
        let objects = self.0.objects.clone();
        let before = self.0.entries.len();
        self.0.entries.retain(|entry| match &entry.moment {
            Moment::Object { hash, .. } => !objects.get(hash).is_some_and(|object| pick(object)),
            _ => true,
        });
        assert!(self.0.entries.len() < before, "the test hides nothing");
        self.renumbered()
    }

    /// Leaves some objects out of what was rendered and released.
    pub(super) fn unrendered(self, pick: impl Fn(&Value) -> bool) -> Self {
        let all = self.0.objects.clone();
        let keeps = |hash: &String| !all.get(hash).is_some_and(|object| pick(object));
        self.moments(|moment| match moment {
            Moment::Rendered { objects, .. } => objects.retain(keeps),
            Moment::Release(release) => {
                release.objects.retain(keeps);
                release.hooks.retain(|hook| keeps(&hook.object));
            }
            _ => {}
        })
    }

    /// Adds a moment before another one.
    pub(super) fn before(mut self, pick: impl Fn(&Moment) -> bool, moment: Moment) -> Self {
        let index = self.0.entries.iter().position(|entry| pick(&entry.moment)).expect("the moment is there");
        let at = self.0.entries[index].at;
        self.0.entries.insert(index, Entry { seq: 0, at, moment });
        self.renumbered()
    }

    /// Adds a sighting of an object before a moment.
    pub(super) fn sighting(mut self, pick: impl Fn(&Moment) -> bool, change: Change, object: &Value) -> Self {
        let hash = hash_of(object);
        self.0.objects.insert(hash.clone(), Arc::new(object.clone()));
        self.before(pick, Moment::Object { change, hash })
    }

    /// Adds objects to what a step rendered and released.
    pub(super) fn rendering(mut self, object: &Value) -> Self {
        let hash = hash_of(object);
        self.0.objects.insert(hash.clone(), Arc::new(object.clone()));
        let hook = super::object::hook_events(object).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let weight = &object["metadata"]["annotations"]["helm.sh/hook-weight"];
        let weight = weight.as_str().map_or(0, |weight| weight.parse().expect("a weight is a number"));
        self.moments(|moment| match moment {
            Moment::Rendered { objects, .. } => objects.push(hash.clone()),
            Moment::Release(release) if hook.is_empty() => release.objects.push(hash.clone()),
            Moment::Release(release) => {
                release.hooks.push(HookRun { object: hash.clone(), events: hook.clone(), weight });
            }
            _ => {}
        })
    }

    /// Objects that no sighting or manifest brought in.
    pub(super) fn knowing(mut self, object: &Value) -> Self {
        self.0.objects.insert(hash_of(object), Arc::new(object.clone()));
        self
    }

    /// A second release stands in the namespace since before the first step, with the same labels.
    pub(super) fn with_neighbour(self) -> Self {
        let mut deployment = deployment("scheduler", "v1");
        deployment["metadata"]["name"] = json!("other-scheduler");
        deployment["metadata"]["uid"] = json!("other-deployment");
        let mut pod = pod("scheduler", 0, "v1");
        pod["metadata"]["name"] = json!("other-scheduler-0");
        pod["metadata"]["uid"] = json!("other-pod");
        pod["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "uid": "other-deployment"}]);
        pod["status"] = running("scheduler", 0, "v1");
        let neighbour = Neighbour { release: "other".to_owned(), values: json!({}) };
        let story = self.plan(|plan| plan.neighbour = Some(neighbour));
        // Its pod is replaced during the steps: what it goes back to was there before.
        let story = story.sighting(start_of(0), Change::Applied, &deployment);
        story.sighting(end_of(0), Change::Applied, &pod)
    }

    /// Cuts the recording off before a moment.
    pub(super) fn cut(mut self, pick: impl Fn(&Moment) -> bool) -> Self {
        let index = self.0.entries.iter().position(|entry| pick(&entry.moment)).expect("the moment is there");
        self.0.entries.truncate(index);
        self
    }

    /// The first step fails, and none follows.
    pub(super) fn failing_install(self, why: &str) -> Self {
        let story = self.cut(start_of(1)).moments(|moment| match moment {
            Moment::StepEnded { outcome, .. } => *outcome = StepOutcome::HelmFailed { why: why.to_owned() },
            Moment::Helm(call) => (call.status, call.stderr) = (Some(1), format!("Error: {why}")),
            Moment::Release(release) => "failed".clone_into(&mut release.status),
            _ => {}
        });
        let mut story = story.without(|moment| matches!(moment, Moment::Probe(_)));
        let at = story.0.entries.last().map_or(0, |entry| entry.at);
        story.0.entries.push(Entry { seq: 0, at, moment: Moment::Ended });
        story.renumbered()
    }

    fn renumbered(mut self) -> Self {
        for (seq, entry) in (0..).zip(&mut self.0.entries) {
            entry.seq = seq;
        }
        self
    }
}

/// The plan of the good run.
pub(super) fn plan() -> Plan {
    let map = |pairs: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    };
    let path = |path: &str| HealthPath {
        path: path.to_owned(),
        status: 200,
        body: Some("ok".to_owned()),
        ..HealthPath::default()
    };
    let role = |name: &str, env, serves| Role {
        select: format!("app.kubernetes.io/component={name}"),
        env,
        serves,
        singleton: name == "scheduler",
    };
    let serves =
        Serves { port: "http".to_owned(), paths: vec![path("/readyz"), path("/healthz")], ..Serves::default() };
    let roles = [
        ("app", role("app", map(&[("OBAN_MODE", Some("web")), ("PHX_SERVER", Some("true"))]), Some(serves))),
        ("worker", role("worker", map(&[("OBAN_MODE", Some("worker")), ("PHX_SERVER", None)]), None)),
        ("scheduler", role("scheduler", map(&[("OBAN_MODE", Some("scheduler")), ("PHX_SERVER", None)]), None)),
    ];
    let migrations = Hook {
        select: "app.kubernetes.io/component=migrations".to_owned(),
        events: vec!["pre-install".to_owned(), "pre-upgrade".to_owned()],
        before: ROLES.map(str::to_owned).to_vec(),
        migrates: Some("postgres".to_owned()),
    };
    let image = Image {
        repository_path: "image.repository".to_owned(),
        tag_path: Some("image.tag".to_owned()),
        repository: Some("reg.example/codex-pooler".to_owned()),
        versions: [("v1", "v1"), ("v2", "v2")].map(|(name, tag)| (name.to_owned(), tag.to_owned())).into(),
        ..Image::default()
    };
    let actions = [Action::Install, Action::Upgrade, Action::Rollback { to: None }];
    Plan {
        neighbour: None,
        name: "codex-pooler/single-replica".to_owned(),
        description: "a test".to_owned(),
        chart: Chart {
            path: PathBuf::from("charts/codex-pooler"),
            name: "codex-pooler".to_owned(),
            ..Chart::default()
        },
        release: "cg".to_owned(),
        values: json!({}),
        values_files: Vec::new(),
        set: Vec::new(),
        backing: [("postgres".to_owned(), Backing::Postgres)].into(),
        secrets: BTreeMap::new(),
        roles: roles.map(|(name, role)| (name.to_owned(), role)).into(),
        hooks: [("migrations".to_owned(), migrations)].into(),
        images: [("app".to_owned(), image)].into(),
        absent: Vec::new(),
        strict: false,
        binding: Vec::new(),
        waivers: Vec::new(),
        steps: actions.map(|action| Step { timeout_seconds: 60, ..Step::new(action) }).into(),
        ..Plan::default()
    }
}

/// Writes a recording as a run would.
struct Tape {
    recording: Recording,
    version: u64,
}

impl Tape {
    fn new() -> Self {
        Self { recording: Recording { plan: plan(), entries: Vec::new(), objects: HashMap::new() }, version: 100 }
    }

    fn at(&self) -> u64 {
        self.recording.entries.len() as u64 * 10
    }

    fn push(&mut self, moment: Moment) {
        let (seq, at) = (self.recording.entries.len() as u64, self.at());
        self.recording.entries.push(Entry { seq, at, moment });
    }

    fn store(&mut self, object: &Value) -> String {
        let hash = hash_of(object);
        self.recording.objects.insert(hash.clone(), Arc::new(object.clone()));
        hash
    }

    /// The object changed in the cluster, and the watch saw it.
    fn see(&mut self, change: Change, object: &Value) {
        self.version += 1;
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let hash = self.store(&object);
        self.push(Moment::Object { change, hash });
    }

    fn begin(&mut self) {
        let versions = [("helm".to_owned(), "4.0.0".to_owned())].into();
        let namespace = "cg-test".to_owned();
        self.push(Moment::Started { format: 1, unix_ms: UNIX_MS, namespace, single_etcd: true, versions });
        self.push(Moment::DdlWitness { database: "postgres".to_owned() });
        self.push(Moment::Watching);
        for (step, tag) in ["v1", "v2"].into_iter().enumerate() {
            let mut objects = manifest(tag);
            objects.push(hook(tag));
            let objects = objects.iter().map(|object| self.store(object)).collect();
            self.push(Moment::Rendered { step, error: None, objects });
        }
        self.see(Change::Applied, &config_map());
    }

    fn step(&mut self, step: usize, tag: &str, revision: u32, migrates: bool) {
        self.push(Moment::StepStarted { step });
        if migrates {
            self.migrate(step, tag);
        }
        for role in ROLES {
            self.roll_out(role, step, tag);
        }
        let call = HelmCall { step, args: Vec::new(), status: Some(0), took_ms: 900, stderr: String::new() };
        self.push(Moment::Helm(call));
        let objects = manifest(tag).iter().map(|object| self.store(object)).collect();
        let events = ["pre-install", "pre-upgrade"].map(str::to_owned).to_vec();
        let hooks = vec![HookRun { object: self.store(&hook(tag)), events, weight: 0 }];
        self.push(Moment::Release(Release { step, revision, status: "deployed".to_owned(), objects, hooks }));
        self.sample(step);
        self.push(Moment::StepEnded { step, outcome: StepOutcome::Succeeded });
    }

    fn migrate(&mut self, step: usize, tag: &str) {
        let mut job = hook(tag);
        job["metadata"]["uid"] = json!(format!("migrations-{step}"));
        if let Some(before) = step.checked_sub(1) {
            let mut old = job.clone();
            old["metadata"]["uid"] = json!(format!("migrations-{before}"));
            old["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
            self.see(Change::Deleted, &old);
        }
        self.see(Change::Applied, &job);
        let mut pod = pod("migrations", step, tag);
        pod["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": job["metadata"]["uid"]}]);
        self.see(Change::Applied, &pod);
        let ddl = Moment::Ddl {
            database: "postgres".to_owned(),
            unix_ms: UNIX_MS + self.at(),
            tag: "CREATE TABLE".to_owned(),
            object: format!("public.{tag}"),
            user: "codex".to_owned(),
        };
        self.push(ddl);
        pod["status"]["phase"] = json!("Succeeded");
        self.see(Change::Applied, &pod);
        job["status"] = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
        self.see(Change::Applied, &job);
    }

    fn roll_out(&mut self, role: &str, step: usize, tag: &str) {
        let generation = step + 1;
        let mut deployment = deployment(role, tag);
        deployment["metadata"]["uid"] = json!(format!("deployment-{role}"));
        deployment["metadata"]["generation"] = json!(generation);
        self.see(Change::Applied, &deployment);
        // The scheduler is recreated: its old pod is gone before the new one starts.
        if role == "scheduler" {
            self.retire(role, step);
        }
        let mut new = pod(role, step, tag);
        self.see(Change::Applied, &new);
        new["status"] = running(role, step, tag);
        self.see(Change::Applied, &new);
        if role == "app" {
            self.see(Change::Applied, &slice(step));
        }
        if role != "scheduler" {
            self.retire(role, step);
        }
        deployment["status"] = json!({
            "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        });
        self.see(Change::Applied, &deployment);
    }

    /// The pod of the step before ends.
    fn retire(&mut self, role: &str, step: usize) {
        let Some(before) = step.checked_sub(1) else { return };
        let tag = if before == 1 { "v2" } else { "v1" };
        let mut old = pod(role, before, tag);
        old["status"] = running(role, before, tag);
        old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        self.see(Change::Applied, &old);
        self.see(Change::Deleted, &old);
    }

    fn sample(&mut self, step: usize) {
        let ok = Answer::Http { status: 200, headers: BTreeMap::new(), body: "ok\n".to_owned() };
        for role in ROLES {
            let (paths, connection) = match role {
                "app" => (vec!["/readyz", "/healthz"], Answer::Connected),
                _ => (Vec::new(), Answer::Refused),
            };
            let probe = |pod: Option<String>, path: Option<&str>, answer: &Answer| Probe {
                step,
                role: role.to_owned(),
                pod,
                address: "10.244.0.7:4000".to_owned(),
                path: path.map(str::to_owned),
                ready_throughout: true,
                answer: answer.clone(),
                control: Some(Answer::Connected),
            };
            let name = Some(format!("cg-{role}-{step}"));
            self.push(Moment::Probe(probe(name.clone(), None, &connection)));
            for path in paths {
                self.push(Moment::Probe(probe(name.clone(), Some(path), &ok)));
                self.push(Moment::Probe(probe(None, Some(path), &ok)));
            }
        }
    }
}

fn labels(role: &str) -> Value {
    json!({"app.kubernetes.io/name": "codex-pooler", "app.kubernetes.io/component": role})
}

fn image(tag: &str) -> String {
    format!("reg.example/codex-pooler:{tag}")
}

/// What a restricted namespace asks of a container.
fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}

fn spec(role: &str, tag: &str) -> Value {
    let mut env = match role {
        "app" => json!([{"name": "OBAN_MODE", "value": "web"}, {"name": "PHX_SERVER", "value": "true"}]),
        "worker" => json!([{"name": "OBAN_MODE", "value": "worker"}]),
        _ => json!([]),
    };
    let url = json!({"secretKeyRef": {"name": "codex-pooler-secrets", "key": "database-url"}});
    env.as_array_mut().expect("a list").push(json!({"name": "DATABASE_URL", "valueFrom": url}));
    let mut container = json!({"name": role, "image": image(tag), "env": env, "securityContext": restricted()});
    if role == "scheduler" {
        container["envFrom"] = json!([{"configMapRef": {"name": "cg-scheduler"}}]);
    }
    if role == "app" {
        container["ports"] = json!([{"name": "http", "containerPort": 4000}]);
        container["readinessProbe"] = json!({"httpGet": {"path": "/readyz", "port": "http"}});
        container["livenessProbe"] = json!({"httpGet": {"path": "/healthz", "port": "http"}});
    }
    let context = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    json!({"containers": [container], "automountServiceAccountToken": false, "securityContext": context})
}

fn running(role: &str, step: usize, tag: &str) -> Value {
    json!({
        "phase": "Running",
        "podIP": format!("10.244.0.{step}"),
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{
            "name": role, "ready": true, "restartCount": 0, "imageID": format!("sha256:{tag}"), "state": {"running": {}},
        }],
    })
}

/// A pod of a role, not yet running. The hook's pods are made of it too.
pub(super) fn pod(role: &str, step: usize, tag: &str) -> Value {
    let mut labels = labels(role);
    labels["pod-template-hash"] = json!(format!("hash-{tag}"));
    let id = json!(format!("sha256:{tag}"));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": format!("cg-{role}-{step}"), "uid": format!("{role}-{step}"), "labels": labels},
        "spec": spec(role, tag),
        "status": {"phase": "Pending", "containerStatuses": [{"name": role, "restartCount": 0, "imageID": id}]},
    })
}

/// The Deployment of a role, as rendered.
pub(super) fn deployment(role: &str, tag: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": format!("cg-{role}"), "labels": labels(role)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels(role)},
            "template": {"metadata": {"labels": labels(role)}, "spec": spec(role, tag)},
        },
    })
}

/// The migration hook's Job, as rendered.
pub(super) fn hook(tag: &str) -> Value {
    let annotations = json!({
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": "0",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    });
    let mut spec = spec("migrations", tag);
    spec["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "cg-migrations", "labels": labels("migrations"), "annotations": annotations},
        "spec": {"template": {"metadata": {"labels": labels("migrations")}, "spec": spec}},
    })
}

fn config_map() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cg-scheduler", "uid": "config-map"},
        "data": {"OBAN_MODE": "scheduler"},
    })
}

fn slice(step: usize) -> Value {
    let target = json!({"kind": "Pod", "name": format!("cg-app-{step}"), "uid": format!("app-{step}")});
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "cg-x1", "uid": "slice", "labels": {"kubernetes.io/service-name": "cg"}},
        "endpoints": [{"conditions": {"ready": true}, "targetRef": target}],
    })
}

/// What the release holds besides its hook.
fn manifest(tag: &str) -> Vec<Value> {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cg"},
        "spec": {"selector": labels("app"), "ports": [{"port": 80, "targetPort": "http"}]},
    });
    let mut config_map = config_map();
    config_map["metadata"] = json!({"name": "cg-scheduler"});
    let deployments = ROLES.iter().map(|role| deployment(role, tag));
    [service, config_map].into_iter().chain(deployments).collect()
}
