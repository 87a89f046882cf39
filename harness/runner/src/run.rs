//! One scenario's run: the plan's steps on a cluster, with the recorder watching from before the first one.

mod address;
mod apply;
mod audit;
mod awaited;
mod balancer;
mod compare;
mod demand;
mod dry_run;
mod early;
mod effect;
mod endpoints;
mod fault;
mod hook;
mod image;
mod namespace;
mod need;
mod neighbour;
mod network;
mod numbers;
mod one_store;
mod options;
mod outside;
mod pull_secret;
mod pullable;
mod refused;
mod rehearsal;
mod release;
mod remains;
mod render;
mod renders_only;
mod require;
mod rights;
mod route;
mod sample;
mod scope;
mod stage;
mod step;
mod stub;
mod traffic;
mod unreachable;
mod variant;
mod versions;
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_cluster::error;
use chartgate_cluster::{Lease, find_images};
use chartgate_model::plan::{Action, Plan, StubImages};
use chartgate_process::home::{self, Environment};
use chartgate_redact::Redactor;

use crate::helm::Helm;
use crate::progress::Progress;
use crate::record::{Mode, Moment, StepOutcome, Timeline};
use crate::stop::{Cause, Stop};
pub use dry_run::Server;
pub use early::PATIENCE;
use early::{Early, Release};
use effect::Effects;
pub use options::{BackingPlace, Options};
pub use pull_secret::PullSecret;
use rehearsal::Rehearsal;
pub use renders_only::{Beside, NAMESPACE as RENDER_NAMESPACE, record as record_renders};
pub use stage::placeholders;
use stage::{Ground, Stage};
use step::{carry_out, is_expected};
use traffic::Users;
use words::at_step;

/// Runs a plan and records it in `folder`.
///
/// # Errors
/// If the environment or the harness failed, or the [`Cause`] of its early end; what was seen until then is
/// in the folder. A chart at fault is no error: the recording shows it.
pub async fn run(plan: &Plan, options: &Options, folder: &Path, progress: &Progress, stop: &Stop) -> Result<()> {
    let redactor = Redactor::default();
    let ended = Box::pin(record(plan, options, folder, progress, stop, redactor.clone())).await;
    ended.map_err(|error| without_secrets(error, &redactor))
}

/// The same error; its words alone where they held a secret.
fn without_secrets(error: anyhow::Error, redactor: &Redactor) -> anyhow::Error {
    let said = error::message(&error);
    let shown = redactor.redact(&said);
    // The cause of an early end names a scenario at most.
    if shown == said || error.is::<Cause>() {
        error
    } else if home::is_environment(&error) {
        Environment::new(shown).into()
    } else if error.chain().any(<dyn std::error::Error>::is::<chartgate_yaml::Invalid>) {
        chartgate_yaml::Invalid(shown).into()
    } else {
        anyhow::anyhow!(shown)
    }
}

