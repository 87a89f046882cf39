//! What a contract requires to be in the cluster before the release: custom resource definitions, operators, their objects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::discovery::{Discovery, Scope};
use kube::runtime::conditions::{is_crd_established, is_deployment_completed};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde_json::Value;
use tokio::time::timeout;

use super::stage::Templates;
use crate::plan::Requirement;
use crate::scenario::fill;
use crate::tool::Tool;
use crate::yaml::{self, Invalid};

/// A module is a download of some megabytes, once on a machine.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// A definition is established in milliseconds; an operator starts like any pod.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Owner of the fields that we apply.
const MANAGER: &str = "chartgate";

/// Reads everything that is required; templates are not filled in yet.
pub async fn read(requirements: &[Requirement]) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for requirement in requirements {
        match requirement {
            Requirement::Manifest(path) => objects.extend(read_path(path)?),
            Requirement::GoModule { module, files } => {
                let folder = go_module(module).await?;
                for file in files {
                    objects.extend(read_path(&folder.join(file)).with_context(|| format!("read from `{module}`"))?);
                }
            }
        }
    }
    Ok(objects)
}

/// The objects of a file, or of every YAML file in a folder. What is no object of Kubernetes' is left out: a kustomization.
fn read_path(path: &Path) -> Result<Vec<Value>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))?;
        files = entries.flatten().map(|entry| entry.path()).filter(|path| has_yaml_ending(path)).collect();
        files.sort();
    }
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Invalid(format!("cannot read `{}`, which is required: {error}", file.display())))?;
        let read = yaml::objects(&text).with_context(|| format!("parse `{}`", file.display()))?;
        objects.extend(read.into_iter().filter(|object| object["metadata"]["name"].is_string()));
    }
    Ok(objects)
}

fn has_yaml_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// The folder of a Go module in Go's own cache: definitions of many operators are to be had there, at a pinned version.
async fn go_module(module: &str) -> Result<PathBuf> {
    let download =
        Tool::on_path("go").args(["mod", "download", "-json", module]).env("GOFLAGS", "").deadline(DOWNLOAD_LIMIT);
    let hint = "hint: `requires` names a Go module, which the `go` command downloads";
    let output = download.run().await.with_context(|| format!("download the Go module `{module}`\n{hint}"))?;
    let told: Value = serde_json::from_str(&output.stdout).context("parse what `go mod download` says")?;
    told["Dir"].as_str().map(PathBuf::from).with_context(|| format!("`go mod download {module}` names no folder"))
}

/// Puts the objects in the cluster: definitions first, and all of them before the rest. Objects of namespaced kinds that name no
/// namespace go to the release's. When this returns, definitions are established and Deployments run.
pub async fn apply(client: &Client, objects: &[Value], ns: &str, templates: &Templates) -> Result<()> {
    let objects: Vec<Value> = objects.iter().map(|object| fill(object, templates)).collect::<Result<_, _>>()?;
    let (definitions, others): (Vec<Value>, Vec<Value>) =
        objects.into_iter().partition(|object| object["kind"] == "CustomResourceDefinition");
    apply_all(client, &definitions, ns).await?;
    for definition in &definitions {
        let all: Api<CustomResourceDefinition> = Api::all(client.clone());
        ready(all, definition, is_crd_established()).await?;
    }
    apply_all(client, &others, ns).await?;
    for deployment in others.iter().filter(|object| object["kind"] == "Deployment") {
        let own = deployment["metadata"]["namespace"].as_str().unwrap_or(ns);
        ready(Api::<Deployment>::namespaced(client.clone(), own), deployment, is_deployment_completed()).await?;
    }
    Ok(())
}

async fn apply_all(client: &Client, objects: &[Value], ns: &str) -> Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    // After the definitions: what they define is known to the API server by then.
    let known = Discovery::new(client.clone()).run().await.context("ask which kinds the cluster knows")?;
    let mut kinds = BTreeMap::new();
    for group in known.groups() {
        for version in group.versions() {
            for (resource, capabilities) in group.versioned_resources(version) {
                kinds.insert((resource.api_version.clone(), resource.kind.clone()), (resource, capabilities.scope));
            }
        }
    }
    for object in objects {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind, name) =
            (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]));
        let Some((resource, scope)) = kinds.get(&(version.clone(), kind.clone())) else {
            bail!("the cluster knows no {kind} of {version}, which `requires` brings as `{name}`");
        };
        let own = object["metadata"]["namespace"].as_str().unwrap_or(ns);
        let api: Api<DynamicObject> = match scope {
            Scope::Cluster => Api::all_with(client.clone(), resource),
            Scope::Namespaced => Api::namespaced_with(client.clone(), own, resource),
        };
        let parameters = PatchParams::apply(MANAGER).force();
        api.patch(&name, &parameters, &Patch::Apply(object)).await.with_context(|| format!("apply {kind} `{name}`"))?;
    }
    Ok(())
}

async fn ready<K>(api: Api<K>, object: &Value, is_ready: impl Condition<K>) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let waited = || format!("waited {} s for {} `{name}`, which is required", READY_LIMIT.as_secs(), object["kind"]);
    timeout(READY_LIMIT, await_condition(api, name, is_ready)).await.with_context(waited)?.with_context(waited)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a folder of definitions is refused for the file that a tool left in it.
    #[test]
    fn a_folder_stands_for_its_objects_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("chartgate-require-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("b.yaml"), "kind: B\nmetadata: {name: b}\n---\nkind: C\nmetadata: {name: c}\n")
            .unwrap();
        std::fs::write(folder.join("kustomization.yaml"), "kind: Kustomization\nresources: [b.yaml]\n").unwrap();
        std::fs::write(folder.join("notes.txt"), "not YAML").unwrap();
        let read = read_path(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read.iter().map(|object| &object["kind"]).collect::<Vec<_>>(), ["B", "C"]);
    }

    /// A failure would mean that a mis-spelled file is noticed only by what is missing later.
    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read_path(Path::new("no/such.yaml")).unwrap_err();
        assert!(error.is::<Invalid>() && error.to_string().contains("no/such.yaml"));
    }
}
