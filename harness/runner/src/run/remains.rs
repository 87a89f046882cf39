//! What is left of a release after an uninstall.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::api_of;
use chartgate_k8s::typed::Object;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::stage::Stage;
use crate::record::watch::{is_watched, is_watched_kind};
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
        let object = Object::from(object.clone());
        let identity = [object.api_version(), object.kind(), object.namespace().unwrap_or_default(), object.name()];
        if known.insert(identity.map(str::to_owned))
            && let Some(live) = get(&stage.client, &object, &stage.ns).await?
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
    let uids: BTreeSet<&str> = objects.iter().map(|object| object.uid()).collect();
    let is_orphan = |object: &Arc<Object>| {
        let mut owners = object.owners().peekable();
        // Of an owner that no watch shows nobody knows whether it is there.
        let is_gone = |owner: &OwnerReference| {
            is_watched_kind(&owner.api_version, &owner.kind) && !uids.contains(owner.uid.as_str())
        };
        owners.peek().is_some() && owners.all(is_gone)
    };
    let is_going = |object: &&Arc<Object>| object.is_terminating() || is_orphan(object);
    objects.iter().find(is_going).map(|object| format!("{} is going", object.slashed()))
}

/// An object as it is; `None`: it is not there, or its kind is not.
async fn get(client: &Client, object: &Object, ns: &str) -> Result<Option<Value>> {
    let own = object.namespace().unwrap_or(ns);
    let Some(all) = api_of(client, object.api_version(), object.kind(), own).await? else { return Ok(None) };
    let live = all.get_opt(object.name()).await.with_context(|| format!("look for {}", object.slashed()))?;
    let Some(mut live) = live else { return Ok(None) };
    live.metadata.managed_fields = None;
    Ok(Some(serde_json::to_value(live).context("read an object")?))
}
