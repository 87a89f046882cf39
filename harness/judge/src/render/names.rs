//! `names-unique` and `image-pinned`: what the rendered objects and images are called.

use std::collections::BTreeSet;

use chartgate_model::recording::{Mode, Moment, Variant};

use crate::tally::{Tally, not_applicable, note};
use crate::variant::{Variants, same};
use crate::view::View;
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, OrEmpty, PodTemplate};

pub(crate) const NAMES_UNIQUE: Check = Check {
    name: "names-unique",
    proves: "every rendered object's name derives from the release's",
    means: "a second release of the chart in the same namespace collides with the first",
    explanation: include_str!("../explanation/names-unique.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: names_unique,
};

pub(crate) const IMAGE_PINNED: Check = Check {
    name: "image-pinned",
    proves: "every rendered image has a tag other than `latest`, or a digest",
    means: "what runs changes without an upgrade, and cannot be rolled back",
    explanation: include_str!("../explanation/image-pinned.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: image_pinned,
};

fn names_unique(view: &View) -> Finding {
    let objects = view.rendered_once();
    if objects.is_empty() {
        return not_applicable(NAMES_UNIQUE.name, "nothing was rendered");
    }
    let variants = Variants::of(view.recording);
    let renamed = variants.find(|variant| matches!(variant, Variant::Release { .. }));
    let elsewhere = variants.find(|variant| matches!(variant, Variant::Namespace { .. }));
    // What brings definitions serves a whole cluster: there is one of it.
    let is_one = objects.iter().any(|object| ["CustomResourceDefinition", "APIService"].contains(&object.kind()));
    let mut tally = Tally::new(NAMES_UNIQUE.name);
    let release = &view.plan.release;
    for object in objects {
        tally.saw("name", 1);
        // Where the same was rendered for another release, a name that is the same there is fixed; a name that is made up is not.
        let known = same(&variants.base, object).and(renamed);
        let is_own = known
            .map_or_else(|| object.name().contains(part_of(release)), |(_, others)| same(others, object).is_none())
            // Kubernetes makes up the rest of it.
            || object.metadata().generate_name.is_some();
        let is_global = !is_one
            && CLUSTER_SCOPED.contains(&object.kind())
            && elsewhere.is_some_and(|(_, others)| same(others, object).is_some());
        let shown = object.slashed();
        if SINGULAR.contains(&object.kind()) {
            tally.proved(note(format!("{shown} is one for the whole cluster by its kind")));
        } else if object.is_custom() {
            tally.proved(note(format!("whether {shown} is one for the whole cluster, only its definition knows")));
        } else if !is_own {
            let message = format!("the name of {shown} does not derive from the release's name `{release}`");
            tally.advise(message).hint("begin the name with `.Release.Name`");
        } else if is_global {
            let message = format!(
                "the name of {shown} does not depend on the namespace: a release `{release}` in another namespace collides with it"
            );
            tally
                .advise(message)
                .hint("let `.Release.Namespace` be a part of the name, as the object is one of the whole cluster");
        } else {
            tally.proved(note(format!("{shown} has the release's name in its own")));
        }
    }
    judge_neighbour(view, &mut tally);
    tally.finish("every object's name derives from the release's")
}

/// A chart may cut a long release name off to fit a name's limit; this much of it is enough to tell releases apart.
fn part_of(release: &str) -> &str {
    const LENGTH: usize = 20;
    release.char_indices().nth(LENGTH).map_or(release, |(end, _)| &release[..end])
}

/// Kinds whose objects belong to the whole cluster, and are named by the chart.
const CLUSTER_SCOPED: [&str; 7] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "PersistentVolume",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Kinds whose objects have their name by what they are, or are called by it by others: there can be one of each in a cluster.
const SINGULAR: [&str; 12] = [
    "APIService",
    "CSIDriver",
    "CustomResourceDefinition",
    "FlowSchema",
    "GatewayClass",
    "IngressClass",
    "Namespace",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "VolumeSnapshotClass",
];

/// A second release in the namespace was installed, shares no object, and was well before and after.
fn judge_neighbour(view: &View, tally: &mut Tally) {
    // Where nothing runs, names alone are judged.
    let is_run = view.recording.mode() == Mode::Run;
    let Some(neighbour) = view.plan.neighbour.as_ref().filter(|_| is_run) else { return };
    let looks = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Neighbour { objects, trouble, .. } => Some((entry, objects, trouble)),
        _ => None,
    });
    let looks: Vec<_> = looks.collect();
    let named = format!("the second release `{}`", neighbour.release);
    if looks.len() < 2 {
        tally.void(format!("{named} was not looked at before and after the steps"));
    }
    let identity = |object: &Object| (object.kind().to_owned(), object.name().to_owned());
    let own: BTreeSet<_> =
        view.steps.iter().filter_map(|run| run.release).flat_map(|it| view.manifest(it)).map(identity).collect();
    for (when, (entry, objects, trouble)) in ["before", "after"].into_iter().zip(&looks) {
        let seen = |text: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text };
        if let Some(trouble) = trouble {
            let what = format!("{named} was not well {when} the steps: {trouble}");
            tally.fail(what.clone()).with([seen(what)]);
            continue;
        }
        let shared =
            objects.iter().map(|hash| identity(view.recording.object(hash))).find(|object| own.contains(object));
        match shared {
            Some((kind, name)) => {
                tally
                    .fail(format!("both releases own {}/{name}", kind.to_lowercase()))
                    .hint("begin the name with `.Release.Name`");
            }
            None => tally.proved(seen(format!("{named} was well {when} the steps, with objects of its own"))),
        }
    }
}

fn image_pinned(view: &View) -> Finding {
    let mut tally = Tally::new(IMAGE_PINNED.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        let Some(pod) = object.template() else { continue };
        for container in pod.containers() {
            is_any = true;
            tally.saw("image", 1);
            let (image, shown) = (container.image.or_empty(), object.slashed());
            let last = image.rsplit('/').next().unwrap_or_default();
            let tag = last.split_once(':').map(|(_, tag)| tag);
            if image.contains('@') || tag.is_some_and(|tag| !tag.is_empty() && tag != "latest") {
                tally.proved(note(format!("{shown} runs {image}")));
            } else if is_injected(pod, image) {
                tally
                    .proved(note(format!("{shown} runs what is put in the place of `{image}` when its pods are made")));
            } else {
                let message = format!(
                    "container `{}` of {shown} runs `{image}`, which may be another image tomorrow",
                    container.name
                );
                tally.advise(message).hint("set a tag by default, for example the chart's `appVersion`");
            }
        }
    }
    if !is_any {
        return not_applicable(IMAGE_PINNED.name, "the chart renders nothing that has pods");
    }
    tally.finish("every image has a tag or a digest")
}

/// Whether an image is a bare word in a pod that asks something else of the cluster to fill it in.
fn is_injected(pod: PodTemplate, image: &str) -> bool {
    let mut marks = pod.labels().keys().chain(pod.metadata.annotations.iter().flat_map(|all| all.keys()));
    !image.contains(['/', ':', '.', '@']) && marks.any(|key| key.contains("inject"))
}

#[cfg(test)]
mod tests;