async fn record(
    plan: &Plan,
    options: &Options,
    folder: &Path,
    progress: &Progress,
    stop: &Stop,
    redactor: Redactor,
) -> Result<()> {
    learn_from_plan(plan, &redactor);
    let ns = namespace_name(plan);
    let version = home::helm_version(&options.helm)?;
    if plan.steps.iter().any(|step| plan.chart_of(step).is_none()) {
        // What the scenario is upgraded from is not there: the recording is empty, and the plan in it says why.
        let timeline = Timeline::create(folder, plan, redactor)?;
        timeline.start(&ns, Mode::Run, false, BTreeMap::from([("helm", version.to_owned())]));
        return timeline.end(plan);
    }

    stop.unless(find_images(|doing| progress.works(doing))).await?;
    let known = stop.unless(Rehearsal::of(plan, options, &ns, &redactor)).await?;
    if known.is_refused(plan) {
        let timeline = Timeline::create(folder, plan, redactor)?;
        timeline.start(&ns, Mode::Run, false, BTreeMap::from([("helm", version.to_owned())]));
        render::record_all(plan, &timeline, &known.steps);
        return timeline.end(plan);
    }

    progress.waits("waiting for a cluster");
    let request = known.request(plan, options, &ns)?;
    let lease = stop.unless(Lease::acquire(&request, |doing| progress.waits(doing.clone()))).await?;
    if !lease.cluster.capabilities.load_images && !home::is_elsewhere("PROBER") {
        let what = format!("context `{}` is no kind cluster of this machine", lease.cluster.name);
        let hint = "push the images to a registry that the cluster can pull from, and name it with `--image-registry`";
        return Err(Environment::hinted(format!("{what}, so chartgate's images cannot be put on it"), hint).into());
    }
    if let Some(context) = &options.context {
        let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await?;
        let (beside, of_servers) = (stage::beside(&ns), known.servers.namespace(plan, &ns));
        let visit = rights::Visit {
            ns: &ns,
            beside: &beside,
            of_servers: of_servers.as_deref(),
            plan,
            objects: known.objects().collect(),
        };
        stop.unless(rights::check(&client, context.name(), &visit)).await?;
    }
    need::check_images(&lease.cluster.missing_images, progress)?;
    // The recording begins here: waiting for a cluster is no part of the scenario.
    let timeline = Timeline::create(folder, plan, redactor)?;
    progress.works("setting up servers, watches and the prober");
    let helm = known.helm.clone().on_cluster(&lease.cluster.kubeconfig).telling(progress);
    let mut versions = BTreeMap::from([("helm", version.to_owned())]);
    if options.context.is_none() {
        versions.extend([
            ("kind", home::version("KIND")?.to_owned()),
            ("node-image", home::node_image(&options.kubernetes)?),
        ]);
    }
    let ended = tokio::select! {
        ended = stop.unless(async {
            let ground = Ground { lease: &lease, ns: &ns, servers: &known.servers };
            let mut stage = Stage::set(plan, options, &ground, versions, &timeline, progress).await?;
            if !lease.cluster.capabilities.load_images {
                progress.works("asking whether the cluster can pull the images");
                let (own, needed) = (known.own_images(), known.images_to_pull(plan));
                let missing = pullable::missing(&stage.client, &stage.beside(), &[own, &needed].concat()).await?;
                need::check_own_images(&missing, own)?;
                need::check_images(&missing, progress)?;
            }
            if known.renders().any(|objects| network::guards_a_role(plan, objects)) {
                progress.works("asking whether the cluster enforces NetworkPolicy");
                stage.guard(plan, &lease).await?;
            }
            let required = require::filled(&known.required, stage.templates())?;
            require::apply(&stage.client, outside::missing(required, &stage, &lease).await?, &ns).await?;
            if let Some(kept) = &known.kept {
                let kept = stub::kept_on(kept, &known.images, &lease.cluster.missing_images);
                progress.works("starting the webhook that replaces images");
                stub::install(plan, &stage, &known.objects().collect::<Vec<_>>(), &kept, &timeline).await?;
            }
            let auditor = lease.cluster.nodes.first().filter(|_| options.context.is_none()).cloned();
            let helm = helm.rendering_for(&stage.kubernetes, apply::served(&stage.client).await?);
            let namespace = stage.namespace.clone();
            tokio::select! {
                ended = perform(plan, &helm, stage, &lease, auditor, &timeline, progress) => ended,
                never = image::load_for_pods(&namespace, &lease, &known.images) => match never {},
            }
        }) => ended,
        () = lease.lost() => {
            let hint = "was it killed? its log is in the state folder";
            let what = if options.context.is_some() { "the next run removes the namespaces" } else { "with it the cluster" };
            Err(Environment::hinted(format!("the broker ended, and {what}"), hint).into())
        }
    };
    if options.keep {
        progress.note(lease.how_to_look(&ns, known.servers.namespace(plan, &ns).as_deref()));
    }
    match ended {
        Ok(()) => timeline.end(plan),
        Err(error) => {
            timeline.break_off(plan)?;
            if stop.cause().is_some() {
                progress.works("stopped: waiting until the broker has removed what it made");
                lease.end().await.context("end the lease")?;
            }
            Err(error)
        }
    }
}

