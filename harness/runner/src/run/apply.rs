//! Objects that are applied beside the release, and what an operator makes of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::{api, error};
use chartgate_model::plan::{Action, Awaited, Outcome, Plan};
use chartgate_process::home::Environment;
use chartgate_process::wait::{Check, until};
use chartgate_scenario::{fill, fill_and_tell};
use futures::FutureExt;
use futures::future::join_all;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::discovery::{Discovery, Scope};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::sample;
use super::stage::{Stage, Templates};
use crate::helm::Helm;
use crate::record::{Moment, StepOutcome, Timeline};
use chartgate_k8s::object::{api_version, kind, name, namespace, slashed, text, title};
use chartgate_k8s::typed::{Condition, Object, OrEmpty};

/// Owner of the fields that we apply.
const MANAGER: &str = "chartgate";
/// Helm's word for a release whose last change succeeded.
const DEPLOYED: &str = "deployed";
/// A definition is served a moment after it is established, and later on a busy machine.
const SERVED_LIMIT: Duration = Duration::from_secs(15);

/// What a cluster knows.
pub struct Kinds(Vec<(ApiResource, Scope)>);

impl Kinds {
    /// Asks the cluster.
    pub async fn ask(client: &Client) -> Result<Self> {
        let known =
            Discovery::new(client.clone()).run_aggregated().await.context("ask which kinds the cluster knows")?;
        let versions = known.groups().flat_map(|group| group.versions().map(move |version| (group, version)));
        let resources = versions.flat_map(|(group, version)| group.versioned_resources(version));
        Ok(Self(resources.map(|(resource, capabilities)| (resource, capabilities.scope)).collect()))
    }

    /// Asks until every one of these objects has a kind that the cluster knows.
    pub async fn of(client: &Client, objects: &[Value]) -> Result<Self> {
        until("the cluster to know the kinds that are applied", SERVED_LIMIT, || async {
            let kinds = match Self::ask(client).await {
                Ok(kinds) => kinds,
                Err(error) => return Check::NotYet(error::message(&error)),
            };
            match objects.iter().find(|object| kinds.of_object(object).is_none()) {
                Some(object) => {
                    let (version, kind) = (api_version(object), kind(object));
                    Check::NotYet(format!("it knows no {kind} of {version}, which {} is", title(object)))
                }
                None => Check::Ready(kinds),
            }
        })
        .await
    }

    /// The kind of an object.
    pub fn of_object(&self, object: &Value) -> Option<&(ApiResource, Scope)> {
        let is_it = |known: &ApiResource| api_version(object) == known.api_version && kind(object) == known.kind;
        self.0.iter().find(|(known, _)| is_it(known))
    }

    /// What the cluster serves, as helm tells charts of it: `GROUP/VERSION` and `GROUP/VERSION/KIND`.
    pub fn served(&self) -> Vec<String> {
        let of = |(known, _): &(ApiResource, Scope)| {
            [known.api_version.clone(), format!("{}/{}", known.api_version, known.kind)]
        };
        let served: BTreeSet<String> = self.0.iter().flat_map(of).collect();
        served.into_iter().collect()
    }

    /// The kind of a name alone: that of Kubernetes' core where there are several.
    fn of_name(&self, kind: &str) -> Option<&(ApiResource, Scope)> {
        let named = || self.0.iter().filter(|(known, _)| known.kind == kind);
        named().find(|(known, _)| known.group.is_empty()).or_else(|| named().next())
    }
}

/// What a cluster serves, as helm tells charts of it.
pub async fn served(client: &Client) -> Result<Vec<String>> {
    Ok(Kinds::ask(client).await?.served())
}

/// Applies objects in their order, and gives them as they are then. Those of namespaced kinds that name no namespace go to `ns`.
pub async fn all(client: &Client, objects: &[Value], ns: &str) -> Result<Vec<DynamicObject>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let kinds = Kinds::of(client, objects).await?;
    let mut applied = Vec::new();
    for object in objects {
        let known = kinds.of_object(object).with_context(|| format!("find the kind of {}", title(object)))?;
        let own = namespace(object).unwrap_or(ns);
        let parameters = PatchParams::apply(MANAGER).force();
        let patched = api(client, known, own).patch(name(object), &parameters, &Patch::Apply(object)).await;
        applied.push(patched.with_context(|| format!("apply {}", title(object)))?);
    }
    Ok(applied)
}

