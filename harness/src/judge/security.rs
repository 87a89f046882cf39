//! Security: habits that limit what a break-in is worth. They are advice where the contract does not ask for them.

mod restricted;

use std::collections::BTreeSet;

use serde_json::Value;

use super::object::{containers, items, kind, name, template, text, title};
use super::tally::{Tally, not_applicable, note};
use super::view::View;
use super::{Check, Finding};
use crate::record::Recording;

pub(super) const PODS_RESTRICTED: Check = Check {
    name: "pods-restricted",
    proves: "every pod meets the restricted Pod Security Standard",
    means: "the chart cannot be installed in a namespace that enforces the standard",
    explanation: include_str!("explanation/pods-restricted.md"),
    judge: pods_restricted,
};

pub(super) const SERVICE_ACCOUNT_MINIMAL: Check = Check {
    name: "service-account-minimal",
    proves: "no pod has an API token that it has no right to use, and no role grants everything",
    means: "whoever breaks into a pod can talk to the cluster's API",
    explanation: include_str!("explanation/service-account-minimal.md"),
    judge: service_account_minimal,
};

pub(super) const NO_SECRET_IN_PLAIN_SIGHT: Check = Check {
    name: "no-secret-in-plain-sight",
    proves: "no password, token or key stands in a pod's environment, arguments or a ConfigMap",
    means: "everyone who may read pods or ConfigMaps reads the password",
    explanation: include_str!("explanation/no-secret-in-plain-sight.md"),
    judge: no_secret_in_plain_sight,
};

fn pods_restricted(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let mut tally = Tally::new(PODS_RESTRICTED.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        let Some(pod) = template(object) else { continue };
        is_any = true;
        let broken = restricted::violations(pod);
        if let Some(first) = broken.first() {
            let message = format!("pods of {} are not restricted: {first}", title(object));
            let claim = tally.advise(message).with(broken.iter().map(|broken| note(broken.clone())));
            claim.hint("see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted");
        } else {
            tally.proved(note(format!("pods of {} are restricted", title(object))));
        }
    }
    if !is_any {
        return not_applicable(PODS_RESTRICTED.name, "the chart renders nothing that has pods");
    }
    tally.finish("every pod meets the restricted Pod Security Standard")
}

fn service_account_minimal(recording: &Recording) -> Finding {
    let view = View::of(recording);
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
    for object in &objects {
        if let Some(pod) = template(object) {
            is_any = true;
            judge_token(object, pod, &objects, &bound, &mut tally);
        }
        if ["Role", "ClusterRole"].contains(&kind(object)) {
            judge_rules(object, &mut tally);
        }
        if kind(object) == "ClusterRoleBinding" && object["roleRef"]["name"] == "cluster-admin" {
            let message = format!("{} makes a ServiceAccount the cluster's administrator", title(object));
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
    let account = spec["serviceAccountName"].as_str().filter(|name| !name.is_empty()).unwrap_or("default");
    let own = objects.iter().find(|object| kind(object) == "ServiceAccount" && name(object) == account);
    let of_account = || own.and_then(|own| own["automountServiceAccountToken"].as_bool());
    let is_mounted = spec["automountServiceAccountToken"].as_bool().or_else(of_account).unwrap_or(true);
    if is_mounted && !bound.contains(account) {
        let message = format!(
            "pods of {} get a token of ServiceAccount `{account}`, to which the chart grants nothing",
            title(object)
        );
        tally.advise(message).hint("set `automountServiceAccountToken: false`");
    } else {
        tally.proved(note(format!("pods of {} have no token without use", title(object))));
    }
}

fn judge_rules(role: &Value, tally: &mut Tally) {
    let is_wild = |rule: &Value, field: &str| items(&rule[field]).any(|item| item == "*");
    for rule in items(&role["rules"]) {
        if is_wild(rule, "verbs") || is_wild(rule, "resources") {
            let message = format!("{} grants `*`", title(role));
            tally.advise(message).hint("grant the verbs and resources that are used, and no more");
        }
    }
}

/// Words in a name that make its value a secret, and endings that make it something about one.
const SECRET: [&str; 9] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "API_KEY", "PRIVATE_KEY", "CREDENTIAL", "ENCRYPTION_KEY"];
const ABOUT: [&str; 16] = [
    "_FILE",
    "_PATH",
    "_DIR",
    "_NAME",
    "_VERSION",
    "_URL",
    "_URI",
    "_TTL",
    "_LENGTH",
    "_ENABLED",
    "_EXPIRY",
    "_LIFETIME",
    "_TIMEOUT",
    "_SECONDS",
    "_ALGORITHM",
    "_ISSUER",
];

fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase().replace(['-', '.'], "_");
    SECRET.iter().any(|word| name.contains(word)) && !ABOUT.iter().any(|end| name.ends_with(end))
}

/// A value that gives a secret away by itself: the harness knows it, or a URL carries a password.
fn is_secret_value(value: &str) -> bool {
    let credentials = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
    let has_password =
        credentials.and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| is_literal(password));
    value.contains("[redacted]") || has_password
}

/// Whether a value is what it seems: not empty, no switch, and not filled in at run time.
fn is_literal(value: &str) -> bool {
    !value.is_empty() && !value.starts_with("$(") && !value.starts_with("${") && !["true", "false"].contains(&value)
}

fn no_secret_in_plain_sight(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let mut tally = Tally::new(NO_SECRET_IN_PLAIN_SIGHT.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        let mut shown = Vec::new();
        if let Some(pod) = template(object) {
            is_any = true;
            shown.extend(containers(pod).flat_map(exposed));
        }
        if kind(object) == "ConfigMap" {
            is_any = true;
            let data = object["data"].as_object().into_iter().flatten();
            let data = data.filter(|(key, value)| is_exposed(key, text(value)));
            shown.extend(data.map(|(key, _)| format!("key `{key}`")));
        }
        match shown.first() {
            Some(first) => {
                let message = format!("{} shows a secret in {first}", title(object));
                let claim = tally.advise(message).with(shown.iter().map(|place| note(place.clone())));
                claim.hint("keep it in a Secret, and refer to it with `secretKeyRef`");
            }
            None if template(object).is_some() || kind(object) == "ConfigMap" => {
                tally.proved(note(format!("{} shows no secret", title(object))));
            }
            None => {}
        }
    }
    if !is_any {
        return not_applicable(NO_SECRET_IN_PLAIN_SIGHT.name, "the chart renders neither pods nor ConfigMaps");
    }
    tally.finish("no secret stands in a pod's environment, arguments or a ConfigMap")
}

fn is_exposed(name: &str, value: &str) -> bool {
    is_secret_value(value) || (is_secret_name(name) && is_literal(value))
}

/// Where a container shows a secret.
fn exposed(container: &Value) -> Vec<String> {
    let shown = text(&container["name"]);
    let variables =
        items(&container["env"]).filter(|variable| is_exposed(text(&variable["name"]), text(&variable["value"])));
    let mut places: Vec<String> =
        variables.map(|variable| format!("variable {} of container `{shown}`", text(&variable["name"]))).collect();
    for argument in items(&container["command"]).chain(items(&container["args"])).map(text) {
        let is_option = argument.split_once('=').is_some_and(|(name, value)| {
            name.starts_with('-') && is_exposed(name, value) && !name.contains(char::is_whitespace)
        });
        if is_option || is_secret_value(argument) {
            places.push(format!("an argument of container `{shown}`"));
        }
    }
    places
}

#[cfg(test)]
mod tests;
