//! Security: habits that limit what a break-in is worth. They are advice where the contract does not ask for them.

mod plain_sight;
mod restricted;

pub(super) use plain_sight::NO_SECRET_IN_PLAIN_SIGHT;

use std::collections::BTreeSet;

use chartgate_k8s::object::is_custom_group;
use chartgate_k8s::typed::{Object, PodTemplate};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule};

use super::manifest::{rules, subjects};
use super::tally::{Tally, not_applicable, note};
use super::view::View;
use super::{Check, Finding, Level, Needs, Rank};

pub(super) const PODS_RESTRICTED: Check = Check {
    name: "pods-restricted",
    proves: "every pod meets the restricted Pod Security Standard",
    means: "the chart cannot be installed in a namespace that enforces the standard",
    explanation: include_str!("explanation/pods-restricted.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: pods_restricted,
};

pub(super) const SERVICE_ACCOUNT_MINIMAL: Check = Check {
    name: "service-account-minimal",
    proves: "no pod has an API token that it has no right to use, and no role grants everything",
    means: "whoever breaks into a pod can talk to the cluster's API",
    explanation: include_str!("explanation/service-account-minimal.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: service_account_minimal,
};

fn pods_restricted(view: &View) -> Finding {
    let mut tally = Tally::new(PODS_RESTRICTED.name);
    let objects = view.rendered_once();
    let pods: Vec<(&Object, PodTemplate)> =
        objects.iter().filter_map(|object| Some((*object, object.template()?))).collect();
    if pods.is_empty() {
        return not_applicable(PODS_RESTRICTED.name, "the chart renders nothing that has pods");
    }
    // A chart that sets nothing of the standard anywhere does not aim at it, and to list all of it for each pod helps nobody.
    let is_asked = view.is_binding(PODS_RESTRICTED.name) || pods.iter().any(|(_, pod)| restricted::is_aimed_at(*pod));
    for (object, pod) in pods.into_iter().filter(|(_, pod)| is_asked || restricted::is_windows(*pod)) {
        let broken = restricted::violations(object, pod);
        if let Some(first) = broken.first() {
            let message = format!("pods of {} are not restricted: {first}", object.slashed());
            let claim = tally.advise(message).with(broken.iter().map(|broken| note(broken.clone())));
            claim.hint("see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted");
        } else {
            tally.proved(note(format!("pods of {} are restricted", object.slashed())));
        }
    }
    let none = "no pod sets any field that the restricted standard requires: name the check in the contract's `checks` to have it judged";
    tally.finish_or("every pod meets the restricted Pod Security Standard", none)
}

fn service_account_minimal(view: &View) -> Finding {
    let objects = view.rendered_once();
    let bound: BTreeSet<&str> = objects
        .iter()
        .flat_map(|binding| subjects(binding))
        .filter(|subject| subject.kind == "ServiceAccount")
        .map(|subject| subject.name.as_str())
        .collect();
    let mut tally = Tally::new(SERVICE_ACCOUNT_MINIMAL.name);
    let mut is_any = false;
    let is_test = |object: &Object| object.hook_events().first().is_some_and(|event| event.starts_with("test"));
    for object in objects.iter().filter(|object| !is_test(object)) {
        if let Some(pod) = object.template() {
            is_any = true;
            judge_token(object, pod, &objects, &bound, &mut tally);
        }
        judge_rules(object, &mut tally);
        let binding = object.typed::<ClusterRoleBinding>();
        if binding.is_some_and(|binding| binding.role_ref.name == "cluster-admin") {
            let message = format!("{} makes a ServiceAccount the cluster's administrator", object.slashed());
            tally.advise(message).hint("grant the verbs and resources that are used, and no more");
        }
    }
    if !is_any {
        return not_applicable(SERVICE_ACCOUNT_MINIMAL.name, "the chart renders nothing that has pods");
    }
    tally.finish("no pod has a token without use, and no role grants everything")
}

/// What asks for an agent in a pod that shows its token to another server.
const AGENTS: [&str; 2] = ["vault.hashicorp.com/agent-inject", "consul.hashicorp.com/connect-inject"];

fn judge_token(object: &Object, pod: PodTemplate, objects: &[&Object], bound: &BTreeSet<&str>, tally: &mut Tally) {
    let account = pod.account();
    let account = if account.is_empty() { "default" } else { account };
    let mut accounts = objects.iter().filter(|object| object.name() == account);
    let own = accounts.find_map(|object| object.typed::<ServiceAccount>());
    let of_account = || own.and_then(|own| own.automount_service_account_token);
    let is_mounted = pod.spec.automount_service_account_token.or_else(of_account).unwrap_or(true);
    // What the user's own account may do, the user knows.
    let is_users = own.is_none() && account != "default";
    // An agent that is put into the pod logs in with it.
    let is_injected = AGENTS.iter().any(|agent| pod.annotation(agent) == "true");
    if is_mounted && !is_users && !is_injected && !bound.contains(account) {
        let message = format!(
            "pods of {} get a token of serviceaccount/{account}, to which the chart grants nothing",
            object.slashed()
        );
        tally.advise(message).hint("set `automountServiceAccountToken: false`");
    } else {
        tally.proved(note(format!("pods of {} have no token without use", object.slashed())));
    }
}

fn judge_rules(role: &Object, tally: &mut Tally) {
    let is_wild = |list: &[String]| list.iter().any(|item| item == "*");
    for (index, PolicyRule { verbs, resources, api_groups, .. }) in rules(role).iter().enumerate() {
        let resources = resources.as_deref().unwrap_or_default();
        let groups = api_groups.as_deref().unwrap_or_default();
        // What an operator defines is its own.
        let is_own = groups.iter().all(|group| is_custom_group(group));
        if !resources.is_empty() && !is_own && (is_wild(verbs) || is_wild(resources)) {
            let [verbs, resources, groups] = [verbs, resources, groups].map(|list| list.join(", "));
            let group =
                if groups.is_empty() { "the core API group".to_owned() } else { format!("API group `{groups}`") };
            let message = format!("{} grants `{verbs}` on `{resources}` of {group} (`rules[{index}]`)", role.slashed());
            tally.advise(message).hint("grant the verbs and resources that are used, and no more");
        }
    }
}

#[cfg(test)]
mod tests;
