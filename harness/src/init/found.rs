//! What a chart's rendered objects say of what it promises.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::image::{self, Image};
use super::label::{fits, selector, selects, shared, telling};
use super::render::Render;
use super::role::{self, Role};
use super::secret::{self, Secret};
use chartgate_k8s::object::{is_hook, items, kind, name, slashed, template, text};

/// Kinds whose pods go on until they are stopped.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
/// The label that tells the parts of an application apart.
const COMPONENT: &str = "app.kubernetes.io/component";
/// Groups of kinds that each cluster has, besides those that end with this.
const BUILT_IN: [&str; 5] = ["apps", "autoscaling", "batch", "policy", ""];
const BUILT_IN_ENDING: &str = ".k8s.io";
/// Groups that end so and whose definitions must be installed.
const ADD_ONS: [&str; 3] = ["gateway.networking.k8s.io", "snapshot.storage.k8s.io", "metrics.k8s.io"];

/// What was found, with each set of values.
pub struct Found {
    /// The chart's name.
    pub chart: String,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Hooks by name.
    pub hooks: BTreeMap<String, Hook>,
    /// Names of hook Jobs whose labels do not tell them from others.
    pub nameless: BTreeSet<String>,
    /// Names of Jobs that are hooks with some values and plain with others.
    pub sometimes: BTreeSet<String>,
    /// Kinds and names of hooks that run pods and are no Jobs: a contract says nothing of them.
    pub other_hooks: BTreeSet<String>,
    /// Images by name.
    pub images: BTreeMap<String, Image>,
    /// Secrets that the chart needs and does not make, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Names of Secrets that something of the chart may make as it runs: a hook, or an operator for a custom resource.
    pub made_later: BTreeSet<String>,
    /// Kinds whose definitions the chart does not bring.
    pub foreign: BTreeSet<String>,
    /// Roles and hooks that appear with each set of values.
    present: Vec<BTreeSet<String>>,
    /// Which sets of values bring tests (`helm test`).
    tested: Vec<bool>,
    /// Workloads whose labels do not tell their pods from others.
    pub unlabelled: BTreeSet<String>,
    /// With each set of values, the release's name and the pods that run there.
    running: Vec<(String, Vec<Pods>)>,
}

/// The pods of a workload.
struct Pods {
    /// The role that they are; `None`: a plain Job's, or a `CronJob`'s.
    role: Option<String>,
    labels: Value,
}

/// A Job that helm runs as a hook.
pub struct Hook {
    /// Name of its Job.
    pub job: String,
    /// Label selector of its Job.
    pub select: String,
    /// Its events.
    pub events: Vec<String>,
}

impl Found {
    /// Looks at everything that was rendered.
    pub fn of(renders: &[Render], values: &Value) -> Self {
        let mut found = Self {
            chart: renders.first().map(|render| render.chart.clone()).unwrap_or_default(),
            roles: BTreeMap::new(),
            hooks: BTreeMap::new(),
            nameless: BTreeSet::new(),
            sometimes: BTreeSet::new(),
            other_hooks: BTreeSet::new(),
            images: BTreeMap::new(),
            secrets: BTreeMap::new(),
            made_later: BTreeSet::new(),
            foreign: BTreeSet::new(),
            present: Vec::new(),
            tested: Vec::new(),
            unlabelled: BTreeSet::new(),
            running: Vec::new(),
        };
        let mut names = BTreeMap::new();
        for render in renders {
            found.add(render, &mut names);
        }
        found.tell_roles_apart();
        found.drop_sometimes(renders);
        found.images = image::find(values, renders, &found, &names);
        found
    }

    /// Roles and hooks that do not appear with a set of values.
    pub fn without(&self, render: usize) -> Vec<&str> {
        let is_absent = |name: &&String| self.present.get(render).is_some_and(|present| !present.contains(*name));
        self.roles.keys().chain(self.hooks.keys()).filter(is_absent).map(String::as_str).collect()
    }

