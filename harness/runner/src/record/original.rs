//! Pods whose programs a stub replaces, as their chart made them.

use serde_json::Value;

/// Holds a pod's spec before its programs were replaced, as JSON.
const ANNOTATION: &str = "chartgate.dev/original-pod-spec";
/// What is replaced of a container.
const REPLACED: [&str; 9] = [
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "resources",
    "startupProbe",
    "readinessProbe",
    "livenessProbe",
    "lifecycle",
];

/// Gives a pod back what was replaced of it: checks judge what the chart asks for, and the plan says what ran in its place.
pub(super) fn restore(pod: &mut Value) {
    let Some(annotations) = pod["metadata"]["annotations"].as_object_mut() else { return };
    let noted = annotations.remove(ANNOTATION);
    let Some(original) = noted.and_then(|it| serde_json::from_str::<Value>(it.as_str()?).ok()) else { return };
    for list in ["initContainers", "containers"] {
        let known = original[list].as_array().map_or(&[][..], Vec::as_slice);
        // Asked for by name: a list that is not there must not come to be.
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(original) = known.iter().find(|it| it["name"] == container["name"]) else { continue };
            let Some(fields) = container.as_object_mut() else { continue };
            for field in REPLACED {
                match original.get(field) {
                    Some(value) => drop(fields.insert(field.to_owned(), value.clone())),
                    None => drop(fields.remove(field)),
                }
            }
        }
    }
    for field in ["securityContext", "resources"] {
        match original.get(field) {
            Some(value) => pod["spec"][field] = value.clone(),
            None => drop(pod["spec"].as_object_mut().map(|spec| spec.remove(field))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a check judges the stub in place of the chart's container.
    #[test]
    fn a_pod_is_recorded_as_its_chart_made_it() {
        let original = json!({"containers": [{"name": "web", "image": "web:1", "args": ["run"]}]});
        let stub = json!({"name": "web", "image": "stub", "command": ["/chartgate/stub"], "volumeMounts": [1]});
        let mut pod = json!({
            "metadata": {"name": "web", "annotations": {ANNOTATION: original.to_string(), "a": "b"}},
            "spec": {"nodeName": "n", "securityContext": {"sysctls": []}, "containers": [stub]},
        });
        restore(&mut pod);
        let web = json!({"name": "web", "image": "web:1", "args": ["run"], "volumeMounts": [1]});
        assert_eq!(pod["spec"], json!({"nodeName": "n", "containers": [web]}));
        assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
    }
}
