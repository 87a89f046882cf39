//! Watches the release's namespace and appends every change of an object to the timeline.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chartgate_k8s::object::{api_version, kind, text};
use chartgate_k8s::typed::{Object, labels_of};
use chartgate_model::recording::WATCH;
use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta, TypeMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::timeline::Timeline;
use super::{Change, Moment, original};

/// What is watched: group, version, kind and plural.
pub const KINDS: [(&str, &str, &str, &str); 18] = [
    ("", "v1", "Pod", "pods"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "Secret", "secrets"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "Event", "events"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "ReplicaSet", "replicasets"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("batch", "v1", "Job", "jobs"),
    ("batch", "v1", "CronJob", "cronjobs"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
];

/// Whether the watches show an object, or what it refers to, where it is in the release's namespace.
pub fn is_watched(object: &Value) -> bool {
    is_watched_kind(api_version(object), kind(object))
}

/// Whether the watches show objects of a kind.
pub fn is_watched_kind(api_version: &str, of_kind: &str) -> bool {
    let is_it = |(group, version, kind, _): &(&str, &str, &str, &str)| {
        let own = if group.is_empty() { (*version).to_owned() } else { format!("{group}/{version}") };
        of_kind == *kind && api_version == own
    };
    KINDS.iter().any(is_it)
}

/// A watch that cannot be begun again for so long has lost the API server; what it tells after less is late by less.
const SILENCE: Duration = Duration::from_secs(5);

/// Each object, and when it was last seen to change.
type ByKindAndName = BTreeMap<(String, String), (Arc<Object>, Instant)>;

/// The namespace as it is now, and a signal for each change of it.
#[derive(Clone)]
pub struct Namespace {
    objects: Arc<RwLock<ByKindAndName>>,
    changes: watch::Receiver<u64>,
    /// Of each watch, whether it shows its objects as they are.
    live: Vec<watch::Receiver<bool>>,
}

impl Namespace {
    /// Waits until every watch shows its objects as they are: one that lost the API server has to find it again.
    pub async fn until_live(&self) {
        for live in &self.live {
            // The sender only goes away with the task, and then the missing list shows as a void check.
            drop(live.clone().wait_for(|live| *live).await);
        }
    }

    /// All objects of a kind, by name.
    pub fn of_kind(&self, kind: &str) -> Vec<Arc<Object>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.iter().filter(|(key, _)| key.0 == kind).map(|(_, (object, _))| object.clone()).collect()
    }

    /// All objects.
    pub fn all(&self) -> Vec<Arc<Object>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).values().map(|(object, _)| object.clone()).collect()
    }

    /// One object.
    pub fn get(&self, kind: &str, name: &str) -> Option<Arc<Object>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(kind.to_owned(), name.to_owned())).map(|(object, _)| object.clone())
    }

    /// When one of a kind was last seen to change; `None`: there is none.
    pub fn last_change(&self, kind: &str) -> Option<Instant> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.iter().filter(|(key, _)| key.0 == kind).map(|(_, (_, at))| *at).max()
    }

    /// Whether objects of a kind are seen at all.
    pub fn is_watched(&self, kind: &str) -> bool {
        KINDS.iter().any(|(_, _, known, _)| *known == kind)
    }

    /// Wakes at each change from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

/// Starts the watches; they run in `tasks` and are live when this returns.
pub async fn start(client: &Client, ns: &str, timeline: &Timeline, tasks: &mut JoinSet<()>) -> Namespace {
    let (sender, receiver) = watch::channel(0);
    let changed = Arc::new(sender);
    let mut namespace = Namespace { objects: Arc::default(), changes: receiver, live: Vec::new() };
    for (group, version, kind, plural) in KINDS {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let (listed, is_listed) = watch::channel(false);
        namespace.live.push(is_listed);
        let watch = Watch {
            api: Api::namespaced_with(client.clone(), ns, &resource),
            resource,
            timeline: timeline.clone(),
            namespace: namespace.clone(),
            changed: changed.clone(),
            listed,
        };
        tasks.spawn(watch.run());
    }
    namespace.until_live().await;
    timeline.append(Moment::Watching);
    namespace
}

/// Asks again after a second, for as long as it takes.
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

struct Watch {
    api: Api<DynamicObject>,
    resource: ApiResource,
    timeline: Timeline,
    namespace: Namespace,
    changed: Arc<watch::Sender<u64>>,
    listed: watch::Sender<bool>,
}