/// The objects that a plan's steps apply, with what is known before anything runs: every mistake in their templates shows here.
///
/// # Errors
/// [`Invalid`](chartgate_yaml::Invalid) for a template that names nothing.
pub fn known(plan: &Plan, templates: &Templates) -> Result<Vec<Value>> {
    let mut known = Vec::new();
    for step in &plan.steps {
        let Action::Apply { objects, until } = &step.action else { continue };
        let wrong = |error: anyhow::Error| chartgate_yaml::Invalid(format!("`apply` of `{}`: {error}", plan.name));
        for object in objects {
            known.push(fill(object, templates).map_err(wrong)?);
        }
        for awaited in until {
            fill(&Value::from(awaited.name.as_str()), templates).map_err(wrong)?;
        }
    }
    Ok(known)
}

/// Something that is awaited, and how it was before.
struct Wait {
    awaited: Awaited,
    api: Api<DynamicObject>,
    before: Option<Value>,
}

/// Carries a step out: applies its objects, waits for what is to come of them, and samples the release, if there is one.
pub async fn run(plan: &Plan, index: usize, helm: &Helm, stage: &Stage, timeline: &Timeline) -> Result<StepOutcome> {
    let step = &plan.steps[index];
    let Action::Apply { objects, until } = &step.action else { anyhow::bail!("step {} applies nothing", index + 1) };
    let deadline = Instant::now() + Duration::from_secs(step.timeout_seconds);
    // What is new may be a secret, and is learned before anything can repeat it.
    let mut learn = |text: &str| timeline.redactor().add(text);
    let filled = objects.iter().map(|object| fill_and_tell(object, stage.templates(), &mut learn));
    let objects: Vec<Value> = filled.collect::<Result<_>>()?;
    for object in &objects {
        timeline.learn(object);
    }
    let kinds = Kinds::of(&stage.client, &objects).await?;
    refuse_foreign(&kinds, &objects, stage)?;
    let mut waits = Vec::new();
    for awaited in until {
        match Wait::of(awaited, &kinds, &objects, stage).await? {
            Ok(wait) => waits.push(wait),
            Err(why) => return Ok(StepOutcome::NotReady { why }),
        }
    }
    let applied = match all(&stage.client, &objects, &stage.ns).await {
        Ok(applied) => applied,
        Err(error) => match error.downcast_ref::<kube::Error>() {
            Some(kube::Error::Api(_)) => return Ok(StepOutcome::HelmFailed { why: error::message(&error) }),
            _ => return Err(error),
        },
    };
    let hashes = applied.into_iter().map(|object| store(object, timeline)).collect::<Result<_>>()?;
    timeline.append(Moment::Applied { step: index, objects: hashes });
    let outcomes = join_all(waits.iter().map(|wait| wait.end(deadline, stage))).await;
    for (wait, outcome) in waits.iter().zip(outcomes) {
        match outcome? {
            Ok(what) => timeline.append(Moment::Came { step: index, what }),
            Err(seen) => {
                let why = format!("waited until {}; last seen: {seen}", wait.awaited.title());
                return Ok(StepOutcome::NotReady { why });
            }
        }
    }
    let Some(status) = helm.status(&plan.release).await?.filter(|status| status.info.status == DEPLOYED) else {
        return Ok(StepOutcome::Succeeded);
    };
    let manifest = chartgate_yaml::objects(&status.manifest)?;
    let settle = || stage.wait(deadline, || stage.not_ready(&manifest)).boxed();
    sample::of_settled(plan, index, &manifest, stage, timeline, settle).await
}

/// A cluster that is not the scenario's own is left as it is, but for the release's namespace.
fn refuse_foreign(kinds: &Kinds, objects: &[Value], stage: &Stage) -> Result<()> {
    let is_outside = |object: &&Value| kinds.of_object(object).is_some_and(|(_, scope)| *scope == Scope::Cluster);
    match objects.iter().find(is_outside).filter(|_| !stage.owns_cluster) {
        Some(object) => {
            let what = format!("{} belongs to no namespace, and the cluster is not the scenario's own", title(object));
            Err(Environment::hinted(what, "leave out `--context` for it").into())
        }
        None => Ok(()),
    }
}

