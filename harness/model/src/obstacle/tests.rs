//! Each kind of obstacle both ways: what never passes, and what looks alike and may.

use serde_json::{Value, json};

use super::*;
use crate::obstacle::image::{Answer, answer, being_pulled, needed_by};

/// A Deployment of the release with one pod, and what surrounds it.
struct Case {
    pod: Value,
    others: Vec<Value>,
    release: Vec<Value>,
    nodes: Vec<Node>,
    has_other_controllers: bool,
}

fn object(of_kind: &str, with_name: &str) -> Value {
    json!({"kind": of_kind, "metadata": {"name": with_name, "uid": format!("{of_kind}-{with_name}")}})
}

fn owned(mut object: Value, of_kind: &str, owner: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"kind": of_kind, "name": owner, "uid": format!("{of_kind}-{owner}"), "controller": true}]);
    object
}

impl Case {
    fn new() -> Self {
        let mut pod = owned(object("Pod", "web-1-a"), "ReplicaSet", "web-1");
        pod["spec"] = json!({"containers": [{"name": "app", "image": "reg/app:1"}]});
        pod["status"] = json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {}}}]});
        let mut set = owned(object("ReplicaSet", "web-1"), "Deployment", "web");
        set["spec"]["replicas"] = json!(1);
        let node = |arch: &str| Node {
            name: "node".to_owned(),
            labels: [("kubernetes.io/arch".to_owned(), arch.to_owned())].into(),
            millicores: 1200,
        };
        Self {
            pod,
            others: vec![set, object("Deployment", "web")],
            release: vec![object("Deployment", "web")],
            nodes: vec![node("amd64")],
            has_other_controllers: false,
        }
    }

    fn waits(mut self, reason: &str, message: &str) -> Self {
        let waiting = json!({"reason": reason, "message": message});
        self.pod["status"]["containerStatuses"][0]["state"]["waiting"] = waiting;
        self
    }

    fn container(mut self, key: &str, value: Value) -> Self {
        self.pod["spec"]["containers"][0][key] = value;
        self
    }

    fn spec(mut self, key: &str, value: Value) -> Self {
        self.pod["spec"][key] = value;
        self
    }

    fn unscheduled(mut self, message: &str) -> Self {
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
        self.pod["status"] = json!({"phase": "Pending", "conditions": [condition]});
        self
    }

    fn event(mut self, about: &str, reason: &str, message: &str, count: u64) -> Self {
        let mut event = object("Event", &format!("event-{}", self.others.len()));
        event["involvedObject"] = json!({"uid": about});
        (event["reason"], event["message"], event["count"]) = (json!(reason), json!(message), json!(count));
        self.others.push(event);
        self
    }

    fn with(mut self, other: Value) -> Self {
        self.others.push(other);
        self
    }

    fn releasing(mut self, made: Value) -> Self {
        self.release.push(made);
        self
    }

    fn without_pod(mut self) -> Self {
        self.pod = object("Event", "nothing");
        self
    }

    fn objects(&self) -> Vec<Object> {
        self.others.iter().chain([&self.pod]).cloned().map(Object::from).collect()
    }

    fn found(&self) -> Vec<Obstacle> {
        let objects = self.objects();
        let release: Vec<Object> = self.release.iter().cloned().map(Object::from).collect();
        let (objects, release): (Vec<&Object>, Vec<&Object>) = (objects.iter().collect(), release.iter().collect());
        let (nodes, has_other_controllers) = (&self.nodes, self.has_other_controllers);
        obstacles(&Scene { objects: &objects, release: &release, nodes, has_other_controllers })
    }

    #[track_caller]
    fn is(&self, outlook: Outlook, blame: Blame, says: &str) {
        let found = self.found();
        let [obstacle] = &found[..] else { panic!("not one obstacle: {found:#?}") };
        assert_eq!((obstacle.outlook, obstacle.blame), (outlook, blame), "{obstacle:#?}");
        assert!(obstacle.why.contains(says), "`{says}` is not in: {}", obstacle.why);
    }
}

