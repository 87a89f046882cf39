//! A recording of what the steps of a plan render: no cluster, no engine.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use chartgate_model::plan::Plan;
use chartgate_redact::Redactor;
use serde_json::Value;

use super::dry_run::Server;
use super::{learn_from_plan, render, require, stage, variant, versions};
use crate::helm::Helm;
use crate::record::conceal::teach;
use crate::record::{Mode, Moment, Timeline};

/// Where a release of a plan lives that is only rendered: users have a namespace of their own, too.
pub const NAMESPACE: &str = "my-namespace";

/// What is recorded beside the renders of a plan's steps.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What is known already.
    pub moments: Vec<Moment>,
    /// The chart is rendered again with one thing changed at a time.
    pub variants: bool,
    /// The API server that is asked about each object; `None`: none is.
    pub server: Option<Server>,
}

/// Renders the steps of a plan with a helm, and records that in a directory.
///
/// # Errors
/// If helm cannot be started, or the directory cannot be written to. A refusal by helm is recorded.
pub async fn record(plan: &Plan, helm: &Helm, directory: &Path, beside: Beside) -> Result<()> {
    let redactor = Redactor::default();
    learn_from_plan(plan, &redactor);
    let plan = &render::filled(plan, &stage::placeholders(plan, NAMESPACE))?;
    let required = require::read(&plan.requires).await;
    let served = required.as_ref().map_or_else(|_| Vec::new(), |objects| require::served(objects));
    let helm = &helm.clone().serving(served).harming(plan)?;
    let renders = render::all(plan, helm).await?;
    let variations = if beside.variants { variant::all(plan, helm).await? } else { Vec::new() };
    // Before the plan is written: a value of `--set` may be one of a Secret.
    render::objects(&renders).flatten().for_each(|object| teach(&redactor, object));
    let timeline = Timeline::create(directory, plan, redactor)?;
    let versions = BTreeMap::from([("helm", helm.version().to_owned()), ("kubernetes", helm.kubernetes().to_owned())]);
    timeline.start(NAMESPACE, Mode::Render, false, versions);
    timeline.append(Moment::VersionsAsked { templates: versions::asking(&plan.chart.path, &plan.chart.name) });
    beside.moments.into_iter().for_each(|moment| timeline.append(moment));
    record_required(required, &timeline);
    render::record_all(plan, &timeline, &renders);
    variant::record_all(&variations, &timeline);
    if let Some(server) = &beside.server {
        server.ask(plan, &renders, NAMESPACE, &timeline).await;
    }
    timeline.end(plan)
}

/// What would be in the cluster before the release. Where it cannot be had, custom resources are not read against their definitions.
fn record_required(required: Result<Vec<Value>>, timeline: &Timeline) {
    timeline.append(match required {
        Ok(objects) => {
            for object in &objects {
                timeline.learn(object);
            }
            Moment::Required { objects: objects.iter().map(|object| timeline.store(object)).collect() }
        }
        Err(error) => Moment::Gap { of: "what is required".to_owned(), why: format!("{error:#}") },
    });
}
