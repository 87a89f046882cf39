//! `references-resolve`: what an object of the release names is there, of the right kind, with the key or port that is read.

mod pods;
mod routes;

use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::autoscaling::v2::CrossVersionObjectReference;
use serde::Deserialize;

use crate::manifest::{Autoscaler, Manifest, is_kind, role_of, subjects, title_of};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_yaml::nearest;

pub(crate) const REFERENCES_RESOLVE: Check = Check {
    name: "references-resolve",
    proves: "every object, key and port of the release that an object of it names is rendered",
    means: "pods do not start, traffic goes nowhere, or an autoscaler never scales, and helm says that all is well",
    explanation: include_str!("../explanation/references-resolve.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(REFERENCES_RESOLVE.name);
    for manifest in Manifest::all(view) {
        References { manifest: &manifest, tally: &mut tally }.judge();
    }
    tally.finish_or(
        "everything of the release that its objects name is rendered",
        "no rendered object names another one of the release",
    )
}

/// The references of one manifest.
struct References<'a, 't> {
    manifest: &'t Manifest<'a>,
    tally: &'t mut Tally,
}

/// Where something is named: the object, and the field in words.
#[derive(Clone, Copy)]
struct From<'a> {
    object: &'a Object,
    field: &'a str,
}

/// What an object scales, and the field that says so.
struct Target<'a> {
    field: &'static str,
    version: &'a str,
    kind: &'a str,
    name: &'a str,
}

/// A `VerticalPodAutoscaler`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerticalAutoscaler {
    spec: VerticalAutoscalerSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VerticalAutoscalerSpec {
    target_ref: CrossVersionObjectReference,
}

impl<'a> Target<'a> {
    fn of(object: &'a Object) -> Option<Self> {
        if (object.group(), object.kind()) == ("autoscaling.k8s.io", "VerticalPodAutoscaler") {
            let CrossVersionObjectReference { api_version, kind, name } =
                &object.custom::<VerticalAutoscaler>()?.spec.target_ref;
            let kind = if kind.is_empty() { "Deployment" } else { kind };
            return Some(Self { field: "targetRef", version: api_version.or_empty(), kind, name });
        }
        let Autoscaler { target_version: version, target_kind: kind, target_name: name, .. } = Autoscaler::of(object)?;
        Some(Self { field: "scaleTargetRef", version, kind, name })
    }
}

