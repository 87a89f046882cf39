//! One scenario's run: the plan's steps on a cluster, with the recorder watching from before the first one.

mod demand;
mod fault;
mod hook;
mod neighbour;
mod release;
mod require;
mod sample;
mod stage;
mod traffic;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::backing::servers;
use crate::cluster::{Databases, KubeContext, Lease, Request, Sharing};
use crate::helm::Helm;
use crate::home::{self, Environment};
use crate::judge::ready;
use crate::plan::{Action, Expect, Fault, Plan, Step};
use crate::record::{HelmCall, Moment, StepOutcome, Timeline};
use crate::redact::Redactor;
use crate::report::Progress;
use crate::scenario::{fill, merge};
use crate::{random, yaml};
use stage::Stage;
pub use stage::placeholders;
use traffic::Users;

/// Helm has already waited; what it did not wait for may take this much longer.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// What a run is given besides its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kubernetes minor version, for example `1.34`; the whole version of a user's cluster.
    pub kubernetes: String,
    /// The user's cluster to run on; `None`: one of our own.
    pub context: Option<KubeContext>,
    /// Helm major version, `3` or `4`.
    pub helm: String,
    /// Leave the cluster and the namespaces as they are at the end.
    pub keep: bool,
}

/// Runs a plan and records it in `folder`.
///
/// # Errors
/// If the environment or the harness failed. A chart at fault is no error: the recording shows it.
pub async fn run(plan: &Plan, options: &Options, folder: &Path, progress: &Progress) -> Result<()> {
    let redactor = Redactor::default();
    let ns = namespace_name(plan);
    let version = home::version(&format!("HELM_{}", options.helm))?;
    if plan.steps.iter().any(|step| plan.chart_of(step).is_none()) {
        // What the scenario is upgraded from is not there: the recording is empty, and the plan in it says why.
        let timeline = Timeline::create(folder, plan, redactor)?;
        timeline.append(started(&ns, &timeline, false, [("helm", version.to_owned())]));
        return timeline.end(plan);
    }

    // Rendered with placeholders first: a chart that does not render needs no cluster, and the images are known early.
    let helm = Helm::new(version, &options.kubernetes, &ns, redactor.clone())?;
    let mut images = vec![home::prober()?];
    let known = filled(plan, &stage::placeholders(plan, &ns))?;
    let dry = render_all(&known, &helm).await?;
    let reusing = render_all(&without_reuse(known), &helm).await?;
    let required = require::read(&plan.requires).await?;
    images.extend(required.iter().flat_map(images_of));
    images.extend(dry.iter().chain(&reusing).flatten().flat_map(|render| render.iter().flatten()).flat_map(images_of));
    images.sort();
    images.dedup();
    if dry.iter().flatten().any(Result::is_err) && !plan.steps.iter().any(|step| step.expect != Expect::Succeeds) {
        let timeline = Timeline::create(folder, plan, redactor)?;
        timeline.append(started(&ns, &timeline, false, [("helm", version.to_owned())]));
        record_renders(plan, &timeline, &dry);
        return timeline.end(plan);
    }

    progress.say("waiting for a cluster");
    let sharing = if options.context.is_some() {
        if plan.workers > 0 {
            let what = "the scenario needs worker nodes of its own, which are drained or counted";
            return Err(Environment::new(format!("{what}\nhint: leave out `--context` for it")).into());
        }
        Sharing::Shared
    } else if plan.workers > 0 {
        Sharing::Own { nodes: plan.workers.saturating_add(1) }
    } else if !required.is_empty()
        || plan.steps.iter().filter_map(|step| plan.chart_of(step)).any(|chart| chart.path.join("crds").is_dir())
    {
        // `helm template` leaves out what this folder holds. What is required may be there once only.
        Sharing::Own { nodes: 1 }
    } else {
        sharing_of(dry.iter().flatten().flat_map(|render| render.iter().flatten()))
    };
    let request = Request {
        run: plan.name.clone(),
        kubernetes: options.kubernetes.clone(),
        context: options.context.clone(),
        sharing,
        millicores: demand::millicores(plan, dry.iter().chain(&reusing).flatten().filter_map(|it| it.as_ref().ok())),
        images,
        postgres: databases(plan),
        servers: servers(plan)?,
        keep: options.keep,
    };
    let lease = Lease::acquire(&request, |line| progress.say(line)).await?;
    if !lease.cluster.is_kind() && home::named_prober().is_none() {
        let what = format!("context `{}` is no kind cluster of this machine", lease.cluster.name);
        let hint = "hint: set `CHARTGATE_PROBER_IMAGE` to an image of harness/prober that the cluster can pull";
        return Err(Environment::new(format!("{what}, so the prober's image cannot be put on it\n{hint}")).into());
    }
    // The recording begins here: waiting for a cluster is no part of the scenario.
    let timeline = Timeline::create(folder, plan, redactor)?;
    progress.say("setting up databases, watches and the prober");
    let helm = helm.on_cluster(&lease.cluster.kubeconfig);
    tokio::select! {
        ended = async {
            let stage = Stage::set(plan, &lease, &ns, version, &timeline).await?;
            require::apply(&stage.client, &required, &ns, stage.templates()).await?;
            perform(plan, &helm, stage, &timeline, progress).await
        } => ended?,
        () = lease.lost() => {
            let hint = "hint: was it killed? its log is in the state folder";
            let what = if options.context.is_some() { "the next run removes the namespaces" } else { "with it the cluster" };
            return Err(Environment::new(format!("the broker ended, and {what}\n{hint}")).into());
        }
    }
    if options.keep {
        progress.say(&lease.how_to_look(&ns));
    }
    timeline.end(plan)
}

