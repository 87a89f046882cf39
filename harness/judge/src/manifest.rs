//! What a step renders, read as a release: its objects by kind and name, its workloads, and which names belong to the release.

mod autoscaler;
pub(super) mod custom;
mod maker;
mod own;
mod selector;
mod workload;

use chartgate_model::plan::Action;
use chartgate_model::recording::{Moment, Variant};
use serde_json::Value;

use super::step::StepRun;
use super::variant::Variants;
use super::view::View;
pub(super) use autoscaler::Autoscaler;
pub(super) use chartgate_k8s::typed::rbac::{role_of, rules, subjects};
use chartgate_k8s::typed::{Kind, Object};
pub(super) use chartgate_k8s::typed::{Webhook, webhooks};
use chartgate_yaml::manifest::is_of_crds;
use own::Names;
pub(super) use selector::Selector;
pub(super) use workload::{Rollout, Workload, scaled};

/// Helm's limit for a release's name.
const RELEASE_NAME_LIMIT: usize = 53;

/// Whether an object is of a kind of Kubernetes' own; other groups have a `Service` and an `Ingress`, too.
pub(super) fn is_kind(object: &Object, of_kind: &str) -> bool {
    object.kind() == of_kind && !object.is_custom()
}

/// `deployment/x` of an object that may not exist.
pub(super) fn title_of(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_lowercase())
}

/// Every text in a value, keys left out.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What one step renders.
pub(super) struct Manifest<'a> {
    pub(super) objects: Vec<&'a Object>,
    /// The namespace that the release is installed in.
    pub(super) namespace: &'a str,
    names: Names<'a>,
    /// What an earlier step made and no later one removes.
    standing: Vec<&'a Object>,
    /// The file of the chart that each object came from.
    sources: Vec<(&'a Object, &'a str)>,
}

impl<'a> Manifest<'a> {
    /// What the judged steps render, each different manifest once.
    pub(super) fn all(view: &'a View<'a>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for manifest in view.tested().filter_map(|run| Self::of(view, run)) {
            if !all.iter().any(|known| known.is_same(&manifest)) {
                all.push(manifest);
            }
        }
        all
    }

