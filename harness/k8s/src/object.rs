//! Objects as raw values, for what changes them or walks over them, and words that Kubernetes writes. What reads a field uses
//! [`crate::typed`].

use serde_json::Value;

/// Label of what the runner made in the place of a program that a stub image replaces.
pub const PLACEHOLDER: &str = "chartgate.dev/placeholder";

/// A JSON value as text; empty where it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a JSON list; none where it is no list.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The object's kind.
pub fn kind(object: &Value) -> &str {
    text(&object["kind"])
}

/// The object's name.
pub fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// Group and version of the object's kind.
pub fn api_version(object: &Value) -> &str {
    text(&object["apiVersion"])
}

/// The namespace that the object names.
pub fn namespace(object: &Value) -> Option<&str> {
    Some(text(&object["metadata"]["namespace"])).filter(|ns| !ns.is_empty())
}

/// `deployment/x`, as kubectl takes it and messages show it.
pub fn slashed(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_lowercase())
}

/// An object by its kind and name.
pub fn title(object: &Value) -> String {
    slashed(kind(object), name(object))
}

/// Whether a name may hold the release's revision, which is 1 wherever helm asks no cluster.
pub fn may_hold_revision(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| ["1", "r1", "v1", "rev1", "revision1"].contains(&part))
}

/// Whether a name may hold the time of its making: seconds since 1970 have ten digits, days of a calendar eight.
pub fn may_hold_time(name: &str) -> bool {
    const DIGITS: usize = 8;
    let is_time = |part: &str| part.len() >= DIGITS && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(is_time)
}

/// Whether an API group is none of Kubernetes' own.
pub fn is_custom_group(group: &str) -> bool {
    group.contains('.')
        && (!group.ends_with(".k8s.io") || group.ends_with("metrics.k8s.io") || group.contains(".x-k8s.io"))
}

/// `100m`, `0.5`, `2` or `1Gi` as a number (Kubernetes' documentation, "Resource units").
pub fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) = unit.map_or((text, 1.0), |(unit, factor)| (text.trim_end_matches(unit), *factor));
    Some(number.parse::<f64>().ok()? * factor)
}

/// The events of a hook object; none for an object that is no hook.
pub fn hook_events(object: &Value) -> Vec<&str> {
    let events = text(&object["metadata"]["annotations"]["helm.sh/hook"]).split(',').map(str::trim);
    // Helm still takes the name that tests had before.
    let events = events.map(|event| if event == "test-success" { "test" } else { event });
    events.filter(|event| !event.is_empty()).collect()
}

/// Whether Helm runs the object as a hook.
pub fn is_hook(object: &Value) -> bool {
    !hook_events(object).is_empty()
}

/// The pod template (`metadata` and `spec`) of a workload; a pod is its own.
pub fn template(object: &Value) -> Option<&Value> {
    match kind(object) {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            Some(&object["spec"]["template"])
        }
        "CronJob" => Some(&object["spec"]["jobTemplate"]["spec"]["template"]),
        "Pod" => Some(object),
        _ => None,
    }
}

/// Whether a name is the one that is wanted, which may end with `*`.
pub fn is_named(name: &str, wanted: &str) -> bool {
    wanted.strip_suffix('*').map_or(name == wanted, |begin| name.starts_with(begin))
}

/// Repository of an image reference, without tag and digest.
pub fn repository(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or_default();
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => named,
    }
}