use Blame::{Chart, Machine};
use Outlook::{Certain, MayPass};

const POD: &str = "Pod-web-1-a";
const SET: &str = "ReplicaSet-web-1";

#[test]
fn an_image_that_its_registry_does_not_have_never_comes() {
    let said = "failed to pull and unpack image \"reg/app:1\": failed to resolve reference \"reg/app:1\": reg/app:1: not found";
    let says = "image `reg/app:1` does not exist, its registry answers (`reg/app:1: not found`): \
                container `app` of pod/web-1-a of deployment/web";
    Case::new().waits("ErrImagePull", said).is(Certain, Chart, says);
    let back_off = format!("Back-off pulling image \"reg/app:1\": ErrImagePull: {said}");
    Case::new().waits("ImagePullBackOff", &back_off).is(Certain, Chart, says);
    Case::new().waits("InvalidImageName", "invalid reference format").is(Certain, Chart, "is no reference of an image");
    let limited = "failed to copy: httpReadSeeker: 429 Too Many Requests - toomanyrequests: rate limit";
    Case::new().waits("ErrImagePull", limited).is(MayPass, Chart, "could not be pulled yet");
}

#[test]
fn a_registry_that_does_not_answer_is_the_machines_after_some_attempts() {
    let said = "failed to do request: Head \"https://reg/v2/app/manifests/1\": dial tcp: lookup reg: no such host";
    let case = |count| {
        let failed = format!("Failed to pull image \"reg/app:1\": {said}");
        Case::new().waits("ImagePullBackOff", said).event(POD, "Failed", &failed, count)
    };
    case(2).is(MayPass, Machine, "no registry answers (`dial tcp: lookup reg: no such host`)");
    case(3).is(Certain, Machine, "no registry answers");
    Case::new().waits("ErrImagePull", "401 Unauthorized").is(Certain, Machine, "is not given to this machine");
}

#[test]
fn what_registries_say_is_told_apart() {
    for (said, expected) in [
        ("manifest unknown: manifest unknown", Answer::Absent),
        ("rpc error: code = NotFound desc = failed to pull", Answer::Absent),
        ("pull access denied, repository does not exist or may require authorization: denied", Answer::Absent),
        ("failed to authorize: failed to fetch anonymous token: 403 Forbidden", Answer::Denied),
        ("dial tcp 10.0.0.1:443: connect: connection refused", Answer::Silent),
        ("Get \"https://reg/v2/\": net/http: TLS handshake timeout", Answer::Silent),
        ("unexpected status from HEAD request to https://reg/v2/: 503 Service Unavailable", Answer::Other),
    ] {
        assert_eq!(answer(said), expected, "{said}");
    }
}

/// A back-off is how Kubernetes waits for what is not there yet.
#[test]
fn a_crash_and_a_slow_start_may_pass() {
    for reason in ["CrashLoopBackOff", "ContainerCreating", "PodInitializing", "CreateContainerError"] {
        assert_eq!(Case::new().waits(reason, "back-off 5m0s restarting failed container").found(), [], "{reason}");
    }
}

