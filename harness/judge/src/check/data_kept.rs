//! `data-kept`: an upgrade leaves what holds data where it is.

use std::collections::BTreeSet;

use chartgate_k8s::object::is_named;
use chartgate_k8s::typed::{Object, OrEmpty};
use chartgate_model::plan::Action;
use k8s_openapi::api::apps::v1::StatefulSet;

use crate::live;
use crate::manifest::{Manifest, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const DATA_KEPT: Check = Check {
    name: "data-kept",
    proves: "an upgrade neither removes nor renames a claim or a StatefulSet with claims, and no claim is a hook that is made again",
    means: "after the upgrade the application starts on an empty volume, and what users had stored is gone or out of reach",
    explanation: include_str!("../explanation/data-kept.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

/// The kinds that a volume's data goes with.
const HOLDS_DATA: [&str; 2] = ["PersistentVolumeClaim", "PersistentVolume"];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(DATA_KEPT.name);
    for manifest in Manifest::all(view) {
        judge_hooks(&manifest, &mut tally);
    }
    let mut before: Option<(usize, Manifest)> = None;
    for run in view.steps.iter().filter(|run| matches!(run.step.action, Action::Install | Action::Upgrade)) {
        let Some(after) = Manifest::of(view, run) else { continue };
        if let Some((index, before)) = &before
            && run.step.action == Action::Upgrade
            && run.is_tested()
            // A step with values of its own may switch something off on purpose.
            && view.steps[*index].step.values == run.step.values
        {
            judge_upgrade(before, &after, &view.plan.leaves, &mut tally);
        }
        before = Some((run.index, after));
    }
    live::data::judge(view, &mut tally);
    tally.finish_or("what holds data stays where it is", "the chart renders no claim")
}

/// A claim that is a hook is deleted and made again, unless it says otherwise.
fn judge_hooks(manifest: &Manifest, tally: &mut Tally) {
    for object in manifest.objects.iter().filter(|object| HOLDS_DATA.iter().any(|of| is_kind(object, of))) {
        let events = object.hook_events();
        if events.is_empty() || events.iter().all(|event| event.starts_with("test")) {
            tally.proved(note(format!("{} is no hook", object.slashed())));
            continue;
        }
        let policies = object.delete_policies();
        let has = |wanted: &str| policies.contains(&wanted);
        let is_repeated = events.iter().any(|event| event.ends_with("-upgrade") || event.ends_with("-rollback"));
        let shown = format!("{} is a hook ({})", object.slashed(), events.join(", "));
        let hint =
            "make it a part of the release, with `helm.sh/resource-policy: keep` if it is to stay after an uninstall";
        if has("hook-succeeded") {
            tally.fail(format!("{shown} that helm deletes as soon as it has succeeded (`hook-succeeded`)")).hint(hint);
        } else if has("before-hook-creation") && is_repeated {
            tally
                .fail(format!("{shown} that helm deletes and makes again at each upgrade (`before-hook-creation`)"))
                .hint(hint);
        } else if has("before-hook-creation") && events.iter().any(|event| event.ends_with("-install")) {
            tally
                .advise(format!(
                    "{shown} that the next install of the same name deletes, if it stayed (`before-hook-creation`)"
                ))
                .hint(hint);
        } else {
            tally.proved(note(format!("{shown} that helm does not delete")));
        }
    }
}

/// What held data before an upgrade and is not there after it.
fn judge_upgrade(before: &Manifest, after: &Manifest, retained: &[String], tally: &mut Tally) {
    let identity = |manifest: &Manifest, object: &Object| {
        let ns = object.namespace().unwrap_or(manifest.namespace).to_owned();
        (object.kind().to_owned(), ns, object.name().to_owned())
    };
    let there: BTreeSet<_> = after.objects.iter().map(|object| identity(after, object)).collect();
    let known: BTreeSet<_> = before.objects.iter().map(|object| identity(before, object)).collect();
    let new: Vec<&Object> =
        after.objects.iter().copied().filter(|object| !known.contains(&identity(after, object))).collect();
    for object in before.objects.iter().filter(|object| !object.is_hook()) {
        let is_claim = is_kind(object, "PersistentVolumeClaim");
        if !is_claim && !has_claims(object) {
            continue;
        }
        if there.contains(&identity(before, object)) {
            tally.proved(note(format!("{} is in both versions", object.slashed())));
            continue;
        }
        if object.is_kept() || is_retained(object, retained) {
            tally.proved(note(format!("{} is kept", object.slashed())));
            continue;
        }
        let instead = instead_of(object, &new);
        if is_claim {
            judge_claim(object, instead, tally);
        } else {
            judge_set(object, instead, tally);
        }
    }
}

/// What takes the place of an object that holds data: of its own kind if there is such a one, and of the name that is most like its own.
fn instead_of<'a>(object: &Object, new: &[&'a Object]) -> Option<&'a Object> {
    let holds_data = |it: &&&Object| is_kind(it, "PersistentVolumeClaim") || has_claims(it);
    let likeness =
        |it: &Object| (it.kind() == object.kind(), strsim::normalized_damerau_levenshtein(it.name(), object.name()));
    let all = new.iter().copied().filter(|it| holds_data(&it));
    all.max_by(|one, other| likeness(one).partial_cmp(&likeness(other)).unwrap_or(std::cmp::Ordering::Equal))
}

fn judge_claim(claim: &Object, instead: Option<&Object>, tally: &mut Tally) {
    let replaced =
        instead.map_or(String::new(), |it| format!(", and the new version starts on an empty {}", it.slashed()));
    let message =
        format!("the upgrade removes {}, which has no `helm.sh/resource-policy: keep`{replaced}", claim.slashed());
    tally.fail(message).hint(
        "keep its name, or give it the annotation one version before it goes and tell users how to move the data",
    );
}

fn judge_set(set: &Object, instead: Option<&Object>, tally: &mut Tally) {
    let claims = |set: &Object| {
        let names = set.claim_templates().iter().map(|claim| claim.metadata.name.or_empty());
        names.map(|name| format!("persistentvolumeclaim/{name}-{}-0", set.name())).collect::<Vec<_>>().join(", ")
    };
    let spec = set.typed::<StatefulSet>().and_then(|set| set.spec.as_ref());
    let policy = spec.and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    let is_deleted = policy.is_some_and(|policy| policy.when_deleted.as_deref() == Some("Delete"));
    let fate = if is_deleted { "are deleted with it" } else { "stay behind, used by nothing" };
    let message = format!("the upgrade removes {}, whose claims ({}) {fate}", set.slashed(), claims(set));
    let hint = "keep its name, or tell users how to move the data";
    match instead {
        Some(it) => tally.fail(format!("{message}; {} starts on empty ones", it.slashed())).hint(hint),
        None if is_deleted => tally.fail(message).hint(hint),
        None => tally.advise(message).hint(hint),
    };
}

fn has_claims(object: &Object) -> bool {
    !object.claim_templates().is_empty()
}

/// Whether the contract says that an object stays: `KIND` or `KIND/NAME`, where a name may end with `*`.
fn is_retained(object: &Object, retained: &[String]) -> bool {
    retained.iter().any(|entry| {
        let (of_kind, wanted) = entry.split_once('/').unwrap_or((entry, "*"));
        of_kind.eq_ignore_ascii_case(object.kind()) && is_named(object.name(), wanted)
    })
}

#[cfg(test)]
mod tests;
