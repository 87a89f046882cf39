use serde_json::{Value, from_value, json, to_value};

use super::*;

fn replacement() -> Replacement {
    Replacement { image: "stub:1".to_owned(), keeps_resources: false, only: None }
}

fn pod(spec: &Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
}

#[track_caller]
fn replaced(pod: &Value) -> Value {
    of_pod(&replacement(), pod).expect("the pod is changed")
}

fn of_pod(replacement: &Replacement, pod: &Value) -> Option<Value> {
    let pod = from_value(pod.clone()).expect("it is a pod");
    replacement.of_pod(pod).map(|changed| to_value(changed).expect("it is JSON"))
}

/// A failure would mean that a pod whose Service or probe asks a port never becomes ready.
#[test]
fn the_stub_serves_every_port_that_is_declared_or_probed() {
    let container = json!({
        "name": "web", "image": "web:1", "args": ["run"],
        "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"port": "http"}},
        "livenessProbe": {"tcpSocket": {"port": 9000}},
        "startupProbe": {"grpc": {"port": 9090}},
        "lifecycle": {"preStop": {"httpGet": {"port": "7000"}}},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
    });
    let changed = replaced(&pod(&json!({"containers": [container]})));
    let container = &changed["spec"]["containers"][0];
    let program = json!([PROGRAM, "serve", "7000", "8080", "9000", "9090", CERTIFICATES, "/tls"]);
    assert_eq!(container["command"], program);
    assert_eq!((&container["image"], &container["imagePullPolicy"]), (&json!("stub:1"), &json!("IfNotPresent")));
    assert!(container["args"].is_null());
}

/// A failure would mean that helm waits for a hook for ever, or that a Deployment's pods end and are started again.
#[test]
fn what_is_waited_for_ends_and_the_rest_serves() {
    let mode = |pod: &Value, list: &str, index: usize| replaced(pod)["spec"][list][index]["command"][1].clone();
    let spec = json!({
        "initContainers": [{"name": "wait", "image": "a"}, {"name": "proxy", "image": "b", "restartPolicy": "Always"}],
        "containers": [{"name": "web", "image": "c"}],
    });
    let plain = pod(&spec);
    assert_eq!(mode(&plain, "initContainers", 0), "exit");
    assert_eq!(mode(&plain, "initContainers", 1), "serve");
    assert_eq!(mode(&plain, "containers", 0), "serve");
    let mut of_job = plain.clone();
    of_job["metadata"]["ownerReferences"] = json!([{"kind": "Job"}]);
    assert_eq!(mode(&of_job, "containers", 0), "exit");
    assert_eq!(mode(&of_job, "initContainers", 1), "serve", "a native sidecar is ended by the kubelet");
    let mut hook = plain;
    hook["metadata"]["annotations"] = json!({"helm.sh/hook": "test"});
    assert_eq!(mode(&hook, "containers", 0), "exit");
}

