use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &ROLLOUT_CAN_PROCEED;

/// A workload of the release `cg` whose pods have the label `app: cg`; parts of its spec and its pods' are given.
fn workload(of_kind: &str, spec: &str, pod: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: {of_kind}
metadata: {{name: cg}}
spec:
  {spec}
  template:
    metadata: {{labels: {{app: cg}}}}
    spec:
      {pod}
      containers: [{{name: web, image: 'example.com/web:1', PROBE}}]
"
    )
    .replace(", PROBE", "")
}

fn deployment(spec: &str, pod: &str) -> String {
    workload("Deployment", spec, pod)
}

/// A failure would mean that a strategy which Kubernetes refuses is accepted.
#[test]
fn a_strategy_must_let_a_pod_go_or_come() {
    let strategy = |rolling: &str| rendering(&deployment(&format!("strategy: {{rollingUpdate: {rolling}}}"), ""));
    let good = strategy("{maxSurge: 1, maxUnavailable: 0}");
    let bad = strategy("{maxSurge: 0, maxUnavailable: 0}");
    check(CHECK, &bad, Fail, "`strategy.rollingUpdate` of deployment/cg has `maxSurge` 0 and `maxUnavailable` 0");
    check(CHECK, &strategy("{maxSurge: 0%, maxUnavailable: 25%}"), Pass, "");
    let daemon = rendering(&workload("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 0}}", ""));
    check(CHECK, &daemon, Fail, "`updateStrategy.rollingUpdate` of daemonset/cg");
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "no workload");
    examples(&ROLLOUT_CAN_PROCEED, &good, &bad);
}

/// A failure would mean that a drain which never ends is accepted, or one that ends refused.
#[test]
fn a_budget_must_let_a_pod_go_at_the_smallest_size() {
    let budget = |spec: &str, rule: &str| {
        let budget = format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: cg}}\nspec: {{{rule}, selector: {{matchLabels: {{app: cg}}}}}}\n"
        );
        deployment(spec, "") + &budget
    };
    for (spec, rule, expected) in [
        ("replicas: 1", "minAvailable: 1", Fail),
        ("replicas: 2", "minAvailable: 1", Pass),
        ("replicas: 1", "minAvailable: 50%", Fail),
        ("replicas: 2", "minAvailable: 50%", Pass),
        ("replicas: 2", "minAvailable: 51%", Fail),
        ("replicas: 1", "maxUnavailable: 1", Pass),
        ("replicas: 1", "maxUnavailable: 1%", Pass),
        ("replicas: 3", "maxUnavailable: 0", Fail),
        ("replicas: 0", "minAvailable: 1", Pass),
    ] {
        check(CHECK, &rendering(&budget(spec, rule)), expected, "");
    }
    let scaler = |least: u8| {
        format!(
            "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: cg}}\nspec: {{minReplicas: {least}, scaleTargetRef: {{kind: Deployment, name: cg}}}}\n"
        )
    };
    let budget = budget("", "minAvailable: 1");
    let says = "(`minAvailable: 1`) lets no pod of deployment/cg go, which has one pod at the minimum of horizontalpodautoscaler/cg";
    check(CHECK, &rendering(&(budget.clone() + &scaler(1))), Fail, says);
    check(CHECK, &rendering(&(budget + &scaler(2))), Pass, "");
}

/// A failure would mean that a new pod which waits for the old one's volume is accepted.
#[test]
fn a_new_pod_must_not_wait_for_the_volume_of_the_old_one() {
    let claim = |mode: &str| {
        format!("---\nkind: PersistentVolumeClaim\nmetadata: {{name: cg}}\nspec: {{accessModes: [{mode}]}}\n")
    };
    let volume = "volumes: [{name: data, persistentVolumeClaim: {claimName: cg}}]";
    let mounting = |spec: &str, mode: &str| rendering(&(deployment(spec, volume) + &claim(mode)));
    check(CHECK, &mounting("", "ReadWriteOncePod"), Fail, "is ReadWriteOncePod: the new pod waits");
    check(CHECK, &mounting("replicas: 2", "ReadWriteOncePod"), Fail, "one pod alone can start");
    check(CHECK, &mounting("", "ReadWriteOnce"), Advice, "which is ReadWriteOnce");
    check(CHECK, &mounting("", "ReadWriteMany"), Pass, "");
    for spec in ["strategy: {type: Recreate}", "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"] {
        check(CHECK, &mounting(spec, "ReadWriteOnce"), Pass, "");
        check(CHECK, &mounting(spec, "ReadWriteOncePod"), Pass, "");
    }
    let every = workload("DaemonSet", "", volume) + &claim("ReadWriteOnce");
    check(CHECK, &rendering(&every), Advice, "has a pod on each node, and all mount persistentvolumeclaim/cg");
    let recreated = "replicas: 3
  strategy: {type: Recreate}";
    check(CHECK, &mounting(recreated, "ReadWriteOnce"), Advice, "has 3 replicas, and all mount");
    check(CHECK, &mounting(recreated, "ReadWriteMany"), Pass, "");
    let pinned = format!("nodeSelector: {{kubernetes.io/hostname: a}}\n      {volume}");
    check(CHECK, &rendering(&(deployment("", &pinned) + &claim("ReadWriteOnce"))), Pass, "");
    check(CHECK, &rendering(&(workload("StatefulSet", "", volume) + &claim("ReadWriteOnce"))), Pass, "");
}

