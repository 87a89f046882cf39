//! The chart rendered again with one thing changed: what then differs depends on it, and what does not is the same for every release.

mod version;

use anyhow::{Context, Result};
use chartgate_model::plan::{Action, Chart, Plan};
use chartgate_yaml::Manifest;
use serde_json::json;
use tempfile::TempDir;

use super::render;
use crate::helm::Helm;
use crate::record::{Moment, Timeline, Variant};

/// A release name that no chart has and that no chart's name holds.
const RELEASE: &str = "qz7";
/// The longest that helm takes: 53 characters.
const LONG_RELEASE: &str = "qz7-with-as-many-characters-as-helm-allows-for-a-name";
/// A namespace that nothing else is called after.
const NAMESPACE: &str = "qz7-elsewhere";

/// One more render, and what was changed for it.
pub struct Variation {
    /// The step whose values were used.
    step: usize,
    variant: Variant,
    rendered: Result<Manifest, String>,
}

/// Renders the chart under test as its first step does, once for each variant. A plan whose steps render nothing has none.
pub async fn all(plan: &Plan, helm: &Helm) -> Result<Vec<Variation>> {
    let is_rendering = |action: &Action| matches!(action, Action::Install | Action::Upgrade);
    let steps = || plan.steps.iter().enumerate().filter(|(_, step)| step.from.is_none() && !step.reuses_values);
    let install = steps().find(|(_, step)| step.action == Action::Install);
    let Some((index, step)) = install.or_else(|| steps().find(|(_, step)| is_rendering(&step.action))) else {
        return Ok(Vec::new());
    };
    let values = plan.values_of(step);
    let directory = TempDir::with_prefix("chartgate-variant-").context("make a directory for a copy of the chart")?;
    let newer = version::raised(&plan.chart.path, directory.path()).await?;
    let elsewhere = helm.clone().in_namespace(NAMESPACE);
    let renamed = Plan { release: RELEASE.to_owned(), ..plan.clone() };
    let lengthened = Plan { release: LONG_RELEASE.to_owned(), ..plan.clone() };
    let raised = Plan { chart: Chart { path: newer.path, ..plan.chart.clone() }, ..plan.clone() };
    let bare = Plan { base_files: Vec::new(), values_files: Vec::new(), set: Vec::new(), ..plan.clone() };
    let nothing = json!({});
    let variants = [
        (Variant::Repeated, helm, plan, &values),
        (Variant::Release { name: RELEASE.to_owned() }, helm, &renamed, &values),
        (Variant::Release { name: LONG_RELEASE.to_owned() }, helm, &lengthened, &values),
        (Variant::Namespace { name: NAMESPACE.to_owned() }, &elsewhere, plan, &values),
        (Variant::Version { chart: newer.version, app: newer.app_version }, helm, &raised, &values),
        (Variant::Defaults, helm, &bare, &nothing),
    ];
    let has_values =
        values != nothing || !(plan.base_files.is_empty() && plan.values_files.is_empty() && plan.set.is_empty());
    let wanted = variants.into_iter().filter(|(variant, ..)| *variant != Variant::Defaults || has_values);
    let renders = wanted.map(async |(variant, helm, plan, values)| {
        let rendered = helm.template(plan, step, values).await?;
        anyhow::Ok(Variation { step: index, variant, rendered })
    });
    futures::future::try_join_all(renders).await
}

/// Puts the variants on the timeline.
pub fn record_all(variations: &[Variation], timeline: &Timeline) {
    let objects = || variations.iter().flat_map(|it| it.rendered.iter().flat_map(|manifest| &manifest.objects));
    // All secrets are learned before the first line is written.
    objects().for_each(|object| timeline.learn(object));
    for Variation { step, variant, rendered } in variations {
        let objects = rendered.iter().flat_map(|manifest| render::store(manifest, timeline)).collect();
        let error = rendered.as_ref().err().cloned();
        timeline.append(Moment::Variant { step: *step, variant: variant.clone(), error, objects });
    }
}
