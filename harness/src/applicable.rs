//! Which checks have a subject in a plan: decided from the plan and what the chart renders, as the judge decides it.

use anyhow::{Context, Result};
use chartgate_judge::{Check, Verdict};
use chartgate_model::plan::{Plan, StubImages};
use chartgate_model::recording::Recording;
use chartgate_process::home;
use chartgate_redact::Redactor;
use chartgate_runner::helm::Helm;
use chartgate_runner::run::{Beside, RENDER_NAMESPACE, record_renders};

/// The checks that a run of the plan would have something to say of, each with what its renders alone show: void where it takes more.
///
/// # Errors
/// [`Environment`](home::Environment) if helm is not there.
pub async fn applicable(plan: &Plan, helm: &str) -> Result<Vec<(&'static Check, Verdict)>> {
    let directory = tempfile::TempDir::with_prefix("chartgate-applicable-").context("make a directory for renders")?;
    // A listed check that does not apply would be void.
    let plan = Plan { proves: Vec::new(), stub_images: StubImages::Off, ..plan.clone() };
    record_renders(&plan, &helm_for(helm)?, directory.path(), Beside::default()).await?;
    let findings = chartgate_judge::judge(&Recording::load(directory.path())?);
    let applies = findings.into_iter().filter(|finding| finding.verdict != Verdict::NotApplicable);
    Ok(applies.filter_map(|finding| Some((chartgate_judge::named(&finding.check)?, finding.verdict))).collect())
}

/// A helm of a major version that renders for the default's Kubernetes.
///
/// # Errors
/// [`Environment`](home::Environment) if it is not there.
pub fn helm_for(major: &str) -> Result<Helm> {
    let kubernetes = home::kubernetes_release(&home::kubernetes()?);
    let helm = Helm::new(home::helm_version(major)?, &kubernetes, RENDER_NAMESPACE, Redactor::default())?;
    Ok(helm.serving(chartgate_judge::served(&kubernetes)))
}
