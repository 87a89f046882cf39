//! The fields that Kubernetes refuses to change, and how two states of one differ.

use serde_json::{Map, Value, json};

use chartgate_k8s::object::{may_hold_revision, may_hold_time};
use chartgate_k8s::ready::goes_when_done;
use chartgate_k8s::typed::Object;

use crate::manifest::is_kind;

/// A field that two states of an object have different values of.
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) before: Value,
    pub(super) after: Value,
}

impl Difference {
    /// A value as messages show it.
    pub(super) fn shown(value: &Value) -> String {
        const LONGEST: usize = 80;
        let text = match value {
            Value::Null => return "absent".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let short: String = text.chars().take(LONGEST).collect();
        if short.len() < text.len() { format!("`{short}…`") } else { format!("`{text}`") }
    }
}

/// The first field that Kubernetes refuses to change from one state of an object to another.
pub(super) fn difference(before: &Object, after: &Object) -> Option<Difference> {
    if !lasts(before) || !lasts(after) {
        return None;
    }
    let found = fields(after).iter().find_map(|path| {
        let (old, new) = (comparable(before, path), comparable(after, path));
        differing(path, &old, &new).filter(|difference| is_refused(after, difference))
    });
    found.or_else(|| address(before, after)).or_else(|| frozen(before, after))
}

/// Whether an object has fields that this check looks at.
pub(super) fn has_fields(object: &Object) -> bool {
    let is_frozen = is_kind(object, "ConfigMap") && *at(object.raw(), "immutable") == true;
    lasts(object) && (!fields(object).is_empty() || is_kind(object, "Service") || is_frozen)
}

/// Whether an object has a selector that cannot be changed: that of a budget, a policy or a monitor can.
pub(super) fn has_fixed_selector(object: &Object) -> bool {
    lasts(object) && fields(object).contains(&"spec.selector")
}

/// Hooks are made anew, Jobs that Kubernetes removes after their end may be gone by the next upgrade, and each revision or each moment may
/// have a Job of its own.
fn lasts(object: &Object) -> bool {
    let is_removed = goes_when_done(object) || object.common().spec.suspend;
    !object.is_hook() && !(object.kind() == "Job" && (is_removed || is_of_moment(object.name())))
}

fn is_of_moment(name: &str) -> bool {
    may_hold_revision(name) || may_hold_time(name)
}

/// By kind, as the API server's validation of an update has it.
fn fields(object: &Object) -> &'static [&'static str] {
    match object.kind() {
        // What its definition lets change, nobody knows.
        _ if object.is_custom() => &[],
        "Deployment" | "DaemonSet" | "ReplicaSet" => &["spec.selector"],
        "StatefulSet" => {
            &["spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"]
        }
        "Job" => &["spec.template", "spec.selector", "spec.completionMode", "spec.completions"],
        "PersistentVolumeClaim" => &[
            "spec.accessModes",
            "spec.storageClassName",
            "spec.volumeMode",
            "spec.volumeName",
            "spec.selector",
            "spec.dataSource",
            "spec.resources.requests.storage",
        ],
        "PersistentVolume" => &["spec.nfs", "spec.csi", "spec.hostPath", "spec.local", "spec.iscsi", "spec.volumeMode"],
        "Pod" => &["spec"],
        "RoleBinding" | "ClusterRoleBinding" => &["roleRef"],
        "Secret" => &["type"],
        "StorageClass" => &["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"],
        "PriorityClass" => &["value", "preemptionPolicy"],
        "RuntimeClass" => &["handler"],
        "IngressClass" => &["spec.controller"],
        _ => &[],
    }
}

/// What Kubernetes fills in where a manifest is silent: then a value that comes or goes may be the same.
const DEFAULTED: [&str; 6] = [
    "spec.podManagementPolicy",
    "spec.completionMode",
    "spec.storageClassName",
    "spec.volumeMode",
    "spec.volumeName",
    "reclaimPolicy",
];

fn is_refused(object: &Object, difference: &Difference) -> bool {
    if object.kind() == "Secret" && difference.path == "type" {
        let known = |of: &Value| of.as_str().unwrap_or("Opaque").to_owned();
        return known(&difference.before) != known(&difference.after);
    }
    let is_silent = difference.before.is_null() || difference.after.is_null();
    // Of a pod, Kubernetes fills in most of what is not said.
    if is_silent && (is_kind(object, "Pod") || DEFAULTED.contains(&difference.path.as_str())) {
        return false;
    }
    if object.kind() == "PersistentVolumeClaim" && difference.path.ends_with("storage") {
        // A claim may grow, where its class allows it.
        let sizes = [&difference.before, &difference.after].map(quantity);
        return matches!(sizes, [Some(before), Some(after)] if after < before);
    }
    true
}

