//! `role-env`: the pods of a role have its environment, and a role that is switched off has no pods.

use std::collections::BTreeMap;

use chartgate_model::plan::Role;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::core::v1::{Container, EnvVarSource};

pub(crate) const ROLE_ENV: Check = Check {
    name: "role-env",
    proves: "each pod of a role has the environment that makes it this role, and a role that is switched off has no pod",
    means: "a pod takes up work that belongs to another role, or does none of its own",
    explanation: include_str!("../explanation/role-env.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: role_env,
};

fn role_env(view: &View) -> Finding {
    if view.plan.roles.is_empty() {
        return not_applicable(ROLE_ENV.name, "the contract names no role");
    }
    let mut tally = Tally::of_whole(ROLE_ENV.name, view);
    if let Some((seen, why)) = view.gap(&["Pod", "ConfigMap"], 0, u64::MAX) {
        tally.void(format!("a pod, or what its environment comes from, may have been missed: {why}")).with([seen]);
    }
    for (name, role) in &view.plan.roles {
        if view.plan.is_always_absent(name) {
            judge_absent(view, name, role, &mut tally);
            continue;
        }
        judge_present(view, name, role, &mut tally);
        for run in view.tested().filter(|run| view.plan.is_absent_in(run.index, name)) {
            judge_switched_off(view, run, name, role, &mut tally);
        }
    }
    let is_off = |name: &String| (0..view.plan.steps.len()).any(|step| view.plan.is_absent_in(step, name));
    let is_promised = view.plan.roles.iter().any(|(name, role)| !role.env.is_empty() || is_off(name));
    if tally.has_no_claim() && !is_promised {
        return not_applicable(ROLE_ENV.name, "no role of the contract has `env`, and none is switched off");
    }
    tally.finish("every pod of every role has the environment that the contract gives it")
}

/// The workloads of a role, as rendered: hooks are none.
fn is_workload_of(role: &Role, object: &Object) -> bool {
    !object.is_hook() && object.template().is_some_and(|pod| pod.is_selected(&role.select))
}

/// The pods of a role, without those that an earlier version of the chart made.
fn judged_pods<'a, 'v>(view: &'v View<'a>, role: &str) -> Vec<&'v Track<'a>> {
    view.pods_of_role(role).into_iter().filter(|pod| view.is_tested_at(pod.first().seq)).collect()
}

const HONOUR: &str = "honour the switch: render the role's workload only where it is enabled";

/// A workload of a role that has pods, among rendered objects.
fn running_workload<'a>(role: &Role, mut rendered: impl Iterator<Item = &'a Object>) -> Option<&'a Object> {
    let is_idle = |object: &Object| object.common().spec.replicas == Some(0) || object.common().spec.suspend;
    rendered.find(|object| is_workload_of(role, object) && !is_idle(object))
}

fn judge_absent(view: &View, name: &str, role: &Role, tally: &mut Tally) {
    if let Some(workload) = running_workload(role, view.rendered()) {
        tally.fail(format!("role `{name}` is switched off, but the chart renders {}", workload.slashed())).hint(HONOUR);
    }
    let pods = judged_pods(view, name);
    if let Some(pod) = pods.first() {
        let message = format!("role `{name}` is switched off, but pod/{} of it was created", pod.name());
        tally.fail(message).with(pods.iter().map(|pod| pod.first().evidence("was created"))).hint(HONOUR);
    } else if view.has_render() {
        tally.proved(note(format!("role `{name}` is switched off, and neither rendered nor seen")));
    }
}

/// A role that the values of one step switch off has no workload once the step has ended, and no pod begins in it. The pods of a
/// workload that went are on their way out: that takes a moment longer.
fn judge_switched_off(view: &View, run: &StepRun, name: &str, role: &Role, tally: &mut Tally) {
    let label = run.label();
    if let Some(workload) = running_workload(role, run.rendered_objects()) {
        let message = format!("role `{name}` is switched off in {label}, but the chart renders {}", workload.slashed());
        tally.fail(message).hint(HONOUR);
        return;
    }
    let (Some((start, end)), true) = (run.window(), run.is_succeeded()) else { return };
    let live = view.tracks_at(end).filter(|track| !view.is_neighbours(track)).filter_map(|track| track.at(end));
    // What a workload made goes after it.
    let live = live.filter(|object| object.kind() != "Pod" && object.owners().next().is_none());
    if let Some(workload) = running_workload(role, live) {
        let message = format!("role `{name}` is switched off in {label}, but {} is still there", workload.slashed());
        tally.fail(message).hint(HONOUR);
    }
    let pods = view.pods_of_role(name).into_iter().filter(|pod| (start..=end).contains(&pod.first().seq));
    let pods: Vec<&Track> = pods.collect();
    if let Some(pod) = pods.first() {
        let message = format!("role `{name}` is switched off in {label}, but pod/{} of it was created", pod.name());
        tally.fail(message).with(pods.iter().map(|pod| pod.first().evidence("was created"))).hint(HONOUR);
    } else {
        tally.proved(note(format!("role `{name}` is switched off in {label}, and no pod of it was created")));
    }
}