/// Carries the plan out on a leased cluster, up to the first step that does not end as expected.
async fn perform(plan: &Plan, helm: &Helm, stage: Stage, timeline: &Timeline, progress: &Progress) -> Result<()> {
    let plan = &filled(plan, stage.templates())?;
    let renders = render_all(plan, helm).await?;
    record_renders(plan, timeline, &renders);
    let neighbour = neighbour::install(plan, helm, &stage, timeline).await?;
    let mut users = Users::of(plan, &stage, timeline);
    for (index, (step, render)) in plan.steps.iter().zip(&renders).enumerate() {
        if step.action == Action::Uninstall {
            users.leave().await;
        }
        progress.say(&describe(step));
        if step.reuses_values {
            record_render(index, &helm.template_reusing(plan, step, &step_values(plan, step)).await?, timeline);
        }
        timeline.append(Moment::StepStarted { step: index });
        let outcome = match (&step.action, render) {
            (Action::RunHook { hook }, Some(Ok(rendered))) => {
                let limit = Duration::from_secs(step.timeout_seconds);
                hook::run(hook, &plan.hooks[hook], rendered, &stage, limit).await?
            }
            (Action::RunHook { .. }, Some(Err(error))) => StepOutcome::HelmFailed { why: error.clone() },
            (Action::Disrupt | Action::Scale { .. }, _) => {
                Box::pin(fault::disturb(plan, index, step, helm, &stage, timeline)).await?
            }
            // On the heap, as every future that holds much.
            _ => Box::pin(carry_out(plan, index, step, helm, &stage, timeline)).await?,
        };
        users.drain().await;
        let as_expected = is_expected(step, &outcome);
        let has_settled = outcome == StepOutcome::Succeeded;
        timeline.append(Moment::StepEnded { step: index, outcome });
        timeline.check()?;
        if has_settled && matches!(step.action, Action::Install | Action::Upgrade) {
            users.come()?;
        }
        users.settle().await;
        if !as_expected {
            break;
        }
    }
    users.leave().await;
    if let Some(neighbour) = neighbour {
        neighbour.look_again(&stage, timeline).await;
    }
    stage.strike().await
}

/// A step's rendered objects, or helm's refusal; `None` for a step that renders nothing, or that needs the release's values for it.
type Render = Option<Result<Vec<Value>, String>>;

async fn render_all(plan: &Plan, helm: &Helm) -> Result<Vec<Render>> {
    let renders = plan.steps.iter().map(async |step| match step.action {
        _ if step.reuses_values => Ok(None),
        Action::Install | Action::Upgrade | Action::RunHook { .. } => {
            helm.template(plan, step, &step_values(plan, step)).await.map(Some)
        }
        Action::Rollback { .. } | Action::Uninstall | Action::Disrupt | Action::Scale { .. } | Action::Test => Ok(None),
    });
    futures::future::try_join_all(renders).await
}