impl<'a> References<'a, '_> {
    fn judge(&mut self) {
        for object in self.manifest.objects.clone() {
            self.judge_target(object);
            self.judge_binding(object);
            self.judge_route(object);
        }
        for workload in self.manifest.workloads() {
            self.judge_pods(&workload);
        }
    }

    /// What an autoscaler or a budget of resources is for.
    fn judge_target(&mut self, object: &'a Object) {
        let Some(Target { field, version, kind: of_kind, name: with_name }) = Target::of(object) else { return };
        let is_custom = version.rsplit_once('/').is_some_and(|(group, _)| !["apps", "batch"].contains(&group));
        if is_custom || !["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job"].contains(&of_kind) {
            return;
        }
        let ns = self.manifest.namespace_of(object);
        let named =
            || self.manifest.workloads().into_iter().filter(|it| it.object.name() == with_name && it.namespace == ns);
        // Several kinds may share a name.
        let other = named().next().filter(|_| !named().any(|it| it.object.kind() == of_kind));
        if let Some(other) = other {
            let message = format!(
                "`{field}` of {} is {}, but the chart makes {}",
                object.slashed(),
                title_of(of_kind, with_name),
                other.slashed()
            );
            self.tally.fail(message).hint(format!("name kind `{}`", other.object.kind()));
            return;
        }
        self.resolve(From { object, field }, of_kind, ns, with_name);
    }

    /// The role and the `ServiceAccount`s of a binding.
    fn judge_binding(&mut self, object: &'a Object) {
        let Some(role) = role_of(object) else { return };
        let ns = self.manifest.namespace_of(object);
        let role_kind = if role.kind == "Role" { "Role" } else { "ClusterRole" };
        self.resolve(From { object, field: "roleRef" }, role_kind, ns, &role.name);
        for subject in subjects(object).iter().filter(|subject| subject.kind == "ServiceAccount") {
            let ns = subject.namespace.as_deref().unwrap_or(ns);
            self.judge_subject_elsewhere(object, ns, &subject.name);
            self.resolve(From { object, field: "subjects" }, "ServiceAccount", ns, &subject.name);
        }
    }

    /// An account of the release that is named in another namespace than the chart makes it in: there nobody makes it.
    fn judge_subject_elsewhere(&mut self, binding: &'a Object, ns: &str, account: &str) {
        let own = self.manifest.namespace;
        let is_elsewhere = ns != own && self.manifest.is_own_name(account);
        let is_made_here = self.manifest.find("ServiceAccount", own, account).is_some();
        if is_elsewhere && is_made_here && self.manifest.find("ServiceAccount", ns, account).is_none() {
            let message = format!(
                "`subjects` of {} names {} in namespace `{ns}`, and the chart makes it in the release's",
                binding.slashed(),
                title_of("ServiceAccount", account)
            );
            self.tally.fail(message).hint("write `namespace: {{ .Release.Namespace }}`");
        }
    }

    /// The object that is named, where the chart makes it. Where nobody else can make it either, that is a claim.
    fn resolve(&mut self, from: From<'a>, of_kind: &str, ns: &str, with_name: &str) -> Option<&'a Object> {
        if let Some(found) = self.manifest.find(of_kind, ns, with_name) {
            if self.judge_removed(from.object, &format!("`{}`", from.field), found) {
                return None;
            }
            self.tally.proved(note(format!(
                "`{}` of {} leads to {}",
                from.field,
                from.object.slashed(),
                found.slashed()
            )));
            return Some(found);
        }
        if self.is_missing(of_kind, ns, with_name) {
            let missing = title_of(of_kind, with_name);
            let hint = self.instead(of_kind, with_name);
            let message =
                format!("`{}` of {} is {missing}, which the chart does not make", from.field, from.object.slashed());
            self.tally.fail(message).hint(hint);
        }
        None
    }

    /// Claims that helm removes what is needed before what needs it is there: a hook's object goes when the hooks of its event have
    /// succeeded.
    fn judge_removed(&mut self, user: &Object, place: &str, needed: &Object) -> bool {
        let is_early = |event: &&str| event.starts_with("pre-");
        let is_removed = |object: &Object| {
            object.is_hook() && object.hook_events().iter().all(is_early) && object.goes_with_success()
        };
        let is_it = |object: &&Object| {
            (object.kind(), object.name(), object.namespace()) == (needed.kind(), needed.name(), needed.namespace())
        };
        let all_go = self.manifest.objects.iter().copied().filter(is_it).all(is_removed);
        if user.is_hook() || !all_go || self.manifest.maker(needed.kind(), needed.name()).is_some() {
            return false;
        }
        let message = format!(
            "{place} of {} needs {}, which helm removes when the hooks before it have succeeded",
            user.slashed(),
            needed.slashed()
        );
        self.tally.fail(message).hint("leave `hook-succeeded` out of its `helm.sh/hook-delete-policy`");
        true
    }

    /// Whether what is named belongs to the release, and nothing makes it.
    fn is_missing(&self, of_kind: &str, ns: &str, with_name: &str) -> bool {
        ns == self.manifest.namespace
            && self.manifest.is_own_name(with_name)
            && !self.manifest.stays(of_kind, with_name)
            && self.manifest.maker(of_kind, with_name).is_none()
    }

    /// What is there of the kind that is wanted.
    fn instead(&self, of_kind: &str, with_name: &str) -> String {
        let known: Vec<&str> =
            self.manifest.objects.iter().filter(|it| is_kind(it, of_kind)).map(|it| it.name()).collect();
        match (nearest(with_name, known.iter().copied()), known.as_slice()) {
            (Some(near), _) => format!("the chart makes {}", title_of(of_kind, near)),
            (None, []) => format!("the chart makes no {of_kind}"),
            (None, some) => format!("the chart makes {}", listed(some.iter().map(|it| title_of(of_kind, it)))),
        }
    }
}

/// Some of a list, for a person.
fn listed(all: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 8;
    let all: Vec<String> = all.collect();
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > SHOWN { format!("{shown}, … ({} in all)", all.len()) } else { shown }
}

#[cfg(test)]
mod tests;