fn store(mut object: DynamicObject, timeline: &Timeline) -> Result<String> {
    object.metadata.managed_fields = None;
    Ok(timeline.store(&serde_json::to_value(object).context("encode an object")?))
}

impl Wait {
    /// Notes how it is before the step; the inner error: the cluster knows no such kind.
    async fn of(awaited: &Awaited, kinds: &Kinds, objects: &[Value], stage: &Stage) -> Result<Result<Self, String>> {
        let name = fill(&Value::from(awaited.name.as_str()), stage.templates())?;
        let awaited = Awaited { name: text(&name).to_owned(), ..awaited.clone() };
        let applied = objects.iter().find(|object| kind(object) == awaited.kind);
        let Some(known) = applied.and_then(|object| kinds.of_object(object)).or(kinds.of_name(&awaited.kind)) else {
            return Ok(Err(format!("the cluster knows no {}, of which `{}` is awaited", awaited.kind, awaited.name)));
        };
        let api = api(&stage.client, known, &stage.ns);
        let before = api.get_opt(&awaited.name).await.with_context(|| format!("look whether {}", awaited.title()))?;
        let before = before.map(serde_json::to_value).transpose()?;
        Ok(Ok(Self { awaited, api, before }))
    }

    /// Waits by watch: what came, or what was seen instead.
    async fn end(&self, deadline: Instant, stage: &Stage) -> Result<Result<String, String>> {
        let Awaited { kind, name, .. } = &self.awaited;
        let seen = Mutex::new(String::new());
        let is_there = |object: Option<&DynamicObject>| {
            let object = object.and_then(|object| serde_json::to_value(object).ok());
            let missing = missing(&self.awaited, object.as_ref(), self.before.as_ref());
            let is_there = missing.is_none();
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = missing.unwrap_or_default();
            is_there
        };
        let waited = timeout_at(deadline, await_condition(self.api.clone(), name, is_there)).await;
        let Ok(found) = waited else { return Ok(Err(seen.into_inner().unwrap_or_else(PoisonError::into_inner))) };
        let found = found.with_context(|| format!("watch {}", slashed(kind, name)))?;
        // What the recorder watches is on the timeline before the step ends.
        let version = found.and_then(|object| object.metadata.resource_version).unwrap_or_default();
        let number = |version: &str| version.parse::<u64>().unwrap_or_default();
        let is_late = || {
            let own = stage.namespace.get(kind, name).map(|own| number(own.metadata().resource_version.or_empty()));
            let is_late = stage.namespace.is_watched(kind) && own.is_none_or(|own| own < number(&version));
            is_late.then(|| format!("{} is not recorded in version {version}", slashed(kind, name)))
        };
        Ok(stage
            .wait(deadline, is_late)
            .await
            .map(|()| format!("{} (resource version {version})", self.awaited.came())))
    }
}

/// What is missing of what is awaited; `None`: it is there.
fn missing(awaited: &Awaited, object: Option<&Value>, before: Option<&Value>) -> Option<String> {
    let Awaited { kind, name, outcome } = awaited;
    let shown = slashed(kind, name);
    let Some(object) = object else { return Some(format!("{shown} does not exist")) };
    match outcome {
        Outcome::Condition(condition) => {
            let object = Object::from(object.clone());
            let generation = object.metadata().generation.unwrap_or_default();
            let Some(found @ Condition { status, reason, message, .. }) = object.condition(condition) else {
                return Some(format!("{shown} has no condition `{condition}`"));
            };
            if object.common().status.observed_generation.is_some_and(|observed| observed < generation) {
                return Some(format!("the status of {shown} is of an older state"));
            }
            (!found.is_true()).then(|| format!("`{condition}` of {shown} is {status}: {reason}: {message}"))
        }
        Outcome::Changes(path) => {
            // The value may be a secret: it is not told.
            let now = lookup(object, path);
            let then = before.and_then(|before| lookup(before, path));
            match (now, then) {
                (None, _) => Some(format!("{shown} has no `{path}`")),
                (Some(now), Some(then)) if now == then => Some(format!("`{path}` of {shown} is as before the step")),
                _ => None,
            }
        }
    }
}

