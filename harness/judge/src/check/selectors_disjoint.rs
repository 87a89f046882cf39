//! `selectors-disjoint`: no two components of the release are mixed by what selects their pods.

use chartgate_k8s::object::repository;
use chartgate_k8s::typed::{Object, OrEmpty, written};
use k8s_openapi::api::core::v1::{Container, ContainerPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::{Manifest, Selector, Workload, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const SELECTORS_DISJOINT: Check = Check {
    name: "selectors-disjoint",
    proves: "no Service sends requests to pods that do not serve them, and no workload counts another's pods",
    means: "a part of the requests is refused, or an autoscaler and a budget count the pods of something else",
    explanation: include_str!("../explanation/selectors-disjoint.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

/// The kinds whose controllers find their pods by a selector.
const SELECTING: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(SELECTORS_DISJOINT.name);
    for manifest in Manifest::all(view) {
        let workloads = manifest.lasting_workloads();
        for service in manifest.of_kind("Service") {
            judge_service(&manifest, service, &workloads, &mut tally);
        }
        for (index, one) in workloads.iter().enumerate() {
            workloads[index + 1..].iter().for_each(|other| judge_pair(&manifest, one, other, &mut tally));
        }
    }
    tally.finish_or(
        "each Service and each workload selects the pods of one component",
        "the chart has fewer than two workloads",
    )
}

/// Whether each port of a Service is served by all the pods that it sends requests to.
fn judge_service(manifest: &Manifest, service: &Object, workloads: &[Workload], tally: &mut Tally) {
    let selector = Selector::of_service(service);
    // A headless Service only tells addresses; who asks for them picks the port.
    if selector.is_empty() || service.is_headless() || service.is_external_name() {
        return;
    }
    let ns = manifest.namespace_of(service);
    let selected: Vec<&Workload> =
        workloads.iter().filter(|it| it.namespace == ns && selector.selects_pods_of(it)).collect();
    if selected.len() < 2 {
        return;
    }
    for port in service.service_ports() {
        let target = &port.target_port.clone().unwrap_or(IntOrString::Int(port.port));
        let (serving, others): (Vec<&Workload>, Vec<&Workload>) =
            selected.iter().partition(|it| container_of(it, target).is_some());
        let shown = || format!("port {} of {}", port.port, service.slashed());
        match (serving.first(), others.first()) {
            (Some(serving), Some(other)) if matches!(target, IntOrString::Int(_)) => {
                let message = format!(
                    "{} sends requests to port {} of {}, but it selects the pods of {}, too, which do not serve that port (`{selector}`)",
                    shown(),
                    written(target),
                    serving.slashed(),
                    other.slashed()
                );
                tally.fail(message).hint(
                    "select by a label that only the pods that serve have, such as `app.kubernetes.io/component`",
                );
            }
            (Some(serving), None) => {
                match selected.iter().find(|it| image_of(it, target) != image_of(serving, target)) {
                    Some(other) => {
                        let message = format!(
                            "{} sends requests to {} and to {}, which run different images (`{selector}`)",
                            shown(),
                            serving.slashed(),
                            other.slashed()
                        );
                        tally
                            .advise(message)
                            .hint("select by a label that only one of them has, such as `app.kubernetes.io/component`");
                    }
                    None => tally.proved(note(format!("{} is served by all that it selects", shown()))),
                }
            }
            _ => {}
        }
    }
}

/// The container that declares a port, which is a name or a number.
fn container_of<'a>(workload: &Workload<'a>, port: &IntOrString) -> Option<&'a Container> {
    let is_it = |declared: &ContainerPort| match port {
        IntOrString::Int(number) => declared.container_port == *number,
        IntOrString::String(name) => declared.name.as_ref() == Some(name),
    };
    workload.lasting_containers().find(|container| container.ports.iter().flatten().any(is_it))
}

/// The image that serves a port, without its tag.
fn image_of<'a>(workload: &Workload<'a>, port: &IntOrString) -> Option<&'a str> {
    container_of(workload, port).map(|container| repository(container.image.or_empty()))
}

/// Whether one of two workloads selects the other's pods.
fn judge_pair(manifest: &Manifest, one: &Workload, other: &Workload, tally: &mut Tally) {
    let is_selecting = |it: &Workload| SELECTING.contains(&it.object.kind());
    if one.namespace != other.namespace || !is_selecting(one) || !is_selecting(other) {
        return;
    }
    let selects = |it: &Workload, pods: &Workload| {
        let selector = Selector::of_object(it.object);
        !selector.is_empty() && selector.selects(pods.labels())
    };
    let (counting, counted) = match (selects(one, other), selects(other, one)) {
        (true, _) => (one, other),
        (_, true) => (other, one),
        _ => {
            tally.proved(note(format!("{} and {} select different pods", one.slashed(), other.slashed())));
            return;
        }
    };
    let selector = Selector::of_object(counting.object);
    let message =
        format!("the selector of {} (`{selector}`) selects the pods of {}, too", counting.slashed(), counted.slashed());
    let hint = "give each a label of its own in selector and pod template, such as `app.kubernetes.io/component`";
    let both = [one, other];
    let autoscaler = both
        .iter()
        .filter(|it| selects(it, if it.is(one) { other } else { one }))
        .find_map(|it| Some(manifest.autoscaler(it)?.object));
    let counter = autoscaler.or_else(|| budget(manifest, &both));
    match counter {
        Some(counter) => tally.fail(format!("{message}, and {} counts both", counter.slashed())).hint(hint),
        None => tally.advise(message).hint(hint),
    };
}

/// A budget that counts the pods of both.
fn budget<'a>(manifest: &Manifest<'a>, both: &[&Workload; 2]) -> Option<&'a Object> {
    let counts = |object: &&Object| {
        let selector = Selector::of_object(object);
        is_kind(object, "PodDisruptionBudget")
            && !selector.is_empty()
            && both.iter().all(|it| selector.selects_pods_of(it))
    };
    manifest.objects.iter().copied().filter(|it| !it.name().is_empty()).find(|it| counts(it))
}

#[cfg(test)]
mod tests;