    /// Takes the labels of the pods where those that the workload selects fit others too; a role that cannot be told apart is none.
    fn tell_roles_apart(&mut self) {
        for name in self.roles.keys().cloned().collect::<Vec<_>>() {
            let Some(role) = self.roles.get(&name) else { continue };
            if self.is_told_by(&name, &role.select) {
                continue;
            }
            let of_pods = self.running.iter().flat_map(|(release, all)| {
                let own = all.iter().filter(|pods| pods.role.as_ref() == Some(&name));
                own.map(|pods| selector(&pods.labels, release))
            });
            let of_pods = of_pods.reduce(|one, other| shared(&one, &other)).unwrap_or_default();
            if self.is_told_by(&name, &of_pods) {
                self.roles.entry(name).and_modify(|role| role.select = of_pods);
            } else {
                self.roles.remove(&name);
                self.unlabelled.insert(name);
            }
        }
    }

    /// Whether a selector fits the pods of a role with each set of values, and no others.
    fn is_told_by(&self, name: &String, select: &str) -> bool {
        let all = self.running.iter().flat_map(|(release, all)| all.iter().map(move |pods| (release, pods)));
        all.into_iter().all(|(release, pods)| fits(select, &pods.labels, release) == (pods.role.as_ref() == Some(name)))
    }

    /// A Job that is another hook with other values, or none, is neither promised nor absent.
    fn drop_sometimes(&mut self, renders: &[Render]) {
        let jobs = renders.iter().flat_map(|render| &render.objects).filter(|object| kind(object) == "Job");
        let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for job in jobs {
            if *known.entry(name(job)).or_insert_with(|| events(job)) != events(job) {
                self.sometimes.insert(name(job).to_owned());
            }
        }
        self.hooks.retain(|_, hook| !self.sometimes.contains(&hook.job));
    }

    /// Whether a set of values brings tests.
    pub fn has_tests(&self, render: usize) -> bool {
        self.tested.get(render).copied().unwrap_or_default()
    }

    fn add(&mut self, render: &Render, names: &mut Names) {
        let objects = &render.objects;
        let mut present = BTreeSet::new();
        let goes_on = |object: &&Value| WORKLOADS.contains(&kind(object)) && object["spec"]["replicas"] != 0;
        let (hooked, workloads): (Vec<&Value>, Vec<&Value>) =
            objects.iter().filter(goes_on).partition(|object| is_hook(object));
        let pods = objects.iter().filter(|object| kind(object) == "Pod" && !events(object).is_empty());
        self.other_hooks.extend(hooked.into_iter().chain(pods).map(slashed));
        let mut running = Vec::new();
        for workload in workloads {
            let role = role::of(workload, objects, &render.release);
            let name = self.role_name(workload, &role, &render.release, names);
            let labels = workload["spec"]["template"]["metadata"]["labels"].clone();
            running.push(Pods { role: Some(name.clone()), labels });
            present.insert(name.clone());
            // What is not the same with all values tells nothing.
            self.roles
                .entry(name)
                .and_modify(|known| known.select = shared(&known.select, &role.select))
                .or_insert(role);
        }
        let plain = objects.iter().filter(|object| ["Job", "CronJob"].contains(&kind(object)) && !is_hook(object));
        let plain =
            plain.filter_map(template).map(|pod| Pods { role: None, labels: pod["metadata"]["labels"].clone() });
        running.extend(plain);
        self.running.push((render.release.clone(), running));
        let jobs: Vec<&Value> = objects.iter().filter(|object| kind(object) == "Job").collect();
        for job in jobs.iter().filter(|job| !events(job).is_empty()) {
            let labels = &job["metadata"]["labels"];
            let is_like = |other: &&&Value| selects(labels, &other["metadata"]["labels"]);
            if telling(labels).next().is_none() || jobs.iter().filter(is_like).count() > 1 {
                self.nameless.insert(name(job).to_owned());
                continue;
            }
            let (full, select) = (name(job).to_owned(), selector(labels, &render.release));
            let name = self.name_of(job, &render.release, names);
            present.insert(name.clone());
            self.hooks.entry(name).or_insert_with(|| Hook { job: full, select, events: events(job) });
        }
        let is_test = |object: &Value| written_events(object).any(|event| event == "test");
        self.tested.push(objects.iter().any(is_test));
        self.present.push(present);
        secret::collect(objects, &mut self.secrets);
        self.made_later.extend(secret::made_later(objects, &self.secrets));
        self.secrets.retain(|name, _| !self.made_later.contains(name));
        self.foreign.extend(foreign(objects));
    }