fn needing_secret() -> Case {
    let from = json!([{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]);
    Case::new().waits("CreateContainerConfigError", "secret \"db\" not found").container("env", from)
}

#[test]
fn a_secret_that_nothing_makes_never_comes() {
    let says = "secret/db does not exist, and nothing in the release makes it: container `app` of pod/web-1-a of deployment/web";
    needing_secret().is(Certain, Chart, says);
    let mut other = object("Secret", "db");
    other["data"]["user"] = json!("eA==");
    needing_secret().with(other).is(Certain, Chart, "secret/db has no key `password`");
    let volumes = json!([{"name": "v", "configMap": {"name": "settings"}}]);
    let unmounted = || Case::new().waits("ContainerCreating", "").spec("volumes", volumes.clone());
    unmounted().event(POD, "FailedMount", "configmap \"settings\" not found", 2).is(
        Certain,
        Chart,
        "configmap/settings",
    );
    assert_eq!(unmounted().found(), [], "the kubelet has not looked yet");
}

#[test]
fn a_secret_that_somebody_may_make_is_waited_for() {
    let role = |verbs: Value| {
        let mut role = object("Role", "maker");
        role["rules"] = json!([{"resources": ["secrets"], "verbs": verbs}]);
        role
    };
    let binding = |role: &str| {
        let mut binding = object("RoleBinding", "maker");
        binding["roleRef"] = json!({"kind": "ClusterRole", "name": role});
        binding
    };
    let mut custom = object("ExternalSecret", "any");
    custom["apiVersion"] = json!("external-secrets.io/v1");
    for made in [object("Secret", "db"), role(json!(["create"])), binding("edit"), custom] {
        needing_secret().releasing(made).is(MayPass, Chart, "secret/db does not exist: container");
    }
    for made in [object("Secret", "other"), role(json!(["get"])), binding("view")] {
        needing_secret().releasing(made).is(Certain, Chart, "secret/db");
    }
    // The release's own Secret is there already, without the key: helm adds none.
    let mut without_key = object("Secret", "db");
    without_key["stringData"]["user"] = json!("x");
    let lacking = needing_secret().with(without_key.clone()).releasing(without_key);
    lacking.is(Certain, Chart, "secret/db has no key `password`, and nothing in the release makes it: container");
    Case { has_other_controllers: true, ..needing_secret() }.is(MayPass, Chart, "secret/db");
    let mut optional = needing_secret();
    optional.pod["spec"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"]["optional"] = json!(true);
    assert_eq!(optional.found(), []);
}

#[test]
fn a_user_that_the_kubelet_refuses_never_runs() {
    let said = "container has runAsNonRoot and image will run as root (pod: \"web-1-a_ns(1)\", container: app)";
    Case::new().waits("CreateContainerConfigError", said).is(Certain, Chart, "image will run as root");
    assert_eq!(Case::new().waits("CreateContainerConfigError", "failed to sync configmap cache").found(), []);
}

#[test]
fn a_pod_that_the_api_server_refuses_is_never_created() {
    let refused = |said: &str, count| Case::new().without_pod().event(SET, "FailedCreate", said, count);
    for said in [
        "Error creating: pods \"web-1-\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
        "Error creating: pods \"web-1-\" is forbidden: exceeded quota: q, requested: requests.cpu=2,pods=1, used: requests.cpu=0,pods=0, limited: requests.cpu=1,pods=9",
        "Error creating: pods \"web-1-\" is forbidden: failed quota: q: must specify limits.cpu for: app",
        "Error creating: pods \"web-1-\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
        "Error creating: pods \"web-1-\" is forbidden: error looking up service account ns/own: serviceaccount \"own\" not found",
    ] {
        refused(said, 1).is(
            Certain,
            Chart,
            "replicaset/web-1 of deployment/web may not create its pods: pods \"web-1-\" is forbidden",
        );
    }
    refused("Error creating: admission webhook \"w\" denied the request: no", 9).is(
        Certain,
        Chart,
        "denied the request",
    );
}

#[test]
fn a_refusal_that_may_end_is_waited_for() {
    let refused = |said: &str, count| Case::new().without_pod().event(SET, "FailedCreate", said, count);
    let full = "Error creating: pods \"web-1-\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2";
    let starting = "Error creating: Internal error occurred: failed calling webhook \"w\": connect: connection refused";
    let account = "Error creating: pods \"web-1-\" is forbidden: error looking up service account ns/own: serviceaccount \"own\" not found";
    refused(full, 9).is(MayPass, Chart, "exceeded quota");
    refused(starting, 9).is(MayPass, Chart, "failed calling webhook");
    refused(account, 9).releasing(object("ServiceAccount", "own")).is(MayPass, Chart, "service account");
    let over = Case::new().event(SET, "FailedCreate", full, 9);
    assert_eq!(over.found(), [], "the pod is there by now");
}

#[test]
fn a_node_that_is_not_there_never_comes_to_a_cluster_of_ours() {
    let said = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
    let picky = |selector: Value| Case::new().unscheduled(said).spec("nodeSelector", selector);
    picky(json!({"disk": "ssd"})).is(Certain, Chart, "no node has what pod/web-1-a of deployment/web asks of one");
    picky(json!({"kubernetes.io/arch": "arm64"})).is(Certain, Machine, "kubernetes.io/arch");
    picky(json!({"kubernetes.io/arch": "amd64"})).is(MayPass, Chart, "is not scheduled");
    Case { has_other_controllers: true, ..picky(json!({"disk": "ssd"})) }.is(MayPass, Chart, "no node has");
    Case { nodes: Vec::new(), ..picky(json!({"disk": "ssd"})) }.is(MayPass, Chart, "is not scheduled");
    let affinity = |operator: &str| {
        let term = json!({"matchExpressions": [{"key": "gpu", "operator": operator}]});
        let required = json!({"nodeSelectorTerms": [term]});
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}});
        Case::new().unscheduled(said).spec("affinity", affinity)
    };
    affinity("Exists").is(Certain, Chart, "nodeAffinity");
    affinity("DoesNotExist").is(MayPass, Chart, "is not scheduled");
}

