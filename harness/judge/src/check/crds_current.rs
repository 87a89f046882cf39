//! `crds-current`: the definitions of custom resources are there when they are needed, in the version that is needed.

use chartgate_k8s::typed::Object;
use chartgate_model::plan::Action;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::manifest::Manifest;
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const CRDS_CURRENT: Check = Check {
    name: "crds-current",
    proves: "definitions in `crds/` are those of the version before, and no custom resource comes with its own definition",
    means: "after an upgrade new fields are dropped in silence, or the first install is refused",
    explanation: include_str!("../explanation/crds-current.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["release-outcome"]),
    judges_refusals: false,
    judge,
};

const DEFINITION: &str = "CustomResourceDefinition";

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(CRDS_CURRENT.name);
    for manifest in Manifest::all(view) {
        judge_install(&manifest, &mut tally);
    }
    let mut before: Option<Manifest> = None;
    for run in view.steps.iter().filter(|run| matches!(run.step.action, Action::Install | Action::Upgrade)) {
        let Some(after) = Manifest::of(view, run) else { continue };
        if let Some(before) = before.as_ref().filter(|_| run.is_tested() && run.step.action == Action::Upgrade) {
            judge_upgrade(before, &after, &mut tally);
        }
        before = Some(after);
    }
    tally
        .finish_or("definitions are there when they are needed", "the chart renders no definition of a custom resource")
}

/// Helm asks the cluster about every object before it makes the first one: a kind that the same templates define is unknown then.
fn judge_install(manifest: &Manifest, tally: &mut Tally) {
    for (definition, CustomResourceDefinition { spec, .. }) in manifest.each() {
        tally.proved(note(format!("{} is rendered", definition.slashed())));
        let is_of_it =
            |object: &&&Object| object.is_custom() && object.group() == spec.group && object.kind() == spec.names.kind;
        let resource = manifest.objects.iter().find(|object| is_of_it(object) && !comes_later(object));
        if let Some(resource) = resource.filter(|_| !manifest.is_of_crds(definition)) {
            let message = format!(
                "{} and its definition, {}, are both in the templates, so the first install is refused",
                resource.slashed(),
                definition.slashed()
            );
            tally
                .fail(message)
                .hint("put the definition into `crds/`, or let the resource be a post-install,post-upgrade hook");
        }
    }
}

/// Whether helm makes an object after all that are no hooks.
fn comes_later(object: &Object) -> bool {
    object.is_hook() && object.hook_events().iter().all(|event| !event.starts_with("pre-"))
}

/// Helm leaves what came from `crds/` as it is.
fn judge_upgrade(before: &Manifest, after: &Manifest, tally: &mut Tally) {
    // Whoever may change definitions may bring them up to date.
    let updater = after.who_may("update", DEFINITION).or_else(|| after.who_may("patch", DEFINITION));
    if let Some(updater) = updater {
        tally.proved(note(format!("{updater}, so they may be brought up to date")));
        return;
    }
    for definition in after.of_kind(DEFINITION).filter(|it| after.is_of_crds(it)) {
        let known = before.of_kind(DEFINITION).find(|it| it.name() == definition.name());
        let what = match known {
            Some(known) if known.raw_spec() == definition.raw_spec() => continue,
            Some(_) => "differs from the version before",
            None => "is new",
        };
        let message = format!(
            "`crds/` holds {}, which {what}, and helm does not touch `crds/` in an upgrade",
            definition.slashed()
        );
        tally.advise(message).hint("tell users to apply it before the upgrade, or move it into the templates with `helm.sh/resource-policy: keep`");
    }
}

#[cfg(test)]
mod tests;
