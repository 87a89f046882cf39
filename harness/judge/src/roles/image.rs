//! `same-image`: what shares an image in the contract runs one and the same.

use std::collections::BTreeMap;

use chartgate_model::plan::Image;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::object::repository;
use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::core::v1::Container;

pub(crate) const SAME_IMAGE: Check = Check {
    name: "same-image",
    proves: "after each step, all pods of the roles and hooks that share an image run the same one",
    means: "a role or the migration stays behind on another version of the application",
    explanation: include_str!("../explanation/same-image.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: same_image,
};

fn same_image(view: &View) -> Finding {
    if view.plan.images.is_empty() {
        return not_applicable(SAME_IMAGE.name, "the contract names no image");
    }
    let mut tally = Tally::of_whole(SAME_IMAGE.name, view);
    for run in view.settled() {
        for (name, image) in &view.plan.images {
            judge_image(view, run, name, image, &mut tally);
        }
    }
    tally.finish("all pods that share an image ran the same one after each step")
}

/// A pod that is to run an image, and the role or hook it belongs to.
struct User<'a> {
    of: String,
    pod: &'a Object,
    seen: Evidence,
}

fn judge_image(view: &View, run: &StepRun, name: &str, image: &Image, tally: &mut Tally) {
    let label = run.label();
    if let Some((seen, why)) = view.gap_in(run, &["Pod", "Job"]) {
        tally.void(format!("which pods run image `{name}` after {label} is unknown: {why}")).with([seen]);
        return;
    }
    let mut references: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let users = users(view, run, image);
    let mut is_broken = false;
    for user in &users {
        let shown = format!("pod/{} of {}", user.pod.name(), user.of);
        let running = containers_of(user.pod, image);
        if running.is_empty() {
            let all = user.pod.images();
            let wanted = image.repository.as_deref().unwrap_or_default();
            let message = format!("{shown} runs {} after {label}, and nothing from `{wanted}`", all.join(", "));
            tally.fail(message).with([user.seen.clone()]).hint(format!("let `{}` reach it too", image.repository_path));
            is_broken = true;
        }
        for container in running {
            references.entry(container.image.or_empty()).or_default().push(shown.clone());
            let status = user.pod.statuses().find(|status| status.name == container.name);
            let id = status.map(|status| status.image_id.as_str()).filter(|id| !id.is_empty());
            if let Some(id) = id {
                ids.entry(id).or_default().push(shown.clone());
            }
        }
    }
    let seen = users.iter().map(|user| user.seen.clone());
    if let Some(message) = differing(&references) {
        let hint = "let every role and hook take its image from the same values";
        tally.fail(format!("image `{name}` differs after {label}: {message}")).with(seen).hint(hint);
    } else if let Some(message) = differing(&ids) {
        tally.fail(format!("image `{name}` has one name but different content after {label}: {message}")).with(seen);
    } else if references.is_empty() && !is_broken {
        tally.void(format!("no pod that runs image `{name}` was seen after {label}"));
    } else if ids.is_empty() && !is_broken {
        tally.void(format!("the content of image `{name}` is unknown after {label}: no container of it has started"));
    } else if let Some(reference) = references.keys().next() {
        tally.proved(note(format!("{} pods ran {reference} after {label}", users.len())));
    }
}

/// Says who runs what, where it is not the same for all.
fn differing(found: &BTreeMap<&str, Vec<String>>) -> Option<String> {
    if found.len() < 2 {
        return None;
    }
    let each = found.iter().map(|(image, pods)| format!("{} runs {image}", pods.first().map_or("", String::as_str)));
    Some(each.collect::<Vec<_>>().join(", "))
}

/// The containers that run an image: those of its repository, or the first where the contract names none.
fn containers_of<'a>(pod: &'a Object, image: &Image) -> Vec<&'a Container> {
    let Some(pod) = pod.pod() else { return Vec::new() };
    match &image.repository {
        Some(wanted) => pod.containers().filter(|it| repository(it.image.or_empty()) == wanted).collect(),
        None => pod.spec.containers.iter().take(1).collect(),
    }
}

/// The pods that are to run an image: the roles' that live at the step's end, and the hooks' that ran in the step.
fn users<'a>(view: &View<'a>, run: &StepRun, image: &Image) -> Vec<User<'a>> {
    let is_user = |name: &String| image.used_by.is_empty() || image.used_by.contains(name);
    let Some((_, end)) = run.window() else { return Vec::new() };
    let mut users = Vec::new();
    for (role, _) in view.plan.roles_in(run.index).filter(|(name, _)| is_user(name)) {
        for track in view.pods_of_role(role) {
            let Some(pod) = track.at(end).filter(|pod| !pod.is_terminating()) else { continue };
            let seen = track.first().evidence(&format!("runs {}", pod.images().join(", ")));
            users.push(User { of: format!("role `{role}`"), pod, seen });
        }
    }
    for (name, hook) in view.plan.hooks_in(run.index).filter(|(name, _)| is_user(name)) {
        let jobs = view.runs_of_hook(hook).into_iter().filter(|job| run.contains(job.first().seq));
        for track in jobs.flat_map(|job| view.pods_of_job(job)) {
            let seen = track.first().evidence(&format!("ran {}", track.last().images().join(", ")));
            users.push(User { of: format!("hook `{name}`"), pod: track.last(), seen });
        }
    }
    users
}

#[cfg(test)]
mod tests;
