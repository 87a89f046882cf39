//! What a plan needs of a cluster: which one, with which images, and which database beside it.

use anyhow::Result;
use chartgate_cluster::{Databases, MissingImage, Sharing};
use chartgate_model::plan::{Action, Expect, Plan, Step, StubImages, Target};
use chartgate_process::home::Environment;
use serde_json::Value;

use super::rehearsal::Rehearsal;
use super::render::Render;
use super::{BackingPlace, Options, scope};
use crate::progress::Progress;
use chartgate_k8s::object::hook_events;
use chartgate_model::obstacle::image::{Answer, answer, needed_by, words};

/// Whether others may use the cluster meanwhile: what the scenario is to make there decides.
pub fn sharing(plan: &Plan, options: &Options, rehearsal: &Rehearsal, ns: &str) -> Result<Sharing> {
    let requires = rehearsal.has_required();
    if options.context.is_some() {
        if plan.workers > 0 {
            let what = "the scenario needs worker nodes of its own, which are drained or counted";
            return Err(Environment::hinted(what, "leave out `--context` for it").into());
        }
        if let Some(name) = &plan.namespace {
            let what = format!("the scenario installs into the namespace `{name}`, which may be someone's there");
            return Err(Environment::new(format!("{what}\nhint: leave out `--context` for it")).into());
        }
        let is_inside = !requires && scope::is_apart(rehearsal.objects(), ns);
        Ok(if is_inside { Sharing::Shared } else { Sharing::InTurn })
    } else if plan.workers > 0 {
        Ok(Sharing::Own { nodes: plan.workers.saturating_add(1) })
    } else if requires || plan.namespace.is_some() {
        // What is required, and a namespace of that name, may be there once only.
        Ok(Sharing::Own { nodes: 1 })
    } else {
        // Where no program of the release runs, a right that is granted in the whole cluster is used by nobody. What steps apply is refused
        // outside the namespace, unless the cluster is the scenario's own.
        let is_apart = match plan.stub_images {
            StubImages::All => {
                let reaching = |object: &&Value| !scope::is_grant(object, ns);
                scope::is_apart(rehearsal.rendered().filter(reaching), ns) && scope::is_apart(rehearsal.applied(), ns)
            }
            StubImages::Off | StubImages::Missing => scope::is_apart(rehearsal.objects(), ns),
        };
        Ok(if is_apart { Sharing::Shared } else { Sharing::Own { nodes: 1 } })
    }
}

/// Whether servers are pods of the cluster: as the user says, else where its pods reach no server of the engine.
pub async fn has_servers_in_cluster(options: &Options) -> Result<bool> {
    match (options.backing, &options.context) {
        (Some(backing), _) => Ok(backing == BackingPlace::InCluster),
        (None, Some(context)) => Ok(context.nodes().await?.is_empty()),
        (None, None) => Ok(false),
    }
}

/// A server that a step restarts is no one else's.
pub fn databases(plan: &Plan) -> Databases {
    if plan.databases().next().is_none() {
        return Databases::None;
    }
    let restarts =
        plan.steps.iter().any(|step| step.fault.as_ref().is_some_and(|it| it.kind().target == Target::DatabaseServer));
    if restarts { Databases::Own } else { Databases::Shared }
}

/// The images that pods of the release surely run if all goes well: those of steps that are to succeed, and of the hooks that run in them.
pub fn needed_images(plan: &Plan, renders: &[Render]) -> Vec<String> {
    let has_tests = plan.steps.iter().any(|step| step.action == Action::Test);
    let of_step = |(step, render): (&Step, &Render)| {
        let verb = step.action.verb();
        let events = if verb.renders { verb.events } else { &[] };
        let runs = |event: &str| events.contains(&event) || (has_tests && event == "test");
        let is_run = |object: &&Value| {
            let hook = hook_events(object);
            if hook.is_empty() { !events.is_empty() } else { hook.into_iter().any(runs) }
        };
        let rendered = render.iter().flatten().flat_map(|manifest| &manifest.objects);
        rendered.filter(is_run).flat_map(|object| needed_by(&object.clone().into())).collect::<Vec<_>>()
    };
    let to_succeed = plan.steps.iter().zip(renders).filter(|(step, _)| step.expect == Expect::Succeeds);
    let mut images: Vec<String> = to_succeed.flat_map(of_step).collect();
    images.sort();
    images.dedup();
    images
}

