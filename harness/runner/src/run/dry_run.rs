//! What an API server would make of rendered objects: server-side apply that is not carried out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chartgate_cluster::{Existing, api, error};
use chartgate_k8s::object::{kind, name};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Plan;
use chartgate_model::recording::{DryRun, DryRunAnswer};
use futures::{FutureExt, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::apply::Kinds;
use super::render::{self, Render};
use crate::record::{Moment, Timeline};

/// Helm's own name as an owner of fields.
pub const HELM: &str = "helm";
/// So many at once: one after the other takes seconds.
pub const AT_ONCE: usize = 8;
/// An API server gives a webhook up to 30 s.
const ANSWER: Duration = Duration::from_secs(40);

/// What the API server makes of an object that is applied over whatever is there: nothing is kept.
pub async fn apply(api: &Api<DynamicObject>, object: &Value) -> Result<DynamicObject, kube::Error> {
    let dry = PatchParams { dry_run: true, ..PatchParams::apply(HELM).force() };
    api.patch(name(object), &dry, &Patch::Apply(object)).await
}

/// An object as helm applies it: it notes whose it is. Where the API server merges, what is not applied again is taken away.
pub fn marked(object: &Value, release: &str, ns: &str) -> Value {
    let mut object = object.clone();
    let marks = [
        ("labels", "app.kubernetes.io/managed-by", "Helm"),
        ("annotations", "meta.helm.sh/release-name", release),
        ("annotations", "meta.helm.sh/release-namespace", ns),
    ];
    for (of, key, value) in marks {
        if !object["metadata"][of].is_object() {
            object["metadata"][of] = json!({});
        }
        object["metadata"][of][key] = json!(value);
    }
    object
}

/// An API server that is asked about what charts render.
#[derive(Clone)]
pub struct Server {
    cluster: Existing,
    kinds: Arc<Kinds>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.cluster.name).finish_non_exhaustive()
    }
}

impl Server {
    /// The API server of a cluster.
    ///
    /// # Errors
    /// If it does not say what it serves.
    pub async fn of(cluster: Existing) -> Result<Self> {
        let kinds = Arc::new(Kinds::ask(&cluster.client).await?);
        Ok(Self { cluster, kinds })
    }

    /// What it serves, as helm tells charts of it.
    pub fn served(&self) -> Vec<String> {
        self.kinds.served()
    }

    /// Its version of Kubernetes, for example `1.34.1`.
    pub fn version(&self) -> &str {
        &self.cluster.version
    }

    /// Which one it is, in words.
    pub fn description(&self) -> String {
        let Existing { name, namespace, version, .. } = &self.cluster;
        format!("the API server of {name} (Kubernetes {version}), as a dry run in its namespace `{namespace}`")
    }

    /// What asks it again on a command line.
    pub fn flags(&self) -> impl Iterator<Item = String> {
        ["--server".to_owned()].into_iter().chain(self.cluster.flags.clone())
    }

    /// Asks about each object that the chart under test renders, once, and records the answers. The namespace that it was rendered for
    /// need not be there.
    pub(super) async fn ask(&self, plan: &Plan, renders: &[Render], rendered_for: &str, timeline: &Timeline) {
        let own = definitions(render::objects(renders).flatten());
        let asking = Asking { server: self, release: &plan.release, rendered_for, own: &own };
        let mut known = BTreeSet::new();
        let mut asked = Vec::new();
        for (step, render) in renders.iter().enumerate() {
            let Some(Ok(manifest)) = render else { continue };
            if plan.steps[step].from.is_some() {
                continue;
            }
            for (object, hash) in manifest.objects.iter().zip(render::store(manifest, timeline)) {
                if known.insert(hash.clone()) {
                    asked.push(asking.answer(object).map(move |answer| DryRun { step, object: hash, answer }));
                }
            }
        }
        let answers: Vec<DryRun> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
        for answer in answers {
            timeline.append(Moment::DryRun(answer));
        }
    }
}

/// What a server is asked with.
struct Asking<'a> {
    server: &'a Server,
    release: &'a str,
    /// The namespace that the objects were rendered for.
    rendered_for: &'a str,
    /// Group and kind of what the chart itself defines.
    own: &'a BTreeSet<(String, String)>,
}