/// Carries the plan out on a leased cluster, up to the first step that does not end as expected.
///
/// The node `auditor` holds the API server's record of requests, if it keeps one.
async fn perform(
    plan: &Plan,
    helm: &Helm,
    stage: Stage,
    lease: &Lease,
    auditor: Option<String>,
    timeline: &Timeline,
    progress: &Progress,
) -> Result<()> {
    let plan = &render::filled(plan, stage.templates())?;
    learn_from_plan(plan, timeline.redactor());
    let (renders, variations) = tokio::try_join!(render::all(plan, helm), variant::all(plan, helm))?;
    render::record_all(plan, timeline, &renders);
    variant::record_all(&variations, timeline);
    // What could only be rendered on the cluster may need images that nobody knew of before.
    if plan.stub_images == StubImages::Off {
        image::load(render::objects(&renders).flatten().flat_map(need::images_of), lease).await?;
    }
    outside::own(outside::of(render::objects(&renders).flatten(), &stage.ns), &stage.client, lease).await?;
    let neighbour = neighbour::install(plan, helm, &stage, lease, timeline).await?;
    let mut users = Users::of(plan, &stage, timeline);
    let examines_effects = plan.stub_images == StubImages::Off;
    let mut effects = Effects::default();
    if examines_effects {
        effects.note(plan, None, &stage, timeline).await;
    }
    for (index, (step, render)) in plan.steps.iter().zip(&renders).enumerate() {
        if step.action == Action::Uninstall {
            users.leave().await;
        }
        progress.works(at_step(plan, index, &step.describe()));
        if step.reuses_values {
            let rendered = helm.of_step(step)?.template_reusing(plan, step, &plan.values_of(step)).await?;
            render::record(index, &render::of_step(plan, step, rendered)?, timeline);
        }
        let rendered = render.as_ref().and_then(|render| render.as_ref().ok());
        let rendered = rendered.map_or(&[][..], |manifest| manifest.objects.as_slice());
        if plan.stub_images != StubImages::Off {
            stub::prepare(rendered, &stage, timeline).await?;
        }
        stage.until_seen().await?;
        timeline.append(Moment::StepStarted { step: index });
        let mut outcome = match (&step.action, render) {
            (Action::RunHook { hook }, Some(Ok(rendered))) => {
                let limit = Duration::from_secs(step.timeout_seconds);
                hook::run(
                    hook,
                    &plan.hooks[hook],
                    &rendered.objects,
                    &stage,
                    limit,
                    Early::of(step, &stage, Release::Rendered(&rendered.objects)).as_ref(),
                )
                .await?
            }
            (Action::RunHook { .. }, Some(Err(refused))) => StepOutcome::HelmFailed { why: refused.said.clone() },
            (Action::RunHook { hook }, None) => {
                StepOutcome::NotReady { why: format!("hook `{hook}` was not rendered") }
            }
            // On the heap, as every future that holds much.
            (Action::Disrupt | Action::Scale { .. }, _) => {
                Box::pin(fault::disturb(plan, index, step, helm, &stage, timeline)).await?
            }
            (Action::Apply { .. }, _) => Box::pin(apply::run(plan, index, helm, &stage, timeline)).await?,
            (Action::Install | Action::Upgrade | Action::Rollback { .. } | Action::Uninstall | Action::Test, _) => {
                Box::pin(carry_out(plan, index, step, helm, &stage, timeline)).await?
            }
        };
        if step.action == Action::Uninstall && outcome == StepOutcome::Succeeded {
            let rendered = render::objects(&renders).flatten();
            let limit = Duration::from_secs(step.timeout_seconds);
            remains::look(index, rendered, &stage, limit, timeline).await?;
        }
        if plan.stub_images != StubImages::Off {
            let known = renders.iter().take(index + 1).flatten().flatten().flat_map(|manifest| &manifest.objects);
            outcome = stub::judged(outcome, &known.collect::<Vec<_>>(), &stage)?;
        }
        users.drain().await;
        let as_expected = is_expected(step, &outcome);
        let has_settled = outcome == StepOutcome::Succeeded;
        if has_settled && examines_effects && step.action != Action::Uninstall {
            effects.note(plan, Some(index), &stage, timeline).await;
        }
        stage.until_seen().await?;
        timeline.append(Moment::StepEnded { step: index, outcome });
        timeline.check()?;
        if has_settled && matches!(step.action, Action::Install | Action::Upgrade) {
            users.come().await?;
        }
        users.settle().await;
        // A test that fails leaves the release as it is, and the other steps what they prove.
        if !as_expected && step.action != Action::Test {
            break;
        }
    }
    users.leave().await;
    if let Some(neighbour) = neighbour {
        neighbour.look_again(&stage, timeline).await;
    }
    if let Some(node) = auditor.filter(|_| plan.stub_images == StubImages::Off) {
        audit::note(&node, &stage, timeline).await?;
    }
    stage.strike().await
}

/// Learns the secrets that stand in the scenario and the contract as they are; what a template makes of one is learned when it is made.
fn learn_from_plan(plan: &Plan, redactor: &Redactor) {
    let literal = plan.secrets.values().flatten().filter(|(_, value)| !value.contains("{{"));
    literal.for_each(|(key, secret)| redactor.add_entry(key, secret.as_bytes()));
    let of_steps = plan.steps.iter().map(|step| &step.values);
    let of_versions = plan.from.iter().map(|origin| &origin.values);
    [&plan.values].into_iter().chain(of_steps).chain(of_versions).for_each(|it| redactor.add_credentials(it));
    for (name, value) in plan.set.iter().flat_map(|set| set.split(',')).filter_map(|pair| pair.split_once('=')) {
        if chartgate_redact::is_credential(name) {
            redactor.add(value);
        }
    }
}

/// The scenario's own, else a new one for each run: two runs of a scenario never meet.
fn namespace_name(plan: &Plan) -> String {
    if let Some(name) = &plan.namespace {
        return name.clone();
    }
    let stem = plan.name.rsplit('/').next().unwrap_or_default();
    let safe: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("cg-{}-{}", safe.to_lowercase().trim_matches('-'), random::text(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a run with a namespace of its own goes on in another one.
    #[test]
    fn a_scenario_may_name_its_namespace() {
        assert_eq!(
            namespace_name(&Plan { namespace: Some("istio-system".to_owned()), ..Plan::default() }),
            "istio-system"
        );
    }

    /// A failure would mean that a namespace is refused for its name, or that two runs meet in one.
    #[test]
    fn a_namespace_has_a_valid_name_of_its_own() {
        let named = |name: &str| {
            let mut plan: Plan =
                serde_json::from_str(include_str!("../../../tests/recordings/1/codex-pooler-single-replica/plan.json"))
                    .unwrap();
            plan.name = name.to_owned();
            namespace_name(&plan)
        };
        assert_ne!(named("a/b"), named("a/b"));
        assert!(named("chart/Two_Releases!").starts_with("cg-tworeleases-"));
        assert!(named(&"x".repeat(200)).len() <= 63 - "-prober".len());
    }
}