    /// The name of a role. Another workload that has the labels of one, with other values or beside it, is the same.
    fn role_name(&self, workload: &Value, role: &Role, release: &str, names: &mut Names) -> String {
        let known = self.roles.iter().find(|(_, known)| !role.select.is_empty() && known.select == role.select);
        let Some((known, _)) = known else { return self.name_of(workload, release, names) };
        names.insert((kind(workload).to_owned(), name(workload).to_owned()), known.clone());
        known.clone()
    }

    /// A short name: the object's without the release's, else its component, else the chart's where it is called as the release.
    fn name_of(&self, object: &Value, release: &str, names: &mut Names) -> String {
        let key = (kind(object).to_owned(), name(object).to_owned());
        if let Some(known) = names.get(&key) {
            return known.clone();
        }
        let full = name(object);
        let short = full.strip_prefix(release).map(|rest| rest.trim_start_matches('-')).filter(|rest| !rest.is_empty());
        let component = object["metadata"]["labels"][COMPONENT].as_str();
        let with_kind = format!("{full}-{}", kind(object).to_lowercase());
        let chart = Some(self.chart.as_str()).filter(|_| full == release);
        let candidates = [short, component, chart, Some(full), Some(with_kind.as_str())];
        let is_free = |name: &&str| !self.roles.contains_key(*name) && !self.hooks.contains_key(*name);
        let chosen = candidates.into_iter().flatten().find(is_free).unwrap_or(full).to_owned();
        names.insert(key, chosen.clone());
        chosen
    }
}

/// The name of each role and hook, by kind and name of its object.
pub type Names = BTreeMap<(String, String), String>;

fn written_events(object: &Value) -> impl Iterator<Item = &str> {
    let written = text(&object["metadata"]["annotations"]["helm.sh/hook"]).split(',').map(str::trim);
    written.filter(|event| !event.is_empty())
}

/// The events of a hook that a scenario can name; none of a test.
fn events(object: &Value) -> Vec<String> {
    let is_known = |event: &&str| ["pre-", "post-"].iter().any(|part| event.starts_with(part));
    written_events(object).filter(is_known).map(str::to_owned).collect()
}

/// Kinds that neither Kubernetes nor the chart defines.
fn foreign(objects: &[Value]) -> BTreeSet<String> {
    let definitions: Vec<&Value> = objects.iter().filter(|object| kind(object) == "CustomResourceDefinition").collect();
    let defined = |group: &str| definitions.iter().any(|definition| definition["spec"]["group"] == group);
    let groups = objects.iter().map(|object| {
        let group = text(&object["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
        (group, kind(object))
    });
    let is_built_in =
        |group: &str| !ADD_ONS.contains(&group) && (BUILT_IN.contains(&group) || group.ends_with(BUILT_IN_ENDING));
    let unknown = groups.filter(|(group, _)| !is_built_in(group) && !defined(group));
    unknown.map(|(group, kind)| format!("{kind} of {group}")).collect()
}

/// The container images of a pod's containers, the first one's first, without those that only prepare it.
pub fn images(workload: &Value) -> impl Iterator<Item = &str> {
    items(&workload["spec"]["template"]["spec"]["containers"]).map(|container| text(&container["image"]))
}
