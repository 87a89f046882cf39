//! Security: habits that limit what a break-in is worth. They are advice where the contract does not ask for them.

mod plain_sight;
mod restricted;

pub(super) use plain_sight::NO_SECRET_IN_PLAIN_SIGHT;

use std::collections::BTreeSet;

use serde_json::Value;

use super::tally::{Tally, not_applicable, note};
use super::view::View;
use super::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{hook_events, is_custom_group, items, kind, name, slashed, template, text};

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
    let pods: Vec<(&Value, &Value)> = objects.iter().filter_map(|object| Some((*object, template(object)?))).collect();
    if pods.is_empty() {
        return not_applicable(PODS_RESTRICTED.name, "the chart renders nothing that has pods");
    }
    // A chart that sets nothing of the standard anywhere does not aim at it, and to list all of it for each pod helps nobody.
    let is_asked = view.is_binding(PODS_RESTRICTED.name) || pods.iter().any(|(_, pod)| restricted::is_aimed_at(pod));
    for (object, pod) in pods.into_iter().filter(|(_, pod)| is_asked || restricted::is_windows(pod)) {
        let broken = restricted::violations(pod);
        if let Some(first) = broken.first() {
            let message = format!("pods of {} are not restricted: {first}", slashed(object));
            let claim = tally.advise(message).with(broken.iter().map(|broken| note(broken.clone())));
            claim.hint("see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted");
        } else {
            tally.proved(note(format!("pods of {} are restricted", slashed(object))));
        }
    }
    let none = "no pod sets any field that the restricted standard requires: name the check in the contract's `checks` to have it judged";
    tally.finish_or("every pod meets the restricted Pod Security Standard", none)
}

fn service_account_minimal(view: &View) -> Finding {
    let objects = view.rendered_once();
    let bound: BTreeSet<&str> = objects
        .iter()
        .filter(|object| ["RoleBinding", "ClusterRoleBinding"].contains(&kind(object)))
        .flat_map(|binding| items(&binding["subjects"]))
        .filter(|subject| subject["kind"] == "ServiceAccount")
        .map(|subject| text(&subject["name"]))
        .collect();
    let mut tally = Tally::new(SERVICE_ACCOUNT_MINIMAL.name);
    let mut is_any = false;
    let is_test = |object: &Value| hook_events(object).first().is_some_and(|event| event.starts_with("test"));
    for object in objects.iter().filter(|object| !is_test(object)) {
        if let Some(pod) = template(object) {
            is_any = true;
            judge_token(object, pod, &objects, &bound, &mut tally);
        }
        if ["Role", "ClusterRole"].contains(&kind(object)) {
            judge_rules(object, &mut tally);
        }
        if kind(object) == "ClusterRoleBinding" && object["roleRef"]["name"] == "cluster-admin" {
            let message = format!("{} makes a ServiceAccount the cluster's administrator", slashed(object));
            tally.advise(message).hint("grant the verbs and resources that are used, and no more");
        }
    }
    if !is_any {
        return not_applicable(SERVICE_ACCOUNT_MINIMAL.name, "the chart renders nothing that has pods");
    }
    tally.finish("no pod has a token without use, and no role grants everything")
}

fn judge_token(object: &Value, pod: &Value, objects: &[&Value], bound: &BTreeSet<&str>, tally: &mut Tally) {
    let spec = &pod["spec"];
    let account = spec["serviceAccountName"]
        .as_str()
        .or(spec["serviceAccount"].as_str())
        .filter(|name| !name.is_empty())
        .unwrap_or("default");
    let own = objects.iter().find(|object| kind(object) == "ServiceAccount" && name(object) == account);
    let of_account = || own.and_then(|own| own["automountServiceAccountToken"].as_bool());
    let is_mounted = spec["automountServiceAccountToken"].as_bool().or_else(of_account).unwrap_or(true);
    // What the user's own account may do, the user knows.
    let is_users = own.is_none() && account != "default";
    if is_mounted && !is_users && !bound.contains(account) {
        let message = format!(
            "pods of {} get a token of serviceaccount/{account}, to which the chart grants nothing",
            slashed(object)
        );
        tally.advise(message).hint("set `automountServiceAccountToken: false`");
    } else {
        tally.proved(note(format!("pods of {} have no token without use", slashed(object))));
    }
}

fn judge_rules(role: &Value, tally: &mut Tally) {
    let is_wild = |rule: &Value, field: &str| items(&rule[field]).any(|item| item == "*");
    // What an operator defines is its own.
    let is_own = |rule: &Value| items(&rule["apiGroups"]).all(|group| is_custom_group(text(group)));
    let listed = |rule: &Value, field: &str| items(&rule[field]).map(text).collect::<Vec<_>>().join(", ");
    for (index, rule) in items(&role["rules"]).enumerate() {
        let of_objects = items(&rule["resources"]).next().is_some() && !is_own(rule);
        if of_objects && (is_wild(rule, "verbs") || is_wild(rule, "resources")) {
            let [verbs, resources, groups] = ["verbs", "resources", "apiGroups"].map(|field| listed(rule, field));
            let group =
                if groups.is_empty() { "the core API group".to_owned() } else { format!("API group `{groups}`") };
            let message = format!("{} grants `{verbs}` on `{resources}` of {group} (`rules[{index}]`)", slashed(role));
            tally.advise(message).hint("grant the verbs and resources that are used, and no more");
        }
    }
}

#[cfg(test)]
mod tests;
