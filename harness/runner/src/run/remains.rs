//! What is left of a release after an uninstall.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::api_of;
use chartgate_k8s::object::text;
use chartgate_k8s::typed::Object;
use kube::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::stage::Stage;
use crate::record::watch::is_watched;
use crate::record::{Moment, Timeline};

/// Waits until nothing goes by itself any more, for `limit` at most, and notes what is left of the rendered objects that no watch
/// shows: custom resources, roles, what belongs to no namespace.
pub async fn look(
    step: usize,
    rendered: impl Iterator<Item = &Value>,
    stage: &Stage,
    limit: Duration,
    timeline: &Timeline,
) -> Result<()> {
    // What is still there then says itself that it is being deleted.
    drop(stage.wait(Instant::now() + limit, || what_is_going(stage)).await);
    let mut known = BTreeSet::new();
    let mut objects = Vec::new();
    for object in rendered.filter(|object| !is_watched(object)) {
        let metadata = &object["metadata"];
        let identity = [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]];
        if known.insert(identity.map(ToString::to_string))
            && let Some(live) = get(&stage.client, object, &stage.ns).await?
        {
            objects.push(timeline.store(&live));
        }
    }
    timeline.append(Moment::Remains { step, objects });
    Ok(())
}

/// An object that is being deleted, or whose owner is gone: a controller removes it.
fn what_is_going(stage: &Stage) -> Option<String> {
    let objects = stage.namespace.all();
    let uids: BTreeSet<&str> = objects.iter().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    let is_orphan = |object: &Arc<Object>| {
        let owners = object["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
        let is_gone = |owner: &Value| owner["uid"].as_str().is_some_and(|uid| !uids.contains(uid));
        // Of an owner that no watch shows nobody knows whether it is there.
        !owners.is_empty() && owners.iter().all(|owner| is_watched(owner) && is_gone(owner))
    };
    let is_going = |object: &&Arc<Object>| !object["metadata"]["deletionTimestamp"].is_null() || is_orphan(object);
    objects.iter().find(is_going).map(|object| format!("{} {} is going", object["kind"], object["metadata"]["name"]))
}

/// An object as it is; `None`: it is not there, or its kind is not.
async fn get(client: &Client, object: &Value, ns: &str) -> Result<Option<Value>> {
    let (version, kind, name) = (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]));
    let own = object["metadata"]["namespace"].as_str().unwrap_or(ns);
    let Some(all) = api_of(client, version, kind, own).await? else { return Ok(None) };
    let live = all.get_opt(name).await.with_context(|| format!("look for {kind} `{name}`"))?;
    let Some(mut live) = live else { return Ok(None) };
    live.metadata.managed_fields = None;
    Ok(Some(serde_json::to_value(live).context("read an object")?))
}