fn judge_present(view: &View, name: &str, role: &Role, tally: &mut Tally) {
    let pods = judged_pods(view, name);
    if pods.is_empty() {
        if view.has_render() && !view.rendered().any(|object| is_workload_of(role, object)) {
            let message = format!(
                "role `{name}` matches nothing: the chart renders no workload whose pods have `{}`",
                role.select
            );
            tally.fail(message).hint("correct `select` in the contract, or the labels of the role's pods");
        } else {
            tally.void(format!("no pod of role `{name}` was ever seen"));
        }
    }
    for pod in pods {
        let broken = broken_promises(view, pod, role);
        let seen = pod.first().evidence("was created");
        if let Some(certain) = broken.iter().find(|broken| broken.is_certain) {
            let message = format!("pod/{} of role `{name}`: {}", pod.name(), certain.what);
            let all = broken.iter().map(|broken| note(broken.what.clone()));
            tally
                .fail(message)
                .with([seen])
                .with(all)
                .hint("compare the role's `env` in the chart with the contract's");
        } else if let Some(unknown) = broken.first() {
            tally.void(format!("pod/{} of role `{name}`: {}", pod.name(), unknown.what)).with([seen]);
        } else if !role.env.is_empty() {
            tally.saw("pod", 1);
            tally.saw("variable", role.env.len());
            tally.proved(pod.first().evidence(&format!("has the environment of role `{name}`")));
        }
    }
}

struct Broken {
    what: String,
    /// False: the value cannot be seen, so nothing is proven either way.
    is_certain: bool,
}

/// The value of a variable, as far as it can be seen.
enum Seen {
    Plain(String),
    /// It is set, to something that a recording does not hold: a Secret's value, a field of the pod.
    Hidden(String),
}

fn broken_promises(view: &View, pod: &Track, role: &Role) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (index, container) in containers_in_order(pod.last()).enumerate() {
        let has = environment(view, pod, container);
        let shown = &container.name;
        for (variable, promised) in &role.env {
            let (what, is_certain) = match (promised, has.get(variable.as_str())) {
                // The role's image runs in the first container; what stands beside it need not have the role's variables.
                (Some(_), _) if index > 0 => continue,
                (Some(value), Some(Seen::Plain(actual))) if actual == value => continue,
                (None, None) => continue,
                (Some(value), Some(Seen::Plain(actual))) => {
                    (format!("container `{shown}` has {variable}={actual}, not {variable}={value}"), true)
                }
                (Some(value), Some(Seen::Hidden(source))) => (
                    format!("whether container `{shown}` has {variable}={value} is unknown: it comes from {source}"),
                    false,
                ),
                (Some(value), None) => (format!("container `{shown}` lacks {variable}={value}"), true),
                (None, Some(Seen::Plain(actual))) => {
                    (format!("container `{shown}` has {variable}={actual}, which is not to be set at all"), true)
                }
                (None, Some(Seen::Hidden(source))) => {
                    (format!("container `{shown}` has {variable} from {source}, which is not to be set at all"), true)
                }
            };
            broken.push(Broken { what, is_certain });
        }
    }
    broken
}

/// The containers, the one that runs the role first.
fn containers_in_order(pod: &Object) -> impl Iterator<Item = &Container> {
    pod.pod().into_iter().flat_map(|pod| pod.spec.containers.iter().chain(pod.init_containers()))
}

/// A container's environment, as the kubelet makes it: later sources win, `env` above `envFrom`.
fn environment(view: &View, pod: &Track, container: &Container) -> BTreeMap<String, Seen> {
    let mut set = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.or_empty();
        if let Some(map) = &source.config_map_ref {
            let entries = data(view, "ConfigMap", &map.name, pod);
            set.extend(entries.map(|(key, value)| (format!("{prefix}{key}"), Seen::Plain(value.to_owned()))));
        }
        if let Some(secret) = &source.secret_ref {
            let hidden = || Seen::Hidden(format!("secret/{}", secret.name));
            let entries = data(view, "Secret", &secret.name, pod);
            set.extend(entries.map(|(key, _)| (format!("{prefix}{key}"), hidden())));
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match &variable.value_from {
            None => Some(plain(variable.value.or_empty(), &set)),
            Some(from) => taken(view, pod, from),
        };
        match value {
            Some(value) => set.insert(variable.name.clone(), value),
            None => set.remove(&variable.name),
        };
    }
    set
}

/// A value that a variable takes from elsewhere; `None`: it stays unset.
fn taken(view: &View, pod: &Track, from: &EnvVarSource) -> Option<Seen> {
    if let Some(reference) = &from.config_map_key_ref {
        let (map, key) = (&reference.name, &reference.key);
        let found = data(view, "ConfigMap", map, pod).find(|(other, _)| other == key);
        let hidden = || Seen::Hidden(format!("key `{key}` of configmap/{map}, which was not seen"));
        let unseen = || (reference.optional != Some(true)).then(hidden);
        return found.map(|(_, value)| Seen::Plain(value.to_owned())).or_else(unseen);
    }
    let of_secret = from.secret_key_ref.as_ref().map(|reference| format!("secret/{}", reference.name));
    Some(Seen::Hidden(of_secret.unwrap_or_else(|| "a field of the pod".to_owned())))
}

/// A literal value, with `$(OTHER)` filled in where the other variable can be seen.
fn plain(value: &str, set: &BTreeMap<String, Seen>) -> Seen {
    let mut filled = value.to_owned();
    for (name, seen) in set.iter().filter(|(name, _)| value.contains(&format!("$({name})"))) {
        match seen {
            Seen::Plain(other) => filled = filled.replace(&format!("$({name})"), other),
            Seen::Hidden(source) => return Seen::Hidden(source.clone()),
        }
    }
    Seen::Plain(filled)
}

/// The entries of a ConfigMap or Secret as the pod met them: the last state before the pod, else the first after it.
fn data<'a>(view: &View<'a>, of_kind: &str, with_name: &str, pod: &Track) -> impl Iterator<Item = (&'a str, &'a str)> {
    let seq = pod.first().seq;
    let later =
        || view.tracks(of_kind).find(|track| track.last().name() == with_name).map(|track| track.first().object);
    let found = view.object_at(of_kind, with_name, seq).or_else(later);
    found.into_iter().flat_map(|object| object.data().texts())
}

#[cfg(test)]
mod tests;