/// Says what could not be pulled.
///
/// # Errors
/// [`Environment`] if no registry answers for an image that pods surely run: nothing that is begun could end well.
pub fn check_images(missing: &[MissingImage], progress: &Progress) -> Result<()> {
    let mut unreachable = Vec::new();
    for MissingImage { reference, said } in missing.iter().filter(|image| !image.said.is_empty()) {
        let words = said.last().map_or("", |said| words(said));
        progress.note(format!("image {reference} could not be pulled: {words}"));
        if said.iter().all(|said| answer(said) == Answer::Silent) {
            unreachable.push(format!("`{reference}` (`{words}`)"));
        }
    }
    if unreachable.is_empty() {
        return Ok(());
    }
    let what = format!(
        "neither this machine's engine nor the cluster has image {}, and no registry answers",
        unreachable.join(", ")
    );
    let hint = "pull or build it where there is a network, or name another one with `--image` or `--set`";
    Err(Environment::hinted(what, hint).into())
}

/// Says which of chartgate's own images the cluster cannot pull.
///
/// # Errors
/// [`Environment`] if there is one: nothing could be asked from inside the cluster.
pub fn check_own_images(missing: &[MissingImage], own: &[String]) -> Result<()> {
    let Some(image) = missing.iter().find(|image| own.contains(&image.reference)) else { return Ok(()) };
    let said = image.said.last().map_or("", |said| words(said));
    let what = format!("the cluster cannot pull `{}`, which chartgate needs in it: {said}", image.reference);
    let hint = "push it to the registry that `--image-registry` names; a private one needs `--image-pull-secret`";
    Err(Environment::hinted(what, hint).into())
}

/// Whether an object's pods, or an account's, pull with Secrets of the chart's own.
pub fn has_pull_secrets(object: &Value) -> bool {
    match object {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let is_it = key == "imagePullSecrets" && value.as_array().is_some_and(|list| !list.is_empty());
            is_it || has_pull_secrets(value)
        }),
        Value::Array(items) => items.iter().any(has_pull_secrets),
        _ => false,
    }
}

/// Every container image that an object's pod template names.
pub fn images_of(object: &Value) -> Vec<String> {
    let mut images = Vec::new();
    collect_images(object, &mut images);
    images
}

fn collect_images(value: &Value, images: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                let containers = ["containers", "initContainers"].contains(&key.as_str());
                if let (true, Some(items)) = (containers, item.as_array()) {
                    images.extend(items.iter().filter_map(|container| container["image"].as_str().map(str::to_owned)));
                }
                collect_images(item, images);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_images(item, images)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a run is refused for an image that the chart's own Secret pulls.
    #[test]
    fn the_secrets_of_a_pod_and_of_an_account_are_found() {
        let pod = json!({"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "mine"}]}}}});
        assert!(has_pull_secrets(&pod) && has_pull_secrets(&json!({"imagePullSecrets": [{"name": "mine"}]})));
        assert!(!has_pull_secrets(&json!({"spec": {"imagePullSecrets": []}})));
    }

    /// A failure would mean that a user who forgot to push an image reads that the chart is broken.
    #[test]
    fn an_image_of_ours_that_cannot_be_pulled_is_the_environments() {
        let said = r#"failed to resolve reference "r.example/prober:1": dial tcp: no such host"#;
        let missing = [MissingImage { reference: "r.example/prober:1".to_owned(), said: vec![said.to_owned()] }];
        let refused = check_own_images(&missing, &["r.example/prober:1".to_owned()]).unwrap_err();
        assert!(
            chartgate_base::is_environment(&refused) && refused.to_string().contains("--image-registry"),
            "{refused}"
        );
        assert!(check_own_images(&missing, &["other:1".to_owned()]).is_ok());
    }

    /// A failure would mean that an image which only an init container runs is not on the node.
    #[test]
    fn every_image_of_a_pod_template_is_found() {
        let spec = json!({"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"name": "c"}]});
        assert_eq!(images_of(&json!({"spec": {"template": {"spec": spec}}})), ["b:1", "a:1"]);
    }
}
