//! `references-resolve`: what an object of the release names is there, of the right kind, with the key or port that is read.

mod pods;
mod routes;

use serde_json::Value;

use crate::manifest::{Manifest, group, is_custom, is_kind, title, title_of};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{items, kind, name, text};
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
    object: &'a Value,
    field: &'a str,
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
    fn judge_target(&mut self, object: &'a Value) {
        let field = match (group(object), kind(object)) {
            ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject") => "scaleTargetRef",
            ("autoscaling.k8s.io", "VerticalPodAutoscaler") => "targetRef",
            _ => return,
        };
        let target = &object["spec"][field];
        let of_kind = target["kind"].as_str().unwrap_or("Deployment");
        if is_custom(target)
            || !["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job"].contains(&of_kind)
        {
            return;
        }
        let ns = self.manifest.namespace_of(object);
        let with_name = text(&target["name"]);
        let other = self.manifest.workloads().into_iter().find(|other| name(other.object) == with_name);
        if let Some(other) = other.filter(|other| kind(other.object) != of_kind) {
            let message = format!(
                "`{field}` of {} is {}, but the chart makes {}",
                title(object),
                title_of(of_kind, with_name),
                other.title()
            );
            self.tally.fail(message).hint(format!("name kind `{}`", kind(other.object)));
            return;
        }
        self.resolve(From { object, field }, of_kind, ns, with_name);
    }

    /// The role and the `ServiceAccount`s of a binding.
    fn judge_binding(&mut self, object: &'a Value) {
        if !is_kind(object, "RoleBinding") && !is_kind(object, "ClusterRoleBinding") {
            return;
        }
        let ns = self.manifest.namespace_of(object);
        let role = &object["roleRef"];
        let role_kind = if role["kind"] == "Role" { "Role" } else { "ClusterRole" };
        self.resolve(From { object, field: "roleRef" }, role_kind, ns, text(&role["name"]));
        for subject in items(&object["subjects"]).filter(|subject| subject["kind"] == "ServiceAccount") {
            let ns = subject["namespace"].as_str().unwrap_or(ns);
            self.resolve(From { object, field: "subjects" }, "ServiceAccount", ns, text(&subject["name"]));
        }
    }

    /// The object that is named, where the chart makes it. Where nobody else can make it either, that is a claim.
    fn resolve(&mut self, from: From<'a>, of_kind: &str, ns: &str, with_name: &str) -> Option<&'a Value> {
        if let Some(found) = self.manifest.find(of_kind, ns, with_name) {
            self.tally.proved(note(format!("`{}` of {} leads to {}", from.field, title(from.object), title(found))));
            return Some(found);
        }
        if self.is_missing(of_kind, ns, with_name) {
            let missing = title_of(of_kind, with_name);
            let hint = self.instead(of_kind, with_name);
            let message =
                format!("`{}` of {} is {missing}, which the chart does not make", from.field, title(from.object));
            self.tally.fail(message).hint(hint);
        }
        None
    }

    /// Whether what is named belongs to the release, and nothing makes it.
    fn is_missing(&self, of_kind: &str, ns: &str, with_name: &str) -> bool {
        ns == self.manifest.namespace
            && self.manifest.is_own_name(with_name)
            && self.manifest.maker(of_kind, with_name).is_none()
    }

    /// What is there of the kind that is wanted.
    fn instead(&self, of_kind: &str, with_name: &str) -> String {
        let known: Vec<&str> =
            self.manifest.objects.iter().filter(|it| is_kind(it, of_kind)).map(|it| name(it)).collect();
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