/// The value at a dotted path. A key may hold dots itself: `data.tls.crt`.
fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let mut dots = path.match_indices('.').map(|(at, _)| at);
    dots.find_map(|at| lookup(value.get(&path[..at])?, &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(path: &str) -> Awaited {
        Awaited { kind: "Secret".to_owned(), name: "api".to_owned(), outcome: Outcome::Changes(path.to_owned()) }
    }

    fn ready() -> Awaited {
        let outcome = Outcome::Condition("Ready".to_owned());
        Awaited { kind: "ClusterSecretStore".to_owned(), name: "platform".to_owned(), outcome }
    }

    #[track_caller]
    fn check_missing(awaited: &Awaited, object: Option<&Value>, before: Option<&Value>, says: &str) {
        let missing = missing(awaited, object, before).expect("something is missing");
        assert!(missing.contains(says), "`{says}` is not in: {missing}");
    }

    /// A failure would mean that a value which never rotated counts as rotated.
    #[test]
    fn a_field_has_changed_only_if_its_value_is_another() {
        let secret = |value: &str| json!({"data": {"PASSWORD": value, "OTHER": value}});
        let (old, new) = (secret("b2xk"), secret("bmV3"));
        let awaited = changes("data.PASSWORD");
        check_missing(&awaited, Some(&old), Some(&old), "`data.PASSWORD` of secret/api is as before the step");
        check_missing(&awaited, None, Some(&old), "does not exist");
        check_missing(&changes("data.PASSWROD"), Some(&new), Some(&old), "has no `data.PASSWROD`");
        assert_eq!(missing(&awaited, Some(&new), Some(&old)), None);
        assert_eq!(missing(&awaited, Some(&new), None), None, "what was not there before has come");
    }

    /// A failure would mean that a Secret's value can be read where a step failed.
    #[test]
    fn what_is_missing_does_not_tell_the_value() {
        let secret = json!({"data": {"PASSWORD": "aHVudGVyMjI="}});
        let missing = missing(&changes("data.PASSWORD"), Some(&secret), Some(&secret)).expect("it is as before");
        assert!(!missing.contains("aHVudGVyMjI="), "{missing}");
    }

    /// A failure would mean that the key of a certificate cannot be awaited.
    #[test]
    fn a_key_may_hold_dots() {
        let secret = json!({"data": {"tls.crt": "a", "tls": {"key": "b"}}});
        assert_eq!(lookup(&secret, "data.tls.crt"), Some(&json!("a")));
        assert_eq!(lookup(&secret, "data.tls.key"), Some(&json!("b")));
        assert_eq!(lookup(&secret, "data.tls.none"), None);
    }

    /// A failure would mean that a step goes on before the operator has seen what was applied.
    #[test]
    fn a_condition_is_awaited_in_the_operators_words() {
        let with = |status: &str, observed: u64| {
            let condition =
                json!({"type": "Ready", "status": status, "reason": "NoProvider", "message": "no such vault"});
            json!({"metadata": {"generation": 2}, "status": {"conditions": [condition], "observedGeneration": observed}})
        };
        check_missing(&ready(), Some(&json!({})), None, "has no condition `Ready`");
        check_missing(&ready(), Some(&with("False", 2)), None, "is False: NoProvider: no such vault");
        check_missing(&ready(), Some(&with("True", 1)), None, "is of an older state");
        assert_eq!(missing(&ready(), Some(&with("True", 2)), None), None);
    }

    /// A failure would mean that a mis-spelled template is found out after minutes, on a cluster.
    #[test]
    fn an_unknown_template_shows_before_anything_runs() {
        let step = |name: &str, awaited: &str| {
            chartgate_model::plan::Step::new(Action::Apply {
                objects: vec![json!({"kind": "Secret", "metadata": {"name": name}})],
                until: vec![Awaited { name: awaited.to_owned(), ..changes("data.A") }],
            })
        };
        let of = |step| Plan { steps: vec![step], ..Plan::default() };
        let templates = Templates::from([("release".to_owned(), "x".to_owned())]);
        let known_objects = known(&of(step("{{release}}-a", "{{release}}")), &templates).unwrap();
        assert_eq!(known_objects[0]["metadata"]["name"], "x-a");
        for wrong in [of(step("{{relaese}}", "a")), of(step("a", "{{relaese}}"))] {
            let error = known(&wrong, &templates).unwrap_err();
            assert!(
                error.is::<chartgate_yaml::Invalid>() && error.to_string().contains("did you mean `{{release}}`"),
                "{error}"
            );
        }
    }
}
