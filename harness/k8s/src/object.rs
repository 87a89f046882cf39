//! Reading Kubernetes objects as JSON: what several checks ask of one.

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

/// Whether two objects have one kind and one name.
pub fn is_same(one: &Value, other: &Value) -> bool {
    kind(one) == kind(other) && name(one) == name(other)
}

/// Kind and name, as messages show them.
pub fn title(object: &Value) -> String {
    format!("{} `{}`", kind(object), name(object))
}

/// Kind and name as kubectl takes them: `deployment/x`.
pub fn slashed(object: &Value) -> String {
    format!("{}/{}", kind(object).to_lowercase(), name(object))
}

/// Whether a name may hold the release's revision, which is 1 wherever helm asks no cluster.
pub fn may_hold_revision(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| ["1", "r1", "v1", "rev1", "revision1"].contains(&part))
}

/// Whether an object is described by a definition that Kubernetes does not bring along.
pub fn is_custom(object: &Value) -> bool {
    text(&object["apiVersion"]).split_once('/').is_some_and(|(group, _)| is_custom_group(group))
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

/// Whether labels (or annotations) have every pair of a `key=value,…` selector. An empty selector selects nothing.
pub fn selects(selector: &str, labels: &Value) -> bool {
    let has = |pair: &str| pair.split_once('=').is_some_and(|(key, value)| labels[key.trim()] == value.trim());
    !selector.trim().is_empty() && selector.split(',').all(has)
}

/// Whether an object's own labels fit a selector.
pub fn is_selected(selector: &str, object: &Value) -> bool {
    selects(selector, &object["metadata"]["labels"])
}

/// Whether a condition of the object's status is `True`.
pub fn has_condition(object: &Value, condition: &str) -> bool {
    condition_of(object, condition).is_some_and(|found| found["status"] == "True")
}

/// A condition of the object's status.
pub fn condition_of<'v>(object: &'v Value, condition: &str) -> Option<&'v Value> {
    items(&object["status"]["conditions"]).find(|found| found["type"] == condition)
}

/// A pod that takes traffic: Ready, and not on its way out.
pub fn is_ready_pod(pod: &Value) -> bool {
    !is_terminating(pod) && has_condition(pod, "Ready")
}

/// Whether the object's deletion has begun.
pub fn is_terminating(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
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

/// Whether one of the object's owners has this uid.
pub fn is_owned_by(object: &Value, uid: &str) -> bool {
    !uid.is_empty() && items(&object["metadata"]["ownerReferences"]).any(|owner| owner["uid"] == uid)
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

/// All containers of a pod (or pod template), init containers first.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    items(&pod["spec"]["initContainers"]).chain(items(&pod["spec"]["containers"]))
}

/// The status of each container of a pod, init containers first.
pub fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    items(&pod["status"]["initContainerStatuses"]).chain(items(&pod["status"]["containerStatuses"]))
}

/// What pods made from one template have in common and others do not: the controller's hash, or the owning Job.
pub fn template_of(pod: &Value) -> &str {
    let labels = &pod["metadata"]["labels"];
    let hash = ["pod-template-hash", "controller-revision-hash"].into_iter().find_map(|key| labels[key].as_str());
    let owner = || items(&pod["metadata"]["ownerReferences"]).find_map(|owner| owner["uid"].as_str());
    hash.or_else(owner).unwrap_or_else(|| text(&pod["metadata"]["uid"]))
}

/// The ports that a pod's containers declare; the API server counts those of sidecars among the init containers as well.
fn ports(pod: &Value) -> impl Iterator<Item = &Value> {
    let sidecars = items(&pod["spec"]["initContainers"]).filter(|container| container["restartPolicy"] == "Always");
    sidecars.chain(items(&pod["spec"]["containers"])).flat_map(|container| items(&container["ports"]))
}

fn number(port: &Value) -> Option<u16> {
    port.as_u64()?.try_into().ok()
}

/// Whether a name is the one that is wanted, which may end with `*`.
pub fn is_named(name: &str, wanted: &str) -> bool {
    wanted.strip_suffix('*').map_or(name == wanted, |begin| name.starts_with(begin))
}

/// The numbers of the ports that a pod's containers declare.
pub fn declared_ports(pod: &Value) -> impl Iterator<Item = u16> {
    ports(pod).filter_map(|port| number(&port["containerPort"]))
}

/// The number of a container port, which is given by name or number.
pub fn port_of(pod: &Value, port: &str) -> Option<u16> {
    let named = || number(&ports(pod).find(|declared| declared["name"] == port)?["containerPort"]);
    port.parse().ok().or_else(named)
}

/// Repository of an image reference, without tag and digest.
pub fn repository(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or_default();
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => named,
    }
}

/// The weight of a hook.
pub fn weight(hook: &Value) -> i64 {
    text(&hook["metadata"]["annotations"]["helm.sh/hook-weight"]).parse().unwrap_or_default()
}

/// The policies by which helm removes a hook: `before-hook-creation` where none is given.
pub fn delete_policies(hook: &Value) -> Vec<&str> {
    let given = text(&hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"]).split(',').map(str::trim);
    let given: Vec<&str> = given.filter(|policy| !policy.is_empty()).collect();
    if given.is_empty() { vec!["before-hook-creation"] } else { given }
}

/// A pod's use of a ConfigMap or Secret.
pub struct Reference<'v> {
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    pub name: &'v Value,
    /// The one key that a variable is taken from.
    pub key: Option<&'v str>,
    pub is_optional: bool,
    /// A volume follows changes by itself; the environment and a `subPath` do not.
    pub is_followed: bool,
}

/// Every ConfigMap and Secret that a pod (or pod template) uses.
pub fn references(pod: &Value) -> Vec<Reference<'_>> {
    let mut sources = Vec::new();
    for container in containers(pod) {
        for variable in items(&container["env"]) {
            sources.push(("ConfigMap", &variable["valueFrom"]["configMapKeyRef"], "name", false));
            sources.push(("Secret", &variable["valueFrom"]["secretKeyRef"], "name", false));
        }
        for source in items(&container["envFrom"]) {
            sources.push(("ConfigMap", &source["configMapRef"], "name", false));
            sources.push(("Secret", &source["secretRef"], "name", false));
        }
    }
    for volume in items(&pod["spec"]["volumes"]) {
        let is_mounted_as_file = |mount: &Value| mount["name"] == volume["name"] && mount["subPath"].is_string();
        let is_followed = !containers(pod).any(|container| items(&container["volumeMounts"]).any(is_mounted_as_file));
        sources.push(("ConfigMap", &volume["configMap"], "name", is_followed));
        sources.push(("Secret", &volume["secret"], "secretName", is_followed));
        for source in items(&volume["projected"]["sources"]) {
            sources.push(("ConfigMap", &source["configMap"], "name", is_followed));
            sources.push(("Secret", &source["secret"], "name", is_followed));
        }
    }
    let found = sources.into_iter().filter(|(_, source, field, _)| source[*field].is_string());
    found
        .map(|(kind, source, field, is_followed)| Reference {
            kind,
            name: &source[field],
            key: source["key"].as_str(),
            is_optional: source["optional"] == true,
            is_followed,
        })
        .collect()
}

/// Whether a container of a pod runs. A pod on its way out still does.
pub fn is_running(pod: &Value) -> bool {
    items(&pod["status"]["containerStatuses"]).any(|status| status["state"]["running"].is_object())
}