/// A failure would mean that a webhook which keeps its own pods from starting is accepted.
#[test]
fn a_webhook_must_leave_the_pods_that_answer_it_alone() {
    let webhook = |more: &str| {
        let service = "---\nkind: Service\nmetadata: {name: cg}\nspec: {selector: {app: cg}}\n";
        let rules = "rules: [{apiGroups: [''], resources: [pods], operations: [CREATE]}]";
        let called = "clientConfig: {service: {name: cg, namespace: cg-test}}";
        let webhook = format!(
            "---\napiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {{name: cg}}\nwebhooks: [{{name: pods.example.com, {called}, {rules}{more}}}]\n"
        );
        rendering(&(deployment("", "") + service + &webhook))
    };
    check(
        CHECK,
        &webhook(""),
        Fail,
        "webhook `pods.example.com` of mutatingwebhookconfiguration/cg has `failurePolicy: Fail`",
    );
    for (more, expected) in [
        (", failurePolicy: Ignore", Pass),
        (", objectSelector: {matchLabels: {app: cg}}", Fail),
        (", objectSelector: {matchExpressions: [{key: app, operator: NotIn, values: [cg]}]}", Pass),
        (", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: cg-test}}", Fail),
        (", namespaceSelector: {matchExpressions: [{key: ignored, operator: DoesNotExist}]}", Pass),
        (", matchConditions: [{name: a, expression: 'true'}]", Pass),
    ] {
        check(CHECK, &webhook(more), expected, "");
    }
    let labelled = webhook(", namespaceSelector: {matchLabels: {guarded: 'yes'}}")
        .plan(|plan| plan.namespace_labels = [("guarded".to_owned(), "yes".to_owned())].into());
    check(CHECK, &labelled, Fail, "");
}

/// A failure would mean that pods which wait for their own name in the DNS are accepted.
#[test]
fn readiness_must_not_need_the_name_of_a_pod_that_is_not_ready() {
    let probing = |service: &str, probe: &str| {
        let service =
            format!("---\nkind: Service\nmetadata: {{name: cg-peers}}\nspec: {{selector: {{app: cg}}, {service}}}\n");
        let set = workload("StatefulSet", "serviceName: cg-peers", "").replace("image: 'example.com/web:1'", probe);
        rendering(&(set + &service))
    };
    let lookup = "readinessProbe: {exec: {command: [nslookup, cg-0.cg-peers.cg-test.svc.cluster.local]}}";
    let says = "`readinessProbe` of container `web` of statefulset/cg resolves a name of service/cg-peers, which publishes only ready pods";
    check(CHECK, &probing("clusterIP: None", lookup), Fail, says);
    check(CHECK, &probing("clusterIP: None, publishNotReadyAddresses: true", lookup), Pass, "");
    check(CHECK, &probing("type: ClusterIP", lookup.replace("cg-0.", "").as_str()), Pass, "");
    let env = "env: [{name: PEERS, value: cg-peers}], readinessProbe: {exec: {command: [sh, -c, 'getent hosts \"$(hostname).$PEERS.$NS.svc\"']}}";
    check(CHECK, &probing("clusterIP: None", env), Fail, "");
    let fetch = "readinessProbe: {exec: {command: [curl, 'http://cg-peers:8080/ready']}}";
    check(CHECK, &probing("type: ClusterIP", fetch), Fail, "asks service/cg-peers");
    let local = "readinessProbe: {exec: {command: [curl, 'http://localhost:8080/cg-peers-ready']}}";
    check(CHECK, &probing("clusterIP: None", local), Pass, "");
}

/// A failure would mean that a rollout which needs a node more goes unnoticed, or one that needs none is advised on.
#[test]
fn required_anti_affinity_needs_a_free_node() {
    let apart = |rule: &str| {
        format!(
            "affinity: {{podAntiAffinity: {{{rule}: [{{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: cg}}}}}}]}}}}"
        )
    };
    let required = apart("requiredDuringSchedulingIgnoredDuringExecution");
    let tight = || rendering(&deployment("replicas: 2", &required));
    check(CHECK, &tight(), Advice, "a rollout of deployment/cg needs 3 nodes");
    check(CHECK, &tight().plan(|plan| plan.workers = 3), Pass, "");
    check(CHECK, &rendering(&deployment("replicas: 4", &required)), Pass, "");
    check(CHECK, &rendering(&workload("StatefulSet", "replicas: 2", &required)), Pass, "");
    let preferred = "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}}";
    check(CHECK, &rendering(&deployment("replicas: 2", preferred)), Pass, "");
}
