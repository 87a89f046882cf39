use serde_json::json;

use super::*;

fn replacement() -> Replacement {
    Replacement { image: "stub:1".to_owned(), keeps_resources: false, only: None }
}

fn pod(spec: &Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
}

#[track_caller]
fn replaced(pod: &Value) -> Value {
    replacement().of_pod(pod).expect("the pod is changed")
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
        assert_eq!(slept(&command).as_deref(), seconds, "{command}");
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
    assert!(replacement().of_pod(&once).is_none(), "all is replaced");
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
    let counted = Replacement { keeps_resources: true, ..replacement() }.of_pod(&pod).unwrap();
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
    let changed = only.of_pod(&pod(&spec)).unwrap();
    assert_eq!(changed["spec"]["containers"][0], spec["containers"][0]);
    assert_eq!(changed["spec"]["containers"][1]["image"], "stub:1");
}

/// A failure would mean that the API server waits for a stub to convert objects, or to serve a kind.
#[test]
fn nobody_asks_the_release_to_convert_or_to_serve_kinds() {
    let conversion = json!({"strategy": "Webhook", "webhook": {}});
    let definition = json!({"kind": "CustomResourceDefinition", "spec": {"group": "a", "conversion": conversion}});
    assert_eq!(of_definition(&definition).unwrap()["spec"], json!({"group": "a", "conversion": {"strategy": "None"}}));
    let service = json!({"kind": "APIService", "spec": {"group": "a", "service": {"name": "x"}, "caBundle": "x"}});
    assert_eq!(of_definition(&service).unwrap()["spec"], json!({"group": "a"}));
    assert!(of_definition(&json!({"kind": "APIService", "spec": {"group": "a"}})).is_none());
}