impl Asking<'_> {
    async fn answer(&self, object: &Value) -> DryRunAnswer {
        let object = Object::from(object.clone());
        let Existing { client, namespace, .. } = &self.server.cluster;
        let not_asked = |why: String| DryRunAnswer::NotAsked { why };
        if self.own.contains(&(object.group().to_owned(), object.kind().to_owned())) {
            return not_asked(format!("the chart brings the definition of {}", object.kind()));
        }
        let Some(known) = self.server.kinds.of_object(object.raw()) else {
            return not_asked(format!("the server serves no {} of {}", object.kind(), object.api_version()));
        };
        if object.name().is_empty() {
            return not_asked("the server makes its name".to_owned());
        }
        let ns = namespace_of(&object, self.rendered_for, namespace);
        let sent = in_namespace(marked(object.raw(), self.release, ns), ns);
        let api = api(client, known, ns);
        match timeout(ANSWER, apply(&api, &sent)).await {
            Ok(Ok(_)) => DryRunAnswer::Accepted,
            Ok(Err(kube::Error::Api(status))) => {
                // Who may not look does not know.
                let is_there = timeout(ANSWER, api.get_opt(object.name())).await;
                let is_there = !matches!(is_there, Ok(Ok(None)));
                DryRunAnswer::Refused { code: status.code, message: status.message.clone(), is_there }
            }
            Ok(Err(error)) => DryRunAnswer::NoAnswer { why: error::message(&error.into()) },
            Err(_) => DryRunAnswer::NoAnswer { why: format!("nothing came within {} s", ANSWER.as_secs()) },
        }
    }
}

/// Where an object is asked about: the namespace that the release was rendered for is not there.
fn namespace_of<'a>(object: &'a Object, rendered_for: &str, ns: &'a str) -> &'a str {
    object.namespace().filter(|own| !own.is_empty() && *own != rendered_for).unwrap_or(ns)
}

/// The object with the namespace that it is sent to, if it names one.
fn in_namespace(mut object: Value, ns: &str) -> Value {
    if let Some(own) = object.pointer_mut("/metadata/namespace") {
        *own = json!(ns);
    }
    object
}

/// Group and kind of what the chart itself defines: until that is made, the server does not know it, or knows another one.
fn definitions<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeSet<(String, String)> {
    let definitions = objects.filter(|object| kind(object) == "CustomResourceDefinition").cloned().map(Object::from);
    let of = |object: Object| {
        let spec = &object.typed::<CustomResourceDefinition>()?.spec;
        Some((spec.group.clone(), spec.names.kind.clone()))
    };
    definitions.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a chart is blamed under Helm 4 for the label that helm itself puts on each object.
    #[test]
    fn helm_marks_what_it_applies() {
        let plain = marked(&json!({"metadata": {"name": "a", "labels": null}}), "shop", "ns");
        assert_eq!(plain["metadata"]["labels"], json!({"app.kubernetes.io/managed-by": "Helm"}));
        let named = json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "ns"});
        assert_eq!(plain["metadata"]["annotations"], named);
    }

    /// A failure would mean that a chart is red because the namespace that its renders name is not on the server.
    #[test]
    fn what_goes_to_the_releases_namespace_is_asked_about_in_one_that_is_there() {
        let placed = |ns: Value| {
            let object = Object::from(json!({"metadata": {"name": "a", "namespace": ns}}));
            let ns = namespace_of(&object, "mine", "default");
            (ns.to_owned(), in_namespace(object.raw().clone(), ns)["metadata"]["namespace"].clone())
        };
        assert_eq!(
            in_namespace(json!({"metadata": {}}), "default"),
            json!({"metadata": {}}),
            "a kind may belong to none"
        );
        assert_eq!(placed(json!("mine")), ("default".to_owned(), json!("default")));
        assert_eq!(placed(json!("monitoring")), ("monitoring".to_owned(), json!("monitoring")));
    }

    /// A failure would mean that an object of the chart's own kind is held to an older definition that another release left.
    #[test]
    fn the_charts_own_definitions_are_known_by_group_and_kind() {
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "a.io", "names": {"kind": "Shop"}}});
        let own = definitions([&definition, &json!({"kind": "Shop"})].into_iter());
        assert_eq!(own, BTreeSet::from([("a.io".to_owned(), "Shop".to_owned())]));
    }
}
