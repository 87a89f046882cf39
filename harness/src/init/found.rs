//! What a chart's rendered objects say of what it promises.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::image::{self, Image};
use super::render::Render;
use super::role::{self, Role};
use super::secret::{self, Secret};
use chartgate_k8s::object::{items, kind, name, text};

/// Kinds whose pods go on until they are stopped.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
/// The label that tells the parts of an application apart.
const COMPONENT: &str = "app.kubernetes.io/component";
/// Labels that are the same for all of a chart's objects, or that change with each version.
const COMMON: [&str; 7] = [
    "helm.sh/chart",
    "chart",
    "heritage",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "version",
];
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
    /// Images by name.
    pub images: BTreeMap<String, Image>,
    /// Secrets that the chart needs and does not make, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Kinds whose definitions the chart does not bring.
    pub foreign: BTreeSet<String>,
    /// Roles and hooks that appear with each set of values.
    present: Vec<BTreeSet<String>>,
    /// Which sets of values bring tests (`helm test`).
    tested: Vec<bool>,
}

/// A Job that helm runs as a hook.
pub struct Hook {
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
            images: BTreeMap::new(),
            secrets: BTreeMap::new(),
            foreign: BTreeSet::new(),
            present: Vec::new(),
            tested: Vec::new(),
        };
        let mut names = BTreeMap::new();
        for render in renders {
            found.add(render, &mut names);
        }
        found.images = image::find(values, renders, &found, &names);
        found
    }

    /// Roles and hooks that do not appear with a set of values.
    pub fn without(&self, render: usize) -> Vec<&str> {
        let is_absent = |name: &&String| self.present.get(render).is_some_and(|present| !present.contains(*name));
        self.roles.keys().chain(self.hooks.keys()).filter(is_absent).map(String::as_str).collect()
    }

    /// Whether a set of values brings tests.
    pub fn has_tests(&self, render: usize) -> bool {
        self.tested.get(render).copied().unwrap_or_default()
    }

    fn add(&mut self, render: &Render, names: &mut Names) {
        let objects = &render.objects;
        let mut present = BTreeSet::new();
        for workload in
            objects.iter().filter(|object| WORKLOADS.contains(&kind(object)) && object["spec"]["replicas"] != 0)
        {
            let name = self.name_of(workload, &render.release, names);
            present.insert(name.clone());
            self.roles.entry(name).or_insert_with(|| role::of(workload, objects, &render.release));
        }
        let jobs: Vec<&Value> = objects.iter().filter(|object| kind(object) == "Job").collect();
        for job in jobs.iter().filter(|job| !events(job).is_empty()) {
            let labels = &job["metadata"]["labels"];
            let is_like = |other: &&&Value| selects(labels, &other["metadata"]["labels"]);
            if telling(labels).next().is_none() || jobs.iter().filter(is_like).count() > 1 {
                self.nameless.insert(name(job).to_owned());
                continue;
            }
            let select = selector(labels, &render.release);
            let name = self.name_of(job, &render.release, names);
            present.insert(name.clone());
            self.hooks.entry(name).or_insert_with(|| Hook { select, events: events(job) });
        }
        let is_test = |object: &Value| written_events(object).any(|event| event == "test");
        self.tested.push(objects.iter().any(is_test));
        self.present.push(present);
        secret::collect(objects, &mut self.secrets);
        self.foreign.extend(foreign(objects));
    }

    /// A short name: the object's without the release's, else its component.
    fn name_of(&self, object: &Value, release: &str, names: &mut Names) -> String {
        let key = (kind(object).to_owned(), name(object).to_owned());
        if let Some(known) = names.get(&key) {
            return known.clone();
        }
        let full = name(object);
        let short = full.strip_prefix(release).map(|rest| rest.trim_start_matches('-')).filter(|rest| !rest.is_empty());
        let component = object["metadata"]["labels"][COMPONENT].as_str();
        let with_kind = format!("{full}-{}", kind(object).to_lowercase());
        let candidates = [short, component, Some(full), Some(with_kind.as_str())];
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

/// The labels that say what an object is.
fn telling(labels: &Value) -> impl Iterator<Item = (&str, &str)> {
    let labels =
        labels.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    labels.filter(|(key, value)| !COMMON.contains(key) && !value.is_empty() && !value.contains([',', '=']))
}

/// Whether other labels have all of the telling ones.
fn selects(labels: &Value, others: &Value) -> bool {
    telling(labels).all(|(key, value)| others[key] == value)
}

/// A selector of telling labels, in which the release's name is left open, whole or as the start of a longer one.
pub fn selector(labels: &Value, release: &str) -> String {
    let pairs = telling(labels).map(|(key, value)| match value.strip_prefix(release) {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("{key}={{{{release}}}}{rest}"),
        _ => format!("{key}={value}"),
    });
    pairs.collect::<Vec<_>>().join(",")
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