/// Puts what the release's own steps render on the timeline; a hook that is run by hand is no part of the release.
fn record_renders(plan: &Plan, timeline: &Timeline, renders: &[Render]) {
    // All secrets are learned before the first line is written.
    renders.iter().flatten().flatten().flatten().for_each(|object| timeline.learn(object));
    for (index, (step, render)) in plan.steps.iter().zip(renders).enumerate() {
        if let Some(render) = render
            && !matches!(step.action, Action::RunHook { .. })
        {
            record_render(index, render, timeline);
        }
    }
}

fn record_render(step: usize, render: &Result<Vec<Value>, String>, timeline: &Timeline) {
    let objects = render.iter().flatten().inspect(|object| timeline.learn(object)).map(|object| timeline.store(object));
    let objects = objects.collect();
    timeline.append(Moment::Rendered { step, error: render.as_ref().err().cloned(), objects });
}

/// The plan with the templates in its values filled in: once, so that a random one is the same in each step.
fn filled(plan: &Plan, templates: &stage::Templates) -> Result<Plan> {
    let fill = |values: &Value| {
        fill(values, templates).map_err(|error| yaml::Invalid(format!("values of `{}`: {error}", plan.name)))
    };
    let mut filled = plan.clone();
    filled.values = fill(&plan.values)?;
    for step in &mut filled.steps {
        step.values = fill(&step.values)?;
    }
    Ok(filled)
}

/// The steps that take over the release's values, as if they were given the plan's: only the images of that are of use.
fn without_reuse(mut plan: Plan) -> Plan {
    plan.steps.retain(|step| step.reuses_values);
    plan.steps.iter_mut().for_each(|step| step.reuses_values = false);
    plan
}

/// The plan's values and the step's; the step's alone where the release's are taken over.
fn step_values(plan: &Plan, step: &Step) -> Value {
    if step.reuses_values {
        return step.values.clone();
    }
    let mut values = plan.values.clone();
    merge(&mut values, step.values.clone());
    values
}

/// Kinds that belong to no namespace, and that a chart may render (Kubernetes 1.36, `kubectl api-resources --namespaced=false`).
const CLUSTER_SCOPED: [&str; 15] = [
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CSIDriver",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// A chart with objects outside its namespace gets a cluster of its own: they would meet those of other scenarios.
fn sharing_of<'a>(mut rendered: impl Iterator<Item = &'a Value>) -> Sharing {
    let is_outside = |object: &Value| object["kind"].as_str().is_some_and(|kind| CLUSTER_SCOPED.contains(&kind));
    if rendered.any(is_outside) { Sharing::Own { nodes: 1 } } else { Sharing::Shared }
}

/// A server that a step restarts is no one else's.
fn databases(plan: &Plan) -> Databases {
    if plan.databases().next().is_none() {
        return Databases::None;
    }
    let restarts = plan.steps.iter().any(|step| step.fault == Some(Fault::DatabaseRestarts));
    if restarts { Databases::Own } else { Databases::Shared }
}