impl Watch {
    async fn run(self) {
        loop {
            self.follow().await;
        }
    }

    /// Follows what happens from a list on, until the API server has not answered for too long.
    async fn follow(&self) {
        let mut events = watcher::watcher(self.api.clone(), watcher::Config::default()).backoff(Steady).boxed();
        let mut relisted: Option<HashSet<String>> = None;
        let mut silent_since = None;
        while let Some(event) = events.next().await {
            let is_silent = matches!(event, Err(watcher::Error::WatchStartFailed(_)));
            let since = *silent_since.get_or_insert_with(Instant::now);
            match event {
                Ok(Event::Init) => {
                    if *self.listed.borrow() {
                        let why = "the watch was re-listed: what happened in between was not seen".to_owned();
                        self.timeline.append(Moment::Gap { of: self.resource.kind.clone(), why });
                    }
                    relisted = Some(HashSet::new());
                }
                Ok(Event::InitApply(object)) => {
                    if let (Some(names), Some(name)) = (&mut relisted, &object.metadata.name) {
                        names.insert(name.clone());
                    }
                    self.see(Change::Listed, object);
                }
                Ok(Event::InitDone) => {
                    self.forget_all_but(&relisted.take().unwrap_or_default());
                    self.listed.send_replace(true);
                }
                Ok(Event::Apply(object)) => self.see(Change::Applied, object),
                Ok(Event::Delete(object)) => self.see(Change::Deleted, object),
                Err(error) if is_silent && since.elapsed() > SILENCE && *self.listed.borrow() => {
                    self.lose(&error);
                    return;
                }
                // The watcher resumes from where it was; if it cannot, `Init` says so.
                Err(_) => {}
            }
            if !is_silent {
                silent_since = None;
            }
        }
    }

    /// Notes that what happens now is not seen, or late.
    fn lose(&self, error: &watcher::Error) {
        let why = format!("the API server did not answer for {} s: {error}", SILENCE.as_secs());
        for of in [WATCH, &self.resource.kind] {
            self.timeline.append(Moment::Gap { of: of.to_owned(), why: why.clone() });
        }
        self.listed.send_replace(false);
    }

    fn see(&self, change: Change, object: DynamicObject) {
        let Some(name) = object.metadata.name.clone() else { return };
        // A release's data is compressed: no redaction finds a secret in it.
        if self.is_revision(&object) {
            self.note_revision(change, &object.metadata);
            return;
        }
        let Ok(object) = self.prepared(object) else { return };
        self.timeline.object(change, &object);
        let key = (self.resource.kind.clone(), name);
        let mut objects = self.namespace.objects.write().unwrap_or_else(PoisonError::into_inner);
        if change == Change::Deleted {
            objects.remove(&key);
        } else {
            objects.insert(key, (Arc::new(object.into()), Instant::now()));
        }
        drop(objects);
        self.changed.send_modify(|version| *version += 1);
    }

    /// The name, number and status of a revision stand in the labels of helm's Secret.
    fn note_revision(&self, change: Change, secret: &ObjectMeta) {
        let label = |name: &str| labels_of(secret).get(name).cloned();
        let (Some(release), Some(number), Some(status)) = (label("name"), label("version"), label("status")) else {
            return;
        };
        let Ok(revision) = number.parse() else { return };
        let status = (change != Change::Deleted).then_some(status);
        self.timeline.append(Moment::Revision { release, revision, status });
    }

    fn forget_all_but(&self, names: &HashSet<String>) {
        let mut objects = self.namespace.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.retain(|(kind, name), _| *kind != self.resource.kind || names.contains(name));
        drop(objects);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Whether it is one of the Secrets in which helm keeps a release.
    fn is_revision(&self, object: &DynamicObject) -> bool {
        self.resource.kind == "Secret" && text(&object.data["type"]).starts_with("helm.sh/release")
    }

    /// An object as it is stored.
    fn prepared(&self, mut object: DynamicObject) -> serde_json::Result<Value> {
        let (api_version, kind) = (self.resource.api_version.clone(), self.resource.kind.clone());
        object.types = Some(TypeMeta { api_version, kind });
        object.metadata.managed_fields = None;
        let mut object = serde_json::to_value(object)?;
        if self.resource.kind == "Pod" {
            original::restore(&mut object);
        }
        Ok(object)
    }
}
