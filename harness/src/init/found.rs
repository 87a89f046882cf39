//! What a chart's rendered objects say of what it promises.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_k8s::typed::Object;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::image::{self, Image};
use super::label::{Labels, fits, selector, selects, shared, telling};
use super::render::Render;
use super::role::{self, Role};
use super::secret::{self, Secret};

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
    labels: Labels,
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
        let jobs = renders.iter().flat_map(|render| &render.objects).filter(|object| object.kind() == "Job");
        let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for job in jobs {
            if *known.entry(job.name()).or_insert_with(|| events(job)) != events(job) {
                self.sometimes.insert(job.name().to_owned());
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
        let goes_on = |object: &&Object| WORKLOADS.contains(&object.kind()) && object.common().spec.replicas != Some(0);
        let (hooked, workloads): (Vec<&Object>, Vec<&Object>) =
            objects.iter().filter(goes_on).partition(|object| object.is_hook());
        let pods = objects.iter().filter(|object| object.kind() == "Pod" && !events(object).is_empty());
        self.other_hooks.extend(hooked.into_iter().chain(pods).map(Object::slashed));
        let mut running = Vec::new();
        for workload in workloads {
            let role = role::of(workload, objects, &render.release);
            let name = self.role_name(workload, &role, &render.release, names);
            let labels = workload.template().map(|pod| pod.labels().clone()).unwrap_or_default();
            running.push(Pods { role: Some(name.clone()), labels });
            present.insert(name.clone());
            // What is not the same with all values tells nothing.
            self.roles
                .entry(name)
                .and_modify(|known| known.select = shared(&known.select, &role.select))
                .or_insert(role);
        }
        let plain = objects.iter().filter(|object| ["Job", "CronJob"].contains(&object.kind()) && !object.is_hook());
        let plain = plain.filter_map(Object::template);
        running.extend(plain.map(|pod| Pods { role: None, labels: pod.labels().clone() }));
        self.running.push((render.release.clone(), running));
        let jobs: Vec<&Object> = objects.iter().filter(|object| object.kind() == "Job").collect();
        for job in jobs.iter().filter(|job| !events(job).is_empty()) {
            let labels = job.labels();
            let is_like = |other: &&&Object| selects(labels, other.labels());
            if telling(labels).next().is_none() || jobs.iter().filter(is_like).count() > 1 {
                self.nameless.insert(job.name().to_owned());
                continue;
            }
            let (full, select) = (job.name().to_owned(), selector(labels, &render.release));
            let name = self.name_of(job, &render.release, names);
            present.insert(name.clone());
            self.hooks.entry(name).or_insert_with(|| Hook { job: full, select, events: events(job) });
        }
        let is_test = |object: &Object| object.hook_events().contains(&"test");
        self.tested.push(objects.iter().any(is_test));
        self.present.push(present);
        secret::collect(objects, &mut self.secrets);
        self.made_later.extend(secret::made_later(objects, &self.secrets));
        self.secrets.retain(|name, _| !self.made_later.contains(name));
        self.foreign.extend(foreign(objects));
    }

    /// The name of a role. Another workload that has the labels of one, with other values or beside it, is the same.
    fn role_name(&self, workload: &Object, role: &Role, release: &str, names: &mut Names) -> String {
        let known = self.roles.iter().find(|(_, known)| !role.select.is_empty() && known.select == role.select);
        let Some((known, _)) = known else { return self.name_of(workload, release, names) };
        names.insert((workload.kind().to_owned(), workload.name().to_owned()), known.clone());
        known.clone()
    }

    /// A short name: the object's without the release's, else its component, else the chart's where it is called as the release.
    fn name_of(&self, object: &Object, release: &str, names: &mut Names) -> String {
        let key = (object.kind().to_owned(), object.name().to_owned());
        if let Some(known) = names.get(&key) {
            return known.clone();
        }
        let full = object.name();
        let short = full.strip_prefix(release).map(|rest| rest.trim_start_matches('-')).filter(|rest| !rest.is_empty());
        let component = object.labels().get(COMPONENT).map(String::as_str);
        let with_kind = format!("{full}-{}", object.kind().to_lowercase());
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

/// The events of a hook that a scenario can name; none of a test.
fn events(object: &Object) -> Vec<String> {
    let is_known = |event: &&str| ["pre-", "post-"].iter().any(|part| event.starts_with(part));
    object.hook_events().into_iter().filter(is_known).map(str::to_owned).collect()
}

/// Kinds that neither Kubernetes nor the chart defines.
fn foreign(objects: &[Object]) -> BTreeSet<String> {
    let definitions: Vec<&CustomResourceDefinition> = objects.iter().filter_map(Object::typed).collect();
    let defined = |group: &str| definitions.iter().any(|definition| definition.spec.group == group);
    let groups = objects.iter().map(|object| (object.group(), object.kind()));
    let is_built_in =
        |group: &str| !ADD_ONS.contains(&group) && (BUILT_IN.contains(&group) || group.ends_with(BUILT_IN_ENDING));
    let unknown = groups.filter(|(group, _)| !is_built_in(group) && !defined(group));
    unknown.map(|(group, kind)| format!("{kind} of {group}")).collect()
}
