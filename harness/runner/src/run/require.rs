//! What a contract requires to be in the cluster before the release: custom resource definitions, operators, their objects.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_model::plan::Requirement;
use chartgate_process::tool::Tool;
use chartgate_scenario::{fill, read_manifests};
use chartgate_yaml::Invalid;
use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::conditions::{is_crd_established, is_deployment_completed};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::apply;
use super::stage::Templates;
use chartgate_k8s::object::kind;
use chartgate_k8s::typed::Object;

/// A module is a download of some megabytes, once on a machine.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// A definition is established in milliseconds; an operator starts like any pod.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// Reads everything that is required; templates are not filled in yet.
pub async fn read(requirements: &[Requirement]) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for requirement in requirements {
        match requirement {
            Requirement::Manifest(path) => objects.extend(read_manifests(path)?),
            Requirement::GoModule { module, files } => {
                let folder = go_module(module).await?;
                for file in files {
                    objects
                        .extend(read_manifests(&folder.join(file)).with_context(|| format!("read from `{module}`"))?);
                }
            }
        }
    }
    Ok(objects)
}

/// What `go mod download -json` says.
#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir")]
    dir: Option<PathBuf>,
}

/// The folder of a Go module in Go's own cache: definitions of many operators are available there, at a pinned version.
async fn go_module(module: &str) -> Result<PathBuf> {
    let download =
        Tool::on_path("go").args(["mod", "download", "-json", module]).env("GOFLAGS", "").deadline(DOWNLOAD_LIMIT);
    let hint = "hint: `requires` names a Go module, which the `go` command downloads";
    let output = download.run().await.with_context(|| format!("download the Go module `{module}`\n{hint}"))?;
    let told: Downloaded = serde_json::from_str(&output.stdout).context("parse what `go mod download` says")?;
    told.dir.with_context(|| format!("`go mod download {module}` names no folder"))
}

/// The objects with their templates filled in. Definitions have none: what looks like one there is for their own users.
///
/// # Errors
/// [`Invalid`](chartgate_yaml::Invalid) for a template that names nothing.
pub fn filled(objects: &[Value], templates: &Templates) -> Result<Vec<Value>> {
    let fill = |object: &Value| {
        if is_definition(object) {
            return Ok(object.clone());
        }
        fill(object, templates).map_err(|error| Invalid(format!("what is required: {error}")).into())
    };
    objects.iter().map(fill).collect()
}

/// What a cluster serves once the definitions among the objects are in it: `GROUP/VERSION` and `GROUP/VERSION/KIND`.
pub fn served(objects: &[Value]) -> Vec<String> {
    let objects: Vec<Object> = objects.iter().cloned().map(Object::from).collect();
    let definitions = objects.iter().filter_map(Object::typed::<CustomResourceDefinition>);
    let served = definitions.flat_map(|CustomResourceDefinition { spec, .. }| {
        let served = spec.versions.iter().filter(|version| version.served);
        served.map(move |version| (format!("{}/{}", spec.group, version.name), &spec.names.kind))
    });
    served.flat_map(|(version, kind)| [version.clone(), format!("{version}/{kind}")]).collect()
}

fn is_definition(object: &Value) -> bool {
    kind(object) == CustomResourceDefinition::KIND
}

/// Puts the objects in the cluster: definitions first, and all of them before the rest. Objects of namespaced kinds that name no
/// namespace go to the release's. When this returns, definitions are established and Deployments run.
pub async fn apply(client: &Client, objects: Vec<Value>, ns: &str) -> Result<()> {
    let (definitions, others): (Vec<Value>, Vec<Value>) = objects.into_iter().partition(is_definition);
    apply::all(client, &definitions, ns).await?;
    for definition in &definitions {
        let all: Api<CustomResourceDefinition> = Api::all(client.clone());
        ready(all, &definition.clone().into(), is_crd_established()).await?;
    }
    apply::all(client, &others, ns).await?;
    for deployment in others.into_iter().map(Object::from).filter(Object::is::<Deployment>) {
        let own = deployment.namespace().unwrap_or(ns);
        ready(Api::<Deployment>::namespaced(client.clone(), own), &deployment, is_deployment_completed()).await?;
    }
    Ok(())
}

async fn ready<K>(api: Api<K>, object: &Object, is_ready: impl Condition<K>) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let name = object.name();
    let waited = || format!("waited {} s for {}, which is required", READY_LIMIT.as_secs(), object.slashed());
    timeout(READY_LIMIT, await_condition(api, name, is_ready)).await.with_context(waited)?.with_context(waited)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a chart which asks for an operator's kinds is refused although its contract brings them.
    #[test]
    fn definitions_that_are_required_are_served() {
        let versions = json!([{"name": "v1", "served": true}, {"name": "v0", "served": false}]);
        let spec = json!({"group": "example.org", "names": {"kind": "Thing"}, "versions": versions});
        let objects = [json!({"kind": "CustomResourceDefinition", "spec": spec}), json!({"kind": "ConfigMap"})];
        assert_eq!(served(&objects), ["example.org/v1", "example.org/v1/Thing"]);
    }
}
