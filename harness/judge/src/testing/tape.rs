//! Writes the good run.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use chartgate_model::plan::{Action, Backing, Chart, HealthPath, Hook, Image, Plan, Role, Serves, Step};
use chartgate_model::recording::hash_of;
use chartgate_model::recording::{
    Answer, Change, Compared, Entry, HelmCall, HookRun, Mode, Moment, Probe, Recording, Release, StepOutcome,
};
use serde_json::{Value, json};

use super::chart::{ROLES, config_map, deployment, hook, manifest, pod, running, slice};

const UNIX_MS: u64 = 1_700_000_000_000;

/// The plan of the good run.
fn plan() -> Plan {
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
        ..Role::default()
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
        ..Hook::default()
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
pub(super) struct Tape {
    pub(super) recording: Recording,
    version: u64,
}

impl Tape {
    pub(super) fn new() -> Self {
        Self {
            recording: Recording {
                plan: plan(),
                entries: Vec::new(),
                objects: HashMap::new(),
                sources: HashMap::new(),
            },
            version: 100,
        }
    }

    fn at(&self) -> u64 {
        self.recording.entries.len() as u64 * 10
    }

    pub(super) fn push(&mut self, moment: Moment) {
        let (seq, at) = (self.recording.entries.len() as u64, self.at());
        self.recording.entries.push(Entry { seq, at, moment });
    }

    fn store(&mut self, object: &Value) -> String {
        let hash = hash_of(object);
        self.recording.objects.insert(hash.clone(), object.clone().into());
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

    pub(super) fn begin(&mut self) {
        let versions = [("helm", "4.0.0"), ("kubernetes", "v1.34.4")];
        let versions = versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into();
        let namespace = "cg-test".to_owned();
        self.push(Moment::Started {
            format: 1,
            unix_ms: UNIX_MS,
            namespace,
            single_etcd: true,
            compares: true,
            versions,
            mode: Mode::Run,
        });
        self.push(Moment::SchemaAudited { database: "postgres".to_owned() });
        self.push(Moment::Watching);
        for (step, tag) in ["v1", "v2"].into_iter().enumerate() {
            let mut objects = manifest(tag);
            objects.push(hook(tag));
            let objects = objects.iter().map(|object| self.store(object)).collect();
            self.push(Moment::Rendered { step, error: None, objects, needs: Vec::new(), asks_cluster: false });
        }
        self.see(Change::Applied, &config_map());
    }

    pub(super) fn step(&mut self, step: usize, tag: &str, revision: u32, migrates: bool) {
        self.push(Moment::StepStarted { step });
        if migrates {
            self.migrate(step, tag);
        }
        for role in ROLES {
            self.roll_out(role, step, tag);
        }
        let call = HelmCall {
            step,
            version: String::new(),
            args: Vec::new(),
            status: Some(0),
            took_ms: 900,
            stderr: String::new(),
        };
        self.push(Moment::Helm(call));
        let objects = manifest(tag).iter().map(|object| self.store(object)).collect();
        let events = ["pre-install", "pre-upgrade"].map(str::to_owned).to_vec();
        let hooks = vec![HookRun { object: self.store(&hook(tag)), events, weight: 0 }];
        self.push(Moment::Release(Release {
            step,
            revision,
            status: "deployed".to_owned(),
            objects,
            hooks,
            description: String::new(),
            values: None,
        }));
        self.sample(step);
        self.compare(step, tag);
        self.push(Moment::StepEnded { step, outcome: StepOutcome::Succeeded });
    }

    /// Each object is what its manifest says.
    fn compare(&mut self, step: usize, tag: &str) {
        for object in manifest(tag) {
            let live = self.store(&object);
            let applied = Some(live.clone());
            self.push(Moment::Compared(Compared { step, live, applied, refusal: None, others: Vec::new() }));
        }
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