/// Every container image that an object's pod template names.
fn images_of(object: &Value) -> Vec<String> {
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

async fn carry_out(
    plan: &Plan,
    index: usize,
    step: &Step,
    helm: &Helm,
    stage: &Stage,
    timeline: &Timeline,
) -> Result<StepOutcome> {
    let values = step_values(plan, step);
    let args = helm.args(plan, step);
    let began = Instant::now();
    let call = helm.act(step, args.clone(), &values);
    let output = fault::during(plan, index, stage, timeline, call).await?;
    timeline.append(Moment::Helm(HelmCall {
        step: index,
        args,
        status: output.as_ref().and_then(|output| output.status?.code()),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        stderr: output.as_ref().map(|output| tail(&output.stderr)).unwrap_or_default(),
    }));
    if output.is_none() {
        fault::rest(stage).await;
    }
    let status = helm.status(&plan.release).await?;
    if step.action == Action::Test {
        return release::tested(output, status.as_ref(), stage).await;
    }
    let objects = status.as_ref().map(|status| yaml::objects(&status.manifest)).transpose()?.unwrap_or_default();
    if let Some(status) = &status {
        timeline.append(Moment::Release(release::describe(index, status, &objects, timeline)?));
    }
    let Some(output) = output else { return Ok(StepOutcome::Interrupted) };
    if !output.is_success() {
        let why = [tail(&output.stderr), stage.troubles()].join("\n");
        let outcome = StepOutcome::HelmFailed { why: why.trim().to_owned() };
        // What ran before is to go on: it is asked as after a step that succeeds.
        let ran_before = matches!(step.action, Action::Upgrade | Action::Rollback { .. }) && status.is_some();
        if ran_before && is_expected(step, &outcome) && sample::is_possible(plan, stage) {
            sample::take(plan, index, stage, timeline).await.context("sample what ran before")?;
        }
        return Ok(outcome);
    }
    if step.action == Action::Uninstall {
        return Ok(StepOutcome::Succeeded);
    }
    if let Err(why) = stage.settle(&objects, SETTLE_LIMIT).await {
        return Ok(StepOutcome::NotReady { why });
    }
    sample::take(plan, index, stage, timeline).await.context("sample the release")?;
    Ok(StepOutcome::Succeeded)
}

fn is_expected(step: &Step, outcome: &StepOutcome) -> bool {
    match (&step.expect, outcome) {
        (Expect::Fails(text), StepOutcome::HelmFailed { why }) => why.contains(text.as_str()),
        (Expect::Succeeds, StepOutcome::Succeeded) | (Expect::Interrupted, StepOutcome::Interrupted) => true,
        _ => false,
    }
}

fn started<const N: usize>(ns: &str, timeline: &Timeline, single_etcd: bool, versions: [(&str, String); N]) -> Moment {
    let mut versions: std::collections::BTreeMap<_, _> =
        versions.into_iter().map(|(name, version)| (name.to_owned(), version)).collect();
    versions.insert("chartgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Moment::Started {
        format: crate::record::recording::FORMAT,
        unix_ms: timeline.unix_ms(),
        namespace: ns.to_owned(),
        single_etcd,
        versions,
    }
}

/// A name of our own for each run: two runs of a scenario never meet.
fn namespace_name(plan: &Plan) -> String {
    let stem = plan.name.rsplit('/').next().unwrap_or_default();
    let safe: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("cg-{}-{}", safe.to_lowercase().trim_matches('-'), random::text(5))
}

fn describe(step: &Step) -> String {
    match &step.action {
        Action::Rollback { to: Some(revision) } => format!("helm rollback to revision {revision}"),
        Action::RunHook { hook } => format!("hook `{hook}` outside helm"),
        Action::Disrupt => format!("fault {}", step.fault.as_ref().map_or("", Fault::name)),
        Action::Scale { role, replicas } => format!("scaling `{role}` to {replicas}"),
        _ => format!("helm {}", step.verb()),
    }
}

/// Enough of a long error to understand it.
fn tail(text: &str) -> String {
    const LIMIT: usize = 4000;
    let start = text.len().saturating_sub(LIMIT);
    let start = (start..text.len()).find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    text[start..].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that two charts' cluster roles meet, or that each scenario waits for a cluster of its own.
    #[test]
    fn only_objects_outside_the_namespace_ask_for_a_cluster_of_their_own() {
        let (role, job) = (json!({"kind": "ClusterRole"}), json!({"kind": "Job"}));
        assert_eq!(sharing_of([&job].into_iter()), Sharing::Shared);
        assert_eq!(sharing_of([&job, &role].into_iter()), Sharing::Own { nodes: 1 });
    }

    /// A failure would mean that an image which only an init container runs is not on the node.
    #[test]
    fn every_image_of_a_pod_template_is_found() {
        let spec = json!({"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"name": "c"}]});
        assert_eq!(images_of(&json!({"spec": {"template": {"spec": spec}}})), ["b:1", "a:1"]);
    }

    /// A failure would mean that a namespace is refused for its name, or that two runs meet in one.
    #[test]
    fn a_namespace_has_a_valid_name_of_its_own() {
        let named = |name: &str| {
            let mut plan: Plan =
                serde_json::from_str(include_str!("../../tests/recordings/1/codex-pooler-single-replica/plan.json"))
                    .unwrap();
            plan.name = name.to_owned();
            namespace_name(&plan)
        };
        assert_ne!(named("a/b"), named("a/b"));
        assert!(named("chart/Two_Releases!").starts_with("cg-tworeleases-"));
        assert!(named(&"x".repeat(200)).len() <= 63 - "-prober".len());
    }
}
