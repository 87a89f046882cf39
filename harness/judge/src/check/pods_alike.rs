//! `pods-alike`: what pods need to start at all reaches every pod of an image.

use chartgate_k8s::object::repository;
use chartgate_k8s::typed::OrEmpty;
use k8s_openapi::api::core::v1::ServiceAccount;

use crate::manifest::{Manifest, Workload, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const PODS_ALIKE: Check = Check {
    name: "pods-alike",
    proves: "pods of one image have the same pull secrets, and the Jobs and hooks of it the tolerations of the others",
    means: "a hook or a Job hangs on an image that it may not pull, or on nodes that it does not tolerate, where the rest runs",
    explanation: include_str!("../explanation/pods-alike.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(PODS_ALIKE.name);
    for manifest in Manifest::all(view) {
        let workloads = manifest.workloads();
        for (index, one) in workloads.iter().enumerate() {
            for other in &workloads[index + 1..] {
                if let Some(image) = shared_image(one, other) {
                    judge_pull_secrets(&manifest, one, other, image, &mut tally);
                }
            }
            judge_tolerations(one, &workloads, &mut tally);
        }
    }
    tally.finish_or("pods of one image are given the same", "no two pods of the chart have an image in common")
}

/// An image that pods of both run.
fn shared_image<'a>(one: &Workload<'a>, other: &Workload<'a>) -> Option<&'a str> {
    let images =
        |it: &Workload<'a>| it.containers().map(|container| repository(container.image.or_empty())).collect::<Vec<_>>();
    let others = images(other);
    images(one).into_iter().find(|image| !image.is_empty() && others.contains(image))
}

fn judge_pull_secrets(manifest: &Manifest, one: &Workload, other: &Workload, image: &str, tally: &mut Tally) {
    let has = |it: &Workload| has_pull_secrets(manifest, it);
    let (with, without) = match (has(one), has(other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        _ => {
            tally.proved(note(format!("{} and {} pull {image} alike", one.slashed(), other.slashed())));
            return;
        }
    };
    let message = format!(
        "the pods of {} have no `imagePullSecrets`, and those of {} pull {image} with some",
        without.slashed(),
        with.slashed()
    );
    tally.advise(message).hint("give the same value to every pod template, or to the ServiceAccount");
}

/// Whether pods bring pull secrets, themselves or by their ServiceAccount.
fn has_pull_secrets(manifest: &Manifest, workload: &Workload) -> bool {
    let spec = workload.pod.spec;
    let account = manifest.find("ServiceAccount", workload.namespace, spec.service_account_name.or_empty());
    let of_account = account.and_then(|account| account.typed::<ServiceAccount>()?.image_pull_secrets.as_ref());
    [spec.image_pull_secrets.as_ref(), of_account].into_iter().flatten().any(|secrets| !secrets.is_empty())
}

/// A Job or a hook that lacks what all lasting pods of its image tolerate.
fn judge_tolerations(workload: &Workload, all: &[Workload], tally: &mut Tally) {
    if workload.is_lasting() || !workload.pod.tolerations().is_empty() {
        return;
    }
    // What runs on every node tolerates more than others on purpose.
    let lasting = all.iter().filter(|it| it.is_lasting() && !is_kind(it.object, "DaemonSet"));
    let alike: Vec<&Workload> = lasting.filter(|it| shared_image(workload, it).is_some()).collect();
    let tolerating = alike.iter().filter(|it| !it.pod.tolerations().is_empty()).count();
    if let Some(first) = alike.first().filter(|_| tolerating == alike.len()) {
        let message = format!(
            "the pods of {} have no `tolerations`, and those of {}, with the same image, have some",
            workload.object.slashed(),
            first.slashed()
        );
        tally.advise(message).hint("give the same value to every pod template");
    }
}

#[cfg(test)]
mod tests;