    /// What a step renders; `None`: it renders nothing, or was refused.
    pub(super) fn of(view: &'a View<'a>, run: &StepRun<'a>) -> Option<Self> {
        let is_rendering = matches!(run.step.action, Action::Install | Action::Upgrade);
        let rendered =
            run.rendered.as_ref().filter(|it| is_rendering && it.error.is_none() && !it.objects.is_empty())?;
        let sources = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
            Moment::Manifest { step, sources, .. } if *step == run.index => Some(sources),
            _ => None,
        });
        let sources = sources.flatten().map(|(hash, source)| (view.recording.object(hash), source.as_str()));
        let before = view.steps.iter().take_while(|earlier| earlier.index < run.index);
        let standing = before.flat_map(StepRun::rendered_objects).filter(|object| outlasts(object)).collect();
        Some(Self { sources: sources.collect(), standing, ..Self::new(view, rendered.objects.clone()) })
    }

    /// Objects as a manifest of the plan's release.
    pub(super) fn new(view: &'a View<'a>, objects: Vec<&'a Object>) -> Self {
        let names = Names::of(view.plan, &Variants::of(view.recording));
        Self { objects, namespace: view.namespace, names, standing: Vec::new(), sources: Vec::new() }
    }

    fn is_same(&self, other: &Self) -> bool {
        let pairs = || self.objects.iter().zip(&other.objects);
        self.objects.len() == other.objects.len() && pairs().all(|(own, others)| std::ptr::eq(*own, *others))
    }

    /// The objects of a kind of Kubernetes' own.
    pub(super) fn of_kind(&self, of_kind: &'static str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().copied().filter(move |object| is_kind(object, of_kind))
    }

    /// The objects of a kind, each with what it is in its type.
    pub(super) fn each<K: Kind>(&self) -> impl Iterator<Item = (&'a Object, &'a K)> {
        self.objects.iter().filter_map(|object| Some((*object, object.typed::<K>()?)))
    }

    /// The namespace that an object is made in.
    pub(super) fn namespace_of(&self, object: &'a Object) -> &'a str {
        object.namespace().unwrap_or(self.namespace)
    }

    /// An object of a kind of Kubernetes' own by namespace and name; the namespace of what has none does not count.
    pub(super) fn find(&self, of_kind: &str, ns: &str, with_name: &str) -> Option<&'a Object> {
        let is_it = |object: &&Object| {
            is_kind(object, of_kind)
                && object.name() == with_name
                && (CLUSTER_SCOPED.contains(&of_kind) || self.namespace_of(object) == ns)
        };
        self.objects.iter().copied().find(|object| is_it(object))
    }

    /// Whether an object of the release's namespace is there although this step does not render it.
    pub(super) fn stays(&self, of_kind: &str, with_name: &str) -> bool {
        self.standing.iter().any(|object| is_kind(object, of_kind) && object.name() == with_name)
    }

    /// Whether a name is the release's own: it changes with the release's name, so nobody else can have made what has it.
    pub(super) fn is_own_name(&self, name: &str) -> bool {
        self.names.is_own(name)
    }

    /// Whether a label is the release's own, in the same sense.
    pub(super) fn is_own_label(&self, key: &str, value: &str) -> bool {
        self.names.is_own_label(key, value)
    }

    /// Everything that has pods.
    pub(super) fn workloads(&self) -> Vec<Workload<'a>> {
        self.objects.iter().filter_map(|object| Workload::of(object, self.namespace_of(object))).collect()
    }

    /// What runs until somebody ends it: neither Jobs nor hooks.
    pub(super) fn lasting_workloads(&self) -> Vec<Workload<'a>> {
        self.workloads().into_iter().filter(Workload::is_lasting).collect()
    }

    /// The autoscaler of a workload, of Kubernetes' own or KEDA's.
    pub(super) fn autoscaler(&self, workload: &Workload) -> Option<Autoscaler<'a>> {
        let all = self.objects.iter().filter(|object| self.namespace_of(object) == workload.namespace);
        all.filter_map(|object| Autoscaler::of(object))
            .find(|scaler| scaler.target_kind == workload.object.kind() && scaler.target_name == workload.object.name())
    }

    /// How many pods of a workload there are at least; `None`: that depends on the nodes.
    pub(super) fn smallest_size(&self, workload: &Workload) -> Option<u64> {
        if workload.object.kind() == "DaemonSet" {
            return None;
        }
        let least = self.autoscaler(workload).map(|scaler| scaler.least);
        Some(least.unwrap_or_else(|| workload.replicas()))
    }

    /// What the chart renders under the longest names that helm allows for a release, each with that name.
    pub(super) fn under_long_names(view: &'a View<'a>) -> Vec<(&'a str, Self)> {
        let variants = Variants::of(view.recording);
        let long = variants.all().filter_map(|(variant, objects)| match variant {
            Variant::Release { name } if name.len() == RELEASE_NAME_LIMIT => {
                Some((name.as_str(), Self::new(view, objects.to_vec())))
            }
            _ => None,
        });
        long.collect()
    }

    /// The file of the chart that an object came from; `None`: helm did not say.
    pub(super) fn source_of(&self, object: &Object) -> Option<&'a str> {
        let is_it = |(known, _): &&(&Object, &str)| std::ptr::eq(*known, object);
        self.sources.iter().find(is_it).map(|(_, source)| *source)
    }

    /// Whether an object came from `crds/`.
    pub(super) fn is_of_crds(&self, object: &Object) -> bool {
        self.source_of(object).is_some_and(is_of_crds)
    }
}

/// Whether an object stays where a later version, or an upgrade, no longer renders it.
fn outlasts(object: &Object) -> bool {
    object.is_kept() || (object.is_hook() && !object.goes_with_success())
}

/// Kinds without a namespace that the checks look up.
const CLUSTER_SCOPED: [&str; 5] =
    ["ClusterRole", "ClusterRoleBinding", "PersistentVolume", "PriorityClass", "StorageClass"];
