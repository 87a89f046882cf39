//! What a scenario shows of the unchanged chart, against which its mutants are held.

use anyhow::Result;
use chartgate_judge::{Check, Level, Needs, Verdict, named};
use chartgate_k8s::object::kind;
use chartgate_model::plan::{Expect, Plan, StubImages};
use chartgate_model::recording::{Moment, Recording};
use chartgate_mutate::{Operator, Sees};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::Shared;
use super::subject::Subject;
use super::trial::{Trial, Way, directory};

/// One scenario with the unchanged chart.
pub(super) struct Base {
    pub(super) plan: Plan,
    /// What each step of the chart under test renders.
    pub(super) renders: Vec<Vec<Value>>,
    /// The checks that apply to it.
    applicable: Vec<&'static Check>,
    /// What its renders show.
    rendered: Trial,
    /// What it shows on the cluster, once it was run there: with stub images, and with its own.
    on_cluster: [OnceCell<Trial>; 2],
}

impl Base {
    /// Those of a chart's scenarios.
    pub(super) async fn all(subject: &Subject, shared: &Shared) -> Result<Vec<Self>> {
        let bases = subject.plans.iter().map(|plan| Self::of(subject, plan, shared));
        futures::future::try_join_all(bases).await
    }

    async fn of(subject: &Subject, plan: &Plan, shared: &Shared) -> Result<Self> {
        let into = directory(&shared.options.out, subject, None, plan, Way::Renders);
        let rendered = Trial::of(plan, Way::Renders, &into, shared).await?;
        let recording = Recording::load(&into)?;
        let of_chart = |step: usize| plan.steps.get(step).is_some_and(|step| step.from.is_none());
        let renders = recording.entries.iter().filter_map(|entry| match &entry.moment {
            Moment::Rendered { step, objects, .. } if of_chart(*step) && !objects.is_empty() => {
                Some(objects.iter().map(|hash| readable(recording.object(hash).raw())).collect())
            }
            _ => None,
        });
        let renders = renders.collect();
        let mut judged = recording;
        // A listed check that does not apply would be void, and not seem not to apply.
        judged.plan.proves.clear();
        judged.plan.stub_images = StubImages::Off;
        let findings = chartgate_judge::judge(&judged).into_iter();
        let applies = findings.filter(|finding| finding.verdict != Verdict::NotApplicable);
        let applicable = applies.filter_map(|finding| named(&finding.check)).collect();
        Ok(Self { plan: plan.clone(), renders, applicable, rendered, on_cluster: [OnceCell::new(), OnceCell::new()] })
    }

    /// Why it is not green without a cluster.
    pub(super) fn red(&self) -> Option<String> {
        let red = self.rendered.red.first()?;
        Some(format!("{} in {}: {}", red.check, self.plan.name, red.message))
    }

    /// What it shows of the unchanged chart in a way of running it.
    pub(super) async fn shown(&self, subject: &Subject, way: Way, shared: &Shared) -> Result<&Trial> {
        let at = match way {
            Way::Renders => return Ok(&self.rendered),
            Way::Stubs => 0,
            Way::Cluster => 1,
        };
        let into = directory(&shared.options.out, subject, None, &self.plan, way);
        self.on_cluster[at].get_or_try_init(|| Trial::of(&self.plan, way, &into, shared)).await
    }

    /// Whether the operator changes what it applies.
    pub(super) fn has(&self, operator: &Operator, helm: &str) -> bool {
        let is_seen = operator.sees == Sees::Objects || helm != "3";
        is_seen && self.renders.iter().any(|objects| operator.applies_to(objects))
    }

    /// The operator's checks that apply here and whose finding counts.
    pub(super) fn checks(&self, operator: &Operator) -> Vec<&'static Check> {
        let applicable = self.applicable.iter().copied().filter(|check| operator.checks.contains(&check.name));
        applicable.filter(|check| self.is_binding(check)).collect()
    }

    /// Whether what a check says here is more than advice.
    fn is_binding(&self, check: &Check) -> bool {
        check.level == Level::Fail || self.plan.strict || lists(&self.plan.binding, check) || self.proves(check)
    }

    /// Whether the scenario exists to prove it.
    pub(super) fn proves(&self, check: &Check) -> bool {
        lists(&self.plan.proves, check)
    }

    /// Whether each of its steps is to succeed: then whatever keeps the release from running shows.
    pub(super) fn is_to_succeed(&self) -> bool {
        self.plan.steps.iter().all(|step| step.expect == Expect::Succeeds)
    }

    /// Roughly how long it takes on a cluster, in seconds: a guess that only orders.
    pub(super) fn cost(&self) -> u64 {
        let steps: u64 = self.plan.steps.iter().map(|step| if step.fault.is_some() { 40 } else { 12 }).sum();
        let own_cluster = self.plan.workers > 0 || !self.plan.requires.is_empty() || self.plan.namespace.is_some();
        steps + if own_cluster { 120 } else { 0 } + if self.plan.traffic.is_empty() { 0 } else { 5 }
    }
}

/// A Secret as its type reads it: a recording holds its values as hashes.
fn readable(object: &Value) -> Value {
    let mut object = object.clone();
    if kind(&object) == "Secret" {
        let data = object["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut());
        // `x` in base64.
        data.for_each(|value| *value = "eA==".into());
    }
    object
}

/// The cheapest way of running a scenario in which a check says something.
pub(super) fn way_for(check: &Check) -> Way {
    match check.needs {
        Needs::Render if check.adds.is_none() => Way::Renders,
        Needs::Render | Needs::Admission | Needs::Orchestration => Way::Stubs,
        Needs::Behaviour => Way::Cluster,
    }
}

fn lists(names: &[String], check: &Check) -> bool {
    names.iter().any(|name| chartgate_judge::present_name(name) == check.name)
}