/// A failure would mean that a run waits where nothing starts, or that a probe tolerates less than the chart says.
#[test]
fn probes_succeed_at_once_and_tolerate_as_much_as_before() {
    let probe = json!({"httpGet": {"port": 80}, "initialDelaySeconds": 60, "periodSeconds": 10, "failureThreshold": 6});
    let exec = json!({"exec": {"command": ["pg_isready"]}, "initialDelaySeconds": 30, "periodSeconds": 10});
    let container = json!({"name": "web", "image": "a", "livenessProbe": probe, "readinessProbe": exec});
    let changed = replaced(&pod(&json!({"containers": [container]})));
    let container = &changed["spec"]["containers"][0];
    assert_eq!(
        container["livenessProbe"],
        json!({"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 60})
    );
    assert_eq!(
        container["readinessProbe"],
        json!({"exec": {"command": [PROGRAM, "exit"]}, "periodSeconds": 10, "timeoutSeconds": 10})
    );
}

/// A failure would mean that a drain which the chart promises by sleeping is not seen.
#[test]
fn a_sleep_before_the_end_keeps_its_length() {
    for (command, seconds) in [
        (json!(["sleep", "5"]), Some("5")),
        (json!(["/bin/sh", "-c", "sleep 15; nginx -s quit"]), Some("15")),
        (json!(["sh", "-c", "nginx -s quit && /bin/sleep 0.5m"]), Some("30")),
        (json!(["nginx", "-s", "quit"]), None),
        (json!(["sh", "-c", "sleep $DELAY"]), None),
    ] {
        let command: Vec<String> = from_value(command).unwrap();
        assert_eq!(slept(&command).as_deref(), seconds, "{command:?}");
    }
    let lifecycle =
        json!({"preStop": {"exec": {"command": ["sleep", "5"]}}, "postStart": {"exec": {"command": ["x"]}}});
    let changed = replaced(&pod(&json!({"containers": [{"name": "web", "image": "a", "lifecycle": lifecycle}]})));
    let lifecycle = &changed["spec"]["containers"][0]["lifecycle"];
    assert_eq!(lifecycle["preStop"]["exec"]["command"], json!([PROGRAM, "sleep", "5"]));
    assert_eq!(lifecycle["postStart"]["exec"]["command"], json!([PROGRAM, "exit"]));
}

/// A failure would mean that what the chart asks for cannot be judged, or that a sidecar which another webhook adds is pulled.
#[test]
fn the_spec_as_it_was_is_kept_through_a_second_look() {
    let spec = json!({"containers": [{"name": "web", "image": "web:1", "command": ["serve"]}]});
    let mut once = replaced(&pod(&spec));
    let noted = |pod: &Value| {
        serde_json::from_str::<Value>(pod["metadata"]["annotations"][ORIGINAL].as_str().unwrap()).unwrap()
    };
    assert_eq!(noted(&once), spec);
    assert!(of_pod(&replacement(), &once).is_none(), "all is replaced");
    let sidecar = json!({"name": "mesh", "image": "mesh:1"});
    once["spec"]["containers"].as_array_mut().unwrap().push(sidecar.clone());
    let twice = replaced(&once);
    assert_eq!(noted(&twice)["containers"], json!([spec["containers"][0], sidecar]));
    assert_eq!(twice["spec"]["containers"][1]["command"][0], PROGRAM);
    assert_eq!(twice["spec"]["containers"][0], once["spec"]["containers"][0]);
}

/// A failure would mean that a quota refuses the stub, or that the node has no room for it.
#[test]
fn requests_shrink_unless_something_counts_them() {
    let resources = json!({"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": "4"}});
    let pod = pod(&json!({"containers": [{"name": "web", "image": "a", "resources": resources}]}));
    assert_eq!(
        replaced(&pod)["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "1m", "memory": "4Mi"}})
    );
    let counted = of_pod(&Replacement { keeps_resources: true, ..replacement() }, &pod).unwrap();
    assert_eq!(counted["spec"]["containers"][0]["resources"], resources);
}

/// A failure would mean that a chart is blamed for a port which only its own image's user may open.
#[test]
fn a_pod_with_a_low_port_may_open_it() {
    let web = json!({"containers": [{"name": "web", "image": "a", "ports": [{"containerPort": 80}]}]});
    let sysctls = |pod: &Value| pod["spec"]["securityContext"]["sysctls"].clone();
    assert_eq!(sysctls(&replaced(&pod(&web))), json!([{"name": UNPRIVILEGED_PORTS, "value": "0"}]));
    let mut on_host = web;
    on_host["hostNetwork"] = json!(true);
    assert!(sysctls(&replaced(&pod(&on_host))).is_null());
}

/// A failure would mean that an image which is there does not run, though only missing ones are to be replaced.
#[test]
fn only_missing_images_are_replaced_where_that_is_asked() {
    let spec = json!({"containers": [{"name": "a", "image": "there"}, {"name": "b", "image": "missing"}]});
    let only = Replacement { only: Some(BTreeSet::from(["missing".to_owned()])), ..replacement() };
    let changed = of_pod(&only, &pod(&spec)).unwrap();
    assert_eq!(changed["spec"]["containers"][0], spec["containers"][0]);
    assert_eq!(changed["spec"]["containers"][1]["image"], "stub:1");
}

/// A failure would mean that a stub drops what a newer Kubernetes has, or refuses a pod for it.
#[test]
fn fields_that_the_stub_does_not_know_stay_as_they_are() {
    let probe = json!({"httpGet": {"port": "http", "path": "/", "newer": 1}, "newer": [2]});
    let container = json!({"name": "web", "image": "a", "newer": {"a": null}, "startupProbe": probe,
        "ports": [{"containerPort": 8080, "name": "http", "newer": "x"}]});
    let mut pod =
        pod(&json!({"containers": [container], "initContainers": null, "newer": {"b": 1}, "os": {"name": "linux"}}));
    pod["metadata"]["creationTimestamp"] = Value::Null;
    let changed = replaced(&pod);
    assert_eq!(changed["metadata"]["creationTimestamp"], Value::Null);
    assert_eq!((&changed["spec"]["newer"], &changed["spec"]["os"]), (&json!({"b": 1}), &json!({"name": "linux"})));
    let container = &changed["spec"]["containers"][0];
    assert_eq!((&container["newer"], &container["ports"][0]["newer"]), (&json!({"a": null}), &json!("x")));
    let probe = json!({"httpGet": {"port": "http", "path": "/", "newer": 1}, "newer": [2], "periodSeconds": 1, "failureThreshold": 30});
    assert_eq!(container["startupProbe"], probe);
}
