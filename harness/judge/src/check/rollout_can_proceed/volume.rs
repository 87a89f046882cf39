//! Claims that a new pod must wait for while an old one holds them.

use chartgate_k8s::typed::Object;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, PodAffinityTerm};

use crate::manifest::{Manifest, Rollout, Selector, Workload, is_kind};
use crate::tally::Tally;

pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";

pub(super) fn judge(manifest: &Manifest, workload: &Workload, tally: &mut Tally) {
    let replicas = manifest.smallest_size(workload);
    let rollout = replicas.and_then(|replicas| workload.rollout(replicas.max(1)));
    let starts_first = rollout.filter(|rollout| rollout.unavailable == 0);
    for claim in workload.claims() {
        let Some(claim) = manifest.find("PersistentVolumeClaim", workload.namespace, claim) else { continue };
        let spec = claim.typed::<PersistentVolumeClaim>().and_then(|claim| claim.spec.as_ref());
        let modes = spec.and_then(|spec| spec.access_modes.as_ref());
        let modes: Vec<&str> = modes.into_iter().flatten().map(String::as_str).collect();
        match modes.as_slice() {
            ["ReadWriteOncePod"] => judge_one_pod(workload, claim, replicas, starts_first, tally),
            ["ReadWriteOnce"] if !stays_on_one_node(manifest, workload, claim) => {
                judge_one_node(workload, claim, replicas, starts_first, tally);
            }
            _ => {}
        }
    }
}

/// One pod of the whole cluster may mount it.
fn judge_one_pod(
    workload: &Workload,
    claim: &Object,
    replicas: Option<u64>,
    starts_first: Option<Rollout>,
    tally: &mut Tally,
) {
    let (shown, volume) = (workload.slashed(), claim.slashed());
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
fn judge_one_node(
    workload: &Workload,
    claim: &Object,
    replicas: Option<u64>,
    starts_first: Option<Rollout>,
    tally: &mut Tally,
) {
    let everywhere = is_kind(workload.object, "DaemonSet").then(|| "a pod on each node".to_owned());
    let several = replicas.filter(|replicas| *replicas > 1).map(|replicas| format!("{replicas} replicas"));
    if starts_first.is_some() {
        let message = format!(
            "{} rolls out with a new pod before the old one goes, and both mount {}, which is ReadWriteOnce: on another node the new pod waits for the old one for ever",
            workload.slashed(),
            claim.slashed()
        );
        tally.advise(message).hint("set `strategy.type: Recreate`, or a claim that several nodes can mount");
    } else if let Some(pods) = everywhere.or(several) {
        let message = format!(
            "{} has {pods}, and all mount {}, which is ReadWriteOnce: those on other nodes wait for it for ever",
            workload.slashed(),
            claim.slashed()
        );
        tally.advise(message).hint("use a claim that several nodes can mount, or one for each pod");
    }
}

/// Whether the new pod comes to the node of the old one in any case.
fn stays_on_one_node(manifest: &Manifest, workload: &Workload, claim: &Object) -> bool {
    let spec = workload.pod.spec;
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.pod_affinity.as_ref());
    let required = affinity.and_then(|it| it.required_during_scheduling_ignored_during_execution.as_ref());
    let is_to_itself = |term: &PodAffinityTerm| {
        term.topology_key == HOSTNAME && Selector::of(term.label_selector.as_ref()).selects(workload.labels())
    };
    let volume = claim.typed::<PersistentVolumeClaim>().and_then(|claim| claim.spec.as_ref()?.volume_name.as_deref());
    let of_node = |volume: &PersistentVolumeSpec| {
        volume.local.is_some() || volume.host_path.is_some() || volume.node_affinity.is_some()
    };
    let volume = manifest.each::<PersistentVolume>().find(|(object, _)| Some(object.name()) == volume);
    spec.node_name.is_some()
        || spec.node_selector.as_ref().is_some_and(|labels| labels.contains_key(HOSTNAME))
        || required.into_iter().flatten().any(is_to_itself)
        || volume.and_then(|(_, volume)| volume.spec.as_ref()).is_some_and(of_node)
}