#[test]
fn a_pod_that_is_larger_than_the_node_is_the_machines() {
    let said = "0/1 nodes are available: 1 Insufficient cpu.";
    let asking = |cpu: &str| Case::new().unscheduled(said).container("resources", json!({"requests": {"cpu": cpu}}));
    asking("2").is(Certain, Machine, "it requests 2000m CPU and 1200m are free on the largest");
    asking("1").is(MayPass, Machine, "it requests 1000m CPU");
}

#[test]
fn a_claim_that_nothing_makes_keeps_its_pod_from_every_node() {
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
    let case = || Case::new().unscheduled("persistentvolumeclaim \"data\" not found").spec("volumes", volumes.clone());
    case().is(Certain, Chart, "persistentvolumeclaim/data does not exist");
    case().with(object("PersistentVolumeClaim", "data")).is(MayPass, Chart, "is not scheduled");
}

/// What an old pod holds (a quota, a port, a volume, a share of the node) may become free.
#[test]
fn nothing_is_certain_while_an_old_pod_is_ending() {
    let mut old = object("Pod", "web-0-a");
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    needing_secret().with(old).is(MayPass, Chart, "secret/db");
}

/// Nobody waits for the pods of a `CronJob` or of an operator.
#[test]
fn only_the_releases_own_workloads_count() {
    let mut foreign = needing_secret();
    foreign.release = vec![object("CronJob", "web")];
    assert_eq!(foreign.found(), []);
    let mut ended = needing_secret();
    ended.pod["status"]["phase"] = json!("Failed");
    assert_eq!(ended.found(), []);
}

/// A failure would mean that a person who waits for a large image sees nothing for minutes.
#[test]
fn an_image_is_being_pulled_until_its_event_says_that_it_was() {
    let pulled = |case: &Case| {
        let objects = case.objects();
        being_pulled(&objects.iter().collect::<Vec<_>>())
    };
    let pulling = Case::new().waits("ContainerCreating", "").event(POD, "Pulling", "Pulling image \"reg/app:1\"", 1);
    assert_eq!(pulled(&pulling), ["reg/app:1"]);
    let done = pulling.event(POD, "Pulled", "Successfully pulled image \"reg/app:1\" in 3s", 1);
    assert!(pulled(&done).is_empty());
}

/// A failure would mean that a run does not begin for want of an image that no pod runs.
#[test]
fn only_what_runs_for_certain_needs_its_image() {
    let workload = |of_kind: &str, replicas: u64| {
        let template = json!({"spec": {"containers": [{"image": "reg/app:1"}]}});
        Object::from(json!({"kind": of_kind, "spec": {"replicas": replicas, "template": template}}))
    };
    assert_eq!(needed_by(&workload("Deployment", 1)), ["reg/app:1"]);
    assert!(needed_by(&workload("Deployment", 0)).is_empty());
    assert!(needed_by(&json!({"kind": "CronJob"}).into()).is_empty());
}
