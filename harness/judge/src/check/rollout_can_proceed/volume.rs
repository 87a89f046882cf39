//! Claims that a new pod must wait for while an old one holds them.

use serde_json::Value;

use super::HOSTNAME;
use crate::manifest::{Manifest, Rollout, Selector, Workload, is_kind, title};
use crate::tally::Tally;
use chartgate_k8s::object::{items, name};

pub(super) fn judge(manifest: &Manifest, workload: &Workload, tally: &mut Tally) {
    let replicas = manifest.smallest_size(workload);
    let rollout = replicas.and_then(|replicas| workload.rollout(replicas.max(1)));
    let starts_first = rollout.filter(|rollout| rollout.unavailable == 0);
    for claim in workload.claims() {
        let Some(claim) = manifest.find("PersistentVolumeClaim", workload.namespace, claim) else { continue };
        let modes: Vec<&str> = items(&claim["spec"]["accessModes"]).filter_map(Value::as_str).collect();
        match modes.as_slice() {
            ["ReadWriteOncePod"] => judge_one_pod(workload, claim, replicas, starts_first, tally),
            ["ReadWriteOnce"] if !stays_on_one_node(manifest, workload, claim) => {
                judge_one_node(workload, claim, starts_first, tally);
            }
            _ => {}
        }
    }
}

/// One pod of the whole cluster may mount it.
fn judge_one_pod(
    workload: &Workload,
    claim: &Value,
    replicas: Option<u64>,
    starts_first: Option<Rollout>,
    tally: &mut Tally,
) {
    let (shown, volume) = (workload.title(), title(claim));
    if let Some(replicas) = replicas.filter(|replicas| *replicas > 1 && !is_kind(workload.object, "DaemonSet")) {
        let message = format!(
            "{shown} has {replicas} replicas that all mount {volume}, which is ReadWriteOncePod: one pod alone can start"
        );
        tally.fail(message).hint("use one replica, or a claim for each pod");
    } else if starts_first.is_some() {
        let message = format!(
            "{shown} rolls out with a new pod before the old one goes, but {volume} is ReadWriteOncePod: the new pod waits for the old one for ever"
        );
        tally.fail(message).hint("set `strategy.type: Recreate`");
    }
}

/// The pods of one node may mount it; a new pod may come to another one.
fn judge_one_node(workload: &Workload, claim: &Value, starts_first: Option<Rollout>, tally: &mut Tally) {
    if starts_first.is_some() {
        let message = format!(
            "{} rolls out with a new pod before the old one goes, and both mount {}, which is ReadWriteOnce: on another node the new pod waits for the old one for ever",
            workload.title(),
            title(claim)
        );
        tally.advise(message).hint("set `strategy.type: Recreate`, or a claim that several nodes can mount");
    }
}

/// Whether the new pod comes to the node of the old one in any case.
fn stays_on_one_node(manifest: &Manifest, workload: &Workload, claim: &Value) -> bool {
    let spec = &workload.pod["spec"];
    let required = &spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let is_to_itself = |term: &Value| {
        term["topologyKey"] == HOSTNAME && Selector::of(&term["labelSelector"]).selects(workload.labels())
    };
    let volume = claim["spec"]["volumeName"].as_str().unwrap_or_default();
    let of_node = |volume: &Value| {
        ["local", "hostPath"].iter().any(|of| volume["spec"][of].is_object())
            || volume["spec"]["nodeAffinity"].is_object()
    };
    let volume = manifest.of_kind("PersistentVolume").find(|it| name(it) == volume);
    spec["nodeName"].is_string()
        || spec["nodeSelector"][HOSTNAME].is_string()
        || items(required).any(is_to_itself)
        || volume.is_some_and(of_node)
}