/// A Service that has an address cannot give it up or take another one, nor change which family comes first or who balances its load.
fn address(before: &Object, after: &Object) -> Option<Difference> {
    const CLUSTER_IP: &str = "spec.clusterIP";
    if !is_kind(after, "Service") || before.is_external_name() || after.is_external_name() {
        return None;
    }
    let found = |path: &str| Difference {
        path: path.to_owned(),
        before: at(before.raw(), path).clone(),
        after: at(after.raw(), path).clone(),
    };
    // What is not said, Kubernetes keeps as it is.
    let is_changed = |path: &str| {
        let written = |of: &Object| at(of.raw(), path).as_str().unwrap_or_default().to_owned();
        let (old, new) = (written(before), written(after));
        !old.is_empty() && !new.is_empty() && old != new
    };
    // A headless one whose manifest says so no longer stays headless: the API server keeps `None` where nothing is said.
    if (after.is_headless() && !before.is_headless()) || is_changed(CLUSTER_IP) {
        return Some(found(CLUSTER_IP));
    }
    let family = |of: &Object| at(of.raw(), "spec.ipFamilies")[0].clone();
    if family(before).is_string() && family(after).is_string() && family(before) != family(after) {
        return Some(found("spec.ipFamilies"));
    }
    let is_balanced = [before, after].iter().all(|of| *at(of.raw(), "spec.type") == "LoadBalancer");
    (is_balanced && is_changed("spec.loadBalancerClass")).then(|| found("spec.loadBalancerClass"))
}

/// What says that it never changes.
fn frozen(before: &Object, after: &Object) -> Option<Difference> {
    if *at(before.raw(), "immutable") != true {
        return None;
    }
    let content = ["data", "stringData", "binaryData", "immutable"];
    content.iter().find_map(|field| differing(field, at(before.raw(), field), at(after.raw(), field))).map(
        |difference| {
            // A Secret's values are nobody's business.
            let shown = if after.kind() == "Secret" { json!("…") } else { Value::Null };
            if shown.is_null() { difference } else { Difference { before: shown.clone(), after: shown, ..difference } }
        },
    )
}

fn at<'v>(object: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(object, |value, key| &value[key])
}

/// What of a field must stay: a pod may get other images, more tolerations and another deadline.
fn comparable(object: &Object, path: &str) -> Value {
    let mut value = normal(at(object.raw(), path));
    if is_kind(object, "Pod")
        && let Some(spec) = value.as_object_mut()
    {
        spec.retain(|key, _| {
            !["tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds"].contains(&key.as_str())
        });
        for list in ["containers", "initContainers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            containers.filter_map(Value::as_object_mut).for_each(|fields| _ = fields.remove("image"));
        }
    }
    value
}

/// The first place where two values differ, as deep as it can be named.
fn differing(path: &str, before: &Value, after: &Value) -> Option<Difference> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => old.keys().chain(new.keys()).find_map(|key| {
            let none = Value::Null;
            let (old, new) = (old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
            differing(&format!("{path}.{key}"), old, new)
        }),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => old
            .iter()
            .zip(new)
            .enumerate()
            .find_map(|(index, (old, new))| differing(&format!("{path}[{index}]"), old, new)),
        _ if is_equal(before, after) => None,
        _ => Some(Difference { path: path.to_owned(), before: before.clone(), after: after.clone() }),
    }
}

/// Whether two values mean the same: `1Gi` is `1024Mi`.
fn is_equal(one: &Value, other: &Value) -> bool {
    one == other || quantity(one).is_some_and(|size| quantity(other) == Some(size))
}

/// A quantity in thousandths, so that `100m` and `0.1` are the same; `None`: the value is none.
fn quantity(value: &Value) -> Option<u128> {
    const SUFFIXES: [(&str, u128); 12] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
    ];
    let text =
        value.as_str().map_or_else(|| value.as_u64().map(|number| number.to_string()), |text| Some(text.to_owned()))?;
    if let Some(thousandths) = text.strip_suffix('m') {
        return thousandths.parse().ok();
    }
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        .unwrap_or((text.as_str(), 1));
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let part: u128 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u128>().ok()?.checked_mul(1000)?.checked_add(part)?.checked_mul(factor)
}

/// A value without what means nothing, and without what the API server adds to claim templates by itself.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let is_claim = map.contains_key("metadata") && map.contains_key("spec");
            let means_nothing = |key: &str, value: &Value| {
                value.is_null()
                    || value.as_object().is_some_and(Map::is_empty)
                    || (is_claim && ["apiVersion", "kind", "status"].contains(&key))
                    || (key == "volumeMode" && value == "Filesystem")
            };
            let kept = map.iter().map(|(key, value)| (key.clone(), normal(value)));
            Value::Object(kept.filter(|(key, value)| !means_nothing(key, value)).collect())
        }
        Value::Array(all) => Value::Array(all.iter().map(normal).collect()),
        other => other.clone(),
    }
}

/// An object's place in a message, with the field.
pub(super) fn place(object: &Object, difference: &Difference) -> String {
    format!("`{}` of {}", difference.path, object.slashed())
}
